// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package harness starts real parts for tests and the demo: containerd (stock, or with refract), a registry that stores,
// and clients of both. Everything is on loopback, in folders of its own, and ended by process id.
package harness

import (
	"path/filepath"

	"github.com/refract-oci/refract/tests/programs"
)

// Tools are the programs that nearly every test starts. What few need is found when it is started, so that nobody has to build it in vain.
type Tools struct {
	Refract    string // containerd-refract
	RefractCtr string // ctr-refract
	Refractd   string // refractd
	Stock      string // containerd
	StockCtr   string // ctr
	Path       string // holds the shim beside the system's programs: PATH of everything that is started
}

// FindTools finds them as make leaves them.
func FindTools() (Tools, error) {
	var tools Tools
	var shim string
	for _, program := range []struct {
		folder, name string
		found        *string
	}{
		{"bin", "containerd-refract", &tools.Refract},
		{"bin", "ctr-refract", &tools.RefractCtr},
		{"bin", "refractd", &tools.Refractd},
		{"tools", "containerd", &tools.Stock},
		{"tools", "ctr", &tools.StockCtr},
		{"tools", "containerd-shim-runc-v2", &shim},
	} {
		var err error
		if *program.found, err = programs.Find(program.folder, program.name); err != nil {
			return Tools{}, err
		}
	}
	tools.Path = filepath.Dir(shim) + ":/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"
	return tools, nil
}
