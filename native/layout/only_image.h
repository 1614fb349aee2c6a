// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "base/limits.h"
#include "base/result.h"
#include "layout/kept.h"
#include "layout/names.h"
#include "layout/storage.h"
#include "oci/index.h"

namespace refract::layout {

/// The one image of an index.json, for who names none. Of more entries than one those do not count, in this order, as
/// long as others remain:
/// - what is attached to another, by its marks, its digest tag, or cosign's word;
/// - artifacts by their descriptors: a foreign artifactType, the platform "unknown";
/// - artifacts by their own bytes: a subject, a foreign artifactType or config, layers that are no file system;
/// - what an index that index.json lists lists itself;
/// - what has no name, beside what has one.
/// `ambiguous` if more than one remains; the message says what could be written. No more is read than `discovery` lets.
result<const oci::descriptor*> only_image(storage& from, kept_documents& kept, const oci::index& of,
                                          const names& called, oci::json_reader& reader, const limits& limits,
                                          const discovery_limits& discovery);

}  // namespace refract::layout
