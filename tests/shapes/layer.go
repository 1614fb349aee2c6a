// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package shapes

import (
	"archive/tar"
	"bytes"
	"compress/gzip"
	_ "crypto/sha256" // digests are of these
	_ "crypto/sha512"
	"debug/elf"
	"fmt"
	"os"
	"runtime"
	"sync"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// Busybox is where Debian's package busybox-static puts it: the only content of every image.
const Busybox = "/bin/busybox"

// ground is what shapes stand on: the platform that a pull asks for, another one, and the layer of all images.
type ground struct {
	host, other ocispec.Platform
	layer       ocispec.Descriptor
	layerBytes  []byte // nil on paper
	diffID      digest.Digest
}

// paper is the ground of tests/testdata: the same on every machine, with a layer nobody fetches.
func paper() ground {
	return ground{
		host:  ocispec.Platform{OS: "linux", Architecture: "amd64"},
		other: ocispec.Platform{OS: "linux", Architecture: "arm64", Variant: "v8"},
		layer: ocispec.Descriptor{
			MediaType: ocispec.MediaTypeImageLayerGzip, Digest: digest.FromString("the layer of every image"), Size: 24,
		},
		diffID: digest.FromString("the layer of every image, unpacked"),
	}
}

// machine is the ground of the end-to-end tests: this machine's platform, and its busybox.
func machine() ground {
	blob, diffID, err := Layer()
	if err != nil {
		panic(fmt.Sprintf("shapes: no layer for the images: %v", err))
	}
	on := paper()
	switch runtime.GOARCH {
	case on.host.Architecture:
	case on.other.Architecture:
		on.host, on.other = on.other, on.host
	default:
		on.host = ocispec.Platform{OS: "linux", Architecture: runtime.GOARCH}
	}
	on.layer.Digest, on.layer.Size = digest.FromBytes(blob), int64(len(blob))
	on.layerBytes, on.diffID = blob, diffID
	return on
}

type packed struct {
	blob   []byte
	diffID digest.Digest
}

var packOnce = sync.OnceValues(packBusybox)

// Layer returns the layer of all end-to-end images (a tar with gzip) and its diff ID, for further images of a test.
func Layer() (blob []byte, diffID digest.Digest, err error) {
	layer, err := packOnce()
	return layer.blob, layer.diffID, err
}

// File is one of a layer; a folder or a link has no content.
type File struct {
	tar.Header
	Content []byte
}

func packBusybox() (packed, error) {
	files, err := BusyboxFiles()
	if err != nil {
		return packed{}, err
	}
	blob, diffID, err := Pack(files)
	return packed{blob, diffID}, err
}

// BusyboxFiles are the files of the layer of all end-to-end images.
func BusyboxFiles() ([]File, error) {
	program, err := staticProgram(Busybox)
	if err != nil {
		return nil, err
	}
	return []File{
		{Header: tar.Header{Name: "bin/", Typeflag: tar.TypeDir, Mode: 0o755}},
		{Header: tar.Header{Name: "etc/", Typeflag: tar.TypeDir, Mode: 0o755}},
		{Header: tar.Header{Name: "tmp/", Typeflag: tar.TypeDir, Mode: 0o1777}},
		{Header: tar.Header{Name: "bin/busybox", Typeflag: tar.TypeReg, Mode: 0o755}, Content: program},
		{Header: tar.Header{Name: "bin/sh", Typeflag: tar.TypeSymlink, Linkname: "busybox", Mode: 0o777}},
	}, nil
}

// Pack makes a layer (a tar with gzip) of files, and its diff ID.
func Pack(files []File) (blob []byte, diffID digest.Digest, err error) {
	var archive bytes.Buffer
	writer := tar.NewWriter(&archive)
	for _, file := range files {
		file.Size = int64(len(file.Content))
		if err := writer.WriteHeader(&file.Header); err != nil {
			return nil, "", err
		}
		if _, err := writer.Write(file.Content); err != nil {
			return nil, "", err
		}
	}
	if err := writer.Close(); err != nil {
		return nil, "", err
	}
	var compressed bytes.Buffer
	zip := gzip.NewWriter(&compressed)
	if _, err := zip.Write(archive.Bytes()); err != nil {
		return nil, "", err
	}
	if err := zip.Close(); err != nil {
		return nil, "", err
	}
	return compressed.Bytes(), digest.FromBytes(archive.Bytes()), nil
}

// staticProgram reads a program that runs where there is nothing else.
func staticProgram(path string) ([]byte, error) {
	program, err := os.ReadFile(path)
	if err != nil {
		return nil, fmt.Errorf("%w (install the package busybox-static)", err)
	}
	file, err := elf.NewFile(bytes.NewReader(program))
	if err != nil {
		return nil, fmt.Errorf("%s: %w", path, err)
	}
	for _, header := range file.Progs {
		if header.Type == elf.PT_INTERP {
			return nil, fmt.Errorf("%s needs shared libraries (install the package busybox-static)", path)
		}
	}
	return program, nil
}
