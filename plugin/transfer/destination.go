// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"strings"

	transfertypes "github.com/containerd/containerd/api/types/transfer"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
)

// storeOptions are what a client asked of the image store.
type storeOptions struct {
	name          string
	labels        map[string]string
	platforms     []ocispec.Platform
	allMetadata   bool
	manifestLimit int
}

// readOptions reads them through the store's wire form: it has no other way to tell all of them.
func readOptions(ctx context.Context, store *image.Store) (storeOptions, error) {
	wire, err := store.MarshalAny(ctx, nil)
	if err != nil {
		return storeOptions{}, err
	}
	var told transfertypes.ImageStore
	if err := typeurl.UnmarshalTo(wire, &told); err != nil {
		return storeOptions{}, err
	}
	return storeOptions{
		name:          told.Name,
		labels:        told.Labels,
		platforms:     store.Platforms(),
		allMetadata:   told.AllMetadata,
		manifestLimit: int(told.ManifestLimit),
	}, nil
}

// imageStore has another name so that it can be embedded beside a method Store.
type imageStore = image.Store

// destination is an image store that takes the selected path of an index.
type destination struct {
	*imageStore
	pull *pull
}

// captured is where the entries of an index are put while containerd's own filter runs over them.
type captured struct{ entries []ocispec.Descriptor }

type capturedKey struct{}

// ImageFilter runs containerd's filter, for the labels that it sets, and replaces what it lets through for indexes that were
// decided on. All else, manifests too, passes as containerd has it.
func (d *destination) ImageFilter(handler images.HandlerFunc, store content.Store) images.HandlerFunc {
	capturing := func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		children, err := handler(ctx, desc)
		if capture, ok := ctx.Value(capturedKey{}).(*captured); ok && err == nil {
			children = plain(children)
			// containerd's filter sorts in place.
			capture.entries = slices.Clone(children)
		} else if err == nil {
			unlabel(children)
			stayAtRegistry(children)
		}
		return children, err
	}
	filter := d.imageStore.ImageFilter(capturing, labelling{store, func(index digest.Digest, entries []ocispec.Descriptor) map[digest.Digest]bool {
		return d.pull.chosen.keeps(index, entries)
	}})
	return func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
		if d.pull.isMistyped(desc) {
			// Then containerd goes through it as what it is.
			return []ocispec.Descriptor{d.pull.root}, nil
		}
		if d.pull.chosen == nil {
			return filter(ctx, desc)
		}
		index, decided := d.pull.chosen.indexes[desc.Digest]
		if !decided {
			return filter(ctx, desc)
		}
		return InTurn(ctx, desc, func() ([]ocispec.Descriptor, error) { return d.pick(ctx, desc, filter, index) })
	}
}

// pick runs containerd's filter over an index, and takes from it what was decided.
func (d *destination) pick(ctx context.Context, desc ocispec.Descriptor, filter images.HandlerFunc, index followed) ([]ocispec.Descriptor, error) {
	var capture captured
	_, err := filter(context.WithValue(ctx, capturedKey{}, &capture), desc)
	// With a limit on manifests the filter may find none where the walk found one.
	if err != nil && (d.pull.options.manifestLimit == 0 || capture.entries == nil || !errdefs.IsNotFound(err)) {
		return nil, err
	}
	d.pull.chosen.read.keep(desc.Digest, desc.Size, capture.entries)
	return index.pick(desc.Digest, capture.entries)
}

// plain takes from an index's entries what a registry has no business to say: annotations that containerd and its runtime
// interface read as instructions, embedded content, and addresses outside the registry.
func plain(entries []ocispec.Descriptor) []ocispec.Descriptor {
	for i := range entries {
		entries[i].Data = nil
	}
	unlabel(entries)
	stayAtRegistry(entries)
	return entries
}

// unlabel takes away annotations whose keys belong to containerd. Those for snapshots stay: they are part of how images for lazy
// snapshotters are made (eStargz), and the snapshotter judges them.
func unlabel(descriptors []ocispec.Descriptor) {
	for i := range descriptors {
		maps.DeleteFunc(descriptors[i].Annotations, func(key, _ string) bool {
			return !strings.HasPrefix(key, "containerd.io/snapshot/") && slices.ContainsFunc(
				[]string{"containerd.io/", "io.containerd.", "io.cri-containerd"}, func(owner string) bool { return strings.HasPrefix(key, owner) })
		})
	}
}

