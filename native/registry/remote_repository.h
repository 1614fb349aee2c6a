// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>
#include <vector>

#include "oci/image_name.h"
#include "oci/repository.h"
#include "registry/session.h"

namespace refract::registry {

/// A repository of a registry, as the distribution specification serves it.
class remote_repository final : public oci::repository {
public:
    remote_repository(session& session, const oci::image_name& name, std::vector<host> hosts)
        : session_(session),
          host_(name.host),
          repository_(name.repository),
          name_(name.repository_name()),
          hosts_(std::move(hosts)) {}

    const std::string& name() const noexcept override { return name_; }
    std::vector<result<oci::answer>> ask(std::span<const oci::question> questions) override;
    std::vector<outcome> read(std::span<const oci::blob> blobs) override;

private:
    job job_for(const oci::question& question) const;
    std::string target(std::string_view rest) const { return '/' + repository_ + std::string(rest); }
    /// For mirrors: which registry they stand for.
    std::string describe(const oci::question& question) const;

    session& session_;
    std::string host_;
    std::string repository_;
    std::string name_;
    std::vector<host> hosts_;
    std::optional<std::size_t> served_;  ///< which of them served the image
};

}  // namespace refract::registry
