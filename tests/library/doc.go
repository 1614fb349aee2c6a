// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package library installs the C library into a folder, compiles programs against it as its users would, with pkg-config, and runs
// them on layouts and registries.
package library
