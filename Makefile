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

# Where Go finds the library, and where programs find what Debian's libraries would not be on a node: beside them. The
# old kind of run path counts for libraries of libraries, too.
export CGO_LDFLAGS := $(LIB) -lsimdjson -lcrypto -lstdc++ -lm -Wl,-rpath,$$ORIGIN/../lib/refract -Wl,--disable-new-dtags
# Go's cache does not see when the library changes, so its hash is among the flags of each link.
STAMP    = $(shell sha256sum $(LIB) 2>/dev/null | cut -c1-16)
GO_LDFLAGS = -X=github.com/refract-oci/refract/plugin/native.library=$(STAMP)
VERSIONS = -X=$(CONTAINERD)/version.Version=$(CONTAINERD_VERSION)

PROGRAMS := containerd-refract ctr-refract refractd
GO       := go

##@ Everything
.PHONY: help
help: ## Show this
	@awk 'BEGIN {FS = ":.*## "} /^##@/ {printf "\n%s\n", substr($$0, 5)} /^[a-z-]+:.*## / {printf "  make %-12s %s\n", $$1, $$2}' $(MAKEFILE_LIST)

.PHONY: deps
deps: ## Install what is missing (as root), or say how
	@.ci/deps

.PHONY: demo
demo: build tools ## Show the main job: stock containerd fails, refract pulls, runs and lists what is attached
	@.ci/rooted $(GO) run -ldflags "$(GO_LDFLAGS)" ./tests/demo

##@ Building
.PHONY: build
build: deps native go ## Build build/bin and build/lib

.PHONY: native
native: deps
	@cmake -S . -B $(BUILD)/cmake -G Ninja -DREFRACT_DEVELOPER_MODE=ON -DCMAKE_INSTALL_LIBDIR=lib \
		-DCMAKE_ARCHIVE_OUTPUT_DIRECTORY=$(BUILD)/lib -DCMAKE_LIBRARY_OUTPUT_DIRECTORY=$(BUILD)/lib \
		-DREFRACT_BIN=$(BUILD)/bin >$(BUILD)-cmake.log 2>&1 \
		|| { cat $(BUILD)-cmake.log; exit 1; }; rm -f $(BUILD)-cmake.log
	@cmake --build $(BUILD)/cmake --target refract refract_static refract_shared -- --quiet | { grep -v 'no work to do' || true; }

.PHONY: go
go: native
	@$(GO) build -ldflags "$(GO_LDFLAGS) $(VERSIONS)" -o $(BUILD)/bin/ $(PROGRAMS:%=./plugin/cmd/%)
	@.ci/bundle $(BUILD)/lib/refract $(PROGRAMS:%=$(BUILD)/bin/%) $(BUILD)/bin/refract

.PHONY: tools
tools: export CGO_LDFLAGS :=
tools: deps
	@for module in containerd notation oras peers referrers-registry registry; do \
		(cd tests/tools/$$module && $(GO) build -ldflags "$(VERSIONS)" -o $(BUILD)/tools/ tool); done
	@cd tests/tools/containerd-2.2 && $(GO) build -ldflags "-X=$(CONTAINERD)/version.Version=$$(sed -n 's|^\t$(CONTAINERD) \(v[^ ]*\).*|\1|p' go.mod)" \
		-o $(BUILD)/tools/2.2/ tool
	@.ci/docker-registry $(BUILD)/tools

.PHONY: go-env
go-env: ## Print the environment in which Go finds the library: eval "$(make -s go-env)"
	@printf 'export %s=%q\n' CGO_LDFLAGS "$$CGO_LDFLAGS" GOFLAGS '-ldflags=$(GO_LDFLAGS)'

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
test: build tools ## Run every test
	@GO_LDFLAGS="$(GO_LDFLAGS)" .ci/test $(STAGES)

.PHONY: test-kubelet
test-kubelet: export STAGES = kubelet
test-kubelet: test ## Run pods from extended indexes with a real kubelet

.PHONY: testdata
testdata: native ## Write tests/testdata anew from the shapes
	@$(GO) run -ldflags "$(GO_LDFLAGS)" ./tests/shapes/generate tests/testdata

.PHONY: proto
proto: ## Write the code of the gRPC service anew from its .proto
	@.ci/proto plugin/service

.PHONY: lint
lint: native ## Check style and look for mistakes
	@.ci/lint

.PHONY: bench
bench: build tools ## Compare with containerd in one run
	@GO_LDFLAGS="$(GO_LDFLAGS)" .ci/bench
