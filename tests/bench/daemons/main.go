// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// daemons measures what the daemons cost a node that is idle: the time from start until the socket answers, and the memory
// a while later, of containerd as it is, of containerd-refract, and of refractd. Runs are interleaved; medians are compared.
// It runs as root.
package main

import (
	"context"
	"errors"
	"flag"
	"fmt"
	"io"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"syscall"
	"time"

	"github.com/refract-oci/refract/tests/e2e/harness"
)

// settle is how long a daemon is left alone before its memory is looked at.
const settle = 3 * time.Second

func main() {
	runs := flag.Int("runs", 11, "runs of each daemon")
	flag.Parse()
	if err := run(*runs); err != nil {
		fmt.Fprintln(os.Stderr, "daemons:", err)
		os.Exit(1)
	}
}

// daemon is one program with its arguments, and what was measured of it.
type daemon struct {
	name, socket string
	command      []string
	starts       []time.Duration
	memory       []int64
}

func run(runs int) (err error) {
	tools, err := harness.FindTools()
	if err != nil {
		return err
	}
	dir, err := os.MkdirTemp("", "refract-bench-")
	if err != nil {
		return err
	}
	defer func() { err = errors.Join(err, os.RemoveAll(dir)) }()
	var all []*daemon
	for _, one := range []struct {
		name, program string
		start         func(harness.Tools, string, harness.Config) (*harness.Daemon, error)
	}{{"containerd", tools.Stock, harness.StartStock}, {"containerd-refract", tools.Refract, harness.StartRefract}} {
		folder := filepath.Join(dir, one.name)
		if err := os.Mkdir(folder, 0o755); err != nil {
			return err
		}
		// The first start writes its configuration and makes its stores.
		first, err := one.start(tools, folder, harness.Config{})
		if err != nil {
			return err
		}
		if err := first.Stop(); err != nil {
			return err
		}
		all = append(all, &daemon{name: one.name, socket: first.Socket, command: []string{one.program, "--config", filepath.Join(folder, "config.toml")}})
	}
	socket := filepath.Join(dir, "r.sock")
	all = append(all, &daemon{name: "refractd", socket: socket, command: []string{tools.Refractd, "--address", socket, "--containerd.address", all[0].socket}})
	for range runs {
		for _, one := range all {
			if err := one.measure(tools.Path); err != nil {
				return fmt.Errorf("%s: %w", one.name, err)
			}
		}
	}
	fmt.Printf("%-20s %12s %12s   medians of %d runs\n", "daemon", "start", "memory", runs)
	for _, one := range all {
		fmt.Printf("%-20s %9.1f ms %8.1f MiB\n", one.name, middle(one.starts).Seconds()*1000, float64(middle(one.memory))/(1<<20))
	}
	fmt.Printf("containerd-refract over containerd: %+.1f ms (target +5), %+.1f MiB (target +8)\n",
		(middle(all[1].starts)-middle(all[0].starts)).Seconds()*1000, float64(middle(all[1].memory)-middle(all[0].memory))/(1<<20))
	return nil
}

func (d *daemon) measure(path string) (err error) {
	command := exec.Command(d.command[0], d.command[1:]...)
	command.Env = append(os.Environ(), "PATH="+filepath.Dir(d.command[0])+":"+path)
	command.Stdout, command.Stderr = io.Discard, io.Discard
	command.SysProcAttr = &syscall.SysProcAttr{Pdeathsig: syscall.SIGKILL}
	if err := os.Remove(d.socket); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	begin := time.Now()
	if err := command.Start(); err != nil {
		return err
	}
	defer func() {
		err = errors.Join(err, command.Process.Signal(syscall.SIGTERM))
		_ = command.Wait() // containerd ends with the signal
	}()
	ctx, cancel := context.WithTimeout(context.Background(), time.Minute)
	defer cancel()
	for {
		conn, err := (&net.Dialer{}).DialContext(ctx, "unix", d.socket)
		if err == nil {
			d.starts = append(d.starts, time.Since(begin))
			conn.Close()
			break
		}
		if ctx.Err() != nil {
			return err
		}
		time.Sleep(200 * time.Microsecond)
	}
	time.Sleep(settle)
	resident, err := memoryOf(command.Process.Pid)
	d.memory = append(d.memory, resident)
	return err
}

func memoryOf(pid int) (int64, error) {
	text, err := os.ReadFile(fmt.Sprintf("/proc/%d/statm", pid))
	if err != nil {
		return 0, err
	}
	var size, resident int64
	if _, err := fmt.Sscan(string(text), &size, &resident); err != nil {
		return 0, err
	}
	return resident * int64(os.Getpagesize()), nil
}

func middle[T int64 | time.Duration](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
