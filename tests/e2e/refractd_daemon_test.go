// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"syscall"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/core/snapshots"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"golang.org/x/sync/errgroup"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
)

// TestRefractdUnderSystemd: without a containerd, and with a socket of systemd's, refractd says that it is ready when the socket
// serves, waits, and ends with SIGTERM well: exit code 0, and the socket is left to systemd.
func TestRefractdUnderSystemd(t *testing.T) {
	dir, err := os.MkdirTemp(shared.dir, "systemd-")
	if err != nil {
		t.Fatal(err)
	}
	address, told := filepath.Join(dir, "r.sock"), filepath.Join(dir, "notify")
	listener, err := net.ListenUnix("unix", &net.UnixAddr{Name: address, Net: "unix"})
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	file, err := listener.File()
	if err != nil {
		t.Fatal(err)
	}
	defer file.Close()
	notified, err := net.ListenUnixgram("unixgram", &net.UnixAddr{Name: told, Net: "unixgram"})
	if err != nil {
		t.Fatal(err)
	}
	defer notified.Close()
	expect := func(want string) {
		t.Helper()
		if err := notified.SetReadDeadline(time.Now().Add(eventLimit)); err != nil {
			t.Fatal(err)
		}
		message := make([]byte, 100)
		n, err := notified.Read(message)
		if err != nil || string(message[:n]) != want {
			t.Fatalf("systemd was told %q (%v), want %q", message[:n], err, want)
		}
	}
	// Systemd, too, sets the id of the process that it becomes.
	command := exec.Command("/bin/sh", "-c", `LISTEN_PID=$$ exec "$0" "$@"`, shared.tools.Refractd,
		"--address", filepath.Join(dir, "unused"), "--containerd.address", filepath.Join(dir, "c.sock"), "--log.format", "json")
	command.Env = append(os.Environ(), "LISTEN_FDS=1", "NOTIFY_SOCKET="+told)
	command.ExtraFiles = []*os.File{file}
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	var output bytes.Buffer
	command.Stderr = &output
	if err := command.Start(); err != nil {
		t.Fatal(err)
	}
	expect("READY=1")
	conn, err := grpc.NewClient("unix://"+address, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	defer conn.Close()
	_, err = cri.NewRuntimeServiceClient(conn).Version(t.Context(), &cri.VersionRequest{})
	if status.Code(err) != codes.Unavailable || !strings.Contains(err.Error(), filepath.Join(dir, "c.sock")) {
		t.Errorf("without containerd: %v", err)
	}
	if err := command.Process.Signal(syscall.SIGTERM); err != nil {
		t.Fatal(err)
	}
	expect("STOPPING=1")
	if err := command.Wait(); err != nil {
		t.Errorf("after SIGTERM: %v", err)
	}
	if _, err := os.Stat(address); err != nil {
		t.Errorf("systemd's socket is gone: %v", err)
	}
	if _, err := os.Stat(filepath.Join(dir, "unused")); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("a socket of its own was opened, too: %v", err)
	}
	for _, line := range []string{`"msg":"waiting for containerd"`, `"msg":"stopping"`} {
		if !strings.Contains(output.String(), line) {
			t.Errorf("the log lacks %s:\n%s", line, output.String())
		}
	}
}

// TestRefractdFindsContainerdLater: it is started first, and its own socket is replaced after kill -9.
func TestRefractdFindsContainerdLater(t *testing.T) {
	daemon := start(t, harness.StartBehindRefractd, harness.Config{})
	if err := errors.Join(daemon.Front.Stop(), daemon.Stop()); err != nil {
		t.Fatal(err)
	}
	started := make(chan error)
	go func() { started <- daemon.Front.Start() }()
	err := programs.Poll(eventLimit, func() error {
		log, err := daemon.Front.Log()
		if err == nil && !strings.Contains(log, "waiting for containerd") {
			err = fmt.Errorf("it does not say that it waits: %s", log)
		}
		return err
	})
	if err = errors.Join(err, daemon.Start(), <-started); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.CRIPull(t.Context(), shared.tag(byName(t, "soci-v2"))); err != nil {
		t.Error(err)
	}
	if err := errors.Join(daemon.Front.Kill(), daemon.Front.Start()); err != nil {
		t.Fatal(err)
	}
	if _, err := daemon.CRIPull(t.Context(), shared.tag(byName(t, "soci-v2"))); err != nil {
		t.Error(err)
	}
	info, err := os.Stat(daemon.Front.Socket)
	if err != nil || info.Mode().Perm() != 0o660 {
		t.Errorf("the socket has mode %v, %v", info.Mode(), err)
	}
}

