// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package suites

import (
	"archive/tar"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/shapes"
)

// isolated runs a program where folders that containerd's tests name in their code are its own, and everything that it starts ends
// with it. The folder is the first argument.
const isolated = `
cd "$1"
shift
for own in /run /var/lib; do
    mkdir -p ".$own"
    mount --bind ".$own" "$own"
done
exec "$@"
`

// containerdPictures are the images that containerd's tests pull, by their keys in its list of images; but for the last, which one
// test names.
func containerdPictures() map[string]picture {
	folder := func(name string, uid int) shapes.File {
		return shapes.File{Header: tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755, Uid: uid, Gid: uid}}
	}
	file := func(name string, mode int64) shapes.File {
		return shapes.File{Header: tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode}, Content: []byte(name)}
	}
	shell := ocispec.ImageConfig{Cmd: []string{"sh"}}
	return map[string]picture{
		"BusyBox":         {repository: "busybox", tags: []string{"1.36"}, config: shell},
		"Pause":           {repository: "pause", tags: []string{"3.10", "3.6"}, config: ocispec.ImageConfig{Cmd: []string{"/bin/sleep", "inf"}}},
		"VolumeCopyUp":    {repository: "volume-copy-up", tags: []string{"2.2"}, config: shell, further: [][]shapes.File{{folder("test_dir/", 0), file("test_dir/test_file", 0o644)}}},
		"VolumeOwnership": {repository: "volume-ownership", tags: []string{"2.1"}, config: shell, further: [][]shapes.File{{folder("test_dir/", 34), file("test_dir/setuid", 0o4755)}}},
		"":                {repository: "e2e-test-images/busybox", tags: []string{"1.29-2"}, config: shell},
	}
}

func TestClient(t *testing.T) {
	for _, images := range forms {
		pictures := containerdPictures()
		server, digests := open(t, images, sortedPictures(pictures))
		list := filepath.Join(shared.folder(t), "images.toml")
		var text []byte
		for key, p := range pictures {
			if key == "" {
				continue
			}
			text = fmt.Appendf(text, "%s = \"%s/%s:%s\"\n", key, server.Host(), p.repository, p.tags[0])
		}
		text = fmt.Appendf(text, "BusyBoxByDigest = \"%s/busybox@%s\"\n", server.Host(), digests["busybox"])
		if err := os.WriteFile(list, text, 0o600); err != nil {
			t.Fatal(err)
		}
		for _, client := range []struct{ name, option string }{{"containerd's", ""}, {"WithExtendedIndexes", "yes"}} {
			t.Run(string(images)+"/"+client.name, func(t *testing.T) {
				r := result{suite: "client", images: images, client: client.name}
				r.passed, r.failed = runClientTests(t, "IMAGE_LIST="+list, "IMAGE_REGISTRY="+server.Host(), "EXTENDED_INDEXES="+client.option)
				shared.results = append(shared.results, r)
				shared.expect.compare(t, r, "client", true)
			})
		}
	}
}

func sortedPictures(of map[string]picture) []picture {
	var pictures []picture
	for _, key := range sorted(of) {
		pictures = append(pictures, of[key])
	}
	return pictures
}

// ended is the line that tells what came of a test, and not of one within another.
var ended = regexp.MustCompile(`(?m)^--- (PASS|FAIL): (\S+)`)

// runClientTests runs containerd's tests, which start and end the containerd that is first in PATH.
func runClientTests(t *testing.T, environment ...string) (passed, failed []string) {
	t.Helper()
	program, err := programs.Find("tools", "client-tests")
	if err != nil {
		t.Fatal(err)
	}
	dir := shared.folder(t)
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child", "--mount-proc",
		"/bin/sh", "-eu", "-c", isolated, "isolated", dir, program, "-test.v", "-test.timeout", "20m")
	command.Env = append(append(os.Environ(), "PATH="+shared.tools.Path), environment...)
	command.Stdout, command.Stderr, command.Dir = log, log, dir
	runErr := command.Run() // fails where a test fails, and that is told by its lines
	text, err := os.ReadFile(log.Name())
	if err != nil {
		t.Fatal(err)
	}
	came := map[string][]string{}
	for _, line := range ended.FindAllSubmatch(text, -1) {
		came[string(line[1])] = append(came[string(line[1])], string(line[2]))
	}
	if len(came["PASS"]) == 0 {
		t.Fatalf("no test passed: %v (see %s)", runErr, log.Name())
	}
	for _, folder := range []string{"var", "run"} {
		if err := os.RemoveAll(filepath.Join(dir, folder)); err != nil {
			t.Error(err)
		}
	}
	return came["PASS"], came["FAIL"]
}
