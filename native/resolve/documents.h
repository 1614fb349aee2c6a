// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <memory>
#include <string>
#include <string_view>
#include <unordered_map>
#include <vector>

#include "resolve/shared_document.h"

namespace refract::resolve {

inline constexpr std::uint32_t none = UINT32_MAX;

/// An entry: its position in `manifests` of the index numbered `document`.
struct place {
    std::uint32_t document = none;
    std::uint32_t position = none;

    auto operator<=>(const place&) const = default;
};

/// The numbers are those of refract_document_kind.
enum class document_kind { index = 1, manifest = 2, config = 3 };

std::string_view name_of(document_kind kind) noexcept;

/// A document that was read. One of the three is there, by its kind; others may share it.
struct document {
    document_kind kind = document_kind::index;
    std::string media_type;  ///< as its descriptor says
    std::string digest;
    std::int64_t size = 0;
    resolve::place place;     ///< of the entry that led to it first; none for the root
    std::uint32_t depth = 0;  ///< of an index: how many indexes are around it
    /// Of an index that is not the root: its bytes say that it is an artifact, so what it lists belongs to that.
    bool is_artifact = false;
    std::shared_ptr<const oci::index> index;
    std::shared_ptr<const oci::manifest> manifest;
    std::shared_ptr<const oci::config> config;
};

/// What a document is expected to be, by the descriptor that names it.
struct expected_document {
    document_kind kind = document_kind::index;
    std::string_view media_type;
    std::string_view digest;
    std::int64_t size = 0;
    resolve::place place;
    std::uint32_t depth = 0;
};

/// The documents of one walk, each read once, numbered in the order in which they came; the root is number 0.
class documents {
public:
    explicit documents(const limits& limits) : limits_(limits), reader_(limits.json_depth) {}

    /// Whether these are the bytes that are expected, by size and digest.
    status check(const expected_document& expected, const document_source& from) const;
    /// Reads and keeps a document that was checked. Memory of an earlier root is used again.
    result<std::uint32_t> add_checked(const expected_document& expected, const document_source& from);
    /// Does both.
    result<std::uint32_t> add(const expected_document& expected, const document_source& from);
    void clear() noexcept {
        numbers_.clear();
        count_ = 0;
    }

    /// Number of the document with this digest, or none.
    std::uint32_t find(std::string_view digest) const noexcept;
    /// The same, if it is of this kind: an entry may call a manifest an index.
    std::uint32_t find(std::string_view digest, document_kind kind) const noexcept;

    std::uint32_t size() const noexcept { return count_; }
    const document& operator[](std::uint32_t number) const noexcept { return *kept_[number]; }
    const oci::descriptor& entry(place where) const noexcept {
        return kept_[where.document]->index->entries()[where.position];
    }
    const oci::platform* platform_of(place where) const noexcept {
        return kept_[where.document]->index->platform_of(entry(where));
    }

    void mark_artifact(std::uint32_t number) noexcept { kept_[number]->is_artifact = true; }

    /// Calls `visit(place, entry)` for each entry of each index that is no artifact, in the order in which the indexes
    /// were read.
    template <class Visit>
    void for_each_entry(Visit&& visit) const {
        for (std::uint32_t number = 0; number < count_; ++number) {
            if (kept_[number]->kind != document_kind::index || kept_[number]->is_artifact) continue;
            std::uint32_t position = 0;
            for (const oci::descriptor& entry : kept_[number]->index->entries()) {
                visit(resolve::place{number, position++}, entry);
            }
        }
    }

    /// The way from the root down to an entry, the entry itself last.
    std::vector<place> path_to(place where) const;
    /// "manifests[2]/manifests[0]".
    std::string describe(place where) const;

private:
    status read(document& into, const document_source& from);

    limits limits_;
    oci::json_reader reader_;
    std::vector<std::unique_ptr<document>> kept_;  ///< may hold more than count_: memory for the next root
    std::unordered_map<std::string_view, std::uint32_t> numbers_;  ///< by digest
    std::uint32_t count_ = 0;
};

}  // namespace refract::resolve
