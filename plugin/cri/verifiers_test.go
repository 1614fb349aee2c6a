// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package cri

import (
	"context"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	introspection "github.com/containerd/containerd/api/services/introspection/v1"
	"github.com/containerd/containerd/v2/pkg/imageverifier/bindir"
	"github.com/containerd/errdefs"
	"github.com/prometheus/client_golang/prometheus"
	"github.com/prometheus/client_golang/prometheus/testutil"
	"github.com/sirupsen/logrus"
	logtest "github.com/sirupsen/logrus/hooks/test"
	"google.golang.org/grpc"
	"google.golang.org/grpc/codes"
	grpcstatus "google.golang.org/grpc/status"
	cri "k8s.io/cri-api/pkg/apis/runtime/v1"

	"github.com/refract-oci/refract/plugin/metrics"
)

func TestConfigurationInContainerdsArguments(t *testing.T) {
	for line, want := range map[string]string{
		"containerd": "", "containerd --log-level debug": "", "--config": "",
		"containerd --config /a": "/a", "containerd --config=/a": "/a", "containerd -c /a": "/a", "containerd -c=/a": "/a", "containerd -config /a": "/a",
		"containerd --root /r --config /a --state /s": "/a", "containerd -c /a --config=/b": "/b", "containerd --config": "",
	} {
		if got := configArgument(strings.Fields(line)); got != want {
			t.Errorf("%q: %q, want %q", line, got, want)
		}
	}
}

// A verifier that is built into containerd judges what containerd pulls, and nothing that refractd does.
func TestVerifiersThatCannotBeAsked(t *testing.T) {
	const kind = "io.containerd.image-verifier.v1"
	all := loaded{kind + ".bindir": {Type: kind, ID: "bindir"}}
	if err := foreignVerifiers(all); err != nil {
		t.Error(err)
	}
	all[kind+".theirs"] = &introspection.Plugin{Type: kind, ID: "theirs"}
	if err := (Verifying{}).judge(t.Context(), foreignVerifiers(all)); !errdefs.IsFailedPrecondition(err) || !strings.Contains(err.Error(), kind+".theirs") {
		t.Errorf("error %v", err)
	}
	if err := (Verifying{WarnOnly: true}).judge(t.Context(), foreignVerifiers(all)); err != nil {
		t.Error(err)
	}
}

// withVerifier are the plugins of a containerd that asks programs.
func withVerifier() []*introspection.Plugin {
	return append(complete(), &introspection.Plugin{Type: "io.containerd.image-verifier.v1", ID: "bindir"})
}

// pullOver pulls. The containerd of these tests has no leases to make: a pull that may begin ends with Unimplemented.
func pullOver(t *testing.T, conn *grpc.ClientConn) error {
	t.Helper()
	_, err := cri.NewImageServiceClient(conn).PullImage(t.Context(), &cri.PullImageRequest{Image: &cri.ImageSpec{Image: "one"}})
	return err
}

func isCode(err error, want codes.Code) bool { return grpcstatus.Code(err) == want }

func refused(t *testing.T, err error, words ...string) {
	t.Helper()
	if !isCode(err, codes.FailedPrecondition) {
		t.Errorf("want FailedPrecondition with %q, got %v", words, err)
		return
	}
	for _, word := range words {
		if !strings.Contains(err.Error(), word) {
			t.Errorf("error %q lacks %q", err, word)
		}
	}
}

// folderOf makes a folder with so many programs.
func folderOf(t *testing.T, number int) string {
	t.Helper()
	dir := t.TempDir()
	for i := range number {
		addProgram(t, dir, fmt.Sprint(i))
	}
	return dir
}

func addProgram(t *testing.T, dir, name string) {
	t.Helper()
	if err := os.WriteFile(filepath.Join(dir, name), []byte("#!/bin/sh\n"), 0o755); err != nil {
		t.Fatal(err)
	}
}

func duration(t *testing.T, text string) (config bindir.Config) {
	t.Helper()
	if err := config.PerVerifierTimeout.UnmarshalText([]byte(text)); err != nil {
		t.Fatal(err)
	}
	return config
}

// logged collects what is logged meanwhile.
func logged(t *testing.T) func() string {
	t.Helper()
	hook := &logtest.Hook{}
	before := logrus.StandardLogger().ReplaceHooks(logrus.LevelHooks{})
	logrus.StandardLogger().AddHook(hook)
	t.Cleanup(func() { logrus.StandardLogger().ReplaceHooks(before) })
	return func() string {
		var all strings.Builder
		for _, entry := range hook.AllEntries() {
			fmt.Fprintf(&all, "%s: %s %v\n", entry.Level, entry.Message, entry.Data)
		}
		return all.String()
	}
}

