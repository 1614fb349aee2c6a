// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// list asks the referrers API, and nothing else.
func list(s *site, flags ...string) command {
	return asking(s, append([]string{"references", "ls", "--no-trunc", "--direct", "--source", "referrers-api"}, flags...)...)
}

// referrer number n, which only the list knows.
func referrer(n int) ocispec.Descriptor {
	return ocispec.Descriptor{
		MediaType: ocispec.MediaTypeImageManifest, Digest: digest.FromString(fmt.Sprint("referrer ", n)), Size: 100, ArtifactType: sbomType,
	}
}

// lists answers questions for referrers.
func lists(c *content, answer http.HandlerFunc) http.HandlerFunc {
	return c.instead("referrers", answer)
}

func TestNextPageIsRefused(t *testing.T) {
	for name, one := range map[string]struct {
		link  string // %s is the other site
		words string
	}{
		"at another host":             {"http://%s/v2/app/referrers/next", "another host"},
		"at another host, no scheme":  {"//%s/v2/app/referrers/next", "another host"},
		"with TLS":                    {"https://%s/v2/", "another host"},
		"with a password":             {"http://canary-user:canary-password@%s/v2/", "user name or password"},
		"outside of the path":         {"/metrics?%s", "outside"},
		"above the path":              {"/v2/../metrics?%s", "outside"},
		"above the path, encoded":     {"/v2/%%2e%%2e/metrics?%s", "outside"},
		"of another protocol":         {"ftp://%s/?token=canary-token", "http"},
		"with characters no URL has":  {"http://%s/\x1b?token=canary-token", "no URL"},
		"with a path like its prefix": {"/v2x/app/referrers/?%s", "outside"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			evil := canary(t)
			s := listen(t, false, lists(newContent(), func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Link"] = []string{"<" + fmt.Sprintf(one.link, evil.host()) + `>; rel="next"`}
				send(w, indexOf(referrer(1)))
			}))
			got := list(s, "--allow-host", evil.host()).run(t)
			got.warns(t, "next page", one.words)
			got.tellsNone(t, secrets()...)
			evil.isUntouched(t)
			if n := s.count("metrics"); n != 0 {
				t.Error("it was asked outside of its API")
			}
		})
	}
}

func TestNextPageIsTheSame(t *testing.T) {
	s := listen(t, false, lists(newContent(), func(w http.ResponseWriter, r *http.Request) {
		w.Header().Set("Link", "<"+r.URL.RequestURI()+`>; rel="next"`)
		send(w, indexOf(referrer(1)))
	}))
	list(s).run(t).warns(t, "next page is the same")
	if n := s.count("/referrers/"); n != 1 {
		t.Errorf("%d pages were asked for", n)
	}
}

// paged answers with so many pages, one referrer on each.
func paged(c *content, pages int64, asked *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if !strings.HasSuffix(r.URL.Path, digest.FromBytes(c.index).String()) {
			send(w, indexOf()) // of the image, about which it asks, too
			return
		}
		n := asked.Add(1)
		if n < pages {
			w.Header().Set("Link", fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, n))
		}
		send(w, indexOf(referrer(int(n))))
	}
}

func TestPagesAreCounted(t *testing.T) {
	for pages, right := range map[int64]bool{100: true, 101: false, 1 << 40: false} {
		t.Run(fmt.Sprint(pages), func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			c := newContent()
			got := list(listen(t, false, lists(c, paged(c, pages, &asked)))).run(t)
			if right {
				got.succeeds(t)
			} else {
				got.warns(t, "more pages than the limit of 100")
			}
			if n := asked.Load(); n != 100 {
				t.Errorf("want 100 pages asked for, there were %d", n)
			}
		})
	}
}

