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

std::string with_platform(const std::string& name, std::string_view platform) {
    return platform.empty() ? name : name + " for " + std::string(platform);
}

outcome refusal(const std::string& image, const std::set<std::string_view>& missing,
                const std::set<std::string_view>& types, std::string_view but, std::string_view remedy) {
    return {status::denied, image + " lacks what the policy requires: " + listed(missing, "") +
                                " (attached: " + listed(types, "nothing") + std::string(but) + "); " +
                                std::string(remedy) + ", or change required"};
}

/// What may hold what is missing.
std::string unread(std::uint32_t indexes) {
    if (indexes == 0) return {};
    return "; " + std::to_string(indexes) + (indexes == 1 ? " nested index was" : " nested indexes were") + " not read";
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
            types.insert({one.type, one.artifact_type()});
            types.insert(one.other_types.begin(), one.other_types.end());
        }
        types.erase(std::string_view());
        std::set<std::string_view> missing;
        for (const std::string& type : required) {
            if (!types.contains(type)) missing.insert(type);
        }
        if (missing.empty()) continue;
        const std::string image = "image " + std::string(walk.read().entry(chosen.place).digest);
        const std::string_view platform =
            chosen.requested == none ? std::string_view() : walk.asked().wants[chosen.requested].name;
        return refusal("index " + walk.read()[0].digest + ": " + with_platform(image, platform), missing, types,
                       unread(all.unread_indexes), "attach it");
    }
    return {};
}

outcome check_required(const request& request, std::string_view manifest) {
    if (request.required_types.empty()) return {};
    const std::set<std::string_view> missing(request.required_types.begin(), request.required_types.end());
    std::string platforms;
    for (const auto& want : request.wants) platforms += (platforms.empty() ? "" : ", ") + want.name;
    return refusal(with_platform("manifest " + printable(manifest), platforms), missing, {}, "; it is in no index",
                   "pull it by its index");
}

}  // namespace refract::resolve
