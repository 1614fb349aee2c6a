// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <vector>

#include "abi/arrays.h"
#include "inspect/image.h"

namespace refract::abi {

/// What is attached to an image as flat arrays. Only what is told has a number.
class listing_arrays {
public:
    listing_arrays(const inspect::listing& listing, const resolve::walk* walk, const refract_descriptor& root);
    const refract_references& view() const noexcept { return view_; }

private:
    reference_form form_;
    std::vector<refract_reference> references_;
    std::vector<refract_node> nodes_;
    std::vector<refract_string> notices_;
    refract_references view_{};
};

}  // namespace refract::abi
