// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package refractd

import (
	"errors"
	"fmt"
	"net"
	"os"
	"path/filepath"
	"syscall"

	"github.com/containerd/errdefs"
	"github.com/coreos/go-systemd/v22/activation"
)

// socketMode lets the owner and its group connect, as containerd's own socket.
const socketMode = 0o660

// listen takes the sockets that systemd has opened, or else opens one.
func listen(address string) ([]net.Listener, error) {
	given, err := activation.Listeners()
	if err != nil {
		return nil, fmt.Errorf("sockets from systemd: %w", err)
	}
	var listeners []net.Listener
	for _, one := range given {
		if one == nil {
			continue // not a socket
		}
		if one.Addr().Network() != "unix" {
			return nil, fmt.Errorf("systemd gave %s of network %s: ListenStream= of refractd.socket must be a path: %w",
				one.Addr(), one.Addr().Network(), errdefs.ErrInvalidArgument)
		}
		listeners = append(listeners, one)
	}
	if len(listeners) > 0 {
		return listeners, nil
	}
	one, err := open(address)
	if err != nil {
		return nil, err
	}
	return []net.Listener{one}, nil
}

// open makes a socket, in the place of one that nobody listens on any more. The folder is locked meanwhile, so that of two
// that start at once the second one finds the first.
func open(address string) (net.Listener, error) {
	folder := filepath.Dir(address)
	if err := os.MkdirAll(folder, 0o711); err != nil {
		return nil, fmt.Errorf("folder of the socket: %w", err)
	}
	held, err := os.Open(folder)
	if err != nil {
		return nil, fmt.Errorf("folder of the socket: %w", err)
	}
	defer held.Close()
	if err := syscall.Flock(int(held.Fd()), syscall.LOCK_EX); err != nil {
		return nil, fmt.Errorf("lock %s: %w", folder, err)
	}
	if err := removeStale(address); err != nil {
		return nil, err
	}
	// From its first moment on, it is for those alone who may use it.
	before := syscall.Umask(0o777 &^ socketMode)
	listener, err := net.Listen("unix", address)
	syscall.Umask(before)
	if err != nil {
		return nil, fmt.Errorf("socket: %w", err)
	}
	return listener, nil
}

func removeStale(address string) error {
	info, err := os.Lstat(address)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return fmt.Errorf("socket: %w", err)
	}
	if info.Mode().Type() != os.ModeSocket {
		return fmt.Errorf("%s is not a socket and is left alone: set address to another path: %w", address, errdefs.ErrAlreadyExists)
	}
	conn, err := net.Dial("unix", address)
	if err == nil {
		conn.Close()
		return fmt.Errorf("another program listens on %s: stop it or set address to another path: %w", address, errdefs.ErrAlreadyExists)
	}
	if !errors.Is(err, syscall.ECONNREFUSED) {
		return fmt.Errorf("socket: %w", err)
	}
	if err := os.Remove(address); err != nil {
		return fmt.Errorf("socket that nobody listens on: %w", err)
	}
	return nil
}
