// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Any bytes as a tar archive: each file of a layout that is found there is read twice, and is the same.
#include "layout/archive.h"

#include <sys/mman.h>
#include <unistd.h>

#include <cstdlib>

using namespace refract;

namespace {

layout::file_handle file_of(const std::uint8_t* data, std::size_t size) {
    layout::file_handle file(::memfd_create("archive", MFD_CLOEXEC));
    if (file.get() < 0 || ::write(file.get(), data, size) != static_cast<ssize_t>(size)) std::abort();
    return file;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    layout_limits bounds;
    bounds.unpacked_bytes = 16u << 20;
    bounds.members = 1000;
    auto opened = layout::open_archive(file_of(data, size), limits{}, bounds);
    if (opened.failed()) return 0;
    layout::storage& from = *opened.value();
    const std::uint64_t most = 1u << 20;
    auto digests = from.blobs(100).digests;
    std::vector<std::string> paths{"index.json", "oci-layout"};
    for (const auto& digest : digests) paths.push_back(layout::blob_path(digest).value());
    for (const auto& path : paths) {
        auto once = layout::read_file(from, path, most);
        auto twice = layout::read_file(from, path, most);
        if (once.ok() != twice.ok() || (once.ok() && once.value() != twice.value())) std::abort();
        (void)layout::read_document(from, path, most);
    }
    return 0;
}
