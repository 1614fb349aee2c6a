// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/platform_normal.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"

namespace refract::oci {
namespace {

constexpr auto known_systems =
    std::to_array<std::string_view>({"aix", "android", "darwin", "dragonfly", "freebsd", "hurd", "illumos", "ios", "js",
                                     "linux", "nacl", "netbsd", "openbsd", "plan9", "solaris", "windows", "zos"});

constexpr auto known_architectures = std::to_array<std::string_view>(
    {"386",     "amd64",   "amd64p32", "arm",    "armbe",  "arm64",    "arm64be",   "ppc64",
     "ppc64le", "loong64", "mips",     "mipsle", "mips64", "mips64le", "mips64p32", "mips64p32le",
     "ppc",     "riscv",   "riscv64",  "s390",   "s390x",  "sparc",    "sparc64",   "wasm"});

void replace_all(std::string& in, std::string_view what, char with) {
    for (auto at = in.find(what); at != std::string::npos; at = in.find(what, at)) in.replace(at, what.size(), 1, with);
}

}  // namespace

lowered::lowered(std::string_view text) : view_(text) {
    const auto is_plain = [](char c) { return static_cast<unsigned char>(c) < 0x80 && !is_upper(c); };
    if (std::all_of(text.begin(), text.end(), is_plain)) return;
    copy_ = lower_case(text);
    replace_all(copy_, "\u0130", 'i');
    replace_all(copy_, "\u212A", 'k');
    view_ = copy_;
}

std::string_view normal_os(std::string_view lower) {
    if (lower.empty()) return "linux";
    return lower == "macos" ? "darwin" : lower;
}

normal_architecture normalise(std::string_view architecture, std::string_view variant) {
    if (architecture == "amd64" || architecture == "x86_64" || architecture == "x86-64") {
        return {"amd64", variant == "v1" ? "" : variant};
    }
    if (architecture == "arm64" || architecture == "aarch64") {
        if (variant == "8" || variant == "v8" || variant == "v8.0") return {"arm64", ""};
        if (variant == "9" || variant == "9.0" || variant == "v9.0") return {"arm64", "v9"};
        return {"arm64", variant};
    }
    if (architecture == "i386") return {"386", ""};
    if (architecture == "armhf") return {"arm", "v7"};
    if (architecture == "armel") return {"arm", "v6"};
    if (architecture == "arm") {
        if (variant.empty() || variant == "7") return {"arm", "v7"};
        if (variant == "5") return {"arm", "v5"};
        if (variant == "6") return {"arm", "v6"};
        if (variant == "8") return {"arm", "v8"};
    }
    return {architecture, variant};
}

bool is_known_os(std::string_view name) {
    return std::find(known_systems.begin(), known_systems.end(), name) != known_systems.end();
}

bool is_known_architecture(std::string_view name) {
    return std::find(known_architectures.begin(), known_architectures.end(), name) != known_architectures.end();
}

}  // namespace refract::oci
