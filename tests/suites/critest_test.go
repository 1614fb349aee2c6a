// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package suites

import (
	"bytes"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"runtime"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/shapes"
)

// imageSpecs are the specs of critest that are about images: those that every `make test` runs.
const imageSpecs = "Image Manager|Image Volume"

// fixedDigest is the one that critest names. It is replaced by one that the registry has.
const fixedDigest = "9700f9a2f5bf2c45f2f605a0bd3bce7cf37420ec9d3ed50ac2758413308766bf"

// runtimes are what stands behind the runtime interface.
var runtimes = []struct {
	name  string
	start func(harness.Tools, string, harness.Config) (*harness.Daemon, error)
}{
	{"containerd", harness.StartStock},
	{"containerd-refract", harness.StartRefract},
	{"refractd", harness.StartBehindRefractd},
}

// kubernetesPictures are the images that critest names.
func kubernetesPictures() []picture {
	const e2e, cri = "e2e-test-images/", "k8s-staging-cri-tools/test-image-"
	run := func(command ...string) ocispec.ImageConfig { return ocispec.ImageConfig{Cmd: command} }
	as := func(user string) ocispec.ImageConfig { return ocispec.ImageConfig{Cmd: []string{"sh"}, User: user} }
	// Its command line is looked for.
	server := func(port string) ocispec.ImageConfig { return run("/bin/nginx", "master process", port) }
	return []picture{
		{repository: "pause", tags: []string{"3.9", "latest"}, config: run("/bin/sleep", "inf")},
		{repository: e2e + "busybox", tags: []string{"1.29-2"}, config: run("sh")},
		{repository: e2e + "nginx", tags: []string{"1.14-2"}, config: server("80")},
		{repository: e2e + "httpd", tags: []string{"2.4.39-4"}, config: server("80")},
		{repository: e2e + "nonewprivs", tags: []string{"1.3"}, config: run("/bin/nonewprivs")},
		{repository: "k8s-staging-cri-tools/hostnet-nginx-" + runtime.GOARCH, tags: []string{"latest"}, config: server("12003")},
		{repository: cri + "latest", tags: []string{"latest"}, config: run("sh")},
		{repository: cri + "tag", tags: []string{"test", "all"}, config: run("sh")},
		{repository: cri + "digest", config: run("sh")},
		{repository: cri + "1", tags: []string{"latest"}, config: run("sh")},
		{repository: cri + "2", tags: []string{"latest"}, config: run("sh")},
		{repository: cri + "3", tags: []string{"latest"}, config: run("sh")},
		{repository: cri + "tags", tags: []string{"1", "2", "3"}, config: run("sh")},
		{repository: cri + "user-uid", tags: []string{"latest"}, config: as("1002")},
		{repository: cri + "user-username", tags: []string{"latest"}, config: as("www-data")},
		{repository: cri + "user-uid-group", tags: []string{"latest"}, config: as("1003:33")},
		{repository: cri + "user-username-group", tags: []string{"latest"}, config: as("www-data:33")},
		{repository: cri + "predefined-group", tags: []string{"latest"}, config: as("1000")},
	}
}

func TestCritest(t *testing.T) {
	for _, images := range forms {
		server, digests := open(t, images, kubernetesPictures())
		// The image of pods themselves is no test's: it is pulled by containerd alone, refractd or not.
		server.Add("sandbox", shapes.Sandbox(), "latest")
		sandbox := server.Host() + "/sandbox:latest"
		program := critest(t, digests["k8s-staging-cri-tools/test-image-digest"].Encoded())
		for _, runtime := range runtimes {
			t.Run(string(images)+"/"+runtime.name, func(t *testing.T) {
				dir := shared.folder(t)
				daemon, err := runtime.start(shared.tools, dir, harness.Config{
					Sandbox: sandbox, Mirror: server.Host(), Refractd: fmt.Sprintf("image.pinned = [%q]", sandbox),
				})
				if err != nil {
					t.Fatal(err)
				}
				t.Cleanup(func() {
					if err := daemon.RemovePods(); err != nil {
						t.Errorf("remove pods: %v", err)
					}
					if err := daemon.Close(); err != nil {
						t.Errorf("stop containerd: %v", err)
					}
					tidy(t, dir)
				})
				r := result{suite: "critest", images: images, client: runtime.name}
				r.passed, r.failed = runCritest(t, program, dir, daemon)
				shared.results = append(shared.results, r)
				ran := "critest"
				if testing.Short() {
					ran = "critest's image specs"
				}
				shared.expect.compare(t, r, ran, !testing.Short())
			})
		}
	}
}

// critest writes the program with that digest in place of its own.
func critest(t *testing.T, digest string) string {
	t.Helper()
	built, err := programs.Find("tools", "critest")
	if err != nil {
		t.Fatal(err)
	}
	program, err := os.ReadFile(built)
	if err != nil {
		t.Fatal(err)
	}
	changed := bytes.ReplaceAll(program, []byte(fixedDigest), []byte(digest))
	if bytes.Equal(changed, program) {
		t.Fatalf("critest does not name the digest %s", fixedDigest)
	}
	path := filepath.Join(shared.folder(t), "critest")
	if err := os.WriteFile(path, changed, 0o755); err != nil {
		t.Fatal(err)
	}
	return path
}

// runCritest runs it, and returns the names of the specs by what came of them.
func runCritest(t *testing.T, program, dir string, daemon *harness.Daemon) (passed, failed []string) {
	t.Helper()
	report := filepath.Join(dir, "report.json")
	arguments := []string{"-ginkgo.json-report", report, "-ginkgo.no-color", "-ginkgo.timeout", "40m", "-config", filepath.Join(dir, "none"),
		"-runtime-endpoint", "unix://" + daemon.Socket}
	if daemon.Front != nil {
		arguments = append(arguments, "-image-endpoint", "unix://"+daemon.Front.Socket)
	}
	if testing.Short() {
		arguments = append(arguments, "-ginkgo.focus", imageSpecs)
	}
	command := exec.CommandContext(t.Context(), program, arguments...)
	log, err := os.Create(filepath.Join(dir, "critest.log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command.Stdout, command.Stderr, command.Dir = log, log, dir
	runErr := command.Run() // fails where a spec fails, and that is told by the report
	text, err := os.ReadFile(report)
	if err != nil {
		t.Fatalf("critest left no report: %v, %v (see %s)", err, runErr, log.Name())
	}
	var suites []struct {
		SpecReports []struct {
			ContainerHierarchyTexts           []string
			LeafNodeType, LeafNodeText, State string
		}
	}
	if err := json.Unmarshal(text, &suites); err != nil {
		t.Fatal(err)
	}
	for _, suite := range suites {
		for _, spec := range suite.SpecReports {
			name := strings.Join(append(spec.ContainerHierarchyTexts, spec.LeafNodeText), " ")
			switch {
			case spec.State == "passed" && spec.LeafNodeType == "It":
				passed = append(passed, name)
			case spec.State != "passed" && spec.State != "skipped" && spec.State != "pending":
				failed = append(failed, name)
			}
		}
	}
	return passed, failed
}
