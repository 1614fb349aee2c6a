// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"encoding/pem"
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// wanting answers only those who send this.
func wanting(authorization, asking string, handler http.HandlerFunc) http.HandlerFunc {
	return func(w http.ResponseWriter, r *http.Request) {
		if r.Header.Get("Authorization") != authorization {
			challenge(w, asking)
			return
		}
		handler(w, r)
	}
}

// TestLogins are read from where docker and crane read them.
func TestLogins(t *testing.T) {
	for name, one := range map[string]struct{ wants, config, environment string }{
		"registry token":                   {"Bearer " + token, `{"auths":{%q:{"registrytoken":"` + token + `"}}}`, ""},
		"registry token before a password": {"Bearer " + token, `{"auths":{%q:{"registrytoken":"` + token + `","auth":"` + basic() + `"}}}`, ""},
		"auth with a line end":             {"Basic " + basic(), `{"auths":{%q:{"auth":"` + basic() + `\n"}}}`, ""},
		"auth in several lines":            {"Basic " + basic(), `{"auths":{%q:{"auth":"` + basic()[:8] + `\r\n` + basic()[8:] + `\r\n"}}}`, ""},
		"DOCKER_AUTH_CONFIG":               {"Basic " + basic(), `{}`, `{"auths":{%q:{"auth":"` + basic() + `"}}}`},
		"DOCKER_AUTH_CONFIG before a file": {"Basic " + basic(), `{"auths":{%q:{"auth":"` + encodedLogin("other") + `"}}}`,
			`{"auths":{%q:{"auth":"` + basic() + `"}}}`},
		"DOCKER_AUTH_CONFIG before a helper": {"Basic " + basic(), `{"credsStore":"canary-no-such-helper"}`, `{"auths":{%q:{"auth":"` + basic() + `"}}}`},
	} {
		for _, asking := range []string{`Basic realm="x"`, `Bearer realm="http://127.0.0.1:1/"`} {
			if strings.HasPrefix(one.wants, "Basic") && strings.HasPrefix(asking, "Bearer") {
				continue
			}
			t.Run(name+"/"+asking[:6], func(t *testing.T) {
				t.Parallel()
				s := listen(t, false, wanting(one.wants, asking, newContent().serve))
				fill := func(text string) string {
					if !strings.Contains(text, "%q") {
						return text
					}
					return fmt.Sprintf(text, s.host())
				}
				c := configured(t, inspect(s, "--debug"), fill(one.config))
				c.environment = []string{"DOCKER_AUTH_CONFIG=" + fill(one.environment)}
				got := c.run(t)
				got.succeeds(t)
				got.tellsNone(t, secrets()...)
			})
		}
	}
}

// TestConfigurationThatIsWrong is not an image that is not there.
func TestConfigurationThatIsWrong(t *testing.T) {
	for name, one := range map[string]struct {
		config, environment, words string
	}{
		"helper of all":       {`{"credsStore":"canary-no-such-helper"}`, "", "no program docker-credential-canary-no-such-helper"},
		"helper of this host": {`{"credHelpers":{%q:"canary-no-such-helper"}}`, "", "no program docker-credential-canary-no-such-helper"},
		"environment":         {`{}`, `{"auths":{%q:{"auth":"canary-password!"}}}`, "DOCKER_AUTH_CONFIG"},
		"registry token":      {`{"auths":{%q:{"registrytoken":"canary-token\r\nX: y"}}}`, "", "control characters"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			s := listen(t, false, protected(newContent().serve))
			fill := func(text string) string { return strings.ReplaceAll(text, "%q", fmt.Sprintf("%q", s.host())) }
			c := configured(t, inspect(s), fill(one.config))
			c.environment = []string{"DOCKER_AUTH_CONFIG=" + fill(one.environment)}
			got := c.run(t)
			got.fails(t, 1, one.words)
			got.tellsNone(t, secrets()...)
		})
	}
}

