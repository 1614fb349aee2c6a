// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <functional>
#include <map>
#include <memory>
#include <optional>
#include <string>
#include <utility>
#include <vector>

#include "base/limits.h"
#include "resolve/predict/predict.h"
#include "resolve/references.h"
#include "resolve/role.h"
#include "resolve/walk.h"

/// What the rules are asked about. Whoever has a repository gathers it; the rules read nothing themselves.
namespace refract::lint {

/// The manifest or nested index that an entry names, or the subject that it is about.
struct content {
    resolve::tristate present = resolve::tristate::unknown;
    std::optional<error> refused;                   ///< why refract does not read its bytes, if they are there
    std::shared_ptr<const oci::manifest> manifest;  ///< if it is one, and was read
    std::shared_ptr<const oci::config> config;      ///< of an image
    std::optional<std::string> foreign;             ///< why it is an artifact by its own bytes, whatever its entry says
};

/// What refract and the clients end up with for one platform.
struct comparison {
    struct guess {
        resolve::client who = resolve::client::containerd;
        result<resolve::prediction> predicted;
        /// Whether it would select what refract does, were the index written as `advised_index` has it.
        resolve::tristate mended = resolve::tristate::unknown;
    };

    std::string platform;    ///< "linux/arm64/v8"
    bool versioned = false;  ///< it has an os.version, at which some clients do not look
    std::string selected;    ///< digest; empty if refract selects nothing
    std::string refusal;     ///< why it does not
    std::vector<guess> clients;
};

/// What a registry does, as far as reading tells.
struct registry_facts {
    resolve::tristate referrers_api = resolve::tristate::unknown;
    resolve::tristate etags = resolve::tristate::unknown;
    resolve::tristate nested_indexes = resolve::tristate::unknown;
};

struct facts {
    refract::limits limits;
    std::string digest;                   ///< of the root
    std::uint64_t size = 0;               ///< of the root's bytes
    std::optional<error> refused;         ///< why refract refuses to read the image
    const resolve::walk* walk = nullptr;  ///< a finished one that lists; none for a single manifest, or if refused
    resolve::attached attached;           ///< of that walk
    std::map<std::string, content, std::less<>> contents;  ///< by digest
    std::vector<comparison> comparisons;                   ///< each platform once
    std::optional<registry_facts> registry;

    const content* find(std::string_view of) const {
        const auto found = contents.find(of);
        return found == contents.end() ? nullptr : &found->second;
    }
};

/// The index as the rules advise to write it: images first, not nested, each with its platform; then the rest, as no
/// platform. Data that is not the content stays such. Whether that would help a client is found out by predicting what
/// it makes of this. Only with a walk.
std::string advised_index(const facts& about);

/// Whether a platform can be that of an image: clients ask for one with an architecture.
inline bool has_architecture(const oci::platform& declared) noexcept { return !declared.architecture.empty(); }

/// What an entry is when its manifest was read, too.
resolve::role role_of(const facts& about, resolve::place where);

/// Calls `visit(place, entry, role)` for each entry of each index that was read, in document order.
template <class Visit>
void for_each_entry(const facts& about, Visit&& visit) {
    if (about.walk == nullptr) return;
    about.walk->read().for_each_entry(
        [&](resolve::place where, const oci::descriptor& entry) { visit(where, entry, role_of(about, where)); });
}

}  // namespace refract::lint
