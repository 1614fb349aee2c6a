// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <CLI/CLI.hpp>

#include "cli/context.h"

namespace refract::cli {

/// `references get`.
void add_get(CLI::App& to, context& with);

}  // namespace refract::cli
