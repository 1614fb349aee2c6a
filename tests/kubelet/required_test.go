// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"fmt"
	"slices"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/shapes"
)

// TestRequiredReachesThePod: what an image lacks of what is required, and which image it is, stands in the state of the container, with
// the reasons that plugin/policy/README.md names; a pod whose image has it runs on the same node.
func TestRequiredReachesThePod(t *testing.T) {
	const repositories = "tag-always" // of the shapes, but not of the pods' own image
	host := shared.serving.Host()
	whole := shapes.ByName("sbom-and-signature-first")
	lacking, single := shapes.ByName("artifact-first-same-platform"), shapes.ByName("single-manifest")
	refused := map[string][]string{
		lacking.Name: {"index " + lacking.Root.Digest.String(), "image " + lacking.Selected.String(), "requires: signature (attached: sbom)"},
		single.Name:  {"manifest " + single.Root.Digest.String(), "requires: sbom, signature (attached: nothing;"},
	}
	for _, way := range ours {
		t.Run(way.name, func(t *testing.T) {
			rules := fmt.Sprintf("rules = [{ match = %q, required = [\"sbom\", \"signature\"] }]", host+"/"+repositories+"/*")
			n := way.start(t, rules, harness.KubeletConfig{})
			for _, shape := range []shapes.Shape{whole, lacking, single} {
				image := host + "/" + repositories + "/" + shape.Name + ":latest"
				container := harness.StaticContainer{Name: "only", Image: image, ImagePullPolicy: "Always"}
				if err := n.kubelet.AddPod(harness.StaticPod{Name: shape.Name, Containers: []harness.StaticContainer{container}}); err != nil {
					t.Fatal(err)
				}
			}
			for name, words := range refused {
				message, err := n.refusal(name, "only")
				if err != nil {
					t.Errorf("%s: %v", name, err)
				}
				for _, word := range append(slices.Clone(words), "code = PermissionDenied", repositories+"/"+name+":latest") {
					if !strings.Contains(message, word) {
						t.Errorf("%s: %q does not say %q", name, message, word)
					}
				}
			}
			if err := programs.Poll(podsLimit, func() error { return n.ran(whole.Name, "only", whole) }); err != nil {
				t.Errorf("%s: %v", whole.Name, err)
			}
		})
	}
}
