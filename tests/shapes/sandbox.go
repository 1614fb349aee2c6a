// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import ocispec "github.com/opencontainers/image-spec/specs-go/v1"

// Sandbox is the image of pods themselves for this machine: a single manifest, whose program waits until it is ended.
func Sandbox() Shape {
	return entry{"sandbox", "the image of a pod's sandbox", func(b *builder) {
		b.Root = b.image(program{platform: b.host, change: func(_ *ocispec.Manifest, config *ocispec.Image) {
			config.Config.Cmd = []string{Busybox, "tail", "-f", "/dev/null"}
		}})
		b.Selected = b.Root.Digest
	}}.build(machine())
}
