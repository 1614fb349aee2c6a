// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <span>
#include <string_view>
#include <vector>

#include "lint/facts.h"
#include "lint/finding.h"

/// What will go wrong with an image, and for whom. Rules are plain functions of what is known.
namespace refract::lint {

/// Collects the findings of one rule.
class report {
public:
    report(const facts& about, std::string_view id, severity how, std::vector<finding>& into)
        : about_(about), id_(id), severity_(how), into_(into) {}

    /// Of an entry, with the rule's own severity.
    finding& at(resolve::place where, std::string message);
    /// Of the image as a whole.
    finding& whole(std::string message);

private:
    const facts& about_;
    std::string_view id_;
    severity severity_;
    std::vector<finding>& into_;
};

struct rule {
    std::string_view id;
    lint::severity severity;  ///< of its findings, if they do not say otherwise
    void (*check)(const facts& about, report& to);
};

/// Every rule, in the order in which findings are told.
std::span<const rule> rules() noexcept;

/// All findings, the worst first; within a severity rule by rule, and in document order.
std::vector<finding> check(const facts& about);

// clients.cpp
void check_client_picks(const facts& about, report& to);
void check_client_fails(const facts& about, report& to);
void check_client_unknown(const facts& about, report& to);
void check_nested_index(const facts& about, report& to);
// reading.cpp
void check_ambiguous(const facts& about, report& to);
void check_malformed(const facts& about, report& to);
void check_wrong_bytes(const facts& about, report& to);
void check_missing_entry(const facts& about, report& to);
void check_over_limit(const facts& about, report& to);
void check_near_limit(const facts& about, report& to);
// entries.cpp
void check_no_image(const facts& about, report& to);
void check_incomplete_platform(const facts& about, report& to);
void check_wrong_data(const facts& about, report& to);
void check_artifact_before_image(const facts& about, report& to);
void check_unmarked_artifact(const facts& about, report& to);
void check_image_without_platform(const facts& about, report& to);
void check_platform_less_artifact(const facts& about, report& to);
void check_artifact_with_platform(const facts& about, report& to);
void check_same_platform_twice(const facts& about, report& to);
void check_duplicate_entry(const facts& about, report& to);
void check_unverifiable_digest(const facts& about, report& to);
void check_unknown_media_type(const facts& about, report& to);
// subjects.cpp
void check_malformed_subject(const facts& about, report& to);
void check_subject_disagrees(const facts& about, report& to);
void check_type_disagrees(const facts& about, report& to);
void check_dangling_reference(const facts& about, report& to);
void check_weak_reference(const facts& about, report& to);
void check_cycle(const facts& about, report& to);
// registry.cpp
void check_registry_referrers(const facts& about, report& to);
void check_registry_etags(const facts& about, report& to);
void check_registry_nesting(const facts& about, report& to);

}  // namespace refract::lint
