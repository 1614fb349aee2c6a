// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bufio"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/containerd/v2/pkg/display"
	"github.com/containerd/containerd/v2/pkg/progress"
	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
)

func treeCommand(connect Connect) *cli.Command {
	return &cli.Command{
		Name:      "tree",
		Usage:     "Show what is attached to what, as a tree",
		ArgsUsage: "<image>",
		Description: `Shows the index that an image was pulled from, its images, what is attached to each, and what is attached to that.
Marks: selected (the image that this node runs), from (where in the repository it was found, outside of the index), not
fetched (see references fetch), weak (nothing in the index is what it is about), in a cycle (references that are only about
each other), repeated (shown above, with what is attached to it), unread (a nested index that this node does not have).`,
		Flags: append([]cli.Flag{outputFlag(), wholeFlag()}, discoverFlags()...),
		Action: showing(connect, func(listing *references.Listing, _ []references.Reference) any {
			return newTreeJSON(listing)
		}, func(to io.Writer, listing *references.Listing, _ []references.Reference, style style) error {
			return printTree(to, listing, style)
		}),
	}
}

// deepest is the depth at which indentation ends. An index can hold a chain of ten thousand references, each the subject of the
// next: indenting all of them would print hundreds of megabytes of spaces.
const deepest = 40

func printTree(to io.Writer, listing *references.Listing, style style) error {
	out := bufio.NewWriter(to)
	fmt.Fprintln(out, style.in(bold, printable(listing.Image)))
	if len(listing.Tree) == 0 {
		fmt.Fprintf(out, "%smanifest %s\n", display.LineTreeFormat.LastDrop, style.digest(listing.Target.Digest.String()))
		return out.Flush()
	}
	last := lastOfSiblings(listing.Tree)
	// ended has, for each depth on the path to the node, whether no sibling follows below, so that no line continues there.
	var ended []bool
	for i, node := range listing.Tree {
		ended = append(ended[:node.Depth], last[i])
		for _, end := range ended[:min(node.Depth, deepest)] {
			fmt.Fprint(out, pick(end, display.LineTreeFormat.Spacer, display.LineTreeFormat.SkipLine))
		}
		if node.Depth > deepest {
			fmt.Fprintf(out, "(%d deeper) ", node.Depth-deepest)
		}
		fmt.Fprint(out, pick(last[i], display.LineTreeFormat.LastDrop, display.LineTreeFormat.MiddleDrop))
		fmt.Fprintln(out, nodeText(listing, i, style))
	}
	return out.Flush()
}

// lastOfSiblings tells for each node whether it is the last child of its parent. It reads from the end, so that even the
// deepest chain costs one step a node.
func lastOfSiblings(tree []native.Node) []bool {
	last := make([]bool, len(tree))
	var follows []bool // at each depth up to the current one: a sibling follows
	for i := len(tree) - 1; i >= 0; i-- {
		depth := tree[i].Depth
		for len(follows) <= depth {
			follows = append(follows, false)
		}
		follows = follows[:depth+1]
		last[i] = !follows[depth]
		follows[depth] = true
	}
	return last
}

// nodeText is the text of a line: what it is, its name, and remarks in brackets.
func nodeText(listing *references.Listing, number int, style style) string {
	node := listing.Tree[number]
	var parts, marks []string
	add := func(text string) {
		if text != "" {
			parts = append(parts, text)
		}
	}
	add(kindText(node.Kind))
	switch {
	case node.Reference >= 0 && node.Reference < len(listing.References):
		reference := listing.References[node.Reference]
		parts = parts[:0]
		name, kind, artifact := nameText(reference), typeText(reference), artifactText(reference)
		add(style.text(name))
		add(style.digest(reference.Descriptor.Digest.String()))
		if kind != name {
			add(style.text(kind))
		}
		if artifact != name && artifact != kind {
			add(style.text(artifact))
		}
		add(fmt.Sprint(progress.Bytes(sizeOf(reference))))
		if reference.Description != "" {
			add(`"` + style.text(reference.Description) + `"`)
		}
		marks = append(elsewhere(reference), remarks(reference, style)...)
		switch reference.Present {
		case native.No:
			marks = append(marks, "not fetched")
		case native.Unknown:
			marks = append(marks, "unreadable")
		}
	default:
		add(platformText(node.Descriptor.Platform))
		add(style.digest(node.Descriptor.Digest.String()))
		if node.Kind == native.NodeSubject {
			marks = append(marks, subjectText(listing, number))
		}
	}
	if node.Flags&native.NodeUnread != 0 {
		marks = append(marks, "unread")
	}
	if node.Flags&native.NodeRepeated != 0 {
		marks = append(marks, "repeated")
	}
	text := strings.Join(parts, " ")
	if node.Flags&native.NodeSelected != 0 {
		text = style.in(bold, text+" [selected]")
	}
	if len(marks) > 0 {
		text += " " + style.in(yellow, "["+strings.Join(marks, ", ")+"]")
	}
	return text
}

// elsewhere says where a reference outside the index was found.
func elsewhere(reference references.Reference) []string {
	const inIndex = native.SourceIndex | native.SourceAnnotation | native.SourceBuildKit | native.SourceSOCI
	if names := reference.Sources.Names(); reference.Sources&inIndex == 0 && len(names) > 0 {
		return []string{"from " + strings.Join(names, ", ")}
	}
	return nil
}

// subjectText says why a subject has a line of its own. The reference below it knows whether the index lists the subject.
func subjectText(listing *references.Listing, number int) string {
	weak := native.Unknown
	if below := number + 1; below < len(listing.Tree) {
		if reference := listing.Tree[below].Reference; reference >= 0 && reference < len(listing.References) {
			weak = listing.References[reference].Weak
		}
	}
	switch {
	case listing.Tree[number].Descriptor.Digest == "":
		return "subject not stated"
	case weak == native.No:
		// The index lists it, but no path leads there from an image.
		return "in a cycle"
	case weak == native.Yes:
		return "not in this index"
	default:
		return "not in what was read of this index"
	}
}

func kindText(kind native.NodeKind) string {
	switch kind {
	case native.NodeIndex:
		return "index"
	case native.NodeImage:
		return "image"
	case native.NodeReference:
		return "reference"
	case native.NodeSubject:
		return "subject"
	default:
		return "unknown"
	}
}

func pick(condition bool, yes, no string) string {
	if condition {
		return yes
	}
	return no
}
