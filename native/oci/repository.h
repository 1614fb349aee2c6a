// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"

namespace refract::oci {

/// What may be spent on optional requests: those for what is attached beside the image itself. Shared by all requests
/// of one listing, and counted down while they are answered.
struct lookup_budget {
    std::uint32_t requests = 0;                       ///< HTTP requests left, pages, challenges and redirects counted
    std::chrono::steady_clock::time_point deadline =  ///< when all of them must have ended
        std::chrono::steady_clock::time_point::max();
};

/// Where a list goes on, as the repository says that began it; only for asking that one again.
struct next_page {
    std::string target;
    std::size_t host = 0;
    std::uint32_t number = 0;  ///< of the page, from 0
};

/// One thing to read from a repository that is small enough to be held in memory.
struct fetch_request {
    enum class kind {
        manifest,   ///< a manifest or index; `reference` is its tag or digest
        blob,       ///< `reference` is its digest
        presence,   ///< whether the manifest with the digest `reference` is there; the response is empty
        referrers,  ///< of the digest `reference`: one page, an index (distribution-spec, "Listing Referrers")
        tags,       ///< all, or those after `reference` in lexical order (distribution-spec, "Listing Tags")
    };

    fetch_request::kind what = kind::manifest;
    std::string reference;
    std::uint64_t max_bytes = 0;  ///< of a manifest, a blob or one page: a longer one is `limit_exceeded`
    std::string artifact_type;    ///< of referrers: others need not be told, and may be
    std::string media_type;       ///< of a manifest: what it most likely is; some registries give nothing else
    std::string prefix;           ///< of tags: nothing is asked beyond those that begin so, where tags come sorted
    /// Of tags: those that are of use; others are counted and forgotten as they come. Empty: all are.
    std::function<bool(std::string_view tag)> keeps;
    std::size_t most = SIZE_MAX;    ///< of tags: once there are so many of use, no more are asked for
    std::optional<next_page> page;  ///< of referrers: another page than the first, as the response before had it
    /// Set: the request is optional. It is tried once, and `unreachable` or `limit_exceeded` when the budget is used
    /// up. Must outlive the call. Not set: a request for the image itself, with retries.
    lookup_budget* budget = nullptr;
};

/// What most requests are: a reference, and how long the response may be.
inline fetch_request fetch_request_for(fetch_request::kind what, std::string_view reference, std::uint64_t max_bytes) {
    fetch_request made;
    made.what = what;
    made.reference = reference;
    made.max_bytes = max_bytes;
    return made;
}

struct fetch_response {
    std::vector<std::string> documents;  ///< the bytes as they came: one
    std::vector<std::string> tags;
    std::string etag;        ///< of a manifest: as the registry gave it; empty if it gave none
    std::string media_type;  ///< of a manifest: as the registry calls it, whatever it is; empty if it does not
    std::string digest;      ///< of a manifest: by which the repository knows it, checked; empty if that is not known
    std::string last_tag;    ///< of tags: the last one that came, of use or not
    std::uint64_t tags_seen = 0;    ///< of tags: how many came
    bool sorted = false;            ///< of tags: they came in lexical order, and none that was not asked for
    std::optional<next_page> next;  ///< of referrers: there is one more page
};

/// A blob that may be of any size. Its bytes go to `sink` as they come; what it answers with an error ends the blob.
struct blob {
    std::string digest;
    std::int64_t size = 0;
    std::function<status(std::span<const std::byte>)> sink;
};

/// Where manifests, blobs and tags of one name are read from: a repository of a registry, or an image layout. Whatever
/// is asked for by digest has that digest when it is handed over. Not thread-safe.
///
/// Errors: `missing` if it is not there, `denied` if it may not be read, `unreachable` if nobody answers properly,
/// `limit_exceeded`, `digest_mismatch`, `size_mismatch`, `malformed`, `cancelled`. Messages name the repository and
/// what was asked for.
class repository {
public:
    repository() = default;
    repository(const repository&) = delete;
    repository& operator=(const repository&) = delete;
    virtual ~repository() = default;

    /// As a person would write it: "registry.example/app", "oci:DIR".
    virtual const std::string& name() const noexcept = 0;

    /// Responses come in the order of the requests, which may be made at the same time.
    virtual std::vector<result<fetch_response>> ask(std::span<const fetch_request> requests) = 0;

    /// Reads blobs, several at the same time where that helps. A status is a success only if all bytes went to the
    /// sink and were those that digest and size name; after a failure the sink may have seen wrong ones.
    virtual std::vector<status> read(std::span<const blob> blobs) = 0;

    /// What people should know of it that was no reason to fail; a line each. More may come with each response.
    virtual std::vector<std::string> notices() const { return {}; }
};

}  // namespace refract::oci
