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

// writeFiles writes one piece to the file at path, or any number into the directory at path. An existing path decides which it
// is; otherwise it is a directory if it ends with a slash or if there are several pieces.
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

// writeFile creates a new file in the directory and fills it. It never changes an existing file, or a symlink even if its
// target does not exist. A file that could not be filled is removed.
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

// fileName is the name of a layer's file in a directory: its title if that is a plain name and not taken, else its digest. It
// is empty for content that has its file already.
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

// longestName is the longest file name that common file systems allow, in bytes.
const longestName = 255

// isPlainName tells whether a file name from a registry is safe: it leads to no other directory, hides no file, does not look
// like a flag, and cannot be mistaken for the digest of other content.
func isPlainName(name string) bool {
	if name == "" || len(name) > longestName || !utf8.ValidString(name) || name[0] == '.' || name[0] == '-' {
		return false
	}
	if _, err := hex.DecodeString(name); err == nil && len(name) >= digest.SHA256.Size()*2 {
		return false
	}
	return !strings.ContainsAny(name, `/\`) && printable(name) == name
}

// shown is a standard output. Content passes unchanged, except to a terminal: there, control sequences are escaped.
type shown struct {
	*bufio.Writer
	terminal bool
	rest     []byte // the beginning of an incomplete character
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
	// The last character may continue in the next write.
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

// Flush writes the rest.
func (s *shown) Flush() error {
	if _, err := s.WriteString(printableLines(string(s.rest))); err != nil {
		return err
	}
	s.rest = nil
	return s.Writer.Flush()
}

// printableLines is printable, but keeps line ends and tabs.
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

// ErrorText is an error's text for a terminal. Text from a registry must do nothing there but show.
func ErrorText(err error) string { return printableLines(err.Error()) }
