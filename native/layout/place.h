// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <memory>

#include "base/limits.h"
#include "base/result.h"
#include "layout/storage.h"
#include "oci/image_name.h"

namespace refract::layout {

/// Completes the name of an image in a layout: its directory or archive is the shortest beginning of "PATH:TAG", up to
/// a colon or whole, that is a layout or a file; else the shortest that is there at all. The rest is the tag, which may
/// have colons and slashes. A name that leads nowhere stays as it is.
oci::image_name find_path(oci::image_name name);

/// Opens the directory or archive.
result<std::unique_ptr<storage>> open_storage(const std::string& path, const limits& limits,
                                              const layout_limits& bounds, const std::atomic<bool>* cancelled);

}  // namespace refract::layout
