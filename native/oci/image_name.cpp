// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/image_name.h"

#include <algorithm>
#include <array>

#include "base/ascii.h"
#include "base/printable.h"
#include "oci/digest.h"

namespace refract::oci {
namespace {

constexpr std::string_view layout_prefix = "oci:";
/// The same in other tools: regclient's, and skopeo's for a tar archive.
constexpr std::array<std::string_view, 3> layout_prefixes{layout_prefix, "ocidir://", "oci-archive:"};
/// skopeo's for an image of a registry.
constexpr std::string_view registry_prefix = "docker://";
constexpr std::string_view default_host = "docker.io";
constexpr std::string_view default_tag = "latest";
constexpr std::size_t longest_name = 255;
constexpr std::size_t longest_tag = 128;

bool is_word(char c) noexcept { return is_letter_or_digit(c) || c == '_'; }

/// [a-z0-9]+ joined by one ".", one or two "_", or any number of "-".
bool is_path_component(std::string_view text) noexcept {
    if (text.empty() || !is_lower_or_digit(text.front()) || !is_lower_or_digit(text.back())) return false;
    std::size_t at = 0;
    while (at < text.size()) {
        const std::size_t begin = at;
        while (at < text.size() && !is_lower_or_digit(text[at])) ++at;
        const auto separator = text.substr(begin, at - begin);
        const bool dashes = separator.find_first_not_of('-') == std::string_view::npos;
        if (!separator.empty() && separator != "." && separator != "_" && separator != "__" && !dashes) return false;
        while (at < text.size() && is_lower_or_digit(text[at])) ++at;
    }
    return true;
}

bool is_repository(std::string_view text) noexcept {
    if (text.empty() || text.size() > longest_name) return false;
    for (;;) {
        const auto slash = text.find('/');
        if (!is_path_component(text.substr(0, slash))) return false;
        if (slash == std::string_view::npos) return true;
        text.remove_prefix(slash + 1);
    }
}

bool is_port(std::string_view text) noexcept {
    return !text.empty() && text.size() <= 5 && text.find_first_not_of("0123456789") == std::string_view::npos;
}

/// A DNS name, an IPv4 address or an IPv6 address in brackets, and a port perhaps.
bool is_host(std::string_view text) noexcept {
    if (text.starts_with('[')) {
        const auto end = text.find(']');
        if (end == std::string_view::npos || end == 1) return false;
        const auto address = text.substr(1, end - 1);
        const auto rest = text.substr(end + 1);
        return address.find_first_not_of("0123456789abcdefABCDEF:.") == std::string_view::npos &&
               (rest.empty() || (rest.starts_with(':') && is_port(rest.substr(1))));
    }
    const auto colon = text.find(':');
    if (colon != std::string_view::npos && !is_port(text.substr(colon + 1))) return false;
    const auto name = text.substr(0, colon);
    const bool plain =
        std::all_of(name.begin(), name.end(), [](char c) { return (is_word(c) && c != '_') || c == '.' || c == '-'; });
    return !name.empty() && plain && is_word(name.front()) && is_word(name.back()) &&
           name.find("..") == std::string_view::npos;
}

error bad_name(std::string_view text, std::string why) {
    return {status_code::invalid_argument, quote(text) + " does not name an image: " + std::move(why)};
}

/// Takes "@digest" off the end.
status take_digest(std::string_view whole, std::string_view& text, std::string& digest) {
    const auto at = text.rfind('@');
    if (at == std::string_view::npos) return {};
    digest = text.substr(at + 1);
    digest_algorithm algorithm{};
    if (!parse_digest(digest, algorithm)) return bad_name(whole, "malformed digest " + quote(digest));
    if (algorithm == digest_algorithm::other) {
        return bad_name(whole, "only sha256 and sha512 digests can be verified, not " + quote(digest));
    }
    text = text.substr(0, at);
    return {};
}

/// Where the digest at the end of a layout's name begins, its "@" counted; npos if there is none. A tag may hold "@",
/// too, so only what is named like an algorithm counts.
std::size_t find_digest(std::string_view text) {
    const auto at = text.rfind('@');
    if (at == std::string_view::npos || at == 0 || text[at - 1] == '/') return std::string_view::npos;
    const auto digest = text.substr(at + 1);
    const bool named = digest.starts_with("sha256:") || digest.starts_with("sha512:") ||
                       digest.starts_with("sha384:") || digest.starts_with("blake3:");
    return named && digest.find('/') == std::string_view::npos ? at : std::string_view::npos;
}

result<image_name> parse_layout(std::string_view whole, std::string_view prefix) {
    auto text = whole.substr(prefix.size());
    image_name name;
    if (find_digest(text) != std::string_view::npos) {
        REFRACT_TRY(take_digest(whole, text, name.digest));
    }
    const auto colon = text.rfind(':');
    const auto slash = text.rfind('/');
    if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
        name.tag = text.substr(colon + 1);
        text = text.substr(0, colon);
        if (name.tag.empty()) return bad_name(whole, "the tag is empty");
    }
    if (text.empty()) return bad_name(whole, "want oci:DIR, oci:DIR:TAG or oci:DIR@DIGEST, DIR or a tar archive");
    if (text.find('\0') != std::string_view::npos) return bad_name(whole, "the path has a NUL in it");
    name.repository = text;
    return name;
}

/// What other tools write in front of names that are no names of a registry, and what to write here.
status refuse_foreign(std::string_view whole) {
    struct foreign {
        std::string_view prefix;
        bool name_too;  ///< it could be the name of an image, with a tag
        std::string_view advice;
    };
    static constexpr std::string_view copy_first = "copy it first: skopeo copy ";
    static constexpr std::array<foreign, 9> all{{
        {"oci://", false, ""},
        {"https://", false, ""},
        {"http://", false, ""},
        {"docker-archive:", false, "if `docker save` of Docker 25 or newer wrote it, write oci:FILE; else "},
        {"docker-daemon:", false, ""},
        {"containers-storage:", false, ""},
        {"dir:", true, ""},
        {"ostree:", true, ""},
        {"sif:", true, ""},
    }};
    for (const auto& [prefix, name_too, advice] : all) {
        if (!whole.starts_with(prefix)) continue;
        const auto rest = whole.substr(prefix.size());
        if (prefix.ends_with("//")) {
            if (rest.starts_with('/')) return {};  // oci: and an absolute path
            return bad_name(
                whole, "an image of a registry is named without " + std::string(prefix) + ": write " + printable(rest));
        }
        if (name_too && is_tag(rest)) return {};
        return bad_name(whole, "only registries, OCI layouts and archives of these are read; " + std::string(advice) +
                                   std::string(copy_first) + printable(whole) + " oci:DIR");
    }
    return {};
}

}  // namespace

