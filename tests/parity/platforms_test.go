// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package parity_test

import (
	"math/rand/v2"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
)

// hosts are what a node may be, or what a person may ask for.
func hosts() []ocispec.Platform {
	var all []ocispec.Platform
	for _, architecture := range []string{"amd64", "x86_64", "x86-64", "AMD64", "386", "i386", "arm", "armhf", "armel", "arm64", "aarch64",
		"Arm64", "ppc64le", "s390x", "riscv64", "wasm", "unknown", ""} {
		for _, variant := range variants {
			if beyondUse(variant) {
				continue
			}
			all = append(all, ocispec.Platform{OS: "linux", Architecture: architecture, Variant: variant})
		}
	}
	for _, os := range systems {
		for _, architecture := range []string{"amd64", "arm64", "arm", "x86_64"} {
			all = append(all, ocispec.Platform{OS: os, Architecture: architecture})
		}
	}
	return append(all, versioned()...)
}

// entries are what an index may declare: the same, and each with features.
func entries() []ocispec.Platform {
	all := hosts()
	for _, variant := range variants {
		if beyondUse(variant) {
			all = append(all, ocispec.Platform{OS: "linux", Architecture: "amd64", Variant: variant},
				ocispec.Platform{OS: "linux", Architecture: "arm", Variant: variant})
		}
	}
	for _, features := range featureSets {
		for _, os := range []string{"linux", "windows", "Windows"} {
			all = append(all, ocispec.Platform{OS: os, Architecture: "amd64", OSFeatures: features},
				ocispec.Platform{OS: os, Architecture: "arm64", Variant: "v8", OSFeatures: features},
				ocispec.Platform{OS: os, Architecture: "386", OSVersion: "10.0.20348.1", OSFeatures: features})
		}
	}
	return all
}

// beyondUse are variants that platforms.Only counts down from, and refract does not: Go's Atoi takes a sign, and there is no
// 100th version of any processor. As entries they are compared like others.
func beyondUse(variant string) bool {
	number := strings.TrimPrefix(variant, "v")
	_, err := strconv.Atoi(number)
	return err == nil && (strings.HasPrefix(number, "+") || len(number) > 2)
}

var (
	systems = []string{"", "linux", "Linux", "LINUX", "windows", "Windows", "darwin", "macos", "MacOS", "freebsd", "unknown", "lin ux", "wasip1",
		"l\u0130nux", "W\u0130NDOWS", "dar\u212Ain", "lınux"}
	variants = []string{"", "v1", "v2", "v3", "v4", "v5", "v6", "v7", "v8", "v9", "v10", "v99", "V7", "V8", "1", "3", "5", "6", "7", "8", "9",
		"v8.0", "v8.1", "v8.5", "v8.9", "v8.10", "8.0", "8.1", "v9.0", "v9.1", "v9.4", "v9.5", "v9.7", "v9.8", "9.0", "v0", "v", "v-1", "v+3", "v100", "110",
		"vv3", "v03", "v3x", "x", "v8.", "v7.1", "hf"}
	versions = []string{"", "10.0.14393", "10.0.14393.1066", "10.0.17763", "10.0.17763.1", "10.0.17764", "10.0.19041", "10.0.20347", "10.0.20348",
		"10.0.20348.169", "10.0.22621", "10.0.25398", "10.0.26099", "10.0.26100", "10.0.26100.1", "10.0.26200", "10.0.65535", "10.0.65536", "10.1.20348",
		"11.0.20348", "256.0.20348", "6.1.7601", "10.0", "10", "10..20348", "10.0.", "a.b.c", "10.0.20348x", "-1.0.20348", "+10.0.20348",
		"10.0.020348", "010.0.20348", "0.0.0", "0.0.1", ".", "..", "...", " 10.0.20348"}
	featureSets = [][]string{nil, {}, {"win32k"}, {"win32k", "win32k"}, {"gpu"}, {"gpu", "tpu"}, {"tpu", "gpu"}, {"gpu", "gpu"}, {"win32k", "gpu"},
		{"gpu", "win32k", "win32k"}, {"GPU"}, {""}, {"a", "b", "c"}, {"c", "a"}, {"unknown"}}
)

func versioned() []ocispec.Platform {
	var all []ocispec.Platform
	for _, version := range versions {
		all = append(all,
			ocispec.Platform{OS: "windows", Architecture: "amd64", OSVersion: version},
			ocispec.Platform{OS: "linux", Architecture: "amd64", OSVersion: version})
	}
	for _, features := range featureSets {
		all = append(all,
			ocispec.Platform{OS: "windows", Architecture: "amd64", OSVersion: "10.0.20348", OSFeatures: features},
			ocispec.Platform{OS: "linux", Architecture: "amd64", OSFeatures: features},
			ocispec.Platform{OS: "linux", Architecture: "arm64", OSFeatures: features})
	}
	// Not "windows" to NewMatcher, but normalised to it.
	return append(all, ocispec.Platform{OS: "Windows", Architecture: "amd64", OSVersion: "10.0.17763"},
		ocispec.Platform{OS: "WINDOWS", Architecture: "x86_64", OSVersion: "10.0.26100"})
}

// pair is one of ours beside containerd's for the same host.
type pair struct {
	name string
	ours *native.Request
	peer platforms.MatchComparer
}

