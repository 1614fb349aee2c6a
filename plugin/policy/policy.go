// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package policy says what a pull of an extended index leaves on a node, and reads that from a configuration.
package policy

import (
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
)

// ImageTarget is what an image record points at after a pull.
type ImageTarget string

const (
	// TargetAuto keeps the index where plain containerd finds the same image in it, and takes the manifest where it does not.
	TargetAuto ImageTarget = "auto"
	// TargetIndex always keeps the index.
	TargetIndex ImageTarget = "index"
	// TargetManifest always takes the selected manifest.
	TargetManifest ImageTarget = "manifest"
)

// References is what a pull does with what is attached to an image.
type References string

const (
	// ReferencesNone ignores it.
	ReferencesNone References = "none"
	// ReferencesList counts it in the log; the index on the node lists it. It costs no request.
	ReferencesList References = "list"
	// ReferencesFetch downloads it, too.
	ReferencesFetch References = "fetch"
)

// Policy is what the operator of a node decided.
type Policy struct {
	ImageTarget ImageTarget
	References  References
	// Types are the reference types or artifact types to fetch, compared exactly; none: all.
	Types []string
	// MaxBytes is the most that one reference with all its blobs may take; a larger one is listed and warned about.
	MaxBytes int64
	// Required are reference types or artifact types, compared exactly: an image whose index tells of no reference of each of
	// them is not pulled, or warned about.
	Required       []string
	RequiredAction RequiredAction
	// Rules are for images of some repositories, in place of all this: see For.
	Rules []Rule
}

// RequiredAction is what a pull does where an image lacks what is required.
type RequiredAction string

const (
	// RequiredRefuse ends the pull before anything but the index and the image's manifest is downloaded.
	RequiredRefuse RequiredAction = "refuse"
	// RequiredWarn only writes it into the log.
	RequiredWarn RequiredAction = "warn"
)

// Names of the keys, as they stand in a configuration file.
const (
	keyImageTarget    = "image_target"
	keyReferences     = "references"
	keyTypes          = "types"
	keyMaxBytes       = "max_bytes"
	keyRequired       = "required"
	keyRequiredAction = "required_action"
	keyRules          = "rules"
)

var keys = []string{keyImageTarget, keyReferences, keyTypes, keyMaxBytes, keyRequired, keyRequiredAction, keyRules}

// defaultMaxBytes is ample for SBOMs and provenance, and keeps a node's disk out of a stranger's hands.
const defaultMaxBytes = 256 << 20

// Default is the policy of a node whose operator decided nothing.
func Default() Policy {
	return Policy{ImageTarget: TargetAuto, References: ReferencesList, MaxBytes: defaultMaxBytes, RequiredAction: RequiredRefuse}
}

// Map is the policy as a configuration holds it. Rules are there only if there are any.
func (p Policy) Map() map[string]any {
	made := map[string]any{
		keyImageTarget:    string(p.ImageTarget),
		keyReferences:     string(p.References),
		keyTypes:          anys(p.Types),
		keyMaxBytes:       p.MaxBytes,
		keyRequired:       anys(p.Required),
		keyRequiredAction: string(p.RequiredAction),
	}
	if len(p.Rules) > 0 {
		var rules []any
		for _, rule := range p.Rules {
			one := rule.Policy.Map()
			one[keyMatch] = rule.Match
			rules = append(rules, one)
		}
		made[keyRules] = rules
	}
	return made
}

func anys(texts []string) []any {
	made := make([]any, 0, len(texts))
	for _, text := range texts {
		made = append(made, text)
	}
	return made
}

// Decode reads a policy strictly: an unknown key, a wrong type or a value that is not allowed is an error that names it and
// says what is. Keys that are not there keep their defaults.
func Decode(from map[string]any) (Policy, error) {
	policy := Default()
	for _, key := range slices.Sorted(maps.Keys(from)) {
		value := from[key]
		var err error
		switch key {
		case keyImageTarget:
			policy.ImageTarget, err = oneOf(key, value, TargetAuto, TargetIndex, TargetManifest)
		case keyReferences:
			policy.References, err = oneOf(key, value, ReferencesNone, ReferencesList, ReferencesFetch)
		case keyTypes:
			policy.Types, err = texts(key, value)
		case keyMaxBytes:
			policy.MaxBytes, err = positive(key, value)
		case keyRequired:
			policy.Required, err = texts(key, value)
		case keyRequiredAction:
			policy.RequiredAction, err = oneOf(key, value, RequiredRefuse, RequiredWarn)
		case keyRules:
			policy.Rules, err = rules(value, from)
		default:
			err = fmt.Errorf("unknown key %q (known are %s): %w", key, strings.Join(keys, ", "), errdefs.ErrInvalidArgument)
		}
		if err != nil {
			return Policy{}, err
		}
	}
	return policy, nil
}

func oneOf[T ~string](key string, value any, allowed ...T) (T, error) {
	if text, ok := value.(string); ok && slices.Contains(allowed, T(text)) {
		return T(text), nil
	}
	quoted := make([]string, 0, len(allowed))
	for _, a := range allowed {
		quoted = append(quoted, fmt.Sprintf("%q", a))
	}
	return "", fmt.Errorf("%s = %s is not one of %s: %w", key, show(value), strings.Join(quoted, ", "), errdefs.ErrInvalidArgument)
}

func texts(key string, value any) ([]string, error) {
	bad := fmt.Errorf("%s = %s is not a list of reference types or artifact types, such as [\"sbom\"]: %w",
		key, show(value), errdefs.ErrInvalidArgument)
	switch list := value.(type) {
	case []string:
		return list, nil
	case []any:
		var read []string
		for _, item := range list {
			text, ok := item.(string)
			if !ok || text == "" {
				return nil, bad
			}
			read = append(read, text)
		}
		return read, nil
	default:
		return nil, bad
	}
}

func positive(key string, value any) (int64, error) {
	switch number := value.(type) {
	case int64:
		if number > 0 {
			return number, nil
		}
	case int:
		if number > 0 {
			return int64(number), nil
		}
	}
	return 0, fmt.Errorf("%s = %s is not a number of bytes above zero: %w", key, show(value), errdefs.ErrInvalidArgument)
}

// show writes a value as a configuration file has it, or nearly so.
func show(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
