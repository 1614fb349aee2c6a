// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"encoding/base64"
	"fmt"
	"net/url"
	"strings"

	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/errdefs"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

// credentials come with one request. They are compared by value, live as long as the pull, and are never logged.
type credentials struct {
	username, password, auth, serverAddress, identityToken, registryToken string
}

func credentialsOf(sent *cri.AuthConfig) credentials {
	return credentials{
		username: sent.GetUsername(), password: sent.GetPassword(), auth: sent.GetAuth(), serverAddress: sent.GetServerAddress(),
		identityToken: sent.GetIdentityToken(), registryToken: sent.GetRegistryToken(),
	}
}

// Format hides the credentials from everything that prints them.
func (credentials) Format(out fmt.State, _ rune) { fmt.Fprint(out, "(credentials)") }

// GetCredentials returns the credentials for a host, as containerd's ParseAuth does (internal/cri/server/images): none if the
// request names another server; else a name and password, an identity token, or both in one, in this order.
func (c credentials) GetCredentials(_ context.Context, _, host string) (registry.Credentials, error) {
	given := registry.Credentials{Host: host}
	if c.serverAddress != "" {
		server, err := url.Parse(c.serverAddress)
		if err != nil {
			// The error of url.Parse contains the address, which may hold a password.
			return registry.Credentials{}, fmt.Errorf("server address of the pull's credentials is not a URL: %w", errdefs.ErrInvalidArgument)
		}
		if server.Host != host {
			return given, nil
		}
	}
	switch {
	case c.username != "":
		given.Username, given.Secret = c.username, c.password
	case c.identityToken != "":
		given.Secret = c.identityToken
	case c.auth != "":
		decoded, err := base64.StdEncoding.DecodeString(c.auth)
		if err != nil {
			return registry.Credentials{}, fmt.Errorf("auth of the pull's credentials is not base64: %w", errdefs.ErrInvalidArgument)
		}
		username, password, ok := strings.Cut(string(decoded), ":")
		if !ok {
			return registry.Credentials{}, fmt.Errorf("auth of the pull's credentials is not name:password: %w", errdefs.ErrInvalidArgument)
		}
		given.Username, given.Secret = username, strings.Trim(password, "\x00")
	}
	return given, nil
}
