// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <charconv>
#include <span>
#include <string>

#include "base/printable.h"
#include "resolve/predict/models.h"

/// regclient manifest.go (ManifestGet), types/descriptor (DescriptorListSearch), types/platform/compare.go.
namespace refract::resolve {
namespace {

/// A platform as regclient compares it. It knows other names of architectures as containerd does, but normalises only
/// what is written just so, and lets a higher variant of any architecture run a lower one.
struct normal_platform {
    std::string_view os;
    std::string_view architecture;
    std::string_view variant;
    std::string_view os_version;
    std::span<const std::string_view> os_features;
};

/// Platform.normalize. Views what the declared one does; copies nothing, for this is done to each entry of an index.
normal_platform normalise(const oci::platform& declared) {
    normal_platform to{declared.os, declared.architecture, declared.variant, declared.os_version, declared.os_features};
    auto& architecture = to.architecture;
    auto& variant = to.variant;
    if (to.os == "macos") to.os = "darwin";
    if (architecture == "i386") {
        architecture = "386";
        variant = {};
    } else if (architecture == "x86_64" || architecture == "x86-64" || architecture == "amd64") {
        architecture = "amd64";
        if (variant == "v1") variant = {};
    } else if (architecture == "aarch64" || architecture == "arm64") {
        architecture = "arm64";
        if (variant == "8" || variant == "v8") variant = {};
    } else if (architecture == "armhf") {
        architecture = "arm";
        variant = "v7";
    } else if (architecture == "armel") {
        architecture = "arm";
        variant = "v6";
    } else if (architecture == "arm") {
        if (variant.empty() || variant == "7") variant = "v7";
        if (variant == "5") variant = "v5";
        if (variant == "6") variant = "v6";
        if (variant == "8") variant = "v8";
    }
    return to;
}

/// Go's strconv.Atoi.
bool parse_int(std::string_view text, long long& into) {
    if (text.starts_with('+') && text.size() > 1 && text[1] != '-') text.remove_prefix(1);
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), into);
    return code == std::errc{} && end == text.data() + text.size();
}

/// variantVer: 0 for what is no number.
long long version_of(std::string_view variant) {
    if (variant.starts_with('v')) variant.remove_prefix(1);
    long long version = 0;
    return parse_int(variant, version) ? version : 0;
}

bool runs_variant(std::string_view host, std::string_view target) {
    const auto of_host = version_of(host);
    const auto of_target = version_of(target);
    return of_host >= of_target || (of_host == 1 && target.empty()) || (host.empty() && of_target == 1);
}

/// osVerSemver: the first three of four or more parts.
std::string_view release_of(std::string_view version) {
    std::size_t end = 0;
    for (int parts = 0; parts < 3; ++parts) {
        end = version.find('.', parts == 0 ? 0 : end + 1);
        if (end == std::string_view::npos) return version;
    }
    return version.substr(0, end);
}

/// semverCmp.
int compare_versions(std::string_view a, std::string_view b) {
    for (bool more_a = true, more_b = true; more_a;) {
        if (!more_b) return 1;
        const auto next = [](std::string_view& rest, bool& more) {
            const auto dot = rest.find('.');
            const auto part = rest.substr(0, dot);
            more = dot != std::string_view::npos;
            rest = more ? rest.substr(dot + 1) : std::string_view{};
            return part;
        };
        long long number_a = 0;
        long long number_b = 0;
        const bool is_a = parse_int(next(a, more_a), number_a);
        const bool is_b = parse_int(next(b, more_b), number_b);
        if (!is_a) return is_b ? -1 : 0;
        if (!is_b) return 1;
        if (number_a != number_b) return number_a < number_b ? -1 : 1;
    }
    return 0;
}

/// compare.Compatible: what a Linux virtual machine on Windows or macOS can run is compatible, too.
bool is_compatible(const normal_platform& host, const normal_platform& target) {
    if (host.architecture != target.architecture || !runs_variant(host.variant, target.variant)) return false;
    if (host.os == "linux" || host.os == "freebsd") return host.os == target.os;
    if (host.os == "darwin") return target.os == "darwin" || target.os == "linux";
    if (host.os == "windows") {
        if (target.os == "linux") return true;
        return target.os == "windows" &&
               (host.os_version.empty() || release_of(host.os_version) == release_of(target.os_version));
    }
    return host.os == target.os && host.os_version == target.os_version &&
           std::equal(host.os_features.begin(), host.os_features.end(), target.os_features.begin(),
                      target.os_features.end());
}

/// compare.Better: whether the target suits better than the one before it, which is empty if there was none.
bool is_better(const normal_platform& host, const normal_platform& target, const normal_platform& before) {
    if (!is_compatible(host, target)) return false;
    if (before.os != target.os) {
        if (target.os == host.os) return true;
        if (before.os == host.os) return false;
    }
    if (before.architecture != target.architecture) {
        if (target.architecture == host.architecture) return true;
        if (before.architecture == host.architecture) return false;
    }
    if (before.variant != target.variant) {
        if (target.variant == host.variant) return true;
        if (before.variant == host.variant) return false;
        const auto of_before = version_of(before.variant);
        const auto of_target = version_of(target.variant);
        if (of_before != of_target) return of_target > of_before;
    }
    if (before.os_version != target.os_version) {
        if (target.os_version == host.os_version) return true;
        if (before.os_version == host.os_version) return false;
        return compare_versions(before.os_version, target.os_version) < 0;
    }
    return false;
}

/// The best entry of those that declare a platform; others are never taken.
const oci::descriptor* choose(const oci::index& index, const normal_platform& host) {
    const oci::descriptor* best = nullptr;
    normal_platform before;
    for (const auto& entry : index.entries()) {
        const oci::platform* declared = index.platform_of(entry);
        if (!declared) continue;
        const auto target = normalise(*declared);
        if (!is_better(host, target, before)) continue;
        best = &entry;
        before = target;
    }
    return best;
}

}  // namespace

attempt predict_regctl(const oci::platform& wanted, evidence& known) {
    const documents& read = known.read();
    const document& root = read[0];
    const bool is_index = root.kind == document_kind::index;
    // verifyMT: what the registry calls it, and what it calls itself.
    const auto calls_itself = is_index ? root.index->media_type() : root.manifest->media_type();
    if (!calls_itself.empty() && calls_itself != root.media_type) {
        return refuses("the root calls itself " + quote(calls_itself, 80) + ", but is served as another type");
    }
    if (!is_index) return takes_root(read);

    const auto host = normalise(wanted);
    std::vector<place> path;
    for (std::uint32_t number = 0; read[number].kind == document_kind::index;) {
        const oci::index& index = *read[number].index;
        const oci::descriptor* const best = choose(index, host);
        if (!best) {
            return finds_nothing("no entry of " + (path.empty() ? "the index" : describe(path)) + " declares " +
                                 oci::describe(wanted) + " or what that can run, and it takes none without a platform");
        }
        path.push_back({number, static_cast<std::uint32_t>(best - index.entries().data())});
        if (best->kind == oci::media_kind::other) {
            return refuses("it takes " + describe(path) + ", which is neither a manifest nor an index");
        }
        const auto kind = best->kind == oci::media_kind::index ? document_kind::index : document_kind::manifest;
        const auto& child = known.look(*best, kind, path.back(), static_cast<std::uint32_t>(path.size()));
        if (child.state == finding::state::waiting) return std::nullopt;
        if (auto end = hindered(client::regctl, child, path)) return end;
        number = child.document;
    }
    return takes(read, std::move(path), "the first entry of the best platform");
}

}  // namespace refract::resolve
