// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"strings"
	"sync/atomic"
	"time"
)

// commandLimit is how long one command may take.
const commandLimit = 2 * time.Minute

// Result is what a command came to.
type Result struct {
	Code           int
	Stdout, Stderr string
}

// Err is nil if the command succeeded, else what it wrote on standard error.
func (r Result) Err() error {
	if r.Code == 0 {
		return nil
	}
	return fmt.Errorf("exit code %d: %s", r.Code, strings.TrimSpace(r.Errors()))
}

// Errors is what was written on standard error, without ctr's notice of a host that has cgroup v1.
func (r Result) Errors() string {
	var lines strings.Builder
	for line := range strings.Lines(r.Stderr) {
		if !strings.Contains(line, "DEPRECATION: The support for cgroup v1") {
			lines.WriteString(line)
		}
	}
	return lines.String()
}

// Ctr runs the daemon's own ctr (ctr-refract of containerd-refract) in a namespace.
func (d *Daemon) Ctr(ctx context.Context, namespace string, arguments ...string) (Result, error) {
	return d.CtrAt(ctx, d.ctr, d.Socket, namespace, arguments...)
}

// CtrAt runs a program that is called as ctr is, at a socket of the daemon's.
func (d *Daemon) CtrAt(ctx context.Context, program, socket, namespace string, arguments ...string) (Result, error) {
	ctx, cancel := context.WithTimeout(ctx, commandLimit)
	defer cancel()
	command := exec.CommandContext(ctx, program, append([]string{"--address", socket, "--namespace", namespace}, arguments...)...)
	command.Env = append(os.Environ(), d.environment...)
	var stdout, stderr bytes.Buffer
	command.Stdout, command.Stderr = &stdout, &stderr
	err := command.Run()
	result := Result{Code: command.ProcessState.ExitCode(), Stdout: stdout.String(), Stderr: stderr.String()}
	if exit := new(exec.ExitError); errors.As(err, &exit) && ctx.Err() == nil {
		return result, nil
	}
	if err != nil {
		return result, fmt.Errorf("%s %s: %w: %s", program, strings.Join(arguments, " "), err, result.Stderr)
	}
	return result, nil
}

// Pull pulls over plain HTTP, with further flags.
func (d *Daemon) Pull(ctx context.Context, namespace, name string, flags ...string) error {
	arguments := append([]string{"images", "pull", "--plain-http"}, flags...)
	result, err := d.Ctr(ctx, namespace, append(arguments, name)...)
	return errors.Join(err, result.Err())
}

var containers atomic.Int64

// Run runs a pulled image, takes its container away, and returns what it printed. On a busy machine ctr may end before it has
// copied what the container wrote, stock containerd's too; so where nothing came, it is run once more.
func (d *Daemon) Run(ctx context.Context, namespace, name string) (output string, err error) {
	for range 2 {
		id := fmt.Sprintf("run-%d", containers.Add(1))
		result, failed := d.Ctr(ctx, namespace, "run", "--rm", "--snapshotter", d.Snapshotter, name, id)
		output, err = strings.TrimRight(result.Stdout, "\n"), errors.Join(failed, result.Err())
		if output != "" || err != nil {
			break
		}
	}
	return output, err
}
