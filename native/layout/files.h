// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <functional>
#include <span>
#include <string>

#include "base/result.h"

namespace refract::layout {

/// An open file or directory.
class file_handle {
public:
    explicit file_handle(int number = -1) noexcept : number_(number) {}
    file_handle(file_handle&& other) noexcept;
    file_handle& operator=(file_handle&& other) noexcept;
    file_handle(const file_handle&) = delete;
    file_handle& operator=(const file_handle&) = delete;
    ~file_handle();

    int get() const noexcept { return number_; }

private:
    int number_;
};

result<file_handle> open_directory(const std::string& path);

/// Opens a regular file below a directory. What else may stand under its name (a symbolic link, a fifo, a device) is
/// `malformed` and never waited for; `missing` if nothing does.
result<file_handle> open_file(const file_handle& directory, const std::string& path);

/// Gives all bytes to the sink, at most 1 MiB at a time, and no more than `most` and one: that one tells that the file
/// is longer, whatever its size was said to be.
outcome read_pieces(const file_handle& file, std::uint64_t most,
                    const std::function<outcome(std::span<const std::byte>)>& sink);

/// The whole of a file; `limit_exceeded` if it is longer than `most`.
result<std::string> read_file(const file_handle& directory, const std::string& path, std::uint64_t most);

/// "blobs/sha256/…". `malformed` for what is no digest, so that nothing else becomes a path.
result<std::string> blob_path(std::string_view digest);

}  // namespace refract::layout