bool is_tag(std::string_view text) noexcept {
    return !text.empty() && text.size() <= longest_tag && is_word(text.front()) &&
           std::all_of(text.begin(), text.end(), [](char c) { return is_word(c) || c == '.' || c == '-'; });
}

result<image_name> parse_image_name(std::string_view whole) {
    REFRACT_TRY(refuse_foreign(whole));
    for (const auto prefix : layout_prefixes) {
        if (whole.starts_with(prefix)) return parse_layout(whole, prefix);
    }
    auto text = whole;
    if (text.starts_with(registry_prefix)) text.remove_prefix(registry_prefix.size());
    image_name name;
    REFRACT_TRY(take_digest(whole, text, name.digest));

    const auto colon = text.rfind(':');
    const auto slash = text.rfind('/');
    if (colon != std::string_view::npos && (slash == std::string_view::npos || colon > slash)) {
        name.tag = text.substr(colon + 1);
        text = text.substr(0, colon);
        if (!is_tag(name.tag)) return bad_name(whole, "malformed tag " + quote(name.tag));
    }
    const auto first = text.find('/');
    const auto domain = text.substr(0, first);
    const bool has_host = first != std::string_view::npos &&
                          (domain.find_first_of(".:[") != std::string_view::npos || domain == "localhost");
    name.host = has_host ? domain : default_host;
    name.repository = has_host ? text.substr(first + 1) : text;
    if (name.host == "index.docker.io") name.host = default_host;
    if (name.host == default_host && name.repository.find('/') == std::string::npos) {
        name.repository.insert(0, "library/");
    }
    if (!is_host(name.host)) return bad_name(whole, "malformed host " + quote(name.host));
    if (!is_repository(name.repository)) {
        return bad_name(whole, "malformed repository " + quote(name.repository) +
                                   " (lower-case letters and digits, joined by '.', '_', '-' and '/')");
    }
    if (name.tag.empty() && name.digest.empty()) name.tag = default_tag;
    return name;
}

std::string image_name::repository_name() const {
    return is_layout() ? std::string(layout_prefix) + repository : host + '/' + repository;
}

std::string image_name::text() const {
    std::string whole = repository_name();
    if (!tag.empty()) whole += ':' + tag;
    if (!digest.empty()) whole += '@' + digest;
    return whole;
}

}  // namespace refract::oci
