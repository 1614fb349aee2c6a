// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package imagelabels_test

import (
	"maps"
	"slices"
	"strconv"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/imagelabels"
)

var (
	rootA = digest.FromString("root a")
	rootB = digest.FromString("root b")
	one   = digest.FromString("one")
	two   = digest.FromString("two")
	three = digest.FromString("three")
)

func TestWith(t *testing.T) {
	labels := map[string]string{"mine": "stays", "containerd.io/gc.ref.content.l.0": "stays too"}
	named := imagelabels.With(labels, imagelabels.Kept{Root: rootA, Fetched: []digest.Digest{one, two}})
	if root, ok := imagelabels.Root(named); !ok || root != rootA {
		t.Fatalf("root %q", root)
	}
	if got := imagelabels.Fetched(named); !slices.Equal(got, []digest.Digest{one, two}) {
		t.Fatalf("fetched %v", got)
	}
	if named["mine"] != "stays" || len(labels) != 2 {
		t.Fatalf("labels %v, of %v", named, labels)
	}
	if without := imagelabels.With(named, imagelabels.Kept{}); !maps.Equal(without, labels) {
		t.Fatalf("taken away: %v", without)
	}
	if _, ok := imagelabels.Root(nil); ok {
		t.Fatal("nothing has no root")
	}
	if _, ok := imagelabels.Root(map[string]string{imagelabels.IndexLabel: "sha256:../../etc"}); ok {
		t.Fatal("a malformed digest is no root")
	}
}

func TestMerge(t *testing.T) {
	before := imagelabels.With(nil, imagelabels.Kept{Root: rootA, Fetched: []digest.Digest{one, two}})
	cases := []struct {
		name    string
		before  map[string]string
		root    digest.Digest
		fetched []digest.Digest
		want    []digest.Digest
	}{
		{"new", nil, rootA, []digest.Digest{one}, []digest.Digest{one}},
		{"pulled again", before, rootA, nil, []digest.Digest{one, two}},
		{"pulled again with more", before, rootA, []digest.Digest{two, three}, []digest.Digest{one, two, three}},
		{"another root", before, rootB, []digest.Digest{three}, []digest.Digest{three}},
		{"no root any more", before, "", nil, nil},
	}
	for _, c := range cases {
		merged := imagelabels.Merge(map[string]string{"mine": "1"}, c.before, imagelabels.Kept{Root: c.root, Fetched: c.fetched})
		if got := imagelabels.Fetched(merged); !slices.Equal(got, c.want) {
			t.Errorf("%s: fetched %v, want %v", c.name, got, c.want)
		}
		if root, ok := imagelabels.Root(merged); ok != (c.root != "") || root != c.root {
			t.Errorf("%s: root %q, want %q", c.name, root, c.root)
		}
		if merged["mine"] != "1" {
			t.Errorf("%s: %v", c.name, merged)
		}
	}
}

// What a whole search finds is the truth; one that was cut off, or not made, takes nothing away.
func TestMergeOfWhatWasFound(t *testing.T) {
	before := imagelabels.With(nil, imagelabels.Kept{Root: rootA, Found: one})
	for name, c := range map[string]struct {
		kept imagelabels.Kept
		want digest.Digest
	}{
		"found anew":    {imagelabels.Kept{Root: rootA, Found: two}, two},
		"cut off":       {imagelabels.Kept{Root: rootA, Found: two, Partial: true}, one},
		"not looked":    {imagelabels.Kept{Root: rootA, Optional: true}, one},
		"another root":  {imagelabels.Kept{Root: rootB, Found: two, Partial: true}, two},
		"nothing there": {imagelabels.Kept{Root: rootB, Optional: true}, ""},
	} {
		merged := imagelabels.Merge(nil, before, c.kept)
		if found, _ := imagelabels.Found(merged); found != c.want {
			t.Errorf("%s: %s, want %s", name, found, c.want)
		}
		if _, ok := imagelabels.Root(merged); ok != (c.want != "") {
			t.Errorf("%s: %v", name, merged)
		}
	}
}

func TestFetchedAreOrderedAndCheckedAndUnique(t *testing.T) {
	labels := map[string]string{}
	for number := range 12 {
		labels["containerd.io/gc.ref.content.refract."+strconv.Itoa(number)] = digest.FromString(strconv.Itoa(number / 2)).String()
	}
	labels["containerd.io/gc.ref.content.refract.12"] = "not a digest"
	labels["containerd.io/gc.ref.content.refract.x"] = one.String()
	labels["containerd.io/gc.ref.content.refract.-1"] = one.String()
	var want []digest.Digest
	for number := range 6 {
		want = append(want, digest.FromString(strconv.Itoa(number)))
	}
	if got := imagelabels.Fetched(labels); !slices.Equal(got, want) {
		t.Fatalf("fetched %v, want %v", got, want)
	}
}

// What was not looked for is kept as long as no other pull says otherwise, short, and so that a terminal does nothing with it.
func TestNotSearched(t *testing.T) {
	said := imagelabels.With(nil, imagelabels.Kept{NotSearched: "tag: the registry answered 500 \x1b[31m\xff" + strings.Repeat("x", 5000)})
	why := imagelabels.NotSearched(said)
	if !strings.HasPrefix(why, "tag: the registry answered 500 [31mxxx") || len(why) > 3000 {
		t.Errorf("%d bytes: %q", len(why), why[:min(len(why), 60)])
	}
	if later := imagelabels.NotSearched(imagelabels.With(said, imagelabels.Kept{})); later != "" {
		t.Errorf("after a pull that has nothing to say: %q", later)
	}
	if later := imagelabels.NotSearched(imagelabels.Merge(nil, said, imagelabels.Kept{})); later != "" {
		t.Errorf("after another pull: %q", later)
	}
}
