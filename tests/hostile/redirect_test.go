// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"encoding/base64"
	"fmt"
	"net/http"
	"strings"
	"sync/atomic"
	"testing"
)

// secretsOf a log-in, as they could arrive: by themselves and as a header.
const (
	user     = "canary-user"
	password = "canary-password"
	token    = "canary-token"
	identity = "canary-identity-token"
)

func basic() string { return base64.StdEncoding.EncodeToString([]byte(user + ":" + password)) }

// encodedLogin is that of the user "u".
func encodedLogin(password string) string {
	return base64.StdEncoding.EncodeToString([]byte("u:" + password))
}

func secrets() []string { return []string{user, password, token, identity, basic()} }

// loggedIn lets a command have a log-in for that host.
func loggedIn(t *testing.T, c command, host string) command {
	t.Helper()
	return configured(t, c, fmt.Sprintf(`{"auths":{%q:{"auth":%q}}}`, host, basic()))
}

func configured(t *testing.T, c command, config string) command {
	t.Helper()
	dir := t.TempDir()
	write(t, config, dir, "config.json")
	c.arguments = append(c.arguments, "--docker-config", dir)
	return c
}

// protected asks for the password first.
func protected(handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") == "" {
			challenge(w, `Basic realm="registry"`)
			return
		}
		handler(w, r)
	}
}

// forms are spellings of addresses that a registry may not send anyone to.
func forms(port string) map[string]string {
	made := map[string]string{}
	for name, host := range map[string]string{
		"loopback": "127.0.0.1", "another loopback": "127.8.7.6", "one number": "2130706433", "hexadecimal": "0x7f000001", "octal": "0177.0.0.1", "short": "127.1",
		"IPv6 loopback": "[::1]", "IPv6 loopback in full": "[0:0:0:0:0:0:0:1]", "mapped": "[::ffff:127.0.0.1]",
		"mapped in hexadecimal": "[::ffff:7f00:1]", "localhost": "localhost", "localhost in capitals": "LOCALHOST", "unspecified": "0.0.0.0",
		"IPv6 unspecified": "[::]", "metadata service": "169.254.169.254", "link-local": "[fe80::1]", "unique local": "[fd00::1]", "private": "10.0.0.1",
		"private, 172": "172.16.0.1", "private, 192": "192.168.0.1", "shared": "100.64.0.1", "protocol assignments": "192.0.0.1", "TEST-NET-1": "192.0.2.1",
		"TEST-NET-2": "198.51.100.1", "TEST-NET-3": "203.0.113.1", "benchmarking": "198.18.0.1", "6to4 relay": "192.88.99.1", "multicast": "224.0.0.1",
		"reserved": "240.0.0.1", "broadcast": "255.255.255.255", "translated": "[::ffff:0:127.0.0.1]", "compatible": "[::127.0.0.1]",
		"NAT64": "[64:ff9b::127.0.0.1]", "NAT64 of a site": "[64:ff9b:1::127.0.0.1]", "6to4": "[2002:7f00:1::1]", "Teredo": "[2001:0:4136:e378:8000:63bf:80ff:fffe]",
		"discard": "[100::1]", "IPv6 documentation": "[2001:db8::1]", "IPv6 documentation, new": "[3fff::1]", "IPv6 benchmarking": "[2001:2::1]",
		"ORCHID": "[2001:20::1]", "segment routing": "[5f00::1]", "site-local": "[fec0::1]", "IPv6 multicast": "[ff02::1]", "given to nobody": "[4000::1]",
	} {
		made[name] = host + ":" + port
	}
	return made
}

func TestRedirectToPrivateAddressIsNotFollowed(t *testing.T) {
	for name, host := range forms("@") {
		for _, kind := range []string{"manifests", "blobs"} {
			t.Run(name+"/"+kind, func(t *testing.T) {
				t.Parallel()
				evil := canary(t)
				location := "http://" + strings.ReplaceAll(host, "@", evil.port()) + "/steal"
				s := listen(t, false, newContent().instead(kind, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, location, http.StatusTemporaryRedirect)
				}))
				get(s).run(t).fails(t, 1, "private network", "app")
				evil.isUntouched(t)
			})
		}
	}
}

func TestRedirectToAllowedHostHasNoSecrets(t *testing.T) {
	for _, status := range []int{301, 302, 303, 307, 308} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			c := newContent()
			other := listen(t, false, func(w http.ResponseWriter, _ *http.Request) { send(w, []byte(payload)) })
			s := listen(t, false, protected(c.instead("blobs", func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, other.url("/blob?signature=1"), status)
			})))
			got := loggedIn(t, get(s, "--allow-host", other.host()), s.host()).run(t)
			got.succeeds(t)
			other.knowsNone(t, append(secrets(), "authorization")...)
		})
	}
}

