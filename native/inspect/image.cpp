// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "inspect/image.h"

#include <algorithm>

#include "base/bytes.h"
#include "base/printable.h"
#include "oci/digest.h"
#include "oci/document.h"

namespace refract::inspect {
namespace {

/// Whether what came instead of a document will come again: it is not there, or is not what its digest names.
bool is_lost(status_code code) {
    return code == status_code::missing || code == status_code::digest_mismatch || code == status_code::size_mismatch;
}

/// Reads for a walk or a prediction what it needs, until it is done. Only what it cannot do without ends it with the
/// reader's own error.
template <class Machine>
status feed(reader& from, Machine& into, result<typename Machine::step> step) {
    while (step.ok() && step.value() == Machine::step::need) {
        const auto& need = into.needed();
        const bool is_config = need.expected.kind == resolve::document_kind::config;
        auto came = from.document(
            oci::fetch_request_for(is_config ? oci::fetch_request::kind::blob : oci::fetch_request::kind::manifest,
                                   need.expected.digest, need.max_bytes));
        if (came.ok()) {
            step = into.feed(*came.value());
        } else if (came.why().code == status_code::missing || (is_lost(came.why().code) && !need.required)) {
            step = into.missing(came.why().message);
        } else {
            return std::move(came).take();
        }
    }
    if (step.failed()) return std::move(step).take();
    return {};
}

}  // namespace

result<std::unique_ptr<image>> image::open(oci::repository& from, const oci::image_name& name, const limits& limits) {
    std::unique_ptr<image> made(new image(from, name, limits));
    REFRACT_TRY(made->open_root(limits));
    return made;
}

std::string image::shown_name() const { return printable(name_.text(), 1024); }

status image::open_root(const limits& limits) {
    REFRACT_ASSIGN(auto came, reader_.ask(oci::fetch_request_for(oci::fetch_request::kind::manifest, name_.reference(),
                                                                 limits.document_bytes)));
    std::string bytes = std::move(came.documents.front());
    root_.served_type = std::move(came.media_type);
    root_.etag = std::move(came.etag);
    root_.digest = name_.digest.empty() ? std::move(came.digest) : name_.digest;
    if (root_.digest.empty()) {
        auto digest = oci::sha256_digest(bytes_of(bytes));
        if (digest.failed()) return std::move(digest).take();
        root_.digest = std::move(digest).value();
    }
    root_.document = reader_.keep(root_.digest, std::move(bytes));
    return identify_root(limits).in(shown_name());
}

/// An index is parsed as what it is at once; of all else only what it is.
status image::identify_root(const limits& limits) {
    oci::json_reader json(limits.json_depth);
    if (const auto index = root_.document->as<oci::index>(json, limits); index.ok()) {
        root_.kind = oci::media_kind::index;
        root_.media_type = index.value()->media_type();
        if (root_.media_type.empty()) root_.media_type = oci::default_type(root_.kind);
        return {};
    }
    REFRACT_ASSIGN(auto what, oci::identify(json, bytes_of(root_.bytes()), {}, limits.entries));
    root_.kind = what.kind;
    root_.media_type = std::move(what.media_type);
    return {};
}

resolve::expected_document image::expected_root() const {
    resolve::expected_document root;
    root.kind = is_index() ? resolve::document_kind::index : resolve::document_kind::manifest;
    root.media_type = root_.media_type;
    root.digest = root_.digest;
    root.size = root_.size();
    return root;
}

result<std::unique_ptr<resolve::walk>> image::walk(const resolve::request& request) {
    auto walk = std::make_unique<resolve::walk>(request);
    status done = feed(reader_, *walk, walk->begin(expected_root(), *root_.document));
    if (done.failed()) return std::move(done).in(shown_name());
    return walk;
}

result<resolve::prediction> image::predict(resolve::client who, const oci::platform& wanted, const limits& limits) {
    auto root = expected_root();
    // Clients go by what they are told, and refract by the bytes.
    if (oci::kind_of(root_.served_type) != oci::media_kind::other) root.media_type = root_.served_type;
    return predict(who, wanted, limits, root, *root_.document);
}

result<resolve::prediction> image::predict(resolve::client who, const oci::platform& wanted, const limits& limits,
                                           resolve::shared_document& index) {
    resolve::expected_document root;
    root.media_type = oci::default_type(oci::media_kind::index);
    root.digest = index.digest();
    root.size = index.size();
    return predict(who, wanted, limits, root, index);
}

result<resolve::prediction> image::predict(resolve::client who, const oci::platform& wanted, const limits& limits,
                                           const resolve::expected_document& root, resolve::shared_document& from) {
    resolve::predictor predictor(who, wanted, limits, &reader_);
    status done = feed(reader_, predictor, predictor.begin(root, from));
    if (done.failed()) return std::move(done).in(shown_name());
    return predictor.predicted();
}

result<const listing*> image::list(const listing_request& request) {
    listing_ = {};
    discovery_.reset();
    walk_.reset();
    budget_.requests = request.discovery.requests;
    budget_.deadline = std::chrono::steady_clock::now() + std::chrono::milliseconds(request.discovery.deadline);
    REFRACT_ASSIGN(auto subjects, focus(request));
    listing_walk_ = {};
    listing_walk_.mode = resolve::mode::list;
    listing_walk_.limits = request.limits;
    artifacts_ = std::make_unique<resolve::artifact_reader>(listing_walk_, request.discovery.found);
    if (is_index()) {
        REFRACT_ASSIGN(auto walked, walk(listing_walk_));
        walk_ = std::move(walked);
        auto all = resolve::find_attached(*walk_);
        REFRACT_TRY(read_artifacts(request, all));
        listing_.unread_indexes = all.unread_indexes;
        listing_.references = std::move(all.references);
    }
    REFRACT_TRY(discover(request));
    for (auto& notice : reader_.notices()) listing_.notices.push_back(std::move(notice));
    std::erase_if(listing_.references, [&](const auto& one) { return (one.sources & request.sources) == 0; });
    resolve::merge(listing_.references);
    settle_weakness();
    if (request.check_presence) {
        REFRACT_TRY(check_presence());
    }
    REFRACT_TRY(narrow(request, subjects));
    return &listing_;
}

result<std::vector<result<oci::fetch_response>>> image::ask_optional(std::vector<oci::fetch_request> questions) {
    for (auto& one : questions) one.budget = &budget_;
    auto answers = reader_.ask(questions);
    for (auto& one : answers) {
        if (one.failed() && one.why().code == status_code::cancelled) return std::move(one).take();
    }
    return answers;
}

status image::read_artifacts(const listing_request& request, resolve::attached& all) {
    std::vector<std::string> types;
    for (const auto& type : {request.type, request.artifact_type}) {
        if (!type.empty()) types.push_back(type);
    }
    resolve::notice_list notices;
    artifacts_->want(all, types, notices);
    const auto questions = artifacts_->questions();
    REFRACT_ASSIGN(auto answers, ask_optional(questions));
    artifacts_->answer(questions, answers, notices);
    artifacts_->complete(all);
    for (auto& notice : notices.all()) listing_.notices.push_back(shown_name() + ": " + notice);
    return {};
}

status image::discover(const listing_request& request) {
    const bool outside = (request.sources & ~resolve::in_index_sources) != 0 || request.scan_tags;
    if (!outside) return {};
    discovery_request_ = {};
    discovery_request_.sources = request.sources;
    discovery_request_.direct = request.direct;
    discovery_request_.artifact_type = request.artifact_type;
    discovery_request_.scan_tags = request.scan_tags;
    discovery_request_.listing = listing_walk_;
    discovery_request_.limits = request.discovery;
    discovery_ = std::make_unique<resolve::discovery>(discovery_request_, *artifacts_);
    discovery_->add_subject(root_.digest);
    if (walk_) discovery_->add_subjects(*walk_, listing_.references);
    for (auto questions = discovery_->next(); !questions.empty(); questions = discovery_->next()) {
        REFRACT_ASSIGN(auto answers, ask_optional(std::move(questions)));
        REFRACT_TRY(discovery_->answer(std::move(answers)));
    }
    auto& found = discovery_->found();
    listing_.references.insert(listing_.references.end(), found.begin(), found.end());
    for (const auto* const list : {&discovery_->problems(), &discovery_->notices()}) {
        const auto notices = list->all();
        listing_.notices.insert(listing_.notices.end(), notices.begin(), notices.end());
    }
    return {};
}

/// Once all is known: what nothing lists is weak.
void image::settle_weakness() {
    std::set<std::string_view> listed;
    if (discovery_) listed = discovery_->listed();
    listed.insert(root_.digest);
    if (walk_) {
        walk_->read().for_each_entry(
            [&](resolve::place, const oci::descriptor& entry) { listed.insert(entry.digest); });
    }
    for (auto& one : listing_.references) {
        if (one.subject.empty()) {
            one.weak = resolve::tristate::unknown;
            continue;
        }
        const auto absent = listing_.unread_indexes == 0 ? resolve::tristate::yes : resolve::tristate::unknown;
        one.weak = listed.contains(one.subject) ? resolve::tristate::no : absent;
    }
}

status image::check_presence() {
    std::vector<oci::fetch_request> questions;
    std::vector<std::size_t> numbers;
    for (std::size_t number = 0; number < listing_.references.size(); ++number) {
        const auto& one = listing_.references[number];
        if (one.descriptor == nullptr || one.present != resolve::tristate::unknown ||
            one.descriptor->algorithm == oci::digest_algorithm::other ||
            one.descriptor->kind == oci::media_kind::other) {
            continue;
        }
        questions.push_back(oci::fetch_request_for(oci::fetch_request::kind::presence, one.digest(), 0));
        numbers.push_back(number);
    }
    REFRACT_ASSIGN(auto asked, ask_optional(std::move(questions)));
    const auto& answers = asked;
    resolve::notice_list unknown;
    for (std::size_t i = 0; i < answers.size(); ++i) {
        auto& present = listing_.references[numbers[i]].present;
        if (answers[i].ok()) {
            present = resolve::tristate::yes;
        } else if (answers[i].why().code == status_code::missing) {
            present = resolve::tristate::no;
        } else {
            unknown.add("whether it is there is not known: " + answers[i].why().message);
        }
    }
    for (auto& notice : unknown.all()) listing_.notices.push_back(std::move(notice));
    return {};
}

}  // namespace refract::inspect
