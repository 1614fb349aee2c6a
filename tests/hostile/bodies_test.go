// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"bytes"
	"crypto/sha512"
	"encoding/hex"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// kinds of things that get reads, as they stand in paths.
var kinds = []string{"manifests", "blobs"}

// endless writes until the client goes away.
func endless(w http.ResponseWriter, r *http.Request) {
	for r.Context().Err() == nil {
		if _, err := w.Write(make([]byte, 64<<10)); err != nil {
			return
		}
	}
}

// TestDeclaredSizes: whatever a descriptor says, no more is read than that, and nothing else is believed.
func TestDeclaredSizes(t *testing.T) {
	for size, words := range map[int64]string{
		-1: "size", 0: "size mismatch", 1: "size mismatch", int64(len(payload)) - 1: "size mismatch", int64(len(payload)) + 1: "size mismatch",
		1 << 31: "size mismatch", 1 << 62: "size mismatch", 1<<63 - 1: "size mismatch",
	} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			c := newContent(func(layer *ocispec.Descriptor) { layer.Size = size })
			dir := t.TempDir()
			get(listen(t, false, c.serve), "-o", dir+"/").run(t).fails(t, 1, words)
			isEmpty(t, dir)
		})
	}
	t.Run("beyond 63 bits", func(t *testing.T) {
		c := newContent()
		c.documents["v1"] = bytes.Replace(c.index, fmt.Appendf(nil, `"size":%d`, c.sbom.Size), []byte(`"size":9223372036854775808`), 1)
		inspect(listen(t, false, c.serve)).run(t).fails(t, 1, "size")
	})
}

// TestDeclaredSizeIsNoPermission: of an endless blob so much is read as its descriptor says, and a byte.
func TestDeclaredSizeIsNoPermission(t *testing.T) {
	for _, size := range []int64{0, 1000, MiB} {
		t.Run(fmt.Sprint(size), func(t *testing.T) {
			t.Parallel()
			c := newContent(func(layer *ocispec.Descriptor) { layer.Size = size })
			get(listen(t, false, c.instead("blobs", endless))).run(t).failsLate(t, 1)
		})
	}
}

// TestDocumentsAreBounded: by what comes, not by what is declared.
func TestDocumentsAreBounded(t *testing.T) {
	for _, declared := range []bool{true, false} {
		for over, right := range map[int]bool{-1: true, 0: true, 1: false} {
			t.Run(fmt.Sprintf("declared %v, 4 MiB %+d", declared, over), func(t *testing.T) {
				t.Parallel()
				c := newContent()
				bytes := append(append([]byte{}, c.index...), strings.Repeat(" ", 4*MiB+over-len(c.index))...)
				s := listen(t, false, c.instead("manifests", func(w http.ResponseWriter, r *http.Request) {
					if !strings.HasSuffix(r.URL.Path, "/v1") {
						c.serve(w, r)
						return
					}
					if declared {
						w.Header().Set("Content-Length", fmt.Sprint(len(bytes)))
					}
					_, _ = w.Write(bytes)
				}))
				got := inspect(s).run(t)
				if right {
					got.succeeds(t)
				} else {
					got.fails(t, 1, "4194304 bytes")
				}
			})
		}
	}
}

