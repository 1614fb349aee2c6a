// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "abi/request.h"

#include <memory>

#include "abi/guard.h"

namespace refract::abi {

oci::platform read_platform(const refract_platform& from) {
    oci::platform platform{view(from.os), view(from.architecture), view(from.variant), view(from.os_version), {}};
    for (const auto& feature : std::span(from.os_features, from.os_features_count)) {
        platform.os_features.push_back(view(feature));
    }
    return platform;
}

void read_strings(const refract_string* from, std::size_t count, std::vector<std::string>& into) {
    for (const auto& one : std::span(from, count)) into.emplace_back(view(one));
}

namespace {

template <class Number>
void read_limit(Number wanted, Number& into) {
    if (wanted != 0) into = wanted;
}

}  // namespace

status read_limits(const refract_limits& from, limits& into) {
    read_limit(from.document_bytes, into.document_bytes);
    read_limit(from.config_bytes, into.config_bytes);
    read_limit(from.walk_bytes, into.walk_bytes);
    read_limit(from.json_depth, into.json_depth);
    read_limit(from.nesting, into.nesting);
    read_limit(from.documents, into.documents);
    read_limit(from.annotation_bytes, into.annotation_bytes);
    read_limit(from.reference_blobs, into.reference_blobs);
    read_limit(from.fetched_references, into.fetched_references);
    read_limit(from.entries, into.entries);
    if (into.json_depth > most_json_depth) {
        return {status_code::invalid_argument, "limits.json_depth is " + std::to_string(into.json_depth) +
                                                   ", it can be at most " + std::to_string(most_json_depth)};
    }
    return {};
}

status check_version(std::uint32_t built_for) {
    if (built_for == REFRACT_ABI_VERSION) return {};
    return {status_code::invalid_argument, "built for ABI version " + std::to_string(built_for) +
                                               ", but this library has " + std::to_string(REFRACT_ABI_VERSION)};
}

namespace {

status read_options(const refract_request_options& from, resolve::request& into) {
    REFRACT_TRY(check_version(from.abi_version));
    into.mode = from.mode == REFRACT_LIST ? resolve::mode::list : resolve::mode::select;
    std::vector<oci::platform_preference> all;
    for (const auto& one : std::span(from.platforms, from.platforms_count)) {
        const oci::platform platform = read_platform(one);
        auto preference = from.match == REFRACT_MATCH_COMPATIBLE ? oci::platform_preference::compatible(platform)
                                                                 : oci::platform_preference::exactly(platform);
        all.push_back(preference);
        into.wants.push_back(
            {oci::describe(platform), std::move(preference), oci::platform_preference::compatible(platform)});
    }
    into.any = oci::platform_preference::joined(all);
    read_strings(from.config_types, from.config_types_count, into.config_types);
    into.other_platforms = from.other_platforms != 0;
    into.fetch_references = from.fetch_references != 0;
    into.references_of_all_platforms = from.references_of_all_platforms != 0;
    read_strings(from.reference_types, from.reference_types_count, into.reference_types);
    read_strings(from.required_types, from.required_types_count, into.required_types);
    return read_limits(from.limits, into.limits);
}

}  // namespace
}  // namespace refract::abi

using namespace refract;

extern "C" {

void refract_limits_default(refract_limits* out) REFRACT_NOEXCEPT {
    if (out == nullptr) return;
    constexpr limits table;
    *out = {
        table.document_bytes, table.config_bytes,     table.walk_bytes,      table.json_depth,         table.nesting,
        table.documents,      table.annotation_bytes, table.reference_blobs, table.fetched_references, table.entries};
}

refract_status refract_request_new(refract_request** out, const refract_request_options* options,
                                   refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        if (out == nullptr || options == nullptr) return abi::missing_argument("out and options");
        auto made = std::make_unique<refract_request>();
        REFRACT_TRY(abi::read_options(*options, made->request));
        *out = made.release();
        return {};
    });
}

void refract_request_free(refract_request* request) REFRACT_NOEXCEPT { delete request; }

int32_t refract_request_match(const refract_request* request, const refract_platform* platform) REFRACT_NOEXCEPT {
    int32_t matches = 0;
    if (request == nullptr || platform == nullptr) return matches;
    (void)abi::guarded(nullptr, [&]() -> status {
        matches = request->request.matches(abi::read_platform(*platform)) ? 1 : 0;
        return {};
    });
    return matches;
}

int32_t refract_request_less(const refract_request* request, const refract_platform* a,
                             const refract_platform* b) REFRACT_NOEXCEPT {
    int32_t less = 0;
    if (request == nullptr || a == nullptr || b == nullptr) return less;
    (void)abi::guarded(nullptr, [&]() -> status {
        less = request->request.any.less(abi::read_platform(*a), abi::read_platform(*b)) ? 1 : 0;
        return {};
    });
    return less;
}

}  // extern "C"
