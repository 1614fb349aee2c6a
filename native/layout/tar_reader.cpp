// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/tar_reader.h"

#include <archive.h>
#include <archive_entry.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <new>
#include <system_error>

#include "base/printable.h"

namespace refract::layout {

/// What libarchive calls. Errors go back through archive_set_error.
struct tar_callbacks {
    static la_ssize_t read(archive* to, void* user, const void** bytes) {
        auto& self = *static_cast<tar_reader*>(user);
        const auto left = std::max<std::int64_t>(self.size_ - self.at_, 0);
        const auto wanted = static_cast<std::size_t>(std::min<std::int64_t>(left, tar_reader::buffer_bytes));
        ssize_t got = -1;
        do {
            got = ::pread(self.file_, self.buffer_.get(), wanted, self.at_);
        } while (got < 0 && errno == EINTR);
        if (got < 0) {
            archive_set_error(to, errno, "%s", std::generic_category().message(errno).c_str());
            return ARCHIVE_FATAL;
        }
        self.at_ += got;
        *bytes = self.buffer_.get();
        return got;
    }

    static la_int64_t skip(archive*, void* user, la_int64_t count) {
        auto& self = *static_cast<tar_reader*>(user);
        // What is not there is not skipped: libarchive then reads, and sees that the archive is cut off.
        const auto skipped = std::clamp<std::int64_t>(self.size_ - self.at_, 0, std::max<std::int64_t>(count, 0));
        self.at_ += skipped;
        return skipped;
    }
};

namespace {

constexpr const char* no_archive = "it is no tar archive (plain, or compressed with gzip or zstd), or a damaged one";
constexpr int most_filters = 2;            // one that unpacks, and libarchive's own at the end
constexpr std::size_t longest_path = 512;  // files of layouts have shorter ones

std::string plain_path(const char* name) {
    if (name == nullptr) return {};
    std::string_view path(name);
    while (path.starts_with("./")) path.remove_prefix(2);
    return path.size() > longest_path ? std::string() : std::string(path);
}

}  // namespace

tar_reader::tar_reader(int file, std::int64_t begin)
    : file_(file),
      begin_(begin),
      at_(begin),
      buffer_(new std::byte[buffer_bytes]),
      reader_(archive_read_new(), archive_read_free) {
    if (!reader_) throw std::bad_alloc();
}
tar_reader::~tar_reader() = default;

error tar_reader::failure(const std::string& what) const {
    if (archive_errno(reader_.get()) == ENOMEM) throw std::bad_alloc();
    const char* const why = archive_error_string(reader_.get());
    return {status::malformed, what + (why == nullptr ? "" : ": " + printable(why))};
}

result<std::unique_ptr<tar_reader>> tar_reader::open(int file, std::int64_t begin) {
    std::unique_ptr<tar_reader> made(new tar_reader(file, begin));
    struct stat found {};
    if (::fstat(file, &found) != 0) return error{status::unreachable, "cannot read it"};
    made->size_ = found.st_size;
    archive* const reader = made->reader_.get();
    if (archive_read_support_format_tar(reader) != ARCHIVE_OK ||
        archive_read_support_filter_gzip(reader) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(reader) != ARCHIVE_OK) {
        return made->failure("libarchive cannot read tar archives");
    }
    const int done = archive_read_open2(reader, made.get(), nullptr, tar_callbacks::read, tar_callbacks::skip, nullptr);
    if (done != ARCHIVE_OK) return made->failure(no_archive);
    if (archive_filter_count(reader) > most_filters) {
        return error{status::unsupported, "it is compressed more than once; unpack it"};
    }
    return made;
}

bool tar_reader::is_compressed() const { return archive_filter_count(reader_.get()) > 1; }

result<bool> tar_reader::next(member& into) {
    const int done = archive_read_next_header(reader_.get(), &entry_);
    if (done == ARCHIVE_EOF) return false;
    // A warning is about what refract does not look at: owners, times, characters of other names.
    if (done != ARCHIVE_OK && done != ARCHIVE_WARN) {
        return failure(no_archive);
    }
    into.path = plain_path(archive_entry_pathname(entry_));
    into.begin = begin_ + archive_read_header_position(reader_.get());
    into.size = archive_entry_size(entry_);
    into.regular = archive_entry_filetype(entry_) == AE_IFREG && archive_entry_hardlink(entry_) == nullptr &&
                   archive_entry_symlink(entry_) == nullptr;
    if (into.size < 0) return error{status::malformed, "a member's size is negative"};
    return true;
}

outcome tar_reader::data(std::uint64_t most, const sink& to) {
    const std::unique_ptr<std::byte[]> piece(new std::byte[buffer_bytes]);
    std::uint64_t left = most < UINT64_MAX ? most + 1 : most;
    while (left > 0) {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer_bytes));
        const auto got = archive_read_data(reader_.get(), piece.get(), wanted);
        if (got == ARCHIVE_RETRY) continue;
        if (got < 0) return failure("the archive is damaged");
        if (got == 0) return {};
        left -= static_cast<std::uint64_t>(got);
        if (outcome done = to({piece.get(), static_cast<std::size_t>(got)}); done.failed()) return done;
    }
    return {};
}

}  // namespace refract::layout
