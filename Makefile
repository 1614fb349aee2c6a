# Copyright The refract Authors.
# SPDX-License-Identifier: Apache-2.0
#
# CMake builds the C++ core, Go builds the plugin around it; this file joins the two. `make help` tells what there is.

SHELL := /bin/bash
.SHELLFLAGS := -eu -o pipefail -c
.DEFAULT_GOAL := help

BUILD   := $(CURDIR)/build
LIB     := $(BUILD)/lib/librefract.a
PREFIX  ?= /usr/local
DESTDIR ?=
CONTAINERD := github.com/containerd/containerd/v2
CONTAINERD_VERSION := $(shell sed -n 's|^\t$(CONTAINERD) ||p' go.mod)

# Where Go finds the library: CMake leaves a refract.pc there. Not CGO_LDFLAGS, with which Go would compile half of its own library anew.
export PKG_CONFIG_PATH := $(BUILD)/lib/pkgconfig$(if $(PKG_CONFIG_PATH),:$(PKG_CONFIG_PATH))
# Go's cache does not see when the library changes, so its hash is among the flags of each link.
STAMP    = $(shell sha256sum $(LIB) 2>/dev/null | cut -c1-16)
GO_LDFLAGS = -X=github.com/refract-oci/refract/plugin/native.library=$(STAMP)
# Programs find beside them what Debian's libraries would not be on a node. The old kind of run path counts for libraries of libraries, too.
PROGRAM_LDFLAGS = -X=$(CONTAINERD)/version.Version=$(CONTAINERD_VERSION) -extldflags=-Wl,-rpath,\$$ORIGIN/../lib/refract,--disable-new-dtags

PROGRAMS := containerd-refract ctr-refract refractd
GO       := go

# Warnings are errors where tests and lint build, and then stay so in that tree. Users' builds do not stop because a compiler or a
# library of theirs is newer than ours.
DEVELOPER ?=
test lint bench: export DEVELOPER := yes

##@ Everything
.PHONY: help
help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## Install what is missing for all that follows (as root), or say how
	@.ci/deps

.PHONY: deps-build deps-demo
deps-build:
	@.ci/deps build
deps-demo:
	@.ci/deps build run

.PHONY: demo
demo: deps-demo build ## Show the main job: stock containerd fails, refract pulls, runs and lists what is attached
	@.ci/tools containerd docker-registry
	@.ci/rooted $(GO) run -ldflags "$(GO_LDFLAGS)" ./tests/demo

##@ Building
.PHONY: build
build: deps-build native go ## Build build/bin and build/lib

.PHONY: native
native: deps-build
	@cmake -S . -B $(BUILD)/cmake -G Ninja -DCMAKE_UNITY_BUILD=ON $(if $(DEVELOPER),-DREFRACT_DEVELOPER_MODE=ON) -DCMAKE_INSTALL_LIBDIR=lib \
		-DCMAKE_ARCHIVE_OUTPUT_DIRECTORY=$(BUILD)/lib -DCMAKE_LIBRARY_OUTPUT_DIRECTORY=$(BUILD)/lib \
		-DREFRACT_BIN=$(BUILD)/bin >$(BUILD)-cmake.log 2>&1 \
		|| { cat $(BUILD)-cmake.log; exit 1; }; rm -f $(BUILD)-cmake.log
	@cmake --build $(BUILD)/cmake --target refract refract_static refract_shared -- --quiet | { grep -v 'no work to do' || true; }

.PHONY: go
go: native
	@$(GO) build -ldflags "$(GO_LDFLAGS) $(PROGRAM_LDFLAGS)" -o $(BUILD)/bin/ $(PROGRAMS:%=./plugin/cmd/%)
	@.ci/bundle $(BUILD)/lib/refract $(PROGRAMS:%=$(BUILD)/bin/%) $(BUILD)/bin/refract

.PHONY: tools
tools: ## Build the other programs that tests start; each stage of `make test` builds its own
	@.ci/tools containerd containerd-2.2 docker-registry notation oras peers referrers-registry registry

.PHONY: go-env
go-env: ## Print the environment in which Go finds the library: eval "$(make -s go-env)"
	@printf 'export %s=%q\n' PKG_CONFIG_PATH "$$PKG_CONFIG_PATH" GOFLAGS '-ldflags=$(GO_LDFLAGS)'

.PHONY: install
install: build ## Install under DESTDIR and PREFIX
	@DESTDIR=$(DESTDIR) cmake --install $(BUILD)/cmake --prefix $(PREFIX) >/dev/null
	@install -d $(DESTDIR)$(PREFIX)/lib/refract $(DESTDIR)/etc/refractd \
		$(addprefix $(DESTDIR)$(PREFIX)/share/,bash-completion/completions zsh/site-functions fish/vendor_completions.d)
	@install $(PROGRAMS:%=$(BUILD)/bin/%) $(DESTDIR)$(PREFIX)/bin
	@install -m 644 $(BUILD)/lib/refract/* $(DESTDIR)$(PREFIX)/lib/refract
	@[ -e $(DESTDIR)/etc/refractd/config.toml ] || install -m 644 plugin/deploy/refractd/config.toml $(DESTDIR)/etc/refractd
	@DESTDIR=$(DESTDIR) PREFIX=$(PREFIX) .ci/install-deploy
	@$(BUILD)/bin/refract completion bash >$(DESTDIR)$(PREFIX)/share/bash-completion/completions/refract
	@$(BUILD)/bin/refract completion zsh >$(DESTDIR)$(PREFIX)/share/zsh/site-functions/_refract
	@$(BUILD)/bin/refract completion fish >$(DESTDIR)$(PREFIX)/share/fish/vendor_completions.d/refract.fish

.PHONY: clean
clean: ## Remove what was built
	@rm -rf $(BUILD)

##@ Checking
.PHONY: test
test: deps build ## Run every test
	@GO_LDFLAGS="$(GO_LDFLAGS)" .ci/test $(STAGES)

.PHONY: test-kubelet
test-kubelet: export STAGES = kubelet
test-kubelet: test ## Run pods from extended indexes with a real kubelet

.PHONY: test-suites
test-suites: export STAGES = everysuite
test-suites: test ## Run Kubernetes' critest and containerd's client tests on images of every form (most of an hour)

.PHONY: testdata
testdata: native ## Write tests/testdata anew from the shapes
	@$(GO) run -ldflags "$(GO_LDFLAGS)" ./tests/shapes/generate tests/testdata

.PHONY: proto
proto: ## Write the code of the gRPC service anew from its .proto
	@.ci/proto plugin/service

.PHONY: lint
lint: deps native ## Check style and look for mistakes
	@.ci/lint

.PHONY: bench
bench: deps build tools ## Compare with containerd in one run
	@GO_LDFLAGS="$(GO_LDFLAGS)" .ci/bench
