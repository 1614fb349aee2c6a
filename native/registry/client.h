// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <memory>
#include <string>
#include <vector>

#include "oci/image_name.h"
#include "oci/repository.h"
#include "registry/auth/credentials.h"
#include "registry/hosts/hosts.h"
#include "registry/http/transport.h"
#include "registry/session.h"

namespace refract::registry {

struct client_options {
    transport_options transport;
    std::string hosts_directories;             ///< of hosts.toml, as containerd's config_path; empty: none is read
    std::string docker_config;                 ///< as credential_store::open has it
    std::map<std::string, credentials> given;  ///< by host, before any that are kept
    std::vector<std::string> allowed;          ///< hosts and networks that may be private, as named_hosts::allow
    tls_settings tls;                          ///< for every host that is named, besides what hosts.toml says
    bool plain_http = false;
};

/// Reads from registries as the distribution specification has it. Keeps connections, challenges and tokens for the
/// next look-up; must outlive the repositories that it opened. Not thread-safe.
class client {
public:
    static result<std::unique_ptr<client>> create(client_options options);
    client(const client&) = delete;
    client& operator=(const client&) = delete;

    result<std::unique_ptr<oci::repository>> open(const oci::image_name& name);

private:
    friend class remote_repository;

    explicit client(client_options options);
    result<credentials> find_credentials(const url& at, const std::string& repository, clock::time_point deadline);

    client_options options_;
    credential_store store_;
    bool store_is_read_ = false;
    transport transport_;
    session session_;
};

}  // namespace refract::registry
