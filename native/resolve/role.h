// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <string>

#include "oci/descriptor.h"
#include "resolve/request.h"

namespace refract::resolve {

/// What an entry of an index is, by its descriptor alone.
enum class role {
    other,     ///< neither a manifest nor an index: listed, never selected, never fetched by a pull
    artifact,  ///< marked as one: never selected
    index,     ///< may hold images
    image,     ///< a candidate, until its own bytes say that it is something else
};

role role_of(const oci::descriptor& entry, const oci::platform* declared, const request& request);

/// Why the entry is an artifact, for people: "artifact (reference type \"sbom\")".
std::string describe_artifact(const oci::descriptor& entry, const oci::platform* declared);

}  // namespace refract::resolve
