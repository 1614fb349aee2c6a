// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Which of the references that were found are told.
#include <algorithm>
#include <set>

#include "inspect/image.h"
#include "oci/manifest.h"

namespace refract::inspect {

result<std::optional<std::vector<std::string>>> image::focus(const listing_request& request) {
    std::optional<std::vector<std::string>> none;
    if (!request.platform || !is_index()) return none;
    resolve::request select;
    select.limits = request.limits;
    select.wants.push_back({oci::describe(*request.platform), oci::platform_preference::compatible(*request.platform)});
    select.any = select.wants.front().preference;
    REFRACT_ASSIGN(auto walked, walk(select));
    const auto& walk = *walked;
    std::vector<std::string> subjects{root_.digest};
    for (const auto step : walk.read().path_to(walk.selections().front().place)) {
        subjects.emplace_back(walk.read().entry(step).digest);
    }
    return std::optional(std::move(subjects));
}

std::vector<bool> image::reached_from(std::set<std::string_view> subjects, bool further) const {
    const auto& references = listing_.references;
    std::vector<bool> reached(references.size(), false);
    for (bool more = true; more;) {
        more = false;
        for (std::size_t i = 0; i < references.size(); ++i) {
            if (reached[i] || !subjects.contains(subject_of(told(), references[i]))) continue;
            reached[i] = true;
            const auto digest = references[i].digest();
            if (further && !digest.empty()) more = subjects.insert(digest).second || more;
        }
    }
    return reached;
}

status image::narrow(const listing_request& request, const std::optional<std::vector<std::string>>& subjects) {
    const auto& references = listing_.references;
    std::vector<bool> kept(references.size(), true);
    if (subjects) kept = reached_from({subjects->begin(), subjects->end()}, !request.direct);
    std::set<std::string_view> artifacts;
    for (const auto& one : references) artifacts.insert(one.digest());
    for (std::size_t i = 0; i < references.size(); ++i) {
        const auto& one = references[i];
        const auto is_of = [&](const std::string& type) { return type.empty() || one.is_of(type); };
        kept[i] = kept[i] && is_of(request.type) && is_of(request.artifact_type) &&
                  (!request.direct || !artifacts.contains(subject_of(told(), one)));
    }
    if (!request.annotations.empty()) {
        REFRACT_TRY(match_annotations(request, kept));
    }
    for (std::uint32_t i = 0; i < kept.size(); ++i) {
        if (kept[i]) listing_.told.push_back(i);
    }
    const bool by_reference =
        !request.type.empty() || !request.artifact_type.empty() || !request.annotations.empty() || request.direct;
    build_tree(kept, subjects, by_reference);
    return {};
}

/// A descriptor says most things; where it does not, the artifact's manifest is asked.
status image::match_annotations(const listing_request& request, std::vector<bool>& kept) {
    std::vector<oci::fetch_request> questions;
    std::vector<std::size_t> numbers;
    for (std::size_t i = 0; i < kept.size(); ++i) {
        const auto* const descriptor = listing_.references[i].descriptor;
        if (!kept[i]) continue;
        kept[i] = false;
        if (descriptor == nullptr) continue;
        const bool matches = std::all_of(
            request.annotations.begin(), request.annotations.end(),
            [&](const auto& wanted) { return oci::annotation_of(*descriptor, wanted.first) == wanted.second; });
        if (matches) {
            kept[i] = true;
        } else if (descriptor->kind == oci::media_kind::manifest) {
            questions.push_back(oci::fetch_request_for(oci::fetch_request::kind::manifest, descriptor->digest,
                                                       request.limits.document_bytes));
            numbers.push_back(i);
        }
    }
    const auto asked = ask_optional(questions);
    if (asked.failed()) return error(asked.why());
    resolve::notice_list unread;
    const auto& answers = asked.value();
    for (std::size_t n = 0; n < answers.size(); ++n) {
        if (answers[n].failed()) {
            // Dangling, it says nothing; else whether it has the annotation is not known.
            if (answers[n].why().code != status_code::missing) unread.add(answers[n].why().message);
            continue;
        }
        oci::json_reader json(request.limits.json_depth);
        oci::manifest manifest;
        const auto& bytes = answers[n].value().documents.front();
        status read = manifest.read(json, std::as_bytes(std::span(bytes)), request.limits);
        if (read.failed()) {
            unread.add("manifest " + questions[n].reference + ": " + read.why().message);
            continue;
        }
        const auto& descriptor = *listing_.references[numbers[n]].descriptor;
        kept[numbers[n]] = std::all_of(request.annotations.begin(), request.annotations.end(), [&](const auto& wanted) {
            const auto said = oci::annotation_of(descriptor, wanted.first);
            return (said.empty() ? manifest.annotation(wanted.first) : said) == wanted.second;
        });
    }
    for (auto& notice : unread.all()) listing_.notices.push_back(std::move(notice));
    return {};
}

/// The whole tree first, then without what was not asked for: what leads to something that was asked for stays.
void image::build_tree(const std::vector<bool>& kept, const std::optional<std::vector<std::string>>& subjects,
                       bool references_only) {
    const auto nodes = resolve::tree_of(told(), listing_.references);
    std::vector<bool> stays(nodes.size(), false);
    std::vector<bool> leads(1, false);  // by depth: something below, at that depth, stays
    for (std::size_t i = nodes.size(); i-- > 0;) {
        const auto& node = nodes[i];
        if (leads.size() < node.depth + 2u) leads.resize(node.depth + 2u, false);
        bool wanted = leads[node.depth + 1];
        if (node.kind == resolve::node::kind::reference) {
            wanted = wanted || kept[node.reference];
        } else if (node.kind != resolve::node::kind::subject && node.depth > 0 && !references_only) {
            const auto digest = walk_->read().entry(node.place).digest;
            wanted = wanted || !subjects || std::find(subjects->begin(), subjects->end(), digest) != subjects->end();
        }
        stays[i] = wanted || node.depth == 0;
        std::fill(leads.begin() + node.depth + 1, leads.end(), false);
        leads[node.depth] = leads[node.depth] || stays[i];
    }
    for (std::size_t i = 0; i < nodes.size(); ++i) {
        if (stays[i]) listing_.tree.push_back(nodes[i]);
    }
}

}  // namespace refract::inspect
