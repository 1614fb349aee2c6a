// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package refractd

import (
	containerd "github.com/containerd/containerd/v2/client"
	"google.golang.org/grpc"

	"github.com/refract-oci/refract/plugin/policy"
	"github.com/refract-oci/refract/plugin/service"
	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
)

// lookups answers what is attached to the images of the containerd behind, and by which policy they are pulled: refract.v1.References on the daemon's own sockets.
type lookups struct {
	policy policy.Policy
	server *service.Server
}

func (l *lookups) register(server grpc.ServiceRegistrar, client *containerd.Client) {
	l.server = service.New(client.ImageService(), client.ContentStore(), client.EventService(), service.WithPolicy(l.policy))
	refractv1.RegisterReferencesServer(server, l.server)
}

// stop ends watches: the daemon's end would wait for them.
func (l *lookups) stop() { l.server.Stop() }
