// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registries

import (
	"bytes"
	"io"
	"net"
	"testing"
	"time"
)

// echo is a server that sends back what it is sent; the relay leads to it.
func echo(t *testing.T, relay *Relay) {
	t.Helper()
	listener, err := net.Listen("tcp", "127.0.0.1:0")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = listener.Close() })
	relay.Lead(listener.Addr().String())
	go func() {
		for {
			connection, err := listener.Accept()
			if err != nil {
				return
			}
			go func() {
				_, _ = io.Copy(connection, connection)
				_ = connection.Close()
			}()
		}
	}()
}

func relayed(t *testing.T, roundTrip time.Duration) *Relay {
	t.Helper()
	relay, err := NewRelay(roundTrip)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := relay.Close(); err != nil {
			t.Error(err)
		}
	})
	echo(t, relay)
	return relay
}

func dial(t *testing.T, relay *Relay) net.Conn {
	t.Helper()
	connection, err := net.Dial("tcp", relay.Address())
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = connection.Close() })
	return connection
}

// exchange sends one byte and waits for it.
func exchange(connection net.Conn) (time.Duration, error) {
	begin := time.Now()
	if _, err := connection.Write([]byte{1}); err != nil {
		return 0, err
	}
	_, err := io.ReadFull(connection, make([]byte, 1))
	return time.Since(begin), err
}

func TestRelayDelays(t *testing.T) {
	const roundTrip = 40 * time.Millisecond
	relay := relayed(t, roundTrip)
	connection := dial(t, relay)
	first, err := exchange(connection)
	if err != nil {
		t.Fatal(err)
	}
	second, err := exchange(connection)
	if err != nil {
		t.Fatal(err)
	}
	// Never shorter; how much longer is the machine's affair.
	if first < 2*roundTrip || second < roundTrip {
		t.Errorf("the first exchange took %v, the second %v", first, second)
	}
	if relay.Connections() != 1 || relay.Connections() != 0 {
		t.Error("one connection was not counted once")
	}
}

func TestRelayPassesEverything(t *testing.T) {
	connection := dial(t, relayed(t, 2*time.Millisecond))
	sent := bytes.Repeat([]byte("0123456789abcdef"), 1<<18)
	go func() {
		_, _ = connection.Write(sent)
		_ = connection.(*net.TCPConn).CloseWrite()
	}()
	got, err := io.ReadAll(connection)
	if err != nil || !bytes.Equal(got, sent) {
		t.Errorf("got %d bytes of %d, %v", len(got), len(sent), err)
	}
}

func TestRelayCuts(t *testing.T) {
	relay := relayed(t, 0)
	connection := dial(t, relay)
	if _, err := exchange(connection); err != nil {
		t.Fatal(err)
	}
	relay.Cut()
	if _, err := exchange(connection); err == nil {
		t.Error("it was not cut")
	}
	relay.CutAfter(3)
	connection = dial(t, relay)
	if _, err := connection.Write([]byte("12345")); err != nil {
		t.Fatal(err)
	}
	if got, err := io.ReadAll(connection); string(got) != "123" {
		t.Errorf("got %q, %v", got, err)
	}
	if _, err := exchange(dial(t, relay)); err != nil {
		t.Errorf("after the cut: %v", err)
	}
}
