// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package library

import (
	"bytes"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registries"
	"github.com/refract-oci/refract/tests/shapes"
)

const (
	repository = "some/app"
	example    = "../../native/examples/list.c"
)

// install installs what CMake does into a folder.
func install(t *testing.T) string {
	t.Helper()
	build, err := programs.Find("cmake")
	if err != nil {
		t.Fatal(err)
	}
	prefix := t.TempDir()
	if output, err := exec.Command("cmake", "--install", build, "--prefix", prefix).CombinedOutput(); err != nil {
		t.Fatalf("cmake --install: %v: %s", err, output)
	}
	return prefix
}

// flags are what pkg-config says about packages.
func flags(t *testing.T, prefix string, arguments ...string) []string {
	t.Helper()
	command := exec.Command("pkg-config", arguments...)
	command.Env = append(os.Environ(), "PKG_CONFIG_PATH="+filepath.Join(prefix, "lib/pkgconfig"))
	output, err := command.Output()
	if err != nil {
		t.Fatalf("pkg-config %s: %v", strings.Join(arguments, " "), err)
	}
	return strings.Fields(string(output))
}

// compile compiles a program with these flags, and returns where it is.
func compile(t *testing.T, source string, with ...string) string {
	t.Helper()
	program := filepath.Join(t.TempDir(), strings.TrimSuffix(filepath.Base(source), ".c"))
	arguments := append([]string{"-std=c11", "-pedantic", "-Wall", "-Wextra", "-Werror", source, "-o", program}, with...)
	if output, err := exec.Command("cc", arguments...).CombinedOutput(); err != nil {
		t.Fatalf("cc %s: %v: %s", strings.Join(arguments, " "), err, output)
	}
	return program
}

// shared compiles a program against the shared library, which it finds where it is installed.
func shared(t *testing.T, source string) string {
	t.Helper()
	prefix := install(t)
	return compile(t, source, append(flags(t, prefix, "--cflags", "--libs", "refract"), "-Wl,-rpath,"+filepath.Join(prefix, "lib"))...)
}

// static compiles a program against the static library. Debian has no static libcurl, so what refract.pc requires is shared.
func static(t *testing.T, source string) string {
	t.Helper()
	prefix := install(t)
	requires := flags(t, prefix, "--print-requires-private", "refract")
	with := slices.Concat(flags(t, prefix, "--cflags", "refract"), []string{filepath.Join(prefix, "lib/librefract.a")},
		flags(t, prefix, append([]string{"--libs"}, requires...)...), []string{"-lstdc++", "-lm"})
	return compile(t, source, with...)
}

func run(t *testing.T, program string, arguments ...string) string {
	t.Helper()
	command := exec.Command(program, arguments...)
	var complaints bytes.Buffer
	command.Stderr = &complaints
	output, err := command.Output()
	if err != nil {
		t.Fatalf("%s %s: %v: %s", filepath.Base(program), strings.Join(arguments, " "), err, complaints.Bytes())
	}
	return string(output)
}

var (
	sources = regexp.MustCompile(`\(((?:[a-z-]+,?)+)\)`)
	digests = regexp.MustCompile(`sha256:[0-9a-f]{64}`)
	number  = regexp.MustCompile(`^ *#(\d+) `)
)

// lines are the references that a tree shows, as often as it does, each as its digest and sources; in no order.
func lines(output string) []string {
	var found []string
	for line := range strings.Lines(output) {
		if of := sources.FindStringSubmatch(line); of != nil {
			found = append(found, digests.FindString(line)+" "+of[1])
		}
	}
	slices.Sort(found)
	return found
}

// numbered are the same, but each number once.
func numbered(output string) []string {
	byNumber := map[string]string{}
	for line := range strings.Lines(output) {
		if of := number.FindStringSubmatch(line); of != nil {
			byNumber[of[1]] = lines(line)[0]
		}
	}
	var found []string
	for _, line := range byNumber {
		found = append(found, line)
	}
	slices.Sort(found)
	return found
}

