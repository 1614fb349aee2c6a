// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package parity holds refract's own reading of platforms and documents against the ones that containerd uses on the same
// node: containerd/platforms, and Go's encoding/json. Where the two could differ, one node would do two things with one image.
package parity
