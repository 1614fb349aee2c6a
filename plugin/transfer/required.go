// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"

	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/policy"
)

// enforce does what the policy wants where an image lacks what is required: it ends the pull, or writes it into the log. Whatever
// went wrong while that was found out ends the pull, too.
func enforce(ctx context.Context, p policy.Policy, root ocispec.Descriptor, lacking error) error {
	if lacking == nil || p.RequiredAction != policy.RequiredWarn || !errdefs.IsPermissionDenied(lacking) {
		return lacking
	}
	log.G(ctx).WithError(lacking).WithField("root", root.Digest).Warn("image lacks what the policy requires")
	return nil
}

// checkManifest is for a root that is no index: nothing tells of anything attached to it.
func checkManifest(ctx context.Context, root ocispec.Descriptor, options native.RequestOptions, p policy.Policy) error {
	if len(p.Required) == 0 {
		return nil
	}
	options.RequiredTypes = p.Required
	request, err := native.NewRequest(options)
	if err != nil {
		return err
	}
	defer request.Close()
	return enforce(ctx, p, root, request.CheckManifest(root.Digest.String()))
}
