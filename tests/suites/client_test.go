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
	"slices"
	"strings"
	"testing"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/shapes"
)

// imageTests are the tests that pull, export, import and convert: those that every `make test` runs, with our option alone.
const imageTests = "Image|Pull|Export|Import|Convert"

// clients are containerd's client as it is, which is the control, and with our option.
var clients = []struct{ name, option string }{{"containerd's", ""}, {"WithExtendedIndexes", "yes"}}

// isolated runs a program where folders that containerd's tests name in their code are its own, and everything that it starts ends
// with it. The folder is the first argument.
const isolated = `
cd "$1"
shift
for own in /run /var/lib; do
    mkdir -p ".$own"
    mount --bind ".$own" "$own"
done
mkdir -p "$TMPDIR"
exec "$@"
`

// containerdPictures are the images that containerd's tests pull, by their keys in its list of images; but for the last, which one
// test names.
func containerdPictures() map[string]picture {
	folder := func(name string, uid int) shapes.File {
		return shapes.File{Header: tar.Header{Name: name, Typeflag: tar.TypeDir, Mode: 0o755, Uid: uid, Gid: uid}}
	}
	file := func(name string, mode int64, content string) shapes.File {
		return shapes.File{Header: tar.Header{Name: name, Typeflag: tar.TypeReg, Mode: mode}, Content: []byte(content)}
	}
	shell := ocispec.ImageConfig{Cmd: []string{"sh"}}
	return map[string]picture{
		"BusyBox": {repository: "busybox", tags: []string{"1.36"}, config: shell, further: [][]shapes.File{{
			// No user 1000, and one who is 3.
			file("etc/passwd", 0o644, "root:x:0:0:root:/root:/bin/sh\ndaemon:x:1:1:daemon:/usr/sbin:/bin/false\nsys:x:3:3:sys:/dev:/bin/false\n"+
				"www-data:x:33:33:www-data:/var/www:/bin/false\nnobody:x:65534:65534:nobody:/home:/bin/false\n"),
			{Header: tar.Header{Name: "bin/nc", Typeflag: tar.TypeSymlink, Linkname: "inside", Mode: 0o777}},
		}}},
		"Pause": {repository: "pause", tags: []string{"3.10", "3.6"}, config: ocispec.ImageConfig{Cmd: []string{"/bin/sleep", "inf"}}},
		"VolumeCopyUp": {repository: "volume-copy-up", tags: []string{"2.2"}, config: shell, further: [][]shapes.File{{
			folder("test_dir/", 0), file("test_dir/test_file", 0o644, "test_content\n"),
		}}},
		"VolumeOwnership": {repository: "volume-ownership", tags: []string{"2.1"}, config: shell, further: [][]shapes.File{{
			folder("test_dir/", 34), file("bin/bash", 0o755, "#!/bin/sh\nexec sh \"$@\"\n"), file("bin/passwd", 0o4755, "#!/bin/sh\n"),
		}}},
		"": {repository: "e2e-test-images/busybox", tags: []string{"1.29-2"}, config: shell},
	}
}

func TestClient(t *testing.T) {
	forms, clients, ran, which := append([]form{single}, forms...), clients, "client", "."
	if testing.Short() {
		forms, clients, ran, which = forms[1:], clients[1:], "client's image tests", imageTests
	}
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
		for _, client := range clients {
			t.Run(string(images)+"/"+client.name, func(t *testing.T) {
				environment := []string{"IMAGE_LIST=" + list, "IMAGE_REGISTRY=" + server.Host(), "EXTENDED_INDEXES=" + client.option}
				r := result{suite: "client", images: images, client: client.name}
				r.passed, r.failed = runClientTests(t, environment, which)
				r = again(t, r, environment)
				shared.results = append(shared.results, r)
				shared.expect.compare(t, r, ran, true)
			})
		}
	}
}

