// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package policy says what a pull of an extended index leaves on a node, and reads that from a configuration.
package policy

import (
	"cmp"
	"encoding/json"
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

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
	// ReferencesList counts it in the log; the index on the node lists it. It costs no request by itself.
	ReferencesList References = "list"
	// ReferencesFetch downloads it, too.
	ReferencesFetch References = "fetch"
)

// Policy is what the operator of a node decided.
type Policy struct {
	ImageTarget ImageTarget
	References  References
	// Types are the kinds (sbom, signature, …) or exact types to fetch; none: all.
	Types []string
	// Platforms are whose references are fetched.
	Platforms Platforms
	// Discover are places outside of an image's index where a pull looks for references, too; none: it asks nothing more.
	Discover []Place
	// Deadline is how long a pull waits for all that it looks for in Discover; 0: as by default.
	Deadline time.Duration
	// MaxRequests are how many requests it makes for that; 0: as by default.
	MaxRequests int64
	// MaxBytes is the most that one reference with all its blobs may take; a larger one is listed and warned about.
	MaxBytes int64
	// MaxBytesTotal is the most that all fetched references of one image may take together; 0: as by default. What is over it is
	// listed and warned about.
	MaxBytesTotal int64
	// Required are kinds (sbom, signature, …) or exact types: an image of which neither its index nor the places in
	// Discover tell of a reference of each of them is not pulled, or warned about.
	Required       []string
	RequiredAction RequiredAction
	// Rules are for images of some repositories, in place of all this: see For.
	Rules []Rule
}

// Platforms are images of an index, by whether their platform is the pulled one.
type Platforms string

const (
	// PlatformsOwn are the selected image and the indexes around it.
	PlatformsOwn Platforms = "own"
	// PlatformsAll are all images of the index.
	PlatformsAll Platforms = "all"
)

// Place is where a repository may hold references besides an image's index.
type Place string

const (
	// PlaceDigestTag is the tag that Proposal F and the distribution specification make of a digest.
	PlaceDigestTag Place = "digest-tag"
	// PlaceReferrers is the referrers API of the registry.
	PlaceReferrers Place = "referrers"
	// PlaceCosign are cosign's tags.
	PlaceCosign Place = "cosign"
)

// RequiredAction is what a pull does where an image lacks what is required.
type RequiredAction string

const (
	// RequiredRefuse ends the pull before any layer is downloaded.
	RequiredRefuse RequiredAction = "refuse"
	// RequiredWarn only writes it into the log.
	RequiredWarn RequiredAction = "warn"
)

// Names of the keys in a configuration file.
const (
	keyImageTarget    = "image_target"
	keyReferences     = "references"
	keyTypes          = "types"
	keyMaxBytes       = "max_bytes"
	keyMaxBytesTotal  = "max_bytes_total"
	keyPlatforms      = "platforms"
	keyDiscover       = "discover"
	keyDeadline       = "deadline"
	keyMaxRequests    = "max_requests"
	keyRequired       = "required"
	keyRequiredAction = "required_action"
	keyRules          = "rules"
)

var keys = []string{keyImageTarget, keyReferences, keyTypes, keyMaxBytes, keyMaxBytesTotal, keyPlatforms, keyDiscover, keyDeadline,
	keyMaxRequests, keyRequired, keyRequiredAction, keyRules}

// defaultMaxBytes is ample for SBOMs and provenance, and keeps a node's disk out of a stranger's hands.
const defaultMaxBytes = 256 << 20

// defaultMaxBytesTotal is for the many references that each stay below it.
const defaultMaxBytesTotal = 1 << 30

// FetchLimit is how many bytes all fetched references of one image may take together.
func (p Policy) FetchLimit() int64 { return cmp.Or(p.MaxBytesTotal, defaultMaxBytesTotal) }

// What looking beside an image may cost: enough for what anybody attaches, and no longer than people wait for a pull.
const (
	defaultDeadline    = 30 * time.Second
	defaultMaxRequests = 200
)

// LookupLimits are how long a pull waits for all that it looks for beside its image, and how many requests it makes for that.
func (p Policy) LookupLimits() (deadline time.Duration, requests int64) {
	return cmp.Or(p.Deadline, defaultDeadline), cmp.Or(p.MaxRequests, defaultMaxRequests)
}

