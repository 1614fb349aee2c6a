// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package references

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/containerd/containerd/v2/core/content"
	"github.com/containerd/containerd/v2/core/images"
	"github.com/containerd/errdefs"
	"github.com/containerd/platforms"
	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/imagelabels"
	"github.com/refract-oci/refract/plugin/native"
)

// index is the result of a walk through an index in the store.
type index struct {
	mediaType  string
	references *native.References
	selections []native.Selection
	unread     int
}

// readIndex reads an index and everything in it that the store has.
//
// First it is walked as a pull walks it, because only that looks into candidates: an artifact that does not say so in its
// descriptor is known by its bytes, and the image that was chosen is marked. A pull stops when it has found its image, though.
// Where that leaves indexes unread, or where the image is not found again, a listing walk reads them all.
//
// To what the index holds comes what is known of elsewhere.
func readIndex(ctx context.Context, store content.Provider, root, target ocispec.Descriptor, beside *elsewhere) (*index, error) {
	selecting := native.RequestOptions{Match: native.Compatible, Platforms: []ocispec.Platform{platforms.DefaultSpec()}}
	targetIsImage := target.Digest != root.Digest && native.MediaTypeKind(target.MediaType) == native.KindManifest
	if targetIsImage {
		selecting.Match = native.Exact
		if declared, err := images.Platforms(ctx, store, target); err == nil && len(declared) == 1 {
			selecting.Platforms = declared
		}
	}
	selected := map[digest.Digest]bool{}
	if targetIsImage {
		selected[target.Digest] = true
	}
	pulled, err := through(ctx, store, root, selecting, beside)
	if ctx.Err() != nil {
		return nil, ctx.Err()
	}
	// An error of this walk says that a pull would fail now, which is no reason not to list: the listing walk decides.
	if err == nil && (!targetIsImage || pulled.selects(target.Digest)) {
		if pulled.unread == 0 {
			return pulled, nil
		}
		for _, selection := range pulled.selections {
			selected[selection.Manifest.Digest] = true
		}
	}
	listed, err := through(ctx, store, root, native.RequestOptions{Mode: native.List}, beside)
	if err != nil {
		return nil, err
	}
	for i := range listed.references.Tree {
		if node := &listed.references.Tree[i]; node.Kind == native.NodeImage && selected[node.Descriptor.Digest] {
			node.Flags |= native.NodeSelected
		}
	}
	return listed, nil
}

func (i *index) selects(manifest digest.Digest) bool {
	for _, selection := range i.selections {
		if selection.Manifest.Digest == manifest {
			return true
		}
	}
	return false
}

// Images are those that an index in the store holds for the platforms, the best for each, or for any platform if none is named.
// Each is proven by its bytes.
func Images(ctx context.Context, store content.Provider, root ocispec.Descriptor, wanted ...ocispec.Platform) ([]native.Selection, error) {
	found, err := through(ctx, store, root, native.RequestOptions{Match: native.Compatible, Platforms: wanted}, &elsewhere{})
	if err != nil {
		return nil, err
	}
	return found.selections, nil
}

// through walks through an index, feeding the walk from the store alone.
func through(ctx context.Context, store content.Provider, root ocispec.Descriptor, options native.RequestOptions, beside *elsewhere) (*index, error) {
	// What in the index is marked so is asked about, too, where something was left on the node.
	deep := beside.left != nil && !beside.shallow
	options.FetchReferences, options.AllReferences = deep, deep
	request, err := native.NewRequest(options)
	if err != nil {
		return nil, err
	}
	defer request.Close()
	walk, err := native.NewWalk(request)
	if err != nil {
		return nil, err
	}
	defer walk.Close()
	raw, err := read(ctx, store, root, native.DefaultLimits().DocumentBytes)
	if err != nil {
		return nil, fmt.Errorf("index %s: %w", root.Digest, err)
	}
	need, err := walk.Begin(root.MediaType, root.Digest.String(), root.Size, raw)
	for err == nil && need != nil {
		need, err = feed(ctx, store, walk, need)
	}
	if err != nil {
		return nil, err
	}
	result, err := walk.Result()
	if err != nil {
		return nil, err
	}
	if deep && result.References > int(native.DefaultLimits().FetchedReferences) {
		// So many are not marked at all.
		beside.shallow = true
		if beside.left.isThere() {
			beside.notices = append(beside.notices, fmt.Sprintf("more than %d references are attached: what other clients left about these was not looked for",
				native.DefaultLimits().FetchedReferences))
		}
		return through(ctx, store, root, options, beside)
	}
	found := &index{mediaType: mediaTypeOf(root, raw), selections: result.Selections, unread: result.UnreadIndexes}
	found.references, err = beside.recall(ctx, options, func(search *native.Search) (*native.Round, error) { return search.Begin(walk) })
	return found, err
}

