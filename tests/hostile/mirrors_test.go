// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package hostile

import (
	"fmt"
	"net/http"
	"strings"
	"testing"
)

// TestMirrorAndUpstreamShareNothing: headers and passwords of the one never reach the other.
func TestMirrorAndUpstreamShareNothing(t *testing.T) {
	const ofMirror, ofUpstream = "canary-of-mirror", "canary-of-upstream"
	for name, mirrorAnswers := range map[string]http.HandlerFunc{
		"when the mirror has nothing":           func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusNotFound) },
		"when the mirror asks for more":         func(w http.ResponseWriter, _ *http.Request) { challenge(w, `Basic realm="mirror"`) },
		"when the mirror refuses":               func(w http.ResponseWriter, _ *http.Request) { w.WriteHeader(http.StatusForbidden) },
		"when the mirror sends to nowhere":      func(w http.ResponseWriter, r *http.Request) { http.Redirect(w, r, "ftp://nowhere/", http.StatusFound) },
		"when the mirror's realm is private":    func(w http.ResponseWriter, _ *http.Request) { asksForToken(w, "http://169.254.169.254/") },
		"when the mirror sends to the upstream": nil,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			c := newContent()
			upstream := listen(t, false, func(w http.ResponseWriter, r *http.Request) {
				if r.URL.Query().Get("from") == "mirror" {
					w.WriteHeader(http.StatusForbidden)
					return
				}
				protected(c.serve)(w, r)
			})
			answer := mirrorAnswers
			if answer == nil {
				answer = func(w http.ResponseWriter, r *http.Request) {
					http.Redirect(w, r, upstream.url(r.URL.Path+"?from=mirror"), http.StatusTemporaryRedirect)
				}
			}
			mirror := listen(t, false, protected(answer))
			dir := t.TempDir()
			write(t, fmt.Sprintf("server = %q\n[host.%q]\n[host.%q.header]\nx-mirror = %q\n[host.%q]\n[host.%q.header]\nx-upstream = %q\n",
				upstream.url(""), mirror.url(""), mirror.url(""), ofMirror, upstream.url(""), upstream.url(""), ofUpstream), dir, upstream.host(), "hosts.toml")
			login := func(host, password string) string {
				return fmt.Sprintf(`%q:{"username":"u","password":%q}`, host, password)
			}
			run := configured(t, get(upstream, "--debug", "--hosts-dir", dir),
				`{"auths":{`+login(mirror.host(), "password-of-mirror")+","+login(upstream.host(), "password-of-upstream")+`}}`)
			got := run.run(t)
			got.succeeds(t)
			if got.stdout != payload {
				t.Errorf("it prints %q", got.stdout)
			}
			mirror.knowsNone(t, ofUpstream, encodedLogin("password-of-upstream"))
			upstream.knowsNone(t, ofMirror, encodedLogin("password-of-mirror"))
			for _, request := range upstream.asked() {
				if strings.Contains(request, "from=mirror") && strings.Contains(request, "Authorization") {
					t.Errorf("the mirror's way to it has its password: %q", request)
				}
			}
			if !strings.Contains(strings.Join(mirror.asked(), ""), ofMirror) || !strings.Contains(strings.Join(upstream.asked(), ""), ofUpstream) {
				t.Error("their own headers did not arrive, so this proves nothing")
			}
			got.tellsNone(t, ofMirror, ofUpstream, "password-of")
		})
	}
}

// TestMirrorCannotLie: what it says of a digest is checked, as what the upstream says.
func TestMirrorCannotLie(t *testing.T) {
	c := newContent()
	upstream := listen(t, false, c.serve)
	mirror := listen(t, false, c.instead("blobs", func(w http.ResponseWriter, _ *http.Request) {
		send(w, []byte(strings.Replace(payload, "2.3", "6.6", 1)))
	}))
	dir := t.TempDir()
	write(t, fmt.Sprintf("server = %q\n[host.%q]\n", upstream.url(""), mirror.url("")), dir, upstream.host(), "hosts.toml")
	to := t.TempDir()
	get(upstream, "--hosts-dir", dir, "-o", to+"/").run(t).fails(t, 1, "digest mismatch")
	isEmpty(t, to)
}
