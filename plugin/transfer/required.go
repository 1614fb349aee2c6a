// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"fmt"

	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/policy"
)

// enforce does what the policy wants where an image lacks what is required: it ends the pull, or writes it into the log. Where the
// search for it was cut off, it ends with what cut it off: the next pull may find more. Whatever else went wrong ends the pull, too.
func enforce(ctx context.Context, p policy.Policy, root ocispec.Descriptor, lacking, cutOff error) error {
	switch {
	case lacking == nil || !errdefs.IsPermissionDenied(lacking):
		return lacking
	case p.RequiredAction == policy.RequiredWarn:
		log.G(ctx).WithError(lacking).WithField("root", root.Digest).Warn("image lacks what the policy requires")
		return nil
	case cutOff != nil:
		return fmt.Errorf("%s: %w", lacking.Error(), cutOff)
	default:
		return lacking
	}
}
