// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
)

const (
	// knownLimit is how long CRI may take to learn of a pulled image: it handles events one after the other.
	knownLimit = time.Minute
	// Pauses between requests to CRI grow from the first to the last.
	firstPause, lastPause = time.Millisecond, 200 * time.Millisecond
)

// namesOf returns the further names under which CRI keeps a pulled image: its ID, and the names by tag and by digest
// (GetRepoDigestAndTag in internal/cri/util).
func namesOf(pulled reference.Named, id string, target digest.Digest) []string {
	names := []string{id}
	if _, ok := pulled.(reference.NamedTagged); ok {
		names = append(names, pulled.String())
	}
	if _, ok := pulled.(reference.Canonical); ok {
		return append(names, pulled.String())
	}
	return append(names, pulled.Name()+"@"+target.String())
}

// indexName is the name that the pull has given to the index of an image; empty if there is none.
func indexName(pulled reference.Named, image images.Image) string {
	root, ok := imagelabels.Root(image.Labels)
	if !ok || root == image.Target.Digest {
		return ""
	}
	return pulled.Name() + "@" + root.String()
}

// record creates or updates one image record as CRI does (createOrUpdateImageReference): labels of other clients stay.
func record(ctx context.Context, store images.Store, name string, target ocispec.Descriptor, labels map[string]string) error {
	image := images.Image{Name: name, Target: target, Labels: labels}
	_, err := store.Create(ctx, image)
	if !errdefs.IsAlreadyExists(err) {
		return err
	}
	old, err := store.Get(ctx, name)
	if err != nil {
		return err
	}
	paths := []string{"target"}
	if old.Labels[imagelabels.ManagedLabel] != labels[imagelabels.ManagedLabel] {
		paths = append(paths, "labels."+imagelabels.ManagedLabel)
	}
	if labels[imagelabels.PinnedLabel] == imagelabels.PinnedValue && old.Labels[imagelabels.PinnedLabel] != imagelabels.PinnedValue {
		paths = append(paths, "labels."+imagelabels.PinnedLabel)
	}
	if old.Target.Digest == target.Digest && len(paths) == 1 {
		return nil
	}
	_, err = store.Update(ctx, image, paths...)
	return err
}

// known waits until CRI returns the image for each of its names. CRI learns of records by events; a pod that starts before that
// would not find its image.
func (n *node) known(ctx context.Context, names []string, id string, target digest.Digest) error {
	ctx, cancel := context.WithTimeoutCause(ctx, knownLimit, fmt.Errorf("not within %s: %w", knownLimit, context.DeadlineExceeded))
	defer cancel()
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		var missing error
		names = slices.DeleteFunc(names, func(name string) bool {
			err := n.knows(ctx, name, id, target)
			if err != nil {
				missing = err
			}
			return err == nil
		})
		if missing == nil || errors.As(missing, new(removed)) {
			return missing
		}
		select {
		case <-time.After(pause):
		case <-ctx.Done():
			return fmt.Errorf("%w: %w", missing, context.Cause(ctx))
		}
	}
}

// removed ends the wait for a record that another client has removed meanwhile.
type removed struct{ error }

func (r removed) Unwrap() error { return r.error }

// knows returns nil if CRI returns the image for a name, or no longer has to because another pull has moved the name and waits
// for that itself.
func (n *node) knows(ctx context.Context, name, id string, target digest.Digest) error {
	status, err := n.images.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
	if err != nil {
		return fmt.Errorf("status of the pulled image %s: %w", name, errgrpc.ToNative(err))
	}
	if status.GetImage().GetId() == id {
		return nil
	}
	image, err := n.client.ImageService().Get(ctx, name)
	if errdefs.IsNotFound(err) {
		return removed{fmt.Errorf("the pulled image was removed at once: %w", err)}
	}
	if err != nil {
		return fmt.Errorf("record of the pulled image %s: %w", name, err)
	}
	if image.Target.Digest != target {
		return nil
	}
	return fmt.Errorf("containerd's runtime interface does not know %s as %s", name, id)
}
