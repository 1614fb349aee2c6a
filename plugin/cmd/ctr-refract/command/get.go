// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"io"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/progress"
	"github.com/containerd/errdefs"
	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
)

func getCommand(connect Connect) *cli.Command {
	return &cli.Command{
		Name:      "get",
		Usage:     "Write the content of something that is attached to an image",
		ArgsUsage: "<image> [<digest>]",
		Description: `Writes the only layer of an attached artifact, its size and digest checked, to the standard output or to a file.
The artifact is named by its digest, by the beginning of one, by the key of an inline annotation, or by --type.

Of an artifact with several layers choose one with --layer, or write all into a directory with -o. Files are named by the
layers' titles where these are plain names, else by their digests. Files that exist are left alone.

What takes at most 4 MiB is checked before it is written to the standard output; of more, what came is right only if the exit code
is 0.`,
		Flags: []cli.Flag{
			typeFlag(),
			&cli.StringFlag{Name: "layer", Usage: "which layer to write: its number, counted from 0, or its digest"},
			&cli.BoolFlag{Name: "manifest", Usage: "write the manifest instead of what it holds"},
			&cli.StringFlag{Name: "o", Usage: "file or directory to write to", Value: toStandardOutput},
		},
		Action: func(ctx context.Context, cmd *cli.Command) error {
			name, further, err := arguments(cmd, 2)
			if err != nil {
				return err
			}
			asked, err := query(cmd, further)
			if err != nil {
				return err
			}
			if cmd.Bool("manifest") && cmd.IsSet("layer") {
				return misused(cmd, "--manifest and --layer exclude each other")
			}
			if cmd.IsSet("layer") && cmd.String("layer") == "" {
				return misused(cmd, "--layer is empty")
			}
			if cmd.String("o") == "" {
				return misused(cmd, "-o is empty")
			}
			node, ctx, cancel, err := connect(ctx, cmd)
			if err != nil {
				return err
			}
			defer cancel()
			listing, err := list(ctx, cmd, node, name)
			if err != nil {
				return err
			}
			reference, err := findOne(cmd, listing, asked)
			if err != nil {
				return err
			}
			err = get(ctx, cmd, node.Content, reference)
			if errdefs.IsNotFound(err) && !errors.Is(err, errNoSuchLayer) {
				return nothing{fmt.Errorf("%s %s is not on this node as a whole; this gets it: %s", typeOrArtifact(reference),
					reference.Descriptor.Digest, fetchCall(cmd, listing, reference))}
			}
			return marked(err)
		},
	}
}

// toStandardOutput is the value of -o that writes the content to standard output.
const toStandardOutput = "-"

// errNoSuchLayer says that the artifact does not list the layer, unlike a layer that this node does not have.
var errNoSuchLayer = errors.New("no such layer")

// findOne looks for one reference. If several match, it lists them so that the user can name one.
func findOne(cmd *cli.Command, listing *references.Listing, asked references.Query) (references.Reference, error) {
	found, err := find(listing, asked, byCommand)
	if err != nil {
		return references.Reference{}, err
	}
	found = references.Distinct(found)
	if len(found) > 1 {
		if err := printTable(cmd.Root().ErrWriter, found, style{whole: true}); err != nil {
			return references.Reference{}, err
		}
		return references.Reference{}, fmt.Errorf("image %q: %w, name one of these %d by its digest", listing.Image, references.ErrSeveral, len(found))
	}
	return found[0], nil
}

func get(ctx context.Context, cmd *cli.Command, store content.Store, reference references.Reference) error {
	artifact, err := references.Open(ctx, store, reference)
	if err != nil {
		return err
	}
	pieces, err := chosen(cmd, artifact)
	if err != nil {
		return err
	}
	for i := range pieces {
		pieces[i].fill = func(to io.Writer) error { return pieces[i].layer.Write(ctx, store, to) }
	}
	if cmd.Bool("manifest") {
		pieces = []piece{{layer: references.Layer{Descriptor: reference.Descriptor}, fill: func(to io.Writer) error {
			_, err := to.Write(artifact.Manifest)
			return err
		}}}
	}
	if path := cmd.String("o"); path != toStandardOutput {
		return writeFiles(cmd.Root().Writer, path, pieces)
	}
	return pieces[0].show(cmd.Root().Writer)
}

