// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package registry

import (
	"fmt"
	"net/http"
	"sync/atomic"

	"github.com/opencontainers/go-digest"
)

// OnGet narrows a fault to reading one manifest or blob; the digest is that of what would be served.
func OnGet(of digest.Digest, fault Fault) Fault {
	return func(w http.ResponseWriter, r *http.Request, target Target) bool {
		return r.Method == http.MethodGet && target.Digest == of && fault(w, r, target)
	}
}

// Times lets a fault happen so often, and then no more.
func Times(n int64, fault Fault) Fault {
	var happened atomic.Int64
	return func(w http.ResponseWriter, r *http.Request, target Target) bool {
		if happened.Add(1) > n {
			return false
		}
		return fault(w, r, target)
	}
}

// Status answers with an error of that status.
func Status(status int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ Target) bool {
		refuse(w, status, "UNKNOWN")
		return true
	}
}

// Body answers with other bytes, under the header of the right ones.
func Body(mediaType string, bytes []byte) Fault {
	return func(w http.ResponseWriter, _ *http.Request, target Target) bool {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Docker-Content-Digest", target.Digest.String())
		_, _ = w.Write(bytes) // who went away does not want it
		return true
	}
}

// Endless answers with a body that ends only when the client gives up; sent counts its bytes.
func Endless(mediaType string, sent *atomic.Int64) Fault {
	return func(w http.ResponseWriter, r *http.Request, target Target) bool {
		w.Header().Set("Content-Type", mediaType)
		w.Header().Set("Docker-Content-Digest", target.Digest.String())
		chunk := []byte(fmt.Sprintf("%65536s", ""))
		for r.Context().Err() == nil {
			n, err := w.Write(chunk)
			sent.Add(int64(n))
			if err != nil {
				return true
			}
		}
		return true
	}
}

// Cut sends the first bytes of what it should send, and closes the connection.
func Cut(bytes []byte, after int) Fault {
	return func(w http.ResponseWriter, _ *http.Request, _ Target) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(bytes)))
		_, _ = w.Write(bytes[:after])
		_ = http.NewResponseController(w).Flush()
		panic(http.ErrAbortHandler) // the server's way to close a connection
	}
}

// Stall sends the first bytes of what it should send, and then nothing more until the channel is closed or the client goes away.
func Stall(bytes []byte, after int, until <-chan struct{}) Fault {
	return func(w http.ResponseWriter, r *http.Request, _ Target) bool {
		w.Header().Set("Content-Length", fmt.Sprint(len(bytes)))
		_, _ = w.Write(bytes[:after]) // who went away does not want it
		_ = http.NewResponseController(w).Flush()
		select {
		case <-until:
		case <-r.Context().Done():
		}
		return true
	}
}

// Hold lets requests wait until the channel is closed or the client goes away, and tells of each that waits.
func Hold(until <-chan struct{}, waiting chan<- Target) Fault {
	return func(_ http.ResponseWriter, r *http.Request, target Target) bool {
		select {
		case waiting <- target:
		default:
		}
		select {
		case <-until:
		case <-r.Context().Done():
		}
		return false
	}
}
