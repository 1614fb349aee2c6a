// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What is asked, and in which order. What is made of the answers is in found.cpp.
#include "resolve/discovery.h"

#include <algorithm>

#include "oci/digest.h"
#include "oci/image_name.h"
#include "resolve/role.h"

namespace refract::resolve {
namespace {

using kind = oci::fetch_request::kind;

/// At most so many characters of a digest's hex are in a tag (Proposal F; distribution-spec, "Referrers Tag Schema").
constexpr std::size_t longest_hex = 64;
constexpr std::string_view sha256_tags = "sha256-";

std::string tag_of(std::string_view digest) {
    const auto colon = digest.find(':');
    return std::string(digest.substr(0, colon)) + '-' + std::string(digest.substr(colon + 1, longest_hex));
}

/// Whether a tag can be one that begins with a digest's: of others nothing is ever made.
bool may_be_digest_tag(std::string_view tag) {
    const auto dash = tag.find('-');
    if (dash == std::string_view::npos || tag.size() < dash + 1 + longest_hex) return false;
    const auto algorithm = tag.substr(0, dash);
    const auto hex = tag.substr(dash + 1, longest_hex);
    return (algorithm == "sha256" || algorithm == "sha512") &&
           std::all_of(hex.begin(), hex.end(), [](char c) { return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'f'); });
}

bool is_cosign_suffix(std::string_view suffix) { return suffix == ".sig" || suffix == ".att" || suffix == ".sbom"; }

}  // namespace

discovery::discovery(const discovery_request& request, artifact_reader& artifacts)
    : request_(request),
      artifacts_(artifacts),
      reader_(request.listing.limits.json_depth),
      listing_(request.list_tags ? tag_listing::unknown : tag_listing::refused) {}
discovery::~discovery() = default;

void discovery::add_subject(std::string_view digest, bool is_reference) {
    oci::digest_algorithm algorithm{};
    if (!oci::parse_digest(digest, algorithm) || algorithm == oci::digest_algorithm::other) return;
    if (!is_reference) of_image_.emplace(digest);
    if ((is_reference && request_.direct) || !known_.emplace(digest).second) return;
    subjects_.push_back({std::string(digest), tag_of(digest)});
}

void discovery::add_subjects(const walk& image, const std::vector<reference>& known) {
    const documents& documents = image.read();
    add_subject(documents[0].digest);
    documents.for_each_entry([&](place where, const oci::descriptor& entry) {
        const role is = role_of(entry, documents.platform_of(where), image.asked());
        if ((is == role::image || is == role::index) && !image.is_artifact(where)) add_subject(entry.digest);
    });
    for (const reference& one : known) add_subject(one.digest(), true);
}

void discovery::ask(asked::purpose why, kind what, std::string_view reference, std::size_t about) {
    asked next;
    next.why = why;
    next.subject = about;
    next.question = oci::fetch_request_for(what, reference, request_.listing.limits.document_bytes);
    next_.push_back(std::move(next));
}

std::vector<oci::fetch_request> discovery::next() {
    if (stopped_) {
        // What still waits for its bytes was found all the same.
        for (auto& [digest, one] : std::exchange(waiting_, {})) {
            if (!one.unsure) add_complete(std::move(one.found));
        }
        return {};
    }
    if (listing_ == tag_listing::unknown && wants(tag_sources)) {
        listing_ = tag_listing::asking;
        const bool all_sha256 = std::all_of(subjects_.begin(), subjects_.end(),
                                            [](const subject& one) { return one.tag.starts_with(sha256_tags); });
        // Tags of other kinds are many, and come later in the order: these begin with the algorithm.
        ask(asked::purpose::listing, kind::tags, all_sha256 ? sha256_tags : std::string_view());
        if (all_sha256) next_.back().question.prefix = sha256_tags;
        next_.back().question.keeps = may_be_digest_tag;
    }
    if (wants(tag_sources) && listing_ != tag_listing::asking) {
        // Whether the tags of one digest can be listed without all others, the first one shows.
        const bool tries = listing_ == tag_listing::trying;
        const std::size_t until = tries ? std::min(subjects_.size(), tags_asked_ + 1) : subjects_.size();
        while (tags_asked_ < until && may_ask_about(tags_asked_)) {
            ask_about_tags(tags_asked_++);
            if (tries) listing_ = tag_listing::asking;
        }
    }
    if (wants(source_referrers_api) && api_ != knowledge::no && api_ != knowledge::asking) {
        // The first answer shows whether there is such an API at all.
        const std::size_t until =
            api_ == knowledge::yes ? subjects_.size() : std::min(subjects_.size(), referrers_asked_ + 1);
        if (api_ == knowledge::unknown && until > referrers_asked_) api_ = knowledge::asking;
        while (referrers_asked_ < until && may_ask_about(referrers_asked_)) {
            const std::size_t number = referrers_asked_++;
            ask(asked::purpose::referrers, kind::referrers, subjects_[number].digest, number);
            if (request_.direct) next_.back().question.artifact_type = request_.artifact_type;
        }
    }
    if (next_.empty() && request_.scan_tags) {
        if (scanned_ == knowledge::unknown) {
            scanned_ = knowledge::asking;
            ask(asked::purpose::everything, kind::tags, {});
            // One more than may be asked about, which tells that there are more.
            next_.back().question.keeps = [this](std::string_view tag) { return !read_tags_.contains(tag); };
            next_.back().question.most = std::size_t{request_.limits.subjects} + 1;
        } else {
            const std::size_t before = subjects_.size();
            add_scanned();
            if (subjects_.size() > before) return next();
        }
    }
    under_way_ = std::exchange(next_, {});
    std::vector<oci::fetch_request> questions;
    questions.reserve(under_way_.size());
    for (const asked& one : under_way_) questions.push_back(one.question);
    for (oci::fetch_request& one : artifacts_.questions()) {
        asked about;
        about.why = asked::purpose::artifact;
        about.question = one;
        under_way_.push_back(std::move(about));
        questions.push_back(std::move(one));
    }
    return questions;
}

