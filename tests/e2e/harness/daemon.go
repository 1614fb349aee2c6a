// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/tests/programs"
)

// startLimit is how long a daemon may take until it answers.
const startLimit = 60 * time.Second

// Daemon is a running containerd.
type Daemon struct {
	Socket      string
	Snapshotter string
	Client      *containerd.Client
	Images      cri.ImageServiceClient
	Runtime     cri.RuntimeServiceClient
	// Front is the refractd before it, if there is one; Images and Runtime are its then.
	Front *Refractd

	dir, config string
	program     string
	refract     bool // it is containerd-refract
	line22      bool // of the 2.2 line
	environment []string
	ctr         string
	process     *programs.Process
	connection  *grpc.ClientConn
}

// StartRefract starts containerd-refract in that folder, which must exist.
func StartRefract(tools Tools, dir string, config Config) (*Daemon, error) {
	return (&Daemon{program: tools.Refract, ctr: tools.RefractCtr, refract: true}).begin(tools, dir, config)
}

// StartStock starts containerd as it is.
func StartStock(tools Tools, dir string, config Config) (*Daemon, error) {
	return (&Daemon{program: tools.Stock, ctr: tools.StockCtr}).begin(tools, dir, config)
}

// begin starts a daemon whose program is known, in that folder.
func (d *Daemon) begin(tools Tools, dir string, config Config) (*Daemon, error) {
	d.Socket, d.Snapshotter, d.dir, d.config = filepath.Join(dir, "c.sock"), snapshotter(dir), dir, filepath.Join(dir, "config.toml")
	// A program's own shim goes before others: those of the two lines do not mix.
	d.environment = []string{"PATH=" + filepath.Dir(d.program) + ":" + tools.Path, "CONTAINERD_ADDRESS=" + d.Socket, "CONTAINERD_SNAPSHOTTER=" + d.Snapshotter}
	if err := config.write(d); err != nil {
		return nil, fmt.Errorf("configuration of %s: %w", d.program, err)
	}
	if err := d.Start(); err != nil {
		return nil, err
	}
	return d, nil
}

// Start starts the daemon again after Stop, with what it had stored.
func (d *Daemon) Start() error {
	var err error
	if d.process, err = programs.Start(d.logFile(), d.environment, d.program, "--config", d.config); err != nil {
		return err
	}
	if err := programs.Poll(startLimit, d.ready); err != nil {
		return errors.Join(err, d.Stop())
	}
	return nil
}

// ready connects, and asks for what the tests need: containerd, and CRI.
func (d *Daemon) ready() error {
	if err := d.process.Running(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	if d.Client == nil {
		client, err := containerd.New(d.Socket)
		if err != nil {
			return err
		}
		d.Client = client
	}
	if _, err := d.Client.Version(ctx); err != nil {
		return err
	}
	if d.connection == nil {
		connection, err := grpc.NewClient("unix://"+d.Socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
		if err != nil {
			return err
		}
		d.connection, d.Images, d.Runtime = connection, cri.NewImageServiceClient(connection), cri.NewRuntimeServiceClient(connection)
	}
	_, err := cri.NewRuntimeServiceClient(d.connection).Version(ctx, &cri.VersionRequest{})
	if err == nil && d.Front != nil {
		d.Images, d.Runtime = d.Front.Images, d.Front.Runtime
		_, err = d.Runtime.Version(ctx, &cri.VersionRequest{})
	}
	return err
}

// Stop ends the daemon; what it stored stays.
func (d *Daemon) Stop() error {
	var failures []error
	if d.Client != nil {
		failures = append(failures, d.Client.Close())
		d.Client = nil
	}
	if d.connection != nil {
		failures = append(failures, d.connection.Close())
		d.connection = nil
	}
	if d.process != nil {
		failures = append(failures, d.process.Stop())
	}
	return errors.Join(failures...)
}

// Kill ends the daemon as kill -9 does. Start starts it again.
func (d *Daemon) Kill() error {
	if err := d.process.Kill(); err != nil {
		return err
	}
	return d.Stop()
}

// Close ends the daemon and takes down what it mounted.
func (d *Daemon) Close() error {
	var err error
	if d.Front != nil {
		err = d.Front.Close()
	}
	err = errors.Join(err, d.Stop())
	mounts, readErr := os.ReadFile("/proc/self/mounts")
	for line := range strings.Lines(string(mounts)) {
		fields := strings.Fields(line)
		if len(fields) > 1 && strings.HasPrefix(fields[1], d.dir+"/") {
			err = errors.Join(err, syscall.Unmount(fields[1], syscall.MNT_DETACH))
		}
	}
	return errors.Join(err, readErr)
}

// PID is the daemon's process id.
func (d *Daemon) PID() int { return d.process.PID() }

// Running is nil while the daemon has not ended.
func (d *Daemon) Running() error { return d.process.Running() }

func (d *Daemon) logFile() string { return filepath.Join(d.dir, "log") }

// Log is what the daemon has written since it was started last.
func (d *Daemon) Log() (string, error) {
	text, err := os.ReadFile(d.logFile())
	return string(text), err
}

// LogMark is a place in the log: LogSince returns what came after it.
func (d *Daemon) LogMark() (int, error) {
	text, err := d.Log()
	return len(text), err
}

// LogSince returns the lines of the log after a mark.
func (d *Daemon) LogSince(mark int) (string, error) {
	text, err := d.Log()
	return text[min(mark, len(text)):], err
}

// Memory is the daemon's own memory now, in bytes; peak the most it ever was.
func (d *Daemon) Memory() (now, peak int64, err error) { return programs.Memory(d.PID()) }

// Memory is refractd's own.
func (r *Refractd) Memory() (now, peak int64, err error) { return programs.Memory(r.PID()) }
