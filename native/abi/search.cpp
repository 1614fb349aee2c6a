// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/search.h"

#include <memory>
#include <optional>

#include "abi/guard.h"
#include "abi/walk.h"
#include "base/printable.h"

struct refract_search {
    refract_search(const refract_request& request, refract::resolve::search::purpose what)
        : search(request.request, what) {}

    refract::resolve::search search;
    bool begun = false;
    std::string media_type;  ///< of a single manifest
    std::string digest;
    refract_descriptor root{};
    std::vector<refract_question> shown;
    refract_questions questions{};
    std::optional<refract::abi::reference_arrays> references;
};

namespace refract::abi {
namespace {

status check_begun(const refract_search* search) {
    if (search == nullptr) return missing_argument("search");
    if (!search->begun) return {status_code::invalid_argument, "the search has not begun"};
    return {};
}

result<refract_status> show_next(refract_search& search, const refract_questions** out) {
    search.references.reset();
    REFRACT_ASSIGN(const auto asked, search.search.next());
    search.shown.clear();
    for (const oci::fetch_request& one : asked) {
        const bool referrers = one.what == oci::fetch_request::kind::referrers;
        search.shown.push_back({referrers ? REFRACT_QUESTION_REFERRERS : REFRACT_QUESTION_MANIFEST, text(one.reference),
                                text(one.media_type), one.max_bytes});
    }
    search.questions = {search.shown.data(), search.shown.size(), search.search.bytes_left()};
    *out = &search.questions;
    return search.shown.empty() ? REFRACT_OK : REFRACT_NEED;
}

}  // namespace
}  // namespace refract::abi

using namespace refract;

extern "C" {

refract_status refract_search_new(refract_search** out, const refract_request* request, uint32_t sources,
                                  int32_t always, refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        if (out == nullptr || request == nullptr) return abi::missing_argument("out and request");
        const resolve::search::purpose what{sources, always != 0};
        *out = std::make_unique<refract_search>(*request, what).release();
        return {};
    });
}

void refract_search_free(refract_search* search) REFRACT_NOEXCEPT { delete search; }

refract_status refract_search_begin(refract_search* search, refract_walk* walk, const char* media_type,
                                    size_t media_type_size, const char* digest, size_t digest_size, int64_t size,
                                    const refract_questions** out, refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> result<refract_status> {
        if (search == nullptr || out == nullptr) return abi::missing_argument("search and out");
        search->begun = false;
        search->references.reset();
        if (walk != nullptr) {
            if (!walk->walk.is_done()) return status(status_code::invalid_argument, "the walk is not done");
            search->root = walk->root();
            search->search.begin(walk->image(), &walk->told());
        } else {
            search->media_type = abi::view(media_type, media_type_size);
            search->digest = abi::view(digest, digest_size);
            search->root = {abi::text(search->media_type), abi::text(search->digest), {}, size, nullptr};
            search->search.begin({search->digest, nullptr}, nullptr);
        }
        search->begun = true;
        return abi::show_next(*search, out);
    });
}

refract_status refract_search_answer(refract_search* search, uint32_t number, const void* bytes, size_t bytes_size,
                                     refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        REFRACT_TRY(abi::check_begun(search));
        const auto came = abi::bytes(bytes, bytes_size);
        return search->search.answer(number, std::string(reinterpret_cast<const char*>(came.data()), came.size()));
    });
}

refract_status refract_search_missing(refract_search* search, uint32_t number, const char* reason, size_t reason_size,
                                      refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        REFRACT_TRY(abi::check_begun(search));
        return search->search.answer(number,
                                     refract::error{status_code::missing, printable(abi::view(reason, reason_size))});
    });
}

refract_status refract_search_next(refract_search* search, const refract_questions** out,
                                   refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> result<refract_status> {
        REFRACT_TRY(abi::check_begun(search));
        if (out == nullptr) return abi::missing_argument("out");
        return abi::show_next(*search, out);
    });
}

refract_status refract_search_recall(refract_search* search, const char* digest, size_t digest_size, const void* bytes,
                                     size_t bytes_size, refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        REFRACT_TRY(abi::check_begun(search));
        search->references.reset();
        return search->search.recall(abi::view(digest, digest_size), abi::bytes(bytes, bytes_size));
    });
}

refract_status refract_search_references(refract_search* search, const refract_references** out,
                                         refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        REFRACT_TRY(abi::check_begun(search));
        if (out == nullptr) return abi::missing_argument("out");
        REFRACT_TRY(search->search.check_wanted());
        if (!search->references) {
            search->references.emplace(search->search.image(), search->search.all(), search->root,
                                       search->search.notices());
        }
        *out = &search->references->view();
        return {};
    });
}

refract_status refract_search_check_required(refract_search* search, refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        REFRACT_TRY(abi::check_begun(search));
        return search->search.check_required();
    });
}

refract_status refract_search_record(refract_search* search, refract_string* out,
                                     refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        REFRACT_TRY(abi::check_begun(search));
        if (out == nullptr) return abi::missing_argument("out");
        *out = abi::text(search->search.record());
        return {};
    });
}

}  // extern "C"
