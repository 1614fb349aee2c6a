// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package policy

import (
	"fmt"
	"maps"
	"slices"
	"strings"

	"github.com/containerd/errdefs"
	"github.com/distribution/reference"
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
// A repository that a rule names goes before those that stand below a path, and a longer path before a shorter one.
func (p Policy) For(image string) Policy {
	repository := repositoryOf(image)
	longest := -1
	chosen := p
	for _, rule := range p.Rules {
		if rule.Match == repository {
			return rule.Policy
		}
		path, wide := strings.CutSuffix(rule.Match, below)
		if wide && strings.HasPrefix(repository, path+"/") && len(path) > longest {
			longest, chosen = len(path), rule.Policy
		}
	}
	chosen.Rules = nil
	return chosen
}

// repositoryOf takes tag and digest away, and spells out what Docker's short names leave out.
func repositoryOf(image string) string {
	if named, err := reference.ParseDockerRef(image); err == nil {
		return named.Name()
	}
	// containerd also pulls what is no name to Docker.
	image, _, _ = strings.Cut(image, "@")
	if tag := strings.LastIndexByte(image, ':'); tag > strings.LastIndexByte(image, '/') {
		image = image[:tag]
	}
	return image
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
	match, ok := table[keyMatch].(string)
	if !ok || !isMatch(match) {
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
	return Rule{Match: match, Policy: policy}, nil
}

// isMatch tells whether something can match: a full name of a repository, without tag and digest, or a registry or path.
func isMatch(match string) bool {
	path, wide := strings.CutSuffix(match, below)
	if wide {
		// A registry or a path is right if there can be a repository below it; at Docker's own, short ones mean others.
		path += "/some/app"
	}
	named, err := reference.ParseNamed(path)
	return err == nil && reference.IsNameOnly(named) && named.Name() == path
}
