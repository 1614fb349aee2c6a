// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <vector>

#include "abi/arrays.h"
#include "abi/guard.h"
#include "abi/request.h"

/// A walk, and what was handed out of it. Everything but the walk is made when it is first asked for.
struct refract_walk {
    explicit refract_walk(const refract_request& request) : walk(request.request) {}

    void forget() {
        view.reset();
        result.reset();
        notes.reset();
        references.reset();
        attached.reset();
    }

    refract::resolve::told_image image() const { return refract::resolve::told_by(walk); }

    refract_descriptor root() const {
        const auto& read = walk.read()[0];
        return {refract::abi::text(read.media_type), refract::abi::text(read.digest), {}, read.size, nullptr};
    }

    /// Of a finished walk.
    const refract::resolve::attached& told() {
        if (!attached) attached = refract::resolve::find_attached(walk);
        return *attached;
    }

    refract::resolve::walk walk;
    refract_platform needed_platform{};
    std::vector<refract_string> needed_features;
    std::optional<refract::abi::result_arrays> result;
    std::optional<refract_result> view;
    std::optional<refract::abi::note_arrays> notes;
    std::optional<refract::resolve::attached> attached;
    std::optional<refract::abi::reference_arrays> references;
};
