// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package bench measures what refract does with an index beside what containerd does with the same bytes: parse, check,
// filter, select. Compare ratios within one run, never times across runs.
//
//	go test ./tests/bench -bench .     each benchmark on its own
//	go run ./tests/bench/report        the table: medians of 11, ours, containerd's, the ratio
//	go run ./tests/bench/lookups       from a tag to a config at a registry: refract, crane, regctl
//	go run ./tests/bench/pulls         whole pulls, as root
//	go run ./tests/bench/mirrors       pulls from a mirror whose upstream is silent, as root
package bench