func TestEndlessAnswers(t *testing.T) {
	for name, one := range map[string]struct {
		answer http.HandlerFunc
		words  string
	}{
		"body":             {endless, ""},
		"body of an error": {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusForbidden); endless(w, r) }, "wants credentials"},
		"body of a 404":    {func(w http.ResponseWriter, r *http.Request) { w.WriteHeader(http.StatusNotFound); endless(w, r) }, "does not have it"},
		"body of a redirect": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Location", "/elsewhere")
			w.WriteHeader(http.StatusTemporaryRedirect)
			endless(w, r)
		}, "does not have it"},
		"header":       {raw("HTTP/1.1 200 OK\r\n", "X-More: "+strings.Repeat("x", 1000)+"\r\n"), ""},
		"header line":  {raw("HTTP/1.1 200 OK\r\nX-More: ", strings.Repeat("x", 1000)), ""},
		"interim ones": {raw("", "HTTP/1.1 103 Early Hints\r\nLink: </"+strings.Repeat("x", 1000)+">\r\n\r\n"), ""},
		"status line":  {raw("HTTP/1.1 200 ", strings.Repeat("x", 1000)), ""},
		"chunk header": {raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n1;", strings.Repeat("x", 1000)), ""},
		"trailer":      {raw("HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n", "X-More: "+strings.Repeat("x", 1000)+"\r\n"), ""},
	} {
		for _, kind := range kinds {
			t.Run(name+" for "+kind, func(t *testing.T) {
				t.Parallel()
				code := 1
				if one.words == "does not have it" {
					code = 3
				}
				got := get(listen(t, false, newContent().instead(kind, one.answer))).run(t)
				got.failsLate(t, code, one.words)
			})
		}
	}
}

// raw writes the first text, and the second again and again, past net/http.
func raw(first, again string) http.HandlerFunc {
	return pastHTTP(func(connection net.Conn) {
		_, err := connection.Write([]byte(first))
		for err == nil {
			_, err = connection.Write([]byte(again))
		}
	})
}

// pastHTTP answers with whatever is written to the connection.
func pastHTTP(answer func(net.Conn)) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		connection, _, err := http.NewResponseController(w).Hijack()
		if err != nil {
			panic(err)
		}
		defer connection.Close()
		answer(connection)
	}
}

// TestWrongBytesAreRefused, whatever the headers say of them.
func TestWrongBytesAreRefused(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			c := newContent()
			s := listen(t, false, c.instead(kind, func(w http.ResponseWriter, r *http.Request) {
				reference := r.URL.Path[strings.LastIndex(r.URL.Path, "/")+1:]
				bytes := append([]byte{}, append(c.documents[reference], c.blobs[reference]...)...)
				if reference != "v1" {
					bytes[len(bytes)-2] ^= 1
					w.Header().Set("Docker-Content-Digest", reference)
				}
				send(w, bytes)
			}))
			dir := t.TempDir()
			get(s, "-o", dir+"/").run(t).fails(t, 1, "digest mismatch")
			isEmpty(t, dir)
		})
	}
}

func isEmpty(t *testing.T, dir string) {
	t.Helper()
	files, err := filepath.Glob(filepath.Join(dir, "*"))
	hidden, err2 := filepath.Glob(filepath.Join(dir, ".*"))
	if err != nil || err2 != nil || len(files)+len(hidden) != 0 {
		t.Errorf("something was left: %q, %q", files, hidden)
	}
}

// TestDigestHeaderOfTag: it must be true, of an algorithm that can be judged.
func TestDigestHeaderOfTag(t *testing.T) {
	c := newContent()
	sum := sha512.Sum512(c.index)
	for name, one := range map[string]struct{ says, words string }{
		"none":            {"", ""},
		"right":           {digest.FromBytes(c.index).String(), ""},
		"right, sha512":   {"sha512:" + hex.EncodeToString(sum[:]), ""},
		"another":         {digest.FromString("x").String(), "another digest than its bytes have"},
		"another, sha512": {digest.SHA512.FromString("x").String(), "another digest than its bytes have"},
		"upper case":      {strings.ToUpper(digest.FromBytes(c.index).String()), "malformed digest"},
		"a path":          {"sha256:../../etc", "malformed digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := listen(t, false, func(w http.ResponseWriter, r *http.Request) {
				if one.says != "" {
					w.Header().Set("Docker-Content-Digest", one.says)
				}
				c.serve(w, r)
			})
			got := asking(s, "references", "ls", "--source", "index").run(t)
			if one.words == "" {
				got.succeeds(t)
			} else {
				got.fails(t, 1, one.words)
			}
		})
	}
}

