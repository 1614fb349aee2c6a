// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <deque>
#include <map>
#include <memory>
#include <set>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "oci/document.h"
#include "oci/repository.h"
#include "resolve/artifact_facts.h"
#include "resolve/references.h"
#include "resolve/walk.h"

namespace refract::resolve {

/// What to look for outside an image's own index.
struct discovery_request {
    std::uint32_t sources = every_source;  ///< bits; those in the index cost nothing here
    bool direct = false;                   ///< nothing that is about a reference
    std::string artifact_type;             ///< with `direct`: others need not be told
    bool scan_tags = false;                ///< look into every index of the repository
    bool list_tags = true;                 ///< else the tags are tried that can be told without a list
    bool exact_referrers = true;           ///< else what is told as referrers may be what the digest's tag names
    const request* follow = nullptr;       ///< only what is about references that this one wants; nullptr: all
    request listing;                       ///< of the walks through indexes that tags name: its mode is `list`
    discovery_limits limits;
};

/// Looks for references that an image's own index does not hold: in digest tags, in the referrers API and its tags, in
/// cosign's tags, and in other indexes; and for what is about those. Does no I/O: it says what to ask the repository
/// for, in rounds of which each may be asked at once, and is given the answers. Ends by itself, because each digest is
/// asked about once. All of it is optional: what is not available, unreadable or over a limit is a notice, and the rest
/// is looked for.
class discovery {
public:
    /// The request and the reader, which may know some artifacts already, must outlive it.
    discovery(const discovery_request& request, artifact_reader& artifacts);
    ~discovery();

    /// Something that references may be about. `is_reference`: it is one itself.
    void add_subject(std::string_view digest, bool is_reference = false);
    /// The index of the image, the images and indexes in it, and what they say is attached. The walk must outlive this.
    void add_subjects(const walk& image, const std::vector<reference>& known);

    /// What to ask next; nothing: it is done.
    std::vector<oci::fetch_request> next();
    /// What the repository said, in the order of the questions. Only `cancelled` and what is no answer at all ends it.
    status answer(std::vector<result<oci::fetch_response>> answers);

    /// How much more may be read.
    std::uint64_t bytes_left() const noexcept {
        return request_.limits.bytes - std::min(request_.limits.bytes, bytes_);
    }

    /// What was found, with views into this.
    std::vector<reference>& found() noexcept { return found_; }
    /// Digests that something here lists, so that what is about them is not weak. Views into this.
    const std::set<std::string_view>& listed() const noexcept { return listed_; }
    /// What a person should know.
    const notice_list& notices() const noexcept { return notices_; }
    /// What could not be looked for or read, and why: what that may have told is not known.
    const notice_list& problems() const noexcept { return problems_; }

private:
    struct subject {
        std::string digest;
        std::string tag;  ///< "sha256-<64 hex>"
    };
    /// An index that was found under a tag.
    struct tagged_index {
        std::string tag;
        std::string subject;  ///< empty for one that was found by scanning
        std::string digest;
        std::unique_ptr<resolve::walk> walk;
    };
    /// What a question is asked for.
    struct asked {
        enum class purpose { listing, tags_of_subject, referrers, tag, nested, entry, artifact, everything, scanned };
        asked::purpose why;
        std::size_t subject = 0;
        tagged_index* index = nullptr;
        std::uint32_t position = 0;  ///< of an entry
        oci::fetch_request question;
    };
    enum class knowledge { unknown, asking, yes, no };
    enum class tag_listing { unknown, asking, whole, trying, by_subject, refused };

    bool wants(std::uint32_t sources) const noexcept { return (request_.sources & sources) != 0; }
    void ask(asked::purpose why, oci::fetch_request::kind what, std::string_view reference, std::size_t about = 0);
    void ask_about_tags(std::size_t number);
    void ask_for_known_tags(std::size_t number);
    void ask_for_tag(std::size_t number, const std::string& tag);
    void ask_for_everything();
    void add_scanned();
    bool is_wanted_tag(const subject& about, std::string_view tag) const;

    /// Its error says what was not available or not readable.
    status take(const asked& one, result<oci::fetch_response> came);
    status take_listing(const asked& one, result<oci::fetch_response> came);
    status take_referrers(const asked& one, result<oci::fetch_response> came);
    status take_page(const std::string& page, const std::string& about);
    /// The entries of a page that may be of use, as an index by themselves: the page goes.
    result<std::string> sift(const std::string& page, const std::string& about);
    void add_listed(const oci::index& index, const std::string& about);
    status take_tag(const asked& one, const std::string& bytes);
    status take_tagged_manifest(const asked& one, const std::string& bytes, const oci::identity& what,
                                const std::string& digest);
    status take_scanned(const asked& one, const std::string& bytes);
    status take_nested(const asked& one, result<oci::fetch_response> came);
    status take_entry(const asked& one, result<oci::fetch_response> came);
    void take_artifact(const std::string& digest);
    status begin_walk(std::string tag, std::string about, const std::string& bytes, std::string digest,
                      std::string media_type);
    status go_on(tagged_index& index, result<walk::step> step);
    /// All of the index has been read: takes what it holds.
    status read_index(tagged_index& index);
    enum class standing { referrer, unsure, other };
    standing standing_of(const oci::descriptor& entry, std::string_view about) const;
    /// Adds what was found as soon as its bytes have said what its listing does not. `unsure`: and only if they say
    /// that it is about its subject.
    void add(reference found, bool unsure = false);
    void add_complete(reference found);
    /// Whether its number is within the limit.
    bool may_ask_about(std::size_t number);
    /// Nothing more is asked or found: a limit is reached.
    void stop(std::string_view why);
    std::string too_many() const;         ///< a message
    std::string too_many_unread() const;  ///< a message
    void count_bytes(std::size_t bytes);
    std::string_view keep(std::string_view text) { return strings_.emplace_back(text); }

    const discovery_request& request_;
    artifact_reader& artifacts_;
    oci::json_reader reader_;
    std::vector<subject> subjects_;
    std::set<std::string, std::less<>> known_;     ///< digests of subjects
    std::set<std::string, std::less<>> of_image_;  ///< those that are no references
    std::size_t referrers_asked_ = 0;              ///< subjects that the API was asked about
    std::size_t tags_asked_ = 0;
    std::size_t scanned_tags_ = 0;
    std::uint64_t bytes_ = 0;
    std::uint32_t entries_ = 0;  ///< of lists of referrers that were looked at
    knowledge api_ = knowledge::unknown;
    tag_listing listing_ = tag_listing::unknown;
    knowledge scanned_ = knowledge::unknown;
    std::set<std::string, std::less<>> tags_;
    std::set<std::string, std::less<>> read_tags_;
    std::set<std::string_view> looked_into_;  ///< digests of entries that did not say what they are about

    std::vector<asked> next_;
    std::vector<asked> under_way_;

    std::deque<std::string> strings_;
    std::deque<oci::descriptor> descriptors_;
    std::deque<std::unique_ptr<oci::index>> pages_;
    std::deque<std::unique_ptr<tagged_index>> indexes_;
    std::vector<reference> scanned_references_;  ///< those of scanned indexes, before it is known what they are about
    struct waiting {
        reference found;
        bool unsure = false;
    };
    std::multimap<std::string, waiting, std::less<>> waiting_;  ///< for the bytes of the artifact with this digest
    std::vector<reference> found_;
    std::set<std::string_view> listed_;
    notice_list notices_;
    notice_list problems_;
    bool stopped_ = false;
};

}  // namespace refract::resolve
