// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "oci/media_type.h"
#include "oci/platform.h"

namespace refract::resolve {

enum class mode {
    select,  ///< find the image to run, reading no more documents than that takes
    list,    ///< select nothing; read every nested index that is available
};

/// What a walk looks for. Immutable once made; shared by walks and threads.
struct request {
    /// A platform for which one image is selected.
    struct want {
        std::string name;  ///< as messages show it
        oci::platform_preference preference;
        /// What containerd takes when it is asked for this platform later; none: just the preference.
        std::optional<oci::platform_preference> runs = std::nullopt;
    };

    resolve::mode mode = mode::select;
    std::vector<want> wants;                ///< none: every image is selected
    oci::platform_preference any;           ///< all wants as one
    std::vector<std::string> config_types;  ///< further config media types that make a manifest an image
    /// Images of other platforms are children too, and BuildKit's attestations: an image as BuildKit makes it is then
    /// followed just as a plain containerd follows it.
    bool other_platforms = false;
    bool fetch_references = false;
    bool references_of_all_platforms = false;  ///< not only those about what is selected and the indexes around it
    std::vector<std::string> reference_types;  ///< those the policy wants; none: all
    std::vector<std::string> required_types;   ///< of each, every selected image must have a reference
    refract::limits limits;

    bool wants_all() const noexcept { return wants.empty(); }

    /// Whether a plain containerd would take an entry of this platform.
    bool matches(const oci::platform& declared) const { return wants_all() || any.rank(declared).has_value(); }

    /// Whether a config of this type makes a manifest an image.
    bool is_image_config(std::string_view media_type) const {
        return oci::is_image_config(media_type) ||
               std::find(config_types.begin(), config_types.end(), media_type) != config_types.end();
    }
};

}  // namespace refract::resolve
