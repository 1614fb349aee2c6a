// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"
	"io"
	"strings"
	"text/tabwriter"

	"github.com/containerd/containerd/v2/pkg/progress"
	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/references"
)

func lsCommand(connect Connect) *cli.Command {
	return &cli.Command{
		Name:        "list",
		Aliases:     []string{"ls"},
		Usage:       "List what is attached to an image",
		ArgsUsage:   "<image>",
		Description: "Lists what the index of a pulled image attaches to it. PRESENT tells whether the node has it whole, SOURCE where it was found.",
		Flags:       append([]cli.Flag{typeFlag(), outputFlag(), wholeFlag()}, discoverFlags()...),
		Action: showing(connect, func(listing *references.Listing, found []references.Reference) any {
			return newListingJSON(listing, found)
		}, func(to io.Writer, _ *references.Listing, found []references.Reference, style style) error {
			return printTable(to, found, style)
		}),
	}
}

// showing runs a command that shows a listing: as JSON, or as text with notices on standard error. Both functions get the
// listing and the references that were requested.
func showing(connect Connect, toJSON func(*references.Listing, []references.Reference) any,
	toText func(io.Writer, *references.Listing, []references.Reference, style) error) cli.ActionFunc {
	return func(ctx context.Context, cmd *cli.Command) error {
		name, _, err := arguments(cmd, 1)
		if err != nil {
			return err
		}
		asked, err := query(cmd, nil)
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
		listing, err := list(ctx, cmd, node, name)
		if err != nil {
			return err
		}
		found := listing.Find(asked)
		to := cmd.Root().Writer
		if inJSON {
			return writeJSON(to, toJSON(listing, found))
		}
		if err := toText(to, listing, found, newStyle(to, cmd.Bool("no-trunc"))); err != nil {
			return err
		}
		explain(cmd.Root().ErrWriter, listing)
		return nil
	}
}

// explain prints the notices of a listing.
func explain(to io.Writer, listing *references.Listing) {
	if listing.Root.Digest == "" {
		fmt.Fprintf(to, "image %q: nothing is attached %s\n", listing.Image, where(listing, byFlag))
	}
	if listing.UnreadIndexes > 0 {
		fmt.Fprintln(to, unread(listing))
	}
	for _, notice := range listing.Notices {
		fmt.Fprintln(to, printable(notice))
	}
}

func printTable(to io.Writer, found []references.Reference, style style) error {
	table := tabwriter.NewWriter(to, 1, 8, 1, ' ', 0)
	fmt.Fprintln(table, "KIND\tDIGEST\tTYPE\tARTIFACT TYPE\tSIZE\tSUBJECT\tSOURCE\tPRESENT\tNOTES")
	for _, reference := range found {
		fmt.Fprintf(table, "%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\t%s\n",
			orDash(strings.Join(reference.Kinds.Names(), ",")),
			orDash(style.digest(reference.Descriptor.Digest.String())),
			orDash(style.text(reference.Type)),
			orDash(style.text(artifactText(reference))),
			progress.Bytes(sizeOf(reference)),
			orDash(style.digest(reference.Subject.String())),
			strings.Join(reference.Sources.Names(), ","),
			reference.Present,
			orDash(strings.Join(remarks(reference, style), ", ")))
	}
	return table.Flush()
}

// remarks describe what is unusual about a reference's subject.
func remarks(reference references.Reference, style style) []string {
	var remarks []string
	switch {
	case reference.Malformed != "":
		remarks = append(remarks, "malformed subject \""+style.text(reference.Malformed)+"\"")
	case reference.Subject == "" && reference.Unread:
		remarks = append(remarks, "not read: subject unknown")
	case reference.Subject == "":
		remarks = append(remarks, "no subject stated")
	case reference.Weak == native.Yes:
		remarks = append(remarks, "weak")
	case reference.Weak == native.Unknown:
		remarks = append(remarks, "perhaps weak")
	}
	return remarks
}

func orDash(text string) string {
	if text == "" {
		return "-"
	}
	return text
}
