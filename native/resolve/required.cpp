// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/required.h"

#include <algorithm>
#include <set>

#include "base/printable.h"

namespace refract::resolve {
namespace {

/// How many types, and how much of each, a message shows.
constexpr std::size_t most_shown = 8;
constexpr std::size_t most_of_a_type = 100;

std::string listed(const std::set<std::string_view>& types, std::string_view none_at_all) {
    std::string text;
    std::size_t shown = 0;
    for (const std::string_view type : types) {
        if (shown++ == most_shown) return text + " and more";
        text += (text.empty() ? "" : ", ") + printable(type, most_of_a_type);
    }
    return text.empty() ? std::string(none_at_all) : text;
}

std::string name_of(const walk& walk, const selection& chosen) {
    std::string name = "image " + std::string(walk.read().entry(chosen.place).digest);
    if (chosen.requested != none) name += " for " + walk.asked().wants[chosen.requested].name;
    return name;
}

}  // namespace

outcome check_required(const walk& walk, const attached& all) {
    const auto& required = walk.asked().required_types;
    if (required.empty()) return {};
    for (const selection& chosen : walk.selections()) {
        const auto subjects = subjects_around(walk, chosen);
        std::set<std::string_view> types;
        for (const reference& one : all.references) {
            if (!one.malformed.empty()) continue;
            if (std::find(subjects.begin(), subjects.end(), subject_of(walk, one)) == subjects.end()) continue;
            if (!one.type.empty()) types.insert(one.type);
            if (one.descriptor != nullptr && !one.descriptor->artifact_type.empty()) {
                types.insert(one.descriptor->artifact_type);
            }
        }
        std::set<std::string_view> missing;
        for (const std::string& type : required) {
            if (!types.contains(type)) missing.insert(type);
        }
        if (missing.empty()) continue;
        const std::string unread =
            all.unread_indexes == 0 ? "" : "; " + std::to_string(all.unread_indexes) + " nested indexes were not read";
        return {status::denied, "index " + walk.read()[0].digest + ": " + name_of(walk, chosen) +
                                    " lacks what the policy requires: " + listed(missing, "") + " (attached: " +
                                    listed(types, "nothing") + unread + "); attach it, or change required"};
    }
    return {};
}

}  // namespace refract::resolve
