// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"slices"
	"strings"
	"sync"
	"sync/atomic"
	"testing"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/transfer/image"
	transferred "github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	"golang.org/x/sync/errgroup"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/transfer"
	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// judgedType is what the policy of these tests requires. Every image of a shape has it, and no twin.
const judgedType = "judged"

// judgedTargets are those of image records. The repository's first part says which one the policy has for it.
var judgedTargets = []string{"auto", "index", "manifest"}

// judgingPolicy is the daemons'.
func judgingPolicy(host string) string {
	var rules []string
	for _, target := range judgedTargets {
		rules = append(rules, fmt.Sprintf("{ match = \"%s/%s/*\", image_target = %q }", host, target, target))
	}
	return fmt.Sprintf("required = [%q]\nrules = [%s]\n", judgedType, strings.Join(rules, ", "))
}

// hostile is a shape whose index has twins of its image: images that run as well, and that the index marks as artifacts.
type hostile struct {
	shapes.Shape
	twins  string
	number int
	// hidden is what the twins consist of, but for their layers.
	hidden []digest.Digest
	// judged are the configs of the images that are none.
	judged map[digest.Digest]bool
}

// twinning are the ways to hide twins in an index.
var twinning = []struct {
	name string
	hide func(h *hostile, image ocispec.Descriptor) (before, after []ocispec.Descriptor)
}{
	{"none", func(*hostile, ocispec.Descriptor) (before, after []ocispec.Descriptor) { return nil, nil }},
	{"before", func(h *hostile, image ocispec.Descriptor) (before, after []ocispec.Descriptor) {
		return []ocispec.Descriptor{h.twin(image, &host)}, nil
	}},
	{"after", func(h *hostile, image ocispec.Descriptor) (before, after []ocispec.Descriptor) {
		return nil, []ocispec.Descriptor{h.twin(image, &host), h.twin(image, nil), h.inner(h.twin(image, &host))}
	}},
	{"before, of no platform", func(h *hostile, image ocispec.Descriptor) (before, after []ocispec.Descriptor) {
		return []ocispec.Descriptor{h.twin(image, nil)}, nil
	}},
	{"before, of other platforms", func(h *hostile, image ocispec.Descriptor) (before, after []ocispec.Descriptor) {
		return []ocispec.Descriptor{h.twin(image, &otherPlatform), h.twin(image, &ocispec.Platform{OS: "linux", Architecture: "s390x"})}, nil
	}},
	{"before, spelled so that lower-casing makes it ours", func(h *hostile, image ocispec.Descriptor) (before, after []ocispec.Descriptor) {
		return []ocispec.Descriptor{h.twin(image, &ocispec.Platform{OS: "l\u0130nux", Architecture: goarch})}, nil
	}},
	{"of a platform that is written like another", func(h *hostile, image ocispec.Descriptor) (before, after []ocispec.Descriptor) {
		image.Platform = &ocispec.Platform{OS: "linux/386"}
		return []ocispec.Descriptor{image}, []ocispec.Descriptor{h.twin(image, &ocispec.Platform{OS: "linux", Architecture: "386"})}
	}},
	{"before, nested", func(h *hostile, image ocispec.Descriptor) (before, after []ocispec.Descriptor) {
		return []ocispec.Descriptor{h.inner(h.twin(image, &host))}, nil
	}},
	{"before the image, nested", func(h *hostile, image ocispec.Descriptor) (before, after []ocispec.Descriptor) {
		image.Platform = &host
		index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{h.twin(image, &host), image}}
		index.SchemaVersion = 2
		return []ocispec.Descriptor{addDocument(&h.Shape, index.MediaType, index)}, nil
	}},
}

var (
	host          = platforms.DefaultSpec()
	otherPlatform = map[string]ocispec.Platform{
		"amd64": {OS: "linux", Architecture: "arm64"}, "arm64": {OS: "linux", Architecture: "amd64"},
	}[goarch]
)

