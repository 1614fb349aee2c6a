// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"

	"github.com/containerd/containerd/v2/core/remotes"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
)

// AllSources are all places where a repository may hold something besides an image's index.
func AllSources() native.Source {
	return SourcesOf(policy.Policy{Discover: []policy.Place{policy.PlaceDigestTag, policy.PlaceReferrers, policy.PlaceCosign}})
}

// Through answers what a search asks of the repository of an image, through a program's own resolver and within the default deadline
// of a pull. The error is errdefs.ErrUnavailable where questions stay open, and names them.
func Through(name string, resolver remotes.Resolver) func(context.Context, *native.Search, *native.Round) error {
	return func(ctx context.Context, search *native.Search, round *native.Round) error {
		fetcher, err := resolver.Fetcher(ctx, name)
		if err != nil {
			return err
		}
		lookup := NewLookup(Origin{
			Name: name, Fetcher: fetcher, Repository: func() (*Repository, error) { return UnboundedRepository(resolver), nil },
		}, policy.Default())
		return lookup.inTime(ctx, search, round)
	}
}
