// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"fmt"
	"maps"
	"slices"
	"time"

	containerd "github.com/containerd/containerd/v2/client"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/containerd/v2/core/transfer"
	"github.com/containerd/containerd/v2/core/transfer/image"
	"github.com/containerd/containerd/v2/core/transfer/registry"
	"github.com/containerd/containerd/v2/pkg/namespaces"
	"github.com/containerd/errdefs"
	"github.com/containerd/errdefs/pkg/errgrpc"
	"github.com/containerd/log"
	"github.com/containerd/platforms"
	"github.com/distribution/reference"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/metrics"
	"github.com/refract-oci/refract/plugin/regerr"
	extended "github.com/refract-oci/refract/plugin/transfer"
)

// handlerAnnotation is the annotation in which a CRI client names the runtime handler, if the image's specification does not.
const handlerAnnotation = "io.containerd.cri.runtime-handler"

// pull identifies equal pulls. Headers and platform are the same for all pulls: CRI's own pull, too, takes only the snapshotter
// from a runtime handler, and would not find an image of another platform again.
type pull struct {
	name        string // in full
	credentials credentials
	snapshotter string
}

// Format prints only the name, because a pull holds secrets.
func (p pull) Format(out fmt.State, _ rune) { fmt.Fprint(out, p.name) }

// PullImage pulls as CRI does through the transfer service (internal/cri/server/images), but over a client.
func (s *Service) PullImage(ctx context.Context, request *cri.PullImageRequest) (*cri.PullImageResponse, error) {
	asked := request.GetImage().GetImage()
	log.G(ctx).WithField("image", asked).Info("PullImage")
	began := time.Now()
	id, err := s.pullShared(ctx, request)
	if err != nil {
		err = regerr.Shown(err)
		log.G(ctx).WithError(err).WithField("image", asked).Error("PullImage failed")
		return nil, errgrpc.ToGRPC(err)
	}
	log.G(ctx).WithField("image", asked).WithField("id", id).WithField("took", time.Since(began)).Info("PullImage returns image")
	return &cri.PullImageResponse{ImageRef: id}, nil
}

func (s *Service) pullShared(ctx context.Context, request *cri.PullImageRequest) (string, error) {
	asked := request.GetImage().GetImage()
	named, err := reference.ParseDockerRef(asked)
	if err != nil {
		return "", fmt.Errorf("image reference %q: %w: %w", asked, err, errdefs.ErrInvalidArgument)
	}
	handler := request.GetImage().GetRuntimeHandler()
	if handler == "" {
		handler = request.GetSandboxConfig().GetAnnotations()[handlerAnnotation]
	}
	key := pull{
		name: named.String(), credentials: credentialsOf(request.GetAuth()), snapshotter: s.node.settings.snapshotter(handler),
	}
	return s.pulls.do(ctx, key, func(ctx context.Context) (string, error) {
		ctx, cancel := context.WithCancelCause(namespaces.WithNamespace(ctx, imagelabels.CRINamespace))
		defer cancel(nil)
		defer context.AfterFunc(s.stopping, func() { cancel(errStopping) })()
		visit, err := s.node.visit(ctx)
		if err != nil {
			if errors.As(err, &weakerError{}) {
				s.node.settings.Metrics.Count(metrics.Pull{Result: metrics.Refused})
			}
			return "", err
		}
		defer context.AfterFunc(visit.over, func() { cancel(s.node.gone()) })()
		id, err := s.pull(ctx, visit.service, named, key)
		if cause := context.Cause(ctx); err != nil && cause != nil {
			return "", cause // the cause says more than the error that it led to
		}
		return id, s.node.explain(err)
	})
}

func (s *Service) pull(ctx context.Context, service transfer.Transferrer, named reference.Named, key pull) (string, error) {
	ctx, release, err := s.node.leases.take(ctx)
	if err != nil {
		return "", err
	}
	defer release()
	// The record is not marked as CRI's own at first, so that CRI handles its event and creates the record of the image's ID as
	// well. Until then CRI does not return the image by this name. If the record were CRI's own, CRI would return it before it
	// knows the ID's record; a client that removed the image just then would leave that one behind.
	labels := s.node.settings.labels(named.String())
	others := maps.Clone(labels)
	delete(others, imagelabels.ManagedLabel)
	if err := s.move(ctx, service, named, key, others); err != nil {
		return "", fmt.Errorf("failed to pull and unpack image %q: %w", named, err)
	}
	stored, id, err := s.stored(ctx, named.String())
	if err != nil {
		return "", err
	}
	if err := s.node.known(ctx, []string{named.String()}, id, stored.Target.Digest); err != nil {
		return "", err
	}
	names := namesOf(named, id, stored.Target.Digest)
	for _, name := range names {
		if err := record(ctx, s.node.client.ImageService(), name, stored.Target, labels); err != nil {
			return "", fmt.Errorf("image record %q: %w", name, err)
		}
	}
	if byIndex := indexName(named, stored); byIndex != "" && !slices.Contains(names, byIndex) {
		names = append(names, byIndex)
	}
	return id, s.node.known(ctx, names, id, stored.Target.Digest)
}

// move downloads and unpacks the image, and writes the record of the pulled name.
func (s *Service) move(ctx context.Context, service transfer.Transferrer, named reference.Named, key pull, labels map[string]string) error {
	from, err := registry.NewOCIRegistry(ctx, key.name, registry.WithCredentials(key.credentials),
		registry.WithHeaders(s.node.settings.Headers), registry.WithHostDir(s.node.settings.hostsFolder(reference.Domain(named))))
	if err != nil {
		return err
	}
	platform := platforms.DefaultSpec()
	to := image.NewStore(key.name, image.WithPlatforms(platform), image.WithUnpack(platform, key.snapshotter),
		image.WithImageLabels(labels))
	ctx, end := s.watching.watch(ctx, s.node.settings.ProgressTimeout)
	defer end()
	err = service.Transfer(ctx, from, to)
	if cause := context.Cause(ctx); err != nil && cause != nil {
		return cause
	}
	return err
}

// stored returns the record of the pulled image, and the image's ID.
func (s *Service) stored(ctx context.Context, name string) (images.Image, string, error) {
	stored, err := s.node.client.ImageService().Get(ctx, name)
	if err != nil {
		return images.Image{}, "", fmt.Errorf("record of the pulled image: %w", err)
	}
	image := containerd.NewImageWithPlatform(s.node.client, stored, platforms.Default())
	config, err := extended.InTurn(ctx, stored.Target, func() (ocispec.Descriptor, error) { return image.Config(ctx) })
	if err != nil {
		return images.Image{}, "", fmt.Errorf("config of the pulled image %q: %w", name, err)
	}
	return stored, config.Digest.String(), nil
}
