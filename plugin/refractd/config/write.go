// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"fmt"
	"maps"

	"github.com/pelletier/go-toml/v2"
)

// hidden replaces a value that may be a secret.
const hidden = "(hidden)"

// Text is the configuration as a file has it, without the values of headers: they may be credentials.
func (c Config) Text() (string, error) {
	headers := make(map[string][]string, len(c.Registry.Headers))
	for name := range maps.Keys(c.Registry.Headers) {
		headers[name] = []string{hidden}
	}
	c.Registry.Headers = headers
	all := c.Policy.Map()
	text, err := toml.Marshal(c)
	if err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	own := map[string]any{}
	if err := toml.Unmarshal(text, &own); err != nil {
		return "", fmt.Errorf("configuration: %w", err)
	}
	maps.Copy(all, own)
	text, err = toml.Marshal(all)
	return string(text), err
}
