// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/documents.h"

#include <algorithm>

namespace refract::resolve {

std::string_view name_of(document_kind kind) noexcept {
    switch (kind) {
        case document_kind::index:
            return "index";
        case document_kind::manifest:
            return "manifest";
        case document_kind::config:
            break;
    }
    return "config";
}

status documents::check(const expected_document& expected, const document_source& from) const {
    const bool is_config = expected.kind == document_kind::config;
    const std::uint64_t most = is_config ? limits_.config_bytes : limits_.document_bytes;
    if (from.size() > most) {
        return error{status_code::limit_exceeded,
                     "takes " + std::to_string(from.size()) + " bytes, more than the limit of " + std::to_string(most)};
    }
    if (static_cast<std::int64_t>(from.size()) != expected.size) {
        return error{status_code::size_mismatch, "size mismatch: want " + std::to_string(expected.size) +
                                                     " bytes, got " + std::to_string(from.size())};
    }
    return from.verify(expected.digest);
}

result<std::uint32_t> documents::add(const expected_document& expected, const document_source& from) {
    REFRACT_TRY(check(expected, from));
    return add_checked(expected, from);
}

result<std::uint32_t> documents::add_checked(const expected_document& expected, const document_source& from) {
    if (kept_.size() == count_) kept_.push_back(std::make_unique<document>());
    document& next = *kept_[count_];
    next.kind = expected.kind;
    next.media_type.assign(expected.media_type);
    next.digest.assign(expected.digest);
    next.size = expected.size;
    next.place = expected.place;
    next.depth = expected.depth;
    next.is_artifact = false;
    REFRACT_TRY(read(next, from));
    numbers_.emplace(next.digest, count_);
    return count_++;
}

status documents::read(document& into, const document_source& from) {
    switch (into.kind) {
        case document_kind::index:
            return from.read(into.index, reader_, limits_);
        case document_kind::manifest:
            return from.read(into.manifest, reader_, limits_);
        case document_kind::config:
            break;
    }
    return from.read(into.config, reader_, limits_);
}

std::uint32_t documents::find(std::string_view digest) const noexcept {
    const auto found = numbers_.find(digest);
    return found == numbers_.end() ? none : found->second;
}

std::uint32_t documents::find(std::string_view digest, document_kind kind) const noexcept {
    const auto number = find(digest);
    return number != none && kept_[number]->kind == kind ? number : none;
}

std::vector<place> documents::path_to(place where) const {
    std::vector<place> path;
    for (; where.document != none; where = kept_[where.document]->place) path.push_back(where);
    std::reverse(path.begin(), path.end());
    return path;
}

std::string documents::describe(place where) const {
    std::string text;
    for (const place step : path_to(where)) {
        if (!text.empty()) text += '/';
        text += "manifests[" + std::to_string(step.position) + ']';
    }
    return text;
}

}  // namespace refract::resolve
