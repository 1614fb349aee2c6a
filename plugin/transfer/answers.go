// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"strings"

	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"
)

// unobtainable tells whether an error is the registry's last word on a document, and puts it in words. Others (it is busy, the
// network failed, credentials ran out) may be gone with the next try, so nothing may be decided by them.
func unobtainable(err error) (string, bool) {
	var answer remoteerrors.ErrUnexpectedStatus
	if errors.As(err, &answer) {
		switch answer.StatusCode {
		case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
			return "", false
		}
		return answered(answer), answer.StatusCode >= 400 && answer.StatusCode < 500
	}
	return "the registry does not have it", errdefs.IsNotFound(err)
}

func answered(answer remoteerrors.ErrUnexpectedStatus) string {
	return "the registry answered " + answer.Status
}

// unreadable is why a document could not be read, in one line and without what is in a URL besides its place: a registry may
// redirect to one that is signed, and whoever reads the log could use it.
type unreadable struct {
	text  string
	cause error
}

func (u *unreadable) Error() string { return u.text }
func (u *unreadable) Unwrap() error { return u.cause }

func newUnreadable(err error) error {
	var answer remoteerrors.ErrUnexpectedStatus
	if errors.As(err, &answer) {
		return &unreadable{text: answered(answer), cause: err}
	}
	text := err.Error()
	var failed *url.Error
	if errors.As(err, &failed) {
		text = fmt.Sprintf("%s %s: %s", failed.Op, placeOf(failed.URL), failed.Err)
	}
	return &unreadable{text: strings.Join(strings.Fields(text), " "), cause: err}
}

func placeOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "the registry"
	}
	return (&url.URL{Scheme: parsed.Scheme, Host: parsed.Host, Path: parsed.Path}).String()
}
