// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oci/repository.h"
#include "registry/session.h"

namespace refract::registry {

/// Adds what a delivery brings to the answer of its question. Gives the target of the next page, below the host's path,
/// if there is one that is needed.
result<std::optional<std::string>> add_page(const oci::fetch_request& question, const job& asked, delivery&& brought,
                                            oci::fetch_response& into, std::uint32_t page,
                                            const network_limits& limits);

}  // namespace refract::registry
