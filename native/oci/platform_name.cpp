// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/platform_name.h"

#include <algorithm>

#include "base/ascii.h"
#include "base/limits.h"
#include "base/printable.h"
#include "oci/platform_normal.h"

namespace refract::oci {
namespace {

#if defined(__x86_64__)
constexpr std::string_view built_for = "amd64";
#elif defined(__aarch64__)
constexpr std::string_view built_for = "arm64";
#elif defined(__arm__)
constexpr std::string_view built_for = "arm";
#elif defined(__i386__)
constexpr std::string_view built_for = "386";
#elif defined(__powerpc64__) && defined(__LITTLE_ENDIAN__)
constexpr std::string_view built_for = "ppc64le";
#elif defined(__s390x__)
constexpr std::string_view built_for = "s390x";
#elif defined(__riscv) && __riscv_xlen == 64
constexpr std::string_view built_for = "riscv64";
#elif defined(__loongarch64)
constexpr std::string_view built_for = "loong64";
#else
constexpr std::string_view built_for;  // an operating system alone is then not enough
#endif

/// specifierRe: of an architecture or a variant.
bool is_plain(char c) { return is_letter_or_digit(c) || c == '_' || c == '.' || c == '-'; }

/// The first part of osRe: of an operating system.
bool is_of_system(char c) { return is_letter_or_digit(c) || c == '_' || c == '-'; }

/// The others: of a version or a feature, in which a percent sign precedes two digits of a byte.
bool is_of_option(char c) { return is_plain(c) || c == '%'; }

status wrong(std::string why) { return {status_code::invalid_argument, std::move(why)}; }

/// Each of them must be allowed, and there must be one.
status check(std::string_view part, std::string_view what, bool (*allowed)(char)) {
    if (part.empty()) return wrong("it has no " + std::string(what));
    const auto odd = std::find_if_not(part.begin(), part.end(), allowed);
    if (odd == part.end()) return {};
    return wrong("its " + std::string(what) + " may not have the character " + quote(std::string_view(odd, odd + 1)));
}

int digit_of(char c) {
    if (is_digit(c)) return c - '0';
    if (c >= 'a' && c <= 'f') return c - 'a' + 10;
    return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/// url.PathUnescape, of what has the right characters.
status decode(std::string_view text, std::string& into) {
    for (std::size_t at = 0; at < text.size(); ++at) {
        if (text[at] != '%') {
            into.push_back(text[at]);
            continue;
        }
        const int high = at + 2 < text.size() ? digit_of(text[at + 1]) : -1;
        const int low = at + 2 < text.size() ? digit_of(text[at + 2]) : -1;
        if (high < 0 || low < 0) return wrong("in its brackets two hexadecimal digits must follow a \"%\"");
        into.push_back(static_cast<char>(high * 16 + low));
        at += 2;
    }
    return {};
}

/// The text in the brackets: a version or none, and a "+" before each feature.
status read_options(std::string_view text, platform_name& into) {
    const auto end = std::min(text.find('+'), text.size());
    const auto version = text.substr(0, end);
    if (!version.empty()) {
        REFRACT_TRY(check(version, "OS version", is_of_option));
    }
    REFRACT_TRY(decode(version, into.os_version));
    for (auto rest = text.substr(end); !rest.empty();) {
        rest.remove_prefix(1);
        const auto feature = rest.substr(0, rest.find('+'));
        REFRACT_TRY(check(feature, "OS feature", is_of_option));
        if (into.os_features.size() == most_os_features) {
            return wrong("it has more OS features than the limit of " + std::to_string(most_os_features));
        }
        REFRACT_TRY(decode(feature, into.os_features.emplace_back()));
        rest.remove_prefix(feature.size());
    }
    return {};
}

status read_system(std::string_view part, platform_name& into) {
    const auto open = std::min(part.find('('), part.size());
    REFRACT_TRY(check(part.substr(0, open), "operating system", is_of_system));
    into.os = normal_os(lowered(part.substr(0, open)).view());
    if (open == part.size()) return {};
    if (part.back() != ')') return wrong("the brackets behind its operating system must be closed, and nothing follow");
    return read_options(part.substr(open + 1, part.size() - open - 2), into);
}

void set_architecture(std::string_view architecture, std::string_view variant, platform_name& into) {
    const lowered lower(architecture);
    const lowered lower_variant(variant);
    const auto normal = normalise(lower.view(), lower_variant.view());
    into.architecture = normal.architecture;
    into.variant = normal.variant;
    // As containerd has them: v7 is what arm is where nothing is said, and v8 is kept where it was.
    if (variant.empty() && into.architecture == "arm" && into.variant == "v7") into.variant.clear();
    if (!variant.empty() && into.architecture == "arm64" && into.variant.empty()) into.variant = "v8";
}

/// A single word is an operating system, or else an architecture.
status read_single(std::string_view part, platform_name& into) {
    if (is_known_os(into.os)) {
        into.architecture = built_for;
        if (built_for.empty()) return wrong("its architecture must be named, too");
        return {};
    }
    set_architecture(part, {}, into);
    if (!is_known_architecture(into.architecture)) {
        return wrong("it is neither an operating system nor an architecture that is known");
    }
    into.os = "linux";
    return {};
}

/// What people write who mean something else.
status check_whole(std::string_view text) {
    if (text.find_first_of(" \t\r\n") != std::string_view::npos) return wrong("there is a blank in it");
    if (text.find(',') != std::string_view::npos) return wrong("it is a list, and one platform is wanted: give one");
    if (text.find('*') != std::string_view::npos) return wrong("it must be one, without wildcards");
    if (text.find(':') != std::string_view::npos) {
        return wrong("a version stands in brackets behind the operating system, as in windows(10.0.17763)/amd64");
    }
    return {};
}

status read(std::string_view text, platform_name& into) {
    REFRACT_TRY(check_whole(text));
    std::vector<std::string_view> parts;
    for (auto rest = text;;) {
        const auto slash = rest.find('/');
        parts.push_back(rest.substr(0, slash));
        if (slash == std::string_view::npos) break;
        if (parts.size() == 3) return wrong("it has more than three parts");
        rest.remove_prefix(slash + 1);
    }
    REFRACT_TRY(read_system(parts[0], into));
    if (parts.size() == 1) return read_single(parts[0], into);
    REFRACT_TRY(check(parts[1], "architecture", is_plain));
    if (parts.size() == 2) {
        set_architecture(parts[1], {}, into);
        return {};
    }
    REFRACT_TRY(check(parts[2], "variant", is_plain));
    set_architecture(parts[1], parts[2], into);
    return {};
}

}  // namespace

platform platform_name::view() const {
    return {os, architecture, variant, os_version, {os_features.begin(), os_features.end()}};
}

result<platform_name> parse_platform(std::string_view text) {
    platform_name made;
    status done = read(text, made);
    if (done.ok()) return made;
    return error{status_code::invalid_argument, quote(text, 200) + " is no platform: " + done.why().message +
                                                    " (want os/architecture or os/architecture/variant)"};
}

}  // namespace refract::oci
