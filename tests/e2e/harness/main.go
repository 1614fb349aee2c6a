// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"errors"
	"fmt"
	"os"
)

// World is what the tests of a package share.
type World interface {
	Open() error
	// Summary is printed when all tests have run.
	Summary() error
	// Close is told whether something failed, so that what tells why can stay.
	Close(failed bool) error
}

// Main runs the tests of a package in their world, and ends the program.
func Main(name string, world World, tests interface{ Run() int }) {
	code := 1
	err := world.Open()
	if err == nil {
		code = tests.Run()
		err = world.Summary()
	}
	if err = errors.Join(err, world.Close(code != 0)); err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s\n", name, err)
		code = 1
	}
	os.Exit(code)
}

// Begin finds the programs, and makes the folder that a world is in.
func Begin(name string) (Tools, string, error) {
	if os.Geteuid() != 0 {
		return Tools{}, "", errors.New("these tests run containers: run them as root")
	}
	tools, err := FindTools()
	if err != nil {
		return Tools{}, "", err
	}
	// Sockets have short names.
	dir, err := os.MkdirTemp("", "refract-"+name+"-")
	return tools, dir, err
}
