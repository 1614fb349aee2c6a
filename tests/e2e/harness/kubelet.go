// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"errors"
	"fmt"
	"maps"
	"math/rand/v2"
	"net"
	"net/http"
	"os"
	"path/filepath"
	"strconv"

	"github.com/refract-oci/refract/tests/programs"
)

// Kubelet is a running kubelet without an API server: its pods are files in a folder.
type Kubelet struct {
	dir, program string
	arguments    []string
	port         int
	process      *programs.Process
}

// KubeletConfig is what is asked of a kubelet besides the defaults of these tests.
type KubeletConfig struct {
	// Runtime is the socket of containerd; Images is the one of the image service, where that is another.
	Runtime, Images string
	// DockerConfig is a folder with docker's config.json, whose credentials kubelet uses.
	DockerConfig string
	// Settings are further fields of KubeletConfiguration.
	Settings map[string]any
	// Flags are for what has no field there.
	Flags []string
}

// isolated runs a program where it sees folders of its own in place of those below /var in which kubelet leaves things whatever its
// configuration says, and kernel settings that are already what kubelet would make them: they are this machine's, not the test's.
// What is mounted there is gone when the program ends. The folder is the first argument.
const isolated = `
cd "$1"
shift
for own in /var/lib /var/log; do
    mkdir -p ".$own"
    mount --bind ".$own" "$own"
done
for setting in vm/overcommit_memory=1 vm/panic_on_oom=0 kernel/panic=10 kernel/panic_on_oops=1 \
    kernel/keys/root_maxkeys=1000000 kernel/keys/root_maxbytes=25000000; do
    file="sysctl-$(basename "${setting%=*}")"
    echo "${setting#*=}" >"$file"
    mount --bind "$file" "/proc/sys/${setting%=*}"
done
exec "$@"
`

// StartKubelet starts one that keeps everything in that folder, which must exist and have a short name, because sockets are in it.
func StartKubelet(dir string, config KubeletConfig) (*Kubelet, error) {
	program, err := programs.Find("tools", "kubelet")
	if err != nil {
		return nil, err
	}
	k := &Kubelet{dir: dir, program: program}
	if err := k.write(config); err != nil {
		return nil, fmt.Errorf("configuration of kubelet: %w", err)
	}
	if err := k.Start(); err != nil {
		return nil, err
	}
	return k, nil
}

// write writes the configuration and makes the folders that it names.
func (k *Kubelet) write(config KubeletConfig) error {
	for _, folder := range []string{k.manifests(), k.logs(), k.root()} {
		if err := os.MkdirAll(folder, 0o755); err != nil {
			return err
		}
	}
	if config.DockerConfig != "" {
		const name = "config.json"
		if err := os.Symlink(filepath.Join(config.DockerConfig, name), filepath.Join(k.root(), name)); err != nil {
			return err
		}
	}
	var err error
	if k.port, err = freePort(); err != nil {
		return err
	}
	settings := map[string]any{
		"apiVersion": "kubelet.config.k8s.io/v1beta1", "kind": "KubeletConfiguration",
		"containerRuntimeEndpoint": "unix://" + config.Runtime,
		"staticPodPath":            k.manifests(), "podLogsDir": k.logs(), "volumePluginDir": filepath.Join(k.dir, "volume-plugins"),
		// The one port that is open is the one to read from: it asks for no login, and needs no certificate.
		"enableServer": false, "healthzPort": 0, "address": "127.0.0.1", "readOnlyPort": k.port,
		"authentication": map[string]any{"anonymous": map[string]bool{"enabled": true}, "webhook": map[string]bool{"enabled": false}},
		"authorization":  map[string]string{"mode": "AlwaysAllow"},
		// Nothing of the machine is arranged for pods: they run on its network, and where containerd puts them.
		"failCgroupV1": false, "cgroupDriver": "cgroupfs", "cgroupsPerQOS": false, "enforceNodeAllocatable": []string{"none"},
		"makeIPTablesUtilChains": false, "failSwapOn": false, "oomScoreAdj": 0, "resolvConf": "",
		// Many pods at once, and no eviction because of how this machine's disk is.
		"maxPods": 250, "serializeImagePulls": false, "registryPullQPS": 0,
		"evictionHard": map[string]string{"memory.available": "0%", "nodefs.available": "0%", "imagefs.available": "0%"},
	}
	if config.Images != "" {
		settings["imageServiceEndpoint"] = "unix://" + config.Images
	}
	maps.Copy(settings, config.Settings)
	file := filepath.Join(k.dir, "kubelet.json")
	k.arguments = append([]string{"--config", file, "--root-dir", k.root(), "--cert-dir", filepath.Join(k.dir, "pki"),
		"--hostname-override", nodeName, "--node-ip", "127.0.0.1"}, config.Flags...)
	return writeJSON(file, settings)
}

// freePort is one that nothing listens on, below those which the kernel gives out, so that it stays free.
func freePort() (int, error) {
	var err error
	for range 100 {
		port := 20000 + rand.IntN(10000)
		var listener net.Listener
		if listener, err = net.Listen("tcp", net.JoinHostPort("127.0.0.1", strconv.Itoa(port))); err == nil {
			return port, listener.Close()
		}
	}
	return 0, fmt.Errorf("no free port: %w", err)
}

// Start starts it again after Stop. Image garbage collection runs when kubelet starts, and then every five minutes.
func (k *Kubelet) Start() error {
	arguments := append([]string{"--mount", "--propagation", "slave", "/bin/sh", "-eu", "-c", isolated, "isolated", k.dir, k.program}, k.arguments...)
	var err error
	if k.process, err = programs.Start(k.logFile(), nil, "unshare", arguments...); err != nil {
		return err
	}
	if err := programs.Poll(startLimit, k.ready); err != nil {
		return errors.Join(err, k.Stop())
	}
	return nil
}

func (k *Kubelet) ready() error {
	if err := k.process.Running(); err != nil {
		return err
	}
	response, err := http.Get(k.url("/healthz"))
	if err != nil {
		return err
	}
	if response.StatusCode != http.StatusOK {
		err = fmt.Errorf("kubelet's health: %s", response.Status)
	}
	return errors.Join(err, response.Body.Close())
}

// Stop ends it; its pods go on.
func (k *Kubelet) Stop() error { return k.process.Stop() }

// Log is what it has written since it was started last.
func (k *Kubelet) Log() (string, error) {
	text, err := os.ReadFile(k.logFile())
	return string(text), err
}

// root is the folder that kubelet calls its own.
func (k *Kubelet) root() string { return filepath.Join(k.dir, "root") }

func (k *Kubelet) manifests() string { return filepath.Join(k.dir, "pods") }

func (k *Kubelet) logs() string { return filepath.Join(k.dir, "logs") }

func (k *Kubelet) logFile() string { return filepath.Join(k.dir, "log") }

func (k *Kubelet) url(path string) string { return fmt.Sprintf("http://127.0.0.1:%d%s", k.port, path) }