// recall tells what is attached: what the search is begun with tells, what other clients left on the node, and what a pull wrote down or,
// if that is asked, the repository says now.
func (e *elsewhere) recall(ctx context.Context, options native.RequestOptions, begin func(*native.Search) (*native.Round, error)) (*native.References, error) {
	record := e.record
	if e.left != nil {
		found, err := e.left.record(ctx, options, begin)
		if err != nil {
			return nil, err
		}
		if record, err = join(record, found); err != nil {
			return nil, err
		}
	}
	options.FetchReferences, options.AllReferences = false, false
	request, err := native.NewRequest(options)
	if err != nil {
		return nil, err
	}
	defer request.Close()
	search, err := native.NewSearch(request, e.sources, e.ask != nil && !e.asked)
	if err != nil {
		return nil, err
	}
	defer search.Close()
	round, err := begin(search)
	if err != nil {
		return nil, err
	}
	switch {
	case e.ask == nil:
	case e.asked:
		// An index may be walked through twice; its repository is asked once.
		if record, err = join(e.found, record); err != nil {
			return nil, err
		}
	default:
		if e.open = e.ask(ctx, search, round); ctx.Err() != nil {
			return nil, ctx.Err()
		}
		if e.found, err = search.Record(); err != nil {
			return nil, err
		}
		e.asked = true
	}
	if len(record) > 0 {
		if err := search.Recall(digest.FromBytes(record).String(), record); err != nil {
			return nil, err
		}
	}
	return search.References()
}

// readAlone reads what is attached to a manifest that no index leads to.
func readAlone(ctx context.Context, manifest ocispec.Descriptor, beside *elsewhere) (*index, error) {
	found := &index{mediaType: manifest.MediaType}
	var err error
	found.references, err = beside.recall(ctx, native.RequestOptions{}, func(search *native.Search) (*native.Round, error) {
		return search.BeginManifest(manifest)
	})
	return found, err
}

// recordOf reads what a pull wrote down of what it found outside of the index; nil if there is nothing.
func recordOf(ctx context.Context, store content.InfoReaderProvider, image images.Image) ([]byte, error) {
	named, ok := imagelabels.Found(image.Labels)
	if !ok {
		return nil, nil
	}
	info, err := store.Info(ctx, named)
	var raw []byte
	if err == nil {
		raw, err = read(ctx, store, ocispec.Descriptor{Digest: named, Size: info.Size}, native.DefaultLimits().DocumentBytes)
	}
	if err == nil {
		err = native.VerifyDigest(named.String(), raw)
	}
	if err != nil {
		return nil, fmt.Errorf("image %q: the record of what is attached to it, %s, cannot be read, pull the image again: %w", image.Name, named, err)
	}
	return raw, nil
}

func feed(ctx context.Context, store content.Provider, walk *native.Walk, need *native.Need) (*native.Need, error) {
	raw, err := read(ctx, store, need.Descriptor, need.MaxBytes)
	switch {
	case errdefs.IsNotFound(err):
		return walk.Missing("not in the content store")
	case err != nil:
		return nil, fmt.Errorf("document %s: %w", need.Descriptor.Digest, err)
	default:
		return walk.Feed(raw)
	}
}

// read gets a document's bytes, never more than one past what its descriptor and the limit allow, whatever the store has under
// that digest: an index may name anything as a document of its own. Who is handed the bytes checks them.
func read(ctx context.Context, store content.Provider, desc ocispec.Descriptor, limit uint64) ([]byte, error) {
	if desc.Size < 0 {
		return nil, fmt.Errorf("%s has the size %d: %w", desc.Digest, desc.Size, errdefs.ErrInvalidArgument)
	}
	reader, err := store.ReaderAt(ctx, ocispec.Descriptor{MediaType: desc.MediaType, Digest: desc.Digest, Size: desc.Size})
	if err != nil {
		return nil, err
	}
	defer reader.Close()
	most := int64(min(uint64(desc.Size), limit)) + 1
	return io.ReadAll(io.NewSectionReader(reader, 0, min(reader.Size(), most)))
}

// mediaTypeOf is the media type that an accepted index gives itself, which a record of its digest alone does not tell.
func mediaTypeOf(root ocispec.Descriptor, raw []byte) string {
	var named struct {
		MediaType string `json:"mediaType"`
	}
	if err := json.Unmarshal(raw, &named); err != nil || named.MediaType == "" {
		return root.MediaType
	}
	return named.MediaType
}
