// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/predict/evidence.h"

#include "base/printable.h"

namespace refract::resolve {

status evidence::begin(const expected_document& root, const document_source& from) {
    documents_.clear();
    findings_.clear();
    waiting_ = false;
    asked_ = 1;
    bytes_ = from.size();
    if (auto added = documents_.add(root, from); added.failed()) return std::move(added).take();
    return {};
}

const finding& evidence::look(const oci::descriptor& of, document_kind kind, place where, std::uint32_t depth) {
    const auto [known, is_new] = findings_.try_emplace(identity{std::string(of.digest), kind == document_kind::config});
    if (!is_new) return known->second;

    known->second = admit(of, kind, depth);
    if (known->second.state != finding::state::waiting) return known->second;
    need_ = {};
    need_.expected = {kind, of.media_type, of.digest, of.size, where, depth};
    need_.artifact_type = of.artifact_type;
    if (kind != document_kind::config) need_.platform = documents_.platform_of(where);
    need_.max_bytes = kind == document_kind::config ? limits_.config_bytes : limits_.document_bytes;
    waiting_ = true;
    ++asked_;
    if (shelf_ == nullptr) return known->second;
    if (const auto at_hand = shelf_->find(of.digest)) feed(*at_hand);
    return known->second;
}

/// Whether the document may be asked for at all.
finding evidence::admit(const oci::descriptor& of, document_kind kind, std::uint32_t depth) const {
    const auto over = [](const std::string& what) {
        return finding{finding::state::beyond, none, 0, {status_code::limit_exceeded, what}};
    };
    if (of.algorithm == oci::digest_algorithm::other) {
        return {finding::state::lost, none, 0, {status_code::unsupported, "its digest is of an unknown algorithm"}};
    }
    if (kind == document_kind::index && depth > limits_.nesting) {
        return over("more than " + std::to_string(limits_.nesting) + " indexes inside each other");
    }
    if (asked_ >= limits_.documents) return over("more than " + std::to_string(limits_.documents) + " documents");
    if (bytes_ >= limits_.walk_bytes) {
        return over("documents of more than " + std::to_string(limits_.walk_bytes) + " bytes together");
    }
    return {};
}

void evidence::feed(const document_source& from) {
    bytes_ += from.size();
    found(judge(from));
}

/// What is wrong inside of bytes that are the right ones is for the client to judge, which need not mind it.
finding evidence::judge(const document_source& from) {
    const auto size = static_cast<std::int64_t>(from.size());
    if (from.size() > need_.max_bytes) {
        return {finding::state::beyond,
                none,
                size,
                {status_code::limit_exceeded, "takes more bytes than the limit of " + std::to_string(need_.max_bytes)}};
    }
    if (sizes_count_ && size != need_.expected.size) {
        return {finding::state::lost,
                none,
                size,
                {status_code::size_mismatch,
                 "size mismatch: want " + std::to_string(need_.expected.size) + " bytes, got " + std::to_string(size)}};
    }
    if (status done = from.verify(need_.expected.digest); done.failed()) {
        return {finding::state::lost, none, size, std::move(done).take()};
    }
    auto added = add(from);
    if (added.ok()) return {finding::state::read, added.value(), size, {}};
    return {finding::state::unreadable, none, size, std::move(added).take()};
}

/// Reads the bytes as what they are: clients go by what the registry calls them, and that is what they call themselves.
result<std::uint32_t> evidence::add(const document_source& from) {
    auto expected = need_.expected;
    if (!sizes_count_) expected.size = static_cast<std::int64_t>(from.size());
    auto added = documents_.add_checked(expected, from);
    if (added.ok() || added.why().code != status_code::type_mismatch) return added;
    expected.kind = expected.kind == document_kind::index ? document_kind::manifest : document_kind::index;
    return documents_.add_checked(expected, from);
}

void evidence::lose(std::string_view reason) {
    found({finding::state::lost, none, 0, {status_code::missing, "cannot be had: " + printable(reason, 400)}});
}

void evidence::found(finding one) {
    waiting_ = false;
    const auto& expected = need_.expected;
    findings_[identity{std::string(expected.digest), expected.kind == document_kind::config}] = std::move(one);
}

}  // namespace refract::resolve
