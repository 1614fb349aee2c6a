// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package suites

import (
	"encoding/json"
	"os"
	"slices"
	"strings"
	"testing"
)

// result is what came of one run of a suite.
type result struct {
	suite          string
	images         form
	client         string
	passed, failed []string
}

// expectations are what testdata/expected.json holds.
type expectations struct {
	// Ran is how many specs of each suite run, whatever the images and the client: those that are left out are not in it.
	Ran map[string]int `json:"ran"`
	// Fails are the specs that fail, and why.
	Fails []expectedFailure `json:"fails"`
}

// expectedFailure names a spec by its whole name, or all whose names begin with one that ends in "*". Of these at least one fails.
type expectedFailure struct {
	Suite  string `json:"suite"`
	Images form   `json:"images,omitempty"` // in every form, if it is empty
	Client string `json:"client,omitempty"` // with every client, if it is empty
	Spec   string `json:"spec"`
	Why    string `json:"why"`
}

func readExpectations() (expectations, error) {
	var e expectations
	text, err := os.ReadFile("testdata/expected.json")
	if err != nil {
		return e, err
	}
	return e, json.Unmarshal(text, &e)
}

func (f expectedFailure) of(r result) bool {
	return f.Suite == r.suite && (f.Images == "" || f.Images == r.images) && (f.Client == "" || f.Client == r.client)
}

func (f expectedFailure) names(spec string) bool {
	if begin, open := strings.CutSuffix(f.Spec, "*"); open {
		return strings.HasPrefix(spec, begin)
	}
	return f.Spec == spec
}

// compare fails the test for every difference from what is expected. Ran names the number of specs that must have run. Of a part of a
// suite not every expected failure can be seen.
func (e expectations) compare(t *testing.T, r result, ran string, whole bool) {
	t.Helper()
	if got := len(r.passed) + len(r.failed); got != e.Ran[ran] {
		t.Errorf("%d specs ran, want %d", got, e.Ran[ran])
	}
	var expected []expectedFailure
	for _, failure := range e.Fails {
		if failure.of(r) {
			expected = append(expected, failure)
		}
	}
	for _, spec := range r.failed {
		if !slices.ContainsFunc(expected, func(f expectedFailure) bool { return f.names(spec) }) {
			t.Errorf("fails, and must not: %s", spec)
		}
	}
	for _, failure := range expected {
		if whole && !slices.ContainsFunc(r.failed, failure.names) {
			t.Errorf("passes, and testdata/expected.json says that it fails: %s", failure.Spec)
		}
	}
}
