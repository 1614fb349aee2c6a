// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"fmt"

	"github.com/opencontainers/go-digest"
	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/native"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
)

func watchCommand(connect Connect) *cli.Command {
	return &cli.Command{
		Name:  "watch",
		Usage: "Tell of images as they are recorded, updated and removed",
		Description: `Prints a line for each image that comes, changes or goes, with how much is attached to it, until it is interrupted. The
line "begun" says that from there on nothing is missed.`,
		Flags: []cli.Flag{
			&cli.BoolFlag{Name: "existing", Usage: "begin with the images that are there"},
			outputFlag(),
		},
		Action: func(ctx context.Context, cmd *cli.Command) error {
			if cmd.Args().Present() {
				return misused(cmd, "too many arguments: %q", cmd.Args().Slice())
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
			to := cmd.Root().Writer
			return node.References.Watch(ctx, cmd.Bool("existing"), func(event *refractv1.WatchResponse) error {
				happened := newEventJSON(event)
				if inJSON {
					return writeJSONLine(to, happened)
				}
				_, err := fmt.Fprintln(to, happened.text())
				return err
			})
		},
	}
}

// eventJSON is one line of `references watch --output json`.
type eventJSON struct {
	// Event is existing, begun, recorded, updated or removed.
	Event string `json:"event"`
	Image string `json:"image,omitempty"`
	// Target is what the image's record points at, and Index is what the image was pulled from.
	Target digest.Digest `json:"target,omitempty"`
	Index  digest.Digest `json:"index,omitempty"`
	// References is how many are attached, as far as known.
	References    *uint32 `json:"references,omitempty"`
	UnreadIndexes uint32  `json:"unreadIndexes,omitempty"`
	// Error is why the image cannot be listed.
	Error string `json:"error,omitempty"`
}

func newEventJSON(of *refractv1.WatchResponse) eventJSON {
	switch event := of.Event.(type) {
	case *refractv1.WatchResponse_Existing:
		return ofImage("existing", event.Existing)
	case *refractv1.WatchResponse_Begun:
		return eventJSON{Event: "begun"}
	case *refractv1.WatchResponse_Recorded:
		return ofImage("recorded", event.Recorded)
	case *refractv1.WatchResponse_Updated:
		return ofImage("updated", event.Updated)
	case *refractv1.WatchResponse_Removed:
		return eventJSON{Event: "removed", Image: event.Removed.GetImage()}
	default:
		return eventJSON{Event: "unknown"}
	}
}

func ofImage(kind string, image *refractv1.Image) eventJSON {
	listing := image.GetListing()
	made := eventJSON{
		Event: kind, Image: listing.GetImage(), Target: digest.Digest(listing.GetTarget().GetDigest()),
		UnreadIndexes: listing.GetUnreadIndexes(), Error: image.GetError(),
	}
	if native.MediaTypeKind(listing.GetRoot().GetMediaType()) == native.KindIndex {
		made.Index = digest.Digest(listing.GetRoot().GetDigest())
	}
	if made.Error == "" {
		count := image.GetReferences()
		made.References = &count
	}
	return made
}

// text is an event as text for people.
func (e eventJSON) text() string {
	text := e.Event
	if e.Image != "" {
		text += " " + printable(e.Image)
	}
	switch {
	case e.Error != "":
		text += ": " + printable(e.Error)
	case e.Index != "":
		text += fmt.Sprintf(" index %s, %d attached", printable(e.Index.String()), *e.References)
	case e.Target != "":
		text += " single manifest " + printable(e.Target.String())
		if *e.References > 0 {
			text += fmt.Sprintf(", %d attached", *e.References)
		}
	}
	if e.UnreadIndexes > 0 {
		text += fmt.Sprintf(", %d nested indexes unread", e.UnreadIndexes)
	}
	return text
}
