// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registries

import (
	"bytes"
	"context"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
)

// writeClientFiles writes what programs read that use the registry: docker's config.json, and regctl's own.
func (r *Registry) writeClientFiles() error {
	docker := map[string]any{"auths": map[string]any{}}
	if r.options.Login == Basic || r.options.Login == Bearer {
		login := base64.StdEncoding.EncodeToString([]byte(User + ":" + Password))
		docker["auths"] = map[string]any{r.Host: map[string]string{"auth": login}}
	}
	regctl := map[string]any{}
	if r.options.Plain {
		regctl["hosts"] = map[string]any{r.Host: map[string]string{"tls": "disabled"}}
	}
	for path, content := range map[string]any{filepath.Join(r.DockerConfig, "config.json"): docker, filepath.Join(r.dir, "regctl.json"): regctl} {
		text, err := json.Marshal(content)
		if err != nil {
			return err
		}
		if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
			return err
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			return err
		}
	}
	return nil
}

// Environment is what lets programs trust the registry and log in to it, and keeps them from the user's own files.
func (r *Registry) Environment() []string {
	return []string{
		"HOME=" + r.dir, "DOCKER_CONFIG=" + r.DockerConfig, "SSL_CERT_FILE=" + r.CAFile,
		"REGCTL_CONFIG=" + filepath.Join(r.dir, "regctl.json"),
	}
}

// Run runs a program as a client of the registry, and returns what it prints. An error ends with what it says.
func (r *Registry) Run(ctx context.Context, program string, arguments ...string) (string, error) {
	command := exec.CommandContext(ctx, program, arguments...)
	command.Env = append(os.Environ(), r.Environment()...)
	var output, complaints bytes.Buffer
	command.Stdout, command.Stderr = &output, &complaints
	if err := command.Run(); err != nil {
		return output.String(), fmt.Errorf("%s %s: %w: %s", filepath.Base(program), strings.Join(arguments, " "), err, bytes.TrimSpace(complaints.Bytes()))
	}
	return output.String(), nil
}
