// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "abi/arrays.h"

#include "abi/guard.h"
#include "oci/kind.h"

namespace refract::abi {
namespace {

static_assert(REFRACT_NONE == resolve::none);
static_assert(static_cast<int>(REFRACT_DOCUMENT_CONFIG) == static_cast<int>(resolve::document_kind::config));
static_assert(static_cast<int>(REFRACT_SOURCE_COSIGN_TAG) == static_cast<int>(resolve::source_cosign_tag));
static_assert(static_cast<int>(REFRACT_KIND_NYDUS) == static_cast<int>(oci::kind_nydus));
static_assert(static_cast<int>(REFRACT_UNKNOWN) == static_cast<int>(resolve::tristate::unknown));
static_assert(static_cast<int>(REFRACT_NODE_SUBJECT) == static_cast<int>(resolve::node::kind::subject));
static_assert(static_cast<int>(REFRACT_NODE_SELECTED) == static_cast<int>(resolve::node::selected));
static_assert(static_cast<int>(REFRACT_CANCELLED) == static_cast<int>(status_code::cancelled));

refract_place place_of(resolve::place from) noexcept { return {from.document, from.position}; }

std::vector<refract_place> places_of(const std::vector<resolve::place>& from) {
    std::vector<refract_place> places;
    places.reserve(from.size());
    for (const auto one : from) places.push_back(place_of(one));
    return places;
}

}  // namespace

const refract_platform* platform_arena::keep(const oci::platform* from) {
    if (from == nullptr) return nullptr;
    held& kept = held_.emplace_back();
    for (const auto feature : from->os_features) kept.features.push_back(text(feature));
    kept.platform = {text(from->os),         text(from->architecture), text(from->variant),
                     text(from->os_version), kept.features.data(),     kept.features.size()};
    return &kept.platform;
}

refract_descriptor describe(const oci::descriptor& from, const refract_platform* platform) noexcept {
    return {text(from.media_type), text(from.digest), text(from.artifact_type), from.size, platform};
}

result_arrays::result_arrays(const resolve::walk& walk)
    : children_(places_of(walk.children())), left_out_(places_of(walk.left_out())) {
    const auto& documents = walk.read();
    for (std::uint32_t number = 0; number < documents.size(); ++number) {
        const auto& one = documents[number];
        documents_.push_back({static_cast<refract_document_kind>(one.kind), text(one.media_type), text(one.digest),
                              one.size, place_of(one.place)});
    }
    for (const auto& chosen : walk.selections()) {
        const auto& path = paths_.emplace_back(places_of(documents.path_to(chosen.place)));
        const oci::platform& platform = walk.platform_of(chosen);
        selections_.push_back({describe(documents.entry(chosen.place), platforms_.keep(&platform)),
                               text(documents[chosen.config].digest), chosen.requested, path.data(), path.size()});
    }
    view_.documents = documents_.data();
    view_.documents_count = documents_.size();
    view_.selections = selections_.data();
    view_.selections_count = selections_.size();
    view_.children = children_.data();
    view_.children_count = children_.size();
    view_.left_out = left_out_.data();
    view_.left_out_count = left_out_.size();
}

note_arrays::note_arrays(const resolve::walk& walk) {
    walk.read().for_each_entry([&](resolve::place where, const oci::descriptor& entry) {
        if (walk.is_child(where)) return;
        const auto& reason = reasons_.emplace_back(walk.why_not(where));
        notes_.push_back({place_of(where), text(entry.digest), text(reason)});
    });
    view_ = {notes_.data(), notes_.size()};
}

refract_reference reference_form::describe(const resolve::reference& from) {
    refract_reference made{};
    if (from.descriptor != nullptr) made.descriptor = abi::describe(*from.descriptor, platforms_.keep(from.platform));
    made.artifact_type = text(from.artifact_type);
    made.subject = text(from.subject);
    made.malformed = text(from.malformed);
    made.type = text(from.type);
    made.description = text(from.description);
    made.annotation = text(from.annotation);
    made.value = text(from.value);
    made.sources = from.sources;
    made.tag = text(from.tag);
    made.weak = static_cast<refract_answer>(from.weak);
    made.present = static_cast<refract_answer>(from.present);
    made.wanted = from.wanted ? 1 : 0;
    made.place = place_of(from.place);
    made.kinds = from.kinds;
    made.unread = from.unread ? 1 : 0;
    if (!from.other_types.empty()) {
        auto& types = types_.emplace_back();
        for (const auto type : from.other_types) types.push_back(text(type));
        made.other_types = types.data();
        made.other_types_count = types.size();
    }
    return made;
}

refract_node reference_form::describe(const resolve::node& from, const std::vector<resolve::reference>& references,
                                      const resolve::walk* walk, const refract_descriptor& root) {
    refract_node made{};
    made.kind = static_cast<refract_node_kind>(from.kind);
    made.depth = from.depth;
    made.flags = from.flags;
    made.reference = from.reference;
    made.descriptor = root;
    if (from.kind == resolve::node::kind::subject) {
        made.descriptor = {};
        made.descriptor.digest = text(from.subject);
    } else if (from.kind == resolve::node::kind::reference) {
        const auto& shown = references[from.reference];
        made.descriptor = {};
        if (shown.descriptor != nullptr) {
            made.descriptor = abi::describe(*shown.descriptor, platforms_.keep(shown.platform));
        }
    } else if (from.place.document != resolve::none) {
        made.descriptor =
            abi::describe(walk->read().entry(from.place), platforms_.keep(walk->read().platform_of(from.place)));
    }
    return made;
}

reference_arrays::reference_arrays(const resolve::told_image& image, const resolve::attached& all,
                                   const refract_descriptor& root, std::vector<std::string> notices)
    : told_(std::move(notices)) {
    for (const auto& one : all.references) references_.push_back(form_.describe(one));
    for (const auto& one : resolve::tree_of(image, all.references)) {
        nodes_.push_back(form_.describe(one, all.references, image.walk, root));
    }
    for (const auto& one : told_) notices_.push_back(text(one));
    view_ = {references_.data(), references_.size(), nodes_.data(),     nodes_.size(),
             notices_.data(),    notices_.size(),    all.unread_indexes};
}

}  // namespace refract::abi
