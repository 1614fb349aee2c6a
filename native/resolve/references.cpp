// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/references.h"

#include <algorithm>
#include <array>
#include <bit>
#include <map>
#include <set>
#include <tuple>
#include <unordered_map>

#include "base/printable.h"
#include "oci/annotations.h"
#include "oci/kind.h"
#include "resolve/artifact_facts.h"
#include "resolve/role.h"

namespace refract::resolve {
namespace {

namespace annotation = oci::annotation;

/// Calls `visit(place, entry, role)` for each entry of each index that was read.
template <class Visit>
void for_each_entry(const walk& walk, Visit&& visit) {
    const documents& documents = walk.read();
    documents.for_each_entry([&](place where, const oci::descriptor& entry) {
        visit(where, entry, role_of(entry, documents.platform_of(where), walk.asked()));
    });
}

/// The subject as an annotation gives it, or what is wrong with it.
void set_subject(std::string_view text, reference& into) {
    oci::digest_algorithm algorithm{};
    if (oci::parse_digest(text, algorithm)) {
        into.subject = text;
    } else {
        into.malformed = printable(text, 256);
    }
}

/// A reference of an entry that its descriptor marks as an artifact: who marked it says what it is about.
void read_marks(const oci::descriptor& entry, reference& into) {
    std::string_view subject;
    if (oci::has(entry.marks, oci::mark::reference)) {
        into.sources |= source_index;
        subject = oci::annotation_of(entry, annotation::reference_digest);
        into.type = oci::annotation_of(entry, annotation::reference_type);
        into.description = oci::annotation_of(entry, annotation::reference_description);
    }
    if (oci::has(entry.marks, oci::mark::buildkit)) {
        into.sources |= source_buildkit;
        if (subject.empty()) subject = oci::annotation_of(entry, annotation::buildkit_digest);
        if (into.type.empty()) into.type = oci::annotation_of(entry, annotation::buildkit_type);
    }
    if (oci::has(entry.marks, oci::mark::soci)) {
        into.sources |= source_soci;
        if (subject.empty()) subject = oci::annotation_of(entry, annotation::soci_image_digest);
        if (into.type.empty() && entry.artifact_type.empty()) into.type = "soci-index";
    }
    if (into.sources == 0) into.sources = source_index;
    if (oci::is_empty_type(into.type)) into.type = into.artifact_type;
    if (!subject.empty()) set_subject(subject, into);
}

/// What the bytes say where the descriptor is silent; the descriptor wins where they disagree.
void read_bytes(const walk& walk, reference& into) {
    const auto number = walk.read().find(into.digest());
    if (number == none) return;
    const document& read = walk.read()[number];
    if (read.kind == document_kind::manifest) {
        complete(into, facts_of(*read.manifest, into.descriptor->media_type, walk.asked()));
    } else if (read.kind == document_kind::index) {
        complete(into, facts_of(*read.index, walk.asked()));
    }
}

reference reference_to(const walk& walk, place where, const oci::descriptor& entry) {
    reference found;
    found.descriptor = &entry;
    found.platform = walk.read().platform_of(where);
    found.place = where;
    if (!oci::is_empty_type(entry.artifact_type)) found.artifact_type = entry.artifact_type;
    // A plain blob is what its media type says.
    if (found.artifact_type.empty() && entry.kind == oci::media_kind::other) found.artifact_type = entry.media_type;
    read_marks(entry, found);
    add_stated_types(found);
    read_bytes(walk, found);
    return found;
}

/// What bytes alone can tell from an image: an entry without a whole platform, which was not read.
bool is_candidate(const walk& walk, place where, const oci::descriptor& entry) {
    const oci::platform* const declared = walk.read().platform_of(where);
    return (declared == nullptr || !is_whole(*declared)) && entry.algorithm != oci::digest_algorithm::other &&
           walk.read().find(entry.digest) == none;
}

void add_inline_signatures(const oci::descriptor& entry, place where, std::vector<reference>& into) {
    simdjson::dom::object object;
    if (entry.annotations.get(object) != simdjson::SUCCESS) return;
    for (const auto [key, field] : object) {
        reference found;
        if (!oci::is_inline_signature(key, found.type) || field.get(found.value) != simdjson::SUCCESS) continue;
        found.annotation = key;
        if (!found.value.empty()) found.kinds = oci::kinds_of(found.type);
        found.subject = entry.digest;
        found.sources = source_annotation;
        found.place = where;
        into.push_back(std::move(found));
    }
}

void settle_weakness(const told_image& image, attached& all) {
    std::vector<std::string_view> listed{image.root};
    for (const reference& one : all.references) {
        if (one.place.document == none) listed.push_back(one.digest());  // found elsewhere, where something lists it
    }
    std::set<std::string_view> unread;
    if (image.walk != nullptr) {
        for_each_entry(*image.walk, [&](place, const oci::descriptor& entry, role is) {
            listed.push_back(entry.digest);
            const bool was_read = image.walk->read().find(entry.digest, document_kind::index) != none;
            if (is == role::index && !was_read) unread.insert(entry.digest);
        });
    }
    std::sort(listed.begin(), listed.end());
    all.unread_indexes = static_cast<std::uint32_t>(unread.size());
    const tristate absent = unread.empty() ? tristate::yes : tristate::unknown;
    for (reference& one : all.references) {
        if (one.subject.empty()) {
            one.weak = tristate::unknown;
        } else {
            one.weak = std::binary_search(listed.begin(), listed.end(), one.subject) ? tristate::no : absent;
        }
    }
}

/// Policy: what is about a subject that counts, or a reference that is itself wanted.
void settle_wanted(const told_image& image, const request& policy, std::vector<reference>& references) {
    if (!policy.fetch_references) return;
    std::unordered_multimap<std::string_view, reference*> by_subject;
    for (reference& one : references) {
        const bool fetchable = one.descriptor != nullptr && one.descriptor->kind != oci::media_kind::other &&
                               one.descriptor->algorithm != oci::digest_algorithm::other;
        if (fetchable && is_of_wanted_type(policy, one)) by_subject.emplace(subject_of(image, one), &one);
    }
    std::vector<std::string_view> subjects = subjects_of(image, policy);
    while (!subjects.empty()) {
        const auto subject = subjects.back();
        subjects.pop_back();
        const auto [begin, end] = by_subject.equal_range(subject);
        for (auto one = begin; one != end; ++one) {
            if (one->second->wanted) continue;
            one->second->wanted = true;
            subjects.push_back(one->second->digest());
        }
    }
}

/// A policy may ask for it by whatever `again` calls it. Not compared with all of `kept`: an index may list it very
/// often.
void add_types(const reference& again, reference& kept) {
    const auto add = [&](std::string_view type) {
        if (!type.empty() && type != kept.type && type != kept.artifact_type) kept.other_types.push_back(type);
    };
    add(again.type);
    add(again.artifact_type);
    for (const std::string_view type : again.other_types) add(type);
}

}  // namespace

std::string_view source_name(std::uint32_t one) noexcept {
    static constexpr std::array<std::string_view, 8> names{
        "index", "annotation", "buildkit", "soci", "digest-tag", "referrers-api", "referrers-tag", "cosign-tag"};
    if (!std::has_single_bit(one)) return {};
    const auto number = static_cast<std::size_t>(std::countr_zero(one));
    return number < names.size() ? names[number] : std::string_view();
}

bool reference::is_of(std::string_view asked) const noexcept {
    if (const auto kind = oci::kind_named(asked); kind != 0) return (kinds & kind) != 0;
    return type == asked || artifact_type == asked ||
           std::find(other_types.begin(), other_types.end(), asked) != other_types.end();
}

void add_stated_types(reference& one) {
    const auto held = oci::type_in_bundle(oci::annotation_of(*one.descriptor, annotation::bundle_predicate),
                                          oci::annotation_of(*one.descriptor, annotation::bundle_content));
    if (!held.empty()) one.other_types.push_back(held);
    one.kinds = kinds_of(one);
    one.unread = needs_reading(one);
}

bool needs_reading(const reference& one) {
    if (one.descriptor == nullptr || one.descriptor->kind == oci::media_kind::other ||
        one.descriptor->algorithm == oci::digest_algorithm::other) {
        return false;
    }
    if (one.subject.empty() && one.malformed.empty()) return true;
    if (oci::is_empty_type(one.type)) return true;
    if ((one.kinds & ~static_cast<std::uint32_t>(oci::kind_attestation)) != 0) return false;
    const auto& types = one.other_types;
    return oci::is_envelope(one.type) || oci::is_envelope(one.artifact_type) ||
           std::any_of(types.begin(), types.end(), oci::is_envelope);
}

bool needs_reading(const reference& one, const std::vector<std::string>& asked) {
    if (needs_reading(one)) return true;
    if (one.descriptor == nullptr || one.descriptor->kind == oci::media_kind::other ||
        one.descriptor->algorithm == oci::digest_algorithm::other || !one.artifact_type.empty()) {
        return false;
    }
    return std::any_of(asked.begin(), asked.end(), [&](const std::string& type) {
        // What is of a known kind by one name is not looked into for another kind.
        return oci::kind_named(type) == 0 ? !one.is_of(type) : one.kinds == 0;
    });
}

std::uint32_t kinds_of(const reference& one) {
    std::uint32_t kinds = oci::kinds_of(one.type) | oci::kinds_of(one.artifact_type);
    for (const auto type : one.other_types) kinds |= oci::kinds_of(type);
    return kinds;
}

namespace {

/// Adds what `again` tells of the same reference.
void fold(const reference& again, reference& kept) {
    kept.sources |= again.sources;
    if (oci::is_empty_type(kept.artifact_type)) kept.artifact_type = again.artifact_type;
    if (kept.type.empty()) kept.type = again.type;
    add_types(again, kept);
    kept.kinds |= again.kinds;
    kept.unread = kept.unread && again.unread;
    kept.by_bytes = kept.by_bytes || again.by_bytes;
    if (kept.description.empty()) kept.description = again.description;
    if (kept.tag.empty()) kept.tag = again.tag;
    if (kept.present == tristate::unknown) kept.present = again.present;
    if (kept.place.document == none) kept.place = again.place;
}

/// Whoever lists an artifact and leaves out what it is about means the one that others name.
void fold_unstated(std::vector<reference>& merged) {
    std::unordered_map<std::string_view, std::size_t> stated;  // number of the first, by digest
    for (std::size_t i = 0; i < merged.size(); ++i) {
        if (!merged[i].subject.empty() && !merged[i].digest().empty()) stated.try_emplace(merged[i].digest(), i);
    }
    const auto is_folded = [&](reference& one) {
        const bool unstated = one.descriptor != nullptr && one.subject.empty() && one.malformed.empty();
        const auto found = unstated ? stated.find(one.digest()) : stated.end();
        if (found == stated.end()) return false;
        fold(one, merged[found->second]);
        return true;
    };
    std::vector<reference> all;
    std::vector<bool> gone(merged.size());
    for (std::size_t i = 0; i < merged.size(); ++i) gone[i] = is_folded(merged[i]);
    for (std::size_t i = 0; i < merged.size(); ++i) {
        if (!gone[i]) all.push_back(std::move(merged[i]));
    }
    merged = std::move(all);
}

}  // namespace

void merge(std::vector<reference>& references) {
    std::map<std::tuple<std::string_view, std::string_view, std::string>, std::size_t> first;
    std::vector<reference> merged;
    for (reference& one : references) {
        // An annotation is known by its key, and what it holds; it cannot be taken for an artifact's digest.
        const auto key = one.descriptor == nullptr ? std::tuple(one.annotation, one.subject, std::string(one.value))
                                                   : std::tuple(one.digest(), one.subject, one.malformed);
        const auto [known, is_new] = first.try_emplace(key, merged.size());
        if (is_new) {
            merged.push_back(std::move(one));
        } else {
            fold(one, merged[known->second]);
        }
    }
    fold_unstated(merged);
    for (reference& one : merged) {
        auto& types = one.other_types;
        std::sort(types.begin(), types.end());
        types.erase(std::unique(types.begin(), types.end()), types.end());
    }
    references = std::move(merged);
}

std::string_view subject_of(const told_image& image, const reference& one) {
    if (!one.subject.empty()) return one.subject;
    const bool in_index = image.walk != nullptr && one.place.document != none;
    return in_index ? std::string_view(image.walk->read()[one.place.document].digest) : image.root;
}

std::vector<std::string_view> subjects_of(const told_image& image, const request& policy) {
    std::vector<std::string_view> subjects;
    std::set<std::string_view> known;  // an index may list one image very often
    const auto add = [&](std::string_view digest) {
        if (known.insert(digest).second) subjects.push_back(digest);
    };
    add(image.root);
    if (image.walk == nullptr) return subjects;
    for (const selection& chosen : image.walk->selections()) {
        for (const std::string_view around : subjects_around(*image.walk, chosen)) add(around);
    }
    if (policy.references_of_all_platforms) {
        for_each_entry(*image.walk, [&](place where, const oci::descriptor& entry, role is) {
            if ((is == role::image || is == role::index) && !image.walk->is_artifact(where)) add(entry.digest);
        });
    }
    return subjects;
}

bool is_of_wanted_type(const request& policy, const reference& one) {
    const auto& types = policy.reference_types;
    return types.empty() ||
           std::any_of(types.begin(), types.end(), [&](const std::string& type) { return one.is_of(type); });
}

void settle(const told_image& image, const request& policy, attached& all) {
    settle_weakness(image, all);
    settle_wanted(image, policy, all.references);
}

std::vector<std::string_view> subjects_around(const walk& walk, const selection& chosen) {
    const documents& documents = walk.read();
    std::vector<std::string_view> subjects{documents[0].digest};
    for (const place step : documents.path_to(chosen.place)) subjects.push_back(documents.entry(step).digest);
    return subjects;
}

bool is_whole(const oci::platform& declared) { return !declared.os.empty() && !declared.architecture.empty(); }

attached find_attached(const walk& walk) {
    attached all;
    for_each_entry(walk, [&](place where, const oci::descriptor& entry, role is) {
        if (is == role::artifact || is == role::other || walk.is_artifact(where)) {
            all.references.push_back(reference_to(walk, where, entry));
            all.references.back().by_bytes = is == role::image || is == role::index;
        } else if (is == role::image && is_candidate(walk, where, entry)) {
            reference perhaps = reference_to(walk, where, entry);
            perhaps.by_bytes = true;
            all.candidates.push_back(std::move(perhaps));
        }
        if (oci::has(entry.marks, oci::mark::inline_signature)) add_inline_signatures(entry, where, all.references);
    });
    merge(all.references);
    settle(told_by(walk), walk.asked(), all);
    return all;
}

status check_wanted(const told_image& image, const request& policy, const attached& all) {
    std::set<std::string_view> artifacts;  // one may be about several subjects
    for (const reference& one : all.references) {
        if (one.wanted) artifacts.insert(one.digest());
    }
    const auto wanted = artifacts.size();
    const auto most = policy.limits.fetched_references;
    if (wanted <= most) return {};
    return {status_code::limit_exceeded, describe(image) + ": " + std::to_string(wanted) +
                                             " references are to be fetched, more than the limit of " +
                                             std::to_string(most) + " (narrow the types that the policy fetches)"};
}

std::string describe(const told_image& image) {
    return (image.walk == nullptr ? "manifest " : "index ") + printable(image.root, 256);
}

}  // namespace refract::resolve
