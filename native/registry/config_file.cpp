// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/config_file.h"

#include <fcntl.h>
#include <unistd.h>

#include <array>
#include <cerrno>
#include <system_error>

#include "base/printable.h"

namespace refract::registry {
namespace {

error cannot_read(const std::string& path, int number) {
    const bool denied = number == EACCES || number == EPERM;
    return {denied ? status_code::denied : status_code::invalid_argument,
            "cannot read " + quote(path) + ": " + std::generic_category().message(number)};
}

}  // namespace

result<std::optional<std::string>> read_config_file(const std::string& path) {
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC | O_NOCTTY);
    if (file < 0) {
        if (errno == ENOENT || errno == ENOTDIR) return std::optional<std::string>{};
        return cannot_read(path, errno);
    }
    std::string text;
    std::array<char, 16384> piece{};
    for (;;) {
        const ssize_t got = ::read(file, piece.data(), piece.size());
        if (got < 0 && errno == EINTR) continue;
        const int number = errno;
        if (got <= 0) {
            ::close(file);
            if (got < 0) return cannot_read(path, number);
            return std::optional<std::string>{std::move(text)};
        }
        text.append(piece.data(), static_cast<std::size_t>(got));
        if (text.size() > most_config_bytes) {
            ::close(file);
            return error{status_code::limit_exceeded,
                         quote(path) + " is longer than the limit of " + std::to_string(most_config_bytes) + " bytes"};
        }
    }
}

}  // namespace refract::registry
