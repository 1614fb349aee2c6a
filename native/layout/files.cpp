// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/files.h"

#include <dirent.h>
#include <fcntl.h>
#include <linux/openat2.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <functional>
#include <system_error>
#include <utility>

namespace refract::layout {
namespace {

constexpr std::size_t first_piece_bytes = 4096;  // enough to see what is no document
constexpr std::size_t piece_bytes = 1u << 20;
constexpr int reading = O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
/// Opens nothing yet, so that a device does not notice.
constexpr int looking = O_PATH | O_CLOEXEC;

error not_regular(const std::string& what) { return {status_code::malformed, what + " is not a regular file"}; }

/// For kernels before 5.6, and sandboxes that do not know the call: no links at all.
int open_without_links(int directory, const std::string& path, int flags) {
    file_handle at;
    for (std::size_t begin = 0;;) {
        const auto slash = path.find('/', begin);
        const auto part = path.substr(begin, slash - begin);
        const bool last = slash == std::string::npos;
        const int from = at.get() < 0 ? directory : at.get();
        const int opened = ::openat(from, part.c_str(), (last ? flags : looking | O_DIRECTORY) | O_NOFOLLOW);
        struct stat found {};
        // With O_PATH a link itself is opened.
        if (opened >= 0 && ::fstat(opened, &found) == 0 && S_ISLNK(found.st_mode)) {
            ::close(opened);
            errno = EXDEV;
            return -1;
        }
        if (last || opened < 0) {
            if (opened < 0 && errno == ENOTDIR && ::fstatat(from, part.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0) {
                errno = S_ISLNK(found.st_mode) ? EXDEV : ENOTDIR;
            }
            return opened;
        }
        at = file_handle(opened);
        begin = slash + 1;
    }
}

/// Follows links that stay below the directory; EXDEV for others.
int open_beneath(int directory, const std::string& path, int flags) {
    open_how how{};
    how.flags = static_cast<std::uint64_t>(flags);
    how.resolve = RESOLVE_BENEATH | RESOLVE_NO_MAGICLINKS;
    for (int attempt = 0; attempt < 8; ++attempt) {
        const auto opened = ::syscall(SYS_openat2, directory, path.c_str(), &how, sizeof how);
        if (opened >= 0) return static_cast<int>(opened);
        if (errno == ENOSYS || errno == EPERM) return open_without_links(directory, path, flags);
        if (errno != EAGAIN) return -1;  // something above it was moved meanwhile
    }
    return -1;
}

error link_failure(int number, int directory, const std::string& name, const std::string& path) {
    struct stat found {};
    const bool link = ::fstatat(directory, name.c_str(), &found, AT_SYMLINK_NOFOLLOW) == 0 && S_ISLNK(found.st_mode);
    if (number == ENOENT && link) return {status_code::missing, path + " is a symbolic link to what is not there"};
    if (number == EXDEV) {
        return {status_code::malformed,
                path +
                    " is reached by a symbolic link that leaves the layout, which only blobs may; "
                    "name the directory it leads to, or copy the layout with its links followed"};
    }
    return failure(number, path);
}

/// Opens for reading what `seen` is, if it is a regular file. `again` opens it by its path, where there is no /proc.
result<file_handle> reopen(const file_handle& seen, const std::string& what, const std::function<int()>& again) {
    struct stat first {};
    struct stat second {};
    if (::fstat(seen.get(), &first) != 0) return failure(errno, what);
    if (!S_ISREG(first.st_mode)) return not_regular(what);
    const std::string self = "/proc/self/fd/" + std::to_string(seen.get());
    int opened = ::open(self.c_str(), reading);
    if (opened < 0 && errno == ENOENT) opened = again();
    file_handle file(opened);
    if (file.get() < 0) return failure(errno, what);
    if (::fstat(file.get(), &second) != 0) return failure(errno, what);
    if (!S_ISREG(second.st_mode) || first.st_dev != second.st_dev || first.st_ino != second.st_ino) {
        return error{status_code::malformed, what + " was replaced while it was opened"};
    }
    return file;
}

/// Gives the bytes of a regular file to the sink.
status read_pieces(const file_handle& file, const std::string& path, std::uint64_t most, const sink& to) {
    struct stat found {};
    if (::fstat(file.get(), &found) != 0) return failure(errno, path);
    // No more than it says it has: the kernel's own files say 0, and some would be waited for.
    std::uint64_t left = static_cast<std::uint64_t>(std::max<off_t>(found.st_size, 0));
    if (most < UINT64_MAX) left = std::min(left, most + 1);
    std::size_t size = first_piece_bytes;
    const std::unique_ptr<std::byte[]> piece(
        new std::byte[static_cast<std::size_t>(std::clamp<std::uint64_t>(left, first_piece_bytes, piece_bytes))]);
    while (left > 0) {
        const ssize_t got =
            ::read(file.get(), piece.get(), static_cast<std::size_t>(std::min<std::uint64_t>(left, size)));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure(errno, path);
        if (got == 0) return {};
        const auto count = static_cast<std::size_t>(got);
        left -= count;
        size = piece_bytes;
        REFRACT_TRY(to({piece.get(), count}));
    }
    return {};
}

class directory_storage final : public storage {
public:
    explicit directory_storage(file_handle root) : root_(std::move(root)) {}

    status stream(const std::string& path, std::uint64_t most, const sink& to) override {
        auto file = open(path);
        return file.failed() ? status(std::move(file).take()) : read_pieces(file.value(), path, most, to);
    }

    result<std::uint64_t> size(const std::string& path) override {
        REFRACT_ASSIGN(auto file, open(path));
        struct stat found {};
        if (::fstat(file.get(), &found) != 0) return failure(errno, path);
        return static_cast<std::uint64_t>(std::max<off_t>(found.st_size, 0));
    }

    blob_list blobs(std::size_t most) override {
        blob_list all;
        for (const std::string folder : {"blobs/sha256", "blobs/sha512"}) add_blobs(folder, most, all);
        std::sort(all.digests.begin(), all.digests.end());
        return all;
    }

private:
    result<file_handle> open(const std::string& path) {
        if (blob_digest(path).empty()) return open_own(path);
        const auto slash = path.rfind('/');
        const file_handle folder(open_beneath(root_.get(), path.substr(0, slash), looking | O_DIRECTORY));
        if (folder.get() < 0) return link_failure(errno, root_.get(), path.substr(0, slash), path);
        const std::string name = path.substr(slash + 1);
        const file_handle seen(::openat(folder.get(), name.c_str(), looking));
        if (seen.get() < 0) return link_failure(errno, folder.get(), name, path);
        return reopen(seen, path, [&] { return ::openat(folder.get(), name.c_str(), reading); });
    }

    /// What has no digest.
    result<file_handle> open_own(const std::string& path) {
        const file_handle seen(open_beneath(root_.get(), path, looking));
        if (seen.get() < 0) return link_failure(errno, root_.get(), path, path);
        return reopen(seen, path, [&] { return open_beneath(root_.get(), path, reading); });
    }

    void add_blobs(const std::string& folder, std::size_t& most, blob_list& to) {
        const int opened = open_beneath(root_.get(), folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
        if (opened < 0) return;
        DIR* const listed = ::fdopendir(opened);
        if (listed == nullptr) {
            ::close(opened);
            return;
        }
        const std::unique_ptr<DIR, int (*)(DIR*)> closed(listed, ::closedir);
        // Each stream is read by one thread.
        const auto read_next = [&] { return ::readdir(listed); };  // NOLINT(concurrency-mt-unsafe)
        for (const dirent* next = read_next(); next != nullptr; next = read_next()) {
            if (next->d_name[0] == '.') continue;
            if (most-- == 0) {
                most = 0;
                to.whole = false;
                return;
            }
            auto digest = blob_digest(folder + '/' + next->d_name);
            if (!digest.empty()) to.digests.push_back(std::move(digest));
        }
    }

    file_handle root_;
};

}  // namespace

error failure(int number, const std::string& what) {
    const std::string why = std::generic_category().message(number);
    if (number == ENOENT || number == ENOTDIR) return {status_code::missing, what + " is not there"};
    if (number == EACCES || number == EPERM) return {status_code::denied, "cannot read " + what + ": " + why};
    if (number == ELOOP) return {status_code::malformed, what + " is a symbolic link that leads in a circle"};
    return {status_code::unreachable, "cannot read " + what + ": " + why};
}

file_handle::file_handle(file_handle&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

file_handle& file_handle::operator=(file_handle&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
}

file_handle::~file_handle() {
    if (number_ >= 0) ::close(number_);
}

result<file_handle> open_regular(const std::string& path) {
    const file_handle seen(::open(path.c_str(), looking));
    if (seen.get() < 0) return failure(errno, "the archive");
    return reopen(seen, "it", [&] { return ::open(path.c_str(), reading); });
}

result<std::unique_ptr<storage>> open_directory(const std::string& path) {
    file_handle root(::open(path.c_str(), looking | O_DIRECTORY));
    if (root.get() < 0 && errno == ENOENT) return error{status_code::missing, "there is no such directory or archive"};
    if (root.get() < 0) return failure(errno, "the directory");
    return std::unique_ptr<storage>(std::make_unique<directory_storage>(std::move(root)));
}

}  // namespace refract::layout