// TestAlgorithmIsNotSwapped: bytes that were asked for by one algorithm are not right by another.
func TestAlgorithmIsNotSwapped(t *testing.T) {
	sum := sha512.Sum512([]byte(payload))
	for name, one := range map[string]struct{ asked, words string }{
		"sha512 asked, sha256 of right length":  {"sha512:" + strings.Repeat(digest.FromString(payload).Encoded(), 2), "digest mismatch"},
		"sha256 asked, half of a sha512":        {"sha256:" + hex.EncodeToString(sum[:32]), "digest mismatch"},
		"one that cannot be verified":           {"blake3:" + digest.FromString(payload).Encoded(), "cannot be verified"},
		"sha256 with the length of sha512":      {"sha256:" + hex.EncodeToString(sum[:]), "digest"},
		"sha384, which nobody here can judge":   {"sha384:" + hex.EncodeToString(sum[:48]), "cannot be verified"},
		"upper case, which some registries eat": {"sha256:" + strings.ToUpper(digest.FromString(payload).Encoded()), "digest"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContent(func(layer *ocispec.Descriptor) { layer.Digest = digest.Digest(one.asked) })
			s := listen(t, false, c.instead("blobs", func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Docker-Content-Digest", digest.FromString(payload).String())
				send(w, []byte(payload))
			}))
			dir := t.TempDir()
			get(s, "-o", dir+"/").run(t).fails(t, 1, one.words)
			isEmpty(t, dir)
		})
	}
}

// TestDocumentsThatCanBeReadInTwoWays are refused under any Content-Type.
func TestDocumentsThatCanBeReadInTwoWays(t *testing.T) {
	c := newContent()
	text := string(c.index)
	for name, document := range map[string]string{
		"manifests and layers":    text[:len(text)-1] + `,"layers":[]}`,
		"manifests and a config":  text[:len(text)-1] + `,"config":{"mediaType":"a/b","digest":"` + c.image.Digest.String() + `","size":1}}`,
		"manifests twice":         text[:len(text)-1] + `,"manifests":[]}`,
		"manifests in other case": text[:len(text)-1] + `,"MANIFESTS":[]}`,
		"a key twice in an entry": strings.Replace(text, `"size":`, `"size":1,"size":`, 1),
		"two documents":           text + text,
		"a byte-order mark":       "\ufeff" + text,
		"not UTF-8":               strings.Replace(text, "sbom", "sb\xffm", 1),
		"escapes":                 "\x1b]0;owned\x07",
		"nothing":                 "",
	} {
		for _, mediaType := range []string{ocispec.MediaTypeImageIndex, ocispec.MediaTypeImageManifest, "text/html"} {
			t.Run(name+" as "+filepath.Base(mediaType), func(t *testing.T) {
				t.Parallel()
				s := listen(t, false, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Content-Type", mediaType)
					send(w, []byte(document))
				})
				inspect(s).run(t).fails(t, 1)
			})
		}
	}
}

// TestTagIsResolvedOnce: what it is moved to meanwhile is never seen.
func TestTagIsResolvedOnce(t *testing.T) {
	c := newContent()
	other := newContent(func(layer *ocispec.Descriptor) { layer.MediaType = "text/swapped" })
	var asked atomic.Int64
	s := listen(t, false, func(w http.ResponseWriter, r *http.Request) {
		if strings.HasSuffix(r.URL.Path, "/manifests/v1") {
			if asked.Add(1) > 1 {
				send(w, other.index)
				return
			}
		}
		c.serve(w, r)
	})
	dir := t.TempDir()
	asking(s, "references", "get", "-o", dir+"/").run(t).succeeds(t)
	if n := s.count("/manifests/v1"); n != 1 {
		t.Errorf("it was asked for %d times", n)
	}
	if _, err := os.Stat(filepath.Join(dir, c.blob.Digest.Encoded())); err != nil {
		t.Error(err)
	}
}
