// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <array>
#include <cstdint>
#include <memory>
#include <span>
#include <string>

#include "base/result.h"
#include "layout/storage.h"

struct archive;
struct archive_entry;

namespace refract::layout {

/// One pass through a tar archive by libarchive, which may use gzip and zstd and no other format. Reads with pread, so
/// several may share a file.
class tar_reader {
public:
    /// What a member is, until the next one is asked for.
    struct member {
        std::string path;        ///< without "./" in front; empty if it cannot be a file of a layout
        std::int64_t begin = 0;  ///< where its headers begin, in the unpacked archive
        std::int64_t size = 0;
        bool regular = false;
    };

    /// Begins at `begin`, where a member's headers begin; only what is not compressed can be begun elsewhere than at 0.
    static result<std::unique_ptr<tar_reader>> open(int file, std::int64_t begin);

    /// Whether there is another member, and which.
    result<bool> next(member& into);
    /// Gives the current member's bytes to the sink, no more than `most` and one.
    outcome data(std::uint64_t most, const sink& to);
    /// Known once there was a member.
    bool is_compressed() const;

    tar_reader(const tar_reader&) = delete;
    tar_reader& operator=(const tar_reader&) = delete;
    ~tar_reader();

private:
    tar_reader(int file, std::int64_t begin);
    friend struct tar_callbacks;
    error failure(const std::string& what) const;

    static constexpr std::size_t buffer_bytes = 64u << 10;
    int file_;
    std::int64_t begin_;
    std::int64_t at_;
    std::int64_t size_ = 0;
    std::unique_ptr<std::byte[]> buffer_;
    std::unique_ptr<archive, int (*)(archive*)> reader_;
    archive_entry* entry_ = nullptr;
};

}  // namespace refract::layout
