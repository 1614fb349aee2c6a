// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package critest names what Kubernetes' critest is made of, so that go.mod and go.sum hold it: the program itself is a test of
// cri-tools, which no tool line and no import can name. `go test -c sigs.k8s.io/cri-tools/cmd/critest` here builds it.
package critest

import (
	_ "sigs.k8s.io/cri-tools/pkg/benchmark"
	_ "sigs.k8s.io/cri-tools/pkg/common"
	_ "sigs.k8s.io/cri-tools/pkg/framework"
	_ "sigs.k8s.io/cri-tools/pkg/validate"
	_ "sigs.k8s.io/cri-tools/pkg/version"
)
