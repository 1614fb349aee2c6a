// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package printable is the one list of what strangers write and how it is shown: list.json, which the native tests read, too. What
// escapes is in C++ alone (native/base/printable.cpp).
package printable

import (
	_ "embed"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"slices"
	"strings"
	"sync"
	"unicode"
	"unicode/utf8"
)

//go:embed list.json
var list []byte

// Row is a text and how it is shown.
type Row struct {
	Name, Text, Shown string
	// IsBytes is set where the text is no UTF-8: JSON cannot hold it.
	IsBytes bool
}

// List is the whole list.
func List() []Row {
	var rows []struct{ Name, Text, Hex, Shown string }
	if err := json.Unmarshal(list, &rows); err != nil {
		panic(fmt.Sprintf("printable: %v", err))
	}
	all := make([]Row, len(rows))
	for i, row := range rows {
		all[i] = Row{row.Name, row.Text, row.Shown, row.Hex != ""}
		if row.Hex != "" {
			text, err := hex.DecodeString(row.Hex)
			if err != nil {
				panic(fmt.Sprintf("printable: %s: %v", row.Name, err))
			}
			all[i].Text = string(text)
		}
	}
	return all
}

// Harmful are the rows of texts that are not shown as they are, and that JSON can hold.
func Harmful() []Row {
	return slices.DeleteFunc(List(), func(row Row) bool { return row.IsBytes || row.Text == row.Shown })
}

// Harm tells what in a printed text would do more than show its lines: a character of the list's, or what forges a line; empty if
// there is nothing.
func Harm(printed string) string {
	if !utf8.ValidString(printed) {
		return "what is no UTF-8"
	}
	for at, r := range printed {
		if r != '\n' && (!unicode.IsPrint(r) || slices.Contains(characters(), r)) {
			return fmt.Sprintf("%q at %d", r, at)
		}
	}
	for _, row := range Harmful() {
		if strings.Contains(row.Text, "\n") && strings.Contains(printed, row.Text) {
			return row.Name
		}
	}
	return ""
}

// characters are those that the list's texts have and that are not shown.
var characters = sync.OnceValue(func() []rune {
	var all []rune
	for _, row := range Harmful() {
		for _, r := range row.Text {
			if r != '\n' && !strings.ContainsRune(row.Shown, r) {
				all = append(all, r)
			}
		}
	}
	return all
})