// twin adds an image like the shape's, with another config, marked as its SBOM.
func (h *hostile) twin(image ocispec.Descriptor, platform *ocispec.Platform) ocispec.Descriptor {
	h.number++
	var manifest ocispec.Manifest
	var config ocispec.Image
	decode(h.Blobs[image.Digest], &manifest)
	decode(h.Blobs[manifest.Config.Digest], &config)
	config.Config.Labels = map[string]string{"twin": fmt.Sprint(h.number)}
	if platform != nil {
		config.Platform = *platform
	}
	config.Config.Cmd = []string{shapes.Busybox, "echo", "twin"}
	manifest.Config = add(h.Shape, manifest.Config.MediaType, encode(config))
	made := addDocument(&h.Shape, image.MediaType, manifest)
	made.Platform = platform
	made.Annotations = marked(h.Shape)
	return made
}

// inner adds an index of these, marked as an artifact of the image's platform.
func (h *hostile) inner(entries ...ocispec.Descriptor) ocispec.Descriptor {
	index := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: entries}
	index.SchemaVersion = 2
	made := addDocument(&h.Shape, index.MediaType, index)
	made.Platform, made.Annotations = &host, marked(h.Shape)
	return made
}

func decode(raw []byte, into any) {
	if err := json.Unmarshal(raw, into); err != nil {
		panic(fmt.Sprintf("a shape's own document: %v", err))
	}
}

// bring writes what was hidden in the index into a content store.
func (h *hostile) bring(ctx context.Context, store content.Store) error {
	for _, d := range h.hidden {
		raw := h.Blobs[d]
		desc := ocispec.Descriptor{MediaType: "application/octet-stream", Digest: d, Size: int64(len(raw))}
		if err := content.WriteBlob(ctx, store, "twin-"+d.String(), bytes.NewReader(raw), desc); err != nil {
			return err
		}
	}
	return nil
}

// hostiles are all shapes that must be pulled and begin at an index, with twins hidden in each way.
func hostiles(t *testing.T) []*hostile {
	t.Helper()
	runnable, _ := shared.runnable()
	var all []*hostile
	for _, shape := range runnable {
		if native.MediaTypeKind(shape.Root.MediaType) != native.KindIndex {
			continue // nothing is chosen of a single manifest
		}
		for _, how := range twinning {
			made := &hostile{Shape: shape.WithRoot(func(*ocispec.Index) {}), twins: how.name, judged: map[digest.Digest]bool{}}
			image := ocispec.Descriptor{MediaType: shape.MediaTypes[shape.Selected], Digest: shape.Selected, Size: int64(len(shape.Blobs[shape.Selected]))}
			before, after := how.hide(made, image)
			for d := range made.Blobs {
				if _, had := shape.Blobs[d]; !had {
					made.hidden = append(made.hidden, d)
				}
			}
			proof := artifactOf(&made.Shape, add(made.Shape, "application/spdx+json", []byte(`{"judged":true}`)))
			for manifest, config := range shape.Configs {
				made.judged[config] = true
				about := proof
				about.Annotations = map[string]string{"org.opencontainers.reference.digest": manifest.String(), "org.opencontainers.reference.type": judgedType}
				after = append(after, about)
			}
			made.Shape = made.WithRoot(func(index *ocispec.Index) { index.Manifests = slices.Concat(before, index.Manifests, after) })
			all = append(all, made)
		}
	}
	return all
}

// judgedPortions are the platforms of a pull; none: all.
var judgedPortions = map[string][]ocispec.Platform{"one": {host}, "two": {host, otherPlatform}, "all": nil}

// judgedWay is a way to pull.
type judgedWay struct {
	name, namespace string
	daemon          *harness.Daemon
	// Of the portions, each target of each hostile index has one in turn. Of the hostile indexes of a shape, each target has so many in
	// turn: a pull by the runtime interface takes longer, and for one by a command a process is started.
	portions []string
	hostiles int
	pull     func(ctx context.Context, w *judgedWay, name, target string, wanted []ocispec.Platform) error
}

