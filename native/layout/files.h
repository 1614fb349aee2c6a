// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include "base/result.h"
#include "layout/storage.h"

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

/// The words for an errno.
error failure(int number, const std::string& what);

/// Opens a regular file by its path, through whatever links. Anything else there (a fifo, a device) is `malformed`
/// and never waited for.
result<file_handle> open_regular(const std::string& path);

/// The files of a directory. Symbolic links:
/// - index.json, oci-layout and the directories of blobs may be links to what is below the directory; a link that
///   leaves it is `malformed`.
/// - A blob may be a link to a file anywhere, as build systems write them: its bytes count only if they have its
/// digest. Whatever a path leads to is opened only once it is known to be a regular file, and no more is read of it
/// than the size that it has, so that neither fifos nor devices nor the kernel's own files are waited for.
result<std::unique_ptr<storage>> open_directory(const std::string& path);

}  // namespace refract::layout
