// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// unread are the shapes of which refract cannot tell what a client makes, because it refuses to read them, and the word
// that its reason has. A client that need not read what refract refuses is predicted all the same. The first ones are
// pulled end to end; in the others a document besides the way to the image is unreadable, which a pull steps over.
var unread = map[string]string{
	"refused-duplicate-key":          "key",
	"refused-case-colliding-key":     "key",
	"refused-index-and-manifest":     "manifest",
	"refused-malformed-entry-digest": "digest",
	"refused-nesting":                "inside each other",
	"refused-documents":              "documents",
	"refused-oversized-index":        "limit",
	"refused-truncated-json":         "JSON",

	"nested-malformed":              "JSON",
	"manifest-malformed-of-bare":    "twice",
	"bad-digests-of-configs":        "malformed digest",
	"bad-digests-of-layers":         "malformed digest",
	"bad-digests-of-subjects":       "malformed digest",
	"bad-digests-in-nested-indexes": "malformed digest",
}

// platforms are those that the clients are asked for; containerd only for this machine's, which comes first.
var platforms = []string{"linux/" + runtime.GOARCH, "linux/arm64/v8", "linux/arm/v7"}

// world is what the tests share: the registry with all shapes, and stock containerd.
type world struct {
	tools    harness.Tools
	predict  string // the program that predicts
	dir      string
	registry *registry.Server
	stock    *harness.Daemon
	tally    map[string]*tally

	shapes    []shapes.Shape // those that are pulled end to end
	documents []shapes.Shape // cases of one document or one rule
}

// tally counts, of one client, the predictions that came true, those that did not, and the cases of which refract cannot tell.
type tally struct{ right, wrong, unread int }

var shared = world{tally: map[string]*tally{}}

func TestMain(m *testing.M) {
	code := 1
	err := shared.open()
	if err == nil {
		code = m.Run()
		for _, name := range slices.Sorted(maps.Keys(shared.tally)) {
			counted := shared.tally[name]
			fmt.Printf("%-10s %d of %d predictions came true; %d shapes are not read\n",
				name, counted.right, counted.right+counted.wrong, counted.unread)
		}
	}
	if err = errors.Join(err, shared.close()); err != nil {
		fmt.Fprintln(os.Stderr, "peers:", err)
		code = 1
	}
	os.Exit(code)
}

func (w *world) open() error {
	var err error
	if os.Geteuid() != 0 {
		return errors.New("these tests run containers: run them as root")
	}
	if w.tools, err = harness.FindTools(); err != nil {
		return err
	}
	w.predict = filepath.Join(filepath.Dir(filepath.Dir(w.tools.Stock)), "cmake", "tests", "native", "predict")
	for _, program := range []string{w.tool("crane"), w.tool("regctl"), w.predict} {
		if _, err := os.Stat(program); err != nil {
			return fmt.Errorf("no program to test with: %w (run \"make test STAGES=peers\")", err)
		}
	}
	// Sockets have short names.
	if w.dir, err = os.MkdirTemp("", "refract-peers-"); err != nil {
		return err
	}
	if w.registry, err = registry.Listen(); err != nil {
		return err
	}
	w.shapes, w.documents = shapes.EndToEnd(), shapes.PullableDocuments()
	manifests := map[digest.Digest]bool{}
	for _, shape := range slices.Concat(w.shapes, w.documents) {
		w.registry.Add(shape.Name, shape, "latest")
		for manifest := range shape.MediaTypes {
			manifests[manifest] = true
		}
	}
	// Registries hand out no blob as a manifest.
	w.registry.Inject(func(answer http.ResponseWriter, _ *http.Request, target registry.Target) bool {
		if target.Kind != "manifests" || target.Digest == "" || manifests[target.Digest] {
			return false
		}
		http.NotFound(answer, nil)
		return true
	})
	stock := filepath.Join(w.dir, "stock")
	if err = os.Mkdir(stock, 0o700); err != nil {
		return err
	}
	w.stock, err = harness.StartStock(w.tools, stock, harness.Config{})
	return err
}

func (w *world) close() error {
	var failures []error
	if w.stock != nil {
		failures = append(failures, w.stock.Close())
	}
	if w.registry != nil {
		failures = append(failures, w.registry.Close())
	}
	if w.dir != "" {
		failures = append(failures, os.RemoveAll(w.dir))
	}
	return errors.Join(failures...)
}

func (w *world) tool(name string) string { return filepath.Join(filepath.Dir(w.tools.Stock), name) }

func (w *world) reference(shape shapes.Shape) string {
	return w.registry.Host() + "/" + shape.Name + ":latest"
}

// count notes whether a prediction came true, and fails the test if it did not.
func count(t *testing.T, client string, predicted prediction, failure string) {
	t.Helper()
	counted := shared.tally[client]
	if counted == nil {
		counted = &tally{}
		shared.tally[client] = counted
	}
	switch {
	case predicted.unread && failure == "":
		counted.unread++
	case failure == "":
		counted.right++
	default:
		counted.wrong++
		t.Errorf("%s\npredicted: %s", failure, predicted)
	}
}

