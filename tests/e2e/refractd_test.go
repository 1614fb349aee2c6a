// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package e2e

import (
	"testing"
)

// TestRefractdPullAndRun pulls every shape by tag and by digest through refractd into a containerd as it is, runs it and compares
// what it prints.
func TestRefractdPullAndRun(t *testing.T) {
	daemon := behindDaemon(t)
	runnable, _ := shared.runnable()
	for _, shape := range runnable {
		t.Run(shape.Name, func(t *testing.T) {
			for by, name := range shared.names(shape) {
				t.Run(by, func(t *testing.T) {
					err := pullAndRun(t.Context(), &shared.behind, "cri", name, shape)
					summary.note(shape.Name, "refractd cri "+by, words(err))
					if err != nil {
						t.Errorf("%s (%s): %v", name, shape.About, err)
					}
				})
			}
		})
	}
	nothingStays(t, daemon, criNamespace)
}

// TestRefractdRefuses pulls every shape that must be refused: the error has the words, both daemons live, and nothing is left.
func TestRefractdRefuses(t *testing.T) {
	daemon := behindDaemon(t)
	pid, front := daemon.PID(), daemon.Front.PID()
	_, refused := shared.runnable()
	for _, shape := range refused {
		t.Run(shape.Name, func(t *testing.T) {
			for by, name := range shared.names(shape) {
				t.Run(by, func(t *testing.T) {
					failure := refusal(pull(t.Context(), daemon, "cri", name), shape, name)
					summary.note(shape.Name, "refractd cri "+by, failure)
					if failure != "" {
						t.Errorf("%s (%s): %s", name, shape.About, failure)
					}
					nothingStays(t, daemon, criNamespace)
				})
			}
		})
	}
	if err := daemon.Running(); err != nil || daemon.PID() != pid || daemon.Front.PID() != front {
		t.Errorf("containerd was process %d and is %d, refractd %d and %d: %v", pid, daemon.PID(), front, daemon.Front.PID(), err)
	}
}
