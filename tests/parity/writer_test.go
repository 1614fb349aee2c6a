// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package parity_test

import (
	"fmt"
	"math/rand/v2"
	"strconv"
	"strings"

	"github.com/opencontainers/go-digest"
	ocispec "github.com/opencontainers/image-spec/specs-go/v1"
)

// writer makes documents by hand, because what makes them interesting no library would write: keys in other cases, keys twice,
// numbers in odd forms, escapes where none are needed.
type writer struct {
	random *rand.Rand
	text   strings.Builder
}

func (w *writer) one(in int) bool { return w.random.IntN(in) == 0 }

func (w *writer) pick(from ...string) string { return from[w.random.IntN(len(from))] }

// index returns a document; seldom one that is spoilt byte by byte.
func (w *writer) index() []byte {
	w.text.Reset()
	w.object(func(member func(string, func())) {
		member("schemaVersion", func() { w.text.WriteString(w.often("2", "2.0", "1", `"2"`, "null", "2e0", "-2")) })
		member("mediaType", func() { w.string(w.often(ocispec.MediaTypeImageIndex, "", ocispec.MediaTypeImageManifest)) })
		if !w.one(50) {
			member("manifests", func() { w.array(w.random.IntN(6), w.descriptor) })
		}
		if w.one(8) {
			member("annotations", w.annotations)
		}
		if w.one(12) {
			member("artifactType", func() { w.string("application/spdx+json") })
		}
		if w.one(12) {
			member("subject", w.descriptor)
		}
		if w.one(60) {
			member(w.pick("config", "layers"), func() { w.array(1, w.descriptor) })
		}
	})
	raw := []byte(w.text.String())
	if w.one(6) {
		for range 1 + w.random.IntN(3) {
			at := w.random.IntN(len(raw))
			switch w.random.IntN(3) {
			case 0:
				raw[at] = byte(w.random.IntN(256))
			case 1:
				raw = append(raw[:at], raw[min(at+1+w.random.IntN(8), len(raw)):]...)
			default:
				raw = append(raw[:at], append([]byte(w.pick("{", "}", ",", `"`, " ", "null", "\\", "\xef\xbb\xbf", "\x00", "0")), raw[at:]...)...)
			}
			if len(raw) == 0 {
				return []byte("{}")
			}
		}
	}
	return raw
}

// often gives the first of the values, seldom one of the others.
func (w *writer) often(first string, others ...string) string {
	if w.one(30) {
		return w.pick(others...)
	}
	return first
}

func (w *writer) space() {
	if w.one(20) {
		w.text.WriteString(w.pick(" ", "\n", "\t", "\r\n", "  "))
	}
}

// object writes members; seldom one of them twice, or one that nobody knows.
func (w *writer) object(members func(member func(string, func()))) {
	first := true
	separate := func() {
		if !first {
			w.text.WriteByte(',')
		}
		first = false
		w.space()
	}
	write := func(key string, value func()) {
		separate()
		w.string(w.key(key))
		w.space()
		w.text.WriteByte(':')
		w.space()
		value()
	}
	w.text.WriteByte('{')
	members(func(key string, value func()) {
		write(key, value)
		if w.one(250) {
			write(key, value)
		}
		if w.one(25) {
			write(w.pick("x", "X", "org.example", "Size2", "media-type", "é", "", "features"), w.anything)
		}
	})
	w.space()
	w.text.WriteByte('}')
}

// key spells a key; seldom in another case, or with the two letters beyond ASCII that Go folds into it.
func (w *writer) key(key string) string {
	if !w.one(150) {
		return key
	}
	switch w.random.IntN(4) {
	case 0:
		return strings.ToUpper(key)
	case 1:
		return strings.ToLower(key)
	case 2:
		return strings.Replace(key, "s", "ſ", 1)
	default:
		return strings.Title(key) //nolint:staticcheck // of ASCII keys, where it is right
	}
}

func (w *writer) array(count int, element func()) {
	if w.one(60) {
		w.text.WriteString(w.pick("null", "{}", `""`, "[null]", "[[]]"))
		return
	}
	w.text.WriteByte('[')
	for i := range count {
		if i > 0 {
			w.text.WriteByte(',')
		}
		element()
	}
	w.text.WriteByte(']')
}

