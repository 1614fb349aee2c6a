// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package imagelabels

import (
	"context"
	"fmt"
	"slices"
	"strconv"

	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
)

// Add has an image record keep more fetched content, and its root if it did not name one. Concurrent calls lose nothing:
// containerd's records have no versions to compare, so a label's number is made from its digest, and only new labels are
// written.
func Add(ctx context.Context, store images.Store, name string, root digest.Digest, fetched []digest.Digest) error {
	image, err := store.Get(ctx, name)
	if err != nil {
		return err
	}
	added := map[string]string{}
	switch before, ok := Root(image.Labels); {
	case !ok:
		// This is needed even if the target is the index: the label tells a later pull that the fetched content belongs to it.
		added[IndexLabel] = root.String()
	case ok && before != root:
		return fmt.Errorf("image %q was pulled anew meanwhile, its index is %s now and not %s: %w", name, before, root, errdefs.ErrFailedPrecondition)
	}
	kept := Fetched(image.Labels)
	for _, d := range fetched {
		if slices.Contains(kept, d) {
			continue
		}
		label, err := labelFor(d)
		if err != nil {
			return err
		}
		added[label] = d.String()
	}
	if len(added) == 0 {
		return nil
	}
	var paths []string
	for label := range added {
		paths = append(paths, "labels."+label)
	}
	_, err = store.Update(ctx, images.Image{Name: name, Labels: added}, paths...)
	return err
}

// SetFound has an image record keep the index of references that were found outside the image's index, instead of the previous
// one.
func SetFound(ctx context.Context, store images.Store, name string, found digest.Digest) error {
	_, err := store.Update(ctx, images.Image{Name: name, Labels: map[string]string{foundLabel: found.String()}}, "labels."+foundLabel)
	return err
}

// labelDigits is how many hex digits of a digest make a label's number: as many as always fit an int.
const labelDigits = 15

func labelFor(d digest.Digest) (string, error) {
	if err := d.Validate(); err != nil {
		return "", fmt.Errorf("content %q: %w: %w", d.String(), err, errdefs.ErrInvalidArgument)
	}
	number, err := strconv.ParseInt(d.Encoded()[:labelDigits], 16, 64)
	if err != nil {
		return "", fmt.Errorf("content %q: %w", d.String(), err)
	}
	return prefix + strconv.FormatInt(number, 10), nil
}
