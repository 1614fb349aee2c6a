// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/printable"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// harms are what a terminal would act on, or what would make a line read as another: the one list, by name.
func harms() map[string]printable.Row {
	all := map[string]printable.Row{}
	for _, row := range printable.Harmful() {
		all[row.Name] = row
	}
	return all
}

// hostile is a shape in which everything that a registry says and a command shows is harmful.
func hostile(t *testing.T, harm string) (shapes.Shape, digest.Digest) {
	t.Helper()
	shape := shapes.ByName("images-first")
	artifact := node.Artifact(t, shape, harm, node.Piece{MediaType: harm, Title: harm, Content: []byte("one")}, node.Piece{MediaType: harm, Title: harm, Content: []byte("two")})
	entry := node.About(artifact, shape.Selected, harm)
	entry.ArtifactType = harm
	entry.Platform = &ocispec.Platform{OS: harm, Architecture: harm, Variant: harm}
	entry.Annotations["org.opencontainers.reference.description"] = harm
	malformed := node.About(node.Artifact(t, shape, "x/y"), digest.Digest(harm), harm)
	blob := node.Blob(shape, harm, []byte("a blob"))
	shape = node.Change(t, shape, func(index *ocispec.Index) {
		for i := range index.Manifests {
			if index.Manifests[i].Digest == shape.Selected {
				index.Manifests[i].Annotations = map[string]string{"dev.sigstore.cosign/bundle." + harm: harm}
			} else if index.Manifests[i].Platform != nil {
				index.Manifests[i].Platform.OSVersion = harm
			}
		}
		index.Manifests = append(index.Manifests, entry, malformed, blob)
	})
	return shape, artifact.Digest
}

// The harness checks everything that is printed; here it is made sure that there is something to check.
func TestNothingHarmfulIsPrintedRaw(t *testing.T) {
	for name, row := range harms() {
		t.Run(name, func(t *testing.T) {
			harm := row.Text
			shape, artifact := hostile(t, harm)
			p, image := pulled(t, shape)
			// Long texts are cut in tables.
			escaped := row.Shown[:min(len(row.Shown), 30)]
			for _, arguments := range [][]string{
				{"ls", image}, {"ls", "--no-trunc", image}, {"ls", "--type", harm, image}, {"tree", image}, {"tree", "--no-trunc", image},
			} {
				if out := p.succeeds(arguments...); !strings.Contains(out, escaped) {
					t.Errorf("%q does not show %q:\n%s", arguments, escaped, out)
				}
			}
			p.succeeds("ls", "--output", "json", image)
			p.succeeds("tree", "--output", "json", image)
			shown := []string{escaped}
			// What a person gave is quoted as Go does it.
			quoted := []string{native.Printable(strings.Trim(strconv.Quote(harm), `"`))}
			p.fails(1, shown, "get", "--type", harm, image)         // lists several
			p.fails(3, shown, "get", image, artifact.String())      // is not here
			p.fails(3, quoted, "get", "--type", harm+"!", image)    // none of that type
			p.fails(3, quoted, "get", image, harm)                  // none of that name
			p.fails(2, quoted, "ls", "--output="+harm, image)       // no such output
			p.fails(2, quoted, "ls", image, harm)                   // too many arguments
			p.fails(2, nil, "ls", "--"+harm, image)                 // no such flag
			p.registry.Delete(shape.Name, digest.FromString("one")) // and that is said of a reference
			p.fails(1, append(shown, "was not fetched"), "fetch", image)
			p.put(shape, contentOf(t, shape, artifact)...)
			p.fails(1, append(shown, "2 layers"), "get", image, artifact.String())
			p.fails(3, quoted, "get", "--layer="+harm, image, artifact.String())
			directory := t.TempDir()
			p.succeeds("get", "-o", directory, image, artifact.String())
			holds(t, directory, map[string]string{hexOf("one"): "one", hexOf("two"): "two"})
		})
	}
}

