// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package discover

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

// Repository resolves other names in the repository of a pull: tags under which references are listed. containerd's own
// resolver does that, so that a mirror that is trusted for digests only is not asked for tags.
type Repository struct {
	remotes.Resolver
	// seen has the registry's responses, and bounds limit the requests. Both are nil for a program's own resolver, because its
	// requests cannot be observed.
	seen   *referrersSeen
	bounds *Bounds

	mu      sync.Mutex
	hosts   map[string][]docker.RegistryHost // by registry
	gaveIt  string                           // the host that gave the image; empty if it is not known
	fetcher remotes.Fetcher
}

// UnboundedRepository uses a program's own resolver, whose requests cannot be observed.
func UnboundedRepository(resolver remotes.Resolver) *Repository {
	return &Repository{Resolver: resolver}
}

// giver is the host that gave the image; empty if it is not known.
func (b *Repository) giver() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.gaveIt
}

// remembered asks for the hosts of a registry only once, so that one token and one connection serve all requests.
func (b *Repository) remembered(hosts docker.RegistryHosts, from *Served) docker.RegistryHosts {
	return func(registry string) ([]docker.RegistryHost, error) {
		b.mu.Lock()
		defer b.mu.Unlock()
		if known, ok := b.hosts[registry]; ok {
			return known, nil
		}
		made, err := hosts(registry)
		if err != nil {
			return nil, err
		}
		b.hosts[registry], b.gaveIt = made, from.by(made)
		return made, nil
	}
}

// documents returns a fetcher by digest for the repository of an image, within the bounds.
func (b *Repository) documents(ctx context.Context, image string) (remotes.Fetcher, error) {
	b.mu.Lock()
	known := b.fetcher
	b.mu.Unlock()
	if known != nil {
		return known, nil
	}
	made, err := b.Fetcher(ctx, image)
	if err != nil {
		return nil, err
	}
	b.mu.Lock()
	defer b.mu.Unlock()
	b.fetcher = made
	return made, nil
}

// check returns what is known of a list of referrers, as far as requests can be observed.
func (b *Repository) check(of digest.Digest) error {
	if b.seen == nil {
		return nil
	}
	return b.seen.check(of)
}

// NewRepository makes one for a source of containerd's transfer service. The source hides its resolver, and only its wire form
// tells what it was made from. So another resolver is made from that, with credentials from the same client. It works until the
// context ends.
func NewRepository(ctx context.Context, from *registry.OCIRegistry, root *Served, limits *Bounds) (*Repository, error) {
	exchange := &exchange{asked: make(chan typeurl.Any), said: make(chan typeurl.Any), ended: ctx.Done(), limit: limits.patience}
	wire, err := from.MarshalAny(ctx, exchange)
	var told transfertypes.OCIRegistry
	if err == nil {
		err = typeurl.UnmarshalTo(wire, &told)
	}
	if err != nil {
		return nil, fmt.Errorf("the source of the pull: %w", err)
	}
	// The wire form that the client sent has the hosts; the source may have dropped them.
	where := told.GetResolver()
	if sent := sentOf(ctx, told.GetReference()); sent != nil {
		where = sent
	}
	made := &Repository{seen: &referrersSeen{lists: map[string]listed{}}, bounds: limits, hosts: map[string][]docker.RegistryHost{}}
	options := config.HostOptions{DefaultScheme: where.GetDefaultScheme(), UpdateClient: func(client *http.Client) error {
		// containerd may return the previous client again, with only its headers changed.
		if _, ok := client.Transport.(*watchful); !ok {
			client.Transport = &watchful{RoundTripper: client.Transport, names: made, most: int64(native.DefaultLimits().DocumentBytes)}
		}
		return nil
	}}
	if dir := where.GetHostDir(); dir != "" {
		options.HostDir = config.HostDirFromRoot(dir)
	}
	if told.GetResolver().GetAuthStream() != "" {
		options.Credentials = func(host string) (string, string, error) { return exchange.credentials(told.GetReference(), host) }
	}
	headers := http.Header{}
	for name, value := range told.GetResolver().GetHeaders() {
		headers.Set(name, value)
	}
	made.Resolver = docker.NewResolver(docker.ResolverOptions{Hosts: made.remembered(config.ConfigureHosts(ctx, options), root), Headers: headers})
	return made, nil
}

// exchange passes requests for credentials to the client that answers the source's. It is the stream that its wire form names.
type exchange struct {
	mu          sync.Mutex
	asked, said chan typeurl.Any
	ended       <-chan struct{}
	limit       time.Duration // how long a response may take
	gone        bool          // a response timed out: later requests do not wait
}

// Create returns the source's end of the stream. There is no other stream: nothing is logged.
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

// Send takes the source's response.
func (e *exchange) Send(said typeurl.Any) error {
	select {
	case e.said <- said:
		return nil
	case <-e.ended:
		return io.EOF
	}
}

// Close does nothing: the stream ends with the pull.
func (e *exchange) Close() error { return nil }

func (e *exchange) credentials(reference, host string) (name, secret string, err error) {
	e.mu.Lock()
	defer e.mu.Unlock()
	asked, err := typeurl.MarshalAny(&transfertypes.AuthRequest{Host: host, Reference: reference})
	if err != nil {
		return "", "", err
	}
	late := time.NewTimer(e.limit)
	defer late.Stop()
	none := fmt.Errorf("credentials for %s: no answer: %w", host, errdefs.ErrUnavailable)
	if e.gone {
		return "", "", none
	}
	select {
	case e.asked <- asked:
	case <-e.ended:
		return "", "", none
	case <-late.C:
		e.gone = true
		return "", "", none
	}
	var said typeurl.Any
	select {
	case said = <-e.said:
	case <-e.ended:
		return "", "", none
	case <-late.C:
		e.gone = true
		return "", "", none
	}
	var answer transfertypes.AuthResponse
	if err := typeurl.UnmarshalTo(said, &answer); err != nil {
		return "", "", err
	}
	// As in containerd: a header of its own cannot be expressed as a host's name and password.
	if answer.GetAuthType() == transfertypes.AuthType_HEADER {
		return "", "", nil
	}
	return answer.GetUsername(), answer.GetSecret(), nil
}
