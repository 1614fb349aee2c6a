// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package command holds the commands that ctr-refract adds to ctr.
package command

import (
	"context"
	"errors"
	"fmt"
	"strings"

	"github.com/containerd/containerd/v2/cmd/ctr/commands"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/urfave/cli/v3"
	"google.golang.org/grpc"

	"github.com/refract-oci/refract/plugin/discover"
	"github.com/refract-oci/refract/plugin/references"
	"github.com/refract-oci/refract/plugin/service"
)

// Exit codes of the references commands. ctr's other commands keep their own.
const (
	exitFailure  = 1
	exitUsage    = 2
	exitNotFound = 3
)

// ExitCode is the exit code of a program that ends with this error.
func ExitCode(err error) int {
	var usage *usageError
	switch {
	case err == nil:
		return 0
	case errors.As(err, &usage):
		return exitUsage
	case errors.Is(err, errNothing):
		return exitNotFound
	default:
		return exitFailure
	}
}

// errNothing marks errors that say that the requested reference or layer was not found.
var errNothing = errors.New("not found")

// usageError is a mistake in how a command was called.
type usageError struct{ text string }

func (e *usageError) Error() string { return e.text }

func misused(cmd *cli.Command, format string, args ...any) error {
	return &usageError{fmt.Sprintf(format, args...) + fmt.Sprintf(" (see %s --help)", cmd.FullName())}
}

// nothing marks err for exit code 3 and keeps its text.
type nothing struct{ error }

func (n nothing) Unwrap() []error { return []error{n.error, errNothing} }

// marked gives containerd's NotFound errors their exit code.
func marked(err error) error {
	if errdefs.IsNotFound(err) && !errors.Is(err, errNothing) {
		return nothing{err}
	}
	return err
}

// Node is what the commands use from a containerd.
type Node struct {
	References Reader
	// Images and Content are for writing records and for reading bytes.
	Images  images.Store
	Content content.Store
	// Lease keeps written content from the garbage collector until it is released.
	Lease func(context.Context) (context.Context, func(context.Context) error, error)
}

// Connect finds the node that a command is for. The returned context holds its namespace.
type Connect func(context.Context, *cli.Command) (*Node, context.Context, context.CancelFunc, error)

// toDaemon connects to the containerd that ctr's own flags name.
func toDaemon(ctx context.Context, cmd *cli.Command) (*Node, context.Context, context.CancelFunc, error) {
	client, ctx, cancel, err := commands.NewClient(ctx, cmd)
	if err != nil {
		return nil, nil, nil, err
	}
	connection, ok := client.Conn().(grpc.ClientConnInterface)
	if !ok {
		return nil, nil, nil, fmt.Errorf("containerd's client has a %T for a connection: %w", client.Conn(), errdefs.ErrInternal)
	}
	node := &Node{
		References: eitherWay{
			service: service.NewClient(connection),
			stores:  OverStores(client.ImageService(), client.ContentStore(), client.EventService()),
		},
		Images:  client.ImageService(),
		Content: client.ContentStore(),
		Lease: func(ctx context.Context) (context.Context, func(context.Context) error, error) {
			return client.WithLease(ctx)
		},
	}
	return node, ctx, func() { cancel(); client.Close() }, nil
}

// Extend adds refract's commands to ctr's, and replaces ctr's local pull by one that understands extended indexes.
func Extend(ctr *cli.Command) error {
	ctr.Commands = append(ctr.Commands, References(toDaemon))
	return replacePull(ctr)
}

// References is the command for what is attached to images.
func References(connect Connect) *cli.Command {
	all := []*cli.Command{
		lsCommand(connect), treeCommand(connect), getCommand(connect), fetchCommand(connect), imagesCommand(connect), watchCommand(connect),
	}
	wrongUsage := func(_ context.Context, cmd *cli.Command, err error, _ bool) error {
		return misused(cmd, "%s", printable(err.Error()))
	}
	for _, one := range all {
		one.DisableSliceFlagSeparator = true
		one.OnUsageError = wrongUsage
	}
	tree := treeCommand(connect)
	return &cli.Command{
		Name:      "references",
		Aliases:   []string{"reference", "refs"},
		Usage:     "Show, get and fetch what is attached to an image",
		ArgsUsage: "[<image>]",
		Flags:     []cli.Flag{local(outputFlag()), local(wholeFlag())},
		Description: `SBOMs, signatures, attestations and whatever else the index that an image was pulled from holds beside its images.
All but fetch read the node's store and ask no registry, unless --discover says so. Where the daemon has refract's own service, it is
what reads. With an image and no command, its tree is shown.

Exit codes: 0 success, 1 failure, 2 wrong usage, 3 not found.`,
		Commands:     all,
		OnUsageError: wrongUsage,
		Action: func(ctx context.Context, cmd *cli.Command) error {
			switch first := cmd.Args().First(); {
			case !cmd.Args().Present():
				return cli.ShowSubcommandHelp(cmd)
			case !strings.ContainsAny(first, "/:@"):
				// This is a mistyped command and not an image: containerd's image names are given in full.
				return misused(cmd, "unknown command %q", printable(first))
			default:
				return tree.Action(ctx, cmd)
			}
		},
	}
}

