// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package hostile runs the refract command against registries, token servers and content networks that mean harm: each test is
// one thing that such a server may do, and what must not come of it. All servers are on loopback.
package hostile
