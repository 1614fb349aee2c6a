// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/client.h"

#include <algorithm>

#include "registry/docker_hub.h"
#include "registry/remote_repository.h"

namespace refract::registry {
client::client(client_options options)
    : options_(std::move(options)),
      transport_(options_.transport),
      session_(transport_, [this](const url& at, const std::string& repository, clock::time_point deadline) {
          return find_credentials(at, repository, deadline);
      }) {}

result<std::unique_ptr<client>> client::create(client_options options) {
    std::unique_ptr<client> made(new client(std::move(options)));
    for (const auto& one : made->options_.allowed) {
        REFRACT_TRY(made->transport_.named().allow(one));
    }
    return made;
}

result<credentials> client::find_credentials(const url& at, const std::string& repository, clock::time_point deadline) {
    const std::string host = at.authority() == docker_hub::endpoint ? std::string(docker_hub::name) : at.authority();
    if (const auto given = options_.given.find(host); given != options_.given.end()) return given->second;
    // Read only where they are asked for: a broken file is no hindrance to what needs none.
    if (!store_is_read_) {
        REFRACT_ASSIGN(auto opened, credential_store::open(options_.docker_config, options_.transport.limits));
        store_ = std::move(opened);
        store_is_read_ = true;
    }
    const auto left = std::chrono::duration_cast<std::chrono::milliseconds>(deadline - clock::now()).count();
    const auto most = std::int64_t{options_.transport.limits.helper_timeout};
    auto found = store_.find(host, repository, static_cast<std::uint32_t>(std::clamp<std::int64_t>(left, 1, most)));
    if (found.ok()) found.value().unread = store_.unread();
    return found;
}

result<std::unique_ptr<oci::repository>> client::open(const oci::image_name& name) {
    REFRACT_ASSIGN(auto found, hosts_for(name.host, options_.hosts_directories, options_.plain_http));
    std::vector<host> hosts = std::move(found);
    for (host& one : hosts) {
        REFRACT_ASSIGN(auto parsed, parse_url(one.scheme + "://" + one.host + one.path));
        transport_.named().add(parsed);
        if (one.http_fallback) {  // the port that it has without TLS
            if (auto plain = parse_url("http://" + one.host); plain.ok()) transport_.named().add(plain.value());
        }
        one.ca_files.insert(one.ca_files.end(), options_.tls.ca_files.begin(), options_.tls.ca_files.end());
        if (one.client_certificates.empty()) one.client_certificates = options_.tls.client_certificates;
        one.skip_verify = one.skip_verify || options_.tls.skip_verify;
    }
    return std::unique_ptr<oci::repository>(
        std::make_unique<remote_repository>(session_, name, std::move(hosts), [this] { return store_.unread(); }));
}

}  // namespace refract::registry
