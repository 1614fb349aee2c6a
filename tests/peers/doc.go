// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package peers holds what refract predicts that other clients pick from an index against those clients themselves: stock
// containerd, crane, regctl and skopeo get every shape from a registry, and must end up with the predicted manifest, or fail
// where that is predicted. The tests need root, because stock containerd runs what it has pulled. What is missing fails a
// test; nothing is skipped.
package peers
