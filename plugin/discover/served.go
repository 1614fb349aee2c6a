// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"context"
	"net/http/httptrace"
	"slices"
	"strings"
	"sync"

	"github.com/containerd/containerd/v2/core/remotes/docker"
)

// Served observes which hosts a pull asks for its root. containerd does not report which of a registry's hosts gave it. It
// tries one after the other until one does, so it is the last.
type Served struct {
	mu    sync.Mutex
	asked []string
}

// Watch returns a context whose requests are observed.
func (s *Served) Watch(ctx context.Context) context.Context {
	return httptrace.WithClientTrace(ctx, &httptrace.ClientTrace{WroteHeaderField: func(name string, value []string) {
		// HTTP/1 and HTTP/2 name the host like this, also if the connection is to a proxy.
		if (name == "Host" || name == ":authority") && len(value) == 1 {
			s.mu.Lock()
			s.asked = append(s.asked, value[0])
			s.mu.Unlock()
		}
	}})
}

// by returns which of the hosts gave the root; empty if that is not known. Further hosts may have been asked for a token, or by
// a redirect. Two with one name cannot be told apart.
func (s *Served) by(hosts []docker.RegistryHost) string {
	s.mu.Lock()
	defer s.mu.Unlock()
	for _, asked := range slices.Backward(s.asked) {
		var found []string
		for _, host := range hosts {
			if strings.EqualFold(host.Host, asked) {
				found = append(found, host.Host)
			}
		}
		if len(found) > 0 {
			return only(found)
		}
	}
	return ""
}

func only(found []string) string {
	if len(found) == 1 {
		return found[0]
	}
	return ""
}
