// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package producers

import (
	"fmt"
	"regexp"
	"slices"
	"strings"

	"github.com/opencontainers/go-digest"
)

// reference is what refract tells of one attached thing.
type reference struct {
	Digest   digest.Digest `json:"digest"`
	Subject  digest.Digest `json:"subject"`
	Type     string        `json:"type"`
	Kinds    []string      `json:"kinds"`
	Sources  []string      `json:"sources"`
	Present  string        `json:"present"`
	Artifact string        `json:"artifactType"`
}

func (r reference) String() string {
	return fmt.Sprintf("%s about %s, type %q, kinds %v, sources %v", short(r.Digest), short(r.Subject), r.Type, r.Kinds, r.Sources)
}

func short(d digest.Digest) string { return string(d[:min(len(d), 19)]) }

// documents are what `references ls` and `references tree` print.
type documents struct {
	References []reference `json:"references"`
	Notices    []string    `json:"notices"`
	Tree       []struct {
		Kind      string `json:"kind"`
		Reference *int   `json:"reference"`
	} `json:"tree"`
}

// readAll reads an image that stands in the bench's registry by every reader there is, and the node's copy of it.
func (b *bench) readAll(image string) {
	b.t.Helper()
	b.table("made", len(b.things))
	b.readByRefract(image)
	b.readOnNode(image, oneImage)
	b.readOnNode(image, allImages, "--all-platforms")
	b.readByPeers(image)
}

func (b *bench) table(reader string, found int) { shared.table.add(b.name, reader, found) }

// refract runs the command over plain HTTP, as other readers here do.
func (b *bench) refract(arguments ...string) string {
	b.t.Helper()
	return string(b.refractBytes(arguments...))
}

func (b *bench) refractBytes(arguments ...string) []byte {
	b.t.Helper()
	printed, err := runIn(b.t.Context(), b.dir, b.environment(), "refract", append([]string{"--plain-http"}, arguments...)...)
	if err != nil {
		b.t.Errorf("%s: %v", b.name, err)
	}
	return printed
}

// readByRefract: ls and tree tell of everything, and get writes each SBOM.
func (b *bench) readByRefract(image string) {
	b.t.Helper()
	listed := decode[documents](b.t, b.refractBytes("--output", "json", "references", "ls", image))
	b.table("refract", b.compare("refract", listed.References, b.things))
	if len(listed.Notices) > 0 {
		b.t.Errorf("%s: notices %q", b.name, listed.Notices)
	}
	tree := decode[documents](b.t, b.refractBytes("--output", "json", "references", "tree", image))
	b.compareTree(tree)
	if text := b.refract("references", "ls", image); !strings.HasPrefix(text, "KIND ") {
		b.t.Errorf("%s: refract ls: the table does not begin with the kind: %.40q", b.name, text)
	}
	b.filterByKinds(image)
	b.getSBOMs(image)
}

// filterByKinds: --type takes a kind, and then tells of what is of that kind, whatever types say so.
func (b *bench) filterByKinds(image string) {
	b.t.Helper()
	for _, kind := range []string{kindSBOM, kindSignature, kindProvenance, kindAttestation, kindVEX, kindVulnerabilities, kindSOCI} {
		want := slices.DeleteFunc(slices.Clone(b.things), func(one thing) bool { return !slices.Contains(one.kinds, kind) })
		listed := decode[documents](b.t, b.refractBytes("--output", "json", "references", "ls", "--type", kind, image))
		told := map[digest.Digest]bool{}
		for _, row := range listed.References {
			told[row.Digest] = true
		}
		for _, one := range want {
			if !told[one.digest] {
				b.t.Errorf("%s: refract ls --type %s does not tell of %s", b.name, kind, one.what)
			}
		}
		for d := range told {
			if !slices.ContainsFunc(want, func(one thing) bool { return one.digest == d }) {
				b.t.Errorf("%s: refract ls --type %s tells of %s", b.name, kind, short(d))
			}
		}
	}
}

