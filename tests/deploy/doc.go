// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Package deploy holds tests of plugin/deploy: the script that installs on a node, the units, and the manifests. It is a module of
// its own, because Kubernetes' types and kustomize are no part of refract.
package deploy
