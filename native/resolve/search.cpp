// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/search.h"

#include <algorithm>
#include <functional>
#include <set>
#include <utility>

#include "oci/digest.h"
#include "resolve/required.h"

namespace refract::resolve {

search::search(const request& policy, purpose what) : policy_(policy), purpose_(what) {
    asked_.limits = pull_discovery;
    asked_.sources = what.sources;
    asked_.direct = !policy.fetch_references;
    // Whoever feeds a pull's search has no way to list tags.
    asked_.list_tags = false;
    asked_.exact_referrers = false;
    asked_.follow = &policy;
    asked_.listing.mode = mode::list;
    asked_.listing.config_types = policy.config_types;
    asked_.listing.limits = policy.limits;
}

void search::begin(const told_image& image, const attached* told) {
    image_ = image;
    told_ = told == nullptr ? &nothing_ : told;
    merged_ = *told_;
    record_.clear();
    round_.clear();
    answers_.clear();
    unread_ = {};
    recalled_.clear();
    discovery_.reset();
    artifacts_ = std::make_unique<artifact_reader>(asked_.listing, asked_.limits.found);
    phase_ = phase::reading;
    if (is_worth_reading()) want_artifacts();
}

bool search::lacks_something() const {
    return lacks_any(image_, policy_, policy_.required_types, merged_) ||
           (policy_.fetch_references && !policy_.reference_types.empty() &&
            lacks_any(image_, policy_, policy_.reference_types, merged_));
}

bool search::is_worth_reading() const {
    return (purpose_.always && purpose_.sources != 0) || policy_.fetch_references || lacks_something();
}

/// A request is not made where the index has told what it is made for.
bool search::is_worth_asking() const {
    if ((purpose_.sources & ~in_index_sources) == 0) return false;
    if (purpose_.always || lacks_something()) return true;
    return policy_.fetch_references && (policy_.reference_types.empty() || policy_.references_of_all_platforms);
}

/// The bytes of artifacts of which the index does not say all, and of entries that may be artifacts.
void search::want_artifacts() {
    std::vector<std::string> types = policy_.required_types;
    types.insert(types.end(), policy_.reference_types.begin(), policy_.reference_types.end());
    // What says that it is about another platform's image need not be read.
    std::set<std::string_view> subjects;
    for (const auto subject : subjects_of(image_, policy_)) subjects.insert(subject);
    for (const reference& one : merged_.references) {
        if (!one.digest().empty()) subjects.insert(one.digest());
    }
    attached perhaps = merged_;
    std::erase_if(perhaps.references,
                  [&](const reference& one) { return !one.subject.empty() && !subjects.contains(one.subject); });
    artifacts_->want(perhaps, types, unread_);
}

/// Completes what the index tells with what its artifacts say of themselves.
void search::read_artifacts() {
    artifacts_->complete(merged_);
    merge(merged_.references);
    settle(image_, policy_, merged_);
}

void search::begin_asking() {
    discovery_ = std::make_unique<discovery>(asked_, *artifacts_);
    for (const std::string_view subject : subjects_of(image_, policy_)) discovery_->add_subject(subject);
    for (const reference& one : merged_.references) {
        if (one.wanted) discovery_->add_subject(one.digest(), true);
    }
}

result<std::span<const oci::fetch_request>> search::next() {
    if (phase_ == phase::finished) return std::span<const oci::fetch_request>();
    if (!round_.empty()) {
        REFRACT_TRY(hand_over());
    }
    if (phase_ == phase::reading) {
        round_ = artifacts_->questions();
        if (round_.empty()) {
            read_artifacts();
            phase_ = phase::asking;
            if (is_worth_asking()) begin_asking();
        }
    }
    if (phase_ == phase::asking && discovery_) round_ = discovery_->next();
    answers_.assign(round_.size(), std::nullopt);
    if (round_.empty()) {
        static const std::vector<reference> none_found;
        REFRACT_TRY(take(discovery_ ? discovery_->found() : none_found));
        phase_ = phase::finished;
    }
    return std::span<const oci::fetch_request>(round_);
}

status search::answer(std::size_t number, result<std::string> came) {
    if (number >= answers_.size()) return {status_code::invalid_argument, "there is no such question in this round"};
    if (came.failed()) {
        answers_[number].emplace(std::move(came).take());
        return {};
    }
    if (came.value().size() > round_[number].max_bytes) {
        return {status_code::limit_exceeded, "the answer about " + round_[number].reference +
                                                 " is longer than the limit of " +
                                                 std::to_string(round_[number].max_bytes) + " bytes"};
    }
    oci::fetch_response said;
    said.documents.push_back(std::move(came).value());
    answers_[number].emplace(std::move(said));
    return {};
}

status search::hand_over() {
    if (std::find(answers_.begin(), answers_.end(), std::nullopt) != answers_.end()) {
        return {status_code::invalid_argument, "a question of the search was not answered"};
    }
    std::vector<result<oci::fetch_response>> answers;
    answers.reserve(answers_.size());
    for (auto& one : answers_) answers.push_back(std::move(*one));
    answers_.clear();
    // What is asked for by digest must have it: everything behind this counts on that.
    for (std::size_t i = 0; i < answers.size(); ++i) {
        oci::digest_algorithm algorithm{};
        if (answers[i].failed() || round_[i].what != oci::fetch_request::kind::manifest ||
            !oci::parse_digest(round_[i].reference, algorithm)) {
            continue;
        }
        const auto& bytes = answers[i].value().documents.front();
        status same = oci::verify_digest(round_[i].reference, std::as_bytes(std::span(bytes)));
        if (same.failed()) answers[i] = error{status_code::missing, std::move(same).take().message};
    }
    const auto round = std::exchange(round_, {});
    if (phase_ == phase::asking) return discovery_->answer(std::move(answers));
    artifacts_->answer(round, answers, unread_);
    return {};
}

status search::recall(std::string_view digest, std::span<const std::byte> bytes) {
    const std::string name = "record " + std::string(digest);
    if (status done = oci::verify_digest(digest, bytes); done.failed()) return std::move(done).in(name);
    auto recalled = std::make_unique<resolve::record>();
    if (status done = recalled->read(bytes, policy_.limits); done.failed()) return std::move(done).in(name);
    auto found = recalled->references();
    for (reference& one : found) {
        const auto& candidates = merged_.candidates;
        const auto same = std::find_if(candidates.begin(), candidates.end(),
                                       [&](const reference& other) { return other.digest() == one.digest(); });
        if (same == candidates.end() || (one.sources & in_index_sources) == 0) continue;
        one.by_bytes = true;
        one.place = same->place;
    }
    REFRACT_TRY(take(found));
    recalled_.push_back(std::move(recalled));
    phase_ = phase::finished;
    return {};
}

status search::take(const std::vector<reference>& found) {
    auto distinct = found;
    // What the index lists and does not say all of: a later listing has no way to ask.
    for (const reference& one : merged_.references) {
        if (artifacts_->find(one.digest()) != nullptr) distinct.push_back(one);
    }
    merge(distinct);
    leave_out_longest(distinct);
    record_ = write_record(distinct);
    if (distinct.empty()) return {};
    merged_.references.insert(merged_.references.end(), distinct.begin(), distinct.end());
    merge(merged_.references);
    settle(image_, policy_, merged_);
    leave_out_too_many();
    return {};
}

/// A record is a document: what does not fit is left out, the longest first, with a notice.
void search::leave_out_longest(std::vector<reference>& found) {
    static constexpr std::size_t frame = 128;  // no record without entries is longer
    const std::size_t most = policy_.limits.document_bytes;
    std::size_t size = write_record(found).size();
    if (size <= most) return;
    std::vector<std::pair<std::size_t, const oci::descriptor*>> sizes;
    sizes.reserve(found.size());
    for (const reference& one : found) sizes.emplace_back(write_record({one}).size(), one.descriptor);
    std::sort(sizes.begin(), sizes.end(), std::greater<>());
    std::set<const oci::descriptor*> left_out;
    for (const auto& [bytes, which] : sizes) {
        if (size <= most) break;
        size -= std::min(size, bytes - std::min(bytes, frame));
        left_out.insert(which);
    }
    std::erase_if(found, [&](const reference& one) { return left_out.contains(one.descriptor); });
    unread_.add(describe(image_) + ": " + std::to_string(left_out.size()) +
                " references that were found in the repository are left out: what is written down of all takes more "
                "than the limit of " +
                std::to_string(most) + " bytes");
}

/// What strangers attach in the repository must not fail a pull: of that only so much is fetched.
void search::leave_out_too_many() {
    std::set<std::string_view> wanted;
    for (const reference& one : merged_.references) {
        if (one.wanted && one.place.document != none) wanted.insert(one.digest());
    }
    std::size_t left_out = 0;
    for (reference& one : merged_.references) {
        if (!one.wanted || one.place.document != none || wanted.contains(one.digest())) continue;
        if (wanted.size() < policy_.limits.fetched_references) {
            wanted.insert(one.digest());
        } else {
            one.wanted = false;
            ++left_out;
        }
    }
    if (left_out == 0) return;
    unread_.add(describe(image_) + ": " + std::to_string(left_out) +
                " references that were found in the repository are not fetched: more than the limit of " +
                std::to_string(policy_.limits.fetched_references) + " (narrow the types that the policy fetches)");
}

std::vector<std::string> search::notices() const {
    std::vector<std::string> all = unread_.all();
    if (!discovery_) return all;
    for (const notice_list* const list : {&discovery_->problems(), &discovery_->notices()}) {
        const auto more = list->all();
        all.insert(all.end(), more.begin(), more.end());
    }
    return all;
}

status search::check_required() const {
    std::string but;
    const auto add = [&](const notice_list& list) {
        if (but.empty() && !list.empty()) but = "; not known: " + list.front();
    };
    add(unread_);
    if (discovery_) add(discovery_->problems());
    if (phase_ != phase::finished) but = "; the search for more in the repository was not carried through";
    return resolve::check_required(image_, policy_, all(), but);
}

}  // namespace refract::resolve
