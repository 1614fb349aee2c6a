// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"

	"github.com/containerd/containerd/v2/core/remotes"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
)

// AllSources are all sources outside an image's index where its repository may list references.
func AllSources() native.Source {
	return SourcesOf(policy.Policy{Discover: []policy.Place{policy.PlaceDigestTag, policy.PlaceReferrers, policy.PlaceCosign}})
}

// Through makes the requests of a search to an image's repository through a program's own resolver, within a pull's default
// deadline. If questions stay unanswered, the error is errdefs.ErrUnavailable and names them.
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
