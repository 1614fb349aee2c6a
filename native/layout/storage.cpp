// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/storage.h"

#include <utility>

#include "base/printable.h"
#include "oci/digest.h"

namespace refract::layout {
namespace {

constexpr std::string_view blobs_directory = "blobs/";

void append(std::string& text, std::span<const std::byte> bytes) {
    text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
}

}  // namespace

result<std::string> read_file(storage& from, const std::string& path, std::uint64_t most) {
    std::string text;
    status done = from.stream(path, most, [&](std::span<const std::byte> bytes) -> status {
        append(text, bytes);
        return {};
    });
    if (done.failed()) return std::move(done).take();
    if (text.size() <= most) return text;
    return error{status_code::limit_exceeded, path + " is longer than the limit of " + std::to_string(most) + " bytes"};
}

bool begins_document(std::string_view text) noexcept {
    const auto begin = text.find_first_not_of(" \t\r\n");
    return begin == std::string_view::npos || text[begin] == '{';
}

result<std::string> read_document(storage& from, const std::string& path, std::uint64_t most) {
    std::string text;
    if (!from.may_be_document(path)) return text;
    REFRACT_ASSIGN(auto size, from.size(path));
    if (size > most) return text;
    bool another = false;
    status done = from.stream(path, most, [&](std::span<const std::byte> bytes) -> status {
        append(text, bytes);
        another = text.size() > most || !begins_document(text);
        return another ? status(status_code::cancelled, "no document") : status();
    });
    if (another) return std::string();
    if (done.failed()) return std::move(done).take();
    return text;
}

result<std::string> blob_path(std::string_view digest) {
    oci::digest_algorithm algorithm{};
    if (!oci::parse_digest(digest, algorithm)) {
        return error{status_code::malformed, "malformed digest " + quote(digest)};
    }
    if (algorithm == oci::digest_algorithm::other) {
        return error{status_code::unsupported,
                     "cannot verify digest " + printable(digest) + ": only sha256 and sha512 can be"};
    }
    const auto colon = digest.find(':');
    return std::string(blobs_directory) + std::string(digest.substr(0, colon)) + '/' +
           std::string(digest.substr(colon + 1));
}

std::string blob_digest(std::string_view path) {
    if (!path.starts_with(blobs_directory)) return {};
    std::string digest(path.substr(blobs_directory.size()));
    const auto slash = digest.find('/');
    if (slash == std::string::npos) return {};
    digest[slash] = ':';
    oci::digest_algorithm algorithm{};
    const bool known = oci::parse_digest(digest, algorithm) && algorithm != oci::digest_algorithm::other;
    return known ? digest : std::string();
}

}  // namespace refract::layout
