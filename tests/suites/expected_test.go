// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package suites

import (
	"encoding/json"
	"os"
	"regexp"
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
	again          []string // passed only when they ran again, alone
}

// expectations are what testdata/expected.json holds.
type expectations struct {
	// Ran is how many specs of each suite run, whatever the images and the client: those that are left out are not in it.
	Ran map[string]int `json:"ran"`
	// Fails are the specs that fail, and why.
	Fails []expectedFailure `json:"fails"`
	// LeftOut are specs that do not run anywhere, and why.
	LeftOut []expectedFailure `json:"leftOut"`
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

// leftOut is an expression for Go's flag -test.skip.
func (e expectations) leftOut(suite string) string {
	var names []string
	for _, spec := range e.LeftOut {
		if spec.Suite != suite {
			continue
		}
		if begin, open := strings.CutSuffix(spec.Spec, "*"); open {
			names = append(names, "^"+regexp.QuoteMeta(begin))
		} else {
			names = append(names, "^"+regexp.QuoteMeta(spec.Spec)+"$")
		}
	}
	return strings.Join(names, "|")
}

// compare fails the test for every difference from what is expected. Ran names the number of specs that must have run. Of a part of a
// suite not every expected failure can be seen.
func (e expectations) compare(t *testing.T, r result, ran string, whole bool) {
	t.Helper()
	if got := len(r.passed) + len(r.failed); got != e.Ran[ran] {
		t.Errorf("%d specs ran, want %d", got, e.Ran[ran])
	}
	for _, spec := range e.unexpected(r) {
		t.Errorf("fails, and must not: %s", spec)
	}
	for _, failure := range e.Fails {
		if whole && failure.of(r) && !slices.ContainsFunc(r.failed, failure.names) {
			t.Errorf("passes, and testdata/expected.json says that it fails: %s", failure.Spec)
		}
	}
}

// unexpected are the specs that fail, and must not.
func (e expectations) unexpected(r result) []string {
	return slices.DeleteFunc(slices.Clone(r.failed), func(spec string) bool {
		return slices.ContainsFunc(e.Fails, func(f expectedFailure) bool { return f.of(r) && f.names(spec) })
	})
}
