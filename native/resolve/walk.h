// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <optional>
#include <string>
#include <tuple>
#include <utility>
#include <vector>

#include "resolve/documents.h"
#include "resolve/frontier.h"
#include "resolve/request.h"

namespace refract::resolve {

/// A document that the walk waits for. Views live until the walk's next call.
struct need {
    expected_document expected;
    std::string_view artifact_type;
    const oci::platform* platform = nullptr;
    std::uint64_t max_bytes = 0;
    bool required = false;  ///< without it the walk ends with an error
};

struct selection {
    resolve::place place;           ///< of the manifest's entry
    std::uint32_t manifest = none;  ///< number of its document
    std::uint32_t config = none;
    std::uint32_t requested = none;  ///< number of the want; none if all were wanted
};

/// Why an entry was passed over although its descriptor alone did not say so.
struct rejection {
    std::string reason;
    bool artifact = false;                     ///< its own bytes say that it is an artifact
    status_code code = status_code::no_match;  ///< why its document is not read; no_match if it is
};

/// Goes through an extended index without any I/O: given the root's bytes it says which document it needs next, until
/// it is done. There is one walk for pulls, listing and tests, so there is one place for limits, visited documents and
/// proof. After an error it must be begun again.
class walk {
public:
    enum class step { need, done };

    /// The request must outlive the walk.
    explicit walk(const request& request) : request_(request), documents_(request.limits) {}

    result<step> begin(const expected_document& root, const document_source& from);
    result<step> feed(const document_source& from);
    /// The document is not available, for good.
    result<step> missing(std::string_view reason);

    const need& needed() const noexcept { return need_; }
    /// Whether the bytes that it was fed last are those that it asked for, by size and digest, whatever came of them.
    bool has_accepted() const noexcept { return accepted_; }
    bool is_waiting() const noexcept { return state_ == state::waiting; }
    bool is_done() const noexcept { return state_ == state::done; }

    const request& asked() const noexcept { return request_; }
    const resolve::documents& read() const noexcept { return documents_; }
    const std::vector<selection>& selections() const noexcept { return selections_; }
    /// Entries that a pull follows, each once, ordered.
    const std::vector<place>& children() const noexcept { return children_; }
    /// Entries that a plain containerd would have followed too: of no platform, of a selected one, or with
    /// other_platforms of any.
    const std::vector<place>& left_out() const noexcept { return left_out_; }
    /// What the selected manifest's entry declares, else what its config says.
    const oci::platform& platform_of(const selection& chosen) const;
    const rejection* rejected(place where) const;
    /// Whether the entry's own bytes, if they were read, say that it is an artifact.
    bool is_artifact(place where) const;
    bool is_child(place where) const;
    /// Why the entry is not a child, for people.
    std::string why_not(place where) const;

private:
    enum class state { idle, waiting, done };
    enum class acquired { have, waiting, unusable };
    /// A document as one descriptor names it: another may name it right where this one does not.
    using identity = std::tuple<std::string, document_kind, std::int64_t>;
    /// What the bytes of a manifest say, which many entries may name.
    struct verdict {
        std::optional<std::string> foreign;  ///< why it is an artifact after all
        bool by_config = false;              ///< its config was asked, too
    };
    /// The verdict on a manifest by its own bytes, made once.
    verdict& judge(std::uint32_t manifest, std::string_view media_type);

    /// Goes as far as the documents at hand allow.
    result<step> advance();
    result<step> finish();
    status list();
    status select();
    /// Tries one candidate; a proven one with the best rank ends the search.
    status prove(const frontier::item& item);
    status open(const frontier::item& item);

    /// Sets `got` to what is available of the document that `of` at `where` names; `document` to its number.
    status acquire(const oci::descriptor& of, document_kind kind, place where, bool required, acquired& got,
                   std::uint32_t& document);
    void wait_for(const oci::descriptor& of, document_kind kind, place where, bool required);
    /// Takes a document for lost: ends the walk if it is required, else notes why and goes on.
    result<step> lose(error why);
    status reject(place where, bool required, error why);
    error located(place where, document_kind kind, std::string_view digest, const error& why) const;

    void start_search();
    void follow();
    error nothing_matches() const;

    const request& request_;
    documents documents_;
    state state_ = state::idle;
    need need_;
    bool accepted_ = false;

    frontier frontier_;
    std::size_t want_ = 0;
    std::optional<selection> best_;  ///< undeclared candidates are proven before their rank is known
    oci::platform_rank best_rank_;
    bool declared_proven_ = false;
    std::uint32_t asked_ = 0;  ///< documents asked for; each counts, or wrong ones could be asked for without end

    std::uint64_t asked_bytes_ = 0;  ///< the sizes of those

    std::map<identity, error> lost_;
    std::map<std::pair<std::uint32_t, std::string_view>, verdict> verdicts_;
    std::map<place, rejection> rejections_;
    std::vector<selection> selections_;
    std::vector<place> children_;
    std::vector<place> left_out_;
};

}  // namespace refract::resolve
