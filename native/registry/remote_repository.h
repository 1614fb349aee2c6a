// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
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
    /// `unread`: what is wrong with the log-ins that are kept; empty if nothing is.
    remote_repository(session& session, const oci::image_name& name, std::vector<host> hosts,
                      std::function<std::string()> unread)
        : session_(session),
          host_(name.host),
          repository_(name.repository),
          name_(name.repository_name()),
          hosts_(std::move(hosts)),
          unread_(std::move(unread)) {}

    const std::string& name() const noexcept override { return name_; }
    std::vector<result<oci::fetch_response>> ask(std::span<const oci::fetch_request> questions) override;
    std::vector<status> read(std::span<const oci::blob> blobs) override;
    std::vector<std::string> notices() const override;

private:
    job job_for(const oci::fetch_request& question) const;
    std::string target(std::string_view rest) const { return '/' + repository_ + std::string(rest); }
    /// For mirrors: the registry that they mirror.
    std::string describe(const oci::fetch_request& question) const;

    session& session_;
    std::string host_;
    std::string repository_;
    std::string name_;
    std::vector<host> hosts_;
    std::function<std::string()> unread_;
    std::optional<std::size_t> served_;  ///< which of them served the image
};

}  // namespace refract::registry
