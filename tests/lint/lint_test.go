// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package lint

import (
	"encoding/json"
	"errors"
	"net/http"
	"os"
	"os/exec"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

var platform = "linux/" + runtime.GOARCH

type finding struct {
	ID       string   `json:"id"`
	Severity string   `json:"severity"`
	Platform string   `json:"platform"`
	Message  string   `json:"message"`
	Clients  []string `json:"clients"`
}

type report struct {
	SchemaVersion int       `json:"schemaVersion"`
	Findings      []finding `json:"findings"`
	Registry      struct {
		ReferrersAPI  string `json:"referrersApi"`
		ETags         string `json:"etags"`
		NestedIndexes string `json:"nestedIndexes"`
	} `json:"registry"`
}

func (r report) has(id, client string) bool {
	return slices.ContainsFunc(r.Findings, func(one finding) bool {
		return one.ID == id && one.Platform == platform && slices.Contains(one.Clients, client)
	})
}

func (r report) errors() bool {
	return slices.ContainsFunc(r.Findings, func(one finding) bool { return one.Severity == "error" })
}

// world is the command, and a registry that serves shapes byte for byte.
type world struct {
	program  string
	registry *registry.Server
}

func open(t *testing.T) world {
	t.Helper()
	program, err := programs.Find("bin", "refract")
	if err != nil {
		t.Fatal(err)
	}
	server, err := registry.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := server.Close(); err != nil {
			t.Error(err)
		}
	})
	return world{program, server}
}

func (w world) reference(shape shapes.Shape) string {
	return w.registry.Host() + "/" + shape.Name + ":latest"
}

// run returns the exit code and what is printed, as JSON if there is any.
func (w world) run(t *testing.T, into any, arguments ...string) int {
	t.Helper()
	command := exec.CommandContext(t.Context(), w.program, append([]string{"--plain-http", "--output", "json"}, arguments...)...)
	command.Env = append(os.Environ(), "HOME="+t.TempDir(), "DOCKER_CONFIG="+t.TempDir())
	printed, err := command.Output()
	exit := new(exec.ExitError)
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	if len(printed) > 0 {
		if err := json.Unmarshal(printed, into); err != nil {
			t.Fatalf("refract %q: %v: %s", arguments, err, printed)
		}
	}
	return command.ProcessState.ExitCode()
}

// TestShapes: where a client's prediction differs from refract's selection, lint says so.
func TestShapes(t *testing.T) {
	w := open(t)
	differ := 0
	for _, shape := range shapes.EndToEnd() {
		t.Run(shape.Name, func(t *testing.T) {
			w.registry.Add(shape.Name, shape, "latest")
			var selected struct {
				Selected struct {
					Digest string `json:"digest"`
				} `json:"selected"`
			}
			var predicted struct {
				Clients []struct {
					Client  string `json:"client"`
					Outcome string `json:"outcome"`
					Digest  string `json:"digest"`
				} `json:"clients"`
			}
			var told report
			code := w.run(t, &told, "lint", w.reference(shape))
			if want := map[bool]int{false: 0, true: 1}[told.errors()]; code != want {
				t.Errorf("lint exits with %d, want %d: %+v", code, want, told)
			}
			if w.run(t, &selected, "select", "--platform", platform, w.reference(shape)) != 0 {
				return // nothing to differ from
			}
			w.run(t, &predicted, "select", "--platform", platform, "--as", "containerd,crane,regctl,skopeo", w.reference(shape))
			if len(predicted.Clients) != 4 {
				t.Fatalf("predicted: %+v", predicted)
			}
			for _, one := range predicted.Clients {
				want := ""
				switch {
				case one.Outcome == "unknown":
					want = "client-unknown"
				case one.Outcome != "selects":
					want = "client-fails"
				case one.Digest != selected.Selected.Digest:
					want = "client-picks-other"
				}
				for _, id := range []string{"client-unknown", "client-fails", "client-picks-other"} {
					if has := told.has(id, one.Client); has != (id == want) {
						t.Errorf("%s of %s is told: %v, its outcome is %s %s and refract selects %s: %+v",
							id, one.Client, has, one.Outcome, one.Digest, selected.Selected.Digest, told.Findings)
					}
				}
				if want != "" {
					differ++
				}
			}
		})
	}
	if differ == 0 {
		t.Error("no client differs in any shape, so nothing was tested")
	}
	t.Logf("%d predictions differ from what refract selects", differ)
}

