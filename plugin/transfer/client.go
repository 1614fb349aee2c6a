// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"fmt"
	"maps"
	"slices"
	"sync"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/discover"
	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
)

// WithExtendedIndexes lets a Go program's client.Pull or client.Fetch take images from extended indexes. It goes behind
// containerd.WithResolver, containerd.WithImageHandlerWrapper and containerd.WithChildLabelMap, which would replace parts of it.
// Where the selected manifest becomes the image's target, nothing of other platforms is fetched, with all metadata either.
// Where the policy requires something and containerd would come to another image from an index that has to stay the target, the pull is refused.
// Platforms are those of containerd.WithPlatform, before or behind; a matcher of the program's own cannot be seen through and is an error.
func WithExtendedIndexes(p policy.Policy) containerd.RemoteOpt {
	return func(client *containerd.Client, remote *containerd.RemoteContext) error {
		if remote.PlatformMatcher != nil {
			return fmt.Errorf("extended indexes need the platforms by name, a platform matcher was set (use WithPlatform): %w", errdefs.ErrInvalidArgument)
		}
		if remote.Resolver == nil {
			return fmt.Errorf("extended indexes need a resolver to read from, none was set: %w", errdefs.ErrInvalidArgument)
		}
		resolving := &resolver{Resolver: remote.Resolver, client: client, remote: remote, policy: p}
		remote.Resolver = resolving
		remote.HandlerWrapper = resolving.wrap(remote.HandlerWrapper)
		remote.ChildLabelMap = withoutReserved(remote)
		return nil
	}
}

// resolver answers with what a pull is to take, where containerd's answers with the root. It belongs to one pull.
type resolver struct {
	remotes.Resolver
	client *containerd.Client
	remote *containerd.RemoteContext
	policy policy.Policy
	chosen *selection
	others sync.Map // digests of followed images of other platforms
}

// SetOptions passes a pull's settings on, if the resolver underneath takes any.
func (r *resolver) SetOptions(options ...transfer.ImageResolverOption) {
	if inner, ok := r.Resolver.(remotes.ResolverWithOptions); ok {
		inner.SetOptions(options...)
	}
}

// Fetcher is one that asks the registry alone.
func (r *resolver) Fetcher(ctx context.Context, ref string) (remotes.Fetcher, error) {
	fetcher, err := r.Resolver.Fetcher(ctx, ref)
	if err != nil {
		return nil, err
	}
	return onlyRegistry{fetcher}, nil
}

// Resolve makes the selection and returns the image's target.
func (r *resolver) Resolve(ctx context.Context, ref string) (string, ocispec.Descriptor, error) {
	name, root, err := r.Resolver.Resolve(ctx, ref)
	if err != nil {
		return name, root, err
	}
	if r.policy, err = r.policy.For(name); err != nil {
		return name, root, err
	}
	requested, err := r.platforms()
	if err != nil {
		return name, root, err
	}
	fetcher, err := r.Fetcher(ctx, name)
	if err != nil {
		return name, root, err
	}
	from := discover.Origin{Name: name, Fetcher: fetcher, Repository: func() (*discover.Repository, error) { return discover.UnboundedRepository(r.Resolver), nil }}
	options := native.RequestOptions{Match: native.Compatible, Platforms: requested, OtherPlatforms: r.remote.AllMetadata}
	documents := &documents{store: r.client.ContentStore(), fetcher: fetcher}
	if root, err = documents.identifyBounded(ctx, root); err != nil {
		return name, root, err
	}
	if native.MediaTypeKind(root.MediaType) != native.KindIndex {
		return name, root, r.resolveAlone(ctx, root, from, options)
	}
	target, err := r.choose(ctx, root, from, options)
	return name, target, err
}

// resolveAlone is for a root that is no index: it stays the target.
func (r *resolver) resolveAlone(ctx context.Context, root ocispec.Descriptor, from discover.Origin, options native.RequestOptions) error {
	alone, err := attachedAlone(ctx, options, from, root, r.policy)
	if err != nil {
		return err
	}
	kept := imagelabels.Kept{Root: root.Digest, Optional: true}
	if alone != nil {
		if kept, err = alone.keep(ctx, r.client.ContentStore()); err != nil {
			return err
		}
		alone.report(ctx, from.Name, kept)
	}
	return r.label(ctx, from.Name, kept)
}

// label has the image's record keep what it is to keep, besides what it keeps already.
func (r *resolver) label(ctx context.Context, name string, kept imagelabels.Kept) error {
	before, err := r.client.ImageService().Get(ctx, name)
	if err != nil && !errdefs.IsNotFound(err) {
		return err
	}
	r.remote.Labels = imagelabels.Merge(r.remote.Labels, before.Labels, kept)
	return nil
}

