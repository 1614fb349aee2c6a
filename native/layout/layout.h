// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "oci/repository.h"

namespace refract::layout {

/// An OCI image layout (image-spec, image-layout.md) to read from. `missing` if there is none in the directory.
///
/// A tag is the org.opencontainers.image.ref.name of an entry of index.json; the empty tag is the only image there,
/// digest tags and artifacts not counted. index.json is read again for each ask(), so that what others write meanwhile
/// is seen. A layout keeps no list of referrers: they are found by the `subject` of what index.json lists, of which
/// `discovery` bounds the number (`found`) and the bytes.
result<std::unique_ptr<oci::repository>> open_layout(const std::string& directory, const limits& limits,
                                                     const discovery_limits& discovery = {});

}  // namespace refract::layout
