// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/pkg/reference"
	"github.com/containerd/errdefs"
	"github.com/containerd/log"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/native"
)

// referrerLabels begin the labels by which containerd's content store keeps what a client's provider of referrers has listed.
const referrerLabels = "containerd.io/gc.ref.content.referrer."

// leftSources are the places whose questions a node can answer by itself.
const leftSources = native.SourceReferrersAPI | native.SourceDigestTag | native.SourceReferrersTag | native.SourceCosignTag

// left is what other clients left on the node of an image's repository: referrers that a content's labels name, and artifacts and
// tags that were pulled as if they were images. A search asks for it as it would ask the repository, and nobody else is asked.
type left struct {
	store      content.InfoReaderProvider
	repository string // empty if no image of it is of interest
	tags       map[string]digest.Digest
	about      map[digest.Digest][]digest.Digest // by what they say they are about
}

// repositoryOf is where an image's name says that it is from; empty if it does not: CRI names images by their ids, too.
func repositoryOf(name string) string {
	spec, err := reference.Parse(name)
	if err != nil {
		return ""
	}
	return spec.Locator
}

// leftBeside looks at the images of the same repository, once for all of them. Without a store of images there are none.
func (s Stores) leftBeside(ctx context.Context, name string) (*left, error) {
	repository := repositoryOf(name)
	if known, ok := s.left[repository]; ok {
		return known, nil
	}
	beside := &left{store: s.Content, tags: map[string]digest.Digest{}, about: map[digest.Digest][]digest.Digest{}}
	if s.left != nil {
		s.left[repository] = beside
	}
	if s.Images == nil || repository == "" {
		return beside, nil
	}
	all, err := s.Images.List(ctx, "name~="+strconv.Quote("^"+regexp.QuoteMeta(repository)+"[:@]"))
	if err != nil {
		return nil, fmt.Errorf("images of %s: %w", repository, err)
	}
	seen := map[digest.Digest]bool{}
	for _, image := range all {
		target := image.Target.Digest
		// Only tags that are made of a digest are ever asked for.
		if tag, ok := strings.CutPrefix(image.Name, repository+":"); ok {
			if algorithm, _, ok := strings.Cut(tag, "-"); ok && digest.Algorithm(algorithm).Available() {
				beside.tags[tag], beside.repository = target, repository
			}
		}
		if seen[target] {
			continue
		}
		seen[target] = true
		raw, err := beside.read(ctx, target)
		if ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if err != nil {
			// It is another image's; this one is listed without it.
			log.G(ctx).WithError(err).WithField("image", image.Name).Debug("image of the same repository cannot be read")
			continue
		}
		if is, err := native.Identify(image.Target.MediaType, raw); err == nil && is.Subject != "" {
			beside.about[is.Subject], beside.repository = append(beside.about[is.Subject], target), repository
		}
	}
	return beside, nil
}

// isThere tells whether anything of the repository was pulled besides.
func (l *left) isThere() bool { return len(l.tags) > 0 || len(l.about) > 0 }

// read gets a document that the store has; nil if it has none of that digest that could be one.
func (l *left) read(ctx context.Context, d digest.Digest) ([]byte, error) {
	if d.Validate() != nil {
		return nil, nil
	}
	info, err := l.store.Info(ctx, d)
	limit := native.DefaultLimits().DocumentBytes
	if err == nil && uint64(info.Size) > limit {
		return nil, nil
	}
	var raw []byte
	if err == nil {
		raw, err = read(ctx, l.store, ocispec.Descriptor{Digest: d, Size: info.Size}, limit)
	}
	if errdefs.IsNotFound(err) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("document %s: %w", d, err)
	}
	if native.VerifyDigest(d.String(), raw) != nil {
		return nil, nil
	}
	return raw, nil
}

// find has a search ask, and returns the record of what it found. Deep looks for what is about references, too.
func (l *left) find(ctx context.Context, options native.RequestOptions, deep bool, begin func(*native.Search) (*native.Round, error)) ([]byte, error) {
	options.FetchReferences, options.AllReferences = deep, true
	request, err := native.NewRequest(options)
	if err != nil {
		return nil, err
	}
	defer request.Close()
	search, err := native.NewSearch(request, leftSources, true)
	if err != nil {
		return nil, err
	}
	defer search.Close()
	round, err := begin(search)
	for err == nil && len(round.Questions) > 0 {
		for i, question := range round.Questions {
			if err := l.answer(ctx, search, i, question); err != nil {
				return nil, err
			}
		}
		round, err = search.Next()
	}
	if err != nil {
		return nil, err
	}
	return search.Record()
}

