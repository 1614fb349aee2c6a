// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	"google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
)

// verifiersIn makes a folder of image verifiers, with one in it that refuses every image, or with none.
func verifiersIn(t *testing.T, refusing bool) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "verifiers-")
	if err != nil {
		t.Fatal(err)
	}
	if refusing {
		refuseIn(t, dir)
	}
	return dir
}

// refuseIn puts a verifier into a folder that refuses every image, and tells the limit of memory that it was given.
func refuseIn(t *testing.T, dir string) {
	t.Helper()
	verifier := "#!/bin/sh\ncat >/dev/null\necho \"no $4 here, GOMEMLIMIT=${GOMEMLIMIT-none}\"\nexit 1\n"
	if err := errors.Join(os.MkdirAll(dir, 0o700), os.WriteFile(filepath.Join(dir, "judge"), []byte(verifier), 0o700)); err != nil {
		t.Fatal(err)
	}
}

func verifierSection(dir string) string {
	return fmt.Sprintf("[plugins.'io.containerd.image-verifier.v1.bindir']\n  bin_dir = %q\n", dir)
}

// TestRefractdAsksContainerdsVerifiers: what the operator's programs refuse to containerd, in a folder that only its configuration
// names, they refuse to refractd, which is told nothing; also where a file names it that the configuration imports.
func TestRefractdAsksContainerdsVerifiers(t *testing.T) {
	shape := byName(t, "artifact-first-same-platform")
	_, name := ownRegistry(t, shape)
	dir := verifiersIn(t, true)
	imported := filepath.Join(t.TempDir(), "verifier.toml")
	if err := os.WriteFile(imported, []byte("version = 3\n"+verifierSection(dir)), 0o600); err != nil {
		t.Fatal(err)
	}
	for where, config := range map[string]harness.Config{
		"its own file":    {Sections: verifierSection(dir)},
		"an imported one": {Top: fmt.Sprintf("imports = [%q]", imported)},
	} {
		t.Run(where, func(t *testing.T) {
			daemon := start(t, harness.StartBehindRefractd, config)
			wanted := "no " + shape.Root.Digest.String() + " here"
			if err := daemon.Pull(t.Context(), "stock", name); err == nil || !strings.Contains(err.Error(), wanted) {
				t.Fatalf("containerd's own pull: %v", err)
			}
			// refractd's limit of memory is its own.
			if _, err := daemon.CRIPull(t.Context(), name); err == nil || !strings.Contains(err.Error(), wanted+", GOMEMLIMIT=none") {
				t.Errorf("refractd's pull: %v", err)
			}
			nothingStays(t, daemon, criNamespace)
		})
	}
}

// TestRefractdWarnsWhereItAsksNoVerifier: who wants it has it in the log.
func TestRefractdWarnsWhereItAsksNoVerifier(t *testing.T) {
	_, name := ownRegistry(t, byName(t, "artifact-first-same-platform"))
	theirs, empty := verifiersIn(t, true), verifiersIn(t, false)
	warning := harness.Config{Sections: verifierSection(theirs), Flags: []string{"--image_verifier.bin_dir", empty, "--image_verifier.weaker", "warn"}}
	daemon := start(t, harness.StartBehindRefractd, warning)
	if _, err := daemon.CRIPull(t.Context(), name); err != nil {
		t.Errorf("with weaker = warn: %v", err)
	}
	if log, err := daemon.Front.Log(); err != nil || !strings.Contains(log, "images are pulled that containerd might refuse") || !strings.Contains(log, theirs) {
		t.Errorf("the log does not warn, %v:\n%s", err, log)
	}
	if err := daemon.CRIRemove(t.Context(), name); err != nil {
		t.Error(err)
	}
}