// Default is the policy of a node whose operator decided nothing.
func Default() Policy {
	return Policy{
		ImageTarget: TargetAuto, References: ReferencesList, Platforms: PlatformsOwn, Deadline: defaultDeadline, MaxRequests: defaultMaxRequests,
		MaxBytes: defaultMaxBytes, MaxBytesTotal: defaultMaxBytesTotal, RequiredAction: RequiredRefuse,
	}
}

// Judges tells whether the policy decides which images may run, so that nothing else than what it judged may take their place.
func (p Policy) Judges() bool { return len(p.Required) > 0 && p.RequiredAction != RequiredWarn }

// Map is the policy as a configuration holds it. Rules are there only if there are any.
func (p Policy) Map() map[string]any {
	deadline, requests := p.LookupLimits()
	made := map[string]any{
		keyImageTarget:    string(p.ImageTarget),
		keyReferences:     string(p.References),
		keyTypes:          anys(p.Types),
		keyMaxBytes:       p.MaxBytes,
		keyMaxBytesTotal:  p.FetchLimit(),
		keyPlatforms:      string(p.Platforms),
		keyDiscover:       anys(p.Discover),
		keyDeadline:       deadline.String(),
		keyMaxRequests:    requests,
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

func anys[T ~string](texts []T) []any {
	made := make([]any, 0, len(texts))
	for _, text := range texts {
		made = append(made, string(text))
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
			policy.MaxBytes, err = positive(key, value, "bytes")
		case keyMaxBytesTotal:
			policy.MaxBytesTotal, err = positive(key, value, "bytes")
		case keyPlatforms:
			policy.Platforms, err = oneOf(key, value, PlatformsOwn, PlatformsAll)
		case keyDiscover:
			policy.Discover, err = someOf(key, value, PlaceDigestTag, PlaceReferrers, PlaceCosign)
		case keyDeadline:
			policy.Deadline, err = duration(key, value)
		case keyMaxRequests:
			policy.MaxRequests, err = positive(key, value, "requests")
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
	return "", fmt.Errorf("%s = %s is not one of %s: %w", key, show(value), quoted(allowed), errdefs.ErrInvalidArgument)
}

// someOf reads a list of which each item is allowed once.
func someOf[T ~string](key string, value any, allowed ...T) ([]T, error) {
	bad := fmt.Errorf("%s = %s is not a list of %s, each at most once: %w", key, show(value), quoted(allowed), errdefs.ErrInvalidArgument)
	list, err := texts(key, value)
	if err != nil {
		return nil, bad
	}
	var read []T
	for _, text := range list {
		if !slices.Contains(allowed, T(text)) || slices.Contains(read, T(text)) {
			return nil, bad
		}
		read = append(read, T(text))
	}
	return read, nil
}

func quoted[T ~string](allowed []T) string {
	all := make([]string, 0, len(allowed))
	for _, a := range allowed {
		all = append(all, fmt.Sprintf("%q", a))
	}
	return strings.Join(all, ", ")
}

func texts(key string, value any) ([]string, error) {
	bad := fmt.Errorf("%s = %s is not a list of kinds or types, such as [\"sbom\"]: %w",
		key, show(value), errdefs.ErrInvalidArgument)
	switch list := value.(type) {
	case []string:
		if slices.Contains(list, "") {
			return nil, bad
		}
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

func duration(key string, value any) (time.Duration, error) {
	text, _ := value.(string)
	read, err := time.ParseDuration(text)
	if err != nil || read <= 0 {
		return 0, fmt.Errorf("%s = %s is not a time above zero, such as \"30s\": %w", key, show(value), errdefs.ErrInvalidArgument)
	}
	return read, nil
}

func positive(key string, value any, unit string) (int64, error) {
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
	return 0, fmt.Errorf("%s = %s is not a number of %s above zero: %w", key, show(value), unit, errdefs.ErrInvalidArgument)
}

// show writes a value as a configuration file has it, or nearly so.
func show(value any) string {
	text, err := json.Marshal(value)
	if err != nil {
		return fmt.Sprint(value)
	}
	return string(text)
}
