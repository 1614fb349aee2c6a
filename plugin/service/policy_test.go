// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service_test

import (
	"reflect"
	"slices"
	"testing"
	"time"

	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"google.golang.org/grpc"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/service"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
)

// Every key of a policy arrives, of a rule's as of the policy around it.
func TestPolicyIsTold(t *testing.T) {
	own := policy.Policy{
		ImageTarget: policy.TargetIndex, References: policy.ReferencesFetch, Types: []string{"sbom"}, MaxBytes: 7, MaxBytesTotal: 8, Platforms: policy.PlatformsAll,
		Discover: []policy.Place{policy.PlaceCosign, policy.PlaceReferrers}, Deadline: 3 * time.Second, MaxRequests: 9,
		Required: []string{"signature", "sbom"}, RequiredAction: policy.RequiredWarn,
	}
	whole := policy.Default()
	whole.Rules = []policy.Rule{{Match: "h.example/team/*", Policy: own}}
	p := newPlace(t, service.WithPolicy(whole))
	ctx := namespaces.WithNamespace(t.Context(), "test")
	for image, want := range map[string]policy.Policy{"h.example/team/app:v1": own, "H.example:443/team/app": own, "h.example/app:v1": policy.Default()} {
		got, err := p.client.Policy(ctx, image)
		if err != nil || !reflect.DeepEqual(got, want) {
			t.Errorf("%s: %+v, %v, want %+v", image, got, err, want)
		}
	}
	for _, image := range []string{"", "h.example/other/%2e%2e/team/app:v1"} {
		if got, err := p.client.Policy(ctx, image); !errdefs.IsInvalidArgument(err) {
			t.Errorf("%q: %+v, %v", image, got, err)
		}
	}
	if _, err := p.client.Policy(t.Context(), "h.example/app"); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("without a namespace: %v", err)
	}
	if got := reflect.TypeFor[policy.Policy]().NumField() - 1; got != (&refractv1.PolicyResponse{}).ProtoReflect().Descriptor().Fields().Len() {
		t.Errorf("a policy has %d keys besides its rules, and they do not all have a field", got)
	}
}

// A service that is older than the method has a policy all the same; where there is no service, there is none.
func TestPolicyOfAnOlderServiceIsNotTakenForNone(t *testing.T) {
	ctx := namespaces.WithNamespace(t.Context(), "test")
	older := refractv1.References_ServiceDesc
	older.Methods = slices.DeleteFunc(slices.Clone(older.Methods), func(method grpc.MethodDesc) bool { return method.MethodName == "Policy" })
	server := grpc.NewServer()
	server.RegisterService(&older, refractv1.UnimplementedReferencesServer{})
	if got, err := service.NewClient(connect(t, server)).Policy(ctx, "h.example/app:v1"); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("%+v, %v", got, err)
	}
	if got, err := service.NewClient(connect(t, grpc.NewServer())).Policy(ctx, "h.example/app:v1"); !errdefs.IsNotImplemented(err) {
		t.Errorf("%+v, %v", got, err)
	}
}

func TestNoPolicyIsTold(t *testing.T) {
	ctx := namespaces.WithNamespace(t.Context(), "test")
	if got, err := newPlace(t).client.Policy(ctx, "h.example/app:v1"); !errdefs.IsNotImplemented(err) {
		t.Errorf("%+v, %v", got, err)
	}
}