// compare looks that each thing is told of once as what it is, and nothing else is. It returns how many things are told of.
func (b *bench) compare(reader string, told []reference, want []thing) int {
	b.t.Helper()
	found := 0
	for _, one := range want {
		var rows []reference
		for _, row := range told {
			if row.Digest == one.digest && (row.Subject == one.subject || !one.severalSubjects(want)) {
				rows = append(rows, row)
			}
		}
		if len(rows) != 1 {
			b.t.Errorf("%s: %s: %s (%s) is in %d rows, want 1: %v", b.name, reader, one.what, short(one.digest), len(rows), rows)
		}
		if len(rows) == 0 {
			continue
		}
		found++
		row := rows[0]
		if row.Subject != one.subject {
			b.t.Errorf("%s: %s: %s is about %q, want %s", b.name, reader, one.what, short(row.Subject), short(one.subject))
		}
		if !equalSets(row.Kinds, one.kinds) {
			b.t.Errorf("%s: %s: %s has the kinds %q, want %q (type %q)", b.name, reader, one.what, row.Kinds, one.kinds, row.Type)
		}
		if len(row.Sources) == 0 || one.source != "" && !slices.Contains(row.Sources, one.source) {
			b.t.Errorf("%s: %s: %s has the sources %q, want %q among them", b.name, reader, one.what, row.Sources, one.source)
		}
	}
	for _, row := range told {
		if !slices.ContainsFunc(want, func(one thing) bool { return one.digest == row.Digest }) {
			b.t.Errorf("%s: %s: told of what was not attached: %s", b.name, reader, row)
		}
	}
	return found
}

// severalSubjects tells whether the same artifact is attached to more than one image.
func (t thing) severalSubjects(among []thing) bool {
	return slices.ContainsFunc(among, func(other thing) bool { return other.digest == t.digest && other.subject != t.subject })
}

func equalSets(a, b []string) bool {
	a, b = slices.Sorted(slices.Values(a)), slices.Sorted(slices.Values(b))
	return slices.Equal(a, b)
}

// compareTree: each thing has one line below each of its subjects; all but the first say that it is shown above.
func (b *bench) compareTree(tree documents) {
	b.t.Helper()
	lines := map[digest.Digest]int{}
	for _, line := range tree.Tree {
		if line.Reference != nil {
			lines[tree.References[*line.Reference].Digest]++
		}
	}
	subjects := map[digest.Digest]int{}
	for _, one := range b.things {
		subjects[one.digest]++
	}
	for d, want := range subjects {
		if lines[d] != want {
			b.t.Errorf("%s: refract tree: %s has %d lines, want %d", b.name, short(d), lines[d], want)
		}
	}
}

// getSBOMs: `get --type sbom` writes the bytes of the layer that holds the SBOM; without a digest too, where there is one SBOM.
func (b *bench) getSBOMs(image string) {
	b.t.Helper()
	var sboms []thing
	for _, one := range b.things {
		if one.sbom != nil && !slices.ContainsFunc(sboms, func(other thing) bool { return other.digest == one.digest }) {
			sboms = append(sboms, one)
		}
	}
	for _, one := range sboms {
		if got := b.refract("references", "get", "--type", "sbom", image, one.digest.String()); got != string(one.sbom) {
			b.t.Errorf("%s: refract get: %s holds %.120q, want %.120q", b.name, one.what, got, one.sbom)
		}
	}
	if len(sboms) == 1 {
		if got := b.refract("references", "get", "--type", "sbom", image); got != string(sboms[0].sbom) {
			b.t.Errorf("%s: refract get, without a digest: %.120q, want %.120q", b.name, got, sboms[0].sbom)
		}
	}
}

// notInNames is what a namespace of containerd's cannot have, or not twice.
var notInNames = regexp.MustCompile(`[^A-Za-z0-9]+`)

// The columns of a node: what it lists offline after a pull of its own image, and of all images of the index.
const (
	oneImage  = "ctr, one"
	allImages = "ctr, all"
)

// readOnNode pulls the image and lists it offline: what is about the images that were pulled and the index around them was found in
// the registry; of other images there is what the index lists.
func (b *bench) readOnNode(image, reader string, flags ...string) {
	b.t.Helper()
	daemon, namespace := shared.node, notInNames.ReplaceAllString(b.name+"-"+string(b.at.kind)+"-"+reader, "-")
	if err := daemon.Pull(b.t.Context(), namespace, image, flags...); err != nil {
		b.t.Errorf("%s: pull: %v", b.name, err)
		return
	}
	result, err := daemon.Ctr(b.t.Context(), namespace, "references", "ls", "--output", "json", image)
	if err != nil || result.Code != 0 {
		b.t.Errorf("%s: ctr-refract: %v, %v", b.name, err, result.Err())
		return
	}
	listed := decode[documents](b.t, []byte(result.Stdout))
	want := b.nearNode(reader)
	b.table(reader, b.compare(reader, listed.References, want))
	for _, one := range want {
		if !b.pulled(one, reader) {
			continue
		}
		if !slices.ContainsFunc(listed.References, func(row reference) bool { return row.Digest == one.digest && row.Present == "yes" }) {
			b.t.Errorf("%s: %s: %s is not present: %v", b.name, reader, one.what, listed.References)
		}
		if one.sbom == nil {
			continue
		}
		got, err := daemon.Ctr(b.t.Context(), namespace, "references", "get", "--type", kindSBOM, image, one.digest.String())
		if err != nil || got.Stdout != string(one.sbom) {
			b.t.Errorf("%s: ctr-refract get: %s holds %.120q, want %.120q: %v, %v", b.name, one.what, got.Stdout, one.sbom, err, got.Err())
		}
	}
}

