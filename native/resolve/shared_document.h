// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <tuple>
#include <type_traits>
#include <utility>

#include "base/bytes.h"
#include "oci/config.h"
#include "oci/digest.h"
#include "oci/index.h"
#include "oci/manifest.h"

namespace refract::resolve {

/// Reads the bytes of an index, a manifest or a config.
inline status read_document(oci::index& into, oci::json_reader& json, std::span<const std::byte> bytes,
                            const limits& limits) {
    return into.read(json, bytes, limits);
}
inline status read_document(oci::manifest& into, oci::json_reader& json, std::span<const std::byte> bytes,
                            const limits& limits) {
    return into.read(json, bytes, limits);
}
inline status read_document(oci::config& into, oci::json_reader& json, std::span<const std::byte> bytes,
                            const limits&) {
    return into.read(json, bytes);
}

/// A document that many walks and predictions look at. Its bytes were checked against its digest by whoever made it,
/// and are parsed when somebody first asks for an index, a manifest or a config; what was parsed does not change, and
/// is shared. Not thread-safe.
class shared_document {
public:
    shared_document(std::string digest, std::string bytes) : digest_(std::move(digest)), bytes_(std::move(bytes)) {}
    shared_document(const shared_document&) = delete;
    shared_document& operator=(const shared_document&) = delete;

    const std::string& digest() const noexcept { return digest_; }
    const std::string& bytes() const noexcept { return bytes_; }
    std::int64_t size() const noexcept { return static_cast<std::int64_t>(bytes_.size()); }

    /// The document as one of these types, or why it is none. Other limits than the last ones make it parse again.
    template <class Document>
    result<std::shared_ptr<const Document>> as(oci::json_reader& json, const limits& limits) {
        auto& known = std::get<reading<Document>>(readings_);
        if (!known.with || *known.with != limits) {
            ++parsed_;
            auto made = std::make_shared<Document>();
            known.refused = read_document(*made, json, bytes_of(bytes_), limits);
            known.document = known.refused.ok() ? std::move(made) : nullptr;
            known.with = limits;
        }
        if (known.refused.failed()) return error(known.refused.why());
        return known.document;
    }

    /// How often it was parsed, for tests.
    std::uint32_t parsed() const noexcept { return parsed_; }

private:
    template <class Document>
    struct reading {
        std::shared_ptr<const Document> document;
        status refused;
        std::optional<limits> with;  ///< nothing: it was not parsed as this yet
    };

    std::string digest_;
    std::string bytes_;
    std::tuple<reading<oci::index>, reading<oci::manifest>, reading<oci::config>> readings_;
    std::uint32_t parsed_ = 0;
};

/// Documents that are at hand without asking anybody.
class document_shelf {
public:
    document_shelf() = default;
    document_shelf(const document_shelf&) = delete;
    document_shelf& operator=(const document_shelf&) = delete;
    virtual ~document_shelf() = default;

    /// The document with this digest, or nullptr.
    virtual std::shared_ptr<shared_document> find(std::string_view digest) = 0;
};

/// What a walk or a prediction is given: bytes that nobody has checked, or a document that is shared. Views either.
class document_source {
public:
    document_source(std::span<const std::byte> bytes) : bytes_(bytes) {}
    document_source(shared_document& shared) : bytes_(bytes_of(shared.bytes())), shared_(&shared) {}

    std::size_t size() const noexcept { return bytes_.size(); }

    /// Whether the bytes have the digest; hashes nothing that was checked before.
    status verify(std::string_view digest) const {
        if (shared_ != nullptr && shared_->digest() == digest) return {};
        return oci::verify_digest(digest, bytes_);
    }

    /// Parses it, or shares what was parsed. An index that is there already, and that nobody else has, lends its
    /// memory.
    template <class Document>
    status read(std::shared_ptr<const Document>& into, oci::json_reader& json, const limits& limits) const {
        if (shared_ != nullptr) {
            auto got = shared_->as<Document>(json, limits);
            if (got.failed()) return std::move(got).take();
            into = std::move(got).value();
            return {};
        }
        std::shared_ptr<Document> made;
        if constexpr (std::is_same_v<Document, oci::index>) {
            if (into.use_count() == 1) made = std::const_pointer_cast<Document>(std::move(into));
        }
        if (!made) made = std::make_shared<Document>();
        status done = read_document(*made, json, bytes_, limits);
        into = std::move(made);
        return done;
    }

private:
    std::span<const std::byte> bytes_;
    shared_document* shared_ = nullptr;
};

}  // namespace refract::resolve
