// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package parity_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"testing"
	"unicode/utf8"
)

// level is what Go decodes an object into: a struct with these keys, which it matches without regard to case.
type level struct {
	keys  []string
	below map[string]*level
}

var (
	platformLevel   = &level{keys: []string{"architecture", "os", "os.version", "os.features", "variant"}}
	descriptorLevel = &level{
		keys:  []string{"mediaType", "digest", "size", "urls", "annotations", "data", "platform", "artifactType"},
		below: map[string]*level{"platform": platformLevel},
	}
	documentLevel = &level{
		keys: []string{"schemaVersion", "mediaType", "artifactType", "manifests", "config", "layers", "subject", "annotations"},
		below: map[string]*level{
			"manifests": descriptorLevel, "config": descriptorLevel, "layers": descriptorLevel, "subject": descriptorLevel,
		},
	}
)

// ambiguity says how two readers could read a document differently; empty if they could not. It is written with the decoder's
// tokens, so it shares nothing with either reader that is compared.
func ambiguity(raw []byte) string {
	if !utf8.Valid(raw) {
		return "it is not UTF-8"
	}
	tokens := json.NewDecoder(bytes.NewReader(raw))
	tokens.UseNumber()
	problem, err := (&scan{tokens: tokens, replaced: bytes.ContainsRune(raw, utf8.RuneError) || bytes.Contains(bytes.ToLower(raw), []byte(`\ufffd`))}).
		value(documentLevel)
	if err != nil {
		return "it is not JSON: " + err.Error()
	}
	if problem == "" && tokens.InputOffset() < int64(len(bytes.TrimRight(raw, " \t\r\n"))) {
		return "something follows it"
	}
	return problem
}

type scan struct {
	tokens   *json.Decoder
	replaced bool // the document itself has U+FFFD
}

func (s *scan) value(at *level) (string, error) {
	token, err := s.tokens.Token()
	if err != nil {
		return "", err
	}
	switch token {
	case json.Delim('{'):
		return s.object(at)
	case json.Delim('['):
		for s.tokens.More() {
			if problem, err := s.value(at); problem != "" || err != nil {
				return problem, err
			}
		}
		_, err := s.tokens.Token()
		return "", err
	}
	if text, is := token.(string); is && strings.ContainsRune(text, utf8.RuneError) && !s.replaced {
		return fmt.Sprintf("Go repaired %q", text), nil
	}
	return "", nil
}

func (s *scan) object(at *level) (string, error) {
	seen := map[string]bool{}
	for s.tokens.More() {
		token, err := s.tokens.Token()
		if err != nil {
			return "", err
		}
		key, is := token.(string)
		if !is {
			return "", fmt.Errorf("%v is no key", token)
		}
		if strings.ContainsRune(key, utf8.RuneError) && !s.replaced {
			return fmt.Sprintf("Go repaired the key %q", key), nil
		}
		if seen[key] {
			return fmt.Sprintf("key %q stands there twice", key), nil
		}
		seen[key] = true
		var below *level
		if at != nil {
			if known := slices.IndexFunc(at.keys, func(known string) bool { return known != key && strings.EqualFold(known, key) }); known >= 0 {
				return fmt.Sprintf("Go reads key %q as %q", key, at.keys[known]), nil
			}
			below = at.below[key]
		}
		if problem, err := s.value(below); problem != "" || err != nil {
			return problem, err
		}
	}
	_, err := s.tokens.Token()
	return "", err
}

// The judge itself.
func TestAmbiguity(t *testing.T) {
	t.Parallel()
	for raw, ambiguous := range map[string]bool{
		`{"manifests":[]}`:                        false,
		`{"manifests":[],"manifests":[]}`:         true,
		`{"Manifests":[]}`:                        true,
		`{"manifeſts":[]}`:                        true,
		`{"manifests":[{"SIZE":1}]}`:              true,
		`{"manifests":[{"platform":{"oS":"x"}}]}`: true,
		`{"manifests":[{"x":{"OS":1,"os":1}}]}`:   false,
		`{"x":{"a":1,"\u0061":1}}`:                true,
		`{"annotations":{"a":"","A":""}}`:         false,
		`{"x":"\ud800"}`:                          true,
		`{"x":"\ufffd"}`:                          false,
		"{\"x\":\"\xff\"}":                        true,
		`{} {}`:                                   true,
		`{}` + "\n":                               false,
		`{"subject":{"mediatype":1}}`:             true,
		`{"manifests":[{"annotations":{"mediatype":"x"}},{}]}`:   false,
		`{"manifests":[{"annotations":{"a":"x","a":"y"}},null]}`: true,
	} {
		if got := ambiguity([]byte(raw)); (got != "") != ambiguous {
			t.Errorf("%s: %q", raw, got)
		}
	}
}
