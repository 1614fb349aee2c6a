// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"bytes"
	"encoding/json"
	"fmt"
	"path"

	"github.com/opencontainers/go-digest"
)

// Case is what tests/testdata/<case>/case.json holds.
type Case struct {
	About   string  `json:"about"`
	Root    Root    `json:"root"`
	Request Request `json:"request"`
}

// Root is the descriptor that a registry answers for a tag.
type Root struct {
	MediaType string        `json:"mediaType"`
	Digest    digest.Digest `json:"digest"`
	Size      int64         `json:"size"`
}

// A case with more bytes of documents, or more documents, is not kept in the repository.
const (
	mostBytes     = 512 << 10
	mostDocuments = 300
)

// Case returns the shape as a case.
func (s Shape) Case() Case {
	return Case{s.About, Root{s.Root.MediaType, s.Root.Digest, s.Root.Size}, s.Request}
}

// WalkDocuments are the indexes, manifests and configs that the registry has: all that a walk could be fed.
func (s Shape) WalkDocuments() map[digest.Digest][]byte {
	found := map[digest.Digest][]byte{}
	add := func(one digest.Digest) {
		if content, has := s.Blobs[one]; has && !s.Absent[one] {
			found[one] = content
		}
	}
	for manifest := range s.MediaTypes {
		add(manifest)
		add(s.Configs[manifest])
	}
	return found
}

// Large says that the shape is too large for the repository, so that tests have to build it.
func (s Shape) Large() bool {
	documents, size := s.WalkDocuments(), 0
	for _, document := range documents {
		size += len(document)
	}
	return size > mostBytes || len(documents) > mostDocuments
}

// Files are the files of the case in tests/testdata, by their path below it.
func (s Shape) Files() (map[string][]byte, error) {
	if s.Root.MediaType == "" || s.Root.Size != int64(len(s.Blobs[s.Root.Digest])) && s.Expect.Status == "ok" {
		return nil, fmt.Errorf("shape %s: its root is not described as it is", s.Name)
	}
	files := map[string][]byte{}
	for name, content := range map[string]any{"case.json": s.Case(), "expect.json": s.Expect} {
		var text bytes.Buffer
		encoder := json.NewEncoder(&text)
		encoder.SetEscapeHTML(false)
		encoder.SetIndent("", "  ")
		if err := encoder.Encode(content); err != nil {
			return nil, fmt.Errorf("shape %s: %s: %w", s.Name, name, err)
		}
		files[name] = text.Bytes()
	}
	for document, content := range s.WalkDocuments() {
		files[path.Join("blobs", document.Algorithm().String(), document.Encoded())] = content
	}
	return files, nil
}
