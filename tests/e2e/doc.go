// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package e2e tests refract from the outside: images are pulled from registries by containerd-refract through ctr-refract and
// through CRI, run, and their output is compared; stock containerd does the same beside it, as the control.
// The tests need root, and the programs that make leaves in build. What is missing fails a test; nothing is skipped.
package e2e
