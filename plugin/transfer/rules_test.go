// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer_test

import (
	"strings"
	"testing"

	"github.com/containerd/errdefs"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/tests/shapes"
)

// A name that is spelled in another way brings the same content, so that it must have the same rule; by a name that is none to a
// repository nothing is pulled at all.
func TestRulesHoldForEverySpelling(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	const address = "127.0.0.1:"
	spellings := []struct {
		name    string
		spelled *strings.Replacer
		refused func(error) bool
	}{
		{"as the rule has it", strings.NewReplacer(), errdefs.IsPermissionDenied},
		{"a port with a zero before it", strings.NewReplacer(address, address+"0"), errdefs.IsPermissionDenied},
		{"an address of the other kind", strings.NewReplacer(address, "[::ffff:127.0.0.1]:"), errdefs.IsPermissionDenied},
		{"an empty part", strings.NewReplacer("/"+shape.Name, "//"+shape.Name), errdefs.IsPermissionDenied},
		{"an escape", strings.NewReplacer("/artifact", "/%61rtifact"), errdefs.IsPermissionDenied},
		{"out of a tag", strings.NewReplacer("/"+shape.Name+":latest", "/other:v1/../../../"+shape.Name+"/manifests/latest"), errdefs.IsInvalidArgument},
		{"capitals", strings.NewReplacer("/artifact", "/Artifact"), errdefs.IsInvalidArgument},
	}
	for _, s := range spellings {
		for _, way := range []string{"transfer", "client"} {
			t.Run(s.name+"/"+way, func(t *testing.T) {
				ctx, node := newNode(t)
				registry := serve(t, shape, nil)
				name := s.spelled.Replace(registry.name(":latest"))
				p := policy.Default()
				p.Rules = []policy.Rule{{Match: registry.name(""), Policy: requiring(policy.RequiredRefuse, "signature")}}
				pull := func() error { return node.pull(ctx, name, p) }
				if way == "client" {
					pull = func() error { return node.clientPull(ctx, t, name, p) }
				}
				if err := pull(); !s.refused(err) {
					t.Errorf("%s: %v", name, err)
				}
				if _, err := node.images.Get(ctx, name); !errdefs.IsNotFound(err) {
					t.Errorf("record: %v", err)
				}
			})
		}
	}
}
