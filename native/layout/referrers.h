// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>
#include <vector>

#include "base/limits.h"
#include "base/result.h"
#include "layout/kept.h"
#include "layout/storage.h"
#include "oci/index.h"

namespace refract::layout {

/// Descriptors, each a JSON object, by the digest of their subject.
using referrers = std::multimap<std::string, std::string>;

/// Reads every manifest and index of a layout, those that `of` lists and those that it does not, and sorts those that
/// have a subject by it. What is missing or is not well-formed has none. Of what is listed, what has not its digest
/// ends it; of what is not listed, it is passed over. What is over the limits is a notice: a layout of many hides
/// nothing.
result<referrers> find_referrers(storage& from, const kept_documents& kept, const oci::index& of,
                                 oci::json_reader& reader, const limits& limits, const discovery_limits& discovery,
                                 const layout_limits& bounds, std::vector<std::string>& notices);

/// The index that a registry would answer with (distribution-spec, "Listing Referrers").
std::string referrers_index(const referrers& all, const std::string& subject);

}  // namespace refract::layout