// TestPasswordIsNotForAnotherHost: who is sent there and asked for a password has none to give, whatever its name.
func TestPasswordIsNotForAnotherHost(t *testing.T) {
	for name, ask := range map[string]func(w http.ResponseWriter, self string){
		"basic":  func(w http.ResponseWriter, _ string) { challenge(w, `Basic realm="registry"`) },
		"bearer": func(w http.ResponseWriter, self string) { asksForToken(w, self+"/token") },
	} {
		for _, host := range []string{"127.0.0.1", "localhost", "[::1]"} {
			t.Run(name+" of "+host, func(t *testing.T) {
				t.Parallel()
				var other *site
				other = listen(t, false, func(w http.ResponseWriter, _ *http.Request) { ask(w, other.url("")) })
				s := listen(t, false, protected(newContent().instead("blobs", func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, "http://"+host+":"+other.port()+"/", http.StatusTemporaryRedirect)
				})))
				got := loggedIn(t, get(s, "--allow-host", host+":"+other.port()), s.host()).run(t)
				got.fails(t, 1, host)
				got.tellsNone(t, secrets()...)
				other.knowsNone(t, append(secrets(), "authorization")...)
				// Its own token server may give one to anybody, if it may be asked at all.
				if other.count("/token") != 0 && host != "127.0.0.1" {
					t.Error("a token server in a private network was asked that nobody allowed")
				}
			})
		}
	}
}

// TestSameHostInAnotherSpellingHasNoPassword: it leads to the same server, but that is not known.
func TestSameHostInAnotherSpellingHasNoPassword(t *testing.T) {
	for _, host := range []string{"localhost", "[::1]", "[::ffff:127.0.0.1]"} {
		t.Run(host, func(t *testing.T) {
			t.Parallel()
			c := newContent()
			var s *site
			s = listen(t, false, func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.URL.Path == "/other":
					send(w, []byte(payload))
				case r.Header.Get("Authorization") == "":
					challenge(w, `Basic realm="registry"`)
				case isFor(r, "blobs"):
					http.Redirect(w, r, "http://"+host+":"+s.port()+"/other", http.StatusTemporaryRedirect)
				default:
					c.serve(w, r)
				}
			})
			loggedIn(t, get(s, "--allow-host", host+":"+s.port()), s.host()).run(t).succeeds(t)
			for _, request := range s.asked() {
				if strings.Contains(request, "GET /other") && strings.Contains(strings.ToLower(request), "authorization") {
					t.Errorf("it was sent with a password: %q", request)
				}
			}
		})
	}
}

func TestRedirectIsRefused(t *testing.T) {
	for name, one := range map[string]struct {
		location string // %s is the other site
		tls      bool
		words    []string
	}{
		"from TLS to none":            {"http://%s/", true, []string{"without TLS"}},
		"with a user name":            {"http://canary-user@%s/", false, []string{"user name or password"}},
		"with a password":             {"http://canary-user:canary-password@%s/", false, []string{"user name or password"}},
		"with an empty user":          {"http://:canary-password@%s/", false, []string{"user name or password"}},
		"to another protocol":         {"ftp://canary-user:canary-password@%s/?signature=canary-token", false, []string{"http"}},
		"to a file":                   {"file:///etc/passwd?%s", false, []string{"http"}},
		"to gopher":                   {"gopher://%s/?canary-token", false, []string{"http"}},
		"to what is no URL":           {"http://%s/a b?signature=canary-token", false, []string{"no URL"}},
		"to a malformed port":         {"http://canary-user:canary-password@%s1234567/?signature=canary-token", false, []string{"no URL"}},
		"with a backslash":            {`http://%s\@127.0.0.1/?signature=canary-token`, false, []string{"no URL"}},
		"with a zone":                 {"http://[fe80::1%%25lo]/?signature=canary-token&%s", false, nil},
		"to nowhere":                  {"", false, []string{"redirects"}},
		"with terminal escapes":       {"http://%s/\x1b[31m?signature=canary-token", false, []string{"no URL"}},
		"from TLS to another scheme":  {"HTTP://%s/", true, []string{"without TLS"}},
		"with a user in another case": {"HtTp://canary-user@%s/", false, []string{"user name or password"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			evil := canary(t)
			location := one.location
			if strings.Contains(location, "%s") {
				location = fmt.Sprintf(location, evil.host())
			}
			s := listen(t, one.tls, newContent().instead("blobs", func(w http.ResponseWriter, _ *http.Request) {
				w.Header()["Location"] = []string{location}
				w.WriteHeader(http.StatusTemporaryRedirect)
			}))
			got := get(s, "--allow-host", evil.host()).run(t)
			got.fails(t, 1, one.words...)
			got.tellsNone(t, secrets()...)
			evil.isUntouched(t)
		})
	}
}

func TestRedirectsAreCounted(t *testing.T) {
	for most, code := range map[int64]int{5: 0, 6: 1, 1 << 30: 1} {
		t.Run(fmt.Sprint(most), func(t *testing.T) {
			t.Parallel()
			var seen atomic.Int64
			c := newContent()
			s := listen(t, false, func(w http.ResponseWriter, r *http.Request) {
				if strings.HasPrefix(r.URL.Path, "/v2/app/blobs") || r.URL.Path == "/again" {
					if seen.Add(1) <= most {
						http.Redirect(w, r, "/again", http.StatusTemporaryRedirect)
						return
					}
					send(w, []byte(payload))
					return
				}
				c.serve(w, r)
			})
			got := get(s).run(t)
			if code == 0 {
				got.succeeds(t)
			} else {
				got.fails(t, code, "redirects once more after 5 times")
			}
			if n := seen.Load(); n != 6 {
				t.Errorf("want 6 requests, there were %d", n)
			}
		})
	}
}
