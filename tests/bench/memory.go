// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package bench

import (
	"bytes"
	"fmt"
	"os"
	"runtime"
	"runtime/debug"
	"strconv"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
)

// MemoryGrowth is how many bytes of memory a process takes in for one walk over an index, the index itself not counted: it is
// in memory already. Only the first call in a process tells anything, because memory is used again.
func MemoryGrowth(index Index) (int64, error) {
	request, err := native.NewRequest(native.RequestOptions{Platforms: []ocispec.Platform{amd64}})
	if err != nil {
		return 0, err
	}
	defer request.Close()
	walk, err := native.NewWalk(request)
	if err != nil {
		return 0, err
	}
	defer walk.Close()
	runtime.GC()
	debug.FreeOSMemory()
	before, err := resident()
	if err != nil {
		return 0, err
	}
	root := index.Root.Descriptor
	if _, err := walk.Begin(root.MediaType, root.Digest.String(), root.Size, index.Root.Bytes); err != nil {
		return 0, err
	}
	after, err := resident()
	return after - before, err
}

// resident is this process's resident memory in bytes.
func resident() (int64, error) {
	raw, err := os.ReadFile("/proc/self/statm")
	if err != nil {
		return 0, err
	}
	fields := bytes.Fields(raw)
	if len(fields) < 2 {
		return 0, fmt.Errorf("cannot read /proc/self/statm: %q", raw)
	}
	pages, err := strconv.ParseInt(string(fields[1]), 10, 64)
	return pages * int64(os.Getpagesize()), err
}
