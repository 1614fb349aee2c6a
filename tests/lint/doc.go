// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package lint runs "refract lint" on every shape of an index: what a client does otherwise than refract must be told, and of an
// ordinary image nothing.
package lint