// arguments checks the number of arguments, and returns the image's name and the rest.
func arguments(cmd *cli.Command, most int) (string, []string, error) {
	return argumentsOf(cmd, most, "the name of an image")
}

// argumentsOf does the same where the first argument is not an image's name.
func argumentsOf(cmd *cli.Command, most int, first string) (string, []string, error) {
	given := cmd.Args().Slice()
	if len(given) == 0 || given[0] == "" {
		return "", nil, misused(cmd, "%s is missing", first)
	}
	if len(given) > most {
		return "", nil, misused(cmd, "too many arguments: %q", given[most:])
	}
	return given[0], given[1:], nil
}

// query reads which references a command looks for.
func query(cmd *cli.Command, names []string) (references.Query, error) {
	asked := references.Query{Type: cmd.String("type")}
	if cmd.IsSet("type") && asked.Type == "" {
		return asked, misused(cmd, "--type is empty")
	}
	if len(names) > 0 {
		if names[0] == "" {
			return asked, misused(cmd, "the digest is empty")
		}
		asked.Name = names[0]
	}
	return asked, nil
}

// list reads what is attached to the named image. It also looks into the image's repository if the command line says so.
func list(ctx context.Context, cmd *cli.Command, node *Node, name string) (*references.Listing, error) {
	if !cmd.Bool(discoverFlag) {
		listing, err := node.References.List(ctx, name)
		return listing, marked(err)
	}
	resolver, err := resolverFor(ctx, cmd, name)
	if err != nil {
		return nil, err
	}
	stores := references.Stores{Images: node.Images, Content: node.Content}
	image, err := stores.Image(ctx, name)
	if err != nil {
		return nil, marked(err)
	}
	listing, err := stores.Discover(ctx, image, discover.AllSources(), discover.Through(name, resolver))
	return listing, marked(err)
}

// find looks for references. If there are none, the error says where it looked and how to look in more places.
func find(listing *references.Listing, asked references.Query, how string) ([]references.Reference, error) {
	found := listing.Find(asked)
	if len(found) > 0 {
		return found, nil
	}
	what := "nothing"
	switch {
	case asked.Name != "" && asked.Type != "":
		what = fmt.Sprintf("no %q of type %q", asked.Name, asked.Type)
	case asked.Name != "":
		what = fmt.Sprintf("no %q", asked.Name)
	case asked.Type != "":
		what = fmt.Sprintf("nothing of type %q", asked.Type)
	}
	text := fmt.Sprintf("image %q: %s is attached %s", listing.Image, what, where(listing, how))
	if listing.UnreadIndexes > 0 {
		text += "; " + unread(listing)
	}
	for _, notice := range listing.Notices {
		text += "; " + printable(notice)
	}
	return nil, nothing{errors.New(text)}
}

// where says where was looked, and how to look in more places.
func where(listing *references.Listing, how string) string {
	switch noIndex := listing.Root.Digest == "" || listing.Alone(); {
	case listing.Discovered && noIndex:
		return "to it in its repository; this node knows of no index that it is from"
	case listing.Discovered:
		return "in the index or in the repository"
	case listing.Root.Digest == "":
		return "to it here: this node knows of no index that it is from; with " + how + " its repository is searched"
	case listing.Alone():
		return "in what was found when it was pulled; with " + how + " the repository is searched again"
	default:
		return "in the index; with " + how + " the repository is searched too"
	}
}

// unread says how many nested indexes could not be read.
func unread(listing *references.Listing) string {
	if listing.UnreadIndexes == 1 {
		return "1 nested index is not in the content store, what it holds is not known"
	}
	return fmt.Sprintf("%d nested indexes are not in the content store, what they hold is not known", listing.UnreadIndexes)
}

func typeFlag() cli.Flag {
	return &cli.StringFlag{Name: "type", Usage: "only references of this kind (sbom, signature, …), or of exactly this type"}
}

const discoverFlag = "discover"

// How to search the repository: for a command that has the flag, and for one that does not.
const (
	byFlag    = "--discover"
	byCommand = "references fetch --discover"
)

// local returns a flag that subcommands do not inherit.
func local(flag cli.Flag) cli.Flag {
	switch flag := flag.(type) {
	case *cli.StringFlag:
		flag.Local = true
	case *cli.BoolFlag:
		flag.Local = true
	}
	return flag
}

// discoverFlags are the flags for looking into an image's repository, as fetch and pull have them.
func discoverFlags() []cli.Flag {
	return append([]cli.Flag{
		&cli.BoolFlag{Name: discoverFlag, Usage: "look into the image's repository, too: digest tags, the referrers API, cosign's tags"},
	}, commands.RegistryFlags...)
}

func outputFlag() cli.Flag {
	return &cli.StringFlag{Name: "output", Usage: "how to print: text or json", Value: outputText}
}

func wholeFlag() cli.Flag {
	return &cli.BoolFlag{Name: "no-trunc", Usage: "print digests and types in full"}
}

const (
	outputText = "text"
	outputJSON = "json"
)

// asJSON reads the --output flag.
func asJSON(cmd *cli.Command) (bool, error) {
	switch output := cmd.String("output"); output {
	case outputText, outputJSON:
		return output == outputJSON, nil
	default:
		return false, misused(cmd, "--output is %q, it can be %s or %s", output, outputText, outputJSON)
	}
}
