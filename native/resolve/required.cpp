// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/required.h"

#include <algorithm>
#include <set>

#include "base/printable.h"
#include "oci/kind.h"

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

status refusal(const std::string& image, const std::set<std::string_view>& missing,
               const std::set<std::string_view>& types, std::string_view but, std::string_view remedy) {
    return {status_code::denied, image + " lacks what the policy requires: " + listed(missing, "") +
                                     " (attached: " + listed(types, "nothing") + std::string(but) + "); " +
                                     std::string(remedy) + ", or change required"};
}

/// What may hold what is missing.
std::string unread(std::uint32_t indexes) {
    if (indexes == 0) return {};
    return "; " + std::to_string(indexes) + (indexes == 1 ? " nested index was" : " nested indexes were") + " not read";
}

/// An image that was selected, and what counts as attached to it.
struct chosen_image {
    std::string name;
    std::vector<std::string_view> subjects;
};

std::vector<chosen_image> chosen_of(const told_image& image, const request& policy) {
    std::vector<chosen_image> all;
    if (image.walk == nullptr) {
        std::string platforms;
        for (const auto& want : policy.wants) platforms += (platforms.empty() ? "" : ", ") + want.name;
        all.push_back({with_platform(describe(image), platforms), {image.root}});
        return all;
    }
    for (const selection& chosen : image.walk->selections()) {
        const std::string name = "image " + std::string(image.walk->read().entry(chosen.place).digest);
        const std::string_view platform =
            chosen.requested == none ? std::string_view() : policy.wants[chosen.requested].name;
        all.push_back({describe(image) + ": " + with_platform(name, platform), subjects_around(*image.walk, chosen)});
    }
    return all;
}

bool counts(const reference& one) {
    if (one.descriptor == nullptr) return one.value.find_first_not_of(" \t\r\n") != std::string_view::npos;
    if (one.descriptor->algorithm == oci::digest_algorithm::other || one.descriptor->size == 0) return false;
    const bool is_about_unknown = one.unread && one.subject.empty();
    return one.malformed.empty() && !is_about_unknown && one.present != tristate::no;
}

std::vector<const reference*> counted_for(const told_image& image, const chosen_image& chosen, const attached& all) {
    std::vector<const reference*> counted;
    const auto& subjects = chosen.subjects;
    for (const reference& one : all.references) {
        if (!counts(one)) continue;
        if (std::find(subjects.begin(), subjects.end(), subject_of(image, one)) == subjects.end()) continue;
        counted.push_back(&one);
    }
    return counted;
}

/// Every kind and type of what is there; for messages.
std::set<std::string_view> types_of(const std::vector<const reference*>& counted) {
    std::set<std::string_view> types;
    for (const reference* const one : counted) {
        types.insert({one->type, one->artifact_type});
        types.insert(one->other_types.begin(), one->other_types.end());
        for (std::uint32_t kind = 1; kind <= oci::kind_nydus; kind <<= 1)
            types.insert(oci::kind_name(one->kinds & kind));
    }
    types.erase(std::string_view());
    return types;
}

std::set<std::string_view> missing_of(const std::vector<std::string>& wanted,
                                      const std::vector<const reference*>& counted) {
    std::set<std::string_view> missing;
    for (const std::string& type : wanted) {
        const bool is_there =
            std::any_of(counted.begin(), counted.end(), [&](const reference* one) { return one->is_of(type); });
        if (!is_there) missing.insert(type);
    }
    return missing;
}

}  // namespace

status check_required(const told_image& image, const request& policy, const attached& all, std::string_view but) {
    if (policy.required_types.empty()) return {};
    const bool alone = image.walk == nullptr;
    for (const chosen_image& chosen : chosen_of(image, policy)) {
        const auto counted = counted_for(image, chosen, all);
        const auto missing = missing_of(policy.required_types, counted);
        if (missing.empty()) continue;
        const std::string also = (alone ? "; it is in no index" : unread(all.unread_indexes)) + std::string(but);
        return refusal(chosen.name, missing, types_of(counted), also, alone ? "pull it by its index" : "attach it");
    }
    return {};
}

bool lacks_any(const told_image& image, const request& policy, const std::vector<std::string>& types,
               const attached& all) {
    const auto chosen = chosen_of(image, policy);
    return std::any_of(chosen.begin(), chosen.end(), [&](const chosen_image& one) {
        return !missing_of(types, counted_for(image, one, all)).empty();
    });
}

}  // namespace refract::resolve
