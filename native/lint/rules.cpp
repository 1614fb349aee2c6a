// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "lint/rules.h"

#include <algorithm>
#include <array>

#include "base/printable.h"

namespace refract::lint {
namespace {

constexpr std::array table{
    rule{"ambiguous", severity::error, check_ambiguous},
    rule{"malformed", severity::error, check_malformed},
    rule{"wrong-bytes", severity::error, check_wrong_bytes},
    rule{"missing-entry", severity::error, check_missing_entry},
    rule{"over-limit", severity::error, check_over_limit},
    rule{"no-image", severity::error, check_no_image},
    rule{"client-fails", severity::error, check_client_fails},
    rule{"client-picks-other", severity::error, check_client_picks},
    rule{"client-unknown", severity::warning, check_client_unknown},
    rule{"malformed-subject", severity::error, check_malformed_subject},
    rule{"subject-disagrees", severity::warning, check_subject_disagrees},
    rule{"type-disagrees", severity::warning, check_type_disagrees},
    rule{"dangling-reference", severity::warning, check_dangling_reference},
    rule{"cycle", severity::warning, check_cycle},
    rule{"artifact-before-image", severity::warning, check_artifact_before_image},
    rule{"artifact-with-platform", severity::warning, check_artifact_with_platform},
    rule{"incomplete-platform", severity::warning, check_incomplete_platform},
    rule{"wrong-data", severity::warning, check_wrong_data},
    rule{"unmarked-artifact", severity::warning, check_unmarked_artifact},
    rule{"image-without-platform", severity::warning, check_image_without_platform},
    rule{"same-platform-twice", severity::warning, check_same_platform_twice},
    rule{"duplicate-entry", severity::warning, check_duplicate_entry},
    rule{"unverifiable-digest", severity::warning, check_unverifiable_digest},
    rule{"near-limit", severity::warning, check_near_limit},
    rule{"registry-without-nested-indexes", severity::warning, check_registry_nesting},
    rule{"nested-index", severity::info, check_nested_index},
    rule{"platform-less-artifact", severity::info, check_platform_less_artifact},
    rule{"unknown-media-type", severity::info, check_unknown_media_type},
    rule{"weak-reference", severity::info, check_weak_reference},
    rule{"registry-without-referrers-api", severity::info, check_registry_referrers},
    rule{"registry-without-etags", severity::info, check_registry_etags},
};

}  // namespace

std::string_view name_of(severity how) noexcept {
    switch (how) {
        case severity::error:
            return "error";
        case severity::warning:
            return "warning";
        case severity::info:
            break;
    }
    return "info";
}

finding& report::at(resolve::place where, std::string message) {
    const auto& documents = about_.walk->read();
    return into_.emplace_back(finding{id_,
                                      severity_,
                                      documents.describe(where),
                                      printable(documents.entry(where).digest),
                                      std::move(message),
                                      {},
                                      {}});
}

finding& report::whole(std::string message) {
    return into_.emplace_back(finding{id_, severity_, {}, about_.digest, std::move(message), {}, {}});
}

std::span<const rule> rules() noexcept { return table; }

std::vector<finding> check(const facts& about) {
    std::vector<finding> all;
    for (const rule& one : table) {
        report to(about, one.id, one.severity, all);
        one.check(about, to);
    }
    std::stable_sort(all.begin(), all.end(),
                     [](const finding& a, const finding& b) { return a.severity < b.severity; });
    return all;
}

resolve::role role_of(const facts& about, resolve::place where) {
    const auto& documents = about.walk->read();
    const auto& entry = documents.entry(where);
    const auto is = resolve::role_of(entry, documents.platform_of(where), about.walk->asked());
    if (is != resolve::role::image) return is;
    const content* const known = about.find(entry.digest);
    return known != nullptr && known->foreign ? resolve::role::artifact : is;
}

}  // namespace refract::lint
