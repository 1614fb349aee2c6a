// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package transfer lets containerd pull images from extended indexes. It decorates containerd's own transfer service: the
// decision which entry of an index is the image comes from C++ (plugin/native), everything else stays containerd's.
//
//	Transfer ── source.Resolve ──► root, untouched: containerd's image verifiers judge it first
//	         ── source.Fetcher ──► the walk: documents into the content store, a selection out
//	         ── destination.ImageFilter ──► of each index, the selected path and nothing else
//	         ── destination.Store ──► references, the image's target, labels that keep both
package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/metrics"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/regerr"
)

type transferrer struct {
	inner       transfer.Transferrer
	store       content.Store
	policies    policy.Policy // with the rules for some repositories
	configTypes []string
	metrics     *metrics.Metrics
	sharing     *Sharing // nil: pulls share as containerd has it
}

// New decorates a transfer service. The content store is the one that it pulls into. configTypes are media types of configs
// that it can unpack besides those of OCI and Docker.
//
// Only a pull from a registry into the image store is looked at; everything else is passed on as it is.
func New(inner transfer.Transferrer, store content.Store, p policy.Policy, configTypes []string, options ...Option) transfer.Transferrer {
	made := &transferrer{inner: inner, store: store, policies: p, configTypes: configTypes}
	for _, option := range options {
		option(made)
	}
	return made
}

func (t *transferrer) Transfer(ctx context.Context, from, to any, opts ...transfer.Opt) error {
	remote, isRegistry := from.(*registry.OCIRegistry)
	local, isStore := to.(*image.Store)
	if !isRegistry || !isStore {
		return t.inner.Transfer(ctx, from, to, opts...)
	}
	options, err := readOptions(ctx, local)
	if err != nil {
		return err
	}
	policy, err := t.policies.For(remote.Image())
	if err != nil {
		return err
	}
	// What is asked beside the image ends with the pull.
	ctx, cancel := context.WithCancel(t.sharing.join(ctx))
	defer cancel()
	pull := &pull{transferrer: t, policy: policy, options: options, remote: remote, reference: remote.Image()}
	err = t.inner.Transfer(ctx, &source{OCIRegistry: remote, pull: pull}, &destination{imageStore: local, pull: pull}, opts...)
	pull.count(err)
	if pull.chosen != nil {
		pull.chosen.read.forget()
	}
	if pull.failed != nil && errors.Is(err, pull.failed) {
		// What containerd wraps around it speaks of fetchers; what went wrong is the image.
		err = fmt.Errorf("%s: %w", pull.reference, pull.failed)
	}
	return regerr.Shown(err)
}

// pull is what source and destination of one transfer share. containerd calls them one after the other; while it goes through
// an image in parallel, the pull is only read.
type pull struct {
	*transferrer
	policy    policy.Policy // for this image
	options   storeOptions
	remote    *registry.OCIRegistry
	reference string
	served    served
	root      ocispec.Descriptor
	servedAs  string // as what media type the root is known to containerd
	fetcher   transfer.Fetcher
	chosen    *selection // nil for a root that is no index
	alone     *attached  // what is attached to such a root, if the policy wants to know
	failed    error
	fetched   int   // references
	avoided   int64 // bytes
}

// place is where the pull gets its image from, until the context ends.
func (p *pull) place(ctx context.Context) place {
	return place{name: p.reference, fetcher: p.fetcher, beside: sync.OnceValues(func() (*beside, error) {
		return besideOf(ctx, p.remote, &p.served, boundsOf(p.policy))
	})}
}

func (p *pull) documents(fetcher transfer.Fetcher) *documents {
	return &documents{store: p.store, fetcher: fetcher}
}

// choose decides which entries of the root are pulled. Of a root that is no index nothing is to be chosen.
func (p *pull) choose(ctx context.Context) (err error) {
	options := native.RequestOptions{
		Platforms:      p.options.platforms,
		OtherPlatforms: p.options.allMetadata,
		ConfigTypes:    p.configTypes,
	}
	if p.root, err = p.documents(p.fetcher).identifyBounded(ctx, p.root); err != nil {
		return err
	}
	if native.MediaTypeKind(p.root.MediaType) != native.KindIndex {
		p.alone, err = attachedAlone(ctx, options, p.place(ctx), p.root, p.policy)
		return err
	}
	p.chosen, err = choose(ctx, p.store, p.place(ctx), p.root, options, p.policy)
	return err
}

// isMistyped tells whether containerd goes through the root as something else than it is.
func (p *pull) isMistyped(desc ocispec.Descriptor) bool {
	return desc.Digest == p.root.Digest && desc.MediaType == p.servedAs && p.servedAs != p.root.MediaType
}
