// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package imagelabels

// What the Kubernetes runtime interface of containerd has for its own: a namespace, and labels on the records in it
// (internal/cri/constants, internal/cri/labels).
const (
	CRINamespace = "k8s.io"
	ManagedLabel = "io.cri-containerd.image"
	ManagedValue = "managed"
	PinnedLabel  = "io.cri-containerd.pinned"
	PinnedValue  = "pinned"
)
