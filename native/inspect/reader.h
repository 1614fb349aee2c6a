// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>
#include <vector>

#include "oci/repository.h"

namespace refract::inspect {

/// A repository of which each document is asked for once: what has a digest does not change.
class reader {
public:
    explicit reader(oci::repository& from) : from_(from) {}

    const std::string& name() const noexcept { return from_.name(); }
    std::vector<std::string> notices() const { return from_.notices(); }
    std::vector<result<oci::fetch_response>> ask(std::span<const oci::fetch_request> questions);
    result<oci::fetch_response> ask(const oci::fetch_request& question);
    std::vector<status> read(std::span<const oci::blob> blobs) { return from_.read(blobs); }

    /// What was got by tag is known by its digest, too.
    void keep(const std::string& digest, const std::string& bytes) { kept_.emplace(digest, bytes); }

private:
    oci::repository& from_;
    std::map<std::string, std::string> kept_;  ///< bytes by digest; walks and discovery bound how many
};

}  // namespace refract::inspect
