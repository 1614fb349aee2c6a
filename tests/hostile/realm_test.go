// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// sendsTo asks everyone for a token of that realm.
func sendsTo(t *testing.T, tls bool, realm string) *site {
	t.Helper()
	c := newContent()
	return listen(t, tls, func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != "Bearer "+token {
			asksForToken(w, realm)
			return
		}
		c.serve(w, r)
	})
}

func TestRealmAtPrivateAddressIsNotAsked(t *testing.T) {
	for name, host := range forms("@") {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			evil := canary(t)
			s := sendsTo(t, false, "http://"+strings.ReplaceAll(host, "@", evil.port())+"/token")
			got := loggedIn(t, inspect(s), s.host()).run(t)
			got.fails(t, 1, "token server", "private network")
			got.tellsNone(t, secrets()...)
			evil.isUntouched(t)
		})
	}
}

// TestProxyIsNoWayToPrivateAddresses: neither by it nor past it.
func TestProxyIsNoWayToPrivateAddresses(t *testing.T) {
	for name, host := range forms("@") {
		for way, except := range map[string]string{"by the proxy": "", "past the proxy": "*"} {
			t.Run(name+"/"+way, func(t *testing.T) {
				t.Parallel()
				evil, proxy := canary(t), canary(t)
				s := sendsTo(t, false, "http://"+strings.ReplaceAll(host, "@", evil.port())+"/token")
				c := loggedIn(t, inspect(s, "--proxy", proxy.url("")), s.host())
				c.environment = []string{"NO_PROXY=" + except}
				c.run(t).fails(t, 1, "token server", "private network")
				evil.isUntouched(t)
				proxy.isUntouched(t)
			})
		}
	}
}

// TestProxyIsUsed for what is not exempt from it: the operator's own proxy may be at a private address.
func TestProxyIsUsed(t *testing.T) {
	for exempt, code := range map[string]int{"": 0, "other.invalid, .example.org": 0, ".registry.invalid": 0, "registry.invalid:443": 0, "x, invalid": 1, "*.invalid": 1, "REGISTRY.invalid:80": 1, "*": 1} {
		t.Run(exempt, func(t *testing.T) {
			t.Parallel()
			proxy := listen(t, false, newContent().serve)
			c := command{arguments: []string{"inspect", "--source", "index", "--timeout", "1", "--plain-http", "--proxy", proxy.url(""), "registry.invalid/app:v1"}}
			c.environment = []string{"NO_PROXY=" + exempt}
			got := c.run(t)
			if code == 0 {
				got.succeeds(t)
				return
			}
			got.fails(t, code, "registry.invalid")
			proxy.isUntouched(t)
		})
	}
}

func TestRealmIsRefused(t *testing.T) {
	for name, one := range map[string]struct {
		realm string // %s is the other site
		tls   bool
		words []string
	}{
		"without TLS, of a registry with TLS": {"http://%s/token", true, []string{"without TLS"}},
		"with a password":                     {"http://canary-user:canary-password@%s/token", false, []string{"user name or password"}},
		"with a user name":                    {"http://canary-user@%s/token", false, []string{"user name or password"}},
		"of another protocol":                 {"ftp://%s/token?a=canary-token", false, []string{"http"}},
		"that is empty":                       {"", false, nil},
		"that is no URL":                      {"//%s/ token?a=canary-token", false, []string{"no URL"}},
		"that is a path":                      {"/token", false, nil},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			evil := canary(t)
			realm := one.realm
			if strings.Contains(realm, "%s") {
				realm = fmt.Sprintf(realm, evil.host())
			}
			s := sendsTo(t, one.tls, realm)
			got := loggedIn(t, inspect(s, "--allow-host", evil.host()), s.host()).run(t)
			got.fails(t, 1, one.words...)
			got.tellsNone(t, secrets()...)
			evil.isUntouched(t)
		})
	}
}

