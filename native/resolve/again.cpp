// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/again.h"

#include <algorithm>
#include <map>
#include <set>
#include <tuple>

#include "resolve/predict/models.h"

namespace refract::resolve {
namespace {

/// What containerd takes, beginning with the root of a walk.
struct taken {
    std::string_view digest;  ///< empty: nothing
    std::vector<place> path;
    bool is_unread_index = false;  ///< it goes on from there
};

taken take(const documents& read, const oci::platform_preference& runs) {
    taken into;
    std::uint32_t number = 0;
    for (;;) {
        const oci::index& index = *read[number].index;
        const oci::descriptor* const entry = containerd_entry(index, runs);
        // Of a media type that is no image's, containerd makes an error.
        if (entry == nullptr || entry->kind == oci::media_kind::other) return {};
        into.digest = entry->digest;
        into.path.push_back({number, static_cast<std::uint32_t>(entry - index.entries().data())});
        if (entry->kind != oci::media_kind::index) return into;
        number = read.find(entry->digest, document_kind::index);
        if (number == none) {
            into.is_unread_index = true;
            return into;
        }
    }
}

/// Collects what would be wrong for one platform after the other.
class comparison {
public:
    explicit comparison(const walk& walk) : walk_(walk) {
        for (const selection& one : walk.selections()) judged_.insert(walk.read().entry(one.place).digest);
    }

    /// `wanted`: the one manifest that will do; empty: each that was selected will.
    status compare(const std::string& platform, const oci::platform_preference& runs, std::string_view wanted) const {
        const taken found = take(walk_.read(), runs);
        if (found.digest.empty()) return {};
        const bool is_judged = wanted.empty() ? judged_.contains(found.digest) : found.digest == wanted;
        if (is_judged && !found.is_unread_index) return {};
        std::string text = "index " + walk_.read()[0].digest + ": asked for " + platform + ", containerd takes " +
                           describe(found.path) + ' ' + std::string(found.digest) + " from it";
        if (found.is_unread_index) {
            text += ", an index that was not read";
        } else if (wanted.empty()) {
            text += ", which was not selected";
        } else {
            text += ", not the selected image " + std::string(wanted);
        }
        return {status_code::denied, std::move(text)};
    }

private:
    const walk& walk_;
    std::set<std::string_view> judged_;
};

using platform_fields =
    std::tuple<std::string_view, std::string_view, std::string_view, std::string_view, std::vector<std::string_view>>;

platform_fields fields_of(const oci::platform& one) {
    return {one.os, one.architecture, one.variant, one.os_version, one.os_features};
}

bool is_ascii(const oci::platform& one) {
    for (const auto text : {one.os, one.architecture, one.variant}) {
        if (std::any_of(text.begin(), text.end(), [](char c) { return static_cast<unsigned char>(c) >= 0x80; }))
            return false;
    }
    return true;
}

/// Where all platforms were wanted, people may ask for any that an index declares. How many they are is bounded,
/// because a stranger's index may name as many as it has entries, and each is held against all entries.
status compare_all(const walk& walk, const comparison& with) {
    std::map<platform_fields, const oci::platform*> asked;
    for (const selection& one : walk.selections()) {
        const oci::platform& platform = walk.platform_of(one);
        asked.try_emplace(fields_of(platform), &platform);
    }
    const documents& read = walk.read();
    for (std::uint32_t number = 0; number < read.size(); ++number) {
        if (read[number].kind != document_kind::index) continue;
        const oci::index& index = *read[number].index;
        for (const oci::descriptor& entry : index.entries()) {
            const oci::platform* const declared = index.platform_of(entry);
            if (declared == nullptr || oci::is_unknown(*declared)) continue;
            if (!is_ascii(*declared)) {
                return {status_code::denied, "index " + read[0].digest + ": declares the platform " +
                                                 oci::describe(*declared) +
                                                 ", and it cannot be told what containerd takes for that"};
            }
            asked.try_emplace(fields_of(*declared), declared);
            if (asked.size() <= most_compared_platforms) continue;
            return {status_code::limit_exceeded, "index " + read[0].digest + ": declares more than " +
                                                     std::to_string(most_compared_platforms) +
                                                     " platforms, too many to tell what containerd takes for each"};
        }
    }
    for (const auto& [fields, platform] : asked) {
        const auto runs = oci::platform_preference::compatible(*platform);
        REFRACT_TRY(with.compare(oci::describe(*platform), runs, {}));
    }
    return {};
}

}  // namespace

status check_again(const walk& walk, const oci::platform* host) {
    const comparison with(walk);
    const auto& wants = walk.asked().wants;
    for (std::uint32_t number = 0; number < wants.size(); ++number) {
        const auto& all = walk.selections();
        const auto chosen = std::find_if(all.begin(), all.end(), [&](auto& one) { return one.requested == number; });
        const auto wanted = chosen == all.end() ? std::string_view() : walk.read().entry(chosen->place).digest;
        const auto& runs = wants[number].runs ? *wants[number].runs : wants[number].preference;
        REFRACT_TRY(with.compare(wants[number].name, runs, wanted));
    }
    if (host != nullptr) {
        const auto runs = oci::platform_preference::compatible(*host);
        const std::string name = oci::describe(*host);
        if (status done = with.compare(name + ", this host's", runs, {}); done.failed()) {
            return {done.why().code, done.why().message + ": ask for " + name + ", too"};
        }
    }
    return wants.empty() ? compare_all(walk, with) : status();
}

}  // namespace refract::resolve