// chain is what something is about in the end, and whether the index tells of it.
func (b *bench) chain(one thing) (subject digest.Digest, listed bool) {
	subject, listed = one.subject, inIndex(one)
	for range b.things {
		at := slices.IndexFunc(b.things, func(other thing) bool { return other.digest == subject })
		if at < 0 {
			break
		}
		subject, listed = b.things[at].subject, listed || inIndex(b.things[at])
	}
	return subject, listed
}

func inIndex(one thing) bool {
	return one.source == "index" || one.source == "buildkit" || one.source == "soci"
}

// pulled tells whether something is about an image that the node pulls, or about the index around it.
func (b *bench) pulled(one thing, reader string) bool {
	subject, _ := b.chain(one)
	return !one.tag && (reader == allImages || subject == b.own || subject == shared.base.root || slices.Contains(b.roots, subject))
}

// nearNode are the things that a node knows after a pull.
func (b *bench) nearNode(reader string) []thing {
	return slices.DeleteFunc(slices.Clone(b.things), func(one thing) bool {
		_, listed := b.chain(one)
		return !listed && !b.pulled(one, reader)
	})
}

var anyDigest = regexp.MustCompile(`sha(?:256:[0-9a-f]{64}|512:[0-9a-f]{128})`)

// cosignTag is how cosign's tree names what stands under a tag.
var cosignTag = regexp.MustCompile(`:(sha256-[0-9a-f]{64}\.(?:sig|att|sbom))\b`)

// readByPeers: everything that others show of the image is told by refract too. What they show is counted.
func (b *bench) readByPeers(image string) {
	b.t.Helper()
	b.peer("regctl", anyDigest.FindAllString(b.run("regctl", "artifact", "tree", "--digest-tags", image), -1))
	b.peer("oras", anyDigest.FindAllString(b.run("oras", "discover", "--plain-http", "--format", "json", image), -1))
	tree := b.run("cosign", "tree", "--allow-http-registry", "--registry-referrers-mode=oci-1-1", image)
	var shown []string
	for line := range strings.Lines(tree) {
		if found := cosignTag.FindStringSubmatch(line); found != nil {
			// It names that tag, too, where its content has a subject and no tag.
			if tagged := b.ask("/manifests/" + found[1]); tagged != nil {
				shown = append(shown, digest.FromBytes(tagged).String())
			}
		} else if strings.Contains(line, "via OCI referrer") {
			shown = append(shown, anyDigest.FindAllString(line, -1)...)
		}
	}
	b.peer("cosign", shown)
}

// peer compares what a reader shows with what was made.
func (b *bench) peer(reader string, shown []string) {
	b.t.Helper()
	seen := map[digest.Digest]bool{}
	for _, text := range shown {
		d := digest.Digest(text)
		if slices.ContainsFunc(b.things, func(one thing) bool { return one.digest == d }) {
			seen[d] = true
		} else if !b.ofImage(d) {
			b.t.Errorf("%s: %s shows %s, of which this test does not know", b.name, reader, d)
		}
	}
	b.table(reader, len(seen))
}

// ofImage tells whether a digest belongs to the image itself, to what a thing consists of, or to a tag that only leads to things.
func (b *bench) ofImage(d digest.Digest) bool {
	if _, base := shared.base.shape.Blobs[d]; base {
		return true
	}
	if slices.Contains(b.roots, d) || slices.Contains(b.images, d) {
		return true
	}
	for _, one := range b.things {
		manifest := b.manifest(one.digest)
		if manifest.Config.Digest == d {
			return true
		}
		for _, layer := range manifest.Layers {
			if layer.Digest == d {
				return true
			}
		}
	}
	return slices.ContainsFunc(b.subjects(), func(subject digest.Digest) bool {
		index := b.ask("/manifests/" + strings.Replace(subject.String(), ":", "-", 1))
		return index != nil && digest.FromBytes(index) == d
	})
}

// subjects are all that something may be attached to.
func (b *bench) subjects() []digest.Digest {
	all := slices.Concat([]digest.Digest{shared.base.root, shared.base.own, shared.base.other}, b.roots, b.images)
	for _, one := range b.things {
		all = append(all, one.digest)
	}
	return all
}
