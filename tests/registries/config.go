// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registries

import (
	"fmt"
	"strings"

	"golang.org/x/crypto/bcrypt"
)

// drain is how long a registry that is told to end waits for requests that are being answered. Without it, the lines of the
// last ones would be missing in its log.
const drain = "10s"

const (
	service = "refract tests" // of which tokens are, as the registry calls itself
	issuer  = "refract tests' token server"
)

// arguments are those that start the program: as clients meet it, or without TLS and login to fill it.
func (r *Registry) arguments(config string, guarded bool) ([]string, error) {
	tls := guarded && !r.options.Plain
	if r.options.Kind == GoContainerRegistry {
		if !tls {
			return nil, nil
		}
		return []string{"-certificate", r.keys.certificate, "-key", r.keys.key}, nil
	}
	// Both versions of distribution read the same configuration.
	var text strings.Builder
	fmt.Fprintf(&text, "version: 0.1\nlog: {level: info}\nstorage:\n  filesystem: {rootdirectory: %q}\n  delete: {enabled: true}\n", r.options.Content)
	fmt.Fprintf(&text, "http:\n  addr: \"127.0.0.1:0\"\n  draintimeout: %s\n", drain)
	if tls {
		fmt.Fprintf(&text, "  tls: {certificate: %q, key: %q}\n", r.keys.certificate, r.keys.key)
	}
	if guarded {
		login, err := r.login()
		if err != nil {
			return nil, err
		}
		text.WriteString(login)
	}
	path, err := r.write(config, text.String())
	return []string{"serve", path}, err
}

// login is the part of the configuration that makes the registry ask for one.
func (r *Registry) login() (string, error) {
	switch r.options.Login {
	case Basic:
		// The cheapest that bcrypt has: what is measured is the client.
		hash, err := bcrypt.GenerateFromPassword([]byte(Password), bcrypt.MinCost)
		if err != nil {
			return "", err
		}
		users, err := r.write("htpasswd", User+":"+string(hash)+"\n")
		return fmt.Sprintf("auth:\n  htpasswd: {realm: %q, path: %q}\n", service, users), err
	case Bearer, PublicToken:
		return fmt.Sprintf("auth:\n  token: {realm: %q, service: %q, issuer: %q, rootcertbundle: %q}\n",
			r.tokens.url, service, issuer, r.CAFile), nil
	default:
		return "", nil
	}
}
