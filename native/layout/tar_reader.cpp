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
#include <string_view>
#include <system_error>
#include <vector>

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

/// As Go's path.Clean, by which containerd's import goes: "x/../index.json" is index.json, and so is "./index.json".
/// What begins at the root or leads out of the archive is none of its files.
std::string clean_path(const char* name) {
    if (name == nullptr || *name == '/') return {};
    std::vector<std::string_view> parts;
    for (std::string_view left(name); !left.empty();) {
        const auto part = left.substr(0, left.find('/'));
        left.remove_prefix(std::min(left.size(), part.size() + 1));
        if (part.empty() || part == ".") continue;
        if (part != "..") {
            parts.push_back(part);
        } else if (parts.empty()) {
            return {};
        } else {
            parts.pop_back();
        }
    }
    std::string path;
    for (const auto part : parts) {
        if (path.size() + part.size() >= longest_path) return {};
        if (!path.empty()) path += '/';
        path += part;
    }
    return path;
}

/// Names may be in other characters than the locale has.
const char* name_of(archive_entry* entry) {
    const char* const name = archive_entry_pathname(entry);
    return name != nullptr ? name : archive_entry_pathname_utf8(entry);
}

bool is_cancelled(const tar_reader::budget& of) { return of.cancelled != nullptr && of.cancelled->load(); }

}  // namespace

tar_reader::tar_reader(int file, std::int64_t begin, budget& of)
    : file_(file),
      budget_(of),
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
    return {status_code::malformed, what + (why == nullptr ? "" : ": " + printable(why))};
}

status tar_reader::start() {
    struct stat found {};
    if (::fstat(file_, &found) != 0) return {status_code::unreachable, "cannot read it"};
    size_ = found.st_size;
    archive* const reader = reader_.get();
    if (archive_read_support_format_tar(reader) != ARCHIVE_OK) return failure("libarchive cannot read tar archives");
    const int done = archive_read_open2(reader, this, nullptr, tar_callbacks::read, tar_callbacks::skip, nullptr);
    return done == ARCHIVE_OK ? status() : status(failure(no_archive));
}

result<std::unique_ptr<tar_reader>> tar_reader::open(int file, budget& of) {
    std::unique_ptr<tar_reader> made(new tar_reader(file, 0, of));
    archive* const reader = made->reader_.get();
    if (archive_read_support_filter_gzip(reader) != ARCHIVE_OK ||
        archive_read_support_filter_zstd(reader) != ARCHIVE_OK) {
        return made->failure("libarchive cannot unpack gzip and zstd");
    }
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): it loses what a moved status owns
    REFRACT_TRY(made->start());
    if (archive_filter_count(reader) > most_filters) {
        return error{status_code::unsupported, "it is compressed more than once; unpack it"};
    }
    return made;
}

result<std::unique_ptr<tar_reader>> tar_reader::open_plain(int file, std::int64_t begin, budget& of) {
    std::unique_ptr<tar_reader> made(new tar_reader(file, begin, of));
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): it loses what a moved status owns
    REFRACT_TRY(made->start());
    return made;
}

error tar_reader::budget::exceeded() const {
    return {status_code::limit_exceeded, "it is compressed, and reading it takes unpacking more than the limit of " +
                                             std::to_string(limit) + " bytes, again for each blob; unpack it yourself"};
}

/// Takes what was unpacked since the last time from the budget.
status tar_reader::account() {
    if (is_cancelled(budget_)) return {status_code::cancelled, "cancelled"};
    if (!is_compressed()) return {};
    const auto now = static_cast<std::uint64_t>(std::max<la_int64_t>(archive_filter_bytes(reader_.get(), 0), 0));
    const auto more = now - std::min(unpacked_, now);
    unpacked_ = now;
    if (more > budget_.unpacked_bytes) {
        budget_.unpacked_bytes = 0;
        return budget_.exceeded();
    }
    budget_.unpacked_bytes -= more;
    return {};
}

/// Unpacks the rest of a member in pieces: libarchive would do it in one, however long that takes.
status tar_reader::pass_over() {
    for (;;) {
        const void* piece = nullptr;
        std::size_t size = 0;
        la_int64_t offset = 0;
        const int done = archive_read_data_block(reader_.get(), &piece, &size, &offset);
        if (done == ARCHIVE_EOF) return {};
        if (done == ARCHIVE_RETRY) continue;
        if (done != ARCHIVE_OK && done != ARCHIVE_WARN) return failure("the archive is damaged");
        REFRACT_TRY(account());
    }
}

bool tar_reader::is_compressed() const { return archive_filter_count(reader_.get()) > 1; }

result<bool> tar_reader::next(member& into) {
    if (entry_ != nullptr && is_compressed()) {
        REFRACT_TRY(pass_over());
    }
    REFRACT_TRY(account());
    const int done = archive_read_next_header(reader_.get(), &entry_);
    if (done == ARCHIVE_EOF) return false;
    // A warning is about what refract does not look at: owners, times, characters of other names.
    if (done != ARCHIVE_OK && done != ARCHIVE_WARN) {
        return failure(no_archive);
    }
    into.path = clean_path(name_of(entry_));
    into.begin = begin_ + archive_read_header_position(reader_.get());
    into.size = archive_entry_size(entry_);
    into.regular = archive_entry_filetype(entry_) == AE_IFREG && archive_entry_hardlink(entry_) == nullptr &&
                   archive_entry_symlink(entry_) == nullptr;
    if (into.size < 0) return error{status_code::malformed, "a member's size is negative"};
    return true;
}

status tar_reader::data(std::uint64_t most, const sink& to) {
    const std::unique_ptr<std::byte[]> piece(new std::byte[buffer_bytes]);
    std::uint64_t left = most < UINT64_MAX ? most + 1 : most;
    while (left > 0) {
        const auto wanted = static_cast<std::size_t>(std::min<std::uint64_t>(left, buffer_bytes));
        const auto got = archive_read_data(reader_.get(), piece.get(), wanted);
        if (got == ARCHIVE_RETRY) continue;
        if (got < 0) return failure("the archive is damaged");
        if (got == 0) return {};
        REFRACT_TRY(account());
        left -= static_cast<std::uint64_t>(got);
        REFRACT_TRY(to({piece.get(), static_cast<std::size_t>(got)}));
    }
    return {};
}

}  // namespace refract::layout
