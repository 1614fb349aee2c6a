// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package harness

import (
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"regexp"

	"github.com/refract-oci/refract/tests/programs"
)

// Registry is a running distribution registry.
type Registry struct {
	// Host is its name in references.
	Host    string
	process *programs.Process
}

var listening = regexp.MustCompile(`listening on (127\.0\.0\.1:\d+)`)

// The registries that StartRegistry knows, by their programs.
const (
	Distribution   = "registry"        // the newest
	DockerRegistry = "docker-registry" // Debian's, which nobody has to compile
)

// StartRegistry starts one that keeps its content in that folder, which must exist, on a port that the kernel chooses.
func StartRegistry(name, dir string) (*Registry, error) {
	program, err := programs.Find("tools", name)
	if err != nil {
		return nil, err
	}
	config := filepath.Join(dir, "registry.yml")
	text := fmt.Sprintf("version: 0.1\nlog: {level: info}\nstorage:\n  filesystem: {rootdirectory: %q}\n  delete: {enabled: true}\nhttp: {addr: \"127.0.0.1:0\"}\n",
		filepath.Join(dir, "content"))
	if err := os.WriteFile(config, []byte(text), 0o600); err != nil {
		return nil, err
	}
	r := &Registry{}
	if r.process, err = programs.Start(filepath.Join(dir, "registry.log"), nil, program, "serve", config); err != nil {
		return nil, err
	}
	if err := programs.Poll(startLimit, r.ready); err != nil {
		_ = r.process.Stop() // it did not even start
		return nil, err
	}
	return r, nil
}

func (r *Registry) ready() error {
	if err := r.process.Running(); err != nil {
		return err
	}
	log, err := r.process.Log()
	if err != nil {
		return err
	}
	found := listening.FindSubmatch(log)
	if found == nil {
		return fmt.Errorf("the registry does not say where it listens: %s", log)
	}
	r.Host = string(found[1])
	response, err := http.Get("http://" + r.Host + "/v2/")
	if err != nil {
		return err
	}
	return response.Body.Close()
}

// Close ends it.
func (r *Registry) Close() error { return r.process.Stop() }
