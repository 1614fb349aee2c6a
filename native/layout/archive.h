// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <memory>

#include "base/limits.h"
#include "base/result.h"
#include "layout/files.h"
#include "layout/storage.h"

namespace refract::layout {

/// The files of a layout in a tar archive, which may be compressed with gzip or zstd (`docker buildx -o type=oci`,
/// `docker save`, skopeo's oci-archive). One pass through it finds out where they are. Nothing is written to a disk: a
/// member is read where it is, and a compressed archive is unpacked anew for each blob that is read; its documents are
/// held in memory.
///
/// Only members with the name of a layout's file are looked at, as Go's path.Clean has it ("x/../index.json"), so no
/// name leads out of the archive. A second index.json or oci-layout is `ambiguous`; of blobs with the same digest the
/// first counts. Links and other things that are no regular files are `malformed`. Unpacking ends with `cancelled` when
/// that becomes true; it is kept.
result<std::unique_ptr<storage>> open_archive(file_handle file, const limits& limits, const layout_limits& bounds,
                                              const std::atomic<bool>* cancelled = nullptr);

}  // namespace refract::layout
