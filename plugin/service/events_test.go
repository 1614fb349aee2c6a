// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service

import (
	"fmt"
	"testing"
)

// What a caller does not read takes no more memory than there are images.
func TestChangesOfOneImageBecomeOne(t *testing.T) {
	s := &subscription{ready: make(chan struct{}, 1), changes: map[string]change{}}
	for range 1000 {
		s.note("new", recorded)
		s.note("new", updated)
		s.note("old", updated)
		s.note("gone", updated)
		s.note("gone", removed)
		s.note("back", removed)
		s.note("back", recorded)
	}
	if len(s.order) != 4 || len(s.changes) != 4 {
		t.Fatalf("%d changes wait, of %d images", len(s.order), len(s.changes))
	}
	var got []string
	for name, last, ok := s.next(); ok; name, last, ok = s.next() {
		got = append(got, fmt.Sprint(name, " ", last))
	}
	if want := fmt.Sprintf("[new %d old %d gone %d back %d]", recorded, updated, removed, recorded); fmt.Sprint(got) != want {
		t.Errorf("changes %v, want %s", got, want)
	}
	if len(s.changes) != 0 {
		t.Errorf("kept %v", s.changes)
	}
}