// What refractd's own configuration has is held against containerd's: nothing of it may have fewer programs asked.
func TestOwnVerifiersAgainstContainerds(t *testing.T) {
	three, one, none := folderOf(t, 3), folderOf(t, 1), folderOf(t, 0)
	unreadable := filepath.Join(three, "0") // no folder: containerd pulls nothing, whatever is in it
	for what, c := range map[string]struct {
		theirs  string
		own     Verifying
		refused []string // empty: it pulls
		warned  []string
	}{
		"as containerd":           {"bin_dir = '" + three + "'", Verifying{}, nil, nil},
		"fewer":                   {"bin_dir = '" + three + "'", Verifying{Config: bindir.Config{MaxVerifiers: 2}}, []string{three, "max_verifiers", "2", "3"}, nil},
		"fewer, warned of":        {"bin_dir = '" + three + "'", Verifying{Config: bindir.Config{MaxVerifiers: 2}, WarnOnly: true}, nil, []string{"max_verifiers", "might refuse"}},
		"fewer than all":          {"bin_dir = '" + three + "'\nmax_verifiers = -1", Verifying{Config: bindir.Config{MaxVerifiers: 1}}, []string{"max_verifiers"}, nil},
		"as few as containerd":    {"bin_dir = '" + three + "'\nmax_verifiers = 2", Verifying{Config: bindir.Config{MaxVerifiers: 2}}, nil, nil},
		"more":                    {"bin_dir = '" + three + "'\nmax_verifiers = 2", Verifying{Config: bindir.Config{MaxVerifiers: -1}}, nil, nil},
		"as many as there are":    {"bin_dir = '" + three + "'", Verifying{Config: bindir.Config{MaxVerifiers: 3}}, nil, nil},
		"containerd asks none":    {"bin_dir = '" + three + "'\nmax_verifiers = 0", Verifying{Config: bindir.Config{BinDir: none}}, nil, nil},
		"another folder":          {"bin_dir = '" + three + "'", Verifying{Config: bindir.Config{BinDir: one}}, nil, []string{three, one, "other image verifiers"}},
		"another, and few":        {"bin_dir = '" + one + "'", Verifying{Config: bindir.Config{BinDir: three, MaxVerifiers: 1}}, nil, []string{"other image verifiers"}},
		"another, and too few":    {"bin_dir = '" + three + "'", Verifying{Config: bindir.Config{BinDir: folderOf(t, 4), MaxVerifiers: 2}}, []string{"max_verifiers"}, nil},
		"an empty one":            {"bin_dir = '" + three + "'", Verifying{Config: bindir.Config{BinDir: none}}, []string{three, none, "weaker"}, nil},
		"none":                    {"bin_dir = '" + three + "'", Verifying{Config: bindir.Config{BinDir: none + "/none"}}, []string{three, none + "/none"}, nil},
		"one that refuses all":    {"bin_dir = '" + three + "'", Verifying{Config: bindir.Config{BinDir: unreadable, MaxVerifiers: 1}}, nil, []string{"other image verifiers"}},
		"containerd refuses all":  {"bin_dir = '" + unreadable + "'", Verifying{Config: bindir.Config{BinDir: none}}, []string{unreadable}, nil},
		"less time":               {"bin_dir = '" + three + "'\nper_verifier_timeout = '7s'", Verifying{Config: duration(t, "2s")}, nil, []string{"per_verifier_timeout", "7s", "2s"}},
		"less than the default":   {"bin_dir = '" + three + "'", Verifying{Config: duration(t, "2s")}, nil, []string{"per_verifier_timeout", "10s", "2s"}},
		"more time":               {"bin_dir = '" + three + "'\nper_verifier_timeout = '2s'", Verifying{Config: duration(t, "7s")}, nil, nil},
		"cannot be told":          {"bin_dir = 3", Verifying{}, []string{"cannot be told", "a.toml", "bin_dir"}, nil},
		"not told, an empty one":  {"bin_dir = 3", Verifying{Config: bindir.Config{BinDir: none}}, []string{"cannot be told", "bin_dir"}, nil},
		"not told, own programs":  {"bin_dir = 3", Verifying{Config: bindir.Config{BinDir: one}}, nil, []string{"cannot be told", "a.toml", one}},
		"not told, own and short": {"bin_dir = 3", Verifying{Config: bindir.Config{BinDir: three, MaxVerifiers: 1}}, nil, []string{"cannot be told"}},
	} {
		t.Run(what, func(t *testing.T) {
			said := logged(t)
			c.own.ContainerdConfig = files(t, map[string]string{"a.toml": sectionName + c.theirs + "\n"})
			up := newUpstream(t)
			up.plugins = withVerifier()
			_, conn := serve(t, up.address, Settings{Verifier: c.own})
			err := pullOver(t, conn)
			if len(c.refused) > 0 {
				refused(t, err, c.refused...)
			} else if !isCode(err, codes.Unimplemented) {
				t.Errorf("it does not pull: %v", err)
			}
			for _, word := range c.warned {
				if !strings.Contains(said(), word) {
					t.Errorf("%q is not in the log:\n%s", word, said())
				}
			}
			if len(c.warned) == 0 && strings.Contains(said(), "warning:") {
				t.Errorf("it warns:\n%s", said())
			}
		})
	}
}

