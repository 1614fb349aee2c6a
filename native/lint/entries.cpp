// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// How the entries of each index are ordered and described.
#include <algorithm>
#include <map>
#include <optional>
#include <set>
#include <tuple>

#include "base/printable.h"
#include "lint/rules.h"
#include "oci/annotations.h"

namespace refract::lint {
namespace {

using resolve::client;
using resolve::place;
using resolve::role;

bool holds_images(role is) { return is == role::image || is == role::index; }

const oci::platform* platform_of(const facts& about, place where) { return about.walk->read().platform_of(where); }

/// As a line of people would count them.
std::string counted(std::size_t count, std::string_view one, std::string_view many) {
    return count == 1 ? std::string(one) : std::to_string(count) + ' ' + std::string(many);
}

/// A platform with what it means where nothing is said: two that are alike here are one for all clients.
std::string normal_form(const oci::platform& declared) {
    oci::platform plain = declared;
    if (plain.architecture == "arm64" && plain.variant == "v8") plain.variant = {};
    if (plain.architecture == "arm" && plain.variant.empty()) plain.variant = "v7";
    std::sort(plain.os_features.begin(), plain.os_features.end());
    std::string text = oci::describe(plain);
    for (const auto feature : plain.os_features) text += '+' + printable(feature);
    return text;
}

/// The first entry of each index that is one of those looked for, and how many there are.
struct group {
    place first;
    std::size_t count = 0;

    void add(place where) {
        if (count++ == 0) first = where;
    }
};

}  // namespace

void check_artifact_before_image(const facts& about, report& to) {
    std::map<std::uint32_t, place> last_image;
    for_each_entry(about, [&](place where, const oci::descriptor&, role is) {
        if (holds_images(is)) last_image[where.document] = where;
    });
    std::map<std::uint32_t, group> before;
    for_each_entry(about, [&](place where, const oci::descriptor&, role is) {
        const auto image = last_image.find(where.document);
        if (!holds_images(is) && image != last_image.end() && where < image->second) before[where.document].add(where);
    });
    for (const auto& [document, found] : before) {
        to.at(found.first, counted(found.count, "an artifact stands", "artifacts stand") + " before " +
                               about.walk->read().describe(last_image[document]) +
                               ": list images first, because many clients take the first entry that fits");
    }
}

void check_unmarked_artifact(const facts& about, report& to) {
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role is) {
        const content* const known = about.find(entry.digest);
        if (is != role::artifact || known == nullptr || !known->foreign) return;
        if (resolve::role_of(entry, platform_of(about, where), about.walk->asked()) != role::image) return;
        to.at(where,
              "this is an artifact (" + printable(*known->foreign, 200) +
                  "), but its entry reads like an image's: give it an artifactType, or say what it is about in " +
                  std::string(oci::annotation::reference_digest));
    });
}

void check_image_without_platform(const facts& about, report& to) {
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role is) {
        if (is != role::image || platform_of(about, where) != nullptr) return;
        const content* const known = about.find(entry.digest);
        // What was not read may be an artifact that nothing marks.
        if (known == nullptr || known->manifest == nullptr) return;
        finding& found = to.at(where,
                               "this image declares no platform: regctl never takes it, to crane it is "
                               "linux/amd64, and skopeo takes it for any; declare the platform of its config");
        found.clients = {name_of(client::crane), name_of(client::regctl), name_of(client::skopeo)};
    });
}

void check_platform_less_artifact(const facts& about, report& to) {
    std::map<std::uint32_t, group> all;
    for_each_entry(about, [&](place where, const oci::descriptor&, role is) {
        if (is == role::artifact && platform_of(about, where) == nullptr) all[where.document].add(where);
    });
    for (const auto& [document, found] : all) {
        finding& told =
            to.at(found.first, counted(found.count, "an artifact declares", "artifacts declare") +
                                   " no platform: crane takes such entries for linux/amd64, and containerd and skopeo "
                                   "try them where nothing matches; \"unknown/unknown\" keeps them away");
        told.clients = {name_of(client::containerd), name_of(client::crane), name_of(client::skopeo)};
    }
}

void check_artifact_with_platform(const facts& about, report& to) {
    for_each_entry(about, [&](place where, const oci::descriptor&, role is) {
        const oci::platform* const declared = platform_of(about, where);
        if (is != role::artifact || declared == nullptr || oci::is_unknown(*declared)) return;
        to.at(where, "this artifact declares " + oci::describe(*declared) +
                         ", so clients take it for an image of that platform: declare \"unknown/unknown\"");
    });
}

void check_same_platform_twice(const facts& about, report& to) {
    std::map<std::pair<std::uint32_t, std::string>, place> first;
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role is) {
        const oci::platform* const declared = platform_of(about, where);
        if (is != role::image || declared == nullptr) return;
        const auto [known, is_new] = first.try_emplace({where.document, normal_form(*declared)}, where);
        if (is_new || about.walk->read().entry(known->second).digest == entry.digest) return;
        to.at(where, "a second image of " + oci::describe(*declared) + ", after " +
                         about.walk->read().describe(known->second) +
                         ": nobody who asks for the platform gets this one; take it out, or tell them apart");
    });
}

void check_duplicate_entry(const facts& about, report& to) {
    using identity = std::tuple<std::uint32_t, std::string_view, std::string_view, std::string>;
    std::map<identity, place> first;
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role) {
        const oci::platform* const declared = platform_of(about, where);
        // One artifact may be about several images, and one image run on several platforms.
        const identity key{where.document, entry.digest, oci::annotation_of(entry, oci::annotation::reference_digest),
                           declared == nullptr ? std::string() : normal_form(*declared)};
        const auto [known, is_new] = first.try_emplace(key, where);
        if (is_new) return;
        to.at(where, "this is listed already, as " + about.walk->read().describe(known->second) + ": take one out");
    });
}

void check_unverifiable_digest(const facts& about, report& to) {
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role) {
        if (entry.algorithm != oci::digest_algorithm::other) return;
        finding& found = to.at(where,
                               "no client here can verify this digest, and crane and containerd then refuse the "
                               "whole index: use sha256");
        found.clients = {name_of(client::containerd), name_of(client::crane)};
    });
}

void check_unknown_media_type(const facts& about, report& to) {
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role is) {
        if (is != role::other) return;
        to.at(where, quoted(entry.media_type, 80) +
                         " is neither a manifest nor an index: it is listed, and never pulled; registries may refuse "
                         "it, so put it into an artifact's manifest");
    });
}

}  // namespace refract::lint
