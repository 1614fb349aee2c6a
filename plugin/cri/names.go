// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/plugin/records"
)

// Labels by which CRI knows the records that are its own (internal/cri/labels).
const (
	managedLabel = "io.cri-containerd.image"
	managedValue = "managed"
	pinnedLabel  = "io.cri-containerd.pinned"
	pinnedValue  = "pinned"
)

const (
	// knownLimit is how long CRI may take until it knows what was pulled: it handles events one after the other.
	knownLimit = time.Minute
	// Pauses between questions to it grow from the first to the last.
	firstPause, lastPause = time.Millisecond, 200 * time.Millisecond
)

// namesOf are the names besides the pulled one under which CRI keeps an image: its id, and by tag and digest (GetRepoDigestAndTag
// in internal/cri/util).
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

// indexName is the name that the pull has given an image for the index that it comes from; empty if it has none.
func indexName(pulled reference.Named, image images.Image) string {
	root, ok := records.Root(image.Labels)
	if !ok || root == image.Target.Digest {
		return ""
	}
	return pulled.Name() + "@" + root.String()
}

// record makes or changes one image record as CRI does (createOrUpdateImageReference): labels of others stay.
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
	if old.Labels[managedLabel] != labels[managedLabel] {
		paths = append(paths, "labels."+managedLabel)
	}
	if labels[pinnedLabel] == pinnedValue && old.Labels[pinnedLabel] != pinnedValue {
		paths = append(paths, "labels."+pinnedLabel)
	}
	if old.Target.Digest == target.Digest && len(paths) == 1 {
		return nil
	}
	_, err = store.Update(ctx, image, paths...)
	return err
}

// known waits until CRI answers with the image to each of its names. It learns of records by events; a pod that starts before it
// has would not find its image.
func (n *node) known(ctx context.Context, upstream cri.ImageServiceClient, names []string, id string, target digest.Digest) error {
	ctx, cancel := context.WithTimeoutCause(ctx, knownLimit, fmt.Errorf("not within %s: %w", knownLimit, context.DeadlineExceeded))
	defer cancel()
	timer := time.NewTimer(0)
	defer timer.Stop()
	var answer string
	for pause := firstPause; ; pause = min(2*pause, lastPause) {
		select {
		case <-timer.C:
		case <-ctx.Done():
			return fmt.Errorf("containerd's runtime interface does not know the pulled image by %s (%s): %w",
				strings.Join(names, ", "), answer, context.Cause(ctx))
		}
		var err error
		if names, answer, err = n.unknown(ctx, upstream, names, id, target); err != nil {
			if ctx.Err() == nil {
				return err
			}
			continue // the end of the context says more
		}
		if len(names) == 0 {
			return nil
		}
		timer.Reset(pause)
	}
}

// unknown are those names that CRI does not answer to yet, with its answer to the last one.
func (n *node) unknown(ctx context.Context, upstream cri.ImageServiceClient, names []string, id string, target digest.Digest) ([]string, string, error) {
	var left []string
	var answer string
	for _, name := range slices.Compact(names) {
		status, err := upstream.ImageStatus(ctx, &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: name}})
		if err != nil {
			return names, err.Error(), fmt.Errorf("status of the pulled image %s: %w", name, err)
		}
		if status.GetImage().GetId() == id {
			continue
		}
		image, err := n.client.ImageService().Get(ctx, name)
		if err != nil {
			return names, err.Error(), fmt.Errorf("record of the pulled image %s: %w", name, err)
		}
		if image.Target.Digest != target {
			continue // another pull has moved it meanwhile, and waits for that itself
		}
		answer = "it has no such image"
		if other := status.GetImage().GetId(); other != "" {
			answer = "it has " + other
		}
		left = append(left, name)
	}
	return left, answer, nil
}
