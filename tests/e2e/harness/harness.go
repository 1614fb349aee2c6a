// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package harness starts real parts for tests and the demo: containerd (stock, or with refract), a registry that stores,
// and clients of both. Everything is on loopback, in folders of its own, and ended by process id.
package harness

import (
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"
)

// Tools are the programs that a test starts.
type Tools struct {
	Refract    string // containerd-refract
	RefractCtr string // ctr-refract
	Stock      string // containerd
	StockCtr   string // ctr
	Registry   string // distribution
	Path       string // holds the shim beside the system's programs: PATH of everything that is started
}

// FindTools looks in $REFRACT_BUILD, or else in the build folder of this checkout, as make leaves it. What is missing is an
// error: a test that cannot run has not passed.
func FindTools() (Tools, error) {
	build := os.Getenv("REFRACT_BUILD")
	if build == "" {
		root, err := moduleRoot()
		if err != nil {
			return Tools{}, err
		}
		build = filepath.Join(root, "build")
	}
	tools := Tools{
		Refract:    filepath.Join(build, "bin", "containerd-refract"),
		RefractCtr: filepath.Join(build, "bin", "ctr-refract"),
		Stock:      filepath.Join(build, "tools", "containerd"),
		StockCtr:   filepath.Join(build, "tools", "ctr"),
		Registry:   filepath.Join(build, "tools", "registry"),
		Path:       filepath.Join(build, "tools") + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin",
	}
	shim := filepath.Join(build, "tools", "containerd-shim-runc-v2")
	for _, program := range []string{tools.Refract, tools.RefractCtr, tools.Stock, tools.StockCtr, tools.Registry, shim} {
		if _, err := os.Stat(program); err != nil {
			return Tools{}, fmt.Errorf("no program to test with: %w (run \"make build tools\", or set REFRACT_BUILD)", err)
		}
	}
	return tools, nil
}

// moduleRoot is the nearest folder upwards with a go.mod.
func moduleRoot() (string, error) {
	start, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for dir := start; ; dir = filepath.Dir(dir) {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		if dir == filepath.Dir(dir) {
			return "", fmt.Errorf("no go.mod in %s or above it", start)
		}
	}
}

// Hopeless marks a reason that will not go away: Poll does not wait for that.
type Hopeless struct{ Reason error }

func (h Hopeless) Error() string { return h.Reason.Error() }

func (h Hopeless) Unwrap() error { return h.Reason }

// Poll asks again and again until done says so, or the time is over; then it returns the last reason.
func Poll(limit time.Duration, done func() error) error {
	deadline := time.Now().Add(limit)
	pause := time.NewTicker(10 * time.Millisecond)
	defer pause.Stop()
	for {
		err := done()
		if err == nil {
			return nil
		}
		if errors.As(err, new(Hopeless)) {
			return err
		}
		if time.Now().After(deadline) {
			return fmt.Errorf("after %s: %w", limit, err)
		}
		<-pause.C
	}
}
