// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>

#include "base/limits.h"
#include "base/result.h"
#include "layout/files.h"
#include "oci/index.h"

namespace refract::layout {

/// Descriptors, each a JSON object, by the digest of their subject.
using referrers = std::multimap<std::string, std::string>;

/// Reads every manifest and index that `of` lists and sorts those that have a subject by it. What is missing or is not
/// well-formed has none; what has not its digest ends it.
result<referrers> find_referrers(const file_handle& directory, const oci::index& of, oci::json_reader& reader,
                                 const limits& limits, const discovery_limits& discovery);

/// The index that a registry would answer with (distribution-spec, "Listing Referrers").
std::string referrers_index(const referrers& all, const std::string& subject);

}  // namespace refract::layout
