// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"bytes"
	"compress/flate"
	"compress/gzip"
	"compress/zlib"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
)

// encode as the name of a Content-Encoding says.
func encodeAs(t *testing.T, coding string, content []byte) []byte {
	t.Helper()
	var into bytes.Buffer
	var w io.WriteCloser
	switch coding {
	case "gzip", "x-gzip", "GZip":
		w = gzip.NewWriter(&into)
	case "deflate":
		w = zlib.NewWriter(&into)
	case "raw deflate":
		w, _ = flate.NewWriter(&into, flate.BestCompression)
	default:
		return content
	}
	if _, err := w.Write(content); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	return into.Bytes()
}

// encoding sends what a handler answers in an encoding, whoever asked for it.
func encoding(t *testing.T, coding, header string, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		plain := &kept{header: http.Header{}, status: http.StatusOK}
		handler(plain, r)
		w.Header()["Content-Encoding"] = []string{header}
		if location := plain.header.Get("Location"); location != "" {
			w.Header().Set("Location", location)
		}
		w.WriteHeader(plain.status)
		_, _ = w.Write(encodeAs(t, coding, plain.body.Bytes())) // who went away does not want it
	}
}

// kept is an answer that is not sent yet.
type kept struct {
	header http.Header
	status int
	body   bytes.Buffer
}

func (k *kept) Header() http.Header               { return k.header }
func (k *kept) WriteHeader(status int)            { k.status = status }
func (k *kept) Write(content []byte) (int, error) { return k.body.Write(content) }

// TestEncodedAnswerIsDecoded: no encoding is asked for, and one that comes all the same hides nothing.
func TestEncodedAnswerIsDecoded(t *testing.T) {
	for coding, header := range map[string]string{
		"gzip": "gzip", "x-gzip": "x-gzip", "GZip": "GZip", "deflate": "deflate", "raw deflate": "deflate", "identity": "identity", "": "",
	} {
		for name, tls := range map[string]bool{"without TLS": false, "with TLS": true} {
			t.Run(coding+" "+name, func(t *testing.T) {
				t.Parallel()
				s := listen(t, tls, encoding(t, coding, header, newContent().serve))
				got := get(s).run(t)
				got.succeeds(t)
				if got.stdout != payload {
					t.Errorf("it prints %q", got.stdout)
				}
				for _, request := range s.asked() {
					if !strings.Contains(request, "Accept-Encoding: identity\r\n") {
						t.Errorf("an encoding may be sent for %q", request)
					}
				}
			})
		}
	}
}

// TestUnknownEncodingIsNamed: what cannot be decoded is not taken for something else.
func TestUnknownEncodingIsNamed(t *testing.T) {
	for header, words := range map[string]string{
		"br": `"br"`, "zstd": `"zstd"`, "compress": `"compress"`, "aes128gcm": `"aes128gcm"`, "\x1b[31m": "encoded with", strings.Repeat("x", 5000): "encoded with",
		"gzip, gzip": "2 times", "gzip, br": "2 times", "gzip,gzip,gzip,gzip,gzip,gzip": "encod",
	} {
		for _, kind := range kinds {
			t.Run(fmt.Sprintf("%.20q of %s", header, kind), func(t *testing.T) {
				t.Parallel()
				c := newContent()
				s := listen(t, false, c.instead(kind, encoding(t, "", header, c.serve)))
				get(s).run(t).fails(t, 1, words, "127.0.0.1")
			})
		}
	}
}

// TestEncodingOfAnErrorHidesNoStatus: whatever its body is in, it is that error, or leads there.
func TestEncodingOfAnErrorHidesNoStatus(t *testing.T) {
	for _, header := range []string{"gzip", "br", "gzip, br"} {
		t.Run(header, func(t *testing.T) {
			t.Parallel()
			s := listen(t, false, encoding(t, "", header, func(w http.ResponseWriter, _ *http.Request) {
				http.Error(w, "not what it says", http.StatusNotFound)
			}))
			inspect(s).run(t).fails(t, 3, "does not have it")
			c := newContent()
			s = listen(t, false, c.instead("blobs", func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/v2/moved/") {
					send(w, []byte(payload))
					return
				}
				encoding(t, "", header, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, "/v2/moved/blobs/", http.StatusTemporaryRedirect)
				})(w, r)
			}))
			get(s).run(t).succeeds(t)
		})
	}
}

