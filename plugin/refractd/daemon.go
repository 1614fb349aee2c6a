// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package refractd is the daemon of that name: sockets, signals and systemd around plugin/cri.
package refractd

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"os"
	"time"

	"github.com/containerd/containerd/v2/pkg/imageverifier/bindir"
	"github.com/containerd/log"
	"github.com/coreos/go-systemd/v22/daemon"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/refract-oci/refract/plugin/cri"
	"github.com/refract-oci/refract/plugin/metrics"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/refractd/config"
)

// served is something that the daemon serves until it ends.
type served struct {
	name  string
	serve func() error // returns when it was stopped, or failed
}

// Run serves until the context ends, which is no error.
func Run(ctx context.Context, c config.Config) error {
	if err := ownMemoryLimit(); err != nil {
		return err
	}
	if err := native.CheckABI(); err != nil {
		return err
	}
	native.KeepLittleMemory()
	if err := errors.Join(log.SetLevel(c.Log.Level), log.SetFormat(log.OutputFormat(c.Log.Format))); err != nil {
		return fmt.Errorf("log: %w", err)
	}
	settings, err := settingsOf(c)
	if err != nil {
		return err
	}
	if settings.Metrics, err = metrics.Register(prometheus.DefaultRegisterer); err != nil {
		return fmt.Errorf("metrics: %w", err)
	}
	listeners, err := listen(c.Address)
	if err != nil {
		return err
	}
	settings.Pullable = pullable
	var watched monitor
	asked := lookups{policy: c.Policy}
	service, err := cri.New(c.Containerd.Address, settings, watched.register, asked.register)
	if err != nil {
		return errors.Join(err, closeAll(listeners))
	}
	watched.ready = service.Ready
	// Who starts refractd learns from its status whether images can be pulled. All else is handed on in any case, so that a node's
	// pods that have their images start.
	_ = service.Ready(ctx) // pullable is told
	var all []served
	if c.MetricsAddress != "" {
		one, err := watched.listen(c.MetricsAddress)
		if err != nil {
			return errors.Join(err, closeAll(listeners), service.Stop())
		}
		all = append(all, one)
	}
	for _, one := range listeners {
		all = append(all, served{name: one.Addr().String(), serve: func() error { return service.Serve(one) }})
	}
	err = serve(ctx, all)
	asked.stop()
	return errors.Join(err, stop(service), watched.close())
}

func closeAll(listeners []net.Listener) error {
	var failures []error
	for _, one := range listeners {
		failures = append(failures, one.Close())
	}
	return errors.Join(failures...)
}

// serve returns when the context ends, or one of them fails.
func serve(ctx context.Context, all []served) error {
	failed := make(chan error, len(all))
	for _, one := range all {
		go func() { failed <- one.serve() }()
		log.G(ctx).WithField("address", one.name).Info("serving")
	}
	// The sockets take connections from here on; containerd need not be there for that.
	notify(ctx, daemon.SdNotifyReady)
	select {
	case err := <-failed:
		return err
	case <-ctx.Done():
		return nil
	}
}

func stop(service *cri.Service) error {
	ctx := context.Background()
	notify(ctx, daemon.SdNotifyStopping)
	log.G(ctx).Info("stopping")
	return service.Stop()
}

// notify tells systemd, if it is there.
func notify(ctx context.Context, state string) {
	if _, err := daemon.SdNotify(false, state); err != nil {
		log.G(ctx).WithError(err).Warn("systemd was not told: " + state)
	}
}

// pullable tells systemd why images cannot be pulled; the log has it, too. What begins with these words, plugin/deploy/install takes for that.
func pullable(ctx context.Context, err error) {
	state := "STATUS="
	if err != nil {
		state += native.Printable("images cannot be pulled: " + err.Error())
	}
	notify(ctx, state)
}

// ownMemoryLimit keeps refractd's limit, which Go has read, to itself: programs that judge images are not meant by it.
func ownMemoryLimit() error {
	if err := os.Unsetenv("GOMEMLIMIT"); err != nil {
		return fmt.Errorf("environment: %w", err)
	}
	return nil
}

func settingsOf(c config.Config) (cri.Settings, error) {
	settings := cri.Settings{
		Snapshotter:                c.Containerd.Snapshotter,
		Socket:                     c.Address,
		Snapshotters:               map[string]string{},
		ConfigPath:                 c.Registry.ConfigPath,
		Headers:                    http.Header{},
		Pinned:                     c.Image.Pinned,
		ProgressTimeout:            time.Duration(c.Image.PullProgressTimeout),
		MaxConcurrentDownloads:     c.Image.MaxConcurrentDownloads,
		MaxConcurrentUnpacks:       c.Image.MaxConcurrentUnpacks,
		ConcurrentLayerFetchBuffer: c.Image.ConcurrentLayerFetchBuffer,
		Verifier: cri.Verifying{
			Config:           bindir.Config{BinDir: c.ImageVerifier.BinDir, MaxVerifiers: c.ImageVerifier.MaxVerifiers},
			ContainerdConfig: c.Containerd.Config, WarnOnly: c.ImageVerifier.Weaker == config.WeakerWarn,
		},
		Policy: c.Policy,
	}
	// The field's type is containerd's own, and has no other way in.
	if err := settings.Verifier.PerVerifierTimeout.UnmarshalText([]byte(c.ImageVerifier.PerVerifierTimeout.String())); err != nil {
		return cri.Settings{}, fmt.Errorf("image_verifier.per_verifier_timeout: %w", err)
	}
	for name, values := range c.Registry.Headers {
		settings.Headers[http.CanonicalHeaderKey(name)] = values
	}
	for handler, runtime := range c.Image.Runtimes {
		settings.Snapshotters[handler] = runtime.Snapshotter
	}
	return settings, nil
}
