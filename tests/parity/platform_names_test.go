// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package parity_test

import (
	"errors"
	"math/rand/v2"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"strconv"
	"strings"
	"testing"

	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/programs"
)

// emptyIndex is a layout of an index without entries: what is selected for any platform is an error that names it.
func emptyIndex(t *testing.T) string {
	t.Helper()
	dir := t.TempDir()
	index := []byte(`{"schemaVersion":2,"mediaType":"` + ocispec.MediaTypeImageIndex + `","manifests":[]}`)
	of := digest.FromBytes(index)
	blobs := filepath.Join(dir, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o700); err != nil {
		t.Fatal(err)
	}
	for name, content := range map[string]string{
		filepath.Join(blobs, of.Encoded()): string(index),
		filepath.Join(dir, "oci-layout"):   `{"imageLayoutVersion":"1.0.0"}`,
		filepath.Join(dir, "index.json"):   `{"schemaVersion":2,"manifests":[{"mediaType":"` + ocispec.MediaTypeImageIndex + `","digest":"` + of.String() + `","size":` + strconv.Itoa(len(index)) + `,"annotations":{"org.opencontainers.image.ref.name":"v1"}}]}`,
	} {
		if err := os.WriteFile(name, []byte(content), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	return "oci:" + dir + ":v1"
}

// understood is the platform as refract reads it, or "" where it refuses the name.
func understood(t *testing.T, program, image, name string) string {
	t.Helper()
	command := exec.CommandContext(t.Context(), program, "select", "--platform="+name, image)
	var complaint strings.Builder
	command.Stderr = &complaint
	if err := command.Run(); !errors.As(err, new(*exec.ExitError)) {
		t.Fatalf("%q: %v", name, err)
	}
	switch code := command.ProcessState.ExitCode(); code {
	case 2:
		return ""
	case 3:
		found := regexp.MustCompile(`no image for (.*) in index sha256:`).FindStringSubmatch(complaint.String())
		if found != nil {
			return found[1]
		}
	}
	t.Fatalf("%q: exit code %d, %s", name, command.ProcessState.ExitCode(), complaint.String())
	return ""
}

// spelt is a platform as refract names it in messages.
func spelt(of ocispec.Platform) string {
	text := of.OS
	if of.OSVersion != "" || len(of.OSFeatures) > 0 {
		text += "(" + of.OSVersion
		for _, feature := range of.OSFeatures {
			text += "+" + feature
		}
		text += ")"
	}
	for _, part := range []string{of.Architecture, of.Variant} {
		if part != "" {
			text += "/" + part
		}
	}
	return text
}

// TestNamesOfPlatforms: what a person may write for one, and what it then is.
func TestNamesOfPlatforms(t *testing.T) {
	t.Parallel()
	program, err := programs.Find("bin", "refract")
	if err != nil {
		t.Fatal(err)
	}
	image := emptyIndex(t)
	names := []string{
		"amd64", "AMD64", "x86_64", "x86-64", "386", "i386", "arm", "armhf", "armel", "arm64", "aarch64", "Arm64", "riscv64", "wasm", "loong64", "amd64p32",
		"ppc64le", "s390x", "mips64p32le", "sparc", "linux", "LINUX", "windows", "macos", "MacOS", "darwin", "freebsd", "js", "zos", "wasip1", "bogus", "unknown",
		"windows(10.0.17763)", "windows(10.0.17763+win32k)", "amd64(10)", "linux()", "linux(5.10)",
		"linux/amd64", "Linux/AMD64", "linux/x86_64", "linux/amd64/v1", "linux/amd64/v3", "linux/amd64/V3", "linux/arm", "linux/armhf", "linux/armel", "linux/arm/v7",
		"linux/arm/7", "linux/arm/6", "linux/arm/v6", "linux/armhf/v6", "linux/arm64", "linux/arm64/v8", "linux/arm64/8", "linux/arm64/v8.0", "linux/arm64/v8.2",
		"linux/arm64/v9", "linux/arm64/9.0", "linux/aarch64", "linux/aarch64/v8", "linux/i386", "linux/i386/x", "macos/arm64", "any-thing/at.all", "any_thing/a-b/c.d",
		"unknown/unknown", "windows/amd64", "windows(10.0.17763)/amd64", "windows(10.0.17763+win32k)/amd64", "windows(+win32k)/amd64", "windows(10.0.17763+a+b)/amd64/v2",
		"linux(+b+a)/arm64", "linux(a%2Bb)/amd64", "linux(a%2bb+c%28d)/amd64", "linux(%41)/amd64", "Windows(10.0)/AMD64",
		"", " ", "/", "//", "///", "linux/", "/amd64", "linux//v8", "linux/arm/", "linux/arm/v7/", "linux/arm/v7/more", "linux/arm/v7/more/still", "*", "linux/*",
		" linux/amd64", "linux/amd64 ", "linux /amd64", "linux/amd64\n", "linux/amd64,linux/arm64", "windows/amd64:10.0.17763", "linux.x/amd64", "linux/amd+64", "linux/a@b",
		"linux(/amd64", "linux)/amd64", "linux(a/amd64", "linux(a)b/amd64", "linux(a b)/amd64", "linux(a(b))/amd64", "linux(a)(b)/amd64", "(a)/amd64", "linux(+)/amd64",
		"linux(++a)/amd64", "linux(a+)/amd64", "linux(%)/amd64", "linux(%2)/amd64", "linux(%zz)/amd64", "linux(+%)/amd64", "linux(a)/amd64(b)", "ünix/amd64", "linux/ämd64",
		"linux/K8", "linux\\amd64", "-/-", "_/_/_", "./.", "%41/amd64", "linux/amd%36", "linux(a:b)/amd64", "linux(10,0)/amd64",
	}
	random := rand.New(rand.NewPCG(7, 8)) //nolint:gosec // a fixed seed, so that a failure can be had again
	pieces := []string{"linux", "windows", "amd64", "arm", "arm64", "v7", "v8", "8", "/", "/", "/", "(", ")", "+", "10.0.1", "%2B", "%", ".", "-", "_", "A", "a", "*", " ", ","}
	for range 600 {
		name := ""
		for range 1 + random.IntN(7) {
			name += pieces[random.IntN(len(pieces))]
		}
		names = append(names, name)
	}
	accepted := 0
	for _, name := range names {
		want := ""
		if parsed, err := platforms.Parse(name); err == nil {
			want = spelt(parsed)
			accepted++
		}
		if got := understood(t, program, image, name); got != want {
			t.Errorf("%q: refract reads %q, containerd %q", name, got, want)
		}
	}
	t.Logf("%d names compared, of which %d are platforms", len(names), accepted)
}
