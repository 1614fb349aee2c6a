// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"fmt"
	"io"
	"net/http"
	"strings"
	"sync"
	"time"

	transfertypes "github.com/containerd/containerd/api/types/transfer"
	"github.com/containerd/containerd/v2/core/remotes"
	"github.com/containerd/containerd/v2/core/remotes/docker"
	"github.com/containerd/containerd/v2/core/remotes/docker/config"
	"github.com/containerd/containerd/v2/core/streaming"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/errdefs"
	"github.com/containerd/typeurl/v2"
	"github.com/opencontainers/go-digest"

	"github.com/refract-oci/refract/plugin/native"
)

// beside resolves other names in the repository of a pull: tags that tell of what is attached. containerd's own resolver does that, so
// that a mirror which is trusted for digests only is asked for no tag.
type beside struct {
	remotes.Resolver
	// seen is what the registry answered; nil where it cannot be seen, because the resolver is a program's own.
	seen  *seen
	close func()
}

// check tells what of a list of referrers is known, as far as that can be seen.
func (b *beside) check(of digest.Digest) error {
	if b.seen == nil {
		return nil
	}
	return b.seen.check(of)
}

// besideOf makes one for a source of containerd's transfer service. That keeps its resolver to itself, and tells only in its wire form
// what it was made of: so another one is made of the same, with credentials asked of whom the source asks.
func besideOf(ctx context.Context, from *registry.OCIRegistry) (*beside, error) {
	ctx, cancel := context.WithCancel(ctx)
	exchange := &exchange{asked: make(chan typeurl.Any), said: make(chan typeurl.Any), ended: ctx.Done()}
	wire, err := from.MarshalAny(ctx, exchange)
	var told transfertypes.OCIRegistry
	if err == nil {
		err = typeurl.UnmarshalTo(wire, &told)
	}
	if err != nil {
		cancel()
		return nil, fmt.Errorf("the source of the pull: %w", err)
	}
	made := &beside{seen: &seen{lists: map[string]listed{}}, close: cancel}
	options := config.HostOptions{DefaultScheme: told.GetResolver().GetDefaultScheme(), UpdateClient: func(client *http.Client) error {
		client.Transport = &watchful{RoundTripper: client.Transport, seen: made.seen, most: int64(native.DefaultLimits().DocumentBytes)}
		return nil
	}}
	if dir := told.GetResolver().GetHostDir(); dir != "" {
		options.HostDir = config.HostDirFromRoot(dir)
	}
	if told.GetResolver().GetAuthStream() != "" {
		options.Credentials = func(host string) (string, string, error) { return exchange.credentials(told.GetReference(), host) }
	}
	headers := http.Header{}
	for name, value := range told.GetResolver().GetHeaders() {
		headers.Set(name, value)
	}
	made.Resolver = docker.NewResolver(docker.ResolverOptions{Hosts: config.ConfigureHosts(ctx, options), Headers: headers})
	return made, nil
}

// exchange carries requests for credentials to whoever answers those of the source. It is the stream that its wire form names.
type exchange struct {
	mu          sync.Mutex
	asked, said chan typeurl.Any
	ended       <-chan struct{}
}

// credentialsLimit is how long an answer may take: where there is none, nothing comes.
const credentialsLimit = 30 * time.Second

// Create gives the source its end of the stream. It has no other stream to tell of: none that a log goes to.
func (e *exchange) Create(_ context.Context, id string) (streaming.Stream, error) {
	if !strings.HasPrefix(id, "creds") {
		return nil, fmt.Errorf("stream %s of a source: %w", id, errdefs.ErrNotImplemented)
	}
	return e, nil
}

// Recv gives the source the next request.
func (e *exchange) Recv() (typeurl.Any, error) {
	select {
	case asked := <-e.asked:
		return asked, nil
	case <-e.ended:
		return nil, io.EOF
	}
}

// Send takes the source's answer.
func (e *exchange) Send(said typeurl.Any) error {
	select {
	case e.said <- said:
		return nil
	case <-e.ended:
		return io.EOF
	}
}

// Close does nothing: the stream ends with the search.
func (e *exchange) Close() error { return nil }

func (e *exchange) credentials(reference, host string) (name, secret string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	asked, err := typeurl.MarshalAny(&transfertypes.AuthRequest{Host: host, Reference: reference})
	if err != nil {
		return "", "", err
	}
	late := time.NewTimer(credentialsLimit)
	defer late.Stop()
	none := fmt.Errorf("credentials for %s: no answer: %w", host, errdefs.ErrUnavailable)
	select {
	case e.asked <- asked:
	case <-e.ended:
		return "", "", none
	case <-late.C:
		return "", "", none
	}
	var said typeurl.Any
	select {
	case said = <-e.said:
	case <-e.ended:
		return "", "", none
	case <-late.C:
		return "", "", none
	}
	var answer transfertypes.AuthResponse
	if err := typeurl.UnmarshalTo(said, &answer); err != nil {
		return "", "", err
	}
	// As containerd has it: a header of its own is nothing that a host's name and password could be.
	if answer.GetAuthType() == transfertypes.AuthType_HEADER {
		return "", "", nil
	}
	return answer.GetUsername(), answer.GetSecret(), nil
}