// TestJudgedIsRun pulls every shape, with twins hidden in its index, in every way and for every target of the image's record, by a
// policy that requires what the images have and the twins have not. The twins are on the node before, as if another pull had brought
// them. What containerd then selects from the record, for this host and for what was asked, is an image that was
// judged; or the pull was refused, for that reason.
func TestJudgedIsRun(t *testing.T) {
	server, err := registry.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	all := hostiles(t)
	for i, one := range all {
		for _, target := range judgedTargets {
			server.Add(fmt.Sprintf("%s/%d-%s", target, i, one.Name), one.Shape, "latest")
		}
	}
	config := harness.Config{Policy: judgingPolicy(server.Host())}
	ours, behind := start(t, harness.StartRefract, config), start(t, harness.StartBehindRefractd, config)
	several := []string{"one", "two", "all"}
	counted := judgedCount{}
	for _, way := range []*judgedWay{
		{"transfer", "transfer", ours, several, len(twinning), pullTransferring},
		{"client", "client", behind, several, len(twinning), pullAsClient},
		{"local", "local", ours, several, 2, pullLocallyJudged},
		{"cri", criNamespace, ours, []string{"one"}, 4, pullByCRIJudged},
		{"refractd", criNamespace, behind, []string{"one"}, 4, pullByCRIJudged},
	} {
		t.Run(way.name, func(t *testing.T) { counted.pullAll(t, way, server.Host(), all) })
	}
	t.Logf("judged is run: %d combinations of %d indexes; %d were pulled, %d refused, %d images asked for in the records, %d run",
		counted.all.Load(), len(all), counted.pulled.Load(), counted.refused.Load(), counted.compared.Load(), counted.ran.Load())
	if counted.refused.Load() == 0 || counted.pulled.Load() < counted.refused.Load() {
		t.Error("too few were pulled, or none was refused: the test tests nothing")
	}
}

type judgedCount struct{ all, pulled, refused, compared, ran atomic.Int64 }

func (c *judgedCount) pullAll(t *testing.T, way *judgedWay, registry string, all []*hostile) {
	ctx := namespaces.WithNamespace(t.Context(), way.namespace)
	// It keeps the twins from the garbage collector.
	leased, done, err := way.daemon.Client.WithLease(ctx)
	if err != nil {
		t.Fatal(err)
	}
	defer func() {
		if err := done(ctx); err != nil {
			t.Error(err)
		}
	}()
	var group errgroup.Group
	group.SetLimit(4)
	var samples sync.Map
	for i, one := range all {
		group.Go(func() error {
			repository := fmt.Sprintf("%d-%s", i, one.Name)
			if err := one.bring(leased, way.daemon.Client.ContentStore()); err != nil {
				t.Error(err)
			}
			for number, target := range judgedTargets {
				if (i+i/len(twinning)+number)%len(twinning) >= way.hostiles {
					continue
				}
				portion := way.portions[(i+number)%len(way.portions)]
				name := fmt.Sprintf("%s/%s/%s:latest", registry, target, repository)
				if (i+number)%2 == 0 {
					name = fmt.Sprintf("%s/%s/%s@%s", registry, target, repository, one.Root.Digest)
				}
				what := fmt.Sprintf("%s, twins %s, target %s, platforms %s, %s", one.Name, one.twins, target, portion, name)
				pulled, err := c.judge(ctx, way, one, name, target, judgedPortions[portion])
				if err != nil {
					t.Errorf("%s: %v", what, err)
				}
				// An image for one platform can always be the target itself.
				if !pulled && err == nil && portion == "one" && (target != "index" || way.namespace == criNamespace) {
					t.Errorf("%s: refused", what)
				}
				if !pulled || portion != "one" {
					continue
				}
				if _, had := samples.LoadOrStore(target, true); !had {
					c.ran.Add(1)
					output, err := way.daemon.Run(ctx, way.namespace, name)
					if err != nil || output != one.Output {
						t.Errorf("%s: running it gives %q, %v, want %q", what, output, err, one.Output)
					}
				}
			}
			return nil
		})
	}
	_ = group.Wait() // failures are the test's own
}

