// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// daemons measures what the daemons cost a node that is idle: the time from start until the socket answers, and the memory
// a while later, of containerd as it is, of containerd-refract, and of refractd. Runs are interleaved; medians are compared.
// It runs as root.
//
// Resident memory is told in two parts. What is anonymous is the process's own: heap, stacks, and pages of its libraries that
// relocation wrote to. The rest are pages of its files, which the node has once for all processes and takes back when it wants
// to; how many are counted to a process depends on how much of the files the page cache holds when they are touched, because
// the kernel maps a page's neighbours with it.
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

	"github.com/prometheus/procfs"

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
	resident     []int64 // bytes
	anonymous    []int64 // bytes, of those
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
	const mebi = 1 << 20
	fmt.Printf("%-20s %12s %12s %12s   medians of %d runs\n", "daemon", "start", "resident", "anonymous", runs)
	for _, one := range all {
		fmt.Printf("%-20s %9.1f ms %8.1f MiB %8.1f MiB\n", one.name, middle(one.starts).Seconds()*1000,
			float64(middle(one.resident))/mebi, float64(middle(one.anonymous))/mebi)
	}
	stock, refract := all[0], all[1]
	fmt.Printf("containerd-refract over containerd: %+.1f ms (target +5), %+.1f MiB resident (target +8), of that %+.1f MiB anonymous\n",
		(middle(refract.starts)-middle(stock.starts)).Seconds()*1000,
		float64(middle(refract.resident)-middle(stock.resident))/mebi, float64(middle(refract.anonymous)-middle(stock.anonymous))/mebi)
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
	process, err := procfs.NewProc(command.Process.Pid)
	if err != nil {
		return err
	}
	// Unlike what statm and status tell, this is counted when it is read, and not in batches per thread (proc_pid_smaps_rollup(5)).
	memory, err := process.ProcSMapsRollup()
	d.resident, d.anonymous = append(d.resident, int64(memory.Rss)), append(d.anonymous, int64(memory.Anonymous))
	return err
}

func middle[T int64 | time.Duration](values []T) T {
	return slices.Sorted(slices.Values(values))[len(values)/2]
}
