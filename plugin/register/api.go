// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package register

import (
	"context"
	"fmt"

	transferapi "github.com/containerd/containerd/api/services/transfer/v1"
	"github.com/containerd/errdefs"
	"github.com/containerd/plugin"
	"google.golang.org/grpc"
	"google.golang.org/protobuf/types/known/emptypb"

	"github.com/refract-oci/refract/plugin/discover"
)

// decorateTransferAPI wraps containerd's gRPC service of transfers: only there a transfer is seen as the client sent it.
func decorateTransferAPI(registration *plugin.Registration) {
	stock := registration.InitFn
	registration.InitFn = func(ic *plugin.InitContext) (any, error) {
		made, err := stock(ic)
		if err != nil {
			return nil, err
		}
		server, ok := made.(transferapi.TransferServer)
		if !ok {
			return nil, fmt.Errorf("containerd's plugin for transfers over gRPC made a %T: %w", made, errdefs.ErrInternal)
		}
		return &transferAPI{TransferServer: server}, nil
	}
}

// transferAPI is containerd's service. It tells a transfer what its source was made from.
type transferAPI struct{ transferapi.TransferServer }

// Register is what containerd calls to have it served.
func (a *transferAPI) Register(server *grpc.Server) error {
	transferapi.RegisterTransferServer(server, a)
	return nil
}

// Transfer passes a transfer on.
func (a *transferAPI) Transfer(ctx context.Context, request *transferapi.TransferRequest) (*emptypb.Empty, error) {
	if source := request.GetSource(); source != nil {
		ctx = discover.WithSent(ctx, source)
	}
	return a.TransferServer.Transfer(ctx, request)
}
