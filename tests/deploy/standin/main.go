// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// standin is what the tests of plugin/deploy install: a daemon that does nothing but what systemd sees of refractd and containerd.
//
//	standin --version        tells its version
//	standin ask SOCKET       prints what the daemon behind a socket answers
//	standin                  takes systemd's socket, else makes containerd's; tells systemd that it is ready; answers with its name
package main

import (
	"errors"
	"fmt"
	"io"
	"net"
	"os"
	"path/filepath"
)

// Set by the linker.
var (
	version = "none"
	broken  = "" // a daemon that starts and ends, though its version is told
	status  = "" // what systemd is told of a daemon that starts
)

const containerd = "/run/containerd/containerd.sock"

func main() {
	if err := run(os.Args[1:]); err != nil {
		fmt.Fprintln(os.Stderr, "standin:", err)
		os.Exit(1)
	}
}

func run(arguments []string) error {
	name := filepath.Base(os.Args[0]) + " " + version
	if len(arguments) > 0 && arguments[0] == "--version" {
		fmt.Println(name)
		return nil
	}
	if len(arguments) == 2 && arguments[0] == "ask" {
		return ask(arguments[1], os.Stdout)
	}
	if broken != "" {
		return errors.New("cannot start, " + broken)
	}
	listener, err := listen()
	if err != nil {
		return err
	}
	if err := notify("STATUS=" + status + "\nREADY=1"); err != nil {
		return err
	}
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		_, err = fmt.Fprintf(connection, "%s %q", name, arguments)
		if err = errors.Join(err, connection.Close()); err != nil {
			return err
		}
	}
}

func ask(socket string, to io.Writer) error {
	connection, err := net.Dial("unix", socket)
	if err != nil {
		return err
	}
	defer connection.Close()
	_, err = io.Copy(to, connection)
	return err
}

// listen takes the socket that systemd hands over. Who gets none is containerd; who gets one needs containerd, as refractd does.
func listen() (net.Listener, error) {
	if os.Getenv("LISTEN_FDS") != "1" {
		if err := os.MkdirAll(filepath.Dir(containerd), 0o755); err != nil {
			return nil, err
		}
		if err := os.Remove(containerd); err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		return net.Listen("unix", containerd)
	}
	if err := ask(containerd, io.Discard); err != nil {
		return nil, err
	}
	return net.FileListener(os.NewFile(3, "socket"))
}

func notify(state string) error {
	connection, err := net.Dial("unixgram", os.Getenv("NOTIFY_SOCKET"))
	if err != nil {
		return err
	}
	_, err = io.WriteString(connection, state)
	return errors.Join(err, connection.Close())
}
