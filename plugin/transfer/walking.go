// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package transfer

import (
	"context"
	"errors"
	"fmt"
	"time"

	ocispec "github.com/opencontainers/image-spec/specs-go/v1"

	"github.com/refract-oci/refract/plugin/discover"
	"github.com/refract-oci/refract/plugin/native"
	"github.com/refract-oci/refract/plugin/regerr"
	"github.com/refract-oci/refract/plugin/turns"
)

const (
	// concurrentSelections is how many walks through large documents there are at a time in this process. What one walk may read is
	// 16 MiB, so that they hold no more than 64 MiB of documents.
	concurrentSelections = 4
	// concurrentWrongDocuments is how many large documents are in memory that have turned out to be wrong.
	concurrentWrongDocuments = 1
)

var (
	selections     = turns.New(concurrentSelections, native.GiveBackMemory)
	wrongDocuments = turns.New(concurrentWrongDocuments, nil)
)

// walking is a walk on its way, and what it holds for it.
type walking struct {
	request *native.Request
	from    *documents
	root    ocispec.Descriptor

	walk   *timed
	turn   *turns.Turn // nil while all that was read is small
	lookup *turns.Turn
	// crowded: there was no room for a search.
	crowded bool
	bytes   int64
	took    time.Duration
	// without are documents that are not available, and why: who begins again does not ask for them again.
	without map[native.DescriptorKey]string
	// wrong is a document that came while the turn was somebody else's, and is not what its descriptor names: the walk is yet to say so.
	wrong *document
}

// search begins to wait for the repository, which may take as long as the policy lets it, and gives back the turn for a walk. It returns
// the one for the search. Where too many large walks are held by now, it returns false: then the walk is to be begun again when there
// is room, which is errLetGo. A small one needs none to be held.
func (w *walking) search() (*turns.Turn, error) {
	if w.crowded {
		return nil, &discover.Silence{Text: "other pulls' look-ups have taken all of the deadline"}
	}
	if w.turn == nil && w.lookup == nil {
		return nil, nil
	}
	if w.lookup == nil {
		if w.lookup = discover.Turns.TryTake(); w.lookup == nil {
			return nil, errLetGo
		}
	}
	w.turn.Done()
	return w.lookup, nil
}

// again frees the walk and waits until there is room for a search, but no longer than one may take.
func (w *walking) again(ctx context.Context, deadline time.Duration) (err error) {
	w.drop()
	w.turn.Done()
	w.turn = nil
	inTime, cancel := context.WithTimeout(ctx, deadline)
	defer cancel()
	if w.lookup, err = discover.Turns.Take(inTime); err != nil && ctx.Err() == nil {
		w.crowded, err = true, nil
	}
	return err
}

// close lets go of all.
func (w *walking) close(ctx context.Context) {
	w.drop()
	w.wrong.discard(ctx)
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
		defer root.discard(ctx)
		err = w.load(ctx, root)
	}
	if err != nil {
		return fmt.Errorf("index %s: %w", w.root.Digest, regerr.Readable(err))
	}
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
		defer document.discard(ctx)
		err = w.load(ctx, document)
	}
	if errors.Is(err, errLetGo) {
		return nil, err
	}
	if err != nil {
		reason, final := regerr.Final(err)
		if !final {
			return nil, fmt.Errorf("index %s: document %s: %w", w.root.Digest, asked.Digest, regerr.Readable(err))
		}
		w.goWithout(asked, reason)
		return w.walk.Missing(reason)
	}
	next, err := w.walk.Feed(document.bytes)
	document.checked(w.walk.HasAccepted())
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
	if wrong := w.wrong; wrong != nil && native.KeyOf(wrong.desc) == native.KeyOf(desc) {
		w.wrong = nil
		return wrong, nil
	}
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
		if reason, final := regerr.Final(err); final {
			w.goWithout(desc, reason)
			err = nil
		}
	} else if got.isWrong() {
		w.wrong.discard(ctx)
		w.wrong = got
	} else {
		_, err = got.keep(ctx)
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
