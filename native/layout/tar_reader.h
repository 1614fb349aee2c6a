// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
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
        std::string path;        ///< the shortest that names the same place; empty if it cannot be a file of a layout
        std::int64_t begin = 0;  ///< where its headers begin, in the unpacked archive
        std::int64_t size = 0;
        bool regular = false;
    };

    /// What all passes through one archive share.
    struct budget {
        std::uint64_t unpacked_bytes = 0;  ///< what may still be unpacked
        std::uint64_t limit = 0;           ///< what that was at first
        const std::atomic<bool>* cancelled = nullptr;

        error exceeded() const;
    };

    /// From the beginning: whether it is compressed shows. Keeps a pointer to the budget.
    static result<std::unique_ptr<tar_reader>> open(int file, budget& of);
    /// From where a member's headers begin, in an archive that is known not to be compressed.
    static result<std::unique_ptr<tar_reader>> open_plain(int file, std::int64_t begin, budget& of);

    /// Whether there is another member, and which.
    result<bool> next(member& into);
    /// Gives the current member's bytes to the sink, no more than `most` and one.
    status data(std::uint64_t most, const sink& to);
    /// Known once there was a member.
    bool is_compressed() const;

    tar_reader(const tar_reader&) = delete;
    tar_reader& operator=(const tar_reader&) = delete;
    ~tar_reader();

private:
    tar_reader(int file, std::int64_t begin, budget& of);
    friend struct tar_callbacks;
    error failure(const std::string& what) const;
    status start();
    status pass_over();
    status account();

    static constexpr std::size_t buffer_bytes = 64u << 10;
    int file_;
    budget& budget_;
    std::uint64_t unpacked_ = 0;
    std::int64_t begin_;
    std::int64_t at_;
    std::int64_t size_ = 0;
    std::unique_ptr<std::byte[]> buffer_;
    std::unique_ptr<archive, int (*)(archive*)> reader_;
    archive_entry* entry_ = nullptr;
};

}  // namespace refract::layout
