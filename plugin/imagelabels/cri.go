// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package imagelabels

// The namespace of containerd's Kubernetes runtime interface, and its labels on the records there (internal/cri/constants,
// internal/cri/labels).
const (
	CRINamespace = "k8s.io"
	ManagedLabel = "io.cri-containerd.image"
	ManagedValue = "managed"
	PinnedLabel  = "io.cri-containerd.pinned"
	PinnedValue  = "pinned"
)
