// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"fmt"
	"io"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// hold does not answer before the client goes away.
func hold(_ http.ResponseWriter, r *http.Request) { <-r.Context().Done() }

// trickle sends a byte now and then: so slowly that no limit for silence alone ends it.
func trickle(first string) http.HandlerFunc {
	return pastHTTP(func(connection net.Conn) {
		_, err := connection.Write([]byte(first))
		tick := time.NewTicker(50 * time.Millisecond)
		defer tick.Stop()
		for ; err == nil; <-tick.C {
			_, err = connection.Write([]byte("x"))
		}
	})
}

func TestSlowAnswersEnd(t *testing.T) {
	for name, one := range map[string]struct {
		answer http.HandlerFunc
		words  string
	}{
		"no first byte":         {hold, "no answer within 1 s"},
		"trickling headers":     {trickle("HTTP/1.1 200 OK\r\nX-Slow: "), ""},
		"trickling status line": {trickle("HTTP/1.1 200 "), ""},
		"trickling body":        {trickle("HTTP/1.1 200 OK\r\nContent-Length: 100000\r\n\r\n"), "stalled"},
		"trickling error":       {trickle("HTTP/1.1 403 No\r\nContent-Length: 100000\r\n\r\n"), "stalled"},
		"body that stops": {func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Length", "100")
			w.(http.Flusher).Flush()
			hold(w, r)
		}, "stalled"},
	} {
		for _, kind := range kinds {
			t.Run(name+" for "+kind, func(t *testing.T) {
				t.Parallel()
				c := newContent(func(layer *ocispec.Descriptor) { layer.Size = 100_000 })
				got := get(listen(t, false, c.instead(kind, one.answer))).run(t)
				got.failsLate(t, 1, one.words)
			})
		}
	}
}

// TestSilentTokenServerEnds too.
func TestSilentTokenServerEnds(t *testing.T) {
	for name, answer := range map[string]http.HandlerFunc{"hold": hold, "trickle": trickle("HTTP/1.1 200 OK\r\n\r\n")} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := listen(t, false, answer)
			s := sendsTo(t, false, issuer.url("/token"))
			inspect(s, "--allow-host", issuer.host()).run(t).fails(t, 1, "token server")
		})
	}
}

// TestNoTLS: a server that takes connections, and says nothing or something else.
func TestNoTLS(t *testing.T) {
	for name, one := range map[string]struct {
		answer func(net.Conn)
		words  string
	}{
		"silence": {func(c net.Conn) { _, _ = io.Copy(io.Discard, c) }, "within 1 s"},
		"closed":  {func(c net.Conn) { _ = c.Close() }, ""},
		"noise": {func(c net.Conn) {
			_, _ = c.Write([]byte(strings.Repeat("\x1b[31mnoise", 100)))
			_, _ = io.Copy(io.Discard, c)
		}, ""},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			listener, err := net.Listen("tcp", "127.0.0.1:0")
			if err != nil {
				t.Fatal(err)
			}
			defer listener.Close()
			go func() {
				for connection, err := listener.Accept(); err == nil; connection, err = listener.Accept() {
					go func() { one.answer(connection); _ = connection.Close() }()
				}
			}()
			host := listener.Addr().String()
			command{arguments: []string{"inspect", "--timeout", "1", host + "/app:v1"}}.run(t).fails(t, 1, one.words, host)
		})
	}
}

func TestNobodyListens(t *testing.T) {
	s := canary(t)
	s.server.Close()
	inspect(s).run(t).fails(t, 1, s.host())
}

// cut sends a part of what it says that it sends.
func cut(w http.ResponseWriter, bytes []byte, after int) {
	w.Header().Set("Content-Length", fmt.Sprint(len(bytes)))
	_, _ = w.Write(bytes[:after])
	_ = http.NewResponseController(w).Flush()
	panic(http.ErrAbortHandler)
}

