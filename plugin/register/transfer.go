// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package register

import (
	"fmt"
	"reflect"
	"slices"

	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/errdefs"
	"github.com/containerd/plugin"
	"github.com/prometheus/client_golang/prometheus"

	"github.com/refract-oci/refract/plugin/metrics"
	"github.com/refract-oci/refract/plugin/native"
	refract "github.com/refract-oci/refract/plugin/transfer"
)

// decorateTransfer wraps what the transfer plugin makes. Its ID and configuration stay as they are, so that every file and
// every plugin that names it works as before.
func decorateTransfer(registration *plugin.Registration) {
	stock := registration.InitFn
	registration.Requires = append(slices.Clone(registration.Requires), PluginType)
	registration.InitFn = func(ic *plugin.InitContext) (any, error) {
		native.KeepLittleMemory()
		// Asked for first: with a bad policy no pull is better than one without it.
		policy, err := configuredPolicy(ic)
		if err != nil {
			return nil, err
		}
		made, err := stock(ic)
		if err != nil {
			return nil, err
		}
		inner, ok := made.(transfer.Transferrer)
		if !ok {
			return nil, fmt.Errorf("containerd's transfer plugin made a %T: %w", made, errdefs.ErrInternal)
		}
		// Where containerd serves its own.
		counted, err := metrics.Register(prometheus.DefaultRegisterer)
		if err != nil {
			return nil, fmt.Errorf("metrics: %w", err)
		}
		db, err := metadataOf(ic)
		if err != nil {
			return nil, err
		}
		store := db.ContentStore()
		sharing := refract.NewSharing(store)
		if inner, err = share(inner, sharing); err != nil {
			return nil, err
		}
		return refract.New(inner, store, policy, configTypes(ic.Config), refract.WithMetrics(counted), refract.WithSharing(sharing)), nil
	}
}

// configTypes are the config media types that the transfer plugin is configured to unpack, besides images'. Its configuration
// is of a type that only it can name.
func configTypes(config any) []string {
	var types []string
	unpacks := field(reflect.ValueOf(config), "UnpackConfiguration")
	if !unpacks.IsValid() || unpacks.Kind() != reflect.Slice {
		return nil
	}
	for i := range unpacks.Len() {
		if one := field(unpacks.Index(i), "ConfigType"); one.IsValid() && one.Kind() == reflect.String && one.String() != "" {
			types = append(types, one.String())
		}
	}
	return types
}

// field is a field of a struct, through pointers; not valid if there is none of that name.
func field(of reflect.Value, path ...string) reflect.Value {
	for _, name := range path {
		for of.Kind() == reflect.Pointer || of.Kind() == reflect.Interface {
			of = of.Elem()
		}
		if of.Kind() != reflect.Struct {
			return reflect.Value{}
		}
		of = of.FieldByName(name)
	}
	return of
}
