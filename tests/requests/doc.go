// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package requests counts what the refract command asks of real registries, and what its peers do for the same job.
package requests