// TestCutBlobIsContinued: what came is kept, and the rest is asked for.
func TestCutBlobIsContinued(t *testing.T) {
	big := []byte(strings.Repeat("0123456789abcdef", 16<<10))
	for name, one := range map[string]struct {
		again http.HandlerFunc
		words string // empty: the blob is whole
	}{
		"by a server that knows ranges": {func(w http.ResponseWriter, r *http.Request) {
			http.ServeContent(w, r, "", time.Time{}, strings.NewReader(string(big)))
		}, ""},
		"by one that begins anew":    {func(w http.ResponseWriter, _ *http.Request) { send(w, big) }, ""},
		"by one that begins earlier": {part(big, 10, 10), ""},
		"by one that goes on later":  {part(big, 200_000, 200_000), "another place"},
		"by one that lies where":     {part(big, 100_000, 0), "size mismatch"},
		"by one that says nonsense":  {says("items x-y/z", big), "another place"},
		"by one that says no place":  {says("", big), "another place"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var asked atomic.Int64
			c := newContent(func(layer *ocispec.Descriptor) { *layer = describe("text/plain", big) })
			s := listen(t, false, c.instead("blobs", func(w http.ResponseWriter, r *http.Request) {
				if asked.Add(1) == 1 {
					cut(w, big, 100_000)
				}
				one.again(w, r)
			}))
			dir := t.TempDir()
			got := get(s, "-o", dir+"/").run(t)
			if one.words != "" {
				got.fails(t, 1, one.words)
				isEmpty(t, dir)
				return
			}
			got.succeeds(t)
			content, err := os.ReadFile(filepath.Join(dir, describe("", big).Digest.Encoded()))
			if err != nil || string(content) != string(big) {
				t.Errorf("%d bytes were written: %v", len(content), err)
			}
			if all := s.asked(); !strings.Contains(all[len(all)-1], "Range: bytes=") {
				t.Errorf("it did not ask for the rest: %q", all[len(all)-1])
			}
		})
	}
}

// part sends what is from one place on, and says that it is from another.
func part(whole []byte, told, from int) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Range", fmt.Sprintf("bytes %d-%d/%d", told, len(whole)-1, len(whole)))
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(whole[from:])
	}
}

func says(place string, whole []byte) http.HandlerFunc {
	return func(w http.ResponseWriter, _ *http.Request) {
		if place != "" {
			w.Header().Set("Content-Range", place)
		}
		w.WriteHeader(http.StatusPartialContent)
		_, _ = w.Write(whole)
	}
}

// TestRetries: what may pass is tried again, and given up after the sixth time.
func TestRetries(t *testing.T) {
	for name, fail := range map[string]http.HandlerFunc{
		"cut": func(w http.ResponseWriter, _ *http.Request) { cut(w, []byte(payload), 5) },
		"503": func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusServiceUnavailable) },
		"429": func(w http.ResponseWriter, _ *http.Request) {
			w.Header().Set("Retry-After", "1")
			w.WriteHeader(http.StatusTooManyRequests)
		},
	} {
		for _, kind := range kinds {
			t.Run(name+" and then right for "+kind, func(t *testing.T) {
				t.Parallel()
				var asked atomic.Int64
				c := newContent()
				s := listen(t, false, c.instead(kind, func(w http.ResponseWriter, r *http.Request) {
					if asked.Add(1) == 1 {
						fail(w, r)
						return
					}
					c.serve(w, r)
				}))
				got := get(s).run(t)
				got.succeeds(t)
				if got.stdout != payload {
					t.Errorf("it prints %q", got.stdout)
				}
			})
			t.Run(name+" for ever for "+kind, func(t *testing.T) {
				t.Parallel()
				s := listen(t, false, newContent().instead(kind, fail))
				got := get(s).run(t)
				got.failsLate(t, 1, "tried 6 times", s.host())
				if n := s.count("/" + kind + "/"); n != 6 {
					t.Errorf("it was asked %d times", n)
				}
			})
		}
	}
}

func TestLongRetryAfterIsNotWaitedFor(t *testing.T) {
	date := time.Now().Add(time.Hour).UTC().Format(http.TimeFormat)
	for _, pause := range []string{"61", "3600", "9223372036854775807", date} {
		for _, status := range []int{http.StatusTooManyRequests, http.StatusServiceUnavailable} {
			t.Run(fmt.Sprint(pause, " with ", status), func(t *testing.T) {
				t.Parallel()
				s := listen(t, false, func(w http.ResponseWriter, _ *http.Request) {
					w.Header().Set("Retry-After", pause)
					w.WriteHeader(status)
				})
				inspect(s).run(t).fails(t, 1, "longer than the limit of 60 s")
				if n := len(s.asked()); n != 1 {
					t.Errorf("it was asked %d times", n)
				}
			})
		}
	}
}
