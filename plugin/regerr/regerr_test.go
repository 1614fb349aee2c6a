// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package regerr

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"
	"testing"

	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"

	"github.com/refract-oci/refract/tests/printable"
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

// A status line, and whatever else an error quotes, are a registry's own words.
func TestWhatIsShownIsPrintable(t *testing.T) {
	for _, row := range printable.List() {
		for _, err := range []error{
			errors.New("GET https://host/v2/x: " + row.Text),
			remoteerrors.ErrUnexpectedStatus{Status: "418 " + row.Text, StatusCode: 418, RequestMethod: http.MethodGet, RequestURL: "https://host/v2/x"},
			&url.Error{Op: "Get", URL: "https://host/" + row.Text, Err: errors.New(row.Text)},
		} {
			for _, shown := range []error{Shown(err), Readable(err)} {
				if harm := printable.Harm(shown.Error()); harm != "" || strings.Contains(shown.Error(), "\n") {
					t.Errorf("%s: %s stands raw in %q", row.Name, harm, shown)
				}
			}
		}
	}
}
