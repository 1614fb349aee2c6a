// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package command

import (
	"bufio"
	"encoding/hex"
	"errors"
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"
	"syscall"
	"unicode/utf8"

	"github.com/opencontainers/go-digest"
	"golang.org/x/term"

	"github.com/refract-oci/refract/plugin/references"
)

// writeFiles writes one piece to the file, or any number into the directory, at path. Which it is: what exists there, else a
// directory if the path ends like one or if there are several pieces.
func writeFiles(report io.Writer, path string, pieces []piece) error {
	info, err := os.Stat(path)
	if err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	if err != nil && (len(pieces) > 1 || os.IsPathSeparator(path[len(path)-1])) {
		if err := os.MkdirAll(path, 0o755); err != nil {
			return err
		}
	} else if err != nil || !info.IsDir() {
		if len(pieces) > 1 {
			return fmt.Errorf("%q is not a directory, and there are %d layers to write", path, len(pieces))
		}
		return writeFile(report, filepath.Dir(path), filepath.Base(path), pieces[0])
	}
	used := map[string]bool{}
	for _, piece := range pieces {
		name := fileName(piece.layer, used)
		if name == "" {
			// The same content again.
			continue
		}
		used[name] = true
		if err := writeFile(report, path, name, piece); err != nil {
			return err
		}
	}
	return nil
}

// writeFile creates a file of the directory's own and fills it. What exists there is left alone, also if it is a symlink that
// leads nowhere; what could not be filled is removed.
func writeFile(report io.Writer, directory, name string, piece piece) (err error) {
	root, err := os.OpenRoot(directory)
	if err != nil {
		return err
	}
	defer root.Close()
	file, err := root.OpenFile(name, os.O_WRONLY|os.O_CREATE|os.O_EXCL|syscall.O_NOFOLLOW, 0o644)
	if errors.Is(err, os.ErrExist) {
		return fmt.Errorf("%q exists, it is left alone: give another name with -o", filepath.Join(directory, name))
	}
	if err != nil {
		return err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, root.Remove(name))
		}
	}()
	if err := errors.Join(piece.fill(file), file.Close()); err != nil {
		return err
	}
	_, err = fmt.Fprintln(report, printable(filepath.Join(directory, name)))
	return err
}

// fileName is what a layer's file in a directory is called: its title if that is a plain name and not taken, else its digest.
// It is empty for content that has its file already.
func fileName(layer references.Layer, used map[string]bool) string {
	if isPlainName(layer.Title) && !used[layer.Title] {
		return layer.Title
	}
	_, name, _ := strings.Cut(layer.Digest.String(), ":")
	if layer.Digest == "" {
		name = digest.FromString(layer.Title).Encoded()
	}
	if used[name] {
		return ""
	}
	return name
}

// longestName is what common file systems allow, in bytes.
const longestName = 255

// isPlainName tells whether a stranger's name for a file leads nowhere, hides nothing, looks like no flag of a command, and does
// not pass for the digest of other content.
func isPlainName(name string) bool {
	if name == "" || len(name) > longestName || !utf8.ValidString(name) || name[0] == '.' || name[0] == '-' {
		return false
	}
	if _, err := hex.DecodeString(name); err == nil && len(name) >= digest.SHA256.Size()*2 {
		return false
	}
	return !strings.ContainsAny(name, `/\`) && printable(name) == name
}

// shown is a standard output. Content goes through it as it is, but for a terminal: there, what would do more than show text is
// escaped.
type shown struct {
	*bufio.Writer
	terminal bool
	rest     []byte // the beginning of a character
}

func newShown(to io.Writer) *shown {
	file, ok := to.(*os.File)
	return &shown{Writer: bufio.NewWriter(to), terminal: ok && term.IsTerminal(int(file.Fd()))}
}

func (s *shown) Write(content []byte) (int, error) {
	if !s.terminal {
		return s.Writer.Write(content)
	}
	text := append(s.rest, content...)
	end := len(text)
	// The last character may go on in the next piece.
	for cut := 1; cut < utf8.UTFMax && cut <= len(text); cut++ {
		if tail := text[len(text)-cut:]; utf8.RuneStart(tail[0]) {
			if !utf8.FullRune(tail) {
				end -= cut
			}
			break
		}
	}
	s.rest = append([]byte(nil), text[end:]...)
	_, err := s.WriteString(printableLines(string(text[:end])))
	return len(content), err
}

// Flush writes what is left.
func (s *shown) Flush() error {
	if _, err := s.WriteString(printableLines(string(s.rest))); err != nil {
		return err
	}
	s.rest = nil
	return s.Writer.Flush()
}

// printableLines is printable with line ends and tabs as they are.
func printableLines(text string) string {
	var out strings.Builder
	for {
		end := strings.IndexAny(text, "\n\t")
		if end < 0 {
			break
		}
		out.WriteString(printable(text[:end]))
		out.WriteByte(text[end])
		text = text[end+1:]
	}
	out.WriteString(printable(text))
	return out.String()
}

// ErrorText is an error for a terminal: what a registry had its part in must not do more than show text.
func ErrorText(err error) string { return printableLines(err.Error()) }
