// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package regerr puts what came of asking a registry into words: whether it is the registry's last word, and what a person may
// read of it.
package regerr

import (
	"errors"
	"fmt"
	"net/http"
	"net/url"
	"regexp"
	"strings"

	remoteerrors "github.com/containerd/containerd/v2/core/remotes/errors"
	"github.com/containerd/errdefs"

	"github.com/refract-oci/refract/plugin/native"
)

// Final tells whether an error is the registry's last word on a document, and puts it in words. Others (it is busy, the network
// failed, credentials ran out) may be gone with the next try, so nothing may be decided by them.
func Final(err error) (string, bool) {
	var answer remoteerrors.ErrUnexpectedStatus
	if !errors.As(err, &answer) {
		return "the registry does not have it", errdefs.IsNotFound(err)
	}
	switch answer.StatusCode {
	case http.StatusUnauthorized, http.StatusProxyAuthRequired, http.StatusRequestTimeout, http.StatusTooEarly, http.StatusTooManyRequests:
		return "", false
	}
	return "the registry answered " + answer.Status, answer.StatusCode >= 400 && answer.StatusCode < 500
}

// readable is an error whose text is one line, and without what is in a URL besides its place.
type readable struct {
	text  string
	cause error
}

func (r *readable) Error() string { return r.text }
func (r *readable) Unwrap() error { return r.cause }

// queryOfURL and userOfURL are the parts of URLs that are nobody's business, in texts that others put together. What ends such a
// text's part is no part of the URL before it.
var (
	queryOfURL = regexp.MustCompile(`\?([^\s"]*[^\s":;,.)])?`)
	userOfURL  = regexp.MustCompile(`//[^/\s"]*@`)
)

// Readable makes one line of an error, fit to be shown and logged: a registry may redirect to a URL that is signed, and whoever
// reads the line could use it. nil stays nil.
func Readable(err error) error {
	if err == nil {
		return nil
	}
	text := err.Error()
	var answer remoteerrors.ErrUnexpectedStatus
	var failed *url.Error
	switch {
	case errors.As(err, &answer):
		text = fmt.Sprintf("the registry answered %s to %s %s", answer.Status, answer.RequestMethod, placeOf(answer.RequestURL))
	case errors.As(err, &failed):
		text = fmt.Sprintf("%s %s: %s", failed.Op, placeOf(failed.URL), failed.Err)
	}
	return &readable{text: line(text), cause: err}
}

func placeOf(address string) string {
	parsed, err := url.Parse(address)
	if err != nil {
		return "(a malformed URL)"
	}
	return (&url.URL{Scheme: parsed.Scheme, Host: parsed.Host, Path: parsed.Path}).String()
}

// Shown makes one line of an error, fit to be shown and logged, and keeps all of its words but those of URLs. nil stays nil.
func Shown(err error) error {
	if err == nil {
		return nil
	}
	return &readable{text: line(err.Error()), cause: err}
}

func line(text string) string {
	text = userOfURL.ReplaceAllString(queryOfURL.ReplaceAllString(text, ""), "//")
	return native.Printable(strings.Join(strings.Fields(text), " "))
}