// cannotTell is empty if refract is expected not to be able to tell.
func cannotTell(shape shapes.Shape, predicted prediction) string {
	if slices.ContainsFunc(shared.documents, func(one shapes.Shape) bool { return one.Name == shape.Name }) && shape.Expect.Status != "ok" {
		return "" // a case of what refract refuses to read
	}
	word, expected := unread[shape.Name]
	if !expected || !strings.Contains(predicted.reason, word) {
		return fmt.Sprintf("refract cannot tell, want that only of %q and with the word %q", slices.Sorted(maps.Keys(unread)), word)
	}
	return ""
}

// folder writes what the registry has of a shape, as the program that predicts reads it.
func folder(t *testing.T, shape shapes.Shape) string {
	t.Helper()
	blobs := t.TempDir()
	for name, content := range shape.Blobs {
		algorithm, encoded, _ := strings.Cut(name.String(), ":")
		if shape.Absent[name] || strings.Contains(encoded, "/") {
			continue
		}
		dir := filepath.Join(blobs, algorithm)
		if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, encoded), content, 0o600)); err != nil {
			t.Fatal(err)
		}
	}
	return blobs
}

// TestPicks asks each client for each platform's manifest of each shape.
func TestPicks(t *testing.T) {
	testPicks(t, shared.shapes, platforms)
}

// TestPicksOfDocuments does so with the cases of one document or one rule, which are made for this machine's platform.
func TestPicksOfDocuments(t *testing.T) {
	testPicks(t, shared.documents, platforms[:1])
}

func testPicks(t *testing.T, of []shapes.Shape, platforms []string) {
	t.Helper()
	for _, shape := range of {
		t.Run(shape.Name, func(t *testing.T) {
			blobs := folder(t, shape)
			for _, platform := range platforms {
				predictions := predict(t, blobs, shape.Root.MediaType, shape.Root.Digest.String(), platform)
				for _, one := range clients {
					t.Run(one.name+"/"+platform, func(t *testing.T) {
						predicted := predictions[one.name]
						picked, err := one.pick(t, platform, shared.reference(shape))
						count(t, one.name, predicted, compare(shape, predicted, picked, err))
					})
				}
			}
		})
	}
}

// compare is empty if what a client picked is what was predicted.
func compare(shape shapes.Shape, predicted prediction, picked []byte, err error) string {
	switch {
	case predicted.unread:
		return cannotTell(shape, predicted)
	case err != nil && predicted.digest == "":
		return ""
	case err != nil:
		return "it fails: " + short(err)
	case predicted.digest == "":
		return "it picks " + digest.FromBytes(picked).String()
	case !bytes.Equal(picked, shape.Blobs[digest.Digest(predicted.digest)]):
		return "it picks " + digest.FromBytes(picked).String()
	default:
		return ""
	}
}

// TestContainerd pulls each shape with stock containerd, and runs it: what is printed tells which manifest it was.
// The cases of one document are left out: run through ctr, they took more memory than a machine has.
func TestContainerd(t *testing.T) {
	for _, shape := range shared.shapes {
		t.Run(shape.Name, func(t *testing.T) {
			predicted := predict(t, folder(t, shape), shape.Root.MediaType, shape.Root.Digest.String(), platforms[0])["containerd"]
			name := shared.reference(shape)
			const namespace = "peers"
			var output string
			pullErr := shared.stock.Pull(t.Context(), namespace, name)
			runErr := errors.New("not pulled")
			if pullErr == nil {
				output, runErr = shared.stock.Run(t.Context(), namespace, name)
				result, err := shared.stock.Ctr(t.Context(), namespace, "images", "rm", "--sync", name)
				if err = errors.Join(err, result.Err()); err != nil {
					t.Errorf("remove: %v", err)
				}
			}
			count(t, "containerd", predicted, compareRun(t, shape, predicted, output, pullErr, runErr))
		})
	}
	if err := shared.stock.Running(); err != nil {
		t.Error(err)
	}
}

func compareRun(t *testing.T, shape shapes.Shape, predicted prediction, output string, pullErr, runErr error) string {
	t.Helper()
	pulls := !strings.HasPrefix(predicted.reason, "the pull fails: ")
	switch {
	case predicted.unread:
		return cannotTell(shape, predicted)
	case pulls && pullErr != nil:
		return "the pull fails: " + short(pullErr)
	case !pulls && pullErr == nil:
		return "it pulls"
	case predicted.digest == "" && runErr == nil:
		return fmt.Sprintf("it runs and prints %q", output)
	case predicted.digest == "":
		return ""
	case runErr != nil:
		return "running fails: " + short(runErr)
	}
	if want := prints(t, shape, digest.Digest(predicted.digest)); output != want {
		return fmt.Sprintf("it runs and prints %q, want %q", output, want)
	}
	return ""
}

// prints is what an image of a shape prints: the last word of its command.
func prints(t *testing.T, shape shapes.Shape, image digest.Digest) string {
	t.Helper()
	var manifest ocispec.Manifest
	if err := json.Unmarshal(shape.Blobs[image], &manifest); err != nil {
		t.Fatalf("manifest %s: %v", image, err)
	}
	var config ocispec.Image
	if err := json.Unmarshal(shape.Blobs[manifest.Config.Digest], &config); err != nil {
		t.Fatalf("config %s: %v", manifest.Config.Digest, err)
	}
	if len(config.Config.Cmd) == 0 {
		return ""
	}
	return config.Config.Cmd[len(config.Config.Cmd)-1]
}