// record is what was found. Where an index lists so much that not all of it can be asked about, what is about the image itself is
// asked for; and if that is too much, the index speaks for itself.
func (l *left) record(ctx context.Context, options native.RequestOptions, begin func(*native.Search) (*native.Round, error)) ([]byte, error) {
	for _, deep := range []bool{true, false} {
		record, err := l.find(ctx, options, deep, begin)
		if status, ours := native.StatusOf(err); !ours || status != native.StatusLimitExceeded {
			return record, err
		}
		log.G(ctx).WithError(err).Debug("not all that other clients may have left on the node is looked for")
	}
	return nil, nil
}

func (l *left) answer(ctx context.Context, search *native.Search, number int, question native.Question) error {
	var (
		raw []byte
		err error
	)
	switch asked := digest.Digest(question.Reference); {
	case question.Kind == native.QuestionReferrers:
		raw, err = l.referrers(ctx, asked)
	case asked.Validate() == nil:
		raw, err = l.read(ctx, asked)
	default:
		raw, err = l.read(ctx, l.tags[question.Reference])
	}
	if err != nil {
		return err
	}
	if raw == nil || uint64(len(raw)) > question.MaxBytes {
		return search.Missing(number, "not on this node")
	}
	return search.Answer(number, raw)
}

// referrers lists what is about a document as a registry would: what its labels name, and what says so itself.
func (l *left) referrers(ctx context.Context, of digest.Digest) ([]byte, error) {
	about := slices.Clone(l.about[of])
	info, err := l.store.Info(ctx, of)
	if err != nil && !errdefs.IsNotFound(err) {
		return nil, fmt.Errorf("document %s: %w", of, err)
	}
	for label, value := range info.Labels {
		if strings.HasPrefix(label, referrerLabels) {
			about = append(about, digest.Digest(value))
		}
	}
	slices.Sort(about)
	listed := ocispec.Index{MediaType: ocispec.MediaTypeImageIndex, Manifests: []ocispec.Descriptor{}}
	listed.SchemaVersion = 2
	for _, one := range slices.Compact(about) {
		raw, err := l.read(ctx, one)
		if err != nil {
			return nil, err
		}
		is, err := native.Identify("", raw)
		// Labels are made of what a registry said; the document's own word takes precedence.
		if err == nil && (is.Subject == "" || is.Subject == of) {
			listed.Manifests = append(listed.Manifests, ocispec.Descriptor{
				MediaType: is.MediaType, Digest: one, Size: int64(len(raw)), ArtifactType: is.ArtifactType, Annotations: annotationsOf(raw),
			})
		}
	}
	return json.Marshal(listed)
}

// annotationsOf are a document's own, which a registry repeats where it lists referrers; none if they are too many for that.
func annotationsOf(raw []byte) map[string]string {
	var document struct {
		Annotations map[string]string `json:"annotations"`
	}
	if json.Unmarshal(raw, &document) != nil {
		return nil
	}
	size := 0
	for key, value := range document.Annotations {
		size += len(key) + len(value)
	}
	if size > int(native.DefaultLimits().AnnotationBytes) {
		return nil
	}
	return document.Annotations
}

// join makes one record of two. Each is an index that C++ has written down; what both tell of is told once when it is recalled.
func join(kept, found []byte) ([]byte, error) {
	if len(kept) == 0 {
		return found, nil
	}
	if len(found) == 0 {
		return kept, nil
	}
	var joined, more ocispec.Index
	if err := errors.Join(json.Unmarshal(kept, &joined), json.Unmarshal(found, &more)); err != nil {
		return nil, err
	}
	joined.Manifests = append(joined.Manifests, more.Manifests...)
	raw, err := json.Marshal(joined)
	if err == nil && uint64(len(raw)) > native.DefaultLimits().DocumentBytes {
		// What the pull wrote down takes precedence over what else is there.
		return kept, nil
	}
	return raw, err
}
