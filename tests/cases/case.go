// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package cases replays the cases of tests/testdata through plugin/native, as a pull would feed a walk, and says where what
// comes of it is not what the case expects.
package cases

import (
	"encoding/json"
	"fmt"
	"io/fs"
	"path"
	"strings"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/tests/shapes"
)

// Case is one case with the documents that its registry has.
type Case struct {
	Name string
	shapes.Case
	Expect    shapes.Expect
	Documents map[digest.Digest][]byte
}

// Of makes a case of a shape that is too large to be kept in tests/testdata.
func Of(shape shapes.Shape) Case {
	return Case{shape.Name, shape.Case(), shape.Expect, shape.WalkDocuments()}
}

// Read reads the case in a folder of tests/testdata. A field that nobody knows is an error.
func Read(testdata fs.FS, name string) (Case, error) {
	read := Case{Name: name, Documents: map[digest.Digest][]byte{}}
	for file, into := range map[string]any{"case.json": &read.Case, "expect.json": &read.Expect} {
		text, err := testdata.Open(path.Join(name, file))
		if err != nil {
			return Case{}, err
		}
		decoder := json.NewDecoder(text)
		decoder.DisallowUnknownFields()
		err = decoder.Decode(into)
		text.Close()
		if err != nil {
			return Case{}, fmt.Errorf("%s/%s: %w", name, file, err)
		}
	}
	blobs, err := fs.Glob(testdata, path.Join(name, "blobs", "*", "*"))
	if err != nil {
		return Case{}, err
	}
	for _, file := range blobs {
		content, err := fs.ReadFile(testdata, file)
		if err != nil {
			return Case{}, err
		}
		read.Documents[digest.Digest(path.Base(path.Dir(file))+":"+path.Base(file))] = content
	}
	return read, nil
}

// outcome is what a walk came to, in the terms of a case.
type outcome struct {
	status, message string
	needs           []digest.Digest
	result          *native.Result
	references      *native.References
	notes           []native.Note
}

// options are the case's request, in the library's terms.
func (c Case) options() (native.RequestOptions, error) {
	options := native.RequestOptions{
		Platforms: c.Request.Platforms, ConfigTypes: c.Request.ConfigTypes, OtherPlatforms: c.Request.OtherPlatforms,
		FetchReferences: c.Request.Fetch, ReferenceTypes: c.Request.Types, Limits: native.Limits(c.Request.Limits),
	}
	switch c.Request.Match {
	case "", "exact":
	case "compatible":
		options.Match = native.Compatible
	default:
		return options, fmt.Errorf("match is %q, want exact or compatible", c.Request.Match)
	}
	switch c.Request.Mode {
	case "", "select":
	case "list":
		options.Mode = native.List
	default:
		return options, fmt.Errorf("mode is %q, want select or list", c.Request.Mode)
	}
	return options, nil
}

// run feeds a walk until it is done. What is not the library's answer is an error.
func (c Case) run() (outcome, error) {
	options, err := c.options()
	if err != nil {
		return outcome{}, err
	}
	request, err := native.NewRequest(options)
	if err != nil {
		return failed(outcome{}, err)
	}
	defer request.Close()
	walk, err := native.NewWalk(request)
	if err != nil {
		return outcome{}, err
	}
	defer walk.Close()

	var came outcome
	root := c.Root
	need, err := walk.Begin(root.MediaType, root.Digest.String(), root.Size, c.Documents[root.Digest])
	for err == nil && need != nil {
		asked := need.Descriptor.Digest
		came.needs = append(came.needs, digest.Digest(strings.Clone(string(asked))))
		if content, has := c.Documents[asked]; has {
			need, err = walk.Feed(content)
		} else {
			need, err = walk.Missing("not found")
		}
	}
	if err != nil {
		return failed(came, err)
	}
	came.status = "ok"
	if came.result, err = walk.Result(); err != nil {
		return came, err
	}
	if came.notes, err = walk.Notes(); err != nil {
		return came, err
	}
	if came.references, err = walk.References(); err != nil {
		return failed(came, err)
	}
	return came, nil
}

func failed(came outcome, err error) (outcome, error) {
	status, known := native.StatusOf(err)
	if !known {
		return came, err
	}
	came.status, came.message = status.String(), err.Error()
	return came, nil
}
