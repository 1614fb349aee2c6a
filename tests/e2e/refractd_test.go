// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"fmt"
	"testing"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/namespaces"

	"github.com/refract-oci/refract/tests/e2e/harness"
)

// TestRefractdPullAndRun pulls every shape by tag and by digest through refractd into a containerd as it is, runs it and compares
// what it prints.
func TestRefractdPullAndRun(t *testing.T) {
	daemon := behindDaemon(t)
	runnable, _ := shared.runnable()
	for _, shape := range runnable {
		t.Run(shape.Name, func(t *testing.T) {
			for by, name := range shared.names(shape) {
				t.Run(by, func(t *testing.T) {
					err := pullAndRun(t.Context(), &shared.behind, "cri", name, shape)
					summary.note(shape.Name, "refractd cri "+by, words(err))
					if err != nil {
						t.Errorf("%s (%s): %v", name, shape.About, err)
					}
				})
			}
		})
	}
	nothingStays(t, daemon, criNamespace)
}

// TestRefractdRefuses pulls every shape that must be refused: the error has the words, both daemons live, and nothing is left.
func TestRefractdRefuses(t *testing.T) {
	daemon := behindDaemon(t)
	pid, front := daemon.PID(), daemon.Front.PID()
	_, refused := shared.runnable()
	for _, shape := range refused {
		t.Run(shape.Name, func(t *testing.T) {
			for by, name := range shared.names(shape) {
				t.Run(by, func(t *testing.T) {
					failure := refusal(pull(t.Context(), daemon, "cri", name), shape, name)
					summary.note(shape.Name, "refractd cri "+by, failure)
					if failure != "" {
						t.Errorf("%s (%s): %s", name, shape.About, failure)
					}
					nothingStays(t, daemon, criNamespace)
				})
			}
		})
	}
	if err := daemon.Running(); err != nil || daemon.PID() != pid || daemon.Front.PID() != front {
		t.Errorf("containerd was process %d and is %d, refractd %d and %d: %v", pid, daemon.PID(), front, daemon.Front.PID(), err)
	}
}

// everything is what a daemon has stored for pods: each record with its target and labels, each blob with its labels.
func everything(t *testing.T, daemon *harness.Daemon) map[string]string {
	t.Helper()
	ctx := namespaces.WithNamespace(t.Context(), criNamespace)
	all := map[string]string{}
	records, err := daemon.Client.ImageService().List(ctx)
	if err != nil {
		t.Fatal(err)
	}
	for _, record := range records {
		all["record "+record.Name] = fmt.Sprintf("%s %s %d %v", record.Target.MediaType, record.Target.Digest, record.Target.Size, record.Labels)
	}
	err = daemon.Client.ContentStore().Walk(ctx, func(info content.Info) error {
		all["content "+info.Digest.String()] = fmt.Sprint(info.Labels)
		return nil
	})
	if err != nil {
		t.Fatal(err)
	}
	return all
}

// TestRefractdStoresWhatRefractStores: after the same pulls, a containerd behind refractd has the records and the content that
// containerd-refract has, with the same labels.
func TestRefractdStoresWhatRefractStores(t *testing.T) {
	runnable, _ := shared.runnable()
	pinned := shared.tag(runnable[0])
	for _, policy := range []string{"image_target = \"auto\"", fetching, "image_target = \"manifest\""} {
		t.Run(policy, func(t *testing.T) {
			ours := start(t, harness.StartRefract, harness.Config{Policy: policy, Sandbox: pinned})
			behind := start(t, harness.StartBehindRefractd, harness.Config{Policy: policy, Refractd: fmt.Sprintf("image.pinned = [%q]", pinned)})
			for _, daemon := range []*harness.Daemon{ours, behind} {
				for _, shape := range runnable {
					for _, name := range shared.names(shape) {
						if _, err := daemon.CRIPull(t.Context(), name); err != nil {
							t.Fatal(err)
						}
					}
				}
				if err := daemon.Collect(t.Context(), criNamespace); err != nil {
					t.Fatal(err)
				}
			}
			want, got := everything(t, ours), everything(t, behind)
			for what, how := range want {
				if got[what] != how {
					t.Errorf("%s\n behind refractd: %s\n containerd-refract: %s", what, got[what], how)
				}
			}
			for what := range got {
				if _, ok := want[what]; !ok {
					t.Errorf("%s is there behind refractd only", what)
				}
			}
			image, err := behind.CRIStatus(t.Context(), pinned)
			if err != nil || !image.GetPinned() {
				t.Errorf("%s is not pinned: %v, %v", pinned, image, err)
			}
		})
	}
}
