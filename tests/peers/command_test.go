// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package peers

import (
	"encoding/json"
	"os"
	"os/exec"
	"testing"

	"github.com/refract-oci/refract/tests/programs"
)

// TestCommand: "refract select --as" answers what the predictor does, of every shape, with the registry's own documents.
func TestCommand(t *testing.T) {
	program, err := programs.Find("bin", "refract")
	if err != nil {
		t.Fatal(err)
	}
	for _, shape := range shared.shapes {
		t.Run(shape.Name, func(t *testing.T) {
			blobs := folder(t, shape)
			for _, platform := range platforms {
				command := exec.CommandContext(t.Context(), program, "--plain-http", "--output", "json", "select", "--platform", platform,
					"--as", "containerd,crane,regctl,skopeo", shared.reference(shape))
				command.Env = append(os.Environ(), "HOME="+shared.dir, "DOCKER_CONFIG="+shared.dir)
				printed, err := command.Output()
				want := predict(t, blobs, shape.Root.MediaType, shape.Root.Digest.String(), platform)
				if err != nil {
					// The root is not read, so nothing is told of any client.
					for name, one := range want {
						if !one.unread {
							t.Errorf("%s: refract select: %v, want %s", name, err, one)
						}
					}
					continue
				}
				var told struct {
					Clients []struct{ Client, Outcome, Digest string }
				}
				if err := json.Unmarshal(printed, &told); err != nil || len(told.Clients) != len(want) {
					t.Fatalf("refract select: %v: %s", err, printed)
				}
				for _, one := range told.Clients {
					predicted := want[one.Client]
					if one.Digest != predicted.digest || (one.Outcome == "unknown") != predicted.unread {
						t.Errorf("%s for %s: %s %s, want %s", one.Client, platform, one.Outcome, one.Digest, predicted)
					}
				}
			}
		})
	}
}
