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

}  // namespace refract::abi
