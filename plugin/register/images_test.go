// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

package register

import (
	"bytes"
	"reflect"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/containerd/containerd/v2/plugins"
	"github.com/containerd/log"
	"github.com/containerd/plugin"
	"github.com/pelletier/go-toml/v2"
	"github.com/sirupsen/logrus"
)

// imageConfig is a copy of containerd's own default, with a file's lines over it.
func imageConfig(t *testing.T, lines string) any {
	t.Helper()
	at := slices.IndexFunc(stock, func(r plugin.Registration) bool { return r.Type == plugins.CRIServicePlugin && r.ID == criImageID })
	if at < 0 {
		t.Skip("this build has no runtime interface")
	}
	config := reflect.New(reflect.TypeOf(stock[at].Config).Elem())
	config.Elem().Set(reflect.ValueOf(stock[at].Config).Elem())
	if err := toml.Unmarshal([]byte(lines), config.Interface()); err != nil {
		t.Fatal(err)
	}
	return config.Interface()
}

var optionLines = map[string]string{
	"use_local_image_pull":         "use_local_image_pull = true",
	"disable_snapshot_annotations": "disable_snapshot_annotations = " + map[bool]string{true: "true", false: "false"}[runtime.GOOS == "windows"],
	"discard_unpacked_layers":      "discard_unpacked_layers = true",
	"registry.mirrors":             "[registry.mirrors.\"docker.io\"]\nendpoint = [\"https://example.com\"]",
	"registry.configs":             "[registry.configs.\"docker.io\".auth]\nusername = \"u\"",
	"registry.auths":               "[registry.auths.\"docker.io\"]\nusername = \"u\"",
	"max_concurrent_downloads":     "max_concurrent_downloads = 5",
	"image_pull_with_sync_fs":      "image_pull_with_sync_fs = true",
}

func TestForcingOptionsAreNamedAsInTheFile(t *testing.T) {
	if forcing := forcingOptions(imageConfig(t, "")); len(forcing) != 0 {
		t.Errorf("containerd's defaults are said to force %v", forcing)
	}
	for name, lines := range optionLines {
		if forcing := forcingOptions(imageConfig(t, lines)); !slices.Equal(forcing, []string{name}) {
			t.Errorf("%q forces %v", lines, forcing)
		}
	}
	if len(optionLines) != len(localPullOptions) {
		t.Errorf("%d options are tested of %d", len(optionLines), len(localPullOptions))
	}
}

func TestWarnsOnceWhereExtendedIndexesWillNotWork(t *testing.T) {
	for name, lines := range optionLines {
		var written bytes.Buffer
		logger := logrus.New()
		logger.SetOutput(&written)
		ctx := log.WithLogger(t.Context(), logrus.NewEntry(logger))
		registration := &plugin.Registration{InitFn: func(ic *plugin.InitContext) (any, error) {
			// As containerd does for all of these options.
			field(reflect.ValueOf(ic.Config), "UseLocalImagePull").SetBool(true)
			return "service", nil
		}}
		decorateImages(registration)
		ic := plugin.NewContext(ctx, plugin.NewPluginSet(), nil)
		ic.Config = imageConfig(t, lines)
		if made, err := registration.InitFn(ic); made != "service" || err != nil {
			t.Errorf("%s: made %v, %v", name, made, err)
		}
		if count := strings.Count(written.String(), "level=warning"); count != 1 || !strings.Contains(written.String(), "remove "+name+" ") {
			t.Errorf("%s: %d warnings: %s", name, count, written.String())
		}
	}
	var written bytes.Buffer
	logger := logrus.New()
	logger.SetOutput(&written)
	registration := &plugin.Registration{InitFn: func(*plugin.InitContext) (any, error) { return nil, nil }}
	decorateImages(registration)
	ic := plugin.NewContext(log.WithLogger(t.Context(), logrus.NewEntry(logger)), plugin.NewPluginSet(), nil)
	ic.Config = imageConfig(t, "")
	if _, err := registration.InitFn(ic); err != nil || written.Len() != 0 {
		t.Errorf("with the defaults: %v, %s", err, written.String())
	}
}
