// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <vector>

#include "resolve/references.h"

namespace refract::resolve {

/// One line of the tree of an index and what is attached to it.
struct node {
    enum class kind { index = 1, image = 2, reference = 3, subject = 4 };
    enum flag : std::uint32_t {
        repeated = 1,  ///< shown before: a cycle ends here, or a second path joins
        unread = 2,    ///< an index that was not read
        selected = 4,  ///< the image that a selection chose
    };

    node::kind kind = kind::index;
    std::uint32_t depth = 0;
    std::uint32_t flags = 0;
    std::uint32_t reference = none;  ///< number of the reference
    resolve::place place;            ///< of an image's or nested index's entry; none for the root
    std::string_view subject;        ///< digest of a subject that no index lists
};

/// In the order in which a person would print it: an index, its images and nested indexes, below each what is attached
/// to it, and at the end what is attached to things that no index lists. Ends at the first repeat, so cycles are
/// finite. A single manifest is the root itself.
std::vector<node> tree_of(const told_image& image, const std::vector<reference>& references);

}  // namespace refract::resolve