// expected are the references of a shape in the same form.
func expected(references []shapes.Reference) []string {
	order := []string{"index", "annotation", "buildkit", "soci", "digest-tag", "referrers-api", "referrers-tag", "cosign-tag"}
	var all []string
	for _, reference := range references {
		names := slices.SortedFunc(slices.Values(reference.Sources), func(a, b string) int { return slices.Index(order, a) - slices.Index(order, b) })
		all = append(all, fmt.Sprintf("%s %s", reference.Digest, strings.Join(names, ",")))
	}
	slices.Sort(all)
	return all
}

func compare(t *testing.T, what string, got, want []string) {
	t.Helper()
	if !slices.Equal(got, want) {
		t.Errorf("%s:\n%s\nwant:\n%s", what, strings.Join(got, "\n"), strings.Join(want, "\n"))
	}
}

// TestExampleOnALayout: the example shows each reference once with all its sources, as the command does, and gets what it shows;
// with the shared library as with the static one.
func TestExampleOnALayout(t *testing.T) {
	refract, err := programs.Find("bin", "refract")
	if err != nil {
		t.Fatal(err)
	}
	dir := t.TempDir()
	shape, references := shapes.EverySource()
	if err := shape.WriteLayout(dir, "v1"); err != nil {
		t.Fatal(err)
	}
	name := "oci:" + dir + ":v1"
	tree := lines(run(t, refract, "references", "tree", "--no-trunc", name))
	for kind, link := range map[string]func(*testing.T, string) string{"shared": shared, "static": static} {
		t.Run(kind, func(t *testing.T) {
			program := link(t, example)
			output := run(t, program, name)
			compare(t, "the example shows", lines(output), tree)
			compare(t, "numbered are", numbered(output), expected(references))
			got := 0
			for line := range strings.Lines(output) {
				of, d := number.FindStringSubmatch(line), digests.FindString(line)
				if of == nil || d == "" || strings.Contains(line, "repeated") {
					continue
				}
				want, code := exec.Command(refract, "references", "get", "--layer", "0", name, d).Output()
				content, err := exec.Command(program, name, "--get", of[1]).Output()
				if (err == nil) != (code == nil) || !bytes.Equal(content, want) {
					t.Errorf("%s: %v: %q, want %v: %q", strings.TrimSpace(line), err, content, code, want)
				}
				if err == nil {
					got++
				}
			}
			if got == 0 {
				t.Error("nothing was got")
			}
		})
	}
}

func start(t *testing.T, shape shapes.Shape, options registries.Options) *registries.Registry {
	t.Helper()
	r := registries.StartFor(t, options)
	if err := r.Push(t.Context(), repository, shape, "v1"); err != nil {
		t.Fatal(err)
	}
	return r
}

// TestExampleOnARegistry: the same from a registry that wants the log-in that docker keeps.
func TestExampleOnARegistry(t *testing.T) {
	shape, references := shapes.EverySource()
	r := start(t, shape, registries.Options{Kind: registries.Distribution, Login: registries.Basic})
	output, err := r.Run(t.Context(), shared(t, example), r.Host+"/"+repository+":v1")
	if err != nil {
		t.Fatal(err)
	}
	// This registry has no referrers API, and then nobody looks for what has no tag.
	compare(t, "numbered are", numbered(output), expected(shapes.WithoutSource(references, "referrers-api")))
}

// TestSecondLookup: one client keeps its connection and its token, so looking up the config behind a tag again costs just the three
// documents.
func TestSecondLookup(t *testing.T) {
	shape := shapes.ByName("images-first")
	r := start(t, shape, registries.Options{Kind: registries.Distribution, Login: registries.Bearer})
	program := shared(t, "testdata/twice.c")
	if _, err := r.Counts(); err != nil { // what pushing cost
		t.Fatal(err)
	}
	output, err := r.Run(t.Context(), program, r.Host+"/"+repository+":v1")
	if err != nil {
		t.Fatal(err)
	}
	counts, err := r.Counts()
	if err != nil {
		t.Fatal(err)
	}
	if counts.Total() != 5+3 || counts.Connections != 1 || counts.TokenConnections != 1 {
		t.Errorf("want 8 requests on one connection, there were %s", counts)
	}
	if found := strings.Fields(output); len(found) != 4 || found[0] != found[2] || !digests.MatchString(found[0]) {
		t.Errorf("it prints %q", output)
	}
}
