// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package docs checks the project's Markdown pages against the tree and the code: their length, their links, the paths that
// they name, and the lists that have to be complete.
package docs
