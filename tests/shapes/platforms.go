// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"strings"

	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// matching is an index of one image for each platform, and which of them is the best match; -1 for none.
type matching struct {
	name, about string
	match, want string   // want is os/architecture[/variant], of Windows with the version in brackets, as containerd writes it
	entries     []string // likewise
	selected    int
}

func (m matching) entry() entry {
	return entry{"platform-" + m.name, m.about, func(b *builder) {
		b.Request = Request{Match: m.match, Platforms: []ocispec.Platform{parse(m.want)}}
		var entries []ocispec.Descriptor
		for _, text := range m.entries {
			entries = append(entries, b.image(program{says: b.Name + ", on " + text, platform: parse(text)}))
		}
		b.root(entries...)
		if m.selected < 0 {
			b.refuses("no match", m.entries...)
			b.asks()
			return
		}
		b.selects(entries[m.selected], at(b.Root, uint32(m.selected)))
		b.asks(entries[m.selected])
		b.lists()
	}}
}

// parse reads a platform as it is written, without making it normal. Features follow a plus sign.
func parse(text string) ocispec.Platform {
	var platform ocispec.Platform
	text, features, _ := strings.Cut(text, "+")
	if features != "" {
		platform.OSFeatures = strings.Split(features, "+")
	}
	parts := strings.Split(text, "/")
	platform.OS, platform.Architecture = parts[0], parts[1]
	if len(parts) > 2 {
		platform.Variant = parts[2]
	}
	if system, version, has := strings.Cut(platform.OS, "("); has {
		platform.OS, platform.OSVersion = system, strings.TrimSuffix(version, ")")
	}
	return platform
}

// matcher is containerd's own, which ranks by the law: see TestPlatformsAsContainerdRanksThem.
func (m matching) matcher() platforms.MatchComparer {
	if m.match == "compatible" {
		return platforms.Only(parse(m.want))
	}
	return platforms.Ordered(parse(m.want))
}