// TestBrokenEnvironmentHindersNoPublicImage: docker passes over what it cannot read there, and says so.
func TestBrokenEnvironmentHindersNoPublicImage(t *testing.T) {
	for name, environment := range map[string]string{
		"no JSON": "canary-password", "wrong type": `{"auths":["canary-password"]}`, "no base64": `{"auths":{%q:{"auth":"canary-password!"}}}`,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			issuer := listen(t, false, func(w http.ResponseWriter, _ *http.Request) { fmt.Fprintf(w, `{"token":%q}`, token) })
			s := sendsTo(t, false, issuer.url("/token"))
			c := configured(t, inspect(s, "--allow-host", issuer.host()), `{}`)
			c.environment = []string{"DOCKER_AUTH_CONFIG=" + strings.ReplaceAll(environment, "%q", fmt.Sprintf("%q", s.host()))}
			got := c.run(t)
			got.warns(t, "DOCKER_AUTH_CONFIG", "passed over")
			got.tellsNone(t, secrets()...)
			// Who has a log-in in a file is logged in.
			kept := loggedIn(t, inspect(s, "--allow-host", issuer.host()), s.host())
			kept.environment = c.environment
			kept.run(t).warns(t, "DOCKER_AUTH_CONFIG")
		})
	}
}

// TestRegistryThatHidesFromStrangers: who is told that there is nothing, and has a log-in, asks what the registry wants to know.
func TestRegistryThatHidesFromStrangers(t *testing.T) {
	for _, status := range []int{400, 401, 403, 404} {
		t.Run(fmt.Sprint(status), func(t *testing.T) {
			t.Parallel()
			hide := func(w http.ResponseWriter, r *http.Request) {
				switch {
				case r.Header.Get("Authorization") == "Basic "+basic():
					newContent().serve(w, r)
				case r.URL.Path == "/v2/":
					challenge(w, `Basic realm="x"`)
				default:
					w.WriteHeader(status)
				}
			}
			s := listen(t, false, hide)
			got := loggedIn(t, get(s), s.host()).run(t)
			got.succeeds(t)
			if got.stdout != payload || s.count("/v2/ HTTP") != 1 {
				t.Errorf("it prints %q after %q", got.stdout, s.asked())
			}
			s = listen(t, false, hide)
			code := 1
			if status == 404 {
				code = 3
			}
			inspect(s).run(t).fails(t, code, s.host())
			if s.count("/v2/ HTTP") != 0 {
				t.Error("it is asked for a challenge though there is no log-in")
			}
		})
	}
}

// certificate of a site with TLS.
func certificate(s *site) string {
	return string(pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: s.server.Certificate().Raw}))
}

// TestRedirectToHostWithItsOwnLogin: by TLS it gets its own log-in and nothing of the first one's.
func TestRedirectToHostWithItsOwnLogin(t *testing.T) {
	for name, tls := range map[string]bool{"without TLS": false, "with TLS": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContent()
			other := listen(t, tls, wanting("Basic "+encodedLogin("of-other"), `Basic realm="other"`, c.serve))
			s := listen(t, false, protected(func(w http.ResponseWriter, r *http.Request) {
				http.Redirect(w, r, other.url(r.URL.Path), http.StatusTemporaryRedirect)
			}))
			command := configured(t, get(s, "--allow-host", other.host()),
				fmt.Sprintf(`{"auths":{%q:{"auth":%q},%q:{"auth":%q}}}`, s.host(), basic(), other.host(), encodedLogin("of-other")))
			if tls {
				dir := t.TempDir()
				write(t, certificate(other), dir, "ca.pem")
				command.environment = []string{"SSL_CERT_FILE=" + dir + "/ca.pem"}
			}
			got := command.run(t)
			got.succeeds(t)
			if got.stdout != payload {
				t.Errorf("it prints %q", got.stdout)
			}
			other.knowsNone(t, secrets()...)
			s.knowsNone(t, encodedLogin("of-other"))
		})
	}
}
