// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What refract does not read, or will not for much longer.
#include <functional>
#include <set>

#include "base/printable.h"
#include "lint/rules.h"

namespace refract::lint {
namespace {

/// The root and each document that is refused, once, if `is` says that it is of this kind.
void for_each_refused(const facts& about, report& to, bool (*is)(status_code), std::string_view advice) {
    const auto text = [&](const error& why) {
        return "refract refuses to read this: " + printable(why.message, 400) + "; " + std::string(advice);
    };
    if (about.refused && is(about.refused->code)) to.whole(text(*about.refused));
    std::set<std::string_view> told;
    for_each_entry(about, [&](resolve::place where, const oci::descriptor& entry, resolve::role) {
        const content* const known = about.find(entry.digest);
        if (known == nullptr || !known->refused || !is(known->refused->code)) return;
        if (told.insert(entry.digest).second) to.at(where, text(*known->refused));
    });
}

bool is_wrong(status_code code) {
    return code == status_code::size_mismatch || code == status_code::digest_mismatch ||
           code == status_code::type_mismatch;
}

std::uint64_t annotation_bytes(const oci::descriptor& entry) {
    simdjson::dom::object object;
    if (!entry.annotated || entry.annotations.get(object) != simdjson::SUCCESS) return 0;
    std::uint64_t bytes = 0;
    for (const auto [key, field] : object) {
        std::string_view text;
        if (field.get(text) != simdjson::SUCCESS) text = {};
        bytes += key.size() + text.size();
    }
    return bytes;
}

/// Three quarters: there is room for a few more entries, and time to do something about it.
bool is_near(std::uint64_t value, std::uint64_t limit) { return value <= limit && limit - value < (limit + 3) / 4; }

std::string of_limit(std::uint64_t value, std::uint64_t limit) {
    return std::to_string(value) + " of at most " + std::to_string(limit);
}

}  // namespace

void check_ambiguous(const facts& about, report& to) {
    for_each_refused(
        about, to, [](status_code code) { return code == status_code::ambiguous; },
        "write it so that it can be read in one way only: each key once, spelled as the specification does");
}

void check_malformed(const facts& about, report& to) {
    for_each_refused(
        about, to,
        [](status_code code) {
            return !is_wrong(code) && code != status_code::ambiguous && code != status_code::limit_exceeded;
        },
        "write it as the image specification has it");
}

void check_wrong_bytes(const facts& about, report& to) {
    for_each_refused(about, to, is_wrong, "push it again, or correct its descriptor");
}

void check_over_limit(const facts& about, report& to) {
    for_each_refused(
        about, to, [](status_code code) { return code == status_code::limit_exceeded; },
        "split the index, or move what is large into blobs");
}

void check_near_limit(const facts& about, report& to) {
    const auto& limits = about.limits;
    if (is_near(about.size, limits.document_bytes)) {
        to.whole("the document has " + of_limit(about.size, limits.document_bytes) +
                 " bytes: move artifacts into an index of their own before it is full");
    }
    if (about.walk == nullptr) return;
    const auto& documents = about.walk->read();
    for (std::uint32_t number = 0; number < documents.size(); ++number) {
        const auto& one = documents[number];
        if (one.kind != resolve::document_kind::index) continue;
        const std::size_t count = one.index->entries().size();
        if (!is_near(count, limits.entries)) continue;
        const std::string what = " has " + of_limit(count, limits.entries) +
                                 " entries: move artifacts into an index of their own before it is full";
        if (number == 0) {
            to.whole("the index" + what);
        } else {
            to.at(one.place, "this index" + what);
        }
    }
    for (std::uint32_t number = 1; number < documents.size(); ++number) {
        const auto& one = documents[number];
        if (is_near(static_cast<std::uint64_t>(one.size), limits.document_bytes)) {
            to.at(one.place, "this index has " + of_limit(static_cast<std::uint64_t>(one.size), limits.document_bytes) +
                                 " bytes: move artifacts into an index of their own before it is full");
        }
        if (is_near(one.depth, limits.nesting)) {
            to.at(one.place, "this index stands " + of_limit(one.depth, limits.nesting) +
                                 " indexes deep: nest less, few clients follow that far");
        }
    }
    if (is_near(documents.size(), limits.documents)) {
        to.whole("there are " + of_limit(documents.size(), limits.documents) + " indexes to read: nest less");
    }
    for_each_entry(about, [&](resolve::place where, const oci::descriptor& entry, resolve::role) {
        const auto bytes = annotation_bytes(entry);
        if (is_near(bytes, limits.annotation_bytes)) {
            to.at(where, "its annotations have " + of_limit(bytes, limits.annotation_bytes) +
                             " bytes: move long values into a blob");
        }
    });
}

void check_missing_entry(const facts& about, report& to) {
    std::set<std::string_view> told;
    for_each_entry(about, [&](resolve::place where, const oci::descriptor& entry, resolve::role is) {
        const content* const known = about.find(entry.digest);
        if (known == nullptr || known->present != resolve::tristate::no) return;
        if (!told.insert(entry.digest).second) return;
        const bool runs = is == resolve::role::image || is == resolve::role::index;
        finding& found = to.at(where, std::string(runs ? "this" : "this artifact") +
                                          " is not in the repository: push it, or take its entry out of the index");
        if (!runs) found.severity = severity::warning;
    });
}

}  // namespace refract::lint
