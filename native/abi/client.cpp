// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "abi/client.h"

#include "abi/guard.h"
#include "abi/request.h"
#include "base/printable.h"

namespace refract::abi {
namespace {

static_assert(std::atomic<bool>::is_always_lock_free, "refract_client_cancel is promised to signal handlers");

std::string owned(refract_string from) { return std::string(view(from)); }

status read_logins(const refract_client_options& from, registry::client_options& into) {
    for (const auto& one : std::span(from.logins, from.logins_count)) {
        if (one.host.size == 0) return {status_code::invalid_argument, "a login names no host"};
        registry::credentials given{owned(one.username), owned(one.password), {}, {}};
        if (status done = registry::check(given); done.failed()) {
            return {status_code::invalid_argument, "login of " + quote(view(one.host)) + ": " + done.why().message};
        }
        into.given.emplace(owned(one.host), std::move(given));
    }
    return {};
}

void read_transport(const refract_client_options& from, registry::transport_options& into) {
    into.proxy = owned(from.proxy);
    into.no_proxy = owned(from.no_proxy);
    into.ca_file = owned(from.system_ca_file);
    into.user_agent = from.user_agent.size == 0 ? "refract/" REFRACT_VERSION : owned(from.user_agent);
    if (from.timeout_ms != 0) {
        auto& times = into.limits;
        times.dial_timeout = times.tls_timeout = times.first_byte_timeout = times.stall_timeout = from.timeout_ms;
    }
}

result<std::shared_ptr<connections>> connect(const refract_client_options& from) {
    REFRACT_TRY(check_version(from.abi_version));
    auto made = std::make_shared<connections>();
    REFRACT_TRY(read_limits(from.limits, made->limits));
    registry::client_options options;
    read_transport(from, options.transport);
    options.transport.cancelled = &made->cancelled;
    REFRACT_TRY(read_logins(from, options));
    options.hosts_directories = owned(from.hosts_directories);
    options.docker_config = owned(from.docker_config);
    read_strings(from.allowed_hosts, from.allowed_hosts_count, options.allowed);
    read_strings(from.ca_files, from.ca_files_count, options.tls.ca_files);
    options.tls.skip_verify = from.skip_tls_verify != 0;
    options.plain_http = from.plain_http != 0;
    auto client = registry::client::create(std::move(options));
    if (client.failed()) {
        // What is malformed here came from the caller, not from a registry.
        error why = std::move(client).take();
        if (why.code == status_code::malformed) why.code = status_code::invalid_argument;
        return why;
    }
    made->client = std::move(client).value();
    return made;
}

}  // namespace
}  // namespace refract::abi

using namespace refract;

extern "C" {

refract_status refract_client_new(refract_client** out, const refract_client_options* options,
                                  refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        if (out == nullptr || options == nullptr) return abi::missing_argument("out and options");
        auto made = std::make_unique<refract_client>();
        REFRACT_ASSIGN(auto connected, abi::connect(*options));
        made->connections = std::move(connected);
        *out = made.release();
        return {};
    });
}

void refract_client_free(refract_client* client) REFRACT_NOEXCEPT { delete client; }

void refract_client_cancel(refract_client* client) REFRACT_NOEXCEPT {
    if (client != nullptr) client->connections->cancelled.store(true);
}

}  // extern "C"
