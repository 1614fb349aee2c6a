// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package kubelet

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/e2e/harness"
	"github.com/refract-oci/refract/tests/programs"
	"github.com/refract-oci/refract/tests/registries"
	"github.com/refract-oci/refract/tests/shapes"
)

// TestPrivateRegistry pulls from distribution behind TLS and a login, with the credentials that kubelet finds: in docker's config.json,
// or with a credential provider. Without them nothing is pulled, and the pod says why. A kubelet with an API server takes them from a
// pod's imagePullSecrets too, and hands them on in the same way.
func TestPrivateRegistry(t *testing.T) {
	shape := shapes.ByName("artifact-first-same-platform")
	for _, login := range []registries.Login{registries.Basic, registries.Bearer} {
		server := registries.StartFor(t, registries.Options{Kind: registries.Distribution, Login: login})
		for _, use := range uses {
			if err := server.Push(t.Context(), use.name+"/"+shape.Name, shape, "latest"); err != nil {
				t.Fatal(err)
			}
		}
		for source, credentials := range map[string]func(*testing.T, *registries.Registry) harness.KubeletConfig{
			"config.json":         dockerConfig,
			"credential provider": credentialProvider,
			"none":                func(*testing.T, *registries.Registry) harness.KubeletConfig { return harness.KubeletConfig{} },
		} {
			for _, way := range ours {
				t.Run(fmt.Sprintf("%s/%s/%s", login, source, way.name), func(t *testing.T) {
					n := way.start(t, "", credentials(t, server))
					if err := n.daemon.Trust(server.Host, server.CAFile); err != nil {
						t.Fatal(err)
					}
					if err := n.kubelet.AddPod(podOf(server.Host, shape)); err != nil {
						t.Fatal(err)
					}
					for _, use := range uses {
						if source == "none" {
							message, err := n.refusal(shape.Name, use.name)
							if err != nil || !strings.Contains(message, "401") && !strings.Contains(message, "authorization failed") {
								t.Errorf("%s, without credentials: %q, %v", use.name, message, err)
							}
							continue
						}
						if err := programs.Poll(podsLimit, func() error { return n.ran(shape.Name, use.name, shape) }); err != nil {
							t.Errorf("%s: %v", use.name, err)
						}
					}
					n.keepsSecrets(t)
				})
			}
		}
	}
}

// dockerConfig lets kubelet find docker's config.json.
func dockerConfig(_ *testing.T, server *registries.Registry) harness.KubeletConfig {
	return harness.KubeletConfig{DockerConfig: server.DockerConfig}
}

// credentialProvider is the kind of plugin that clouds give to kubelet: a program that is asked for an image, and answers.
func credentialProvider(t *testing.T, server *registries.Registry) harness.KubeletConfig {
	t.Helper()
	const name, version = "tests-provider", "credentialprovider.kubelet.k8s.io/v1"
	dir := t.TempDir()
	answer := filepath.Join(dir, "answer.json")
	for path, content := range map[string]any{
		answer: map[string]any{
			"apiVersion": version, "kind": "CredentialProviderResponse", "cacheKeyType": "Registry", "cacheDuration": "0s",
			"auth": map[string]any{server.Host: map[string]string{"username": registries.User, "password": registries.Password}},
		},
		filepath.Join(dir, "providers.json"): map[string]any{
			"apiVersion": "kubelet.config.k8s.io/v1", "kind": "CredentialProviderConfig",
			"providers": []any{map[string]any{
				"name": name, "apiVersion": version, "matchImages": []string{server.Host}, "defaultCacheDuration": "0s",
			}},
		},
	} {
		text, err := json.Marshal(content)
		if err != nil {
			t.Fatal(err)
		}
		if err := os.WriteFile(path, text, 0o600); err != nil {
			t.Fatal(err)
		}
	}
	program := fmt.Sprintf("#!/bin/sh\ncat >/dev/null\ncat %q\n", answer)
	bin := filepath.Join(dir, "bin")
	if err := os.Mkdir(bin, 0o700); err != nil {
		t.Fatal(err)
	}
	if err := os.WriteFile(filepath.Join(bin, name), []byte(program), 0o700); err != nil {
		t.Fatal(err)
	}
	return harness.KubeletConfig{Flags: []string{
		"--image-credential-provider-config", filepath.Join(dir, "providers.json"), "--image-credential-provider-bin-dir", bin,
	}}
}

// keepsSecrets looks for the password, as it is and as it is sent, in what the node's programs wrote.
func (n *node) keepsSecrets(t *testing.T) {
	t.Helper()
	sent := base64.StdEncoding.EncodeToString([]byte(registries.User + ":" + registries.Password))
	for name, read := range n.logs() {
		log, err := read()
		if err != nil {
			t.Fatal(err)
		}
		if strings.Contains(log, registries.Password) || strings.Contains(log, sent) {
			t.Errorf("the password is in the log of %s", name)
		}
	}
}
