// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/search.h"

#include <algorithm>

#include "oci/digest.h"
#include "resolve/required.h"

namespace refract::resolve {

search::search(const request& policy, purpose what) : policy_(policy), purpose_(what) {
    asked_.sources = what.sources;
    asked_.direct = !policy.fetch_references;
    // Whoever feeds a pull's search has no way to list tags.
    asked_.list_tags = false;
    asked_.exact_referrers = false;
    asked_.skip_unreadable = true;
    asked_.follow = &policy;
    asked_.listing.mode = mode::list;
    asked_.listing.config_types = policy.config_types;
    asked_.listing.limits = policy.limits;
}

void search::begin(const told_image& image, const attached* told) {
    image_ = image;
    told_ = told == nullptr ? &nothing_ : told;
    record_.clear();
    found_anything_ = false;
    round_.clear();
    answers_.clear();
    discovery_.reset();
    finished_ = !is_worth_asking();
    if (finished_) return;
    discovery_ = std::make_unique<discovery>(asked_);
    for (const std::string_view subject : subjects_of(image_, policy_)) discovery_->add_subject(subject);
    for (const reference& one : told_->references) {
        if (one.wanted) discovery_->add_subject(one.digest(), true);
    }
}

/// A request is not made where the index has told what it is made for.
bool search::is_worth_asking() const {
    if ((purpose_.sources & ~in_index_sources) == 0) return false;
    if (purpose_.always) return true;
    if (lacks_any(image_, policy_, policy_.required_types, *told_)) return true;
    if (!policy_.fetch_references) return false;
    return policy_.reference_types.empty() || policy_.references_of_all_platforms ||
           lacks_any(image_, policy_, policy_.reference_types, *told_);
}

result<std::span<const oci::question>> search::next() {
    if (finished_) return std::span<const oci::question>();
    if (!round_.empty()) {
        if (outcome done = hand_over(); done.failed()) return done;
    }
    auto questions = discovery_->next();
    if (questions.failed()) return std::move(questions).take();
    round_ = std::move(questions).value();
    answers_.assign(round_.size(), std::nullopt);
    if (round_.empty()) {
        if (outcome done = take(discovery_->found()); done.failed()) return done;
        finished_ = true;
    }
    return std::span<const oci::question>(round_);
}

outcome search::answer(std::size_t number, result<std::string> came) {
    if (number >= answers_.size()) return {status::invalid_argument, "there is no such question in this round"};
    if (came.failed()) {
        answers_[number].emplace(std::move(came).take());
        return {};
    }
    if (came.value().size() > round_[number].max_bytes) {
        return {status::limit_exceeded, "the answer about " + round_[number].reference +
                                            " is longer than the limit of " + std::to_string(round_[number].max_bytes) +
                                            " bytes"};
    }
    oci::answer said;
    said.documents.push_back(std::move(came).value());
    answers_[number].emplace(std::move(said));
    return {};
}

outcome search::hand_over() {
    if (std::find(answers_.begin(), answers_.end(), std::nullopt) != answers_.end()) {
        return {status::invalid_argument, "a question of the search was not answered"};
    }
    std::vector<result<oci::answer>> answers;
    answers.reserve(answers_.size());
    for (auto& one : answers_) answers.push_back(std::move(*one));
    answers_.clear();
    // What is asked for by digest must have it: everything behind this counts on that.
    for (std::size_t i = 0; i < answers.size(); ++i) {
        oci::digest_algorithm algorithm{};
        if (answers[i].failed() || round_[i].what != oci::question::kind::manifest ||
            !oci::parse_digest(round_[i].reference, algorithm)) {
            continue;
        }
        const auto& bytes = answers[i].value().documents.front();
        outcome same = oci::verify_digest(round_[i].reference, std::as_bytes(std::span(bytes)));
        if (same.failed()) answers[i] = error{status::missing, std::move(same).take().message};
    }
    round_.clear();
    return discovery_->answer(std::move(answers));
}

outcome search::recall(std::string_view digest, std::span<const std::byte> bytes) {
    const std::string name = "record " + std::string(digest);
    if (outcome done = oci::verify_digest(digest, bytes); done.failed()) return std::move(done).in(name);
    // What was recalled before is in use until this has been read.
    auto recalled = std::make_unique<resolve::record>();
    if (outcome done = recalled->read(bytes, policy_.limits); done.failed()) return std::move(done).in(name);
    if (outcome done = take(recalled->references()); done.failed()) return done;
    recalled_ = std::move(recalled);
    finished_ = true;
    return {};
}

outcome search::take(const std::vector<reference>& found) {
    auto distinct = found;
    merge(distinct);
    std::string record = write_record(distinct);
    if (record.size() > policy_.limits.document_bytes) {
        return {status::limit_exceeded, "what was found attached to " + describe(image_) + " takes " +
                                            std::to_string(record.size()) +
                                            " bytes to write down, more than the limit of " +
                                            std::to_string(policy_.limits.document_bytes) + " bytes"};
    }
    record_ = std::move(record);
    found_anything_ = !distinct.empty();
    if (!found_anything_) return {};
    merged_ = *told_;
    merged_.references.insert(merged_.references.end(), distinct.begin(), distinct.end());
    merge(merged_.references);
    settle(image_, policy_, merged_);
    return {};
}

std::vector<std::string> search::notices() const {
    if (!discovery_) return {};
    std::vector<std::string> all = discovery_->problems();
    all.insert(all.end(), discovery_->notices().begin(), discovery_->notices().end());
    return all;
}

outcome search::check_required() const {
    std::string but;
    if (discovery_ && !discovery_->problems().empty()) but = "; not read: " + discovery_->problems().front();
    if (!finished_) but = "; the search for more in the repository was not carried through";
    return resolve::check_required(image_, policy_, all(), but);
}

}  // namespace refract::resolve
