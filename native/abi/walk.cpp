// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "abi/walk.h"

#include <memory>

#include "abi/guard.h"
#include "abi/request.h"
#include "resolve/again.h"

namespace refract::abi {
namespace {

using step = resolve::walk::step;

void show_need(refract_walk& walk, refract_need* out) {
    if (out == nullptr) return;
    const resolve::need& need = walk.walk.needed();
    const refract_platform* platform = nullptr;
    if (need.platform != nullptr) {
        walk.needed_features.clear();
        for (const auto feature : need.platform->os_features) walk.needed_features.push_back(text(feature));
        walk.needed_platform = {text(need.platform->os),      text(need.platform->architecture),
                                text(need.platform->variant), text(need.platform->os_version),
                                walk.needed_features.data(),  walk.needed_features.size()};
        platform = &walk.needed_platform;
    }
    const auto& expected = need.expected;
    out->descriptor = {text(expected.media_type), text(expected.digest), text(need.artifact_type), expected.size,
                       platform};
    out->kind = static_cast<refract_document_kind>(expected.kind);
    out->max_bytes = need.max_bytes;
    out->required = need.required ? 1 : 0;
}

enum class movement { begins, goes_on };

/// One step of a walk, whatever moves it. What was handed out of a finished walk stays until it is begun again.
template <class Move>
refract_status move(movement how, refract_walk* walk, refract_need* need, refract_error* error, Move&& go) noexcept {
    return guarded(error, [&]() -> result<refract_status> {
        if (walk == nullptr) return missing_argument("walk");
        if (how == movement::begins || walk->walk.is_waiting()) walk->forget();
        const result<step> moved = go(walk->walk);
        if (moved.failed()) return moved.why();
        if (moved.value() == step::done) return REFRACT_OK;
        show_need(*walk, need);
        return REFRACT_NEED;
    });
}

/// What is read from a finished walk is made when it is first asked for.
template <class Read>
refract_status read(refract_walk* walk, const void* out, refract_error* error, Read&& give) noexcept {
    return guarded(error, [&]() -> status {
        if (walk == nullptr || out == nullptr) return missing_argument("walk and out");
        if (!walk->walk.is_done()) return {status_code::invalid_argument, "the walk is not done"};
        return give();
    });
}

}  // namespace
}  // namespace refract::abi

using namespace refract;

extern "C" {

refract_status refract_walk_new(refract_walk** out, const refract_request* request,
                                refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        if (out == nullptr || request == nullptr) return abi::missing_argument("out and request");
        *out = std::make_unique<refract_walk>(*request).release();
        return {};
    });
}

void refract_walk_free(refract_walk* walk) REFRACT_NOEXCEPT { delete walk; }

refract_status refract_walk_begin(refract_walk* walk, const char* media_type, size_t media_type_size,
                                  const char* digest, size_t digest_size, int64_t size, const void* bytes,
                                  size_t bytes_size, refract_need* need, refract_error* error) REFRACT_NOEXCEPT {
    return abi::move(abi::movement::begins, walk, need, error, [&](resolve::walk& moved) {
        const resolve::expected_document root{resolve::document_kind::index,
                                              abi::view(media_type, media_type_size),
                                              abi::view(digest, digest_size),
                                              size,
                                              {},
                                              0};
        return moved.begin(root, abi::bytes(bytes, bytes_size));
    });
}

refract_status refract_walk_feed(refract_walk* walk, const void* bytes, size_t bytes_size, int32_t* accepted,
                                 refract_need* need, refract_error* error) REFRACT_NOEXCEPT {
    if (accepted != nullptr) *accepted = 0;
    return abi::move(abi::movement::goes_on, walk, need, error, [&](resolve::walk& moved) {
        auto done = moved.feed(abi::bytes(bytes, bytes_size));
        if (accepted != nullptr) *accepted = moved.has_accepted() ? 1 : 0;
        return done;
    });
}

refract_status refract_walk_missing(refract_walk* walk, const char* reason, size_t reason_size, refract_need* need,
                                    refract_error* error) REFRACT_NOEXCEPT {
    return abi::move(abi::movement::goes_on, walk, need, error,
                     [&](resolve::walk& moved) { return moved.missing(abi::view(reason, reason_size)); });
}

refract_status refract_walk_result(refract_walk* walk, const refract_result** out,
                                   refract_error* error) REFRACT_NOEXCEPT {
    return abi::read(walk, out, error, [&]() -> status {
        if (!walk->view) {
            // Whole or not at all: memory may run out anywhere here.
            const auto& told = walk->told();
            refract_result view = walk->result.emplace(walk->walk).view();
            view.references_count = told.references.size();
            view.unread_indexes_count = told.unread_indexes;
            walk->view = view;
        }
        *out = &*walk->view;
        return {};
    });
}

refract_status refract_walk_notes(refract_walk* walk, const refract_notes** out,
                                  refract_error* error) REFRACT_NOEXCEPT {
    return abi::read(walk, out, error, [&]() -> status {
        if (!walk->notes) walk->notes.emplace(walk->walk);
        *out = &walk->notes->view();
        return {};
    });
}

refract_status refract_walk_references(refract_walk* walk, const refract_references** out,
                                       refract_error* error) REFRACT_NOEXCEPT {
    return abi::read(walk, out, error, [&]() -> status {
        const auto image = walk->image();
        status done = resolve::check_wanted(image, walk->walk.asked(), walk->told());
        if (done.failed()) return done;
        if (!walk->references) walk->references.emplace(image, walk->told(), walk->root());
        *out = &walk->references->view();
        return {};
    });
}

refract_status refract_walk_check_again(refract_walk* walk, const refract_platform* host,
                                        refract_error* error) REFRACT_NOEXCEPT {
    return abi::read(walk, walk, error, [&]() -> status {
        if (host == nullptr) return resolve::check_again(walk->walk, nullptr);
        const oci::platform platform = abi::read_platform(*host);
        return resolve::check_again(walk->walk, &platform);
    });
}

}  // extern "C"
