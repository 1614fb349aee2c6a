// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service_test

import (
	"reflect"
	"testing"

	"google.golang.org/grpc/codes"

	"github.com/refract-oci/refract/plugin/references"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/tests/shapes"
)

// texts leave of what was found what can be compared.
func texts(uses *references.Uses) [][2]string {
	var all [][2]string
	for _, failure := range uses.Failures {
		all = append(all, [2]string{failure.Image, failure.Err.Error()})
	}
	return all
}

func TestImagesFindsWhatTheStoresHave(t *testing.T) {
	p := newPlace(t)
	broken := shapes.ByName("artifact-first-same-platform")
	p.pull(broken)
	for _, shape := range []shapes.Shape{shapes.ByName("images-first"), shapes.ByName("three-levels"), shapes.ByName("single-manifest")} {
		p.pull(shape)
	}
	p.Spoil(t, broken.Root.Digest, make([]byte, broken.Root.Size))
	shape := shapes.ByName("images-first")
	for _, name := range []string{shape.Root.Digest.String(), shape.Selected.Encoded()[:12], shape.References[0].String(), shape.Configs[shape.Selected].String(), "sha256:", "ffffffffff"} {
		want, err := p.stores().Uses(p.ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		got, err := p.client.Uses(p.ctx, name)
		if err != nil {
			t.Fatal(err)
		}
		if len(got.Found) != len(want.Found) || (len(got.Found) == 0) != (name == "ffffffffff") {
			t.Errorf("%s: found %d, want %d", name, len(got.Found), len(want.Found))
			continue
		}
		for i := range got.Found {
			if len(want.Found[i].Path) == 0 {
				want.Found[i].Path = nil // over the wire, none and nil are one
			}
		}
		if !reflect.DeepEqual(got.Found, want.Found) && len(got.Found) > 0 {
			t.Errorf("%s: found\n%+v\nwant\n%+v", name, got.Found, want.Found)
		}
		if !reflect.DeepEqual(texts(got), texts(want)) || len(got.Failures) != 1 {
			t.Errorf("%s: failures %v, want %v", name, texts(got), texts(want))
		}
	}
}

func TestImagesOfNothingIsRefused(t *testing.T) {
	p := newPlace(t)
	_, err := received(p.raw.Images(p.ctx, &refractv1.ImagesRequest{}))
	wantCode(t, err, codes.InvalidArgument)
}
