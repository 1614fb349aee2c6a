// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Command buildkit FOLDER writes tests/producers/testdata anew: image layouts with the manifests that BuildKit's own image writer makes
// of an image for two platforms with an SBOM and provenance. BuildKit's daemon would ask for a builder's rights, and for scanners that
// it pulls; its writer only needs what these would hand it. The images have no layers, to keep the layouts small.
package main

import (
	"context"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/plugins/content/local"
	"github.com/moby/buildkit/cache"
	"github.com/moby/buildkit/exporter"
	"github.com/moby/buildkit/exporter/containerimage"
	"github.com/moby/buildkit/exporter/containerimage/exptypes"
	gatewaypb "github.com/moby/buildkit/frontend/gateway/pb"
	"github.com/moby/buildkit/solver/result"
	"github.com/moby/buildkit/util/compression"
	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

func main() {
	for name, artifact := range map[string]bool{"artifact": true, "image": false} {
		if err := write(context.Background(), filepath.Join(os.Args[1], "buildkit-"+name), artifact); err != nil {
			fmt.Fprintln(os.Stderr, "buildkit:", err)
			os.Exit(1)
		}
	}
}

// platforms are those of the images; refract's tests run on one of them.
var platforms = []string{"amd64", "arm64"}

// attestations are those that BuildKit makes by default with --sbom and --provenance, as far as the writer cares.
var attestations = []struct{ name, predicate, content string }{
	{"sbom.spdx.json", "https://spdx.dev/Document", `{"spdxVersion":"SPDX-2.3","SPDXID":"SPDXRef-DOCUMENT","name":"sbom of %s","dataLicense":"CC0-1.0","documentNamespace":"https://example.test/%[1]s","creationInfo":{"created":"2026-01-01T00:00:00Z","creators":["Tool: scanner"]},"packages":[]}`},
	{"provenance.json", "https://slsa.dev/provenance/v1", `{"buildDefinition":{"buildType":"https://github.com/moby/buildkit/blob/master/docs/attestations/slsa-definitions.md","externalParameters":{"platform":%q}},"runDetails":{"builder":{"id":""}}}`},
}

// source is what a build hands to the writer.
func source() (*exporter.Source, error) {
	made := &exporter.Source{}
	listed := exptypes.Platforms{}
	for _, architecture := range platforms {
		platform := ocispec.Platform{OS: "linux", Architecture: architecture}
		id := "linux/" + architecture
		listed.Platforms = append(listed.Platforms, exptypes.Platform{ID: id, Platform: platform})
		config, err := json.Marshal(ocispec.Image{Platform: platform, RootFS: ocispec.RootFS{Type: "layers", DiffIDs: []digest.Digest{}}})
		if err != nil {
			return nil, err
		}
		made.AddRef(id, cache.ImmutableRef(nil))
		made.AddMeta(exptypes.ExporterImageConfigKey+"/"+id, config)
		for _, of := range attestations {
			text := fmt.Appendf(nil, of.content, id)
			made.AddAttestation(id, exporter.Attestation{
				Kind: gatewaypb.AttestationKind_InToto, Path: of.name, InToto: result.InTotoAttestation{PredicateType: of.predicate},
				ContentFunc: func(context.Context) ([]byte, error) { return text, nil },
			})
		}
	}
	text, err := json.Marshal(listed)
	made.AddMeta(exptypes.ExporterPlatformsKey, text)
	return made, err
}

// write writes one layout, with the image under v1.
func write(ctx context.Context, folder string, artifact bool) error {
	if err := os.RemoveAll(folder); err != nil {
		return err
	}
	work, err := os.MkdirTemp("", "buildkit-layout-")
	if err != nil {
		return err
	}
	defer os.RemoveAll(work)
	store, err := local.NewLabeledStore(work, labels{})
	if err != nil {
		return err
	}
	writer, err := containerimage.NewImageWriter(containerimage.WriterOpt{ContentStore: store})
	if err != nil {
		return err
	}
	from, err := source()
	if err != nil {
		return err
	}
	oci := true
	options := &containerimage.ImageCommitOpts{ImageName: "docker.io/library/app:v1", OCITypes: &oci, OCIArtifact: &artifact}
	options.RefCfg.Compression = compression.New(compression.Default)
	root, _, err := writer.Commit(ctx, from, "", nil, options, 0, "oci")
	if err != nil {
		return err
	}
	blobs := filepath.Join(folder, "blobs", "sha256")
	if err := os.MkdirAll(blobs, 0o755); err != nil {
		return err
	}
	if err := store.Walk(ctx, func(info content.Info) error {
		bytes, err := content.ReadBlob(ctx, store, ocispec.Descriptor{Digest: info.Digest, Size: info.Size})
		if err != nil {
			return err
		}
		return os.WriteFile(filepath.Join(blobs, info.Digest.Encoded()), bytes, 0o644)
	}); err != nil {
		return err
	}
	root.Annotations = map[string]string{ocispec.AnnotationRefName: "v1"}
	index, err := json.Marshal(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{*root}})
	if err != nil {
		return err
	}
	if err := os.WriteFile(filepath.Join(folder, "index.json"), index, 0o644); err != nil {
		return err
	}
	return os.WriteFile(filepath.Join(folder, "oci-layout"), []byte(`{"imageLayoutVersion":"1.0.0"}`), 0o644)
}

// labels keeps none: they are for a garbage collector.
type labels struct{}

func (labels) Get(digest.Digest) (map[string]string, error)                       { return nil, nil }
func (labels) Set(digest.Digest, map[string]string) error                         { return nil }
func (labels) Update(digest.Digest, map[string]string) (map[string]string, error) { return nil, nil }
