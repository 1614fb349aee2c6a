// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package producers

import (
	"encoding/json"
	"fmt"
	"runtime"
	"slices"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/shapes"
)

// base is what things are attached to: an index of an image for this machine and one for another, and nothing else.
type base struct {
	shape            shapes.Shape
	root, own, other digest.Digest
}

func makeBase() (base, error) {
	shape := shapes.ByName("multi-platform").WithRoot(func(index *ocispec.Index) {
		index.Manifests = slices.DeleteFunc(index.Manifests, func(entry ocispec.Descriptor) bool {
			return entry.Platform == nil || entry.Platform.OS != "linux" || entry.Platform.Variant != "" || entry.Annotations != nil ||
				entry.Platform.Architecture != runtime.GOARCH && entry.Platform.Architecture != "s390x"
		})
	})
	entries, err := shape.Entries()
	if err != nil {
		return base{}, err
	}
	made := base{shape: shape, root: shape.Root.Digest}
	for _, entry := range entries {
		if entry.Platform.Architecture == runtime.GOARCH {
			made.own = entry.Digest
		} else {
			made.other = entry.Digest
		}
	}
	if len(entries) != 2 || made.own == "" || made.other == "" {
		return base{}, fmt.Errorf("the base image has %d entries, want one for this machine and one for another", len(entries))
	}
	return made, nil
}

// thing is what is attached: an artifact that is about one subject.
type thing struct {
	what    string // for messages
	digest  digest.Digest
	subject digest.Digest
	kinds   []string
	source  string // one by which it is found; empty: any
	sbom    []byte // content of the layer that holds the SBOM
	tag     bool   // only a list of the repository's tags tells of it; a node asks for none
}

// Kinds, as refract tells of them.
const (
	kindSBOM            = "sbom"
	kindSignature       = "signature"
	kindProvenance      = "provenance"
	kindAttestation     = "attestation"
	kindVEX             = "vex"
	kindVulnerabilities = "vulnerabilities"
	kindSOCI            = "soci"
)

// referrersSource is how what has a subject is found in the bench's registry.
func (b *bench) referrersSource() string {
	if b.at.api {
		return "referrers-api"
	}
	return "referrers-tag"
}

// attached notes what a producer has made.
func (b *bench) attached(made ...thing) { b.things = append(b.things, made...) }

// Predicates and documents that producers are given.
var (
	spdx       = []byte(`{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"app","dataLicense":"CC0-1.0","documentNamespace":"https://example.test/app","creationInfo":{"created":"2026-01-01T00:00:00Z","creators":["Tool: test"]},"packages":[]}`)
	cyclonedx  = []byte(`{"bomFormat":"CycloneDX","specVersion":"1.6","version":1,"components":[]}`)
	openvex    = []byte(`{"@context":"https://openvex.dev/ns/v0.2.0","@id":"https://example.test/vex","author":"test","timestamp":"2026-01-01T00:00:00Z","version":1,"statements":[]}`)
	sarif      = []byte(`{"version":"2.1.0","$schema":"https://json.schemastore.org/sarif-2.1.0.json","runs":[]}`)
	provenance = []byte(`{"buildDefinition":{"buildType":"https://example.test/build","externalParameters":{}},"runDetails":{"builder":{"id":"https://example.test/builder"}}}`)
	oldSLSA    = []byte(`{"builder":{"id":"https://example.test/builder"},"buildType":"https://example.test/build","invocation":{}}`)
	vulnReport = []byte(`{"invocation":{"parameters":[],"uri":"","event_id":"","builder.id":""},"scanner":{"uri":"https://example.test/scanner","version":"1","db":{"uri":"","version":""},"result":{}},"metadata":{"scanStartedOn":"2026-01-01T00:00:00Z","scanFinishedOn":"2026-01-01T00:00:00Z"}}`)
	readme     = []byte("what the image is for\n")
)

func decode[T any](t *testing.T, text []byte) T {
	t.Helper()
	var value T
	if err := json.Unmarshal(text, &value); err != nil {
		t.Fatalf("%v in %s", err, text)
	}
	return value
}
