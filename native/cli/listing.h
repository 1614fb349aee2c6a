// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <CLI/CLI.hpp>
#include <string>
#include <vector>

#include "cli/context.h"
#include "cli/style.h"
#include "inspect/image.h"
#include "oci/platform_name.h"

/// What `inspect` and the `references` commands share: which references, and how they are shown.
namespace refract::cli {

struct listing_options {
    std::string image;
    std::string type;
    std::string artifact_type;
    std::string platform;
    std::vector<std::string> annotations;
    std::vector<std::string> sources;
    bool direct = false;
    bool scan_tags = false;
    bool check = false;
    bool whole = false;
    double deadline = 0;  ///< seconds; 0: the default

    /// Adds them to a command, and returns IMAGE, which is not required yet.
    CLI::Option* add_to(CLI::App& command);
    /// Which of them are told, as the core is asked. What it views is in here.
    result<inspect::listing_request> request(const limits& limits);

private:
    oci::platform_name platform_;
};

std::string references_table(const inspect::listing& listing, const style& style);
std::string references_tree(const inspect::image& image, const inspect::listing& listing, const style& style);
/// Where was looked for what is attached: that there is nothing is said of these only.
std::string looked_at(const inspect::image& image, std::uint32_t sources);
/// What a person should know besides.
void tell_notices(const context& with, const inspect::listing& listing);

}  // namespace refract::cli
