// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
)

// verifiersIn makes a folder of image verifiers, with one in it that refuses every image, or with none.
func verifiersIn(t *testing.T, refusing bool) string {
	t.Helper()
	dir, err := os.MkdirTemp(shared.dir, "verifiers-")
	if err != nil {
		t.Fatal(err)
	}
	if refusing {
		verifier := "#!/bin/sh\ncat >/dev/null\necho \"no $4 here\"\nexit 1\n"
		if err := os.WriteFile(filepath.Join(dir, "judge"), []byte(verifier), 0o700); err != nil {
			t.Fatal(err)
		}
	}
	return dir
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
			if _, err := daemon.CRIPull(t.Context(), name); err == nil || !strings.Contains(err.Error(), wanted) {
				t.Errorf("refractd's pull: %v", err)
			}
			nothingStays(t, daemon, criNamespace)
		})
	}
}

// TestRefractdDoesNotStartWhereItWouldAskNoVerifier: and says what to do. Who wants it anyway has it in the log.
func TestRefractdDoesNotStartWhereItWouldAskNoVerifier(t *testing.T) {
	shape := byName(t, "artifact-first-same-platform")
	_, name := ownRegistry(t, shape)
	theirs, empty := verifiersIn(t, true), verifiersIn(t, false)
	warning := harness.Config{Sections: verifierSection(theirs), Flags: []string{"--image_verifier.bin_dir", empty, "--image_verifier.weaker", "warn"}}
	daemon := start(t, harness.StartBehindRefractd, warning)
	if _, err := daemon.CRIPull(t.Context(), name); err != nil {
		t.Errorf("with weaker = warn: %v", err)
	}
	if log, err := daemon.Front.Log(); err != nil || !strings.Contains(log, "images are pulled that containerd might refuse") || !strings.Contains(log, theirs) {
		t.Errorf("the log does not warn, %v:\n%s", err, log)
	}
	for what, c := range map[string]struct {
		flags []string
		words []string
	}{
		"an empty folder":          {[]string{"--image_verifier.bin_dir", empty}, []string{theirs, empty, "image_verifier.bin_dir", "weaker"}},
		"no folder":                {[]string{"--image_verifier.bin_dir", empty + "/none"}, []string{theirs, empty + "/none"}},
		"a file that is not there": {[]string{"--containerd.config", empty + "/none.toml"}, []string{"containerd.config", empty + "/none.toml", "image_verifier.bin_dir"}},
		"a file that is no TOML":   {[]string{"--containerd.config", filepath.Join(theirs, "judge")}, []string{"containerd.config", "judge"}},
	} {
		t.Run(what, func(t *testing.T) {
			flags := append([]string{"--config", "/dev/null", "--address", filepath.Join(verifiersIn(t, false), "s"), "--containerd.address", daemon.Socket}, c.flags...)
			told, err := exec.CommandContext(t.Context(), shared.tools.Refractd, flags...).CombinedOutput()
			if exit := new(exec.ExitError); !errors.As(err, &exit) || exit.ExitCode() != 1 {
				t.Fatalf("%v:\n%s", err, told)
			}
			lines := strings.Split(strings.TrimSpace(string(told)), "\n")
			for _, word := range c.words {
				if last := lines[len(lines)-1]; !strings.Contains(last, word) {
					t.Errorf("the error lacks %q: %s", word, last)
				}
			}
		})
	}
	if err := daemon.CRIRemove(t.Context(), name); err != nil {
		t.Error(err)
	}
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
