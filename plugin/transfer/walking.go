// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"errors"
	"fmt"
	"sync/atomic"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/answers"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/turns"
)

const (
	// concurrentSelections is how many walks through large documents there are at a time in this process. What one walk may read is
	// 16 MiB, so that all hold no more than 64 MiB of documents.
	concurrentSelections = 4
	// concurrentLookups is how many of them may be held, besides, for as long as their repositories are searched.
	concurrentLookups = 4
	// concurrentWrongDocuments is how many large documents are in memory that have turned out to be wrong.
	concurrentWrongDocuments = 1
)

var (
	selections     = turns.New(concurrentSelections, giveBackMemory)
	lookups        = turns.New(concurrentLookups, nil)
	wrongDocuments = turns.New(concurrentWrongDocuments, nil)
)

// isDaemon tells that this process serves transfers: other programs' memory is their own business.
var isDaemon atomic.Bool

func giveBackMemory() {
	if isDaemon.Load() {
		native.GiveBackMemory()
	}
}

// walking is a walk on its way, and what it holds for it.
type walking struct {
	request *native.Request
	from    *documents
	root    ocispec.Descriptor

	walk   *timed
	turn   *turns.Turn // nil while all that was read is small
	lookup *turns.Turn
	bytes  int64
	took   time.Duration
	// without are documents that cannot be had, and why: who begins again does not ask for them again.
	without map[native.DescriptorKey]string
}

// search begins to wait for the repository, which may take as long as the policy lets it, and holds no turn for that. It returns false
// where too many large walks are held by now: then the walk is to be begun again when there is room.
func (w *walking) search() bool {
	if w.turn == nil {
		return true
	}
	if w.lookup == nil {
		if w.lookup = lookups.TryTake(); w.lookup == nil {
			return false
		}
	}
	w.turn.Done()
	return true
}

// again frees the walk and waits until there is room for a search.
func (w *walking) again(ctx context.Context) (err error) {
	w.drop()
	w.turn.Done()
	w.turn = nil
	w.lookup, err = lookups.Take(ctx)
	return err
}

// close lets go of all.
func (w *walking) close() {
	w.drop()
	w.turn.Done()
	w.lookup.Done()
}

// drop frees the walk.
func (w *walking) drop() {
	if w.walk != nil {
		w.took += w.walk.took
		w.walk.Close()
		w.walk = nil
	}
	w.bytes = 0
}

// run walks to the end. Where somebody else wants the turn while a registry is waited for, the walk is begun again later: what it has
// read is in the store by then, but for what it goes without.
func (w *walking) run(ctx context.Context) error {
	for {
		err := w.through(ctx)
		if !errors.Is(err, errLetGo) {
			return err
		}
	}
}

// errLetGo is why a walk is to be begun again.
var errLetGo = errors.New("the turn was given to another pull")

func (w *walking) through(ctx context.Context) error {
	root, err := w.from.get(ctx, w.root, native.DefaultLimits().DocumentBytes)
	if err == nil {
		err = w.load(ctx, root)
	}
	if err != nil {
		return fmt.Errorf("index %s: %w", w.root.Digest, answers.Readable(err))
	}
	defer root.discard(ctx)
	untimed, err := native.NewWalk(w.request)
	if err != nil {
		return err
	}
	w.walk = &timed{Walk: untimed}
	need, err := w.walk.Begin(w.root.MediaType, w.root.Digest.String(), w.root.Size, root.bytes)
	if err != nil {
		return err
	}
	if _, err := root.keep(ctx); err != nil {
		return err
	}
	for need != nil {
		if need, err = w.step(ctx, need); err != nil {
			return err
		}
	}
	return nil
}

// step feeds the walk what it needs next.
func (w *walking) step(ctx context.Context, need *native.Need) (*native.Need, error) {
	// What is needed next overwrites it.
	asked := need.Descriptor
	if reason, without := w.without[native.KeyOf(asked)]; without {
		return w.walk.Missing(reason)
	}
	document, err := w.get(ctx, asked, need.MaxBytes)
	if err == nil {
		if err = w.load(ctx, document); err != nil {
			document.discard(ctx)
		}
	}
	if errors.Is(err, errLetGo) {
		return nil, err
	}
	if err != nil {
		reason, final := answers.Final(err)
		if !final {
			return nil, fmt.Errorf("index %s: document %s: %w", w.root.Digest, asked.Digest, answers.Readable(err))
		}
		w.goWithout(asked, reason)
		return w.walk.Missing(reason)
	}
	defer document.discard(ctx)
	next, err := w.walk.Feed(document.bytes)
	if err != nil {
		return nil, err
	}
	kept, err := document.keep(ctx)
	if err != nil {
		return nil, err
	}
	if !kept {
		w.goWithout(asked, wrongBytes)
	}
	return next, nil
}

// wrongBytes is why a walk goes without a document that was there.
const wrongBytes = "its bytes are not those that its descriptor names"

func (w *walking) goWithout(desc ocispec.Descriptor, reason string) {
	if w.without == nil {
		w.without = map[native.DescriptorKey]string{}
	}
	w.without[native.KeyOf(desc)] = reason
}

// get waits for a document. If the turn went to somebody else meanwhile, it stays where the walk will find it when it begins again: in the
// store, or among what it goes without.
func (w *walking) get(ctx context.Context, desc ocispec.Descriptor, limit uint64) (got *document, err error) {
	if w.turn == nil {
		return w.from.get(ctx, desc, limit)
	}
	// Only while somebody is waited for: each time that the walk begins again, it has got further.
	if w.turn.During(func(waits func()) {
		w.from.waits = waits
		got, err = w.from.get(ctx, desc, limit)
		w.from.waits = nil
	}, w.drop) {
		return got, err
	}
	w.turn = nil
	if err != nil {
		if reason, final := answers.Final(err); final {
			w.goWithout(desc, reason)
			err = nil
		}
	} else {
		var kept bool
		if kept, err = got.keep(ctx); err == nil && !kept {
			w.goWithout(desc, wrongBytes)
		}
	}
	if err != nil {
		return nil, err
	}
	return nil, errLetGo
}

// load has a document in memory, when it is the walk's turn.
func (w *walking) load(ctx context.Context, document *document) error {
	w.bytes += document.desc.Size
	if w.turn == nil && w.bytes > smallDocument {
		turn, err := selections.Take(ctx)
		if err != nil {
			return err
		}
		w.turn = turn
	}
	return document.load(ctx)
}
