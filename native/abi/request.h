// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "refract.h"
#include "resolve/request.h"

struct refract_request {
    refract::resolve::request request;
};

namespace refract::abi {

/// Views the caller's platform; valid as long as it is.
oci::platform read_platform(const refract_platform& from);

void read_strings(const refract_string* from, std::size_t count, std::vector<std::string>& into);
/// Sets what is not zero. It is an error to allow more than reading can bear.
status read_limits(const refract_limits& from, limits& into);
/// Whether the caller was built with this header.
status check_version(std::uint32_t built_for);

}  // namespace refract::abi
