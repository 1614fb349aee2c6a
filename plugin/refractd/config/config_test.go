// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package config

import (
	"context"
	"os"
	"path/filepath"
	"reflect"
	"strings"
	"testing"

	"github.com/pelletier/go-toml/v2"
	"github.com/urfave/cli/v3"

	"github.com/refract-oci/refract/plugin/policy"
)

const example = "../../deploy/refractd/config.toml"

func write(t *testing.T, text string) string {
	t.Helper()
	file := filepath.Join(t.TempDir(), "config.toml")
	if err := os.WriteFile(file, []byte(text), 0o600); err != nil {
		t.Fatal(err)
	}
	return file
}

// What we ship says of itself that it is the defaults, and explains every key.
func TestExampleIsTheDefaults(t *testing.T) {
	read, err := Read(example, nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	if read.Policy.Types == nil {
		read.Policy.Types = want.Policy.Types
	}
	if !reflect.DeepEqual(read, want) {
		t.Errorf("the example is\n%+v\ndefaults are\n%+v", read, want)
	}
	text, err := want.Text()
	if err != nil {
		t.Fatal(err)
	}
	file, err := os.ReadFile(example)
	if err != nil {
		t.Fatal(err)
	}
	var used, shown map[string]any
	if err := toml.Unmarshal([]byte(text), &used); err != nil {
		t.Fatal(err)
	}
	if err := toml.Unmarshal(file, &shown); err != nil {
		t.Fatal(err)
	}
	if !reflect.DeepEqual(used, shown) {
		t.Errorf("the example has\n%v\nrefractd uses\n%v", shown, used)
	}
}

func TestNoFile(t *testing.T) {
	none := filepath.Join(t.TempDir(), "none")
	if _, err := Read(none, nil); err == nil || !strings.Contains(err.Error(), none) {
		t.Errorf("a named file that does not exist: %v", err)
	}
	if got, err := read(none, false, nil); err != nil || !reflect.DeepEqual(got, Default()) {
		t.Errorf("without the default file: %+v, %v", got, err)
	}
	if _, err := read(t.TempDir(), false, nil); err == nil {
		t.Error("a default file that cannot be read is no error")
	}
}

func TestEveryKey(t *testing.T) {
	read, err := Read(write(t, `
address = "unix:///a"
metrics_address = "127.0.0.1:1"
image_target = "index"
references = "fetch"
types = ["sbom"]
platforms = "all"
discover = ["cosign"]
max_bytes = 7
max_bytes_total = 70
deadline = "9s"
max_requests = 8
required = ["signature"]
required_action = "warn"
[[rules]]
match = "h.example/*"
references = "none"
[containerd]
address = "/c"
config = "/cc"
snapshotter = "native"
[registry]
config_path = "/hosts"
headers = { X-One = ["1", "2"] }
[image]
pinned = ["p"]
pull_progress_timeout = "1s"
max_concurrent_downloads = 4
max_concurrent_unpacks = 5
concurrent_layer_fetch_buffer = 6
runtimes = { kata = { snapshotter = "nydus" } }
[image_verifier]
bin_dir = "/v"
max_verifiers = -1
per_verifier_timeout = "2s"
weaker = "warn"
[log]
level = "debug"
format = "json"
`), nil)
	if err != nil {
		t.Fatal(err)
	}
	want := Config{
		Address: "/a", MetricsAddress: "127.0.0.1:1",
		Policy: policy.Policy{ImageTarget: policy.TargetIndex, References: policy.ReferencesFetch, Types: []string{"sbom"}, MaxBytes: 7, MaxBytesTotal: 70,
			Deadline: 9e9, MaxRequests: 8, Platforms: policy.PlatformsAll, Discover: []policy.Place{policy.PlaceCosign},
			Required: []string{"signature"}, RequiredAction: policy.RequiredWarn, Rules: []policy.Rule{{Match: "h.example/*", Policy: policy.Policy{
				ImageTarget: policy.TargetIndex, References: policy.ReferencesNone, Types: []string{"sbom"}, MaxBytes: 7, MaxBytesTotal: 70,
				Deadline: 9e9, MaxRequests: 8, Platforms: policy.PlatformsAll, Discover: []policy.Place{policy.PlaceCosign},
				Required: []string{"signature"}, RequiredAction: policy.RequiredWarn}}}},
		Containerd: Containerd{Address: "/c", Config: "/cc", Snapshotter: "native"},
		Registry:   Registry{ConfigPath: "/hosts", Headers: map[string][]string{"X-One": {"1", "2"}}},
		Image: Image{
			Pinned: []string{"p"}, PullProgressTimeout: 1e9, MaxConcurrentDownloads: 4, MaxConcurrentUnpacks: 5, ConcurrentLayerFetchBuffer: 6,
			Runtimes: map[string]Runtime{"kata": {Snapshotter: "nydus"}},
		},
		ImageVerifier: ImageVerifier{BinDir: "/v", MaxVerifiers: -1, PerVerifierTimeout: 2e9, Weaker: WeakerWarn},
		Log:           Log{Level: "debug", Format: "json"},
	}
	if !reflect.DeepEqual(read, want) {
		t.Errorf("read\n%+v\nwant\n%+v", read, want)
	}
}

func TestRefusedByName(t *testing.T) {
	for text, words := range map[string][]string{
		"adress = \"/a\"":                                      {"adress", "unknown"},
		"[containerd]\nadress = \"/a\"":                        {"containerd.adress", "unknown"},
		"[containers]\naddress = \"/a\"":                       {"containers", "unknown"},
		"[image.runtimes.kata]\nsnapshoter = \"x\"":            {"image.runtimes.kata.snapshoter", "unknown"},
		"address = 1":                                          {"address"},
		"address = \"\"":                                       {"address", "empty"},
		"address = \"/run/containerd/containerd.sock\"":        {"containerd.address", "a socket of its own"},
		"references = \"yes\"":                                 {"references", "fetch"},
		"max_bytes = 0":                                        {"max_bytes"},
		"[image]\npull_progress_timeout = \"soon\"":            {"image", "soon", "5m0s"},
		"[image]\npull_progress_timeout = \"-1s\"":             {"image.pull_progress_timeout", "below zero"},
		"[image]\npinned = \"one\"":                            {"image.pinned"},
		"[image]\nmax_concurrent_downloads = -1":               {"image.max_concurrent_downloads"},
		"[image.runtimes.kata]\nsnapshotter = \"\"":            {"image.runtimes.kata.snapshotter", "empty"},
		"address = \"run/refractd.sock\"":                      {"address", "run/refractd.sock", "not a path from the root"},
		"address = \"unix://run/containerd/containerd.sock\"":  {"address", "not a path from the root"},
		"address = \"unix:///run/containerd/containerd.sock\"": {"containerd.address", "a socket of its own"},
		"[log]\nlevel = \"loud\"":                              {"log.level", "loud", "info"},
		"[log]\nformat = \"xml\"":                              {"log.format", "xml", "json"},
		"address = ":                                           {"config.toml"},
		"[registry.headers]\nAuthorization = \"a-canary\"\n":   {"registry.headers.Authorization"},
	} {
		_, err := Read(write(t, text), nil)
		if err == nil {
			t.Errorf("%q was read", text)
			continue
		}
		for _, word := range append(words, "config.toml") {
			if !strings.Contains(err.Error(), word) {
				t.Errorf("%q: error %q lacks %q", text, err, word)
			}
		}
		if strings.Contains(err.Error(), "\n") || strings.Contains(err.Error(), "a-canary") {
			t.Errorf("%q: error %q is not fit to be logged", text, err)
		}
	}
}

// run reads as the command does.
func run(t *testing.T, arguments ...string) (Config, error) {
	t.Helper()
	var read Config
	command := &cli.Command{Name: "refractd", Flags: Flags(), Action: func(_ context.Context, cmd *cli.Command) error {
		var err error
		read, err = FromCommand(cmd)
		return err
	}}
	err := command.Run(t.Context(), append([]string{"refractd"}, arguments...))
	return read, err
}

func TestFlagsGoOverTheFile(t *testing.T) {
	file := write(t, "address = \"/a\"\nreferences = \"fetch\"\n[containerd]\naddress = \"/c\"\nsnapshotter = \"native\"\n")
	read, err := run(t, "--config", file, "--containerd.address", "/flag", "--image_target", "index", "--max_bytes", "5", "--max_bytes_total", "50", "--deadline", "6s", "--max_requests", "7", "--types", "sbom", "--platforms", "all", "--discover", "cosign", "--discover", "digest-tag",
		"--image.pull_progress_timeout", "3s", "--image.max_concurrent_downloads", "0", "--image.pinned", "a", "--image.pinned", "b", "--log.level", "warn")
	if err != nil {
		t.Fatal(err)
	}
	want := Default()
	want.Address, want.Containerd = "/a", Containerd{Address: "/flag", Snapshotter: "native"}
	want.Policy = policy.Policy{ImageTarget: policy.TargetIndex, References: policy.ReferencesFetch, Types: []string{"sbom"}, MaxBytes: 5, MaxBytesTotal: 50,
		Deadline: 6e9, MaxRequests: 7, Platforms: policy.PlatformsAll, Discover: []policy.Place{policy.PlaceCosign, policy.PlaceDigestTag},
		RequiredAction: policy.RequiredRefuse}
	want.Image.PullProgressTimeout, want.Image.MaxConcurrentDownloads, want.Image.Pinned = 3e9, 0, []string{"a", "b"}
	want.Log.Level = "warn"
	if !reflect.DeepEqual(read, want) {
		t.Errorf("read\n%+v\nwant\n%+v", read, want)
	}
	for flag, value := range map[string]string{"references": "yes", "required": ""} {
		if _, err := run(t, "--config", file, "--"+flag, value); err == nil || !strings.Contains(err.Error(), flag) {
			t.Errorf("a bad %s: %v", flag, err)
		}
	}
}

// Every key of the file that is not a table by names has its flag.
func TestEveryKeyHasItsFlag(t *testing.T) {
	text, err := Default().Text()
	if err != nil {
		t.Fatal(err)
	}
	var keys map[string]any
	if err := toml.Unmarshal([]byte(text), &keys); err != nil {
		t.Fatal(err)
	}
	known := flags()
	var each func(prefix string, keys map[string]any)
	each = func(prefix string, keys map[string]any) {
		for key, value := range keys {
			name := prefix + key
			if section, ok := value.(map[string]any); ok {
				each(name+".", section)
				continue
			}
			if _, ok := known[name]; !ok {
				t.Errorf("%s has no flag", name)
			}
			delete(known, name)
		}
	}
	each("", keys)
	if len(known) > 0 {
		t.Errorf("flags without a key: %v", known)
	}
}

func TestTextHidesHeaders(t *testing.T) {
	c := Default()
	c.Registry.Headers = map[string][]string{"Authorization": {"a-canary"}}
	text, err := c.Text()
	if err != nil {
		t.Fatal(err)
	}
	if strings.Contains(text, "a-canary") || !strings.Contains(text, "Authorization") {
		t.Error(text)
	}
	if c.Registry.Headers["Authorization"][0] != "a-canary" {
		t.Error("the configuration itself was changed")
	}
}
