// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/registries"
	"github.com/refract-oci/refract/tests/shapes"
)

// TestReferencesFromElsewhere: what real registries hold besides the index is fetched with the pod's own credentials, listed without a
// registry, and goes with the image.
func TestReferencesFromElsewhere(t *testing.T) {
	kinds := []registries.Options{
		{Kind: registries.Distribution, Login: registries.Bearer, Plain: true},
		{Kind: registries.Docker, Login: registries.Basic, Plain: true},
		{Kind: registries.GoContainerRegistry, Plain: true},
	}
	everyPod(t, "elsewhere", func(t *testing.T, with starter) {
		daemon := start(t, with, harness.Config{Policy: fetching + "discover = [\"digest-tag\", \"referrers\", \"cosign\"]\n"})
		for _, options := range kinds {
			t.Run(string(options.Kind), func(t *testing.T) {
				shape, all := shapes.EverySource()
				server := registries.StartFor(t, options)
				if err := server.Push(t.Context(), "app", shape, "v1"); err != nil {
					t.Fatal(err)
				}
				if options.Kind != registries.GoContainerRegistry {
					all = shapes.WithoutSource(all, "referrers-api")
				}
				name := server.Host + "/app:v1"
				request := &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}}
				if options.Login != registries.Anonymous {
					request.Auth = &cri.AuthConfig{Username: registries.User, Password: registries.Password}
				}
				if _, err := daemon.Images.PullImage(t.Context(), request); err != nil {
					t.Fatal(err)
				}
				listed, err := attached(t.Context(), daemon, name)
				if err != nil {
					t.Fatal(err)
				}
				want := elsewhere(all)
				if got := sorted(listed); !slices.Equal(got, want) {
					t.Errorf("%d are listed from elsewhere, want %d", len(got), len(want))
				}
				for d, present := range listed {
					if present != "yes" {
						t.Errorf("%s is present: %s", d, present)
					}
				}
				if err := daemon.CRIRemove(t.Context(), name); err != nil {
					t.Fatal(err)
				}
				nothingStays(t, daemon, criNamespace)
			})
		}
	})
}

// elsewhere are the references that a pull finds besides the index: not what only a list of tags would tell of, under a suffix.
func elsewhere(all []shapes.Reference) []digest.Digest {
	listed := map[digest.Digest]string{}
	for _, one := range all {
		outside := !slices.Contains(one.Sources, "index") && slices.ContainsFunc(one.Sources, func(source string) bool { return strings.Contains(source, "-") })
		if outside && !strings.Contains(one.Type, "licence") {
			listed[one.Digest] = "yes"
		}
	}
	return sorted(listed)
}

func sorted(listed map[digest.Digest]string) []digest.Digest {
	var digests []digest.Digest
	for d := range listed {
		digests = append(digests, d)
	}
	slices.Sort(digests)
	return digests
}

// attached are the references that ctr-refract lists with a source outside of the index, and whether they are present: asked of
// each socket that there is, which must say the same.
func attached(ctx context.Context, daemon *harness.Daemon, name string) (map[digest.Digest]string, error) {
	ask := func(socket string) (harness.Result, error) {
		result, err := daemon.CtrAt(ctx, shared.tools.RefractCtr, socket, criNamespace, "references", "ls", "--output", "json", name)
		return result, errors.Join(err, result.Err())
	}
	result, err := ask(daemon.Socket)
	if err != nil {
		return nil, err
	}
	if daemon.Front != nil {
		if served, err := ask(daemon.Front.Socket); err != nil || served.Stdout != result.Stdout {
			return nil, fmt.Errorf("refractd's service and the stores differ: %w: %s and %s", err, served.Stdout, result.Stdout)
		}
	}
	var document struct {
		References []struct {
			Digest  digest.Digest `json:"digest"`
			Sources []string      `json:"sources"`
			Present string        `json:"present"`
		} `json:"references"`
	}
	if err := json.Unmarshal([]byte(result.Stdout), &document); err != nil {
		return nil, fmt.Errorf("%w in %s", err, result.Stdout)
	}
	listed := map[digest.Digest]string{}
	for _, one := range document.References {
		if slices.ContainsFunc(one.Sources, func(source string) bool { return strings.Contains(source, "-") }) {
			listed[one.Digest] = one.Present
		}
	}
	return listed, nil
}
