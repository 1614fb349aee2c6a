// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"bytes"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"

	"github.com/opencontainers/go-digest"
)

// What a command may take at most where many small things are told of, of which it can use few.
const mostOfSmall = 128 * MiB

// manyBytes is what all pages of a list have together: less than the client would read of one answer and another.
const manyBytes = 60 * MiB

// pagesOf makes a list of as many pages as manyBytes take, each as long as a document may be. item is number n of all.
func pagesOf(begin, end string, item func(n int) string) [][]byte {
	var pages [][]byte
	n := 0
	for range manyBytes / (4 * MiB) {
		page := bytes.NewBufferString(begin)
		for first := true; page.Len() < 4*MiB-1024; first = false {
			if !first {
				page.WriteByte(',')
			}
			page.WriteString(item(n))
			n++
		}
		page.WriteString(end)
		pages = append(pages, page.Bytes())
	}
	return pages
}

// serves the pages one after the other, whatever it is asked for.
func serves(pages [][]byte, sent *atomic.Int64) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		number := 0
		_, _ = fmt.Sscanf(r.URL.Query().Get("page"), "%d", &number)
		if number+1 < len(pages) {
			w.Header().Set("Link", fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, number+1))
		}
		w.Header().Set("Content-Length", fmt.Sprint(len(pages[number])))
		written, _ := w.Write(pages[number])
		sent.Add(int64(written))
	}
}

func (e ended) isWithin(t *testing.T, most int64, sent *atomic.Int64) {
	t.Helper()
	t.Logf("%d MiB were sent, it took %d MiB of memory and said %.300q", sent.Load()/MiB, e.memory/MiB, e.stderr)
	if e.memory > most {
		t.Errorf("it took %d MiB of memory, more than %d", e.memory/MiB, most/MiB)
	}
	e.isSafe(t)
}

// TestManyTagsAreCountedAsTheyCome: of millions of tags none is kept that can be of no use, and what can be found without a list of
// them is found.
func TestManyTagsAreCountedAsTheyCome(t *testing.T) {
	shapes := map[string]func(n int) string{
		"short":               func(n int) string { return fmt.Sprintf(`"%x"`, n) },
		"in no order":         func(n int) string { return fmt.Sprintf(`"%x"`, uint32(n)*2654435761) },
		"of digests":          func(n int) string { return fmt.Sprintf(`"sha256-%064x"`, n) },
		"of digests, ordered": func(n int) string { return fmt.Sprintf(`"sha256-%064x.sig"`, n) },
		"that are none":       func(int) string { return `"-"` },
	}
	for name, item := range shapes {
		pages := pagesOf(`{"name":"app","tags":[`, `]}`, item)
		for way, flags := range map[string][]string{"listed": nil, "scanned": {"--scan-tags"}} {
			t.Run(name+"/"+way, func(t *testing.T) {
				var sent atomic.Int64
				c := newContent()
				s := listen(t, false, c.instead("tags", serves(pages, &sent)))
				got := asking(s, append([]string{"references", "ls", "--no-trunc"}, flags...)...).run(t)
				got.isWithin(t, mostOfSmall, &sent)
				if got.code != 0 || !strings.Contains(got.stdout, c.sbom.Digest.String()) {
					t.Errorf("it exits with %d and prints %.300q", got.code, got.stdout)
				}
				if !strings.Contains(got.stderr, "limit of 1") {
					t.Errorf("nothing tells that not all tags were looked at: %q", got.stderr)
				}
			})
		}
	}
}

