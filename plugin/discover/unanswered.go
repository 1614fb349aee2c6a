// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package discover

import (
	"fmt"
	"strings"

	"github.com/containerd/errdefs"
)

// openQuestions collects the unanswered questions of a search, by reason.
type openQuestions struct {
	reasons   []string
	questions map[string][]string // by reason
	causes    []error
}

// Limits for the text of an error: there are few reasons, but there may be many questions.
const (
	shownReasons   = 4
	shownQuestions = 3
)

// add records why a question stays unanswered; nil means that it was answered.
func (o *openQuestions) add(question string, why error) {
	if why == nil {
		return
	}
	if o.questions == nil {
		o.questions = map[string][]string{}
	}
	reason := why.Error()
	if _, known := o.questions[reason]; !known {
		o.reasons = append(o.reasons, reason)
		o.causes = append(o.causes, why)
	}
	o.questions[reason] = append(o.questions[reason], question)
}

// err is nil if all questions were answered. Else it is errdefs.ErrUnavailable: a later pull may find more.
func (o *openQuestions) err() error {
	if len(o.reasons) == 0 {
		return nil
	}
	var parts []string
	for _, reason := range o.reasons[:min(len(o.reasons), shownReasons)] {
		questions := o.questions[reason]
		named := strings.Join(questions[:min(len(questions), shownQuestions)], ", ")
		if more := len(questions) - shownQuestions; more > 0 {
			named += fmt.Sprintf(" and %d more", more)
		}
		parts = append(parts, named+": "+reason)
	}
	if more := len(o.reasons) - shownReasons; more > 0 {
		parts = append(parts, fmt.Sprintf("and %d more reasons", more))
	}
	return &openError{text: strings.Join(parts, "; "), causes: append([]error{errdefs.ErrUnavailable}, o.causes...)}
}

// openError has the text of all reasons, and wraps each of them.
type openError struct {
	text   string
	causes []error
}

func (e *openError) Error() string   { return e.text }
func (e *openError) Unwrap() []error { return e.causes }
