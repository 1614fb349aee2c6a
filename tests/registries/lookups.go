// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registries

import (
	"context"

	"github.com/refract-oci/refract/tests/programs"
)

// Lookup is a program that can tell the config of the image behind a tag: it reads index, manifest and config.
type Lookup struct {
	Name      string
	program   string
	arguments func(r *Registry, platform, reference string) []string
}

// Lookups are refract and its peers, refract first.
func Lookups() ([]Lookup, error) {
	lookups := []Lookup{
		{Name: "refract", arguments: func(r *Registry, platform, reference string) []string {
			// The token server is at another port of this machine, which only the registry names.
			return []string{"select", "--allow-host", "localhost", "--docker-config", r.DockerConfig, "--platform", platform, reference}
		}},
		{Name: "crane", arguments: func(_ *Registry, platform, reference string) []string {
			return []string{"config", "--platform", platform, reference}
		}},
		{Name: "regctl", arguments: func(_ *Registry, platform, reference string) []string {
			return []string{"image", "config", "--platform", platform, reference}
		}},
	}
	for i := range lookups {
		folder := "tools"
		if i == 0 {
			folder = "bin"
		}
		var err error
		if lookups[i].program, err = programs.Find(folder, lookups[i].Name); err != nil {
			return nil, err
		}
	}
	return lookups, nil
}

// With is a program of the caller's own as one more look-up. It is given the reference alone.
func With(name, program string) Lookup {
	return Lookup{Name: name, program: program, arguments: func(_ *Registry, _, reference string) []string { return []string{reference} }}
}

// Run looks up what is behind a reference without the registry, as "app:v1", and returns what the program prints.
func (l Lookup) Run(ctx context.Context, r *Registry, platform, reference string) (string, error) {
	return r.Run(ctx, l.program, l.arguments(r, platform, r.Host+"/"+reference)...)
}
