// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
)

const keyMatch = "match"

// everything below ends a match that is not for one repository alone.
const below = "/*"

// Rule is the policy for images of some repositories.
type Rule struct {
	// Match is a repository, as "registry.example/team/app", or all below a registry or a path, as "registry.example/team/*".
	Match string
	// Policy has no rules of its own.
	Policy Policy
}

// For is the policy for an image of that name: that of the rule which says most about its repository, or else the policy itself.
// A rule that names a repository takes precedence over one for a path, and a longer path over a shorter one.
//
// Where there are rules, a name that a repository cannot have is errdefs.ErrInvalidArgument: which rule it means cannot be told.
func (p Policy) For(image string) (Policy, error) {
	chosen := p
	chosen.Rules = nil
	if len(p.Rules) == 0 {
		return chosen, nil
	}
	repository, err := repositoryOf(image)
	if err != nil {
		return Policy{}, err
	}
	longest := -1
	for _, rule := range p.Rules {
		if rule.Match == repository {
			return rule.Policy, nil
		}
		path, wide := strings.CutSuffix(rule.Match, below)
		if wide && strings.HasPrefix(repository, path+"/") && len(path) > longest {
			longest, chosen = len(path), rule.Policy
		}
	}
	return chosen, nil
}

// rules reads the tables under "rules". What a rule leaves out is as in the policy around it.
func rules(value any, around map[string]any) ([]Rule, error) {
	var tables []map[string]any
	switch list := value.(type) {
	case []map[string]any:
		tables = list
	case []any:
		for _, item := range list {
			table, ok := item.(map[string]any)
			if !ok {
				return nil, fmt.Errorf("%s holds %s, not a table: %w", keyRules, show(item), errdefs.ErrInvalidArgument)
			}
			tables = append(tables, table)
		}
	default:
		return nil, fmt.Errorf("%s = %s is not a list of tables, such as [[rules]]: %w", keyRules, show(value), errdefs.ErrInvalidArgument)
	}
	made := make([]Rule, 0, len(tables))
	for _, table := range tables {
		one, err := rule(table, around)
		if err != nil {
			return nil, err
		}
		if slices.ContainsFunc(made, func(other Rule) bool { return other.Match == one.Match }) {
			return nil, fmt.Errorf("two %s have %s = %q: %w", keyRules, keyMatch, one.Match, errdefs.ErrInvalidArgument)
		}
		made = append(made, one)
	}
	return made, nil
}

func rule(table, around map[string]any) (Rule, error) {
	match, _ := table[keyMatch].(string)
	canonical, ok := canonicalMatch(match)
	if !ok {
		return Rule{}, fmt.Errorf("%s: %s = %s is neither a repository, such as \"registry.example/team/app\", nor all below one, such as "+
			"\"registry.example/team/*\": %w", keyRules, keyMatch, show(table[keyMatch]), errdefs.ErrInvalidArgument)
	}
	if _, nested := table[keyRules]; nested {
		return Rule{}, fmt.Errorf("rule %q has %s of its own: %w", match, keyRules, errdefs.ErrInvalidArgument)
	}
	merged := maps.Clone(around)
	delete(merged, keyRules)
	maps.Copy(merged, table)
	delete(merged, keyMatch)
	policy, err := Decode(merged)
	if err != nil {
		return Rule{}, fmt.Errorf("rule %q: %w", match, err)
	}
	return Rule{Match: canonical, Policy: policy}, nil
}

// canonicalMatch spells a match as repositoryOf spells repositories, if it can match anything: a full name of a repository, without
// tag and digest, or a registry or path with all below it.
func canonicalMatch(match string) (string, bool) {
	path, wide := strings.CutSuffix(match, below)
	if wide {
		// A registry or a path is right if there can be a repository below it.
		path += somewhere
	}
	// A first part without dot and port is a registry to containerd and none to Docker: a rule must not be read in two ways.
	registry, _, _ := strings.Cut(path, "/")
	canonical, err := repositoryOf(path)
	if err != nil || !strings.ContainsAny(registry, ".:") && registry != "localhost" || strings.ContainsAny(path[len(registry):], ":@") {
		return "", false
	}
	if wide {
		canonical = strings.TrimSuffix(canonical, somewhere) + below
	}
	return canonical, true
}

// somewhere is a repository below a registry or a path.
const somewhere = "/some/app"
