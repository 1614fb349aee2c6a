// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"slices"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	healthv1 "google.golang.org/grpc/health/grpc_health_v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/tests/programs"
)

// Refractd is a running refractd, in front of a containerd.
type Refractd struct {
	Socket  string
	Images  cri.ImageServiceClient
	Runtime cri.RuntimeServiceClient
	Health  healthv1.HealthClient

	program, config, log string
	environment, flags   []string
	process              *programs.Process
	connection           *grpc.ClientConn
}

// StartBehindRefractd starts containerd as it is, and refractd in front of it: the runtime interface of what is returned is
// refractd's.
func StartBehindRefractd(tools Tools, dir string, config Config) (*Daemon, error) {
	return startBehind(tools, tools.Stock, false, dir, config)
}

// Start22BehindRefractd does the same with the containerd of the 2.2 line.
func Start22BehindRefractd(tools Tools, dir string, config Config) (*Daemon, error) {
	program, err := programs.Find("tools", "2.2", "containerd")
	if err != nil {
		return nil, err
	}
	return startBehind(tools, program, true, dir, config)
}

func startBehind(tools Tools, containerd string, line22 bool, dir string, config Config) (*Daemon, error) {
	d, err := (&Daemon{program: containerd, ctr: tools.StockCtr, line22: line22}).begin(tools, dir, config)
	if err != nil {
		return nil, err
	}
	front := &Refractd{
		Socket: filepath.Join(dir, "r.sock"), program: tools.Refractd, config: filepath.Join(dir, "refractd.toml"),
		log: filepath.Join(dir, "refractd.log"), environment: append(slices.Clone(d.environment), "GOMEMLIMIT=192MiB"), // as its unit has it
		flags: append([]string{"--config", filepath.Join(dir, "refractd.toml")}, config.Flags...),
	}
	if err := front.write(d, config); err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	if err := front.Start(); err != nil {
		return nil, errors.Join(err, d.Stop())
	}
	d.Front, d.Images, d.Runtime = front, front.Images, front.Runtime
	return d, nil
}

func (r *Refractd) write(d *Daemon, config Config) error {
	var text strings.Builder
	fmt.Fprintf(&text, "address = %q\n%s\n%s\n", r.Socket, config.Policy, config.Refractd)
	fmt.Fprintf(&text, "containerd.address = %q\ncontainerd.snapshotter = %q\n", d.Socket, d.Snapshotter)
	fmt.Fprintf(&text, "registry.config_path = %q\nlog.level = \"debug\"\n", filepath.Join(d.dir, "certs.d"))
	return os.WriteFile(r.config, []byte(text.String()), 0o600)
}

// Start starts it again after Stop or Kill.
func (r *Refractd) Start() error {
	var err error
	if r.process, err = programs.Start(r.log, r.environment, r.program, r.flags...); err != nil {
		return err
	}
	if r.connection == nil {
		if r.connection, err = grpc.NewClient("unix://"+r.Socket, grpc.WithTransportCredentials(insecure.NewCredentials())); err != nil {
			return errors.Join(err, r.process.Stop())
		}
		r.Images, r.Runtime = cri.NewImageServiceClient(r.connection), cri.NewRuntimeServiceClient(r.connection)
		r.Health = healthv1.NewHealthClient(r.connection)
	}
	if err := programs.Poll(startLimit, r.ready); err != nil {
		return errors.Join(err, r.Stop())
	}
	return nil
}

// ready waits for the socket, and for containerd behind it.
func (r *Refractd) ready() error {
	if err := r.process.Running(); err != nil {
		return err
	}
	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Second)
	defer cancel()
	_, err := r.Runtime.Version(ctx, &cri.VersionRequest{})
	return err
}

// Stop ends it; clients connect anew when it is started again.
func (r *Refractd) Stop() error { return r.process.Stop() }

// Kill ends it as kill -9 does.
func (r *Refractd) Kill() error { return r.process.Kill() }

// Close ends it for good.
func (r *Refractd) Close() error { return errors.Join(r.connection.Close(), r.process.Stop()) }

// PID is its process id.
func (r *Refractd) PID() int { return r.process.PID() }

// Log is what it has written since it was started last.
func (r *Refractd) Log() (string, error) {
	text, err := r.process.Log()
	return string(text), err
}

// Running is nil while it has not ended.
func (r *Refractd) Running() error { return r.process.Running() }
