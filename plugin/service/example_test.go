// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package service_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/insecure"
	"google.golang.org/grpc/metadata"

	refractv1 "github.com/refract-oci/refract/plugin/service/refract/v1"
)

// Which images of this node's pods does a digest belong to? (There is no output to compare: that takes a node.)
func Example() {
	if err := printImages("unix:///run/containerd/containerd.sock", "sha256:68af30d89968"); err != nil {
		fmt.Fprintln(os.Stderr, err)
	}
}

func printImages(socket, digest string) error {
	connection, err := grpc.NewClient(socket, grpc.WithTransportCredentials(insecure.NewCredentials()))
	if err != nil {
		return err
	}
	defer connection.Close()
	ctx := metadata.AppendToOutgoingContext(context.Background(), "containerd-namespace", "k8s.io")
	stream, err := refractv1.NewReferencesClient(connection).Images(ctx, &refractv1.ImagesRequest{Digest: digest})
	for err == nil {
		var found *refractv1.ImagesResponse
		if found, err = stream.Recv(); err == nil && found.GetUse() != nil {
			fmt.Println(found.GetUse().GetImage(), found.GetUse().GetRole(), found.GetUse().GetType())
		}
	}
	if errors.Is(err, io.EOF) {
		return nil
	}
	return err
}