// A pull is refused while it would not be judged, which is logged once and told, and no longer than that.
func TestRefusalEndsWithItsCause(t *testing.T) {
	said := logged(t)
	theirs, own := folderOf(t, 1), folderOf(t, 0)
	up := newUpstream(t)
	up.plugins = withVerifier()
	counted, err := metrics.Register(prometheus.NewRegistry())
	if err != nil {
		t.Fatal(err)
	}
	var mu sync.Mutex
	var told []error
	service, conn := serve(t, up.address, Settings{
		Metrics: counted,
		Pullable: func(_ context.Context, err error) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, err)
		},
		Verifier: Verifying{
			Config:           bindir.Config{BinDir: own},
			ContainerdConfig: files(t, map[string]string{"a.toml": sectionName + "bin_dir = '" + theirs + "'\n"}),
		},
	})
	for range 3 {
		refused(t, pullOver(t, conn), theirs, own)
	}
	if err := service.Ready(t.Context()); !errdefs.IsFailedPrecondition(err) {
		t.Errorf("it calls itself ready: %v", err)
	}
	if answer, err := cri.NewImageServiceClient(conn).ImageStatus(t.Context(), &cri.ImageStatusRequest{Image: &cri.ImageSpec{Image: "x"}}); err != nil {
		t.Errorf("what is not a pull: %v, %v", answer, err)
	}
	if got := strings.Count(said(), "images cannot be pulled"); got != 1 {
		t.Errorf("logged %d times:\n%s", got, said())
	}
	if err := testutil.CollectAndCompare(counted, strings.NewReader(refusals(3)), "refract_pulls_total"); err != nil {
		t.Error(err)
	}
	addProgram(t, own, "one")
	if err := pullOver(t, conn); !isCode(err, codes.Unimplemented) {
		t.Errorf("the cause is gone, and: %v", err)
	}
	if err := service.Ready(t.Context()); err != nil {
		t.Error(err)
	}
	mu.Lock()
	defer mu.Unlock()
	if len(told) != 2 || told[0] == nil || told[1] != nil {
		t.Errorf("told: %v", told)
	}
}

func refusals(number int) string {
	return fmt.Sprintf(`# HELP refract_pulls_total Pulls from registries that ended. Images that are a single manifest pass through refract and are not counted. refused: by an image verifier, by the policy, or because an index breaks the rules or limits; not_found: nothing for the platform, or no such image; cancelled: whoever asked gave up; failure: everything else, mostly registries and networks.
# TYPE refract_pulls_total counter
refract_pulls_total{result="cancelled"} 0
refract_pulls_total{result="failure"} 0
refract_pulls_total{result="not_found"} 0
refract_pulls_total{result="refused"} %d
refract_pulls_total{result="success"} 0
`, number)
}

// Nobody has to pull for a refusal to end.
func TestRefusalEndsByItself(t *testing.T) {
	theirs, own := folderOf(t, 1), folderOf(t, 0)
	up := newUpstream(t)
	up.plugins = withVerifier()
	told := make(chan error, 8)
	serve(t, up.address, Settings{
		again: time.Millisecond, Pullable: func(_ context.Context, err error) { told <- err },
		Verifier: Verifying{
			Config:           bindir.Config{BinDir: own},
			ContainerdConfig: files(t, map[string]string{"a.toml": sectionName + "bin_dir = '" + theirs + "'\n"}),
		},
	})
	if err := <-told; err == nil {
		t.Error("it pulls")
	}
	addProgram(t, own, "one")
	if err := <-told; err != nil {
		t.Error(err)
	}
}

// A containerd that goes away while it is asked has told nothing: neither is that a reason to refuse, nor one to pull without judgement.
func TestContainerdThatGoesAwayTellsNothing(t *testing.T) {
	ended := processIs(t, 1<<30) // no process has that number
	for what, own := range map[string]Verifying{"refuse": {}, "warn": {WarnOnly: true}, "own": {Config: bindir.Config{BinDir: folderOf(t, 1)}}} {
		for how, process := range map[string]func() (*introspection.ServerResponse, error){
			"the call fails": func() (*introspection.ServerResponse, error) {
				return nil, grpcstatus.Error(codes.Unavailable, "going")
			},
			"its process has ended": ended,
		} {
			t.Run(what+", "+how, func(t *testing.T) {
				said := logged(t)
				up := newUpstream(t)
				up.plugins, up.process = withVerifier(), process
				_, conn := serve(t, up.address, Settings{Verifier: own})
				if err := pullOver(t, conn); !isCode(err, codes.Unavailable) || strings.Contains(err.Error(), "weaker") {
					t.Errorf("error %v", err)
				}
				if strings.Contains(said(), "cannot be told") {
					t.Errorf("it is logged as something that stays:\n%s", said())
				}
				up.mu.Lock()
				up.process = processIs(t, os.Getpid())
				up.mu.Unlock()
				poll(t, func() error {
					if err := pullOver(t, conn); !isCode(err, codes.Unimplemented) {
						return errors.Join(errors.New("it does not pull"), err)
					}
					return nil
				})
			})
		}
	}
}
