// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"bytes"
	"fmt"
	"net/http"
	"os"
	"runtime/debug"
	"strings"
	"testing"

	"github.com/containerd/errdefs"
	"github.com/opencontainers/go-digest"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
)

const (
	mib = 1 << 20
	// mostOfAPull is what a pull may take more, whatever a registry lists, and mostOfAll what any number of them may.
	mostOfAPull = 64 * mib
	mostOfAll   = 256 * mib
)

// grown is how much memory this process took at most while something was done, more than it had, under the limit that refractd's unit
// sets Go.
func grown(t *testing.T, do func()) int64 {
	t.Helper()
	defer debug.SetMemoryLimit(debug.SetMemoryLimit(192 * mib))
	debug.FreeOSMemory()
	if err := programs.ForgetPeak(os.Getpid()); err != nil {
		t.Fatal(err)
	}
	before, _, err := programs.Memory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	do()
	_, peak, err := programs.Memory(os.Getpid())
	if err != nil {
		t.Fatal(err)
	}
	return peak - before
}

// filled repeats an item until a document is as long as one may be.
func filled(begin, item string) []byte {
	const end = "]}"
	text := bytes.NewBufferString(begin)
	for text.WriteString(item); text.Len() < 4*mib-len(item)-len(end)-1; {
		text.WriteByte(',')
		text.WriteString(item)
	}
	text.WriteString(end)
	return text.Bytes()
}

// TestManyReferrersTakeLittleMemory: of what a registry lists, entries that are none as well as such that are, each document as long
// as one may be, a pull keeps little, and refuses an image that lacks what is required.
func TestManyReferrersTakeLittleMemory(t *testing.T) {
	documents := map[string][]byte{}
	var entries []string
	for n := range 16 {
		text := filled(fmt.Sprintf(`{"schemaVersion":2,"number":%d,"config":{"mediaType":"a/b","digest":"%s","size":1},"layers":[],"x":[`, n, digest.FromString("c")), "1111")
		of := digest.FromBytes(text).String()
		documents[of] = text
		entries = append(entries, fmt.Sprintf(`{"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":%q,"size":%d}`, of, len(text)))
	}
	for name, list := range map[string][]byte{
		"that are none":   filled(`{"schemaVersion":2,"manifests":[`, `{"mediaType":"a","size":1,"digest":"b:c"}`),
		"that are large":  []byte(`{"schemaVersion":2,"manifests":[` + strings.Join(entries, ",") + `]}`),
		"that are no use": filled(`{"schemaVersion":2,"manifests":[`, fmt.Sprintf(`{"mediaType":"a","size":1,"digest":%q,"artifactType":"x/y"}`, digest.FromString("d"))),
	} {
		for _, pulls := range []int{1, 30} {
			t.Run(fmt.Sprintf("%s/%d", name, pulls), func(t *testing.T) {
				served := serveEverywhere(t)
				served.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
					if document := documents[target.Reference]; document != nil && target.Kind == "manifests" {
						return registry.Body("application/vnd.oci.image.manifest.v1+json", document)(w, r, target)
					}
					return target.Kind == "referrers" && registry.Body("application/vnd.oci.image.index.v1+json", list)(w, r, target)
				})
				ctx, node := newNode(t)
				p := requiring(policy.RequiredRefuse, "vulnerability-scan-nobody-has")
				p.Discover = []policy.Place{policy.PlaceReferrers}
				more := grown(t, func() {
					var group errgroup.Group
					for range pulls {
						group.Go(func() error {
							if err := node.pull(ctx, served.name(), p); err == nil || errdefs.IsNotFound(err) {
								t.Errorf("it is not refused: %v", err)
							}
							return nil
						})
					}
					_ = group.Wait()
				})
				t.Logf("%d pulls took %d MiB more", pulls, more/mib)
				if most := min(int64(pulls)*mostOfAPull, mostOfAll); more > most {
					t.Errorf("%d pulls took %d MiB more, they may take %d", pulls, more/mib, most/mib)
				}
			})
		}
	}
}