// What JSON says is what was there: it is escaped, not changed.
func TestJSONOfHarmfulTextDecodesToThatText(t *testing.T) {
	for name, row := range harms() {
		t.Run(name, func(t *testing.T) {
			harm := row.Text
			shape, artifact := hostile(t, harm)
			p, image := pulled(t, shape)
			var read struct {
				References []struct{ Digest, Type, ArtifactType, Description, Value string }
			}
			if err := json.Unmarshal([]byte(p.succeeds("ls", "--output", "json", image)), &read); err != nil {
				t.Fatal(err)
			}
			found, inline := false, false
			for _, reference := range read.References {
				inline = inline || reference.Value == harm
				if reference.Digest == artifact.String() {
					found = reference.Type == harm && reference.ArtifactType == harm && reference.Description == harm
				}
			}
			if !found || !inline {
				t.Errorf("read %+v", read.References)
			}
		})
	}
}

// Descriptors may be as long as an index. A line for people is not.
func TestLongTextsAreCutInTablesAndTrees(t *testing.T) {
	shape := shapes.ByName("multi-platform")
	long := strings.Repeat("\x1b[2J", 10_000)
	entry := node.About(node.Artifact(t, shape, "x/y"), shape.Selected, long)
	entry.ArtifactType = long
	shape = node.Attach(t, shape, entry, node.About(node.Artifact(t, shape, "x/z"), digest.Digest(long), "sbom"))
	p, name := pulled(t, shape)
	for _, called := range []string{"ls", "tree"} {
		for line := range strings.Lines(p.succeeds(called, name)) {
			if len(line) > 500 {
				t.Errorf("%s prints a line of %d bytes", called, len(line))
			}
		}
	}
}

// A registry may redirect to a URL that is signed, and have anything in its answers.
func TestErrorsOfTheRegistryTellNoSecretAndForgeNothing(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	parts := contentOf(t, shape, shape.References[0])
	answers := map[string]registry.Fault{
		"forbidden": func(w http.ResponseWriter, _ *http.Request, _ registry.Target) bool {
			w.WriteHeader(http.StatusForbidden)
			fmt.Fprint(w, `{"errors":[{"code":"DENIED","message":"no\u001b[2J\n fetched sha256:0000 forged canary"}]}`)
			return true
		},
		"not found": registry.Status(http.StatusNotFound),
		"failing":   registry.Status(http.StatusBadGateway),
		"no redirect": func(w http.ResponseWriter, r *http.Request, _ registry.Target) bool {
			http.Redirect(w, r, "http://127.0.0.1:1/blob?signature=canary&X-Amz-Credential=canary", http.StatusTemporaryRedirect)
			return true
		},
		"malformed redirect": func(w http.ResponseWriter, _ *http.Request, _ registry.Target) bool {
			w.Header().Set("Location", "http://user:canary@127.0.0.1:bad/blob?signature=canary")
			w.WriteHeader(http.StatusTemporaryRedirect)
			return true
		},
	}
	for name, answer := range answers {
		for i, part := range []string{"manifest", "config", "layer"} {
			t.Run(name+" "+part, func(t *testing.T) {
				p, image := pulled(t, shape)
				signed := false
				p.fault(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
					switch {
					case strings.HasPrefix(r.URL.Path, "/signed"):
						signed = true
						return answer(w, r, target)
					case target.Digest == parts[i]:
						http.Redirect(w, r, "/signed?signature=canary&X-Amz-Credential=canary", http.StatusTemporaryRedirect)
						return true
					}
					return false
				})
				got := p.fails(1, []string{shape.References[0].String() + " was not fetched", "1 of 1"}, "fetch", image)
				if !signed || strings.Contains(got.err+got.out, "canary") || strings.Contains(got.err, "?") {
					t.Errorf("told (asked for the signed URL: %v): %s%s", signed, got.out, got.err)
				}
				if strings.Count(got.err, "\n") != 2 || got.out != "" {
					t.Errorf("more than a line for each: %q", got.err)
				}
			})
		}
	}
}

// A status line is a registry's own words, too.
func TestStatusOfARegistryIsPrintedSafely(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	p, image := pulled(t, shape)
	p.fault(registry.OnGet(shape.References[0], func(w http.ResponseWriter, _ *http.Request, _ registry.Target) bool {
		connection, buffer, err := http.NewResponseController(w).Hijack()
		if err != nil {
			t.Error(err)
			return true
		}
		defer connection.Close()
		fmt.Fprint(buffer, "HTTP/1.1 418 \x1b[2J\u202eteapot\r\nContent-Length: 0\r\nConnection: close\r\n\r\n")
		_ = buffer.Flush() // who went away does not want it
		return true
	}))
	p.fails(1, []string{`418 \x1b[2J\xe2\x80\xaeteapot`}, "fetch", image)
}