func TestTokenServerAnswers(t *testing.T) {
	long := func(n int) string { return fmt.Sprintf(`{"token":%q,"padding":%q}`, token, strings.Repeat("x", n)) }
	right := fmt.Sprintf(`{"token":%q}`, token)
	frame := len(fmt.Sprintf(`{"token":%q,"padding":""}`, token))
	for name, one := range map[string]struct {
		body  string
		words string // empty: it is fine
	}{
		"right":                  {right, ""},
		"64 KiB":                 {long(64<<10 - frame), ""},
		"one more than 64 KiB":   {long(64<<10 - frame + 1), "65536 bytes"},
		"endless":                {"", "65536 bytes"},
		"with a line's end":      {`{"token":"a\r\nX-Injected: 1"}`, "characters"},
		"with a space":           {`{"token":"a b"}`, "characters"},
		"with a control code":    {`{"token":"a\u001b"}`, "characters"},
		"without a token":        {`{}`, "no token"},
		"no JSON":                {"\x1b[31mno", ""},
		"a number":               {`{"token":1}`, "token server"},
		"two tokens":             {`{"token":"a","token":"b"}`, "token server"},
		"nothing":                {"-", "token server"},
		"deeper than its limits": {strings.Repeat("[", 2000), "token server"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := listen(t, false, func(w http.ResponseWriter, r *http.Request) {
				for one.body == "" && r.Context().Err() == nil {
					if _, err := w.Write(make([]byte, 4096)); err != nil {
						return
					}
				}
				_, _ = w.Write([]byte(one.body))
			})
			s := sendsTo(t, false, issuer.url("/token"))
			got := loggedIn(t, inspect(s, "--allow-host", issuer.host()), s.host()).run(t)
			if one.words == "" && name != "no JSON" {
				got.succeeds(t)
			} else {
				got.fails(t, 1, one.words, issuer.host())
			}
			s.knowsNone(t, "X-Injected")
		})
	}
}

// TestRedirectOfTokenServer: it may send to others, who then have no password; a refresh token is sent nowhere else at all.
func TestRedirectOfTokenServer(t *testing.T) {
	for name, one := range map[string]struct {
		config  string // %q is the registry
		allowed bool
		code    int
		words   string
	}{
		"to a private address":       {`{"auths":{%q:{"auth":"` + basic() + `"}}}`, false, 1, "private network"},
		"to an allowed one":          {`{"auths":{%q:{"auth":"` + basic() + `"}}}`, true, 0, ""},
		"of an identity token":       {`{"auths":{%q:{"identitytoken":"` + identity + `"}}}`, true, 1, "not followed"},
		"of an identity token, more": {`{"auths":{%q:{"identitytoken":"` + identity + `"}}}`, false, 1, "not followed"},
	} {
		for _, status := range []int{302, 307, 308} {
			t.Run(fmt.Sprintf("%s/%d", name, status), func(t *testing.T) {
				t.Parallel()
				other := listen(t, false, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"token":%q}`, token) })
				issuer := listen(t, false, func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, other.url("/token"), status)
				})
				s := sendsTo(t, false, issuer.url("/token"))
				c := inspect(s, "--allow-host", issuer.host())
				if one.allowed {
					c.arguments = append(c.arguments, "--allow-host", other.host())
				}
				got := configured(t, c, fmt.Sprintf(one.config, s.host())).run(t)
				if one.code == 0 {
					got.succeeds(t)
					other.knowsNone(t, password, identity, basic(), "authorization")
					return
				}
				got.fails(t, one.code, one.words)
				got.tellsNone(t, secrets()...)
				other.isUntouched(t)
			})
		}
	}
}

// TestTokenThatDoesNotHelp is no reason to go on asking.
func TestTokenThatDoesNotHelp(t *testing.T) {
	issuer := listen(t, false, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprint(w, `{"token":"useless"}`) })
	s := sendsTo(t, false, issuer.url("/token"))
	got := loggedIn(t, inspect(s, "--allow-host", issuer.host()), s.host()).run(t)
	got.fails(t, 1, "refuses the credentials")
	if n := len(issuer.asked()); n > 2 {
		t.Errorf("it was asked %d times for a token", n)
	}
}
