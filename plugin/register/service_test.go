// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package register

import (
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/plugin"
	"google.golang.org/grpc"

	"github.com/refract-oci/refract/plugin/policy"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
	"github.com/refract-oci/refract/tests/node"
)

// initialised makes what the service's plugin makes beside plugins that made these.
func initialised(t *testing.T, metadata, events any) (any, error) {
	t.Helper()
	set := plugin.NewPluginSet()
	ic := plugin.NewContext(t.Context(), set, nil)
	for kind, made := range map[plugin.Type]any{plugins.MetadataPlugin: metadata, plugins.EventPlugin: events} {
		other := &plugin.Registration{Type: kind, ID: "test", InitFn: func(*plugin.InitContext) (any, error) { return made, nil }}
		if err := set.Add(other.Init(ic)); err != nil {
			t.Fatal(err)
		}
	}
	configured := &plugin.Registration{Type: PluginType, ID: policyID, InitFn: func(*plugin.InitContext) (any, error) { return policy.Default(), nil }}
	if err := set.Add(configured.Init(ic)); err != nil {
		t.Fatal(err)
	}
	return servicePlugin().InitFn(ic)
}

// What containerd does with the plugins of this type: it hands its server to those that have this method.
func TestServiceRegistersOnContainerdsServer(t *testing.T) {
	_, here := node.NewWatched(t)
	made, err := initialised(t, here.DB, here.Events)
	if err != nil {
		t.Fatal(err)
	}
	service, ok := made.(interface{ Register(*grpc.Server) error })
	if !ok {
		t.Fatalf("containerd would not register a %T", made)
	}
	server := grpc.NewServer()
	if err := service.Register(server); err != nil {
		t.Fatal(err)
	}
	info := server.GetServiceInfo()[refractv1.References_ServiceDesc.ServiceName]
	if len(info.Methods) != 5 {
		t.Errorf("registered %+v", server.GetServiceInfo())
	}
}

func TestServiceSaysWhichPluginIsNotContainerds(t *testing.T) {
	_, here := node.NewWatched(t)
	for word, pair := range map[string][2]any{"metadata plugin is a int": {1, here.Events}, "event plugin is a int": {here.DB, 1}} {
		if _, err := initialised(t, pair[0], pair[1]); err == nil || !strings.Contains(err.Error(), word) {
			t.Errorf("error %v, want %q", err, word)
		}
	}
}