// TestRefractdPullsNothingWhereItWouldAskNoVerifier: it says so to who pulls, to systemd, in its health and once in its log, and goes on
// handing on everything else. When the cause is gone, it pulls.
func TestRefractdPullsNothingWhereItWouldAskNoVerifier(t *testing.T) {
	shape := byName(t, "artifact-first-same-platform")
	_, name := ownRegistry(t, shape)
	theirs := verifiersIn(t, true)
	daemon := start(t, harness.StartBehindRefractd, harness.Config{Sections: verifierSection(theirs)})
	empty, none, noTOML := verifiersIn(t, false), filepath.Join(t.TempDir(), "none"), filepath.Join(t.TempDir(), "no.toml")
	if err := os.WriteFile(noTOML, []byte("[plugins\n"), 0o600); err != nil {
		t.Fatal(err)
	}
	write := func(file string) func() {
		return func() {
			if err := os.WriteFile(file, []byte("version = 3\n"+verifierSection(theirs)), 0o600); err != nil {
				t.Fatal(err)
			}
		}
	}
	for what, c := range map[string]struct {
		flags []string
		words []string
		mend  func()
	}{
		"an empty folder": {[]string{"--image_verifier.bin_dir", empty}, []string{theirs, empty, "image_verifier.bin_dir", "weaker"}, func() { refuseIn(t, empty) }},
		"no folder":       {[]string{"--image_verifier.bin_dir", none}, []string{theirs, none}, func() { refuseIn(t, none) }},
		"a file that is not there": {[]string{"--containerd.config", empty + ".toml"}, []string{"containerd.config", empty + ".toml", "image_verifier.bin_dir"},
			write(empty + ".toml")},
		"a file that is no TOML": {[]string{"--containerd.config", noTOML}, []string{"containerd.config", noTOML, "line 1"}, write(noTOML)},
	} {
		t.Run(what, func(t *testing.T) {
			one := startNotifying(t, append([]string{"--containerd.address", daemon.Socket}, c.flags...))
			if !strings.Contains(one.before, "STATUS=images cannot be pulled: ") {
				t.Errorf("systemd was not told before the start, but %q", one.before)
			}
			for range 2 {
				_, err := one.images.PullImage(t.Context(), &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}})
				for _, word := range c.words {
					if status.Code(err) != codes.FailedPrecondition || !strings.Contains(err.Error(), word) || !strings.Contains(one.before, word) {
						t.Errorf("the pull's error lacks %q, or what systemd was told: %v\n%s", word, err, one.before)
					}
				}
			}
			if health, err := one.health.Check(t.Context(), &healthv1.HealthCheckRequest{}); err != nil || health.Status != healthv1.HealthCheckResponse_NOT_SERVING {
				t.Errorf("its health is %v, %v", health, err)
			}
			if code, text := get(t, "http://"+one.metrics+"/healthz"); code != http.StatusServiceUnavailable || !strings.Contains(text, "images cannot be pulled: ") {
				t.Errorf("/healthz is %d %s", code, text)
			}
			if _, text := get(t, "http://"+one.metrics+"/metrics"); !strings.Contains(text, `refract_pulls_total{result="refused"} 2`) {
				t.Errorf("of pulls there is\n%s", grep(text, "refract_pulls"))
			}
			if _, err := one.images.ListImages(t.Context(), &cri.ListImagesRequest{}); err != nil {
				t.Errorf("what is no pull: %v", err)
			}
			if log, err := one.process.Log(); err != nil || strings.Count(string(log), `"images cannot be pulled"`) != 1 {
				t.Errorf("%v, the log has it not once:\n%s", err, log)
			}
			c.mend()
			_, err := one.images.PullImage(t.Context(), &cri.PullImageRequest{Image: &cri.ImageSpec{Image: name}})
			if wanted := "no " + shape.Root.Digest.String() + " here"; err == nil || !strings.Contains(err.Error(), wanted) {
				t.Errorf("the cause is gone, and nobody judges: %v", err)
			}
			if told := one.told(t); told != "STATUS=" {
				t.Errorf("systemd is told %q", told)
			}
		})
	}
}

// notifying is a refractd beside the one of a test, as systemd starts it.
type notifying struct {
	process *programs.Process
	images  cri.ImageServiceClient
	health  healthv1.HealthClient
	metrics string
	socket  *net.UnixConn
	before  string // what systemd was told before it was ready
}

func startNotifying(t *testing.T, flags []string) *notifying {
	t.Helper()
	dir := verifiersIn(t, false)
	path := filepath.Join(dir, "n")
	one := &notifying{metrics: freeAddress(t)}
	var err error
	if one.socket, err = net.ListenUnixgram("unixgram", &net.UnixAddr{Name: path, Net: "unixgram"}); err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { one.socket.Close() })
	flags = append([]string{"--config", "/dev/null", "--address", filepath.Join(dir, "s"), "--metrics_address", one.metrics}, flags...)
	if one.process, err = programs.Start(filepath.Join(dir, "log"), []string{"NOTIFY_SOCKET=" + path}, shared.tools.Refractd, flags...); err != nil {
		t.Fatal(err)
	}
	connection, err := grpc.NewClient("unix://"+filepath.Join(dir, "s"), grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := errors.Join(connection.Close(), one.process.Stop()); err != nil {
			t.Error(err)
		}
	})
	one.images, one.health = cri.NewImageServiceClient(connection), healthv1.NewHealthClient(connection)
	for {
		told := one.told(t)
		if told == "READY=1" {
			return one
		}
		one.before += told + "\n"
	}
}

// told is the next that systemd is told.
func (n *notifying) told(t *testing.T) string {
	t.Helper()
	buffer := make([]byte, 1<<16)
	if err := n.socket.SetReadDeadline(time.Now().Add(eventLimit)); err != nil {
		t.Fatal(err)
	}
	length, err := n.socket.Read(buffer)
	if err != nil {
		log, _ := n.process.Log() // shown as far as it can be read
		t.Fatalf("systemd is told nothing: %v\n%s", err, log)
	}
	return string(buffer[:length])
}

// TestLocalPullTakesTheNodesPolicy: on containerd-refract's socket and on refractd's. On that of a containerd as it is, it says that there is
// none.
func TestLocalPullTakesTheNodesPolicy(t *testing.T) {
	shape := byName(t, "artifact-first-same-platform") // it has an SBOM
	_, name := ownRegistry(t, shape)
	strict := harness.Config{Policy: "required = [\"signature\"]\n"}
	ours, behind := start(t, harness.StartRefract, strict), start(t, harness.StartBehindRefractd, strict)
	pull := func(daemon *harness.Daemon, socket string) harness.Result {
		t.Helper()
		result, err := daemon.CtrAt(t.Context(), shared.tools.RefractCtr, socket, "local", "images", "pull", "--local", "--plain-http", name)
		if err != nil {
			t.Fatal(err)
		}
		return result
	}
	for socket, daemon := range map[string]*harness.Daemon{ours.Socket: ours, behind.Front.Socket: behind} {
		if result := pull(daemon, socket); result.Code == 0 || !strings.Contains(result.Stderr, "lacks what the policy requires: signature") {
			t.Errorf("exit code %d: %s", result.Code, result.Stderr)
		}
		nothingStays(t, daemon, "local")
	}
	if result := pull(behind, behind.Socket); result.Code != 0 || !strings.Contains(result.Stderr, "no policy is known at "+behind.Socket) {
		t.Errorf("on a plain containerd's socket: exit code %d: %s", result.Code, result.Stderr)
	}
}
