// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package parity_test

import (
	"bytes"
	"encoding/json"
	"flag"
	"net/url"
	"os"
	"path/filepath"
	"testing"

	"golang.org/x/net/http/httpproxy"
)

var writeNoProxy = flag.Bool("write-no-proxy", false, "write tests/native/registry/no_proxy.json anew")

// exemptions are what NO_PROXY exempts of what is asked. The native tests hold our own reading against it.
type exemptions struct {
	Asked []string            `json:"asked"`
	By    map[string][]string `json:"by"`
}

var (
	asked = []string{"http://a.example", "https://a.example", "http://A.Example:5000", "https://a.example:5000", "https://b.a.example",
		"https://c.b.a.example:8443", "https://nota.example", "https://example", "https://a.example.org", "http://10.1.2.3", "https://10.1.2.3:5000",
		"https://10.1.2.30", "http://192.0.2.1:80", "https://[fd00::1]", "https://[fd00::1]:5000", "https://[FD00:0::1]", "https://[2001:db8::1]",
		"https://[::ffff:10.1.2.3]", "https://registry", "https://registry:5000"}
	noProxy = []string{"", " ", ",", ",,", "*", " * ", "a.example,*", "**", "*.", ".", "..", "*.*", "*:5000", "example", ".example", "*.example", "*example",
		"EXAMPLE", ".Example", "*.EXAMPLE", "a.example", "A.example", "a.example.", "a.example:5000", ".a.example:8443", "*.a.example:8443", "a.example:443",
		"a.example:80", "a.example:", "a.example:0443", "a.example:https", ":5000", "http://a.example", "https://a.example:5000", "a.example/", "a.example/24",
		"b.example, a.example", "b.example a.example", "\ta.example\t,x", "x,a.example\n", "a.example;b", "a*.example", "b.*.example", "*.b.a.example",
		"10.1.2.3", " 10.1.2.3 ", "10.1.2.3:5000", "10.1.2.3:80", "10.1.2.3:", "10.1.2", "1.2.3", ".1.2.3", "*.1.2.3", "010.1.2.3", "0x0a010203", "10.1.2.3.",
		"10.0.0.0/8", "10.1.2.3/32", "10.1.2.3/8", "10.0.0.0/0", "0.0.0.0/0", "10.0.0.0/33", "10.0.0.0/", "10.0.0.0/x", "10.0.0.0/08", "10.0.0.0/+8",
		"10.0.0.0/8:5000", "10/8", "fd00::1", "[fd00::1]", "[fd00::1]:5000", "[fd00::1]:443", "fd00::1:5000", "FD00::1", "fd00:0:0::1", "fd00::/8", "[fd00::]/8",
		"::/0", "fd00::1/128", "fd00::/129", "::ffff:10.1.2.3", "[::ffff:10.1.2.3]:5000", "::ffff:10.0.0.0/104", "::ffff:0:0/96", "::ffff:10.0.0.0/95",
		"fd00::1%eth0", "[fd00::1", "fd00::1]", "[[fd00::1]]:443", "[]", "[]:5000", "[a.example]:5000", "registry", "registry:5000", ".registry", "*.registry",
		"reg", "istry", "a:b:c", "localhost", "127.0.0.1"}
)

// TestNoProxyIsReadAsByGo: the table that the native tests replay is what Go says.
func TestNoProxyIsReadAsByGo(t *testing.T) {
	table := exemptions{Asked: asked, By: map[string][]string{}}
	for _, list := range noProxy {
		proxy := (&httpproxy.Config{HTTPProxy: "http://proxy.example", HTTPSProxy: "http://proxy.example", NoProxy: list}).ProxyFunc()
		exempt := []string{}
		for _, one := range asked {
			parsed, err := url.Parse(one)
			if err != nil {
				t.Fatal(err)
			}
			by, err := proxy(parsed)
			if err != nil {
				t.Fatal(err)
			}
			if by == nil {
				exempt = append(exempt, one)
			}
		}
		table.By[list] = exempt
	}
	want, err := json.MarshalIndent(table, "", " ")
	if err != nil {
		t.Fatal(err)
	}
	want = append(want, '\n')
	file := filepath.Join("..", "native", "registry", "no_proxy.json")
	if *writeNoProxy {
		if err := os.WriteFile(file, want, 0o644); err != nil {
			t.Fatal(err)
		}
	}
	got, err := os.ReadFile(file)
	if err != nil {
		t.Fatal(err)
	}
	if !bytes.Equal(got, want) {
		t.Errorf("%s is not what Go says; write it anew with -write-no-proxy", file)
	}
}
