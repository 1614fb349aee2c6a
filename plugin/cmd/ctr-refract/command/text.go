// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"cmp"
	"io"
	"os"
	"strings"
	"unicode/utf8"

	"github.com/containerd/platforms"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/term"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
)

// printable escapes text from a registry so that a terminal only shows it.
func printable(text string) string { return native.Printable(text) }

// shortText is the length at which tables and trees cut a type or description: annotations may be 64 KiB long.
const shortText = 60

// style says how to print text for people.
type style struct {
	whole  bool // digests and types in full
	colour bool
}

func newStyle(to io.Writer, whole bool) style {
	file, ok := to.(*os.File)
	return style{whole: whole, colour: ok && os.Getenv("NO_COLOR") == "" && os.Getenv("TERM") != "dumb" && term.IsTerminal(int(file.Fd()))}
}

// text fits text from a registry into one line.
func (s style) text(text string) string {
	shown := printable(text)
	if s.whole || utf8.RuneCountInString(shown) <= shortText {
		return shown
	}
	runes := []rune(shown)
	return string(runes[:shortText-1]) + "…"
}

// shortHex is how many hex digits of a digest are shown: enough to tell all references of an image apart in practice.
const shortHex = 12

func (s style) digest(digest string) string {
	algorithm, hex, ok := strings.Cut(printable(digest), ":")
	if !ok || s.whole || len(hex) <= shortHex {
		return printable(digest)
	}
	return algorithm + ":" + hex[:shortHex]
}

const (
	bold   = "\x1b[1m"
	yellow = "\x1b[33m"
	plain  = "\x1b[0m"
)

func (s style) in(colour, text string) string {
	if !s.colour || text == "" {
		return text
	}
	return colour + text + plain
}

func platformText(platform *ocispec.Platform) string {
	if platform == nil {
		return ""
	}
	return printable(platforms.FormatAll(*platform))
}

// nameText is the name of a reference, for people: its kinds, else its type.
func nameText(reference references.Reference) string {
	return cmp.Or(strings.Join(reference.Kinds.Names(), ","), typeText(reference))
}

// typeText is the type of a reference, else the media type of its manifest or the key of its annotation.
func typeText(reference references.Reference) string {
	return cmp.Or(reference.Type, reference.Annotation, reference.Descriptor.MediaType)
}

// artifactText is the artifact type of a reference, or the key of its annotation; empty if it is not known.
func artifactText(reference references.Reference) string {
	return cmp.Or(reference.Annotation, reference.ArtifactType)
}

func sizeOf(reference references.Reference) int64 {
	if reference.Annotation != "" {
		return int64(len(reference.Value))
	}
	return reference.Descriptor.Size
}
