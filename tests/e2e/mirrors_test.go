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

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// everyPlace looks everywhere, and not for long.
const everyPlace = "discover = [\"digest-tag\", \"referrers\", \"cosign\"]\ndeadline = \"15s\"\n"

// mirroredName is an image that only hosts.toml leads to.
const mirroredName = "registry.example/app:v1"

// silentUpstream is a host that takes connections and never answers.
func silentUpstream(t *testing.T) string {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { listener.Close() })
	return listener.Addr().String()
}

// everyWay pulls the mirrored image through each way there is, with hosts.toml.
func everyWay(t *testing.T, policy, toml string, test func(t *testing.T, daemon *harness.Daemon, namespace string, pull func() error)) {
	t.Run("ctr", func(t *testing.T) {
		daemon := ownDaemon(t, harness.Config{Policy: policy})
		dir := t.TempDir()
		if err := errors.Join(os.Mkdir(filepath.Join(dir, "registry.example"), 0o755),
			os.WriteFile(filepath.Join(dir, "registry.example", "hosts.toml"), []byte(toml), 0o600)); err != nil {
			t.Fatal(err)
		}
		test(t, daemon, "default", func() error {
			result, err := daemon.Ctr(t.Context(), "default", "images", "pull", "--hosts-dir", dir, mirroredName)
			return errors.Join(err, result.Err())
		})
	})
	everyPod(t, "cri", func(t *testing.T, with starter) {
		daemon := start(t, with, harness.Config{Policy: policy})
		if err := daemon.Hosts("registry.example", toml); err != nil {
			t.Fatal(err)
		}
		test(t, daemon, criNamespace, func() error {
			_, err := daemon.CRIPull(t.Context(), mirroredName)
			return err
		})
	})
}

// TestLookupsGoToThePullsHosts: what is required is found where the pull's own hosts.toml leads, however the pull was asked for.
func TestLookupsGoToThePullsHosts(t *testing.T) {
	shape, _ := shapes.EverySource()
	server, err := registry.Listen()
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { server.Close() })
	server.Add("app", shape, "v1")
	server.ServeReferrers(true)
	policy := everyPlace + "required = [\"scan\"]\n"
	everyWay(t, policy, fmt.Sprintf("server = %q\n", "http://"+server.Host()), func(t *testing.T, _ *harness.Daemon, _ string, pull func() error) {
		if err := pull(); err != nil {
			t.Error(err)
		}
	})
	t.Run("plain HTTP", func(t *testing.T) {
		// An address of this machine that containerd does not take for one, and so would speak TLS to.
		_, port, err := net.SplitHostPort(server.Host())
		if err != nil {
			t.Fatal(err)
		}
		if err := ownDaemon(t, harness.Config{Policy: policy}).Pull(t.Context(), "default", "0.0.0.0:"+port+"/app:v1"); err != nil {
			t.Error(err)
		}
	})
}

// TestMirrorBeforeASilentUpstream: an air-gapped mirror without a referrers API, before an upstream that never answers. Where the mirror
// answers, that is the answer; where it fails, the pull does not, and it is told what was not looked for.
func TestMirrorBeforeASilentUpstream(t *testing.T) {
	for name, broken := range map[string]bool{"answers": false, "fails": true} {
		t.Run(name, func(t *testing.T) {
			server, err := registry.Listen()
			if err != nil {
				t.Fatal(err)
			}
			t.Cleanup(func() { server.Close() })
			server.Add("app", shapes.ByName("images-first"), "v1")
			server.Inject(func(w http.ResponseWriter, r *http.Request, target registry.Target) bool {
				optional := target.Kind == "referrers" || strings.HasPrefix(target.Reference, "sha256-")
				return broken && optional && registry.Status(http.StatusBadGateway)(w, r, target)
			})
			toml := fmt.Sprintf("server = %q\n[host.%q]\n", "http://"+silentUpstream(t), "http://"+server.Host())
			everyWay(t, everyPlace, toml, func(t *testing.T, daemon *harness.Daemon, namespace string, pull func() error) {
				if err := pull(); err != nil {
					t.Fatal(err)
				}
				listed, err := daemon.CtrAt(t.Context(), shared.tools.RefractCtr, daemon.Socket, namespace, "references", "ls", mirroredName)
				if err := errors.Join(err, listed.Err()); err != nil {
					t.Fatal(err)
				}
				const notice = "this was not looked for when the image was pulled: "
				if told := strings.Contains(listed.Errors(), notice); told != broken {
					t.Errorf("the listing says %q", listed.Errors())
				}
				log, err := daemon.Log()
				if daemon.Front != nil {
					log, err = daemon.Front.Log()
				}
				if warned := strings.Contains(log, "not all that the repository has attached to the image is known"); err != nil || warned != broken {
					t.Errorf("warned: %v, %v", warned, err)
				}
			})
		})
	}
}
