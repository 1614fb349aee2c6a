// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package refractd

import (
	"errors"
	"net"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"

	"github.com/containerd/errdefs"
)

// folder is one whose sockets have short names.
func folder(t *testing.T) string {
	t.Helper()
	dir, err := os.MkdirTemp("", "refractd-")
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() {
		if err := os.RemoveAll(dir); err != nil {
			t.Error(err)
		}
	})
	return dir
}

func TestSocketIsForOwnerAndGroup(t *testing.T) {
	address := filepath.Join(folder(t), "a", "b", "s")
	listener, err := open(address)
	if err != nil {
		t.Fatal(err)
	}
	info, err := os.Stat(address)
	if err != nil || info.Mode() != os.ModeSocket|socketMode {
		t.Errorf("mode %v, %v", info.Mode(), err)
	}
	if err := listener.Close(); err != nil {
		t.Error(err)
	}
	if _, err := os.Stat(address); !errors.Is(err, os.ErrNotExist) {
		t.Errorf("the socket is left: %v", err)
	}
}

func TestStaleSocketIsReplaced(t *testing.T) {
	address := filepath.Join(folder(t), "s")
	stale, err := net.Listen("unix", address)
	if err != nil {
		t.Fatal(err)
	}
	// As after kill -9: the file stays, and nobody listens.
	stale.(*net.UnixListener).SetUnlinkOnClose(false)
	if err := stale.Close(); err != nil {
		t.Fatal(err)
	}
	listener, err := open(address)
	if err != nil {
		t.Fatal(err)
	}
	defer listener.Close()
	if _, err := open(address); !errdefs.IsAlreadyExists(err) || !strings.Contains(err.Error(), address) {
		t.Errorf("a socket that is listened on: %v", err)
	}
	conn, err := net.Dial("unix", address)
	if err != nil {
		t.Fatalf("the first one's socket is gone: %v", err)
	}
	conn.Close()
}

func TestWhatIsNoSocketIsLeftAlone(t *testing.T) {
	dir := folder(t)
	file, link := filepath.Join(dir, "file"), filepath.Join(dir, "link")
	if err := errors.Join(os.WriteFile(file, []byte("kept"), 0o600), os.Symlink(file, link)); err != nil {
		t.Fatal(err)
	}
	for _, address := range []string{file, link, dir} {
		if _, err := open(address); !errdefs.IsAlreadyExists(err) || !strings.Contains(err.Error(), address) {
			t.Errorf("%s: %v", address, err)
		}
	}
	if kept, err := os.ReadFile(file); err != nil || string(kept) != "kept" {
		t.Errorf("the file has %q, %v", kept, err)
	}
}

// Of many that start at once over a stale socket, one gets it.
func TestOneOfManyGetsTheSocket(t *testing.T) {
	address := filepath.Join(folder(t), "s")
	listeners := make(chan net.Listener, 20)
	var all sync.WaitGroup
	for range cap(listeners) {
		all.Go(func() {
			if listener, err := open(address); err == nil {
				listeners <- listener
			} else if !errdefs.IsAlreadyExists(err) {
				t.Error(err)
			}
		})
	}
	all.Wait()
	close(listeners)
	count := 0
	for listener := range listeners {
		count++
		listener.Close()
	}
	if count != 1 {
		t.Errorf("%d got it", count)
	}
}
