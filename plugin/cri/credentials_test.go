// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"encoding/base64"
	"strings"
	"testing"

	cri "k8s.io/cri-api/pkg/apis/runtime/v1"
)

func encoded(text string) string { return base64.StdEncoding.EncodeToString([]byte(text)) }

// What a host may see is what containerd's own runtime interface would show it.
func TestCredentials(t *testing.T) {
	const host = "registry.example:5000"
	for name, c := range map[string]struct {
		sent             *cri.AuthConfig
		username, secret string
	}{
		"none":                     {nil, "", ""},
		"empty":                    {&cri.AuthConfig{}, "", ""},
		"name and password":        {&cri.AuthConfig{Username: "u", Password: "p"}, "u", "p"},
		"identity token":           {&cri.AuthConfig{IdentityToken: "t"}, "", "t"},
		"both in one":              {&cri.AuthConfig{Auth: encoded("u:p:q")}, "u", "p:q"},
		"both in one, padded":      {&cri.AuthConfig{Auth: encoded("u:p\x00\x00")}, "u", "p"},
		"name before token":        {&cri.AuthConfig{Username: "u", Password: "p", IdentityToken: "t", Auth: encoded("x:y")}, "u", "p"},
		"token before both in one": {&cri.AuthConfig{IdentityToken: "t", Auth: encoded("x:y")}, "", "t"},
		"for this host":            {&cri.AuthConfig{Username: "u", Password: "p", ServerAddress: "https://" + host + "/v1/"}, "u", "p"},
		"for another host":         {&cri.AuthConfig{Username: "u", Password: "p", ServerAddress: "https://other.example"}, "", ""},
		"for another port":         {&cri.AuthConfig{Username: "u", Password: "p", ServerAddress: "https://registry.example"}, "", ""},
		"for no URL's host":        {&cri.AuthConfig{Username: "u", Password: "p", ServerAddress: "registry.example"}, "", ""},
		"registry token":           {&cri.AuthConfig{RegistryToken: "t"}, "", ""},
	} {
		got, err := credentialsOf(c.sent).GetCredentials(t.Context(), "ref", host)
		if err != nil || got.Username != c.username || got.Secret != c.secret || got.Host != host || got.Header != "" {
			t.Errorf("%s: %+v, %v", name, got, err)
		}
	}
	for name, sent := range map[string]*cri.AuthConfig{
		"not base64":     {Auth: "canary!"},
		"without colon":  {Auth: encoded("canary")},
		"no URL":         {Username: "u", Password: "canary", ServerAddress: "https://u:canary@host:port/"},
		"control in URL": {Username: "u", Password: "canary", ServerAddress: "https://canary\x7f"},
	} {
		_, err := credentialsOf(sent).GetCredentials(t.Context(), "ref", host)
		if err == nil || strings.Contains(err.Error(), "canary") || strings.Contains(err.Error(), sent.Auth) && sent.Auth != "" {
			t.Errorf("%s: error %v", name, err)
		}
	}
}
