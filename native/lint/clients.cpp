// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What clients without refract make of the image.
#include <map>
#include <set>

#include "base/printable.h"
#include "lint/rules.h"
#include "resolve/predict/models.h"

namespace refract::lint {
namespace {

/// What refract has instead.
std::string instead(const comparison& of) {
    return of.selected.empty() ? "refract selects nothing for it (" + printable(of.refusal, 200) + ')'
                               : "refract selects " + of.selected;
}

/// What some clients refuse wherever it is in the index.
struct spoilers {
    explicit spoilers(const facts& about) {
        for_each_entry(about, [&](resolve::place, const oci::descriptor& entry, resolve::role) {
            unknown_digest = unknown_digest || entry.algorithm == oci::digest_algorithm::other;
            wrong_data = wrong_data || entry.data == oci::embedded::unfitting || entry.data == oci::embedded::wrong;
        });
    }

    bool unknown_digest = false;
    bool wrong_data = false;
};

/// What helps where no order of the entries does.
std::string without_order(const spoilers& all, const comparison& of) {
    const std::string text = "; no order of the entries helps";
    if (all.wrong_data) return text + ": take out the data that is not the content";
    if (all.unknown_digest) return text + ": name all of them by sha256";
    return text + (of.selected.starts_with("sha256:") ? "" : ": name the image by its sha256");
}

}  // namespace

void check_client_picks(const facts& about, report& to) {
    const spoilers spoiled_by(about);
    std::set<std::string_view> images;
    for_each_entry(about, [&](resolve::place, const oci::descriptor& entry, resolve::role is) {
        if (is == resolve::role::image) images.insert(entry.digest);
    });
    for (const comparison& one : about.comparisons) {
        using key = std::pair<std::string, bool>;
        std::map<key, finding> by_pick;  // clients that agree are reported together
        for (const auto& guess : one.clients) {
            if (guess.predicted.failed()) continue;
            const auto& predicted = guess.predicted.value();
            if (!predicted.selects || predicted.digest == one.selected) continue;
            const bool in_vain = guess.mended == resolve::tristate::no;
            const auto [known, is_new] = by_pick.try_emplace({predicted.digest, in_vain});
            finding& found = known->second;
            found.clients.push_back(name_of(guess.who));
            if (!is_new) continue;
            found.place = resolve::describe(predicted.path);
            const bool is_artifact = !images.contains(predicted.digest);
            found.message = "for " + one.platform + " this is taken" + (is_artifact ? ", which is no image: " : ": ") +
                            printable(predicted.reason, 200) + "; " + instead(one) +
                            (one.versioned ? "; name that image by its digest"
                             : in_vain     ? without_order(spoiled_by, one)
                                       : "; list that image first, with its platform, and artifacts after all images");
            // Nothing can be done in the index about a client that does not look at os.version.
            if (one.versioned && !is_artifact && !one.selected.empty()) found.severity = severity::info;
        }
        for (auto& [pick, found] : by_pick) {
            finding& told = to.whole(std::move(found.message));
            told.place = std::move(found.place);
            told.digest = pick.first;
            told.platform = one.platform;
            told.clients = std::move(found.clients);
            if (found.severity == severity::info) told.severity = severity::info;
        }
    }
}

void check_client_fails(const facts& about, report& to) {
    const spoilers spoiled_by(about);
    for (const comparison& one : about.comparisons) {
        if (one.selected.empty()) continue;
        using key = std::pair<std::string, bool>;  // the reason, and whether another order is in vain
        std::map<key, std::size_t> by_reason;
        std::vector<std::pair<key, std::vector<std::string_view>>> told;
        for (const auto& guess : one.clients) {
            if (guess.predicted.failed() || guess.predicted.value().selects) continue;
            const key why{guess.predicted.value().reason, guess.mended == resolve::tristate::no};
            const auto [known, is_new] = by_reason.try_emplace(why, told.size());
            if (is_new) told.emplace_back(why, std::vector<std::string_view>{});
            told[known->second].second.push_back(name_of(guess.who));
        }
        for (auto& [why, clients] : told) {
            const auto& [reason, in_vain] = why;
            finding& found = to.whole("for " + one.platform + ": " + printable(reason, 300) + "; " + instead(one) +
                                      (in_vain ? without_order(spoiled_by, one)
                                               : "; list images first and not nested, each with its platform"));
            found.platform = one.platform;
            found.clients = std::move(clients);
        }
    }
}

void check_client_unknown(const facts& about, report& to) {
    for (const comparison& one : about.comparisons) {
        for (const auto& guess : one.clients) {
            if (guess.predicted.ok()) continue;
            finding& found = to.whole("for " + one.platform + ": " + printable(guess.predicted.why().message, 400) +
                                      "; repair what refract refuses to read");
            found.platform = one.platform;
            found.clients.push_back(name_of(guess.who));
        }
    }
}

void check_nested_index(const facts& about, report& to) {
    for_each_entry(about, [&](resolve::place where, const oci::descriptor&, resolve::role is) {
        if (is != resolve::role::index) return;
        const bool declared = about.walk->read().platform_of(where) != nullptr;
        finding& found =
            to.at(where, declared ? "clients that do not follow indexes inside indexes find no image here; list its "
                                    "images in the outer index, too"
                                  : "clients that do not follow indexes inside indexes, or not one without a platform, "
                                    "find no image here; list its images in the outer index, too");
        found.clients = {name_of(resolve::client::skopeo)};
        if (!declared) found.clients.insert(found.clients.begin(), name_of(resolve::client::regctl));
    });
}

}  // namespace refract::lint
