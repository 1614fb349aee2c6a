// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package command runs the refract command as its users do: on terminals and in pipes, against registries and layouts.
//
// A folder of testdata is an example: "command" says which shape it is about and what is typed, "output" what is printed.
// Digests are written as what they are of, because images hold this machine's busybox; -update writes the outputs anew.
package command
