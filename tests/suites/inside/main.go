// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Command inside is what the images of foreign suites have and Debian's busybox has not. What it does depends on the name that it is
// called by, and is as much as those suites look at.
package main

import (
	"fmt"
	"io"
	"net"
	"os"
	"os/signal"
	"path/filepath"
	"strings"
	"syscall"
)

func main() {
	var err error
	switch name := filepath.Base(os.Args[0]); name {
	case "nginx":
		err = serve(os.Args[len(os.Args)-1])
	case "nc":
		err = listen(os.Args[len(os.Args)-1])
	case "ipcs":
		err = show("/proc/sysvipc/shm")
	case "pgrep":
		err = find(os.Args[len(os.Args)-1])
	case "nonewprivs":
		fmt.Println("Effective uid:", os.Geteuid())
	default:
		err = fmt.Errorf("%s does nothing", name)
	}
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

// serve answers every request on that port with a page, as a web server that has just been installed.
func serve(port string) error {
	if err := os.WriteFile("/run/nginx.pid", fmt.Appendln(nil, os.Getpid()), 0o644); err != nil {
		return err
	}
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	fmt.Println("httpd is ready")
	for {
		connection, err := listener.Accept()
		if err != nil {
			return err
		}
		go answer(connection)
	}
}

// listen waits on that port until it is asked to end. A first process that does not catch the signal would not end.
func listen(port string) error {
	asked := make(chan os.Signal, 1)
	signal.Notify(asked, syscall.SIGTERM)
	listener, err := net.Listen("tcp", ":"+port)
	if err != nil {
		return err
	}
	defer listener.Close()
	<-asked
	os.Exit(128 + int(syscall.SIGTERM))
	return nil
}

func answer(connection net.Conn) {
	defer connection.Close()
	request := make([]byte, 4096)
	if _, err := connection.Read(request); err != nil {
		return
	}
	const page = "Welcome to nginx!\n"
	// Who has gone wants no page.
	_, _ = fmt.Fprintf(connection, "HTTP/1.1 200 OK\r\nContent-Length: %d\r\nConnection: close\r\n\r\n%s", len(page), page)
}

func show(file string) error {
	opened, err := os.Open(file)
	if err != nil {
		return err
	}
	defer opened.Close()
	_, err = io.Copy(os.Stdout, opened)
	return err
}

// find prints the process ids of the programs of that name.
func find(name string) error {
	files, err := filepath.Glob("/proc/[0-9]*/comm")
	if err != nil {
		return err
	}
	for _, file := range files {
		// A process that has ended meanwhile is not found.
		if text, err := os.ReadFile(file); err == nil && strings.TrimSpace(string(text)) == name {
			fmt.Println(filepath.Base(filepath.Dir(file)))
		}
	}
	return nil
}
