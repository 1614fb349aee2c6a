// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/references"
)

func imagesCommand(connect Connect) *cli.Command {
	return &cli.Command{
		Name:      "images",
		Usage:     "Find the images that a digest belongs to",
		ArgsUsage: "<digest>",
		Description: `Looks in all images of the namespace for what has that digest, or one that begins so, and tells what it is there: target
(what the image's record points at), index, image, reference (something attached), blob (a part of an image or reference),
subject (not in the index, but something in it is about it). PATH are the indexes, and for a blob the manifest, that lead to it.`,
		Flags: []cli.Flag{outputFlag(), wholeFlag()},
		Action: func(ctx context.Context, cmd *cli.Command) error {
			name, _, err := argumentsOf(cmd, 1, "a digest")
			if err != nil {
				return err
			}
			inJSON, err := asJSON(cmd)
			if err != nil {
				return err
			}
			node, ctx, cancel, err := connect(ctx, cmd)
			if err != nil {
				return err
			}
			defer cancel()
			uses, err := node.References.Uses(ctx, name)
			if err != nil {
				return err
			}
			return showUses(cmd, name, uses, inJSON)
		},
	}
}

// showUses prints the uses that were found. Images that could not be read are listed on standard error, for people.
func showUses(cmd *cli.Command, name string, uses *references.Uses, inJSON bool) error {
	to := cmd.Root().Writer
	switch {
	case inJSON:
		if err := writeJSON(to, newUsesJSON(name, uses)); err != nil {
			return err
		}
	case len(uses.Found) > 0:
		if err := printUses(to, uses, newStyle(to, cmd.Bool("no-trunc"))); err != nil {
			return err
		}
	}
	for _, failure := range uses.Failures {
		if !inJSON {
			fmt.Fprintln(cmd.Root().ErrWriter, printable(fmt.Sprintf("image %q could not be looked into: %s", failure.Image, failure.Err)))
		}
	}
	if len(uses.Found) > 0 {
		return nil
	}
	text := fmt.Sprintf("%q belongs to no image here", name)
	if len(uses.Failures) > 0 {
		text += fmt.Sprintf(" that could be looked into, %d could not", len(uses.Failures))
	}
	return nothing{fmt.Errorf("%s", text)}
}

func printUses(to io.Writer, uses *references.Uses, style style) error {
	table := tabwriter.NewWriter(to, 1, 8, 1, ' ', 0)
	fmt.Fprintln(table, "IMAGE\tROLE\tDIGEST\tTYPE\tSUBJECT\tPATH")
	for _, use := range uses.Found {
		path := make([]string, len(use.Path))
		for i, d := range use.Path {
			path[i] = style.digest(d.String())
		}
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\n", printable(use.Image), use.Role, style.digest(use.Digest.String()),
			orDash(style.text(use.Type)), orDash(style.digest(use.Subject.String())), orDash(strings.Join(path, " > ")))
	}
	return table.Flush()
}

// usesJSON is what `references images --output json` prints.
type usesJSON struct {
	SchemaVersion int       `json:"schemaVersion"`
	Digest        string    `json:"digest"`
	Uses          []useJSON `json:"uses"`
	// Failures are images that could not be read: whether the digest belongs to them is not known.
	Failures []failureJSON `json:"failures"`
}

// useJSON is one use of the digest. Fields without a value are left out.
type useJSON struct {
	Image string `json:"image"`
	// Role is target, index, image, reference, blob or subject.
	Role   string        `json:"role"`
	Digest digest.Digest `json:"digest"`
	// Type and Subject are a reference's.
	Type    string        `json:"type,omitempty"`
	Subject digest.Digest `json:"subject,omitempty"`
	// Path has the indexes that lead to it, the root first. The path of a blob ends with the manifest that lists it.
	Path []digest.Digest `json:"path,omitempty"`
}

type failureJSON struct {
	Image string `json:"image"`
	Error string `json:"error"`
}

func newUsesJSON(name string, uses *references.Uses) usesJSON {
	made := usesJSON{SchemaVersion: schemaVersion, Digest: name, Uses: []useJSON{}, Failures: []failureJSON{}}
	for _, use := range uses.Found {
		made.Uses = append(made.Uses, useJSON{
			Image: use.Image, Role: use.Role.String(), Digest: use.Digest, Type: use.Type, Subject: use.Subject, Path: use.Path,
		})
	}
	for _, failure := range uses.Failures {
		made.Failures = append(made.Failures, failureJSON{Image: failure.Image, Error: failure.Err.Error()})
	}
	return made
}
