// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registries

import (
	"errors"
	"fmt"
	"io"
	"net"
	"sync"
	"time"
)

// Relay passes bytes between clients and a server, both on loopback.
type Relay struct {
	listener  net.Listener
	roundTrip time.Duration
	passing   sync.WaitGroup

	mu          sync.Mutex
	leads       string
	connections int
	cutAfter    int64 // of the next connection; negative means never
	open        map[net.Conn]bool
	closed      bool
}

// NewRelay starts one that adds so much to each round trip. Half of it delays each direction; and what a client sends first is
// delayed by a whole one more, for the handshake of TCP, which the kernel answers at once.
func NewRelay(roundTrip time.Duration) (*Relay, error) {
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		return nil, fmt.Errorf("relay: %w", err)
	}
	r := &Relay{listener: listener, roundTrip: roundTrip, cutAfter: -1, open: map[net.Conn]bool{}}
	r.passing.Go(r.accept)
	return r, nil
}

// Address is where clients connect to.
func (r *Relay) Address() string { return r.listener.Addr().String() }

// Lead says which server further connections are led to.
func (r *Relay) Lead(server string) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.leads = server
}

// Connections is how many were opened since the last call.
func (r *Relay) Connections() int {
	r.mu.Lock()
	defer r.mu.Unlock()
	connections := r.connections
	r.connections = 0
	return connections
}

// Cut closes all connections at once.
func (r *Relay) Cut() {
	r.mu.Lock()
	defer r.mu.Unlock()
	for connection := range r.open {
		_ = connection.Close() // it may have ended
	}
}

// CutAfter closes the next connection as soon as the client has been sent so many bytes, those of TLS included.
func (r *Relay) CutAfter(bytes int64) {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.cutAfter = bytes
}

// Close ends it, and all its connections.
func (r *Relay) Close() error {
	r.mu.Lock()
	r.closed = true
	r.mu.Unlock()
	err := r.listener.Close()
	r.Cut()
	r.passing.Wait()
	return err
}

func (r *Relay) accept() {
	for {
		client, err := r.listener.Accept()
		if err != nil {
			return // it is closed
		}
		r.mu.Lock()
		r.connections++
		server, limit := r.leads, r.cutAfter
		r.cutAfter = -1
		r.mu.Unlock()
		opened := time.Now()
		r.passing.Go(func() { r.connect(client, server, opened, limit) })
	}
}

func (r *Relay) connect(client net.Conn, server string, opened time.Time, limit int64) {
	defer r.forget(client)
	if !r.remember(client) {
		return
	}
	upstream, err := net.Dial("tcp", server)
	if err != nil {
		return // the client sees its connection end
	}
	defer r.forget(upstream)
	if !r.remember(upstream) {
		return
	}
	var both sync.WaitGroup
	both.Go(func() { r.pass(upstream, client, opened.Add(r.roundTrip), -1) })
	both.Go(func() {
		if r.pass(client, upstream, opened, limit) {
			return
		}
		_ = client.Close() // cut
		_ = upstream.Close()
	})
	both.Wait()
}

func (r *Relay) remember(connection net.Conn) bool {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.open[connection] = true
	return !r.closed
}

func (r *Relay) forget(connection net.Conn) {
	r.mu.Lock()
	defer r.mu.Unlock()
	delete(r.open, connection)
	_ = connection.Close() // it may have ended
}

// piece is what was read at once, and when it may be written.
type piece struct {
	bytes []byte
	due   time.Time
}

// pass lets bytes through one direction, none before that time, until the sender ends. It is false once the limit is reached.
func (r *Relay) pass(to, from net.Conn, earliest time.Time, limit int64) bool {
	pieces := make(chan piece, 1024)
	r.passing.Go(func() {
		defer close(pieces)
		for {
			buffer := make([]byte, 32<<10)
			n, err := from.Read(buffer)
			sent := time.Now()
			if sent.Before(earliest) {
				sent = earliest
			}
			pieces <- piece{buffer[:n], sent.Add(r.roundTrip / 2)}
			if err != nil {
				return // the empty piece delays the end, too
			}
		}
	})
	var failed error
	for piece := range pieces {
		if failed != nil {
			continue // the reader must come to its end
		}
		time.Sleep(time.Until(piece.due))
		if limit >= 0 && int64(len(piece.bytes)) >= limit {
			_, _ = to.Write(piece.bytes[:limit])
			_ = from.Close()
			failed = io.ErrShortWrite
			continue
		}
		limit -= int64(len(piece.bytes))
		_, failed = to.Write(piece.bytes)
	}
	if tcp, is := to.(*net.TCPConn); is && failed == nil {
		_ = tcp.CloseWrite() // it may have ended
	}
	return !errors.Is(failed, io.ErrShortWrite)
}
