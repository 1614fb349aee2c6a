// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/artifact_facts.h"

#include <algorithm>

#include "base/bytes.h"
#include "oci/annotations.h"
#include "oci/kind.h"
#include "resolve/proof.h"

namespace refract::resolve {
namespace {

namespace annotation = oci::annotation;

/// So many types of one artifact are kept: each makes every list of references longer. Its kinds are of all.
constexpr std::size_t most_types = 64;

class type_list {
public:
    explicit type_list(artifact_facts& into) : into_(into) {}

    void add(std::string_view type) {
        if (oci::is_empty_type(type)) return;
        into_.kinds |= oci::kinds_of(type);
        auto& types = into_.types;
        const bool is_new = std::find(types.begin(), types.end(), type) == types.end();
        if (is_new && types.size() < most_types) types.push_back(type);
    }

private:
    artifact_facts& into_;
};

}  // namespace

artifact_facts facts_of(const oci::manifest& manifest, std::string_view media_type, const request& request) {
    artifact_facts facts;
    facts.subject = manifest.subject();
    const auto config = manifest.config().media_type;
    const bool has_image_config = request.is_image_config(config) || oci::is_legacy_docker_config(media_type, config);
    facts.is_image = !disprove(manifest, media_type, request);

    const auto& layers = manifest.layers();
    facts.artifact_type = manifest.artifact_type();
    if (request.is_image_config(facts.artifact_type)) facts.artifact_type = {};
    if (oci::is_empty_type(facts.artifact_type)) facts.artifact_type = manifest.config().artifact_type;
    if (oci::is_empty_type(facts.artifact_type) && !has_image_config) facts.artifact_type = config;
    if (oci::is_empty_type(facts.artifact_type) && layers.size() == 1) facts.artifact_type = layers.front().media_type;
    if (oci::is_empty_type(facts.artifact_type)) facts.artifact_type = {};
    type_list types(facts);
    types.add(facts.artifact_type);
    types.add(manifest.config().artifact_type);
    if (!has_image_config) types.add(config);
    types.add(oci::type_in_bundle(manifest.annotation(annotation::bundle_predicate),
                                  manifest.annotation(annotation::bundle_content)));
    for (const oci::descriptor& layer : layers) {
        if (oci::is_file_system_layer(layer.media_type)) continue;
        for (const auto type : oci::types_of_layer(layer)) types.add(type);
    }
    return facts;
}

artifact_facts facts_of(const oci::index& index, const request& request) {
    artifact_facts facts;
    facts.subject = index.subject();
    if (!oci::is_empty_type(index.artifact_type()) && !request.is_image_config(index.artifact_type())) {
        facts.artifact_type = index.artifact_type();
    }
    facts.is_image = facts.subject.empty() && facts.artifact_type.empty();
    type_list(facts).add(facts.artifact_type);
    return facts;
}

void complete(reference& one, const artifact_facts& facts) {
    one.unread = false;
    if (one.subject.empty() && one.malformed.empty()) one.subject = facts.subject;
    if (oci::is_empty_type(one.artifact_type)) one.artifact_type = facts.artifact_type;
    if (oci::is_empty_type(one.type)) one.type = one.artifact_type;
    for (const auto type : facts.types) {
        const bool is_known = type == one.type || type == one.artifact_type ||
                              std::find(one.other_types.begin(), one.other_types.end(), type) != one.other_types.end();
        if (!is_known) one.other_types.push_back(type);
    }
    std::sort(one.other_types.begin(), one.other_types.end());
    one.kinds |= facts.kinds | oci::kinds_of(one.type);
}

bool artifact_reader::want(const oci::descriptor& artifact) {
    if (asked_.contains(artifact.digest)) return true;
    if (asked_.size() >= most_) return false;
    entry next;
    next.kind = artifact.kind;
    next.media_type = artifact.media_type;
    next.is_waiting = true;
    asked_.emplace(artifact.digest, std::move(next));
    wanted_.emplace_back(artifact.digest);
    return true;
}

void artifact_reader::want(const attached& all, const std::vector<std::string>& types, notice_list& notices) {
    bool fits = true;
    for (const reference& one : all.references) {
        if (needs_reading(one, types)) fits = want(*one.descriptor) && fits;
    }
    for (const reference& one : all.candidates) fits = want(*one.descriptor) && fits;
    if (fits) return;
    notices.add("more than " + std::to_string(most_) +
                " artifacts do not say in their entries what they are about or of which type they are, which is the "
                "limit: the rest was not read");
}

std::vector<oci::fetch_request> artifact_reader::questions() {
    std::vector<oci::fetch_request> all;
    all.reserve(wanted_.size());
    for (const auto& digest : wanted_) {
        all.push_back(
            oci::fetch_request_for(oci::fetch_request::kind::manifest, digest, request_.limits.document_bytes));
        all.back().media_type = asked_.find(digest)->second.media_type;
    }
    wanted_.clear();
    return all;
}

status artifact_reader::answer(std::string_view digest, const result<oci::fetch_response>& came) {
    entry& known = asked_.find(digest)->second;
    known.is_waiting = false;
    if (came.ok()) return take(digest, known.kind, known.media_type, came.value().documents.front());
    if (came.why().code == status_code::missing) known.present = resolve::tristate::no;
    return error(came.why());
}

void artifact_reader::answer(std::span<const oci::fetch_request> asked,
                             const std::vector<result<oci::fetch_response>>& came, notice_list& notices) {
    for (std::size_t i = 0; i < asked.size(); ++i) {
        status read = answer(asked[i].reference, came[i]);
        const bool is_missing = came[i].failed() && came[i].why().code == status_code::missing;
        if (read.failed() && !is_missing) notices.add(std::move(read).take().message);
    }
}

status artifact_reader::take(std::string_view digest, oci::media_kind kind, std::string_view media_type,
                             std::string_view bytes) {
    entry& known = asked_.try_emplace(std::string(digest)).first->second;
    known.present = resolve::tristate::yes;
    const std::string place = (kind == oci::media_kind::index ? "index " : "manifest ") + std::string(digest);
    if (kind == oci::media_kind::index) {
        oci::index index;
        status done = index.read(json_, bytes_of(bytes), request_.limits);
        if (done.ok()) done = keep(facts_of(index, request_), known);
        if (done.failed()) return std::move(done).in(place);
    } else {
        oci::manifest manifest;
        status done = manifest.read(json_, bytes_of(bytes), request_.limits);
        if (done.ok()) done = keep(facts_of(manifest, media_type, request_), known);
        if (done.failed()) return std::move(done).in(place);
    }
    return {};
}

/// Bytes of one artifact: what is made of it is kept, in each list and each record.
status artifact_reader::keep(artifact_facts facts, entry& into) {
    std::size_t bytes = 0;
    for (const auto type : facts.types) bytes += type.size();
    if (bytes > request_.limits.annotation_bytes) {
        return {status_code::limit_exceeded, "its types take " + std::to_string(bytes) +
                                                 " bytes, more than the limit of " +
                                                 std::to_string(request_.limits.annotation_bytes)};
    }
    facts.subject = keep(facts.subject);
    facts.artifact_type = keep(facts.artifact_type);
    for (auto& type : facts.types) type = keep(type);
    into.facts = std::move(facts);
    into.is_read = true;
    return {};
}

bool artifact_reader::is_waiting_for(std::string_view digest) const {
    const auto known = asked_.find(digest);
    return known != asked_.end() && known->second.is_waiting;
}

const artifact_facts* artifact_reader::find(std::string_view digest) const {
    const auto known = asked_.find(digest);
    return known == asked_.end() || !known->second.is_read ? nullptr : &known->second.facts;
}

void artifact_reader::complete(attached& all) const {
    for (reference& one : all.references) complete(one);
    for (reference& one : all.candidates) {
        const auto* const facts = find(one.digest());
        if (facts == nullptr || facts->is_image) continue;
        complete(one);
        all.references.push_back(one);
    }
}

void artifact_reader::complete(reference& one) const {
    const auto known = asked_.find(one.digest());
    if (known == asked_.end()) return;
    if (known->second.present != resolve::tristate::unknown) one.present = known->second.present;
    if (known->second.is_read) resolve::complete(one, known->second.facts);
}

}  // namespace refract::resolve
