// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package answers

import (
	"errors"
	"fmt"
	"testing"

	"github.com/containerd/errdefs"
)

// What is shown keeps its words and its kind, but nothing that a URL has besides its place.
func TestShown(t *testing.T) {
	err := Shown(fmt.Errorf("image a:1: Get \"https://user:canary@host/v2/x?sig=canary\": not\n there: %w", errdefs.ErrNotFound))
	if err.Error() != `image a:1: Get "https://host/v2/x": not there: not found` || !errors.Is(err, errdefs.ErrNotFound) {
		t.Errorf("shown as %q", err)
	}
	for text, want := range map[string]string{
		"GET request to https://host/token?scope=repository%3Aa%3Apull&service=host: 401 Unauthorized": "GET request to https://host/token: 401 Unauthorized",
		"(https://host/v2/x?sig=canary), then":                                                         "(https://host/v2/x), then",
		"https://host/v2/x?":                                                                           "https://host/v2/x",
	} {
		if got := Shown(errors.New(text)).Error(); got != want {
			t.Errorf("%q is shown as %q", text, got)
		}
	}
	if Shown(nil) != nil {
		t.Error("nothing is shown as an error")
	}
}
