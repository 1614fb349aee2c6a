// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import "testing"

// The law ranks as containerd/platforms does: hold what is written by hand against it.
func TestPlatformsAsContainerdRanksThem(t *testing.T) {
	for _, one := range matchings() {
		matcher, best := one.matcher(), -1
		for i, text := range one.entries {
			platform := parse(text)
			if matcher.Match(platform) && (best < 0 || matcher.Less(platform, parse(one.entries[best]))) {
				best = i
			}
		}
		if best != one.selected {
			t.Errorf("%s: containerd takes entry %d, the case says %d", one.name, best, one.selected)
		}
	}
}