/// Subjects come in their order, those of the image first.
bool discovery::may_ask_about(std::size_t number) {
    if (number < request_.limits.subjects) return true;
    problems_.add("the repository was asked about " + std::to_string(request_.limits.subjects) +
                  " digests, which is the limit: what is about the others was not looked for, narrow the sources");
    return false;
}

void discovery::stop(std::string_view why) {
    if (stopped_) return;
    stopped_ = true;
    next_.clear();
    problems_.add_first(why);
}

bool discovery::is_wanted_tag(const subject& about, std::string_view tag) const {
    const auto rest = tag.substr(about.tag.size());
    if (is_cosign_suffix(rest)) return wants(source_cosign_tag);
    // Proposal F ends them with ".<16 hex>", regctl and others with what they like (".meta").
    const bool suffixed = rest.size() > 1 && rest.front() == '.';
    return (rest.empty() || suffixed) && wants(source_digest_tag | source_referrers_tag);
}

void discovery::ask_about_tags(std::size_t number) {
    const subject& about = subjects_[number];
    switch (listing_) {
        case tag_listing::whole:
            for (auto tag = tags_.lower_bound(about.tag); tag != tags_.end() && tag->starts_with(about.tag); ++tag) {
                ask_for_tag(number, *tag);
            }
            break;
        case tag_listing::trying:
        case tag_listing::by_subject:
            ask_for_tag(number, about.tag);
            ask(asked::purpose::tags_of_subject, kind::tags, about.tag, number);
            next_.back().question.prefix = about.tag;
            next_.back().question.keeps = [own = about.tag](std::string_view tag) { return tag.starts_with(own); };
            break;
        default:
            ask_for_known_tags(number);
    }
}

/// Those that can be told without a list.
void discovery::ask_for_known_tags(std::size_t number) {
    const std::string own = subjects_[number].tag;
    for (const auto* const suffix : {"", ".sig", ".att", ".sbom"}) ask_for_tag(number, own + suffix);
}

void discovery::ask_for_tag(std::size_t number, const std::string& tag) {
    if (!is_wanted_tag(subjects_[number], tag) || !read_tags_.insert(tag).second) return;
    ask(asked::purpose::tag, kind::manifest, tag, number);
    const bool cosigns = is_cosign_suffix(std::string_view(tag).substr(subjects_[number].tag.size()));
    next_.back().question.media_type = oci::default_type(cosigns ? oci::media_kind::manifest : oci::media_kind::index);
}

void discovery::ask_for_everything() {
    for (const auto& tag : tags_) {
        if (read_tags_.contains(tag)) continue;
        if (!may_ask_about(scanned_tags_)) break;
        read_tags_.insert(tag);
        ++scanned_tags_;
        ask(asked::purpose::scanned, kind::manifest, tag);
    }
}

/// References of scanned indexes count once it is known that what they are about belongs to the image.
void discovery::add_scanned() {
    bool found = true;
    while (found) {
        found = false;
        for (reference& one : scanned_references_) {
            if (one.subject.empty() || !known_.contains(one.subject)) continue;
            add_subject(one.digest(), true);
            found_.push_back(one);
            one.subject = {};
            found = true;
        }
    }
}

status discovery::answer(std::vector<result<oci::fetch_response>> answers) {
    const std::vector<asked> round = std::exchange(under_way_, {});
    for (std::size_t i = 0; i < round.size(); ++i) {
        if (answers[i].failed() && answers[i].why().code == status_code::cancelled) return std::move(answers[i]).take();
        status done = stopped_ ? status() : take(round[i], std::move(answers[i]));
        if (done.failed()) problems_.add(std::move(done).take().message);
    }
    return {};
}

}  // namespace refract::resolve
