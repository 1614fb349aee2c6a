// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// escape is what a terminal must not get, in several forms.
const escape = "\x1b]0;owned\x07\x1b[2J\r\n\u009b31m\u202egnp.exe\x00"

// TestTerminalEscapes: nothing that a registry says gets at the terminal.
func TestTerminalEscapes(t *testing.T) {
	c := newContent(func(layer *ocispec.Descriptor) {
		layer.Annotations = map[string]string{ocispec.AnnotationTitle: escape}
	})
	c.sbom.ArtifactType = "a/" + escape
	c.sbom.Annotations["org.opencontainers.reference.type"] = escape
	c.sbom.Annotations["org.opencontainers.reference.description"] = escape
	c.sbom.Annotations["x"] = escape
	malformed := c.sbom
	malformed.Annotations = map[string]string{"org.opencontainers.reference.digest": escape, "org.opencontainers.reference.type": "x"}
	c.image.Platform.OSVersion, c.image.Platform.Variant = escape, escape
	c.root(c.image, c.sbom, malformed)
	s := listen(t, false, c.serve)
	for name, words := range map[string][]string{
		"inspect": {"inspect"}, "ls": {"references", "ls"}, "tree": {"references", "tree"}, "ls in full": {"references", "ls", "--no-trunc"},
		"JSON": {"references", "ls", "--output", "json"}, "tree as JSON": {"references", "tree", "--output", "json"}, "inspect as JSON": {"inspect", "--output", "json"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			got := asking(s, words...).run(t)
			got.succeeds(t)
			got.isSafe(t)
		})
	}
	t.Run("no match", func(t *testing.T) {
		t.Parallel()
		got := asking(s, "select", "--platform", "plan9/mips").run(t)
		if got.code == 0 {
			t.Error("it selects something")
		}
		got.isSafe(t)
	})
}

// TestErrorsOfRegistryAreEscaped, which are shown, because they may help.
func TestErrorsOfRegistryAreEscaped(t *testing.T) {
	body := encode(map[string]any{"errors": []map[string]string{{"code": escape, "message": escape + strings.Repeat("x", 7000)}}})
	for status, code := range map[int]int{400: 1, 401: 1, 403: 1, 404: 3, 429: 1, 451: 1, 500: 1, 599: 1} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			s := listen(t, false, func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(status)
				_, _ = w.Write(body)
			})
			inspect(s).run(t).fails(t, code, "owned")
		})
	}
}

// TestFileNames: a title is a name in the given directory, or none.
func TestFileNames(t *testing.T) {
	for name, title := range map[string]string{
		"upwards": "../evil", "absolute": "/tmp/refract-evil", "deeper": "a/b", "hidden": ".bashrc", "dot": ".", "two dots": "..", "backslash": `..\evil`,
		"option": "-rf", "escape": "a\x1b[31m", "line": "a\nb", "NUL": "a\x00b", "empty": "", "long": strings.Repeat("x", 256), "right to left": "a\u202etxt", "link": "link/evil",
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			above := t.TempDir()
			dir := filepath.Join(above, "to")
			if err := os.MkdirAll(dir, 0o755); err != nil {
				t.Fatal(err)
			}
			if err := os.Symlink(above, filepath.Join(dir, "link")); err != nil {
				t.Fatal(err)
			}
			c := newContent(func(layer *ocispec.Descriptor) {
				layer.Annotations = map[string]string{ocispec.AnnotationTitle: title}
			})
			got := get(listen(t, false, c.serve), "-o", dir).run(t)
			got.succeeds(t)
			got.isSafe(t)
			for folder, want := range map[string]string{above: "to", dir: c.blob.Digest.Encoded() + " link"} {
				entries, err := os.ReadDir(folder)
				if err != nil {
					t.Fatal(err)
				}
				var names []string
				for _, entry := range entries {
					names = append(names, entry.Name())
				}
				if got := strings.Join(names, " "); got != want {
					t.Errorf("want %q in %s, there is %q", want, folder, got)
				}
			}
		})
	}
}

// TestDebugTellsNoSecrets: whatever is logged of each request, or said of those that fail.
func TestDebugTellsNoSecrets(t *testing.T) {
	const custom, issued, refresh, signature, accessKey, cookie = "canary-header", "canary-issued", "canary-refresh", "canary-signature", "canary-access-key", "canary-cookie"
	all := append(secrets(), custom, issued, refresh, signature, accessKey, cookie, "canary-basic-header")
	for name, fail := range map[string]bool{"when all is well": false, "when it fails": true} {
		for way, login := range map[string]string{
			"password": `{"auths":{%q:{"auth":"` + basic() + `"}}}`, "identity token": `{"auths":{%q:{"identitytoken":"` + identity + `"}}}`,
		} {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				c := newContent()
				network := listen(t, false, func(w http.ResponseWriter, _ *http.Request) {
					if fail {
						w.WriteHeader(http.StatusForbidden)
						return
					}
					send(w, []byte(payload))
				})
				issuer := listen(t, false, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Set-Cookie", "session="+cookie)
					fmt.Fprintf(w, `{"token":%q,"refresh_token":%q}`, issued, refresh)
				})
				s := listen(t, false, func(w http.ResponseWriter, r *http.Request) {
					switch {
					case r.Header.Get("Authorization") != "Bearer "+issued:
						asksForToken(w, issuer.url("/token?key="+accessKey))
					case isFor(r, "blobs"):
						http.Redirect(w, r, network.url("/blob?X-Amz-Signature="+signature+"#"+accessKey), http.StatusTemporaryRedirect)
					default:
						c.serve(w, r)
					}
				})
				dir := t.TempDir()
				write(t, fmt.Sprintf("[host.%q]\nheader = {x-key = %q, x-basic = %q}\n", s.url(""), custom, "canary-basic-header"), dir, s.host(), "hosts.toml")
				got := configured(t, get(s, "--debug", "--allow-host", issuer.host(), "--allow-host", network.host(), "--hosts-dir", dir), fmt.Sprintf(login, s.host())).run(t)
				if (got.code != 0) != fail {
					t.Errorf("it exits with %d and says %q", got.code, got.stderr)
				}
				if !strings.Contains(got.stderr, "/blob") || !strings.Contains(got.stderr, "/token") {
					t.Errorf("it does not tell of all requests, so this proves nothing: %q", got.stderr)
				}
				got.tellsNone(t, all...)
				network.knowsNone(t, append(secrets(), custom, issued, refresh)...)
				issuer.knowsNone(t, custom)
			})
		}
	}
}

// TestPasswordOfStandardInput is not told, either.
func TestPasswordOfStandardInput(t *testing.T) {
	s := listen(t, false, func(w http.ResponseWriter, _ *http.Request) { challenge(w, `Basic realm="x"`) })
	c := inspect(s, "--debug", "--username", user, "--password-stdin")
	c.input = password + "\n"
	got := c.run(t)
	if got.code != 1 || !strings.Contains(got.stderr, "refuses the credentials") {
		t.Errorf("it exits with %d and says %q", got.code, got.stderr)
	}
	got.tellsNone(t, password, basic())
}
