// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <memory>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "oci/repository.h"

namespace refract::layout {

/// An OCI image layout (image-spec, image-layout.md) to read from: a directory, or a tar archive that holds one, also
/// compressed with gzip or zstd. `missing` if there is none. One without the file oci-layout is read with a notice.
///
/// A tag is a name of an entry of index.json (see names.h); the empty tag is the only image there (see only_image.h).
/// index.json is read again for each ask(), so that what others write meanwhile is seen. A layout keeps no list of
/// referrers: they are found by the `subject` of what index.json lists, of which `discovery` bounds the number
/// (`found`) and the bytes, and of other blobs, of which `bounds` does.
result<std::unique_ptr<oci::repository>> open_layout(const std::string& path, const limits& limits,
                                                     const discovery_limits& discovery = {},
                                                     const layout_limits& bounds = {},
                                                     const std::atomic<bool>* cancelled = nullptr);

}  // namespace refract::layout
