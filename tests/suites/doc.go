// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package suites runs the tests that others have written for what refract stands in for: Kubernetes' critest for the runtime interface,
// and containerd's own for its Go client. Their images come from a registry on loopback in three forms: as they are published
// (plain), as BuildKit writes them (with attestations), and as extended indexes whose artifacts stand before the image; the client's
// also without an index (single). Each run must come to what testdata/expected.json says: the same as with stock containerd and plain
// images, but for what is named there.
package suites
