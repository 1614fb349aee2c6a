// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"strings"
	"testing"

	introspection "github.com/containerd/containerd/api/services/introspection/v1"
	"github.com/containerd/errdefs"
)

func TestConfigurationInContainerdsArguments(t *testing.T) {
	for line, want := range map[string]string{
		"containerd": "", "containerd --log-level debug": "", "--config": "",
		"containerd --config /a": "/a", "containerd --config=/a": "/a", "containerd -c /a": "/a", "containerd -c=/a": "/a", "containerd -config /a": "/a",
		"containerd --root /r --config /a --state /s": "/a", "containerd -c /a --config=/b": "/b", "containerd --config": "",
	} {
		if got := configArgument(strings.Fields(line)); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// A verifier that is built into containerd judges what containerd pulls, and nothing that refractd does.
func TestVerifiersThatCannotBeAsked(t *testing.T) {
	const kind = "io.containerd.image-verifier.v1"
	all := loaded{kind + ".bindir": {Type: kind, ID: "bindir"}}
	if err := foreignVerifiers(all); err != nil {
		t.Error(err)
	}
	all[kind+".theirs"] = &introspection.Plugin{Type: kind, ID: "theirs"}
	if err := (Verifying{}).judge(t.Context(), foreignVerifiers(all)); !errdefs.IsFailedPrecondition(err) || !strings.Contains(err.Error(), kind+".theirs") {
		t.Errorf("error %v", err)
	}
	if err := (Verifying{WarnOnly: true}).judge(t.Context(), foreignVerifiers(all)); err != nil {
		t.Error(err)
	}
}
