// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"fmt"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// BehindArtifacts is an image for this machine behind so many artifacts without a platform, all of which can be had. How pulls
// differ in what they cost is measured with it.
func BehindArtifacts(count int) Shape {
	shape := entry{"behind-artifacts", "artifacts without a platform stand before the image", func(b *builder) {
		image, foreign := b.right(), b.foreign()
		entries := make([]ocispec.Descriptor, 0, count+2)
		for i := range count {
			entries = append(entries, mark(b.artifact("application/vnd.example.scan+json", fmt.Sprintf(`{"scan":%d}`, i)), image.Digest, "scan"))
		}
		b.root(append(entries, image, foreign)...)
	}}.build(machine())
	// Named only now: images say what they are called, and these are to be the same bytes.
	shape.Name = fmt.Sprintf("behind-%d-artifacts", count)
	return shape
}
