// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <deque>
#include <vector>

#include "refract.h"
#include "resolve/references.h"
#include "resolve/tree.h"
#include "resolve/walk.h"

/// C++ objects as flat C arrays. Each keeps what its structs point at.
namespace refract::abi {

/// Platforms in C's form, at addresses that stay.
class platform_arena {
public:
    /// nullptr for nullptr.
    const refract_platform* keep(const oci::platform* from);

private:
    struct held {
        refract_platform platform;
        std::vector<refract_string> features;
    };
    std::deque<held> held_;
};

refract_descriptor describe(const oci::descriptor& from, const refract_platform* platform) noexcept;

class result_arrays {
public:
    explicit result_arrays(const resolve::walk& walk);
    const refract_result& view() const noexcept { return view_; }

private:
    platform_arena platforms_;
    std::vector<refract_document> documents_;
    std::vector<refract_selection> selections_;
    std::deque<std::vector<refract_place>> paths_;
    std::vector<refract_place> children_;
    std::vector<refract_place> left_out_;
    refract_result view_{};
};

class note_arrays {
public:
    explicit note_arrays(const resolve::walk& walk);
    const refract_notes& view() const noexcept { return view_; }

private:
    std::deque<std::string> reasons_;
    std::vector<refract_note> notes_;
    refract_notes view_{};
};

/// References and the lines of their tree, one by one.
class reference_form {
public:
    refract_reference describe(const resolve::reference& from);
    /// `root` is that of the tree; `walk` may be nullptr where the tree has no images below it.
    refract_node describe(const resolve::node& from, const std::vector<resolve::reference>& references,
                          const resolve::walk* walk, const refract_descriptor& root);

private:
    platform_arena platforms_;
    std::deque<std::vector<refract_string>> types_;
};

/// Views the references that it is made of.
class reference_arrays {
public:
    reference_arrays(const resolve::told_image& image, const resolve::attached& all, const refract_descriptor& root,
                     std::vector<std::string> notices = {});
    const refract_references& view() const noexcept { return view_; }

private:
    reference_form form_;
    std::vector<refract_reference> references_;
    std::vector<refract_node> nodes_;
    std::vector<std::string> told_;
    std::vector<refract_string> notices_;
    refract_references view_{};
};

}  // namespace refract::abi