// judge pulls, and tells whether that was not refused.
func (c *judgedCount) judge(ctx context.Context, way *judgedWay, one *hostile, name, target string, wanted []ocispec.Platform) (bool, error) {
	c.all.Add(1)
	// The command pulls, and then finds no image to unpack, where the index has none for one of two platforms.
	if err := way.pull(ctx, way, name, target, wanted); err != nil && !strings.Contains(err.Error(), ": no image for linux/") {
		c.refused.Add(1)
		if !strings.Contains(err.Error(), "containerd takes") {
			return false, fmt.Errorf("the pull ends with: %w", err)
		}
		return false, nil
	}
	c.pulled.Add(1)
	asked := append([]ocispec.Platform{host}, wanted...)
	if len(wanted) == 0 {
		entries, err := one.Entries()
		if err != nil {
			return true, err
		}
		for _, entry := range entries {
			if entry.Platform != nil && entry.Platform.OS != "unknown" {
				asked = append(asked, *entry.Platform)
			}
		}
	}
	names := []string{name}
	if way.namespace == criNamespace {
		names = append(names, one.Configs[one.Selected].String()) // containers are made by it
	}
	var failures []error
	for _, name := range names {
		record, err := way.daemon.Client.ImageService().Get(ctx, name)
		if err != nil {
			return true, err
		}
		for _, platform := range asked {
			c.compared.Add(1)
			found, err := images.Manifest(ctx, way.daemon.Client.ContentStore(), record.Target, platforms.Only(platform))
			failures = append(failures, one.compare(found, err, platform, len(wanted) == 1, target))
		}
	}
	return true, errors.Join(failures...)
}

// compare holds what containerd found from a record against what was judged.
func (h *hostile) compare(found ocispec.Manifest, err error, platform ocispec.Platform, alone bool, target string) error {
	switch {
	case err == nil && !h.judged[found.Config.Digest]:
		return fmt.Errorf("containerd runs config %s for %s, which was not judged", found.Config.Digest, platforms.Format(platform))
	case err == nil && alone && found.Config.Digest != h.Configs[h.Selected]:
		return fmt.Errorf("containerd runs config %s, not the selected image's", found.Config.Digest)
	case err != nil && !errdefs.IsNotFound(err):
		return err
	case err != nil && alone && target != "index":
		return fmt.Errorf("nothing runs: %w", err)
	}
	return nil
}

func pullTransferring(ctx context.Context, way *judgedWay, name, _ string, wanted []ocispec.Platform) error {
	from, err := transferred.NewOCIRegistry(ctx, name, transferred.WithDefaultScheme("http"))
	if err != nil {
		return err
	}
	return errgrpc.ToNative(way.daemon.Client.Transfer(ctx, from, image.NewStore(name, image.WithPlatforms(wanted...))))
}

func pullAsClient(ctx context.Context, way *judgedWay, name, target string, wanted []ocispec.Platform) error {
	p := policy.Default()
	p.ImageTarget, p.Required = policy.ImageTarget(target), []string{judgedType}
	options := []containerd.RemoteOpt{
		containerd.WithResolver(docker.NewResolver(docker.ResolverOptions{
			Hosts: docker.ConfigureDefaultRegistries(docker.WithPlainHTTP(docker.MatchAllHosts)),
		})),
		transfer.WithExtendedIndexes(p),
	}
	for _, one := range wanted {
		options = append(options, containerd.WithPlatform(platforms.Format(one)))
	}
	_, err := way.daemon.Client.Fetch(ctx, name, options...)
	return err
}

func pullLocallyJudged(ctx context.Context, way *judgedWay, name, _ string, wanted []ocispec.Platform) error {
	flags := []string{"--local"}
	for _, one := range wanted {
		flags = append(flags, "--platform", platforms.Format(one))
	}
	if len(wanted) == 0 {
		flags = append(flags, "--all-platforms")
	}
	return way.daemon.Pull(ctx, way.namespace, name, flags...)
}

func pullByCRIJudged(ctx context.Context, way *judgedWay, name, _ string, _ []ocispec.Platform) error {
	_, err := way.daemon.CRIPull(ctx, name)
	return err
}
