// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package producers

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/programs"
)

// commandLimit is how long one command may take.
const commandLimit = 2 * time.Minute

// tool is a program that make tools has built, or else one of the system.
func tool(name string) (string, error) {
	if name == "skopeo" {
		return exec.LookPath(name)
	}
	if name == "refract" {
		return shared.refract, nil
	}
	return programs.Find("tools", name)
}

// runIn runs a program in a folder, where it finds no configuration of this machine's user, and returns what it prints.
func runIn(ctx context.Context, dir string, environment []string, name string, arguments ...string) ([]byte, error) {
	program, err := tool(name)
	if err != nil {
		return nil, err
	}
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	command := exec.CommandContext(ctx, program, arguments...)
	command.Dir = dir
	command.Env = append(os.Environ(), environment...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	if err := command.Run(); err != nil {
		return nil, fmt.Errorf("%s %s: %w: %s", name, strings.Join(arguments, " "), err, bytes.TrimSpace(stderr.Bytes()))
	}
	return stdout.Bytes(), nil
}

// bench is where one producer works: a repository of its own with the base image under v1, and a folder.
type bench struct {
	t      *testing.T
	at     *place
	name   string // of the producer
	repo   string // with the registry
	dir    string
	things []thing
	roots  []digest.Digest // of further indexes that a producer made of the base image
	images []digest.Digest // likewise
	own    digest.Digest   // the image that a node here pulls
}

func newBench(t *testing.T, at *place, name, repository string) *bench {
	t.Helper()
	b := &bench{t: t, at: at, name: name, repo: at.Host + "/" + repository, dir: t.TempDir(), own: shared.base.own}
	if err := at.Push(t.Context(), repository, shared.base.shape, "v1"); err != nil {
		t.Fatal(err)
	}
	return b
}

// copied is where everything of this bench was copied to.
func (b *bench) copied(at *place, repository string) *bench {
	to := *b
	to.at, to.repo = at, at.Host+"/"+repository
	return &to
}

// run runs a producer's program, and returns what it prints, without white space around it.
func (b *bench) run(name string, arguments ...string) string {
	b.t.Helper()
	printed, err := runIn(b.t.Context(), b.dir, b.environment(), name, arguments...)
	if err != nil {
		b.t.Fatal(err)
	}
	return strings.TrimSpace(string(printed))
}

func (b *bench) environment() []string {
	environment := append(b.at.Environment(), "XDG_RUNTIME_DIR="+b.dir, "COSIGN_PASSWORD=", "COSIGN_EXPERIMENTAL=1", "OTEL_TRACES_EXPORTER=none")
	// cosign keeps what it knows of public services there; here it asks none.
	return append(environment, "TUF_ROOT="+filepath.Join(b.dir, "tuf"))
}

// file writes a file into the bench's folder, and returns its name.
func (b *bench) file(name string, content []byte) string {
	b.t.Helper()
	if err := os.WriteFile(filepath.Join(b.dir, name), content, 0o600); err != nil {
		b.t.Fatal(err)
	}
	return name
}

// tag names a tag of the repository.
func (b *bench) tag(name string) string { return b.repo + ":" + name }

// by names a manifest of the repository by its digest.
func (b *bench) by(d digest.Digest) string { return b.repo + "@" + d.String() }

// within is the repository's path in URLs.
func (b *bench) within() string {
	_, repository, _ := strings.Cut(b.repo, "/")
	return b.at.URL() + "/v2/" + repository
}

// ask asks the registry itself, as no program here does. What is not there is nil.
func (b *bench) ask(path string) []byte {
	b.t.Helper()
	request, err := http.NewRequestWithContext(b.t.Context(), http.MethodGet, b.within()+path, nil)
	if err != nil {
		b.t.Fatal(err)
	}
	request.Header.Set("Accept", ocispec.MediaTypeImageIndex+", "+ocispec.MediaTypeImageManifest)
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		b.t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		b.t.Fatal(err)
	}
	if response.StatusCode == http.StatusNotFound {
		return nil
	}
	if response.StatusCode != http.StatusOK {
		b.t.Fatalf("GET %s: %s: %s", path, response.Status, body)
	}
	return body
}

// document is the manifest or index under a tag or digest.
func (b *bench) document(reference string) []byte {
	b.t.Helper()
	found := b.ask("/manifests/" + reference)
	if found == nil {
		b.t.Fatalf("%s holds no %s", b.repo, reference)
	}
	return found
}

func (b *bench) digestOf(tag string) digest.Digest { return digest.FromBytes(b.document(tag)) }

func (b *bench) manifest(d digest.Digest) ocispec.Manifest {
	b.t.Helper()
	return decode[ocispec.Manifest](b.t, b.document(d.String()))
}

func (b *bench) index(reference string) ocispec.Index {
	b.t.Helper()
	return decode[ocispec.Index](b.t, b.document(reference))
}

// referrers are what the registry tells of, or where it has no such API, what the tag lists that stands in for it.
func (b *bench) referrers(of digest.Digest) []digest.Digest {
	b.t.Helper()
	path := "/manifests/" + strings.Replace(of.String(), ":", "-", 1)
	if b.at.api {
		path = "/referrers/" + of.String()
	}
	body := b.ask(path)
	if body == nil {
		return nil
	}
	var digests []digest.Digest
	for _, one := range decode[ocispec.Index](b.t, body).Manifests {
		digests = append(digests, one.Digest)
	}
	return digests
}

// newReferrer is the one that a producer attaches while it runs.
func (b *bench) newReferrer(of digest.Digest, attach func()) digest.Digest {
	b.t.Helper()
	before := b.referrers(of)
	attach()
	left := slices.DeleteFunc(b.referrers(of), func(d digest.Digest) bool { return slices.Contains(before, d) })
	if len(left) != 1 {
		b.t.Fatalf("%d new referrers of %s, want 1", len(left), of)
	}
	return left[0]
}