func matchings() []matching {
	arm := []string{"linux/arm/v5", "linux/arm/v6", "linux/arm/v7"}
	return []matching{
		{"exact-first-of-two", "of two equal matches the first one", "exact", "linux/amd64", []string{"linux/386", "linux/amd64", "linux/amd64"}, 1},
		{"exact-no-386-on-amd64", "an exact match of amd64 is not 386", "exact", "linux/amd64", []string{"linux/386"}, -1},
		{"compatible-386-on-amd64", "amd64 can run 386 where there is nothing better", "compatible", "linux/amd64", []string{"linux/arm64/v8", "linux/386"}, 1},
		{"compatible-amd64-before-386", "amd64 is better than 386, which stands first", "compatible", "linux/amd64", []string{"linux/386", "linux/amd64"}, 1},
		{"compatible-amd64-v3-best", "amd64/v3 takes v3, not the lower one that stands first nor the higher one", "compatible", "linux/amd64/v3", []string{"linux/amd64", "linux/amd64/v2", "linux/amd64/v4", "linux/amd64/v3"}, 3},
		{"compatible-amd64-v3-next-best", "amd64/v3 takes v2 where there is no v3", "compatible", "linux/amd64/v3", []string{"linux/amd64", "linux/amd64/v2"}, 1},
		{"compatible-amd64-not-v2", "plain amd64 cannot run amd64/v2", "compatible", "linux/amd64", []string{"linux/amd64/v2"}, -1},
		{"exact-amd64-v1-is-plain", "amd64/v1 is plain amd64", "exact", "linux/amd64/v1", []string{"linux/amd64/v2", "linux/amd64"}, 1},
		{"exact-amd64-v2", "an exact match of amd64/v2 is neither plain amd64 nor v3", "exact", "linux/amd64/v2", []string{"linux/amd64", "linux/amd64/v3", "linux/amd64/v2"}, 2},
		{"exact-arm64-among-arm", "an arm64 node does not take arm/v5 because it stands first", "exact", "linux/arm64", append(arm, "linux/arm64/v8"), 3},
		{"compatible-arm64-among-arm", "nor where arm would do", "compatible", "linux/arm64", append(arm, "linux/arm64/v8"), 3},
		{"compatible-arm64-only-arm", "where there is only arm, the highest variant", "compatible", "linux/arm64/v8", arm, 2},
		{"exact-arm64-only-arm", "an exact match of arm64 is not arm", "exact", "linux/arm64", arm, -1},
		{"compatible-arm64-v8-2", "arm64/v8.2 takes v8.1 before v8", "compatible", "linux/arm64/v8.2", []string{"linux/arm64/v8", "linux/arm64/v8.1", "linux/arm64/v8.3"}, 1},
		{"compatible-arm64-v9", "arm64/v9 takes v8.5 before plain arm64", "compatible", "linux/arm64/v9", []string{"linux/arm64", "linux/arm64/v8.5", "linux/arm64/v9.1"}, 1},
		{"compatible-arm-v7", "arm/v7 takes the best that it can run", "compatible", "linux/arm/v7", []string{"linux/arm/v5", "linux/arm/v8", "linux/arm/v6"}, 2},
		{"compatible-arm-v6", "arm/v6 cannot run v7", "compatible", "linux/arm/v6", []string{"linux/arm/v7", "linux/arm/v5"}, 1},
		{"exact-arm-is-v7", "arm without a variant is v7", "exact", "linux/arm", append(arm, "linux/arm64"), 2},
		{"exact-arm-entry-is-v7", "an entry of arm without a variant is v7", "exact", "linux/arm/v7", []string{"linux/arm/v6", "linux/arm"}, 1},
		{"other-names-of-architectures", "x86_64 and aarch64 are amd64 and arm64", "exact", "linux/amd64", []string{"linux/aarch64", "linux/x86_64"}, 1},
		{"other-system", "a system of another name does not match", "exact", "linux/amd64", []string{"freebsd/amd64", "darwin/amd64"}, -1},
		{"windows-same-build", "Windows before 2022 wants its own build", "exact", "windows(10.0.17763.1)/amd64", []string{"windows(10.0.20348.1)/amd64", "windows(10.0.17763.2)/amd64"}, 1},
		{"windows-newer-host", "Windows 2025 runs images of 2022", "exact", "windows(10.0.26100.1)/amd64", []string{"windows(10.0.17763.2)/amd64", "windows(10.0.20348.1)/amd64"}, 1},
		{"windows-older-host", "Windows 2022 does not run images of 2025", "exact", "windows(10.0.20348.1)/amd64", []string{"windows(10.0.26100.1)/amd64"}, -1},
		{"windows-no-version", "a Windows image that names no version matches", "exact", "windows(10.0.20348.1)/amd64", []string{"linux/amd64", "windows/amd64"}, 1},
		{"windows-win32k", "win32k was never asked for, and does not keep an image from matching", "exact", "windows(10.0.20348.1)/amd64", []string{"windows(10.0.20348.1)/amd64+win32k"}, 0},
		{"features-not-offered", "an image that needs a feature which was not asked for does not match", "exact", "linux/amd64", []string{"linux/amd64+sse9", "linux/amd64"}, 1},
		{"features-offered", "of two images the one with more of the offered features", "exact", "linux/amd64+a+b", []string{"linux/amd64", "linux/amd64+a", "linux/amd64+a+b"}, 2},
	}
}

// ordinaryHosts: the ordinary multi-platform image on every platform that it has.
func ordinaryHosts() []entry {
	var entries []entry
	for _, host := range ordinary() {
		name := strings.ReplaceAll(platformName(host), "/", "-")
		if host.OSVersion != "" {
			name += "-" + strings.ReplaceAll(host.OSVersion, ".", "-")
		}
		entries = append(entries, entry{"multi-platform-on-" + name, "an ordinary multi-platform image, asked for " + platforms.FormatAll(host), func(b *builder) {
			b.Request.Platforms = []ocispec.Platform{host}
			b.multiPlatform(host)
			b.Expect.LeftOut = nil // Windows runs more than one of them
		}})
	}
	return entries
}
