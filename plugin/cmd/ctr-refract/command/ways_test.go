// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"context"
	"errors"
	"fmt"
	"testing"

	"github.com/containerd/errdefs"

	"github.com/refract-oci/refract/plugin/references"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
)

// way is one that notes how often it was asked.
type way struct {
	asked int
	err   error
}

func (w *way) List(context.Context, string) (*references.Listing, error) {
	w.asked++
	return &references.Listing{}, w.err
}

func (w *way) Uses(context.Context, string) (*references.Uses, error) {
	w.asked++
	return &references.Uses{}, w.err
}

func (w *way) Watch(context.Context, bool, func(*refractv1.WatchResponse) error) error {
	w.asked++
	return w.err
}

// Where there is the service, nothing else is asked, whatever it answers; where there is none, one call tells so.
func TestTheStoresAreAskedOnlyWhereThereIsNoService(t *testing.T) {
	other := errors.New("other")
	cases := []struct {
		answer error
		stores int
		want   error
	}{
		{nil, 0, nil},
		{fmt.Errorf("unknown service: %w", errdefs.ErrNotImplemented), 1, other},
		{errdefs.ErrNotFound, 0, errdefs.ErrNotFound},
		{errdefs.ErrUnavailable, 0, errdefs.ErrUnavailable},
	}
	for _, c := range cases {
		for name, ask := range map[string]func(Reader) error{
			"list": func(r Reader) error { _, err := r.List(t.Context(), "image"); return err },
			"uses": func(r Reader) error { _, err := r.Uses(t.Context(), "digest"); return err },
			"watch": func(r Reader) error {
				return r.Watch(t.Context(), true, func(*refractv1.WatchResponse) error { return nil })
			},
		} {
			service, stores := &way{err: c.answer}, &way{err: other}
			if err := ask(eitherWay{service, stores}); !errors.Is(err, c.want) || service.asked != 1 || stores.asked != c.stores {
				t.Errorf("%s, service answers %v: error %v, service asked %d times, stores %d", name, c.answer, err, service.asked, stores.asked)
			}
		}
	}
}
