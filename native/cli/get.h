// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <CLI/CLI.hpp>
#include <memory>

#include "cli/context.h"
#include "cli/listing.h"

namespace refract::cli {

/// `references get`, whose listing options may precede it, too.
void add_get(CLI::App& to, context& with, std::shared_ptr<listing_options> listing);

}  // namespace refract::cli