func pairsOf(t testing.TB, wanted ...ocispec.Platform) []pair {
	t.Helper()
	compiled := func(match native.MatchMode, name string, peer platforms.MatchComparer) pair {
		request, err := native.NewRequest(native.RequestOptions{Match: match, Platforms: wanted})
		if err != nil {
			t.Fatal(err)
		}
		return pair{name: name, ours: request, peer: peer}
	}
	all := []pair{compiled(native.Exact, "Ordered", platforms.Ordered(wanted...))}
	if len(wanted) == 1 {
		all = append(all, compiled(native.Compatible, "Only", platforms.Only(wanted[0])))
	}
	return all
}

func (p pair) compareMatch(t *testing.T, wanted []ocispec.Platform, entry ocispec.Platform) {
	if got, want := p.ours.Match(entry), p.peer.Match(entry); got != want {
		t.Errorf("%s(%+v).Match(%+v): refract %v, containerd %v", p.name, wanted, entry, got, want)
	}
}

func (p pair) compareLess(t *testing.T, wanted []ocispec.Platform, a, b ocispec.Platform) {
	if got, want := p.ours.Less(a, b), p.peer.Less(a, b); got != want {
		t.Errorf("%s(%+v).Less(%+v, %+v): refract %v, containerd %v", p.name, wanted, a, b, got, want)
	}
}

// Every host against every entry; and each entry against twenty others, for the order.
func TestEveryHostAgainstEveryEntry(t *testing.T) {
	t.Parallel()
	entries := entries()
	random := rand.New(rand.NewPCG(1, 2)) //nolint:gosec // a fixed seed, so that a failure can be had again
	compared, ordered := 0, 0
	for _, host := range hosts() {
		wanted := []ocispec.Platform{host}
		for _, pair := range pairsOf(t, host) {
			for _, entry := range entries {
				pair.compareMatch(t, wanted, entry)
				compared++
			}
			// Of those that match, all against each other: there the order decides.
			matching := slices.DeleteFunc(slices.Clone(entries), func(entry ocispec.Platform) bool { return !pair.peer.Match(entry) })
			for _, a := range matching {
				for range 8 {
					pair.compareLess(t, wanted, a, matching[random.IntN(len(matching))])
					pair.compareLess(t, wanted, a, entries[random.IntN(len(entries))])
					pair.compareLess(t, wanted, entries[random.IntN(len(entries))], a)
					ordered += 3
				}
			}
			for range 200 {
				pair.compareLess(t, wanted, entries[random.IntN(len(entries))], entries[random.IntN(len(entries))])
				ordered++
			}
			pair.ours.Close()
			if t.Failed() {
				t.Fatalf("stopped at the first host that differs")
			}
		}
	}
	t.Logf("%d hosts × %d entries: %d matches and %d orders compared", len(hosts()), len(entries), compared, ordered)
}

// Several platforms wanted at once: the first one wanted is preferred.
func TestSeveralWanted(t *testing.T) {
	t.Parallel()
	hosts, entries := hosts(), entries()
	random := rand.New(rand.NewPCG(3, 4)) //nolint:gosec // as above
	for range 400 {
		wanted := make([]ocispec.Platform, 2+random.IntN(3))
		for i := range wanted {
			wanted[i] = hosts[random.IntN(len(hosts))]
		}
		for _, pair := range pairsOf(t, wanted...) {
			for range 200 {
				a, b := entries[random.IntN(len(entries))], entries[random.IntN(len(entries))]
				// An entry that is wanted, as often as not.
				if random.IntN(2) == 0 {
					a = wanted[random.IntN(len(wanted))]
				}
				pair.compareMatch(t, wanted, a)
				pair.compareLess(t, wanted, a, b)
				pair.compareLess(t, wanted, b, a)
			}
			pair.ours.Close()
		}
		if t.Failed() {
			return
		}
	}
}

// Platforms made of random pieces, to leave the table behind.
func TestRandomPlatforms(t *testing.T) {
	t.Parallel()
	random := rand.New(rand.NewPCG(5, 6)) //nolint:gosec // as above
	pieces := []string{"", "v", "8", "9", "1", ".", "-", "+", "0", "arm", "64", "hf", "el", "amd", "x86", "_", "i386", "linux", "windows", "mac", "os",
		"darwin", "V", "ARM", "32k", "win", " "}
	text := func() string {
		made := ""
		for range random.IntN(4) {
			made += pieces[random.IntN(len(pieces))]
		}
		return made
	}
	pick := func(from []string) string {
		if random.IntN(3) == 0 {
			return text()
		}
		return from[random.IntN(len(from))]
	}
	platform := func() ocispec.Platform {
		made := ocispec.Platform{
			OS:           pick([]string{"linux", "windows"}),
			Architecture: pick([]string{"amd64", "arm64", "arm", "386"}),
			Variant:      pick(variants),
			OSVersion:    pick(versions),
		}
		made.OSFeatures = slices.Clone(featureSets[random.IntN(len(featureSets))])
		return made
	}
	for range 3000 {
		host := platform()
		if beyondUse(host.Variant) {
			continue
		}
		for _, pair := range pairsOf(t, host) {
			for range 30 {
				a, b := platform(), platform()
				if random.IntN(2) == 0 {
					a = host
					a.Variant = pick(variants)
				}
				pair.compareMatch(t, []ocispec.Platform{host}, a)
				pair.compareLess(t, []ocispec.Platform{host}, a, b)
			}
			pair.ours.Close()
		}
		if t.Failed() {
			return
		}
	}
}

// No platform wanted: all of them.
func TestAll(t *testing.T) {
	t.Parallel()
	request, err := native.NewRequest(native.RequestOptions{})
	if err != nil {
		t.Fatal(err)
	}
	defer request.Close()
	for _, entry := range entries() {
		if !request.Match(entry) {
			t.Errorf("%+v does not match, though all are wanted", entry)
		}
	}
}
