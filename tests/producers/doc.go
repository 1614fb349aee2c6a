// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package producers attaches things to images with the programs that people use for it, in real registries and layouts, and looks
// that refract tells of each of them once: with its kind, its subject and where it was found. What other readers show of the same
// images must not be missing. At the end there is a table of producers and readers.
package producers
