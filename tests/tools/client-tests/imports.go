// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package clienttests names what containerd's own tests of its client are made of, and our option for that client, so that go.mod and
// go.sum hold it. `.ci/client-tests` builds them.
package clienttests

import (
	_ "github.com/AdaLogics/go-fuzz-headers"
	_ "github.com/containerd/containerd/v2/core/content/testsuite"
	_ "github.com/containerd/containerd/v2/core/snapshots/testsuite"
	_ "github.com/containerd/containerd/v2/integration/client"
	_ "github.com/containerd/containerd/v2/pkg/archive/tartest"
	_ "github.com/containerd/containerd/v2/pkg/protobuf/prototestutil"
	_ "github.com/containerd/log/logtest"
	_ "github.com/google/go-cmp/cmp"
	_ "github.com/stretchr/testify/require"

	_ "github.com/refract-oci/refract/plugin/policy"
	_ "github.com/refract-oci/refract/plugin/transfer"
)
