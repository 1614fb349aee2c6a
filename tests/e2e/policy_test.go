// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"crypto/sha256"
	"encoding/hex"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// marked are the annotations of an SBOM of the shape's image.
func marked(shape shapes.Shape) map[string]string {
	return map[string]string{"org.opencontainers.reference.digest": shape.Selected.String(), "org.opencontainers.reference.type": "sbom"}
}

// artifactOf makes an artifact manifest with one layer.
func artifactOf(shape *shapes.Shape, layer ocispec.Descriptor) ocispec.Descriptor {
	return addDocument(shape, ocispec.MediaTypeImageManifest, ocispec.Manifest{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageManifest, ArtifactType: "application/spdx+json",
		Config: add(*shape, ocispec.MediaTypeEmptyJSON, []byte("{}")), Layers: []ocispec.Descriptor{layer},
	})
}

// TestThousandReferencesAreFetched, and with one more nothing is.
func TestThousandReferencesAreFetched(t *testing.T) {
	const limit = 1000
	daemon := ownDaemon(t, harness.Config{Policy: fetching})
	for _, count := range []int{limit, limit + 1} {
		shape := byName(t, "images-first").WithRoot(func(*ocispec.Index) {})
		var attached []ocispec.Descriptor
		for i := range count - len(shape.References) {
			artifact := artifactOf(&shape, add(shape, "application/spdx+json", fmt.Appendf(nil, `{"number":%d}`, i)))
			artifact.Annotations = marked(shape)
			attached = append(attached, artifact)
		}
		shape = shape.WithRoot(func(index *ocispec.Index) { index.Manifests = append(index.Manifests, attached...) })
		server, name := ownRegistry(t, shape)
		for _, way := range []string{"transfer", "cri"} {
			server.Reset()
			err := pull(t.Context(), daemon, way, name)
			if count > limit {
				if err == nil || !strings.Contains(err.Error(), "1001 references") || !strings.Contains(err.Error(), "limit of 1000") {
					t.Errorf("%s, %d references: %v", way, count, err)
				}
				nothingStays(t, daemon, namespaceOf(way))
				continue
			}
			if err != nil {
				t.Fatal(err)
			}
			there := contents(t, daemon, namespaceOf(way)).Blobs
			for _, artifact := range attached {
				if !slices.Contains(there, artifact.Digest.String()) {
					t.Fatalf("%s: %s is not there", way, artifact.Digest)
				}
			}
			if err := remove(t.Context(), daemon, way, name); err != nil {
				t.Fatal(err)
			}
			nothingStays(t, daemon, namespaceOf(way))
		}
	}
}

// large is a blob that is not kept in memory.
type large struct{ size int64 }

func (l large) reader() io.Reader { return io.LimitReader(repeating{}, l.size) }

type repeating struct{}

func (repeating) Read(p []byte) (int, error) {
	for i := range p {
		p[i] = 'x'
	}
	return len(p), nil
}

// TestLargeReferencesAreStreamed: an SBOM of 700 MB is fetched, and the daemon's memory grows by far less.
func TestLargeReferencesAreStreamed(t *testing.T) {
	const most = 64 << 20
	content := large{700_000_000}
	hash := sha256.New()
	if _, err := io.Copy(hash, content.reader()); err != nil {
		t.Fatal(err)
	}
	layer := ocispec.Descriptor{MediaType: "application/spdx+json", Size: content.size,
		Digest: digest.NewDigestFromEncoded(digest.SHA256, hex.EncodeToString(hash.Sum(nil)))}
	shape := byName(t, "images-first").WithRoot(func(*ocispec.Index) {})
	artifact := artifactOf(&shape, layer)
	artifact.Annotations = marked(shape)
	shape = shape.WithRoot(func(index *ocispec.Index) { index.Manifests = append(index.Manifests, artifact) })

	daemon := ownDaemon(t, harness.Config{Policy: fetching + "max_bytes = 1073741824"})
	server, name := ownRegistry(t, shape)
	server.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
		if target.Reference != layer.Digest.String() {
			return false
		}
		w.Header().Set("Content-Length", fmt.Sprint(content.size))
		if r.Method == http.MethodGet {
			_, _ = io.Copy(w, content.reader()) // who went away does not want it
		}
		return true
	})
	if err := programs.ForgetPeak(daemon.PID()); err != nil {
		t.Fatal(err)
	}
	before, _, err := daemon.Memory()
	if err != nil {
		t.Fatal(err)
	}
	if err := daemon.Pull(t.Context(), "large", name); err != nil {
		t.Fatal(err)
	}
	_, peak, err := daemon.Memory()
	if err != nil {
		t.Fatal(err)
	}
	t.Logf("memory grew by %d bytes", peak-before)
	if peak-before > most {
		t.Errorf("memory grew by %d bytes, at most %d are allowed", peak-before, most)
	}
	if there := contents(t, daemon, "large").Blobs; !slices.Contains(there, layer.Digest.String()) {
		t.Error("the SBOM was not fetched")
	}
}

