// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>
#include <utility>

#include "resolve/walk.h"

namespace refract::resolve {

/// What came of the wish to look at a document.
struct finding {
    enum class state {
        waiting,     ///< it is asked for
        read,        ///< it is there
        unreadable,  ///< its bytes have its digest, but refract refuses to read them
        beyond,      ///< refract does not ask for it: over a limit
        lost,        ///< no client could have it: missing, or not what digest (and size) say
    };

    finding::state state = finding::state::waiting;
    std::uint32_t document = none;  ///< if read: its number; its kind is what its bytes are
    std::int64_t size = 0;          ///< of its bytes, if there are any
    error why;                      ///< if neither read nor waiting
};

/// What a client would find in the registry. A prediction is tried again from its beginning whenever there is more
/// evidence; so the clients' rules are plain functions that need not remember where they were.
class evidence {
public:
    /// `sizes_count`: bytes of another size than their descriptor says are as good as missing.
    /// What is on the shelf is not waited for.
    evidence(bool sizes_count, const limits& limits, document_shelf* shelf)
        : sizes_count_(sizes_count), limits_(limits), shelf_(shelf), documents_(limits) {}

    status begin(const expected_document& root, const document_source& from);

    /// The document that `of` names, the entry at `where` or the config of the manifest that is. If it is waiting, the
    /// attempt must be given up; it is then the needed one.
    const finding& look(const oci::descriptor& of, document_kind kind, place where, std::uint32_t depth);

    bool is_waiting() const noexcept { return waiting_; }
    const need& needed() const noexcept { return need_; }
    void feed(const document_source& from);
    void lose(std::string_view reason);

    /// The root is number 0.
    const documents& read() const noexcept { return documents_; }

private:
    /// Configs apart, because the same bytes may be a manifest elsewhere.
    using identity = std::pair<std::string, bool>;

    void found(finding one);
    finding judge(const document_source& from);
    finding admit(const oci::descriptor& of, document_kind kind, std::uint32_t depth) const;
    result<std::uint32_t> add(const document_source& from);

    bool sizes_count_;
    limits limits_;
    document_shelf* shelf_;
    documents documents_;
    std::map<identity, finding> findings_;
    bool waiting_ = false;
    need need_;
    std::uint32_t asked_ = 0;
    std::uint64_t bytes_ = 0;
};

}  // namespace refract::resolve
