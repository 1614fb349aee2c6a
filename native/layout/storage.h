// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace refract::layout {

using sink = std::function<status(std::span<const std::byte>)>;

/// The blobs that a layout has, whether or not index.json lists them.
struct blob_list {
    std::vector<std::string> digests;  ///< in lexical order
    bool whole = true;                 ///< there are no more
};

/// Where the files of a layout are: a directory or a tar archive. Paths are "index.json", "oci-layout" and what
/// blob_path() gives; nothing else is ever opened. Errors: `missing`, `malformed` for what is no regular file,
/// `denied`, `unreachable`, `limit_exceeded`.
class storage {
public:
    storage() = default;
    storage(const storage&) = delete;
    storage& operator=(const storage&) = delete;
    virtual ~storage() = default;

    /// Gives all bytes of a file to the sink, at most 1 MiB at a time, and no more than `most` and one: that one tells
    /// that the file is longer.
    virtual status stream(const std::string& path, std::uint64_t most, const sink& to) = 0;
    /// How many bytes a file has, if it could be read.
    virtual result<std::uint64_t> size(const std::string& path) = 0;
    /// Looks at no more than `most` names.
    virtual blob_list blobs(std::size_t most) = 0;
    /// Not, if it is known without reading that a file is none.
    virtual bool may_be_document(const std::string& path) { return !path.empty(); }
};

/// The whole of a file; `limit_exceeded` if it is longer than `most`.
result<std::string> read_file(storage& from, const std::string& path, std::uint64_t most);

/// Whether bytes are the beginning of a JSON object, as far as they go.
bool begins_document(std::string_view text) noexcept;

/// The whole of a file that begins as a JSON object does and is not longer than `most`; of another file nothing, of
/// which little is read.
result<std::string> read_document(storage& from, const std::string& path, std::uint64_t most);

/// "blobs/sha256/…". `malformed` for what is no digest, so that nothing else becomes a path.
result<std::string> blob_path(std::string_view digest);

/// The digest whose blob_path() it is; empty if there is none.
std::string blob_digest(std::string_view path);

}  // namespace refract::layout
