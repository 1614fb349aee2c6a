// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package kubelet tests refract as a node has it: a real kubelet without an API server runs static pods whose images are extended
// indexes, and collects them when their pods are gone; stock containerd does the same beside it, as the control.
// The tests need root, and the programs that "make test-kubelet" builds. What is missing fails a test; nothing is skipped.
package kubelet