func TestWrongEncodingIsNamed(t *testing.T) {
	for _, header := range []string{"gzip", "deflate"} {
		for _, kind := range kinds {
			t.Run(header+" of "+kind, func(t *testing.T) {
				t.Parallel()
				c := newContent()
				s := listen(t, false, c.instead(kind, encoding(t, "", header, c.serve)))
				get(s).run(t).fails(t, 1, `not encoded with "`+header+`" as it says`)
			})
		}
	}
}

// TestDecompressionBomb: what is decoded is bounded as what comes as it is.
func TestDecompressionBomb(t *testing.T) {
	var bomb bytes.Buffer
	packed := gzip.NewWriter(&bomb)
	for range 1024 {
		if _, err := packed.Write(make([]byte, MiB)); err != nil {
			t.Fatal(err)
		}
	}
	if err := packed.Close(); err != nil {
		t.Fatal(err)
	}
	for kind, words := range map[string]string{"manifests": "longer than", "blobs": "size mismatch", "token": "longer than"} {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			explode := func(w http.ResponseWriter, _ *http.Request) {
				w.Header().Set("Content-Encoding", "gzip")
				send(w, bomb.Bytes())
			}
			s := listen(t, false, newContent().instead(kind, explode))
			if kind == "token" {
				s = sendsTo(t, false, listen(t, false, explode).url("/token"))
			}
			command := get(s, "--allow-host", "127.0.0.0/8")
			command.run(t).fails(t, 1, words)
		})
	}
}

// TestHollowEncodingEnds: bytes that never become any content are no way to go on for ever.
func TestHollowEncodingEnds(t *testing.T) {
	for _, kind := range kinds {
		t.Run(kind, func(t *testing.T) {
			t.Parallel()
			s := listen(t, false, newContent().instead(kind, func(w http.ResponseWriter, r *http.Request) {
				w.Header().Set("Content-Encoding", "deflate")
				_, _ = w.Write([]byte{0x78, 0x9c})
				empty := bytes.Repeat([]byte{0, 0, 0, 0xff, 0xff}, 10000) // stored blocks of no bytes
				for r.Context().Err() == nil {
					if _, err := w.Write(empty); err != nil {
						return
					}
				}
			}))
			get(s).run(t).fails(t, 1, "longer than what it holds")
		})
	}
}

// TestBrokenEncodedBlobIsResumed: a part of what is encoded cannot be decoded, so the whole is asked for again.
func TestBrokenEncodedBlobIsResumed(t *testing.T) {
	large := bytes.Repeat([]byte(payload+"\n"), 20000)
	for name, honoursRange := range map[string]bool{"which knows ranges": true, "which knows none": false} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContent()
			layer := c.add(sbomType, large)
			sbom := c.manifest("application/vnd.oci.empty.v1+json", sbomType, layer)
			sbom.Annotations = c.sbom.Annotations
			c.root(c.image, sbom)
			encoded := encodeAs(t, "gzip", append([]byte{}, large...))
			var asked atomic.Int64
			s := listen(t, false, c.instead("blobs", func(w http.ResponseWriter, r *http.Request) {
				if !strings.HasSuffix(r.URL.Path, digest.FromBytes(large).String()) {
					c.serve(w, r)
					return
				}
				w.Header().Set("Content-Encoding", "gzip")
				from := 0
				if n, _ := fmt.Sscanf(r.Header.Get("Range"), "bytes=%d-", &from); n == 1 && honoursRange && from < len(encoded) {
					w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", from, len(encoded)-1, len(encoded)))
					w.WriteHeader(http.StatusPartialContent)
					_, _ = w.Write(encoded[from:])
					return
				}
				w.Header().Set("Content-Length", fmt.Sprint(len(encoded)))
				if asked.Add(1) == 1 {
					_, _ = w.Write(encoded[:len(encoded)/2])
					_ = http.NewResponseController(w).Flush()
					panic(http.ErrAbortHandler)
				}
				_, _ = w.Write(encoded)
			}))
			got := get(s).run(t)
			got.succeeds(t)
			if got.stdout != string(large) {
				t.Errorf("it prints %d bytes, want %d", len(got.stdout), len(large))
			}
		})
	}
}
