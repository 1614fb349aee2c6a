// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "abi/listing.h"

#include "abi/guard.h"

namespace refract::abi {

listing_arrays::listing_arrays(const inspect::listing& listing, const resolve::walk* walk,
                               const refract_descriptor& root) {
    std::vector<std::uint32_t> numbers(listing.references.size(), REFRACT_NONE);
    for (const auto told : listing.told) {
        numbers[told] = static_cast<std::uint32_t>(references_.size());
        references_.push_back(form_.describe(listing.references[told]));
    }
    for (const auto& one : listing.tree) {
        refract_node made = form_.describe(one, listing.references, walk, root);
        if (one.kind == resolve::node::kind::reference) made.reference = numbers[one.reference];
        nodes_.push_back(made);
    }
    for (const auto& one : listing.notices) notices_.push_back(text(one));
    view_ = {references_.data(), references_.size(), nodes_.data(),         nodes_.size(),
             notices_.data(),    notices_.size(),    listing.unread_indexes};
}

}  // namespace refract::abi
