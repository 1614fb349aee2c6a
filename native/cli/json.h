// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <nlohmann/json.hpp>

#include "inspect/image.h"

/// What `--output json` prints. The schema is in output.md; fields are only ever added to a version of it.
namespace refract::cli {

using json = nlohmann::ordered_json;

inline constexpr int schema_version = 1;

json root_json(const inspect::image& image);
json platform_json(const oci::platform& platform);
json descriptor_json(const oci::descriptor& descriptor, const oci::platform* platform);
json reference_json(const resolve::reference& reference);
/// `references`, and with `tree` the tree, too, whose nodes name references by number.
void add_listing(json& into, const inspect::image& image, const inspect::listing& listing, bool tree);

void print_json(const json& value);

}  // namespace refract::cli
