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

/// Whether no client that differs from refract would be helped by another order.
bool is_order_in_vain(const facts& about) {
    bool in_vain = false;
    for (const auto& one : about.comparisons) {
        if (one.versioned) continue;  // told apart by what some clients do not look at
        for (const auto& guess : one.clients) {
            if (guess.mended == resolve::tristate::yes) return false;
            in_vain = in_vain || guess.mended == resolve::tristate::no;
        }
    }
    return in_vain;
}

/// soci convert puts an index of SOCI behind the images, and with the platform of its image: so whoever pulls for that
/// platform gets it, and so it is found again when it is replaced.
bool is_of_soci(const oci::descriptor& entry) { return oci::has(entry.marks, oci::mark::soci); }

/// What an entry says that it is about.
std::string_view subject_of(const oci::descriptor& entry) {
    for (const auto key :
         {oci::annotation::reference_digest, oci::annotation::buildkit_digest, oci::annotation::soci_image_digest}) {
        if (const auto said = oci::annotation_of(entry, key); !said.empty()) return said;
    }
    return {};
}

}  // namespace

void check_no_image(const facts& about, report& to) {
    if (about.walk == nullptr) return;
    bool perhaps = false;
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role is) {
        const oci::platform* const declared = platform_of(about, where);
        const bool is_read = about.walk->read().find(entry.digest, resolve::document_kind::index) != resolve::none;
        perhaps = perhaps || (is == role::image && (declared == nullptr || has_architecture(*declared))) ||
                  (is == role::index && !is_read);
    });
    if (perhaps) return;
    const auto& root = *about.walk->read()[0].index;
    if (!root.artifact_type().empty() || !root.subject().empty()) {
        to.whole("this index says that it is an artifact itself: nothing in it is run").severity = severity::info;
        return;
    }
    to.whole(root.entries().empty()
                 ? "this index has no entries: nothing can be pulled; list an image with its platform"
                 : "no entry of this index is an image: nothing can be run; list one with its "
                   "platform, or give the index an artifactType");
}

void check_incomplete_platform(const facts& about, report& to) {
    for_each_entry(about, [&](place where, const oci::descriptor&, role is) {
        const oci::platform* const declared = platform_of(about, where);
        if (declared == nullptr || (!declared->os.empty() && has_architecture(*declared))) return;
        const std::string_view what = has_architecture(*declared) ? "operating system" : "architecture";
        to.at(where,
              "its platform names no " + std::string(what) +
                  (has_architecture(*declared) ? ", which some clients take for linux: " : ", so nobody takes it: ") +
                  (is == role::artifact ? "declare \"unknown/unknown\""
                                        : "declare the platform of its config, or \"unknown/unknown\" if it is "
                                          "an artifact"));
    });
}

void check_wrong_data(const facts& about, report& to) {
    const auto told = [&](place where, const oci::descriptor& of, const std::string& whose) -> finding* {
        if (of.data == oci::embedded::unfitting) {
            finding& found = to.at(where, whose +
                                              " is of another length than the size beside it, so it is not used, and "
                                              "crane refuses to read on: take it out, or write all of the content");
            found.clients = {name_of(client::crane)};
            return &found;
        }
        if (of.data != oci::embedded::wrong) return nullptr;
        finding& found = to.at(where, whose +
                                          " is as long as the content, and something else: refract selects nothing "
                                          "that has it, and containerd's pull fails; take it out");
        found.clients = {name_of(client::containerd), name_of(client::crane)};
        return &found;
    };
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role is) {
        finding* const found = told(where, entry, "its data");
        if (found != nullptr && holds_images(is) && entry.data == oci::embedded::wrong)
            found->severity = severity::error;
        const content* const known = about.find(entry.digest);
        if (known == nullptr || known->manifest == nullptr) return;
        told(where, known->manifest->config(), "the data of its config");
        for (const auto& layer : known->manifest->layers()) {
            if (told(where, layer, "the data of its layer " + printable(layer.digest)) != nullptr) break;
        }
    });
}

void check_artifact_before_image(const facts& about, report& to) {
    if (is_order_in_vain(about)) return;
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
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role is) {
        if (is != role::artifact || platform_of(about, where) != nullptr || is_of_soci(entry)) return;
        all[where.document].add(where);
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
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role is) {
        const oci::platform* const declared = platform_of(about, where);
        if (is != role::artifact || declared == nullptr || oci::is_unknown(*declared)) return;
        if (!has_architecture(*declared) || is_of_soci(entry)) return;
        to.at(where, "this artifact declares " + oci::describe(*declared) +
                         ", so clients take it for an image of that platform: declare \"unknown/unknown\"");
    });
}

void check_same_platform_twice(const facts& about, report& to) {
    std::map<std::pair<std::uint32_t, std::string>, place> first;
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role is) {
        const oci::platform* const declared = platform_of(about, where);
        if (is != role::image || declared == nullptr || !has_architecture(*declared)) return;
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
        const identity key{where.document, entry.digest, subject_of(entry),
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
        to.at(where, quote(entry.media_type, 80) +
                         " is neither a manifest nor an index: it is listed, and never pulled; registries may refuse "
                         "it, so put it into an artifact's manifest");
    });
}

}  // namespace refract::lint