// string writes a string; seldom as something else, and now and then with escapes that change nothing.
func (w *writer) string(value string) {
	if w.one(400) {
		w.text.WriteString(w.pick("null", "7", "[]", "true", `"\ud800"`, `"\ud83d\ude00"`))
		return
	}
	quoted := strconv.QuoteToGraphic(value)
	if w.one(40) && len(value) > 0 && value[0] < 0x80 {
		quoted = fmt.Sprintf(`"\u%04x`, value[0]) + quoted[2:]
	}
	w.text.WriteString(quoted)
}

func (w *writer) anything() {
	w.text.WriteString(w.pick("1", "-0", "1.5e300", "true", "null", `"x"`, "[]", "{}", `{"a":[{"b":1}]}`, `{"os":1,"OS":2}`, `[1,"2",{"a":{}}]`,
		`{"a":1,"b":{"a":1}}`))
	if w.one(40) {
		w.text.WriteString(w.pick("", " ", "e1"))
	}
}

func (w *writer) digest() string {
	if w.one(80) {
		return w.pick("", "sha256:", "sha256:xyz", "blake3:abc", "SHA256:"+strings.Repeat("a", 64), "sha512:"+strings.Repeat("0", 128))
	}
	return digest.FromString(strconv.Itoa(w.random.IntN(40))).String()
}

func (w *writer) descriptor() {
	w.object(func(member func(string, func())) {
		member("mediaType", func() {
			w.string(w.pick(ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageManifest, ocispec.MediaTypeImageIndex, "text/plain",
				"application/vnd.docker.distribution.manifest.v2+json"))
		})
		member("digest", func() { w.string(w.digest()) })
		member("size", func() {
			w.text.WriteString(w.often(strconv.Itoa(w.random.IntN(5000)), "0", "-1", "1.0", "1e2", "9223372036854775807", "9223372036854775808",
				"18446744073709551615", "null", `"7"`, "-0", "0.5", "4611686018427387904", "1E400"))
		})
		if w.one(2) {
			member("platform", w.platform)
		}
		if w.one(2) {
			member("annotations", w.annotations)
		}
		if w.one(6) {
			member("artifactType", func() { w.string(w.pick("", "application/spdx+json", ocispec.MediaTypeImageConfig)) })
		}
		if w.one(15) {
			member("urls", func() { w.array(w.random.IntN(3), func() { w.string("https://example.test/é") }) })
		}
	})
}

func (w *writer) platform() {
	if w.one(40) {
		w.text.WriteString(w.pick("null", "[]", `"linux/amd64"`, "{}"))
		return
	}
	w.object(func(member func(string, func())) {
		member("os", func() { w.string(w.pick("linux", "windows", "unknown", "", "Linux")) })
		member("architecture", func() { w.string(w.pick("amd64", "arm64", "unknown", "x86_64", "ſ390x")) })
		if w.one(3) {
			member("variant", func() { w.string(w.pick("v8", "", "v7")) })
		}
		if w.one(5) {
			member("os.version", func() { w.string("10.0.20348.1") })
		}
		if w.one(5) {
			member("os.features", func() { w.array(w.random.IntN(3), func() { w.string(w.pick("win32k", "", "gpu")) }) })
		}
	})
}

func (w *writer) annotations() {
	if w.one(40) {
		w.text.WriteString(w.pick("null", "[]", `""`, "{}"))
		return
	}
	w.object(func(member func(string, func())) {
		keys := []string{referenceDigest, referenceType, referenceDescription, "vnd.docker.reference.digest", "vnd.docker.reference.type",
			"com.amazon.soci.image-manifest-digest", "dev.cosignproject.cosign/signature", "dev.sigstore.cosign/bundle.1", "com.example", "COM.example", "é"}
		w.random.Shuffle(len(keys), func(i, j int) { keys[i], keys[j] = keys[j], keys[i] })
		for _, key := range keys[:w.random.IntN(4)] {
			member(key, func() {
				w.string(w.pick(w.digest(), "sbom", "", "text with \u2028 and \t and \"quotes\"", "é", "a\\b/c"))
			})
		}
	})
}
