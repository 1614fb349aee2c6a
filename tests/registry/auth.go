// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"net/http"
	"strings"
)

const tokenPath = "/token"

// Auth is what a registry asks for: a user's name and password, itself or at its token server.
type Auth struct {
	User, Password string
	// Bearer makes it send clients to the token server, which is at the same host.
	Bearer bool
}

// token is what the token server gives out: as good as any, for it is only compared.
func (a *Auth) token() string { return "token-of-" + a.User }

func (a *Auth) admit(w http.ResponseWriter, r *http.Request, target Target, host string) bool {
	user, password, basic := r.BasicAuth()
	right := basic && user == a.User && password == a.Password
	if target.Kind == "token" {
		if !right {
			refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
			return false
		}
		w.Header().Set("Content-Type", "application/json")
		fmt.Fprintf(w, `{"token":%q,"expires_in":300}`, a.token())
		return false // it is answered
	}
	challenge := `Basic realm="test"`
	if a.Bearer {
		scheme, given, _ := strings.Cut(r.Header.Get("Authorization"), " ")
		right = strings.EqualFold(scheme, "bearer") && given == a.token()
		challenge = fmt.Sprintf("Bearer realm=%q,service=%q,scope=%q", "http://"+host+tokenPath, host, "repository:"+target.Repository+":pull")
	}
	if !right {
		w.Header().Set("WWW-Authenticate", challenge)
		refuse(w, http.StatusUnauthorized, "UNAUTHORIZED")
	}
	return right
}