// TestManyReferrersAreCountedAsTheyCome: pages go when they were read.
func TestManyReferrersAreCountedAsTheyCome(t *testing.T) {
	entry := func(n int, more string) string {
		return fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":"sha256:%064x","size":1%s}`, n, more)
	}
	for name, item := range map[string]func(n int) string{
		"that are some":      func(n int) string { return entry(n, `,"artifactType":"application/spdx+json"`) },
		"again and again":    func(int) string { return entry(1, `,"artifactType":"application/spdx+json"`) },
		"that tell nothing":  func(n int) string { return entry(n, "") },
		"that are none":      func(int) string { return `{}` },
		"that are no digest": func(int) string { return `{"mediaType":"a","digest":"b:c","size":1}` },
	} {
		pages := pagesOf(`{"schemaVersion":2,"manifests":[`, `]}`, item)
		t.Run(name, func(t *testing.T) {
			var sent atomic.Int64
			c := newContent()
			got := list(listen(t, false, lists(c, serves(pages, &sent)))).run(t)
			got.isWithin(t, mostOfSmall, &sent)
			if got.code != 0 || !strings.Contains(got.stderr, "limit") {
				t.Errorf("it exits with %d and says %.300q", got.code, got.stderr)
			}
		})
	}
}

// TestEntryThatIsWrongHidesNoOther: it is passed over, and told of.
func TestEntryThatIsWrongHidesNoOther(t *testing.T) {
	good := string(encode(referrer(1)))
	long := strings.Repeat("x", 65<<10)
	for name, bad := range map[string]string{
		"long annotations":    `{"mediaType":"a/b","digest":"` + digest.FromString("long").String() + `","size":1,"annotations":{"a":"` + long + `"}}`,
		"no digest":           `{"mediaType":"a/b","digest":"sha256:0","size":1}`,
		"a key twice":         `{"mediaType":"a/b","mediaType":"a/c","digest":"` + digest.FromString("two").String() + `","size":1}`,
		"a negative size":     `{"mediaType":"a/b","digest":"` + digest.FromString("minus").String() + `","size":-1}`,
		"a number":            `7`,
		"a long artifactType": `{"mediaType":"a/b","digest":"sha256:x","size":1,"artifactType":"` + strings.Repeat(long, 40) + `"}`,
	} {
		for place, entries := range map[string]string{"before": bad + "," + good, "after": good + "," + bad} {
			t.Run(name+"/"+place, func(t *testing.T) {
				c := newContent()
				got := list(listen(t, false, lists(c, func(w http.ResponseWriter, r *http.Request) {
					if !strings.HasSuffix(r.URL.Path, digest.FromBytes(c.index).String()) {
						send(w, indexOf())
						return
					}
					send(w, []byte(`{"schemaVersion":2,"manifests":[`+entries+`]}`))
				}))).run(t)
				got.warns(t, "passed over")
				if !strings.Contains(got.stdout, referrer(1).Digest.String()) {
					t.Errorf("the other is not listed: %.300q", got.stdout)
				}
			})
		}
	}
}

// TestRequestsOfACommandAreCounted: a thousand referrers, of which each has a hundred pages that say nothing, are no hundred
// thousand requests.
func TestRequestsOfACommandAreCounted(t *testing.T) {
	const most = 20_000
	c := newContent()
	var asked atomic.Int64
	root := digest.FromBytes(c.index).String()
	entries := make([]string, 999)
	for n := range entries {
		entries[n] = string(encode(referrer(n)))
	}
	first := []byte(`{"schemaVersion":2,"manifests":[` + strings.Join(entries, ",") + `]}`)
	s := listen(t, false, lists(c, func(w http.ResponseWriter, r *http.Request) {
		asked.Add(1)
		if strings.HasSuffix(r.URL.Path, root) {
			send(w, first)
			return
		}
		number := 0
		_, _ = fmt.Sscanf(r.URL.Query().Get("page"), "%d", &number)
		w.Header().Set("Link", fmt.Sprintf(`<%s?page=%d>; rel="next"`, r.URL.Path, number+1))
		send(w, indexOf())
	}))
	got := asking(s, "references", "ls", "--source", "referrers-api", "--deadline", "100").run(t)
	t.Logf("%d requests; it took %d MiB of memory", asked.Load(), got.memory/MiB)
	if got.code != 0 || !strings.Contains(got.stderr, "budget of requests for optional look-ups is used up") {
		t.Errorf("it exits with %d and says %.300q", got.code, got.stderr)
	}
	if n := asked.Load(); n > most {
		t.Errorf("%d requests were made, more than %d", n, most)
	}
	got.isModest(t)
}
