// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/index.h"

#include "oci/document.h"

namespace refract::oci {
namespace {

/// Before a single one is looked at: many small ones take more memory and time than their bytes.
outcome check_count(json_element entries, std::uint32_t most) {
    simdjson::dom::array array;
    // What is no array is refused where it is read. The count ends at 2^24 - 1, which no document of 4 MiB comes to.
    if (entries.get(array) != simdjson::SUCCESS || array.size() <= most) return {};
    return {status::limit_exceeded,
            "has " + std::to_string(array.size()) + " entries, more than the limit of " + std::to_string(most)};
}

}  // namespace

outcome index::read(json_reader& reader, std::span<const std::byte> bytes, const limits& limits) {
    entries_.clear();
    platforms_.clear();
    auto root = reader.read(document_, bytes);
    if (root.failed()) return std::move(root).take();

    document_root top;
    if (outcome done = read_document_root(root.value(), media_kind::index, top); done.failed()) return done;
    media_type_ = top.media_type;
    artifact_type_ = top.artifact_type;
    subject_ = {};
    if (top.subject) {
        descriptor subject;
        if (outcome done = read_descriptor(*top.subject, limits, subject, platforms_); done.failed()) {
            return std::move(done).in("subject");
        }
        subject_ = subject.digest;
    }
    if (outcome done = check_count(*top.manifests, limits.entries); done.failed()) {
        return std::move(done).in("manifests");
    }
    return read_array(*top.manifests,
                      [&](json_element element) {
                          return read_descriptor(element, limits, entries_.emplace_back(), platforms_);
                      })
        .in("manifests");
}

}  // namespace refract::oci