func (r *resolver) choose(ctx context.Context, root ocispec.Descriptor, from discover.Origin, options native.RequestOptions) (ocispec.Descriptor, error) {
	store := r.client.ContentStore()
	chosen, err := choose(ctx, store, from, root, options, r.policy)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if err := r.checkMatcher(chosen); err != nil {
		return ocispec.Descriptor{}, err
	}
	defer chosen.read.forget()
	settled, err := chosen.settle(ctx, store)
	if err != nil {
		return ocispec.Descriptor{}, err
	}
	if err := chosen.keepIndexes(ctx, store, settled.target.Digest == root.Digest, settled.completed); err != nil {
		return ocispec.Descriptor{}, err
	}
	if err := r.label(ctx, from.Name, settled.kept); err != nil {
		return ocispec.Descriptor{}, err
	}
	r.chosen = chosen
	chosen.report(ctx, from.Name, settled)
	return settled.target, nil
}

// platforms are the requested ones, read only now: options may still have come after ours.
func (r *resolver) platforms() ([]ocispec.Platform, error) {
	if len(r.remote.Platforms) > 0 {
		return platforms.ParseAll(r.remote.Platforms)
	}
	if r.remote.PlatformMatcher == platforms.All {
		// client.Fetch without a platform takes all of them.
		return nil, nil
	}
	return []ocispec.Platform{platforms.DefaultSpec()}, nil
}

// checkMatcher holds the selection against the matcher by which the client filters: of an image that it does not let through
// nothing would arrive.
func (r *resolver) checkMatcher(chosen *selection) error {
	if r.remote.PlatformMatcher == nil {
		return nil
	}
	for _, selected := range chosen.result.Selections {
		if platform := selected.Manifest.Platform; platform != nil && !r.remote.PlatformMatcher.Match(*platform) {
			return fmt.Errorf("index %s: selected %s for %s, which this client's platform matcher does not let through (use WithPlatform): %w",
				chosen.root.Digest, selected.Manifest.Digest, platforms.FormatAll(*platform), errdefs.ErrInvalidArgument)
		}
	}
	return nil
}

// wrap puts the selection's path in place of what containerd's handlers let through of an index, where the index stays the
// target.
func (r *resolver) wrap(outer func(images.Handler) images.Handler) func(images.Handler) images.Handler {
	return func(handler images.Handler) images.Handler {
		handler = stayingAtRegistry(handler)
		if outer != nil {
			handler = outer(handler)
		}
		return images.HandlerFunc(func(ctx context.Context, desc ocispec.Descriptor) ([]ocispec.Descriptor, error) {
			children, err := handler.Handle(ctx, desc)
			if err != nil || r.chosen == nil {
				return children, err
			}
			if index, decided := r.chosen.indexes[desc.Digest]; decided {
				return r.follow(ctx, desc, index, children)
			}
			if _, other := r.others.Load(desc.Digest); other {
				return r.onlyConfig(ctx, desc, children)
			}
			return children, nil
		})
	}
}

// follow gives the followed entries of an index, and what a provider of referrers has added: no index lists that.
func (r *resolver) follow(ctx context.Context, desc ocispec.Descriptor, index followed, children []ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	entries, err := InTurn(ctx, desc, func() ([]ocispec.Descriptor, error) { return images.Children(ctx, r.client.ContentStore(), desc) })
	if err != nil {
		return nil, err
	}
	picked, err := index.pick(desc.Digest, plain(slices.Clone(entries)))
	if err != nil {
		return nil, err
	}
	for _, other := range index.others(picked) {
		r.others.Store(other, true)
	}
	for _, child := range children {
		if !slices.ContainsFunc(entries, func(entry ocispec.Descriptor) bool { return entry.Digest == child.Digest }) {
			picked = append(picked, child)
		}
	}
	return picked, nil
}

// onlyConfig leaves of an image of another platform its config. containerd's own filter would let the layers through of one that
// the host could run, too, though not as well as what was selected.
func (r *resolver) onlyConfig(ctx context.Context, desc ocispec.Descriptor, children []ocispec.Descriptor) ([]ocispec.Descriptor, error) {
	raw, err := content.ReadBlob(ctx, r.client.ContentStore(), desc)
	if err != nil {
		return nil, err
	}
	manifest, err := native.ReadManifest(desc.Digest.String(), raw)
	if err != nil {
		return nil, err
	}
	return slices.DeleteFunc(children, func(child ocispec.Descriptor) bool { return child.Digest != manifest.Config.Digest }), nil
}

// withoutReserved hides from what makes labels which annotations of a registry belong to containerd.
func withoutReserved(remote *containerd.RemoteContext) func(ocispec.Descriptor) []string {
	labelMap := remote.ChildLabelMap
	if labelMap == nil {
		labelMap = images.ChildGCLabels
	}
	return func(desc ocispec.Descriptor) []string {
		subject, named := desc.Annotations[images.AnnotationManifestSubject]
		desc.Annotations = maps.Clone(desc.Annotations)
		unlabel([]ocispec.Descriptor{desc})
		if named && remote.ReferrersProvider != nil {
			// Then containerd itself writes that one.
			desc.Annotations[images.AnnotationManifestSubject] = subject
		}
		return labelMap(desc)
	}
}