// stalled pulls a shape of whose layer the registry sends half, and returns when it has.
func stalled(t *testing.T, ctx context.Context, daemon *harness.Daemon) (name string, ended chan error) {
	t.Helper()
	shape := byName(t, "artifact-first-same-platform")
	layer := partsOf(shape)["layer"]
	server, name := ownRegistry(t, shape)
	release, asked := make(chan struct{}), make(chan struct{}, 1)
	t.Cleanup(func() { close(release) })
	stall := registry.Stall(shape.Blobs[layer], len(shape.Blobs[layer])/2, release)
	server.Inject(registry.OnGet(layer, registry.Times(1, func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
		asked <- struct{}{}
		return stall(w, r, target)
	})))
	ended = make(chan error, 1)
	go func() { _, err := daemon.CRIPull(ctx, name); ended <- err }()
	<-asked
	return name, ended
}

// TestPullsEndBehindRefractd: by the caller, by the timeout of progress, by the daemon's own end. The error says which, and
// nothing is left.
func TestPullsEndBehindRefractd(t *testing.T) {
	for name, c := range map[string]struct {
		config string
		end    func(t *testing.T, daemon *harness.Daemon, cancel context.CancelFunc)
		code   codes.Code
		words  string
	}{
		"cancelled": {"", func(_ *testing.T, _ *harness.Daemon, cancel context.CancelFunc) { cancel() }, codes.Canceled, ""},
		"no progress": {"image.pull_progress_timeout = \"1s\"", func(*testing.T, *harness.Daemon, context.CancelFunc) {},
			codes.Canceled, "no bytes came for 1s, so it was cancelled (image.pull_progress_timeout)"},
		"stopped": {"", func(t *testing.T, daemon *harness.Daemon, _ context.CancelFunc) {
			if err := daemon.Front.Stop(); err != nil {
				t.Error(err)
			}
		}, codes.Unavailable, "refractd is stopping"},
	} {
		t.Run(name, func(t *testing.T) {
			daemon := start(t, harness.StartBehindRefractd, harness.Config{Refractd: c.config})
			ctx, cancel := context.WithCancel(t.Context())
			defer cancel()
			image, ended := stalled(t, ctx, daemon)
			c.end(t, daemon, cancel)
			err := <-ended
			if status.Code(err) != c.code || !strings.Contains(err.Error(), c.words) {
				t.Errorf("ended with %v", err)
			}
			noLeases(t, daemon)
			err = programs.Poll(eventLimit, func() error {
				if err := daemon.Collect(t.Context(), criNamespace); err != nil {
					return err
				}
				left, err := daemon.Contents(t.Context(), criNamespace)
				return errors.Join(err, left.Empty())
			})
			if err != nil {
				t.Error(err)
			}
			if name == "stopped" {
				err = daemon.Front.Start()
			}
			if err != nil {
				t.Fatal(err)
			}
			if _, err := daemon.CRIPull(t.Context(), image); err != nil {
				t.Errorf("the next pull: %v", err)
			}
		})
	}
}

// TestRuntimeHandlersBehindRefractd: an image for a runtime handler with another snapshotter is unpacked there, whichever way the
// handler is named.
func TestRuntimeHandlersBehindRefractd(t *testing.T) {
	for way, request := range map[string]*cri.PullImageRequest{
		"image":      {Image: &cri.ImageSpec{RuntimeHandler: "other"}, SandboxConfig: &cri.PodSandboxConfig{}},
		"annotation": {Image: &cri.ImageSpec{}, SandboxConfig: &cri.PodSandboxConfig{Annotations: map[string]string{"io.containerd.cri.runtime-handler": "other"}}},
		"unknown":    {Image: &cri.ImageSpec{RuntimeHandler: "unknown"}, SandboxConfig: &cri.PodSandboxConfig{}},
	} {
		t.Run(way, func(t *testing.T) {
			daemon := start(t, harness.StartBehindRefractd, harness.Config{Refractd: "image.runtimes.other.snapshotter = \"native\""})
			request.Image.Image = shared.tag(byName(t, "artifact-first-same-platform"))
			if _, err := daemon.Images.PullImage(t.Context(), request); err != nil {
				t.Fatal(err)
			}
			in := func(snapshotter string) int {
				count := 0
				err := daemon.Client.SnapshotService(snapshotter).Walk(namespaces.WithNamespace(t.Context(), criNamespace),
					func(context.Context, snapshots.Info) error { count++; return nil })
				if err != nil {
					t.Fatal(err)
				}
				return count
			}
			if want := way != "unknown" || daemon.Snapshotter == "native"; in("native") > 0 != want {
				t.Errorf("%d snapshots in native, %d in %s", in("native"), in(daemon.Snapshotter), daemon.Snapshotter)
			}
		})
	}
}

