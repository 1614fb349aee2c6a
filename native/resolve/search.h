// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "resolve/discovery.h"
#include "resolve/record.h"
#include "resolve/tree.h"

namespace refract::resolve {

/// All that is attached to an image that is pulled: what its index tells and, if it is asked for, what its repository
/// holds elsewhere. Here it is known whether a policy is met. Does no I/O: it says what to ask, in rounds of which each
/// may be asked at once, and is given the answers.
class search {
public:
    /// What is asked for.
    struct purpose {
        /// Bits of places to ask; those in the index mean the bytes of artifacts of which the index does not say
        /// enough. What is required or fetched has its bytes read in any case.
        std::uint32_t sources = 0;
        /// Ask although the index tells of every type that the request requires, or names to be fetched.
        bool always = false;
    };

    /// The request must outlive it.
    search(const request& policy, purpose what);

    /// Begins (again). What is viewed must outlive the search: of an index, the finished walk and what it told.
    void begin(const told_image& image, const attached* told);

    /// What to ask the repository next; nothing: it is done.
    result<std::span<const oci::fetch_request>> next();
    /// How many bytes all answers to a round may take.
    std::uint64_t bytes_left() const noexcept { return discovery_ ? discovery_->bytes_left() : asked_.limits.bytes; }
    /// What the repository said to a question of this round: a document's bytes, or status_code::missing. Other errors
    /// end the search; what the index told stays.
    status answer(std::size_t number, result<std::string> came);

    /// What an earlier search wrote down, instead of asking.
    status recall(std::string_view digest, std::span<const std::byte> bytes);

    const told_image& image() const noexcept { return image_; }
    /// What a person should know: what was passed over, and why.
    std::vector<std::string> notices() const;
    const attached& all() const noexcept { return merged_; }
    std::vector<node> tree() const { return tree_of(image_, all().references); }
    /// See resolve::check_required; a search that was not carried through may have missed what is required.
    status check_required() const;
    status check_wanted() const { return resolve::check_wanted(image_, policy_, all()); }
    /// What was found outside of the index, for recall; see write_record.
    const std::string& record() const noexcept { return record_; }

private:
    /// First what the index lists is read as far as it takes, then the repository is asked for more.
    enum class phase { reading, asking, finished };

    bool lacks_something() const;
    bool is_worth_reading() const;
    bool is_worth_asking() const;
    void want_artifacts();
    void read_artifacts();
    void begin_asking();
    status hand_over();
    void leave_out_longest(std::vector<reference>& found);
    void leave_out_too_many();
    /// Makes one list of what the index and the repository tell.
    status take(const std::vector<reference>& found);

    const request& policy_;
    purpose purpose_;
    told_image image_;
    const attached* told_ = nullptr;
    attached nothing_;

    discovery_request asked_;
    phase phase_ = phase::finished;
    std::unique_ptr<artifact_reader> artifacts_;
    std::unique_ptr<discovery> discovery_;
    std::vector<oci::fetch_request> round_;
    std::vector<std::optional<result<oci::fetch_response>>> answers_;
    notice_list unread_;                                      ///< artifacts of the index that could not be read
    std::vector<std::unique_ptr<resolve::record>> recalled_;  ///< what the references view
    std::string record_;
    attached merged_;
};

}  // namespace refract::resolve