// TestOrdinaryImage: of a multi-platform image without artifacts nothing is said.
func TestOrdinaryImage(t *testing.T) {
	w := open(t)
	shape := shapes.ByName("images-first").WithRoot(func(index *ocispec.Index) {
		index.Manifests = index.Manifests[:2] // the images
	})
	w.registry.Add(shape.Name, shape, "latest")
	var told report
	if code := w.run(t, &told, "lint", "--strict", w.reference(shape)); code != 0 {
		t.Errorf("exit code %d", code)
	}
	if told.SchemaVersion != 1 || len(told.Findings) != 0 {
		t.Errorf("told: %+v", told)
	}
}

// TestManyPlatforms: of the ordinary image of many platforms only that is said which no index can help.
func TestManyPlatforms(t *testing.T) {
	w := open(t)
	shape := shapes.ByName("multi-platform")
	w.registry.Add(shape.Name, shape, "latest")
	var told report
	if code := w.run(t, &told, "lint", "--strict", w.reference(shape)); code != 0 {
		t.Errorf("exit code %d", code)
	}
	for _, one := range told.Findings {
		if one.Severity != "info" || !strings.HasPrefix(one.Platform, "windows(") {
			t.Errorf("told: %+v", one)
		}
	}
}

// TestRegistry: what the registry does is found out by reading.
func TestRegistry(t *testing.T) {
	w := open(t)
	shape := shapes.ByName("nested")
	w.registry.Add(shape.Name, shape, "latest")
	for _, one := range []struct {
		referrers, etags   bool
		wantAPI, wantETags string
	}{
		{false, false, "no", "no"},
		{true, true, "yes", "yes"},
	} {
		w.registry.ServeReferrers(one.referrers)
		w.registry.Inject(func(answer http.ResponseWriter, request *http.Request, _ registry.Target) bool {
			if one.etags {
				answer.Header().Set("ETag", `"a tag"`)
			}
			if request.Method != http.MethodGet && request.Method != http.MethodHead {
				t.Errorf("lint asks with %s", request.Method)
			}
			return false
		})
		var told report
		w.run(t, &told, "lint", "--registry", w.reference(shape))
		if got := told.Registry; got.ReferrersAPI != one.wantAPI || got.ETags != one.wantETags || got.NestedIndexes != "yes" {
			t.Errorf("%+v: %+v", one, got)
		}
	}
	if code := w.run(t, &report{}, "lint", "--registry", "oci:"+layout(t, shape)); code != 2 {
		t.Errorf("of a layout: exit code %d, want 2", code)
	}
}

// TestLayout: a layout is read as a registry is.
func TestLayout(t *testing.T) {
	w := open(t)
	shape := shapes.ByName("artifact-first-same-platform")
	w.registry.Add(shape.Name, shape, "latest")
	var ofRegistry, ofLayout report
	w.run(t, &ofRegistry, "lint", w.reference(shape))
	if code := w.run(t, &ofLayout, "lint", "oci:"+layout(t, shape)); code != 1 {
		t.Errorf("exit code %d, want 1", code)
	}
	if len(ofLayout.Findings) == 0 || !reflect.DeepEqual(ofLayout.Findings, ofRegistry.Findings) {
		t.Errorf("of the layout: %+v\nof the registry: %+v", ofLayout.Findings, ofRegistry.Findings)
	}
}

func layout(t *testing.T, shape shapes.Shape) string {
	t.Helper()
	dir := t.TempDir()
	if err := shape.WriteLayout(dir, "latest"); err != nil {
		t.Fatal(err)
	}
	return dir
}
