// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"

	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
)

// AllSources are all places where a repository may hold something besides an image's index.
func AllSources() native.Source {
	return sourcesOf(policy.Policy{Discover: []policy.Place{policy.PlaceDigestTag, policy.PlaceReferrers, policy.PlaceCosign}})
}

// Lookup answers what a search asks of the repository of an image, through a program's own resolver and within the default deadline
// of a pull. The error is errdefs.ErrUnavailable where questions stay open, and names them.
func Lookup(name string, resolver remotes.Resolver) func(context.Context, *native.Search, *native.Round) error {
	return func(ctx context.Context, search *native.Search, round *native.Round) error {
		fetcher, err := resolver.Fetcher(ctx, name)
		if err != nil {
			return err
		}
		deadline, _ := policy.Default().LookupLimits()
		asking := &elsewhere{deadline: deadline, read: map[digest.Digest][]byte{}, place: place{
			name: name, fetcher: fetcher, beside: func() (*beside, error) { return &beside{Resolver: resolver}, nil },
		}}
		return asking.inTime(ctx, search, round)
	}
}