func TestFoundReferencesAreCounted(t *testing.T) {
	for count, right := range map[int]bool{1000: true, 1001: false} {
		t.Run(fmt.Sprint(count), func(t *testing.T) {
			t.Parallel()
			entries := make([]ocispec.Descriptor, count)
			for i := range entries {
				entries[i] = referrer(i)
			}
			c := newContent()
			root := digest.FromBytes(c.index).String()
			s := listen(t, false, lists(c, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasSuffix(r.URL.Path, root) {
					send(w, indexOf(entries...))
					return
				}
				send(w, indexOf())
			}))
			got := list(s).run(t)
			if !right {
				got.warns(t, "1000")
				return
			}
			got.succeeds(t)
			for _, entry := range entries {
				if !strings.Contains(got.stdout, entry.Digest.String()) {
					t.Fatalf("%s is not listed", entry.Digest)
				}
			}
		})
	}
}

// TestRegistryLacksLists: one that cannot list tags or referrers, in whatever way it says so, is asked for the tags one by one, and
// what the index holds is there as ever.
func TestRegistryLacksLists(t *testing.T) {
	for _, status := range []int{http.StatusBadRequest, http.StatusNotFound, http.StatusMethodNotAllowed, http.StatusNotImplemented} {
		t.Run(http.StatusText(status), func(t *testing.T) {
			t.Parallel()
			c := newContent()
			signature := c.manifest(ocispec.MediaTypeEmptyJSON, "", c.add("application/vnd.dev.cosign.simplesigning.v1+json", []byte(`{}`)))
			c.documents[strings.Replace(c.image.Digest.String(), ":", "-", 1)+".sig"] = c.documents[signature.Digest.String()]
			s := listen(t, false, func(w http.ResponseWriter, r *http.Request) {
				if isFor(r, "referrers") || isFor(r, "tags") {
					w.WriteHeader(status)
					return
				}
				c.serve(w, r)
			})
			got := asking(s, "references", "ls", "--no-trunc").run(t)
			got.succeeds(t)
			for _, d := range []digest.Digest{c.sbom.Digest, signature.Digest} {
				if !strings.Contains(got.stdout, d.String()) {
					t.Errorf("%s is not listed: %q", d, got.stdout)
				}
			}
			if !strings.Contains(got.stderr, "suffix were not looked for") {
				t.Errorf("nothing tells that tags were not listed: %q", got.stderr)
			}
		})
	}
}

// TestLargePagesAreBoundedTogether: each is within the limit of a document, all are not within memory.
func TestLargePagesAreBoundedTogether(t *testing.T) {
	padding := encode(ocispec.Index{Versioned: specs.Versioned{SchemaVersion: 2}, Manifests: []ocispec.Descriptor{}, MediaType: ocispec.MediaTypeImageIndex, Annotations: map[string]string{"a": strings.Repeat("x", 60<<10)}})
	for name, words := range map[string][]string{"referrers": {"references", "ls", "--direct", "--source", "referrers-api"}, "tags": {"references", "ls", "--scan-tags"}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var sent atomic.Int64
			var n atomic.Int64
			c := newContent()
			s := listen(t, false, func(w http.ResponseWriter, r *http.Request) {
				if !isFor(r, "referrers") && !isFor(r, "tags") {
					c.serve(w, r)
					return
				}
				w.Header().Set("Link", fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, n.Add(1)))
				page := append([]byte{}, padding...)
				if isFor(r, "tags") {
					page = encode(map[string]any{"name": "app", "tags": []string{fmt.Sprintf("t%08d", n.Load())}})
				}
				page = append(page, strings.Repeat(" ", 4*MiB-len(page))...)
				written, _ := w.Write(page)
				sent.Add(int64(written))
			})
			got := asking(s, words...).run(t)
			t.Logf("%d MiB were sent, it took %d MiB of memory and said %q", sent.Load()/MiB, got.memory/MiB, got.stderr)
			if got.code != 0 || !strings.Contains(got.stderr, "67108864 bytes") {
				t.Errorf("it exits with %d", got.code)
			}
			if got.memory > mostOfSmall {
				t.Errorf("it took %d MiB of memory", got.memory/MiB)
			}
		})
	}
}