// show writes a piece to standard output. Content no longer than the limit for documents is verified before it is written,
// because the reader of a pipe acts on what it gets, and may not look at exit codes.
func (p piece) show(to io.Writer) error {
	out := newShown(to)
	if size := p.layer.Size; size >= 0 && uint64(size) <= native.DefaultLimits().DocumentBytes {
		var content bytes.Buffer
		if err := p.fill(&content); err != nil {
			return err
		}
		if _, err := content.WriteTo(out); err != nil {
			return err
		}
	} else if err := p.fill(out); err != nil {
		return err
	}
	return out.Flush()
}

// piece is content to write.
type piece struct {
	layer references.Layer
	fill  func(io.Writer) error
}

// chosen returns the layers to write; none if the manifest was requested.
func chosen(cmd *cli.Command, artifact *references.Artifact) ([]piece, error) {
	of := artifact.Reference.Descriptor.Digest
	switch {
	case cmd.Bool("manifest"):
		if artifact.Manifest == nil {
			return nil, fmt.Errorf("%s has no manifest: it is a plain blob or an annotation", typeOrArtifact(artifact.Reference))
		}
		return nil, nil
	case cmd.IsSet("layer"):
		layer, err := artifact.Layer(cmd.String("layer"))
		if errdefs.IsNotFound(err) {
			err = fmt.Errorf("%w: %w", err, errNoSuchLayer)
		}
		return []piece{{layer: layer}}, err
	case len(artifact.Layers) == 0:
		return nil, fmt.Errorf("%s has no layers, --manifest writes what it is", of)
	}
	layers := artifact.Layers
	// An artifact may hold several types, as BuildKit's do: only the requested type is written.
	if asked := cmd.String("type"); asked != "" && len(layers) > 1 {
		if some := artifact.LayersOf(asked); len(some) > 0 {
			layers = some
		}
	}
	if len(layers) > 1 && cmd.String("o") == toStandardOutput {
		for i, layer := range artifact.Layers {
			fmt.Fprintf(cmd.Root().ErrWriter, "%d %s %s %v %s\n", i, printable(layer.Digest.String()), printable(layer.MediaType),
				progress.Bytes(layer.Size), printable(layer.Title))
		}
		return nil, fmt.Errorf("%s has %d layers: choose one with --layer, or write all into a directory with -o", of, len(artifact.Layers))
	}
	pieces := make([]piece, len(layers))
	for i, layer := range layers {
		pieces[i].layer = layer
	}
	return pieces, nil
}

// typeOrArtifact names a reference's kind at the beginning of a message.
func typeOrArtifact(reference references.Reference) string {
	return style{}.text(typeText(reference))
}

// fetchCall is the command line that fetches a reference, ready to be typed.
func fetchCall(cmd *cli.Command, listing *references.Listing, reference references.Reference) string {
	words := []string{cmd.Root().Name}
	for _, flag := range []string{"address", "namespace"} {
		if cmd.Root().IsSet(flag) {
			words = append(words, "--"+flag, cmd.Root().String(flag))
		}
	}
	words = append(words, "references", "fetch", listing.Image, reference.Descriptor.Digest.String())
	for i, word := range words {
		words[i] = forShell(word)
	}
	return strings.Join(words, " ")
}

// forShell quotes a word where a shell would otherwise interpret it.
func forShell(word string) string {
	safe := func(r rune) bool {
		return r < 0x80 && (r >= 'a' && r <= 'z' || r >= 'A' && r <= 'Z' || r >= '0' && r <= '9' || strings.ContainsRune("-_./:@+=,", r))
	}
	if word != "" && strings.IndexFunc(word, func(r rune) bool { return !safe(r) }) < 0 {
		return word
	}
	return "'" + strings.ReplaceAll(printable(word), "'", `'\''`) + "'"
}
