// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"encoding/json"
	"fmt"
	"maps"
	"net/http"
	"net/url"
	"slices"
	"strconv"

	"github.com/opencontainers/go-digest"
	"github.com/opencontainers/image-spec/specs-go"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// ServeReferrers turns the referrers API on or off; a new registry answers 404, as one that does not know it.
func (s *Server) ServeReferrers(on bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.referrers = on
}

// Page makes lists of tags and of referrers come in pages of at most so many; zero means whole.
func (s *Server) Page(size int) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.page = size
}

// listTags answers as distribution-spec's "Listing Tags" has it: in lexical order, "n" of them after "last".
func (s *Server) listTags(w http.ResponseWriter, r *http.Request, target Target) {
	s.mu.Lock()
	of := s.repositories[target.Repository]
	var tags []string
	if of != nil {
		tags = slices.Sorted(maps.Keys(of.tags))
	}
	s.mu.Unlock()
	if of == nil || target.Reference != "list" {
		refuse(w, http.StatusNotFound, "NAME_UNKNOWN")
		return
	}
	if asked := r.URL.Query(); asked.Has("n") {
		if n, err := strconv.Atoi(asked.Get("n")); err != nil || n < 0 {
			refuse(w, http.StatusBadRequest, "PAGINATION_NUMBER_INVALID")
			return
		}
	}
	tags = page(s, w, r, tags, func(tag string) string { return tag })
	w.Header().Set("Content-Type", "application/json")
	writeJSON(w, r, map[string]any{"name": target.Repository, "tags": tags})
}

// listReferrers answers as distribution-spec's "Listing Referrers" has it: an index of the manifests with that subject, perhaps
// only those of one artifactType.
func (s *Server) listReferrers(w http.ResponseWriter, r *http.Request, target Target) {
	s.mu.Lock()
	of, on := s.repositories[target.Repository], s.referrers
	var referrers []ocispec.Descriptor
	if of != nil {
		referrers = of.referrers(digest.Digest(target.Reference))
	}
	s.mu.Unlock()
	if of == nil || !on {
		refuse(w, http.StatusNotFound, "NOT_FOUND")
		return
	}
	if wanted := r.URL.Query().Get("artifactType"); wanted != "" {
		referrers = slices.DeleteFunc(referrers, func(one ocispec.Descriptor) bool { return one.ArtifactType != wanted })
		w.Header().Set("OCI-Filters-Applied", "artifactType")
	}
	referrers = page(s, w, r, referrers, func(one ocispec.Descriptor) string { return one.Digest.String() })
	w.Header().Set("Content-Type", ocispec.MediaTypeImageIndex)
	writeJSON(w, r, ocispec.Index{
		Versioned: specs.Versioned{SchemaVersion: 2}, MediaType: ocispec.MediaTypeImageIndex, Manifests: append([]ocispec.Descriptor{}, referrers...),
	})
}

// referrers are the manifests with that subject, in the order of their digests.
func (r *repository) referrers(subject digest.Digest) []ocispec.Descriptor {
	var found []ocispec.Descriptor
	for _, d := range slices.Sorted(maps.Keys(r.mediaTypes)) {
		var manifest ocispec.Manifest
		content, has := r.blobs[d]
		if !has || json.Unmarshal(content, &manifest) != nil || manifest.Subject == nil || manifest.Subject.Digest != subject {
			continue
		}
		artifactType := manifest.ArtifactType
		if artifactType == "" {
			artifactType = manifest.Config.MediaType
		}
		found = append(found, ocispec.Descriptor{
			MediaType: r.mediaTypes[d], Digest: d, Size: int64(len(content)), ArtifactType: artifactType, Annotations: manifest.Annotations,
		})
	}
	return found
}

// page leaves those after "last", at most "n" and at most a page of them; if more follow, the answer's Link tells where.
func page[T any](s *Server, w http.ResponseWriter, r *http.Request, sorted []T, name func(T) string) []T {
	s.mu.Lock()
	limit := s.page
	s.mu.Unlock()
	query := r.URL.Query()
	if last := query.Get("last"); last != "" {
		sorted = slices.DeleteFunc(sorted, func(one T) bool { return name(one) <= last })
	}
	if n, err := strconv.Atoi(query.Get("n")); err == nil && n >= 0 && (limit == 0 || n < limit) {
		limit = n
		if n == 0 {
			return sorted[:0] // asked for nothing, which is complete
		}
	}
	if limit == 0 || len(sorted) <= limit {
		return sorted
	}
	sorted = sorted[:limit]
	query.Set("last", name(sorted[limit-1]))
	query.Set("n", strconv.Itoa(limit))
	next := url.URL{Path: r.URL.Path, RawQuery: query.Encode()}
	w.Header().Set("Link", fmt.Sprintf(`<%s>; rel="next"`, next.String()))
	return sorted
}

func writeJSON(w http.ResponseWriter, r *http.Request, content any) {
	w.WriteHeader(http.StatusOK)
	if r.Method == http.MethodGet {
		_ = json.NewEncoder(w).Encode(content) // who went away does not want it
	}
}
