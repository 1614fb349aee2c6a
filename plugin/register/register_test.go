// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package register

import (
	"os"
	"reflect"
	"slices"
	"testing"

	_ "github.com/containerd/containerd/v2/cmd/containerd/builtins"
	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/plugin"
	"github.com/containerd/plugin/registry"
)

// What containerd registers, as it was before this package changed it.
var stock []plugin.Registration

func TestMain(m *testing.M) {
	stock = registry.Graph(nil)
	if err := Decorate(); err != nil {
		panic(err)
	}
	os.Exit(m.Run())
}

func TestDecorateChangesFourAddsTwoAndNothingElse(t *testing.T) {
	decorated := registry.Graph(nil)
	if len(decorated) != len(stock)+2 {
		t.Fatalf("%d plugins, containerd alone has %d", len(decorated), len(stock))
	}
	if len(stock) < 50 {
		t.Fatalf("containerd registers only %d plugins: are its built-in ones imported?", len(stock))
	}
	changed := map[string]bool{}
	for _, before := range stock {
		at := slices.IndexFunc(decorated, func(r plugin.Registration) bool { return r.URI() == before.URI() })
		if at < 0 {
			t.Errorf("%s is gone", before.URI())
			continue
		}
		after := decorated[at]
		if before.Config != nil && reflect.ValueOf(before.Config).Pointer() != reflect.ValueOf(after.Config).Pointer() {
			t.Errorf("%s has another configuration", before.URI())
		}
		if reflect.ValueOf(before.ConfigMigration).Pointer() != reflect.ValueOf(after.ConfigMigration).Pointer() {
			t.Errorf("%s migrates its configuration otherwise", before.URI())
		}
		if !slices.Equal(before.Requires, after.Requires) {
			if want := append(slices.Clone(before.Requires), PluginType); before.Type != plugins.TransferPlugin || !slices.Equal(want, after.Requires) {
				t.Errorf("%s requires %v instead of %v", before.URI(), after.Requires, before.Requires)
			}
		}
		if reflect.ValueOf(before.InitFn).Pointer() != reflect.ValueOf(after.InitFn).Pointer() {
			changed[before.URI()] = true
		}
	}
	if !reflect.DeepEqual(changed, map[string]bool{
		"io.containerd.transfer.v1.local": true, "io.containerd.grpc.v1.transfer": true, "io.containerd.cri.v1.images": true,
	}) {
		t.Errorf("initialised otherwise: %v", changed)
	}
	for _, added := range []string{"io.containerd.refract.v1.policy", "io.containerd.grpc.v1.refract-references"} {
		if slices.IndexFunc(decorated, func(r plugin.Registration) bool { return r.URI() == added }) < 0 {
			t.Errorf("%s is not registered", added)
		}
	}
}

// The order in which plugins start stays containerd's.
func TestOrderOfPlugins(t *testing.T) {
	decorated := slices.DeleteFunc(registry.Graph(nil), func(r plugin.Registration) bool { return r.Type == PluginType || r.ID == serviceID })
	for i := range stock {
		if stock[i].URI() != decorated[i].URI() {
			t.Fatalf("number %d is %s, with containerd alone %s", i, decorated[i].URI(), stock[i].URI())
		}
	}
}

func TestConfigTypes(t *testing.T) {
	type unpack struct{ ConfigType string }
	config := &struct{ UnpackConfiguration []unpack }{[]unpack{{"application/vnd.example.config"}, {""}}}
	if got := configTypes(config); !slices.Equal(got, []string{"application/vnd.example.config"}) {
		t.Errorf("config types %v", got)
	}
	for _, other := range []any{nil, 1, struct{}{}, &struct{ UnpackConfiguration string }{"x"}} {
		if got := configTypes(other); got != nil {
			t.Errorf("config types %v of %v", got, other)
		}
	}
	// containerd's own, whose type only it can name, has the field.
	at := slices.IndexFunc(stock, func(r plugin.Registration) bool { return r.Type == plugins.TransferPlugin })
	if !field(reflect.ValueOf(stock[at].Config), "UnpackConfiguration").IsValid() {
		t.Errorf("%T has no UnpackConfiguration any more", stock[at].Config)
	}
}
