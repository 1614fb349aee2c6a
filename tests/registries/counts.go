// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registries

import (
	"fmt"
	"regexp"
	"strconv"
	"strings"
)

// Request is one that a registry or its token server was asked.
type Request struct {
	Method, Target string // as in the request's first line
	Protocol       string // "HTTP/2.0"
	Status         int    // 0 where the registry's log does not hold it
}

func (r Request) String() string {
	return fmt.Sprintf("%s %s %s: %d", r.Method, r.Target, r.Protocol, r.Status)
}

// Counts are what clients did.
type Counts struct {
	Requests         []Request // to the registry, in the order in which it logged them
	Connections      int
	TokenRequests    []Request
	TokenConnections int
}

// Total is how many requests there were.
func (c Counts) Total() int { return len(c.Requests) + len(c.TokenRequests) }

func (c Counts) String() string {
	var lines strings.Builder
	fmt.Fprintf(&lines, "%d requests on %d connections", len(c.Requests), c.Connections)
	if len(c.TokenRequests) > 0 || c.TokenConnections > 0 {
		fmt.Fprintf(&lines, ", and for tokens %d on %d", len(c.TokenRequests), c.TokenConnections)
	}
	for _, request := range append(c.Requests[:len(c.Requests):len(c.Requests)], c.TokenRequests...) {
		fmt.Fprintf(&lines, "\n\t%s", request)
	}
	return lines.String()
}

// logged is a line of the combined log format, up to the status.
var logged = regexp.MustCompile(`(?m)^\S+ - .* \[[^\]]*\] "([A-Z]+) (\S+) (HTTP/[0-9.]+)" ([0-9]+) `)

// Counts are those since the last call, or since the start. A registry logs a request only when it is answered, perhaps after
// the client has its answer. So distribution is ended, which waits for that, and started anew behind its relay: clients lose
// their connections.
func (r *Registry) Counts() (Counts, error) {
	again := r.options.Kind != GoContainerRegistry
	if again {
		if err := r.server.Stop(); err != nil {
			return Counts{}, err
		}
	}
	log, err := r.server.Log()
	if err != nil {
		return Counts{}, err
	}
	counts := Counts{Connections: r.Relay.Connections()}
	lines := logged.FindAllStringSubmatch(string(log), -1)
	for _, line := range lines[r.counted:] {
		status, err := strconv.Atoi(line[4])
		if err != nil {
			return Counts{}, fmt.Errorf("access log: %w", err)
		}
		counts.Requests = append(counts.Requests, Request{Method: line[1], Target: line[2], Protocol: line[3], Status: status})
	}
	if r.tokens != nil {
		counts.TokenRequests, counts.TokenConnections = r.tokens.take(), r.tokens.relay.Connections()
	}
	if !again {
		r.counted = len(lines)
		return counts, nil
	}
	return counts, r.serve()
}
