// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// The result of a walk that is done: which entries a pull follows, which a plain containerd would have followed too,
// and why each of the others was passed over.
#include <algorithm>

#include "base/printable.h"
#include "resolve/role.h"
#include "resolve/walk.h"

namespace refract::resolve {

const oci::platform& walk::platform_of(const selection& chosen) const {
    const oci::platform* const declared = documents_.platform_of(chosen.place);
    return declared != nullptr ? *declared : documents_[chosen.config].config->declared();
}

void walk::follow() {
    std::vector<bool> followed(documents_.size(), false);  // indexes on the way to a selection
    followed[0] = true;
    for (const selection& chosen : selections_) {
        for (const place hop : documents_.path_to(chosen.place)) {
            children_.push_back(hop);
            followed[hop.document] = true;
        }
    }
    // What the host could run, too, but not as well as what was selected, is of another platform: 386 beside amd64.
    std::vector<std::uint32_t> selected;
    for (const selection& chosen : selections_) {
        if (const auto rank = request_.any.rank(platform_of(chosen))) selected.push_back(rank->matcher);
    }
    const auto is_other_platform = [&](const oci::platform* declared) {
        if (declared == nullptr || request_.wants_all()) return false;
        const auto rank = request_.any.rank(*declared);
        return !rank || std::find(selected.begin(), selected.end(), rank->matcher) == selected.end();
    };
    const auto each_entry = [&](auto&& visit) {
        for (std::uint32_t number = 0; number < documents_.size(); ++number) {
            if (!followed[number]) continue;
            const auto count = static_cast<std::uint32_t>(documents_[number].index->entries().size());
            for (std::uint32_t position = 0; position < count; ++position) {
                const place where{number, position};
                const bool is_other = is_other_platform(documents_.platform_of(where));
                if (!is_other || request_.other_platforms) visit(where, is_other);
            }
        }
    };
    const auto follow_other = [&](place where, bool is_other) {
        const oci::descriptor& entry = documents_.entry(where);
        if (!is_other || entry.algorithm == oci::digest_algorithm::other) return;
        if (entry.data == oci::embedded::wrong) return;
        const role is = role_of(entry, documents_.platform_of(where), request_);
        const bool attestation = is == role::artifact && entry.kind == oci::media_kind::manifest &&
                                 oci::has(entry.marks, oci::mark::buildkit);
        if (is == role::image || attestation) children_.push_back(where);
    };
    if (request_.other_platforms) each_entry(follow_other);
    std::sort(children_.begin(), children_.end());
    children_.erase(std::unique(children_.begin(), children_.end()), children_.end());

    // The same content under two entries is here once it is here once.
    std::vector<std::string_view> here;
    for (const place child : children_) here.push_back(documents_.entry(child).digest);
    std::sort(here.begin(), here.end());
    each_entry([&](place where, bool) {
        const auto digest = documents_.entry(where).digest;
        if (!std::binary_search(here.begin(), here.end(), digest)) left_out_.push_back(where);
    });
}

const rejection* walk::rejected(place where) const {
    const auto found = rejections_.find(where);
    return found == rejections_.end() ? nullptr : &found->second;
}

bool walk::is_artifact(place where) const {
    const rejection* const known = rejected(where);
    if (known != nullptr) return known->artifact;
    // Another entry that names the same bytes may have been looked at.
    const oci::descriptor& entry = documents_.entry(where);
    const auto number = documents_.find(entry.digest);
    if (number == none) return false;
    if (documents_[number].kind == document_kind::index) return documents_[number].is_artifact;
    const auto judged = verdicts_.find({number, entry.media_type});
    return judged != verdicts_.end() && judged->second.foreign.has_value();
}

bool walk::is_child(place where) const { return std::binary_search(children_.begin(), children_.end(), where); }

std::string walk::why_not(place where) const {
    if (const rejection* const known = rejected(where)) return known->reason;
    const oci::descriptor& entry = documents_.entry(where);
    const oci::platform* const declared = documents_.platform_of(where);
    const role is = role_of(entry, declared, request_);
    if (is == role::other) return "neither a manifest nor an index, but " + quote(entry.media_type, 80);
    if (is == role::artifact) return describe_artifact(entry, declared);
    if (declared != nullptr && !request_.matches(*declared)) {
        return "platform " + oci::describe(*declared) + " does not match";
    }
    if (is == role::index) {
        return documents_.find(entry.digest, document_kind::index) != none ? "nothing in it was selected"
                                                                           : "nested index, not needed";
    }
    return declared == nullptr ? "declares no platform, and an entry that does was selected"
                               : "an earlier or better match was selected";
}

error walk::nothing_matches() const {
    static constexpr std::size_t most = 3000;  // leaves room for the reference in front, within one error message
    std::string wanted;
    for (const auto& want : request_.wants) wanted += (wanted.empty() ? " for " : " or ") + want.name;
    std::string text = "no image" + wanted + " in index " + documents_[0].digest;
    std::size_t unsaid = 0;
    bool first = true;
    documents_.for_each_entry([&](place where, const oci::descriptor& entry) {
        const bool opened = entry.kind == oci::media_kind::index && rejected(where) == nullptr &&
                            documents_.find(entry.digest, document_kind::index) != none;
        if (opened) return;  // its entries speak for it
        if (text.size() > most) {
            ++unsaid;
            return;
        }
        text += (first ? ": " : "; ") + documents_.describe(where) + ": " + why_not(where);
        first = false;
    });
    if (first)
        text += documents_[0].index->entries().empty() ? ": it has no entries"
                                                       : ": nor in the indexes nested in it, which have no entries";
    if (unsaid > 0) text += "; and " + std::to_string(unsaid) + " more";
    return {status_code::no_match, text};
}

}  // namespace refract::resolve