// TestRefractdReadsEveryFolderOfHosts: of several folders, the first that has a hosts.toml for a registry says where that is.
func TestRefractdReadsEveryFolderOfHosts(t *testing.T) {
	shape := byName(t, "artifact-first-same-platform")
	host, rest, _ := strings.Cut(shared.tag(shape), "/")
	dir := t.TempDir()
	folder := filepath.Join(dir, "second", "registry.example")
	if err := os.MkdirAll(folder, 0o755); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(folder, "hosts.toml"), []byte("server = \"http://"+host+"\"\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	folders := filepath.Join(dir, "first") + string(filepath.ListSeparator) + filepath.Join(dir, "second")
	daemon := start(t, harness.StartBehindRefractd, harness.Config{Flags: []string{"--registry.config_path", folders}})
	if _, err := daemon.CRIPull(t.Context(), "registry.example/"+rest); err != nil {
		t.Error(err)
	}
}

// TestRefractdNamesTheMissingService of a real containerd, in its log at once and to whoever pulls.
func TestRefractdNamesTheMissingService(t *testing.T) {
	daemon := start(t, harness.StartBehindRefractd, harness.Config{Disabled: []string{"io.containerd.grpc.v1.diff"}})
	_, err := daemon.CRIPull(t.Context(), shared.tag(byName(t, "soci-v2")))
	if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), "io.containerd.grpc.v1.diff") {
		t.Errorf("pull: %v", err)
	}
	log, err := daemon.Front.Log()
	if err != nil || !strings.Contains(log, "images cannot be pulled") {
		t.Errorf("the log does not say it (%v): %s", err, log)
	}
}

// TestRefractdTellsOtherSettings: where containerd lets see that it is configured otherwise, the log warns; else it does not.
func TestRefractdTellsOtherSettings(t *testing.T) {
	for name, c := range map[string]struct {
		flags []string
		words string
	}{
		"the same":    {nil, ""},
		"snapshotter": {[]string{"--containerd.snapshotter", "blockfile"}, "set containerd.snapshotter"},
		"native":      {[]string{"--containerd.snapshotter", "native"}, "set containerd.snapshotter to the one that it uses"},
		"hosts":       {[]string{"--registry.config_path", "/elsewhere"}, "has another registry.config_path than refractd"},
	} {
		t.Run(name, func(t *testing.T) {
			daemon := start(t, harness.StartBehindRefractd, harness.Config{Flags: c.flags})
			err := programs.Poll(eventLimit, func() error {
				log, err := daemon.Front.Log()
				if err == nil && !strings.Contains(log, "pulling into containerd") && !strings.Contains(log, "images cannot be pulled") {
					err = errors.New("it has not looked at containerd yet")
				}
				if err != nil {
					return err
				}
				warned := strings.Contains(log, "level=warning") || strings.Contains(log, "level=error")
				if warned != (c.words != "") || !strings.Contains(log, c.words) {
					return programs.Hopeless{Reason: fmt.Errorf("want %q in the log: %s", c.words, log)}
				}
				return nil
			})
			if err != nil {
				t.Error(err)
			}
		})
	}
}

// held is how many descriptors and threads refractd has.
func held(daemon *harness.Daemon) (descriptors, threads int, err error) {
	of := fmt.Sprintf("/proc/%d/", daemon.Front.PID())
	files, filesErr := os.ReadDir(of + "fd")
	tasks, tasksErr := os.ReadDir(of + "task")
	return len(files), len(tasks), errors.Join(filesErr, tasksErr)
}

// TestFailedPullsLeakNothingBehindRefractd: pulls that are refused, or cancelled at any moment, cost nothing that stays.
func TestFailedPullsLeakNothingBehindRefractd(t *testing.T) {
	daemon := start(t, harness.StartBehindRefractd, harness.Config{})
	_, refused := shared.runnable()
	bad, good := shared.tag(refused[0]), shared.tag(byName(t, "artifact-first-same-platform"))
	fail := func(times int) {
		var pulls errgroup.Group
		pulls.SetLimit(10)
		for i := range times {
			pulls.Go(func() error {
				if _, err := daemon.CRIPull(t.Context(), bad); err == nil {
					return errors.New("what must be refused was pulled")
				}
				ctx, cancel := context.WithTimeout(t.Context(), time.Duration(i%20)*time.Millisecond)
				defer cancel()
				_, _ = daemon.CRIPull(ctx, good) // some are quicker than their end
				return nil
			})
		}
		if err := pulls.Wait(); err != nil {
			t.Fatal(err)
		}
	}
	fail(50)
	files, threads, err := held(daemon)
	if err != nil {
		t.Fatal(err)
	}
	fail(300)
	// Connections to registries that nobody uses any more are closed after half a minute.
	err = programs.Poll(time.Minute, func() error {
		nowFiles, nowThreads, err := held(daemon)
		if err == nil && (nowFiles > files+5 || nowThreads > threads+5) {
			err = fmt.Errorf("%d descriptors and %d threads, before %d and %d", nowFiles, nowThreads, files, threads)
		}
		return err
	})
	if err != nil {
		t.Error(err)
	}
	noLeases(t, daemon)
	if err := daemon.CRIRemove(t.Context(), good); err != nil {
		t.Fatal(err)
	}
	nothingStays(t, daemon, criNamespace)
}
