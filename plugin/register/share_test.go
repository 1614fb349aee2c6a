// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package register

import (
	"context"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/local"

	refract "github.com/refract-oci/refract/plugin/transfer"
	"github.com/refract-oci/refract/tests/node"
)

// another is a transfer service that has something else under that name.
type another struct {
	config string //nolint:unused // by its name only
}

func (another) Transfer(context.Context, any, any, ...transfer.Opt) error { return nil }

// Everything that containerd's plugin configured stays, but for what pulls share by.
func TestShare(t *testing.T) {
	_, one := node.New(t)
	sharing := refract.NewSharing(one.Content)
	stock := local.TransferConfig{Leases: one.Leases, MaxConcurrentDownloads: 7, ConcurrentLayerFetchBuffer: 8, RegistryConfigPath: "/etc/hosts"}
	made, err := share(local.NewTransferService(one.Content, one.Images, stock), sharing)
	if err != nil {
		t.Fatal(err)
	}
	config, err := hidden[local.TransferConfig](made, "config")
	if err != nil {
		t.Fatal(err)
	}
	if config.MaxConcurrentDownloads != 7 || config.ConcurrentLayerFetchBuffer != 8 || config.RegistryConfigPath != "/etc/hosts" || config.Leases != stock.Leases {
		t.Errorf("configuration %+v", config)
	}
	if config.DuplicationSuppressor != sharing {
		t.Errorf("locks of a %T", config.DuplicationSuppressor)
	}
	for _, other := range []transfer.Transferrer{nil, another{}, &another{}} {
		if _, err := share(other, sharing); err == nil || !strings.Contains(err.Error(), `field "config"`) {
			t.Errorf("%T: %v", other, err)
		}
	}
}
