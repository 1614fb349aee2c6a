// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package registries starts real registries as people run them: behind TLS, asking for a name and a password, or sending clients
// to a token server; and counts, from the registry's own access log, what they were asked for. In front of each stands a relay,
// which counts connections, can delay both directions, and can cut connections. Everything is on loopback, in a folder of the
// test's, and ended by its process id.
//
//	server, err := registries.Start(t.TempDir(), registries.Options{Kind: registries.Distribution, Login: registries.Bearer})
//	err = server.Push(ctx, "app", shapes.ByName("images-first"), "v1")   // around TLS and login
//	output, err := server.Run(ctx, program, "select", server.Host+"/app:v1")
//	counts, err := server.Counts()                                        // requests and connections since the last call
package registries