// again runs what failed and must not have once more, alone: some of containerd's tests fail now and then where much else runs.
func again(t *testing.T, r result, environment []string) result {
	t.Helper()
	unexpected := shared.expect.unexpected(r)
	if len(unexpected) == 0 {
		return r
	}
	var names []string
	for _, spec := range unexpected {
		whole, _, _ := strings.Cut(spec, "/")
		names = append(names, "^"+regexp.QuoteMeta(whole)+"$")
	}
	passed, _ := runClientTests(t, environment, strings.Join(names, "|"))
	for _, spec := range unexpected {
		if slices.Contains(passed, spec) {
			r.again = append(r.again, spec)
		}
	}
	r.passed = append(r.passed, r.again...)
	r.failed = slices.DeleteFunc(r.failed, func(spec string) bool { return slices.Contains(r.again, spec) })
	return r
}

func sortedPictures(of map[string]picture) []picture {
	var pictures []picture
	for _, key := range sorted(of) {
		pictures = append(pictures, of[key])
	}
	return pictures
}

// marked gives each line that tells what came of a test a mark of its own, whatever the test has written before it.
const marked = "-test.v=test2json"

var ended = regexp.MustCompile(`\x16 *--- (PASS|FAIL|SKIP): (\S+)`)

// runClientTests runs those of containerd's tests, which start and end the containerd that is first in PATH.
func runClientTests(t *testing.T, environment []string, which string) (passed, failed []string) {
	t.Helper()
	program, err := programs.Find("tools", "client-tests")
	if err != nil {
		t.Fatal(err)
	}
	data, err := programs.Find("tools", "client-tests.src", "integration", "client", "testdata")
	if err != nil {
		t.Fatal(err)
	}
	dir := shared.folder(t)
	if err := os.Symlink(data, filepath.Join(dir, "testdata")); err != nil {
		t.Fatal(err)
	}
	log, err := os.Create(filepath.Join(dir, "log"))
	if err != nil {
		t.Fatal(err)
	}
	defer log.Close()
	command := exec.CommandContext(t.Context(), "unshare", "--mount", "--propagation", "slave", "--pid", "--fork", "--kill-child", "--mount-proc",
		"/bin/sh", "-eu", "-c", isolated, "isolated", dir,
		program, "-test.root", marked, "-test.timeout", "20m", "-test.run", which, "-test.skip", shared.expect.leftOut("client"))
	// Short, because sockets are below it.
	command.Env = append(append(os.Environ(), "PATH="+shared.tools.Path, "TMPDIR=/run/tmp"), environment...)
	command.Stdout, command.Stderr, command.Dir = log, log, dir
	runErr := command.Run() // fails where a test fails, and that is told by its lines
	text, err := os.ReadFile(log.Name())
	if err != nil {
		t.Fatal(err)
	}
	passed, failed = read(text)
	if len(passed)+len(failed) == 0 {
		t.Fatalf("no test ran: %v (see %s)", runErr, log.Name())
	}
	for _, folder := range []string{"var", "run"} {
		if err := os.RemoveAll(filepath.Join(dir, folder)); err != nil {
			t.Error(err)
		}
	}
	return passed, failed
}

// read returns the tests that have none within them, and those that fail though none within them does.
func read(log []byte) (passed, failed []string) {
	came, within := map[string]string{}, map[string]map[string]bool{}
	for _, line := range ended.FindAllSubmatch(log, -1) {
		how, name := string(line[1]), string(line[2])
		came[name] = how
		for at := strings.LastIndexByte(name, '/'); at > 0; at = strings.LastIndexByte(name[:at], '/') {
			if within[name[:at]] == nil {
				within[name[:at]] = map[string]bool{}
			}
			within[name[:at]][how] = true
		}
	}
	for _, name := range sorted(came) {
		switch {
		case came[name] != "PASS" && !within[name]["FAIL"]:
			failed = append(failed, name)
		case came[name] == "PASS" && within[name] == nil:
			passed = append(passed, name)
		}
	}
	return passed, failed
}
