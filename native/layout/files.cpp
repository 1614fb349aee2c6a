// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/files.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <memory>
#include <system_error>
#include <utility>

#include "base/printable.h"
#include "oci/digest.h"

namespace refract::layout {
namespace {

constexpr std::size_t piece_bytes = 1u << 20;

error failure(int number, const std::string& what) {
    const std::string why = std::generic_category().message(number);
    if (number == ENOENT || number == ENOTDIR) return {status::missing, what + " is not there"};
    if (number == EACCES || number == EPERM) return {status::denied, "cannot read " + what + ": " + why};
    if (number == ELOOP) return {status::malformed, what + " is a symbolic link, not a regular file"};
    return {status::unreachable, "cannot read " + what + ": " + why};
}

}  // namespace

file_handle::file_handle(file_handle&& other) noexcept : number_(std::exchange(other.number_, -1)) {}

file_handle& file_handle::operator=(file_handle&& other) noexcept {
    std::swap(number_, other.number_);
    return *this;
}

file_handle::~file_handle() {
    if (number_ >= 0) ::close(number_);
}

result<file_handle> open_directory(const std::string& path) {
    const int number = ::open(path.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (number < 0) return failure(errno, "the directory");
    return file_handle(number);
}

result<file_handle> open_file(const file_handle& directory, const std::string& path) {
    // Without O_NONBLOCK a fifo would be waited for.
    file_handle file(
        ::openat(directory.get(), path.c_str(), O_RDONLY | O_CLOEXEC | O_NOFOLLOW | O_NONBLOCK | O_NOCTTY));
    if (file.get() < 0)
        return errno == ENXIO ? error{status::malformed, path + " is not a regular file"} : failure(errno, path);
    struct stat found {};
    if (::fstat(file.get(), &found) != 0) return failure(errno, path);
    if (!S_ISREG(found.st_mode)) return error{status::malformed, path + " is not a regular file"};
    return file;
}

outcome read_pieces(const file_handle& file, std::uint64_t most,
                    const std::function<outcome(std::span<const std::byte>)>& sink) {
    struct stat found {};
    std::uint64_t hint = piece_bytes;
    // Only how much memory to take depends on it.
    if (::fstat(file.get(), &found) == 0 && found.st_size >= 0) hint = static_cast<std::uint64_t>(found.st_size) + 1;
    const auto size = static_cast<std::size_t>(std::clamp<std::uint64_t>(hint, 4096, piece_bytes));
    const std::unique_ptr<std::byte[]> piece(new std::byte[size]);
    std::uint64_t left = most < UINT64_MAX ? most + 1 : most;
    while (left > 0) {
        const ssize_t got =
            ::read(file.get(), piece.get(), static_cast<std::size_t>(std::min<std::uint64_t>(left, size)));
        if (got < 0 && errno == EINTR) continue;
        if (got < 0) return failure(errno, "it");
        if (got == 0) return {};
        const auto count = static_cast<std::size_t>(got);
        left -= count;
        if (outcome done = sink({piece.get(), count}); done.failed()) return done;
    }
    return {};
}

result<std::string> read_file(const file_handle& directory, const std::string& path, std::uint64_t most) {
    auto file = open_file(directory, path);
    if (file.failed()) return std::move(file).take();
    std::string text;
    outcome done = read_pieces(file.value(), most, [&](std::span<const std::byte> bytes) -> outcome {
        text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        return {};
    });
    if (done.failed()) return std::move(done).in(path);
    if (text.size() <= most) return text;
    return error{status::limit_exceeded, path + " is longer than the limit of " + std::to_string(most) + " bytes"};
}

result<std::string> blob_path(std::string_view digest) {
    oci::digest_algorithm algorithm{};
    if (!oci::parse_digest(digest, algorithm)) {
        return error{status::malformed, "malformed digest " + refract::quoted(digest)};
    }
    if (algorithm == oci::digest_algorithm::other) {
        return error{status::unsupported,
                     "cannot verify digest " + printable(digest) + ": only sha256 and sha512 can be"};
    }
    const auto colon = digest.find(':');
    return "blobs/" + std::string(digest.substr(0, colon)) + '/' + std::string(digest.substr(colon + 1));
}

}  // namespace refract::layout