// TestPullSaysWhatItDid: one line tells what was selected from which index and how much is attached; at debug level there is a
// line for each entry that was skipped, with the reason.
func TestPullSaysWhatItDid(t *testing.T) {
	daemon := refractDaemon(t)
	shape := byName(t, "artifact-first-same-platform")
	for _, way := range []string{"transfer", "cri"} {
		begin, err := daemon.LogMark()
		if err != nil {
			t.Fatal(err)
		}
		if err := pull(t.Context(), daemon, way, shared.tag(shape)); err != nil {
			t.Fatal(err)
		}
		log, err := daemon.LogSince(begin)
		if err != nil {
			t.Fatal(err)
		}
		for message, words := range map[string][]string{
			"image selected from index": {"level=info", shared.tag(shape), shape.Root.Digest.String(), shape.Selected.String(), "references=1", "platform=linux/" + goarch, "target=manifest", "duration="},
			"entry of index skipped":    {"level=debug", shape.Root.Digest.String(), shape.References[0].String(), "reference type", "sbom"},
		} {
			var lines []string
			for line := range strings.Lines(log) {
				// CRI passes over images of other platforms, too.
				if strings.Contains(line, message) && (strings.Contains(line, "level=info") || strings.Contains(line, shape.References[0].String())) {
					lines = append(lines, line)
				}
			}
			if len(lines) != 1 {
				t.Fatalf("%s: %d lines say %q", way, len(lines), message)
			}
			for _, word := range words {
				if !strings.Contains(lines[0], word) {
					t.Errorf("%s: %q does not say %q", way, lines[0], word)
				}
			}
		}
		if err := remove(t.Context(), daemon, way, shared.tag(shape)); err != nil {
			t.Fatal(err)
		}
	}
}

// TestBadConfigurationStopsTheDaemon: a key that does not exist, or a value that is not allowed, is named and ends the start.
func TestBadConfigurationStopsTheDaemon(t *testing.T) {
	for policy, words := range map[string][]string{
		`references_ = "list"`:       {"references_", "unknown key"},
		`image_target = "automatic"`: {"image_target", "automatic", "auto"},
		`max_bytes = -1`:             {"max_bytes", "-1"},
	} {
		dir := t.TempDir()
		daemon, err := harness.StartRefract(shared.tools, dir, harness.Config{Policy: policy})
		if err == nil {
			t.Errorf("%s: started", policy)
			if err := daemon.Close(); err != nil {
				t.Error(err)
			}
			continue
		}
		for _, word := range append(words, "io.containerd.refract.v1.policy") {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%s: %v does not say %q", policy, err, word)
			}
		}
	}
}

// TestWarnsWhereCRIGoesRoundTheTransferService: once at the start, naming the option; and then the daemon works as stock does.
func TestWarnsWhereCRIGoesRoundTheTransferService(t *testing.T) {
	for option, lines := range map[string]string{
		"use_local_image_pull":     "  use_local_image_pull = true",
		"max_concurrent_downloads": "  max_concurrent_downloads = 7",
		"":                         "",
	} {
		daemon := ownDaemon(t, harness.Config{Images: lines})
		log, err := daemon.Log()
		if err != nil {
			t.Fatal(err)
		}
		const warning = "extended indexes will not work for pods"
		if count := strings.Count(log, warning); option == "" && count != 0 || option != "" && count != 1 {
			t.Errorf("%q: %d warnings", option, count)
		}
		for line := range strings.Lines(log) {
			if strings.Contains(line, warning) && (!strings.Contains(line, option) || !strings.Contains(line, "level=warning")) {
				t.Errorf("%q: %s", option, line)
			}
		}
	}
}

// TestCredentialsStayOutOfLogs: a pod's secret pulls a private image, and is nowhere in the log at its finest level.
func TestCredentialsStayOutOfLogs(t *testing.T) {
	everyPod(t, "pull", func(t *testing.T, with starter) { keepsSecret(t, start(t, with, harness.Config{Policy: fetching})) })
}

