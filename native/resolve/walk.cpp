// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/walk.h"

#include <algorithm>

#include "base/printable.h"
#include "resolve/proof.h"
#include "resolve/role.h"

namespace refract::resolve {

namespace {

/// containerd stores `data` as the content where its length fits, and then finds that it is not: such a pull cannot end
/// well. Listing never uses it.
error wrong_data(const std::string& where) {
    return {status_code::digest_mismatch, "the data " + where +
                                              " is as long as the content, and something else: digest "
                                              "mismatch; take the data out"};
}

}  // namespace

result<walk::step> walk::begin(const expected_document& root, const document_source& from) {
    state_ = state::idle;
    documents_.clear();
    lost_.clear();
    verdicts_.clear();
    rejections_.clear();
    selections_.clear();
    children_.clear();
    left_out_.clear();
    want_ = 0;
    asked_ = 1;
    asked_bytes_ = from.size();

    if (oci::kind_of(root.media_type) != oci::media_kind::index) {
        return error{status_code::invalid_argument, "a walk begins at an index, not at " + quote(root.media_type)};
    }
    if (auto added = documents_.add(root, from); added.failed()) {
        return located({}, root.kind, root.digest, added.why());
    }
    start_search();
    return advance();
}

result<walk::step> walk::feed(const document_source& from) {
    accepted_ = false;
    if (!is_waiting()) return error{status_code::invalid_argument, "the walk waits for no document"};
    state_ = state::idle;
    if (status done = documents_.check(need_.expected, from); done.failed()) return lose(std::move(done).take());
    accepted_ = true;
    auto added = documents_.add_checked(need_.expected, from);
    if (added.failed()) return lose(std::move(added).take());
    return advance();
}

result<walk::step> walk::missing(std::string_view reason) {
    if (!is_waiting()) return error{status_code::invalid_argument, "the walk waits for no document"};
    state_ = state::idle;
    return lose({status_code::missing, "cannot be had: " + printable(reason, 400)});
}

result<walk::step> walk::lose(error why) {
    const auto& lost = need_.expected;
    if (need_.required) return located(lost.place, lost.kind, lost.digest, why);
    lost_.insert_or_assign(identity{std::string(lost.digest), lost.kind, lost.size}, std::move(why));
    return advance();
}

void walk::start_search() {
    const bool listing = request_.mode == mode::list;
    const request::want* const want = listing || request_.wants_all() ? nullptr : &request_.wants[want_];
    frontier_.start(documents_, request_, want, listing);
    best_.reset();
    declared_proven_ = false;
}

result<walk::step> walk::advance() {
    const std::size_t searches = request_.mode == mode::list || request_.wants_all() ? 1 : request_.wants.size();
    for (;;) {
        REFRACT_TRY(request_.mode == mode::list ? list() : select());
        if (state_ == state::waiting) return step::need;
        if (++want_ >= searches) break;
        start_search();
    }
    return finish();
}

result<walk::step> walk::finish() {
    if (request_.mode == mode::select) {
        if (selections_.empty()) return nothing_matches();
        follow();
    }
    state_ = state::done;
    return step::done;
}

status walk::list() {
    while (const auto item = frontier_.next()) {
        REFRACT_TRY(open(*item));
        if (state_ == state::waiting) return {};
    }
    return {};
}

status walk::select() {
    while (const auto item = frontier_.next()) {
        if (item->kind == frontier::kind::undeclared && declared_proven_) break;
        status done = item->kind == frontier::kind::nested ? open(*item) : prove(*item);
        if (done.failed()) return done;
        if (state_ == state::waiting) return {};
        if (best_ && !request_.wants_all() && request_.wants[want_].preference.is_best(best_rank_)) break;
        if (declared_proven_ && !request_.wants_all()) break;
    }
    if (best_) selections_.push_back(*best_);
    return {};
}

status walk::open(const frontier::item& item) {
    const place where = item.place;
    // One whose platform the host runs less well than another may hold nothing that is needed.
    const bool declared = documents_.platform_of(where) != nullptr && item.rank.matcher == 0;
    const bool required = request_.mode == mode::select && declared;
    const std::uint32_t depth = documents_[where.document].depth + 1;
    const bool is_read = documents_.find(documents_.entry(where).digest) != none;
    if (!is_read && depth > request_.limits.nesting) {
        return located(where, document_kind::index, documents_.entry(where).digest,
                       {status_code::limit_exceeded,
                        "is nested deeper than the limit of " + std::to_string(request_.limits.nesting) + " indexes"});
    }
    auto got = acquired::unusable;
    std::uint32_t document = none;
    status done = acquire(documents_.entry(where), document_kind::index, where, required, got, document);
    if (done.failed() || got == acquired::waiting) return done;
    auto artifact = got == acquired::have ? disprove(*documents_[document].index, request_) : std::nullopt;
    if (artifact) {
        documents_.mark_artifact(document);
        rejections_.insert_or_assign(where, rejection{"artifact after all: " + *artifact, true, status_code::no_match});
    }
    if (got == acquired::have && !artifact) {
        frontier_.expand(document);
    } else {
        frontier_.remove();
    }
    return {};
}

status walk::prove(const frontier::item& item) {
    const bool required = item.kind == frontier::kind::declared;
    const oci::descriptor& entry = documents_.entry(item.place);

    auto got = acquired::unusable;
    selection candidate{item.place, none, none, request_.wants_all() ? none : static_cast<std::uint32_t>(want_)};
    status done = acquire(entry, document_kind::manifest, item.place, required, got, candidate.manifest);
    if (done.failed() || got == acquired::waiting) return done;
    if (got == acquired::unusable) {
        frontier_.remove();
        return {};
    }
    const oci::manifest& manifest = *documents_[candidate.manifest].manifest;
    verdict& judged = judge(candidate.manifest, entry.media_type);
    if (!judged.foreign) {
        done = acquire(manifest.config(), document_kind::config, item.place, required, got, candidate.config);
        if (done.failed() || got == acquired::waiting) return done;
        if (got == acquired::have && !judged.by_config) {
            judged.by_config = true;
            judged.foreign = disprove(manifest, *documents_[candidate.config].config);
        }
    }
    frontier_.remove();
    if (judged.foreign) {
        rejections_.insert_or_assign(item.place,
                                     rejection{"artifact after all: " + *judged.foreign, true, status_code::no_match});
        return {};
    }
    if (got == acquired::unusable) return {};
    for (const auto& layer : manifest.layers()) {
        if (layer.data != oci::embedded::wrong) continue;
        return reject(item.place, required, wrong_data("of its layer " + printable(layer.digest)));
    }

    oci::platform_rank rank = item.rank;
    if (!required && !request_.wants_all()) {
        const oci::platform& declared = documents_[candidate.config].config->declared();
        const auto found = request_.wants[want_].preference.rank(declared);
        if (!found) {
            rejections_.insert_or_assign(
                item.place, rejection{"platform " + oci::describe(declared) + ", as its config says, does not match",
                                      false, status_code::no_match});
            return {};
        }
        rank = *found;
    }
    declared_proven_ = declared_proven_ || required;
    if (request_.wants_all()) {
        selections_.push_back(candidate);
    } else if (!best_ || rank < best_rank_) {
        best_ = candidate;
        best_rank_ = rank;
    }
    return {};
}

walk::verdict& walk::judge(std::uint32_t manifest, std::string_view media_type) {
    const auto [known, is_new] = verdicts_.try_emplace({manifest, media_type});
    if (is_new) known->second.foreign = disprove(*documents_[manifest].manifest, media_type, request_);
    return known->second;
}

status walk::acquire(const oci::descriptor& of, document_kind kind, place where, bool required, acquired& got,
                     std::uint32_t& document) {
    got = acquired::unusable;
    const std::uint64_t most =
        kind == document_kind::config ? request_.limits.config_bytes : request_.limits.document_bytes;
    if (of.algorithm == oci::digest_algorithm::other) {
        // Only listed, whoever declares what: no bytes could ever be checked against it.
        return reject(where, false,
                      {status_code::unsupported, "digest " + printable(of.digest) + " cannot be verified"});
    }
    if (request_.mode == mode::select && of.data == oci::embedded::wrong) {
        return reject(where, required, wrong_data(kind == document_kind::config ? "of its config" : "in its entry"));
    }
    document = documents_.find(of.digest);
    if (document != none) {
        const auto& known = documents_[document];
        if (known.kind != kind) {
            return reject(where, required,
                          {status_code::type_mismatch, "type mismatch: want " + std::string(name_of(kind)) + ", got " +
                                                           std::string(name_of(known.kind)) + ' ' + known.digest});
        }
        if (known.size != of.size) {
            return reject(where, required,
                          {status_code::size_mismatch, "size mismatch: want " + std::to_string(of.size) +
                                                           " bytes, got " + std::to_string(known.size)});
        }
        got = acquired::have;
        return {};
    }
    if (const auto lost = lost_.find({std::string(of.digest), kind, of.size}); lost != lost_.end()) {
        error why = lost->second;
        if (!required || kind == document_kind::config) {
            why.message = std::string(name_of(kind)) + ' ' + std::string(of.digest) + ": " + why.message;
        }
        return reject(where, required, std::move(why));
    }
    if (static_cast<std::uint64_t>(of.size) > most) {
        return reject(where, required,
                      {status_code::limit_exceeded, std::string(name_of(kind)) + " of " + std::to_string(of.size) +
                                                        " bytes is over the limit of " + std::to_string(most)});
    }
    if (asked_ >= request_.limits.documents) {
        return located(where, kind, of.digest,
                       {status_code::limit_exceeded, "would be read after the limit of " +
                                                         std::to_string(request_.limits.documents) + " documents"});
    }
    asked_bytes_ += static_cast<std::uint64_t>(of.size);
    if (asked_bytes_ > request_.limits.walk_bytes) {
        return located(where, kind, of.digest,
                       {status_code::limit_exceeded, "would bring the documents of this walk over the limit of " +
                                                         std::to_string(request_.limits.walk_bytes) + " bytes"});
    }
    ++asked_;
    wait_for(of, kind, where, required);
    got = acquired::waiting;
    return {};
}

void walk::wait_for(const oci::descriptor& of, document_kind kind, place where, bool required) {
    const bool is_entry = kind != document_kind::config;
    need_.expected = {kind,    of.media_type, of.digest,
                      of.size, where,         kind == document_kind::index ? documents_[where.document].depth + 1 : 0};
    need_.artifact_type = of.artifact_type;
    need_.platform = is_entry ? documents_.platform_of(where) : nullptr;
    need_.max_bytes = kind == document_kind::config ? request_.limits.config_bytes : request_.limits.document_bytes;
    need_.required = required;
    state_ = state::waiting;
}

status walk::reject(place where, bool required, error why) {
    if (required) {
        const auto& entry = documents_.entry(where);
        return located(where, entry.kind == oci::media_kind::index ? document_kind::index : document_kind::manifest,
                       entry.digest, why);
    }
    rejections_.insert_or_assign(where, rejection{std::move(why.message), false, why.code});
    return {};
}

error walk::located(place where, document_kind kind, std::string_view digest, const error& why) const {
    std::string text;
    if (where.document == none) {
        text = std::string(name_of(kind)) + ' ' + printable(digest);
    } else {
        text = "index " + documents_[0].digest + ", " + documents_.describe(where) + ", " + std::string(name_of(kind)) +
               ' ' + printable(digest);
    }
    return {why.code, text + ": " + why.message};
}

}  // namespace refract::resolve
