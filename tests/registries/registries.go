// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registries

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"sync"
	"time"

	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registry"
	"github.com/refract-oci/refract/tests/shapes"
)

// Kind is the software of a registry.
type Kind string

// The three that tests use. None of distribution's serves the referrers API; go-containerregistry's does, but knows no login.
const (
	Distribution        Kind = "distribution"         // version 3
	Docker              Kind = "docker-registry"      // version 2.8, as Debian has it
	GoContainerRegistry Kind = "go-containerregistry" // it forgets everything when it ends
)

// Login is what a registry asks for.
type Login string

// The zero Login is Anonymous.
const (
	Anonymous   Login = ""
	Basic       Login = "basic"        // a name and a password
	Bearer      Login = "bearer"       // a token, for which the token server asks for the name and the password
	PublicToken Login = "public-token" // a token that anyone gets, as Docker Hub does for public images
)

// User and Password are those that registries and token servers know.
const (
	User     = "reader"
	Password = "pass:word with ünicode"
)

// startLimit is how long a registry may take until it listens.
const startLimit = 30 * time.Second

// Options say how a registry is run.
type Options struct {
	Kind  Kind
	Login Login
	// Plain leaves TLS out, at the token server too.
	Plain bool
	// RoundTrip is what every round trip takes longer than on loopback, the one that opens a connection too.
	RoundTrip time.Duration
	// Content is the folder of what is stored; empty means the registry's own. Those of one kind may share it.
	Content string
}

// Registry is one that runs.
type Registry struct {
	// Host is its name in references.
	Host string
	// CAFile is a PEM file with the certificate of the authority that vouches for registry and token server.
	CAFile string
	// DockerConfig is a folder whose config.json holds name and password, where a login is needed.
	DockerConfig string
	// Relay is what clients connect to.
	Relay *Relay

	options Options
	dir     string
	program string
	keys    *authority
	tokens  *tokenServer
	server  *programs.Process

	mu      sync.Mutex
	filling *programs.Process // without TLS and login, over the same content
	fill    string            // where it listens
	counted int               // lines of the log, where it goes on
}

// Start starts a registry that keeps what it needs in that folder, which must exist.
func Start(dir string, options Options) (r *Registry, err error) {
	if options.Kind == GoContainerRegistry && options.Login != Anonymous {
		return nil, fmt.Errorf("%s knows no login", options.Kind)
	}
	r = &Registry{options: options, dir: dir, CAFile: filepath.Join(dir, "ca.pem"), DockerConfig: filepath.Join(dir, "docker")}
	defer func() {
		if err != nil {
			err = errors.Join(fmt.Errorf("start %s: %w", options.Kind, err), r.Close())
			r = nil
		}
	}()
	if r.options.Content == "" {
		r.options.Content = filepath.Join(dir, "content")
	}
	name := map[Kind]string{Distribution: "registry", Docker: "docker-registry", GoContainerRegistry: "referrers-registry"}[options.Kind]
	if r.program, err = programs.Find("tools", name); err != nil {
		return r, err
	}
	if r.keys, err = newAuthority(dir); err != nil {
		return r, err
	}
	if r.Relay, err = NewRelay(options.RoundTrip); err != nil {
		return r, err
	}
	r.Host = r.Relay.Address()
	if options.Login == Bearer || options.Login == PublicToken {
		if r.tokens, err = startTokens(r.keys, options); err != nil {
			return r, err
		}
	}
	if err := r.writeClientFiles(); err != nil {
		return r, err
	}
	return r, r.serve()
}

// serve starts the program, and lets the relay lead to it.
func (r *Registry) serve() error {
	arguments, err := r.arguments("registry.yml", true)
	if err != nil {
		return err
	}
	var address string
	if r.server, address, err = r.run("registry.log", arguments, listening); err != nil {
		return err
	}
	r.Relay.Lead(address)
	if r.options.Kind == GoContainerRegistry {
		r.fill, err = said(r.server, filledAt)
	}
	return err
}

var (
	listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)
	filledAt  = regexp.MustCompile(`filled at (127\.0\.0\.1:\d+)`)
)

// run starts the program and waits until it says where it listens; from then on connections are accepted.
func (r *Registry) run(log string, arguments []string, where *regexp.Regexp) (*programs.Process, string, error) {
	// Tracing of distribution 3 would look for a collector.
	environment := []string{"OTEL_TRACES_EXPORTER=none"}
	server, err := programs.Start(filepath.Join(r.dir, log), environment, r.program, arguments...)
	if err != nil {
		return nil, "", err
	}
	var address string
	err = programs.Poll(startLimit, func() error {
		if err := server.Running(); err != nil {
			return err
		}
		address, err = said(server, where)
		return err
	})
	if err != nil {
		return nil, "", errors.Join(err, server.Stop())
	}
	return server, address, nil
}

func said(server *programs.Process, where *regexp.Regexp) (string, error) {
	log, err := server.Log()
	if err != nil {
		return "", err
	}
	found := where.FindSubmatch(log)
	if found == nil {
		return "", fmt.Errorf("the registry does not say where it listens: %s", log)
	}
	return string(found[1]), nil
}

// Push stores a shape with its root under the tags, and its digest tags. It does not go through TLS, the login or the relay, and is
// not counted.
func (r *Registry) Push(ctx context.Context, repository string, shape shapes.Shape, tags ...string) error {
	host, err := r.filler()
	if err != nil {
		return err
	}
	return registry.Push(ctx, host, repository, shape, tags...)
}

func (r *Registry) filler() (string, error) {
	r.mu.Lock()
	defer r.mu.Unlock()
	if r.fill != "" {
		return r.fill, nil
	}
	arguments, err := r.arguments("filling.yml", false)
	if err != nil {
		return "", err
	}
	r.filling, r.fill, err = r.run("filling.log", arguments, listening)
	return r.fill, err
}

// Client is for tests that ask the registry themselves, and trusts its authority. It is counted as others are.
func (r *Registry) Client() *http.Client { return r.keys.client() }

// URL is where the registry is reached.
func (r *Registry) URL() string { return r.scheme() + "://" + r.Host }

func (r *Registry) scheme() string {
	if r.options.Plain {
		return "http"
	}
	return "https"
}

// Close ends it, and all its connections. What is in its folder stays.
func (r *Registry) Close() error {
	var failures []error
	if r.Relay != nil {
		failures = append(failures, r.Relay.Close())
	}
	if r.tokens != nil {
		failures = append(failures, r.tokens.close())
	}
	for _, process := range []*programs.Process{r.server, r.filling} {
		if process != nil {
			failures = append(failures, process.Stop())
		}
	}
	return errors.Join(failures...)
}

// write puts a file into the registry's folder, for nobody else to read.
func (r *Registry) write(name, text string) (string, error) {
	path := filepath.Join(r.dir, name)
	return path, os.WriteFile(path, []byte(text), 0o600)
}
