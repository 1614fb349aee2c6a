// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registries

import (
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strings"
	"testing"

	"github.com/refract-oci/refract/tests/shapes"
)

// answer is what a registry answered.
type answer struct {
	status         int
	header         http.Header
	protocol, body string
}

// get asks the registry, with a name and password if a user is given, or else with the token.
func get(t *testing.T, r *Registry, path, user, token string) answer {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, path, nil)
	if err != nil {
		t.Fatal(err)
	}
	if user != "" {
		request.SetBasicAuth(user, Password)
	} else if token != "" {
		request.Header.Set("Authorization", "Bearer "+token)
	}
	request.Header.Set("Accept", "application/vnd.oci.image.index.v1+json")
	client := r.Client()
	defer client.CloseIdleConnections()
	response, err := client.Do(request)
	if err != nil {
		t.Fatal(err)
	}
	defer response.Body.Close()
	body, err := io.ReadAll(response.Body)
	if err != nil {
		t.Fatal(err)
	}
	return answer{response.StatusCode, response.Header, response.Proto, string(body)}
}

// TestEveryConfiguration reads the same index from all of them, and counts.
func TestEveryConfiguration(t *testing.T) {
	shape := shapes.ByName("images-first")
	for _, kind := range []Kind{Distribution, Docker, GoContainerRegistry} {
		for _, login := range []Login{Anonymous, Basic, Bearer, PublicToken} {
			for _, plain := range []bool{false, true} {
				if kind == GoContainerRegistry && login != Anonymous {
					continue
				}
				t.Run(fmt.Sprintf("%s/%s/plain=%v", kind, login, plain), func(t *testing.T) {
					t.Parallel()
					r := StartFor(t, Options{Kind: kind, Login: login, Plain: plain})
					if err := r.Push(t.Context(), "some/app", shape, "v1"); err != nil {
						t.Fatal(err)
					}
					manifest := r.URL() + "/v2/some/app/manifests/v1"
					user, token := "", ""
					refusals := 0
					if login != Anonymous {
						refusals = 1
						refused := get(t, r, manifest, "", "")
						challenge := refused.header.Get("WWW-Authenticate")
						if refused.status != http.StatusUnauthorized {
							t.Fatalf("without a login: %d", refused.status)
						}
						if login == Basic {
							user = User
							if !strings.HasPrefix(challenge, "Basic ") {
								t.Errorf("challenge %q", challenge)
							}
						} else {
							token = fetchToken(t, r, challenge, login)
						}
					}
					got := get(t, r, manifest, user, token)
					if got.status != http.StatusOK || got.body != string(shape.Blobs[shape.Root.Digest]) {
						t.Errorf("%d: %q", got.status, got.body)
					}
					if want := map[bool]string{true: "HTTP/1.1", false: "HTTP/2.0"}[plain]; got.protocol != want {
						t.Errorf("protocol %s", got.protocol)
					}
					counts, err := r.Counts()
					if err != nil {
						t.Fatal(err)
					}
					// Each get has its own connection.
					if len(counts.Requests) != 1+refusals || counts.Connections != 1+refusals {
						t.Errorf("counted %s", counts)
					}
					if last := counts.Requests[len(counts.Requests)-1]; last.Target != "/v2/some/app/manifests/v1" || last.Method != http.MethodGet {
						t.Errorf("counted %s", last)
					}
					// And again, after the registry was started anew.
					if got := get(t, r, manifest, user, token); got.status != http.StatusOK {
						t.Errorf("after counting: %d", got.status)
					}
					if counts, err = r.Counts(); err != nil || counts.Total() != 1 || counts.Connections != 1 {
						t.Errorf("after counting: %s, %v", counts, err)
					}
				})
			}
		}
	}
}

// fetchToken follows the challenge, and looks that wrong passwords and other services are refused.
func fetchToken(t *testing.T, r *Registry, challenge string, login Login) string {
	t.Helper()
	var realm, of, scope string
	if _, err := fmt.Sscanf(strings.ReplaceAll(challenge, ",", " "), "Bearer realm=%q service=%q scope=%q", &realm, &of, &scope); err != nil {
		t.Fatalf("challenge %q: %v", challenge, err)
	}
	query := func(service string) string {
		return realm + "?" + url.Values{"service": {service}, "scope": {scope}}.Encode()
	}
	for _, refused := range []struct {
		path, user string
		want       int
	}{
		{query("other"), User, http.StatusBadRequest},
		{query(of), "nobody", http.StatusUnauthorized},
		{query(of), "", map[Login]int{Bearer: http.StatusUnauthorized, PublicToken: http.StatusOK}[login]},
	} {
		if got := get(t, r, refused.path, refused.user, ""); got.status != refused.want {
			t.Errorf("%s as %q: %d, want %d", refused.path, refused.user, got.status, refused.want)
		}
	}
	body := get(t, r, query(of), User, "").body
	_, token, _ := strings.Cut(body, `"token":"`)
	token, _, _ = strings.Cut(token, `"`)
	if token == "" {
		t.Fatalf("no token in %q", body)
	}
	if asked, opened := r.tokens.take(), r.tokens.relay.Connections(); len(asked) != 4 || opened != 4 {
		t.Errorf("counted %v on %d connections, want 4", asked, opened)
	}
	return token
}

// TestReferrers: go-containerregistry's serves the referrers API, the others do not.
func TestReferrers(t *testing.T) {
	shape := shapes.ByName("image-with-subject")
	for kind, want := range map[Kind]int{Distribution: http.StatusNotFound, Docker: http.StatusNotFound, GoContainerRegistry: http.StatusOK} {
		t.Run(string(kind), func(t *testing.T) {
			r := StartFor(t, Options{Kind: kind})
			if err := r.Push(t.Context(), "app", shape, "v1"); err != nil {
				t.Fatal(err)
			}
			entries, err := shape.Entries()
			if err != nil {
				t.Fatal(err)
			}
			got := get(t, r, r.URL()+"/v2/app/referrers/"+entries[1].Digest.String(), "", "")
			if got.status != want || want == http.StatusOK && !strings.Contains(got.body, entries[0].Digest.String()) {
				t.Errorf("%d: %s", got.status, got.body)
			}
		})
	}
}
