// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/containerd/v2/cmd/ctr/app"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"github.com/urfave/cli/v3"
	"go.uber.org/goleak"

	"github.com/refract-oci/refract/plugin/cmd/ctr-refract/command"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/tests/node"
	"github.com/refract-oci/refract/tests/printable"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

func TestMain(m *testing.M) { goleak.VerifyTestMain(m, goleak.IgnoreTopFunction(node.LeftByEvents)) }

// place is a node, the registry that it pulled from, and a command line there.
type place struct {
	*node.Node
	t        testing.TB
	ctx      context.Context
	registry *registry.Server

	mu    sync.Mutex
	asked map[string]int // requests for manifests and blobs, by digest or tag
}

// newPlace makes one with nothing on the node and the shapes in the registry.
func newPlace(t testing.TB, all ...shapes.Shape) *place {
	t.Helper()
	p := &place{t: t, registry: node.Serve(t, all...), asked: map[string]int{}}
	p.ctx, p.Node = node.New(t)
	p.fault(nil)
	return p
}

// pulled makes a place whose node has pulled a shape, and returns the image's name.
func pulled(t testing.TB, shape shapes.Shape) (*place, string) {
	t.Helper()
	p := newPlace(t, shape)
	name := node.Name(p.registry, shape)
	p.Pull(p.ctx, t, name)
	p.forget()
	return p, name
}

// fault makes the registry misbehave. Requests are counted before they are answered, so that a count is never late.
func (p *place) fault(fault registry.Fault) {
	p.registry.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
		if target.Kind == "manifests" || target.Kind == "blobs" {
			p.mu.Lock()
			p.asked[target.Reference]++
			p.mu.Unlock()
		}
		return fault != nil && fault(w, r, target)
	})
}

// requests is how often the registry was asked for anything.
func (p *place) requests() int {
	p.mu.Lock()
	defer p.mu.Unlock()
	sum := 0
	for _, count := range p.asked {
		sum += count
	}
	return sum
}

func (p *place) askedFor(d digest.Digest) int {
	p.mu.Lock()
	defer p.mu.Unlock()
	return p.asked[d.String()]
}

func (p *place) forget() {
	p.mu.Lock()
	defer p.mu.Unlock()
	clear(p.asked)
}

// put writes content of a shape to the node without a pull.
func (p *place) put(shape shapes.Shape, all ...digest.Digest) {
	p.t.Helper()
	for _, d := range all {
		raw := shape.Blobs[d]
		desc := ocispec.Descriptor{MediaType: "application/octet-stream", Digest: d, Size: int64(len(raw))}
		if err := content.WriteBlob(p.ctx, p.Content, d.String(), bytes.NewReader(raw), desc); err != nil {
			p.t.Fatal(err)
		}
	}
}

// came is the result of a command, as a shell sees it.
type came struct {
	out, err string
	code     int
}

// root is the program as main puts it together, with a node of the test's in place of the daemon.
func (p *place) root(out, errors io.Writer) *cli.Command {
	root := app.New()
	root.Name = "ctr-refract"
	root.Writer, root.ErrWriter = out, errors
	root.Commands = append(root.Commands, command.References(p.connect))
	return root
}

func (p *place) connect(ctx context.Context, _ *cli.Command) (*command.Node, context.Context, context.CancelFunc, error) {
	here := &command.Node{References: command.OverStores(p.Images, p.Content, p.Events), Images: p.Images, Content: p.Content, Lease: p.Lease}
	return here, namespaces.WithNamespace(ctx, "test"), func() {}, nil
}

// run runs `ctr-refract references …` as main does. Whatever comes of it: nothing but content is anything else than
// printable text, there are no colours, and an error is one line.
func (p *place) run(arguments ...string) came {
	p.t.Helper()
	return p.program(append([]string{"ctr-refract", "references"}, arguments...)...)
}

func (p *place) program(arguments ...string) came {
	p.t.Helper()
	var out, errors bytes.Buffer
	err := p.root(&out, &errors).Run(p.ctx, arguments)
	got := came{out: out.String(), err: errors.String(), code: command.ExitCode(err)}
	if err != nil {
		text := command.ErrorText(err)
		if strings.Contains(text, "\n") {
			p.t.Errorf("%q: an error of several lines: %q", arguments, text)
		}
		got.err += "ctr-refract: " + text + "\n"
	}
	if (err == nil) != (got.code == 0) {
		p.t.Errorf("%q: exit code %d, error %v", arguments, got.code, err)
	}
	if !slices.Contains(arguments, "get") || slices.Contains(arguments, "-o") {
		harmless(p.t, got.out)
	}
	harmless(p.t, got.err)
	return got
}

// harmless checks that a terminal does nothing with a text but show its lines.
func harmless(t testing.TB, text string) {
	t.Helper()
	if harm := printable.Harm(text); harm != "" {
		t.Errorf("printed raw: %s: %q", harm, text)
	}
}

// succeeds runs a command that must succeed without a word on standard error, and returns what it printed.
func (p *place) succeeds(arguments ...string) string {
	p.t.Helper()
	got := p.run(arguments...)
	if got.code != 0 || got.err != "" {
		p.t.Fatalf("%q: exit code %d, %s", arguments, got.code, got.err)
	}
	return got.out
}

// fails runs a command that must fail with that code and say these words.
func (p *place) fails(code int, words []string, arguments ...string) came {
	p.t.Helper()
	got := p.run(arguments...)
	if got.code != code {
		p.t.Errorf("%q: exit code %d, want %d: %s%s", arguments, got.code, code, got.out, got.err)
	}
	for _, word := range words {
		if !strings.Contains(got.err, word) {
			p.t.Errorf("%q: %q does not have %q", arguments, got.err, word)
		}
	}
	return got
}

// short is how digests are shown in tables and trees.
func short(d digest.Digest) string { return d.Algorithm().String() + ":" + d.Encoded()[:12] }

// contentOf is an artifact of a shape with its config and layers, each once.
func contentOf(t testing.TB, shape shapes.Shape, artifact digest.Digest) []digest.Digest {
	t.Helper()
	manifest, err := native.ReadManifest(artifact.String(), shape.Blobs[artifact])
	if err != nil {
		t.Fatal(err)
	}
	all := []digest.Digest{artifact}
	for _, blob := range append([]ocispec.Descriptor{manifest.Config}, manifest.Layers...) {
		if !slices.Contains(all, blob.Digest) {
			all = append(all, blob.Digest)
		}
	}
	return all
}

// lastLayer is the content of the last layer of an artifact.
func lastLayer(t testing.TB, shape shapes.Shape, artifact digest.Digest) string {
	t.Helper()
	all := contentOf(t, shape, artifact)
	return string(shape.Blobs[all[len(all)-1]])
}

func sprint(values ...any) string { return strings.TrimSpace(fmt.Sprintln(values...)) }
