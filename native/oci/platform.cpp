// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/platform.h"

#include <algorithm>
#include <array>
#include <charconv>

#include "base/limits.h"
#include "base/printable.h"
#include "oci/platform_normal.h"

namespace refract::oci {
namespace {

constexpr std::string_view windows = "windows";
constexpr std::string_view win32k = "win32k";

template <class Number>
bool parse_number(std::string_view text, Number& into) {
    const auto [end, code] = std::from_chars(text.data(), text.data() + text.size(), into);
    return code == std::errc{} && end == text.data() + text.size();
}

/// The number in "v3" or "3"; 0 if there is none.
int version_of(std::string_view variant) {
    if (variant.starts_with('v')) variant.remove_prefix(1);
    unsigned version = 0;
    return parse_number(variant, version) && version <= 99 ? static_cast<int>(version) : 0;
}

struct arm64_level {
    int major;
    int minor;
};

/// What "v8", "v8.4", "v9.2" … is; {0, 0} if containerd/platforms compare.go does not list it.
arm64_level arm64_level_of(std::string_view variant) {
    const bool major_only = variant == "v8" || variant == "v9";
    if (!major_only && (variant.size() != 4 || variant[0] != 'v' || variant[2] != '.')) return {0, 0};
    const int major = variant[1] - '0';
    const int minor = major_only ? 0 : variant[3] - '0';
    if (major == 8 && minor >= 0 && minor <= 9) return {8, minor};
    if (major == 9 && minor >= 0 && minor <= 7) return {9, minor};
    return {0, 0};
}

/// "v8", "v8.4".
std::string level_name(int major, int minor = 0) {
    std::string text(1, 'v');
    text += std::to_string(major);
    if (minor > 0) {
        text += '.';
        text += std::to_string(minor);
    }
    return text;
}

}  // namespace

status read_os_features(json_element value, std::vector<std::string_view>& into) {
    return read_array(value, [&](json_element element) -> status {
        if (into.size() == most_os_features) {
            return {status_code::limit_exceeded, "more features than the limit of " + std::to_string(most_os_features)};
        }
        return read_string(element, into.emplace_back());
    });
}

status read_platform(json_element value, platform& into) {
    static constexpr std::array<std::string_view, 5> keys{"architecture", "os", "variant", "os.version", "os.features"};
    return read_object(value, keys, [&](std::size_t key, json_element field) -> status {
        switch (key) {
            case 0:
                return read_string(field, into.architecture);
            case 1:
                return read_string(field, into.os);
            case 2:
                return read_string(field, into.variant);
            case 3:
                return read_string(field, into.os_version);
            default:
                return read_os_features(field, into.os_features);
        }
    });
}

std::string describe(const platform& declared) {
    std::string text = declared.os.empty() ? "unknown" : printable(declared.os, 32);
    if (!declared.os_version.empty() || !declared.os_features.empty()) {
        text += '(' + printable(declared.os_version, 32);
        std::size_t shown = 0;
        for (const auto feature : declared.os_features) {
            if (++shown > 4) {
                text += "+…";
                break;
            }
            text += '+' + printable(feature, 32);
        }
        text += ')';
    }
    for (const auto part : {declared.architecture, declared.variant}) {
        if (!part.empty()) text += '/' + printable(part, 32);
    }
    return text;
}

bool is_unknown(const platform& declared) noexcept {
    return declared.os == "unknown" || declared.architecture == "unknown";
}

platform_matcher::platform_matcher(const platform& wanted)
    : os_(normal_os(lowered(wanted.os).view())),
      os_features_(wanted.os_features.begin(), wanted.os_features.end()),
      windows_(wanted.os == windows),
      windows_version_(windows_ ? parse_windows(wanted.os_version) : windows_version{}) {
    const lowered architecture(wanted.architecture);
    const lowered variant(wanted.variant);
    const auto normal = normalise(architecture.view(), variant.view());
    architecture_ = normal.architecture;
    variant_ = normal.variant;
    std::sort(os_features_.begin(), os_features_.end());
    os_features_.erase(std::unique(os_features_.begin(), os_features_.end()), os_features_.end());
}

bool platform_matcher::match(const platform& declared) const {
    const lowered os(declared.os);
    if (normal_os(os.view()) != os_) return false;
    const lowered architecture(declared.architecture);
    const lowered variant(declared.variant);
    const auto normal = normalise(architecture.view(), variant.view());
    if (normal.architecture != architecture_ || normal.variant != variant_) return false;
    if (windows_ && !windows_version_.is_empty() && !declared.os_version.empty() &&
        !runs(windows_version_, parse_windows(declared.os_version))) {
        return false;
    }
    return declared.os_features.empty() || match_features(declared);
}

/// Every feature that the entry needs must be wanted. On Windows the first "win32k" of the entry does not count.
bool platform_matcher::match_features(const platform& declared) const {
    bool may_strip = windows_;
    for (const auto feature : declared.os_features) {
        if (may_strip && feature == win32k) {
            may_strip = false;
            continue;
        }
        if (!std::binary_search(os_features_.begin(), os_features_.end(), feature)) return false;
    }
    return true;
}

platform_matcher::windows_version platform_matcher::parse_windows(std::string_view version) {
    const auto first = version.find('.');
    const auto second = first == std::string_view::npos ? first : version.find('.', first + 1);
    if (second == std::string_view::npos) return {};
    const auto third = std::min(version.find('.', second + 1), version.size());
    windows_version parsed;
    const bool valid = parse_number(version.substr(0, first), parsed.major) &&
                       parse_number(version.substr(first + 1, second - first - 1), parsed.minor) &&
                       parse_number(version.substr(second + 1, third - second - 1), parsed.build);
    return valid ? parsed : windows_version{};
}

/// containerd/platforms platform_windows_compat.go: from Windows Server 2022 on, a host runs images from the previous
/// long-term release up to its own build; before that, only its own.
bool platform_matcher::runs(windows_version host, windows_version image) {
    static constexpr std::array<std::uint16_t, 2> long_term_builds{20348, 26100};
    if (host.major != image.major || host.minor != image.minor) return false;
    if (host.build < long_term_builds[0]) return host.build == image.build;
    return image.build >= long_term_builds[0] && image.build <= host.build;
}

platform_preference platform_preference::exactly(const platform& wanted) {
    platform_preference preference;
    preference.matchers_.emplace_back(wanted);
    return preference;
}

platform_preference platform_preference::compatible(const platform& wanted) {
    const lowered os(wanted.os);
    const lowered architecture(wanted.architecture);
    const lowered lower_variant(wanted.variant);
    const auto normal = normalise(architecture.view(), lower_variant.view());

    platform_preference preference;
    const auto add = [&](std::string_view name, const std::string& variant) {
        platform next = wanted;
        next.os = normal_os(os.view());
        next.architecture = name;
        next.variant = variant;
        preference.matchers_.emplace_back(next);
    };
    const auto add_arm = [&](const std::string& variant) {
        add("arm", variant);
        for (int version = version_of(variant) - 1; version >= 5; --version) add("arm", level_name(version));
    };

    const std::string variant(normal.variant);
    if (normal.architecture == "arm") {
        add_arm(variant);
    } else if (normal.architecture == "arm64") {
        const auto level = arm64_level_of(variant.empty() ? "v8" : variant);
        const auto add_levels = [&](int major, int minor) {
            for (; minor >= 0; --minor) {
                add("arm64", level_name(major, minor));
            }
        };
        if (level.major == 0) return preference;  // an unknown level runs nothing, itself included
        add_levels(level.major, level.minor);
        if (level.major == 9) add_levels(8, std::min(level.minor + 5, 9));  // v9.x includes v8.(x+5)
        add_arm("v8");
    } else {
        add(normal.architecture, variant);
        if (normal.architecture == "amd64") {
            for (int version = version_of(variant) - 1; version >= 1; --version) {
                add("amd64", level_name(version));
            }
            add("386", "");
        }
    }
    return preference;
}

platform_preference platform_preference::joined(std::span<const platform_preference> parts) {
    platform_preference whole;
    for (const auto& part : parts) {
        whole.matchers_.insert(whole.matchers_.end(), part.matchers_.begin(), part.matchers_.end());
    }
    return whole;
}

std::optional<platform_rank> platform_preference::rank(const platform& declared) const {
    for (std::size_t number = 0; number < matchers_.size(); ++number) {
        if (matchers_[number].match(declared)) {
            return platform_rank{static_cast<std::uint32_t>(number),
                                 -static_cast<std::int32_t>(declared.os_features.size())};
        }
    }
    return std::nullopt;
}

bool platform_preference::less(const platform& a, const platform& b) const {
    const auto rank_a = rank(a);
    const auto rank_b = rank(b);
    if (rank_a || rank_b) return rank_a && (!rank_b || *rank_a < *rank_b);
    if (a.os_features.empty() && b.os_features.empty()) return false;
    // Neither matches: containerd then compares them as if they had no features.
    platform plain_a = a;
    platform plain_b = b;
    plain_a.os_features.clear();
    plain_b.os_features.clear();
    return less(plain_a, plain_b);
}

bool platform_preference::is_best(platform_rank rank) const noexcept {
    return rank.matcher == 0 && matchers_.front().is_featureless();
}

}  // namespace refract::oci