func keepsSecret(t *testing.T, daemon *harness.Daemon) {
	shape := byName(t, "artifact-first-same-platform")
	for _, bearer := range []bool{false, true} {
		auth := registry.Auth{User: "canary-user", Password: "canary-password", Bearer: bearer}
		server, name := privateRegistry(t, auth, shape)
		if _, err := daemon.CRIPull(t.Context(), name); err == nil {
			t.Error("pulled without credentials")
		}
		request := &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}, Auth: &cri.AuthConfig{Username: auth.User, Password: auth.Password}}
		if _, err := daemon.Images.PullImage(t.Context(), request); err != nil {
			t.Fatal(err)
		}
		// Documents and references came with the same credentials as layers.
		for _, of := range []digest.Digest{shape.Root.Digest, shape.Selected, shape.References[0]} {
			if server.Counts().Asked[of.String()] == 0 {
				t.Errorf("%s was not asked for", of)
			}
		}
		if err := daemon.CRIRemove(t.Context(), name); err != nil {
			t.Fatal(err)
		}
		nothingStays(t, daemon, criNamespace)
	}
	log, err := daemon.Log()
	if err != nil {
		t.Fatal(err)
	}
	if daemon.Front != nil {
		front, err := daemon.Front.Log()
		if err != nil {
			t.Fatal(err)
		}
		log += front
	}
	for _, secret := range []string{"canary-password", "token-of-canary"} {
		if strings.Contains(log, secret) {
			t.Errorf("the log has %s", secret)
		}
	}
}

// TestRequired: a pod's image that lacks what is required is refused, its message reaches who asked, and nothing stays; a rule for its
// repository lets it pass.
func TestRequired(t *testing.T) {
	everyPod(t, "required", func(t *testing.T, from starter) {
		shape, other := byName(t, "artifact-first-same-platform"), byName(t, "images-first")
		daemon := start(t, from, harness.Config{Policy: fmt.Sprintf("required = [\"provenance\"]\nrules = [{ match = %q, required = [\"sbom\"] }]\n",
			shared.repository(other))})
		_, err := daemon.CRIPull(t.Context(), shared.tag(shape))
		for _, word := range []string{shared.tag(shape), "provenance", "attached: sbom", shape.Selected.String(), "linux/" + goarch} {
			if err == nil || !strings.Contains(err.Error(), word) {
				t.Errorf("the refusal lacks %q: %v", word, err)
			}
		}
		if code := status.Code(err); code != codes.PermissionDenied {
			t.Errorf("the refusal has the code %s", code)
		}
		nothingStays(t, daemon, criNamespace)
		if _, err := daemon.CRIPull(t.Context(), shared.tag(other)); err != nil {
			t.Error(err)
		}
	})
}

// TestRequiredIsWarnedAbout: a pod's image that lacks what is required is pulled all the same, and one line of the log says what it
// lacks; of an image that lacks nothing there is none.
func TestRequiredIsWarnedAbout(t *testing.T) {
	const warning = "image lacks what the policy requires"
	everyPod(t, "required-warn", func(t *testing.T, from starter) {
		lacking, single, whole := byName(t, "artifact-first-same-platform"), byName(t, "single-manifest"), byName(t, "sbom-and-signature-first")
		daemon := start(t, from, harness.Config{Policy: "required = [\"signature\"]\nrequired_action = \"warn\"\n"})
		for _, shape := range []shapes.Shape{lacking, single, whole} {
			if _, err := daemon.CRIPull(t.Context(), shared.tag(shape)); err != nil {
				t.Fatal(err)
			}
		}
		read := daemon.Log
		if daemon.Front != nil {
			read = daemon.Front.Log
		}
		log, err := read()
		if err != nil {
			t.Fatal(err)
		}
		for shape, want := range map[*shapes.Shape]int{&lacking: 1, &single: 1, &whole: 0} {
			lines := 0
			for line := range strings.Lines(log) {
				said := strings.Contains(line, warning) && strings.Contains(line, shape.Root.Digest.String())
				if said && strings.Contains(line, "level=warning") && strings.Contains(line, "requires: signature (attached: ") {
					lines++
				}
			}
			if lines != want {
				t.Errorf("%d lines warn about %s, want %d", lines, shape.Name, want)
			}
		}
	})
}
