// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"github.com/opencontainers/go-digest"
)

// policies: which references a pull fetches, and what a listing reads.
func policies() []entry {
	return []entry{
		{"fetch-of-selected", "with the fetch policy, what is about the selected image is wanted, what is about another is not", fetchOfSelected},
		{"fetch-of-one-type", "only references of the named type are wanted", fetchOfType},
		{"fetch-of-artifact-type", "artifactType names a type too", fetchOfArtifactType},
		{"fetch-type-exactly", "types are compared exactly", fetchExactly},
		{"fetch-of-second-type", "an artifact that is listed as two types is wanted by either: one reference", fetchOfSecondType},
		{"fetch-of-references", "what is about a wanted reference is wanted", fetchOfReferences},
		{"fetch-not-through-unwanted", "what is about a reference that is not wanted is not wanted", fetchNotThrough},
		{"fetch-of-nested-index", "what is about the index around the image is wanted", fetchOfIndex},
		{"fetch-weak", "what is about something else is not wanted", fetchWeak},
		{"fetch-cycle", "two artifacts about each other, one of them about the image too", fetchCycle},
		{"list-nested", "a listing reads every nested index", listNested},
		{"list-missing-nested", "a listing goes on without a nested index that is not in the registry", listMissing},
		{"list-only-artifacts", "a listing of an index without an image is no error", listOnlyArtifacts},
		{"same-reference-in-two-indexes", "root and nested index list the same artifact about the same image: one reference", sameReferenceTwice},
	}
}

func wanted(reference Reference) Reference {
	reference.Wanted = true
	return reference
}

func fetchOfSelected(b *builder) {
	b.Request.Fetch = true
	image, foreign := b.right(), b.foreign()
	sbom, signature, other := b.sbom(image), b.signature(image), b.sbom(foreign)
	b.root(image, foreign, sbom, signature, other)
	b.selects(image, at(b.Root, 0))
	b.Expect.Children = nil // whether wanted references are among them is for the policy's own tests
	b.lists(wanted(listed(sbom)), wanted(listed(signature)), listed(other))
}

func fetchOfType(b *builder) {
	b.Request.Fetch, b.Request.Types = true, []string{"sbom"}
	image := b.right()
	sbom, signature := b.sbom(image), b.signature(image)
	b.root(image, sbom, signature)
	b.lists(wanted(listed(sbom)), listed(signature))
}

func fetchOfArtifactType(b *builder) {
	b.Request.Fetch, b.Request.Types = true, []string{"application/spdx+json"}
	image := b.right()
	sbom, signature := typed(b.sbom(image), "application/spdx+json"), b.signature(image)
	b.root(image, sbom, signature)
	b.lists(wanted(listed(sbom)), listed(signature))
}

func fetchOfSecondType(b *builder) {
	b.Request.Fetch, b.Request.Types = true, []string{"signature"}
	image := b.right()
	sbom := b.sbom(image)
	b.root(image, sbom, mark(sbom, image.Digest, "signature"))
	both := wanted(listed(sbom))
	both.OtherTypes = []string{"signature"}
	b.lists(both)
	b.Expect.ReferencesCount = new(1)
}

func fetchExactly(b *builder) {
	b.Request.Fetch, b.Request.Types = true, []string{"SBOM", "sbo", "sbom "}
	image := b.right()
	sbom := b.sbom(image)
	b.root(image, sbom)
	b.lists(listed(sbom))
}

func fetchOfReferences(b *builder) {
	b.Request.Fetch = true
	image := b.right()
	sbom := b.sbom(image)
	signature := b.signature(sbom)
	b.root(signature, sbom, image)
	b.lists(wanted(listed(signature)), wanted(listed(sbom)))
}

func fetchNotThrough(b *builder) {
	b.Request.Fetch, b.Request.Types = true, []string{"signature"}
	image := b.right()
	sbom := b.sbom(image)
	signature := b.signature(sbom)
	b.root(signature, sbom, image)
	b.lists(listed(signature), listed(sbom))
}

func fetchOfIndex(b *builder) {
	b.Request.Fetch = true
	image, foreign := b.right(), b.foreign()
	inner, other := b.index(image), b.index(foreign)
	signature, unrelated := b.signature(inner), b.signature(other)
	b.root(signature, unrelated, inner, other)
	b.lists(wanted(listed(signature)), unsure(listed(unrelated), "no"))
}

func unsure(reference Reference, weak string) Reference {
	reference.Weak = weak
	return reference
}

func fetchWeak(b *builder) {
	b.Request.Fetch = true
	image := b.right()
	weak := mark(b.artifact("application/spdx+json", "{}"), digest.FromString("elsewhere"), "sbom")
	b.root(image, weak)
	b.lists(unsure(listed(weak), "yes"))
}

func fetchCycle(b *builder) {
	b.Request.Fetch = true
	image := b.right()
	one := b.artifact("application/vnd.example.one+json", "{}")
	other := mark(b.artifact("application/vnd.example.other+json", "{}"), one.Digest, "other")
	about, back := mark(one, image.Digest, "one"), mark(one, other.Digest, "one")
	b.root(image, about, other, back)
	b.lists(wanted(listed(about)), wanted(listed(other)), wanted(listed(back)))
}

func listNested(b *builder) {
	b.Request = Request{Mode: "list"}
	image, foreign := b.right(), b.foreign()
	sbom, signature := b.sbom(image), b.signature(foreign)
	one, other := b.index(image, sbom), b.index(foreign, signature)
	b.root(one, on(other, b.other))
	b.Expect.Selections, b.Expect.Children = []Selection{}, []Place{}
	b.asks(one, other)
	b.lists(listed(sbom), listed(signature))
	b.Expect.UnreadIndexes = new(0)
}

func listMissing(b *builder) {
	b.Request = Request{Mode: "list"}
	image := b.right()
	gone, there := b.index(b.foreign()), b.index(image)
	sbom := b.sbom(image)
	weak := mark(b.artifact("application/spdx+json", "{}"), digest.FromString("perhaps in the missing index"), "sbom")
	b.absent(gone)
	b.root(gone, there, sbom, weak)
	b.asks(gone, there)
	b.lists(listed(sbom), unsure(listed(weak), "unknown"))
	b.Expect.UnreadIndexes = new(1)
}

func listOnlyArtifacts(b *builder) {
	b.Request = Request{Mode: "list"}
	weak := mark(b.artifact("application/spdx+json", "{}"), digest.FromString("elsewhere"), "sbom")
	b.root(weak)
	b.asks()
	b.lists(unsure(listed(weak), "yes"))
}

func sameReferenceTwice(b *builder) {
	image := b.right()
	sbom := b.sbom(image)
	inner := b.index(sbom, image)
	b.root(sbom, inner)
	b.selects(image, at(b.Root, 1), at(inner, 1))
	b.asks(inner, image)
	b.lists(listed(sbom))
	b.Expect.ReferencesCount = new(1)
}
