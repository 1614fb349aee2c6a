// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"net/http"
	"net/url"

	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/tests/shapes"
)

// Push uploads a shape to the registry at host, over plain HTTP: blobs, then manifests in the shape's order, then the root
// under the tags and the digest tags.
func Push(ctx context.Context, host, repository string, shape shapes.Shape, tags ...string) error {
	base := "http://" + host + "/v2/" + repository
	for d, content := range shape.Blobs {
		if _, manifest := shape.MediaTypes[d]; manifest || shape.Absent[d] {
			continue
		}
		if err := pushBlob(ctx, base, d, content); err != nil {
			return fmt.Errorf("push %s: blob %s: %w", shape.Name, d, err)
		}
	}
	for _, d := range shape.Manifests {
		if shape.Absent[d] {
			continue
		}
		if err := pushManifest(ctx, base, d.String(), shape, d); err != nil {
			return fmt.Errorf("push %s: %w", shape.Name, err)
		}
	}
	for _, tag := range tags {
		if err := pushManifest(ctx, base, tag, shape, shape.Root.Digest); err != nil {
			return fmt.Errorf("push %s: %w", shape.Name, err)
		}
	}
	for tag, d := range shape.DigestTags {
		if err := pushManifest(ctx, base, tag, shape, d); err != nil {
			return fmt.Errorf("push %s: %w", shape.Name, err)
		}
	}
	return nil
}

func pushManifest(ctx context.Context, base, reference string, shape shapes.Shape, d digest.Digest) error {
	_, err := send(ctx, http.MethodPut, base+"/manifests/"+reference, shape.MediaTypes[d], shape.Blobs[d], http.StatusCreated)
	return err
}

func pushBlob(ctx context.Context, base string, d digest.Digest, content []byte) error {
	location, err := send(ctx, http.MethodPost, base+"/blobs/uploads/", "", nil, http.StatusAccepted)
	if err != nil {
		return err
	}
	query := location.Query()
	query.Set("digest", d.String())
	location.RawQuery = query.Encode()
	_, err = send(ctx, http.MethodPut, location.String(), "application/octet-stream", content, http.StatusCreated)
	return err
}

// send returns the Location of the answer.
func send(ctx context.Context, method, target, mediaType string, content []byte, want int) (*url.URL, error) {
	request, err := http.NewRequestWithContext(ctx, method, target, bytes.NewReader(content))
	if err != nil {
		return nil, err
	}
	if mediaType != "" {
		request.Header.Set("Content-Type", mediaType)
	}
	response, err := http.DefaultClient.Do(request)
	if err != nil {
		return nil, err
	}
	defer response.Body.Close()
	answer, err := io.ReadAll(response.Body)
	if err != nil {
		return nil, err
	}
	if response.StatusCode != want {
		path := (&url.URL{Path: request.URL.Path}).String()
		return nil, fmt.Errorf("%s %s: %s, want %d: %s", method, path, response.Status, want, answer)
	}
	return request.URL.Parse(response.Header.Get("Location"))
}