// Store fetches the references that the policy wants and writes the image records.
func (d *destination) Store(ctx context.Context, root ocispec.Descriptor, store images.Store) ([]images.Image, error) {
	chosen := d.pull.chosen
	if chosen == nil {
		return d.storeAlone(ctx, root, store)
	}
	settled, err := chosen.settle(ctx, d.pull.store)
	if err != nil {
		return nil, err
	}
	if err := chosen.keepIndexes(ctx, d.pull.store, true, settled.completed); err != nil {
		return nil, err
	}
	keeping := &imagelabels.Store{Store: store, Kept: settled.kept}
	stored, err := d.imageStore.Store(ctx, settled.target, keeping)
	if err != nil {
		return nil, err
	}
	if err := d.storeRootName(ctx, keeping, chosen.root, settled.target); err != nil {
		return nil, err
	}
	fetched := settled.kept.Fetched
	d.pull.fetched, d.pull.avoided = len(fetched), chosen.avoided(ctx, d.pull.store, slices.Concat(fetched, settled.completed))
	chosen.report(ctx, d.pull.reference, settled)
	return stored, nil
}

// storeAlone writes the records of a single manifest, as containerd does. They keep what was found attached to it, now or before.
func (d *destination) storeAlone(ctx context.Context, root ocispec.Descriptor, store images.Store) ([]images.Image, error) {
	if d.pull.isMistyped(root) {
		root.MediaType = d.pull.root.MediaType
	}
	kept := imagelabels.Kept{Root: root.Digest, Optional: true}
	if alone := d.pull.alone; alone != nil {
		var err error
		if kept, err = alone.keep(ctx, d.pull.store); err != nil {
			return nil, err
		}
		alone.report(ctx, d.pull.reference, kept)
	}
	keeping := &imagelabels.Store{Store: store, Kept: kept}
	stored, err := d.imageStore.Store(ctx, root, keeping)
	if err != nil {
		return nil, err
	}
	return stored, d.storeRootName(ctx, keeping, root, root)
}

// isCRI tells whether a pull is one of the Kubernetes runtime interface, or of its namespace.
func isCRI(ctx context.Context) bool {
	namespace, ok := namespaces.Namespace(ctx)
	return ok && namespace == imagelabels.CRINamespace
}

// storeRootName gives the Kubernetes runtime interface the name by which a pod may ask for what was pulled. It makes such names itself,
// but only for an image's target, which may be the manifest; and with nothing that keeps what is attached when the tag has moved.
// The index's is the first that CRI tells a pod.
func (d *destination) storeRootName(ctx context.Context, store *imagelabels.Store, root, target ocispec.Descriptor) error {
	attached := len(store.Kept.Fetched) > 0 || store.Kept.Found != ""
	if !isCRI(ctx) || target.Digest == root.Digest && !attached {
		return nil
	}
	named, err := reference.ParseDockerRef(d.pull.options.name)
	if err != nil {
		// Not a name that a pod could have: nothing to add.
		return nil
	}
	names := []reference.Named{reference.TrimNamed(named)}
	if _, tagged := named.(reference.NamedTagged); tagged && root.Digest > target.Digest {
		// CRI names the image by its manifest, too, and tells a pod that it runs the first name with a digest: in the order of the
		// texts, but one with a tag comes first. Made first: who waits until CRI knows the other name waits for both.
		names = append([]reference.Named{named}, names...)
	}
	labels := maps.Clone(d.pull.options.labels)
	if labels == nil {
		labels = map[string]string{}
	}
	labels[imagelabels.ManagedLabel] = imagelabels.ManagedValue
	for _, one := range names {
		byDigest, err := reference.WithDigest(one, root.Digest)
		if err != nil {
			return fmt.Errorf("name of %s: %w: %w", root.Digest, err, errdefs.ErrInvalidArgument)
		}
		if _, err := store.Put(ctx, images.Image{Name: byDigest.String(), Target: target, Labels: labels}); err != nil {
			return err
		}
	}
	return nil
}
