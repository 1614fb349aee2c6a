// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <algorithm>
#include <string>
#include <vector>

#include "lint/rules.h"
#include "registry.h"
#include "resolve/proof.h"

namespace refract::test {

/// What the rules say of an index in a test's registry. Manifests are read, as the command reads them.
struct diagnosis {
    diagnosis(const registry& from, const blob& root, const limits& most = {}) : listed(from, root, listing(most)) {
        facts.limits = most;
        facts.digest = root.digest;
        facts.size = root.bytes.size();
        if (!listed.ok()) {
            facts.refused = error{listed.code, listed.message};
            return;
        }
        facts.walk = &listed.walk;
        facts.attached = resolve::find_attached(listed.walk);
        oci::json_reader reader(most.json_depth);
        lint::for_each_entry(facts, [&](resolve::place, const oci::descriptor& entry, resolve::role is) {
            lint::content& known = facts.contents[std::string(entry.digest)];
            const blob* const found = from.find(std::string(entry.digest));
            known.present = found != nullptr ? resolve::tristate::yes : resolve::tristate::no;
            if (found == nullptr || entry.kind != oci::media_kind::manifest) return;
            auto manifest = std::make_unique<oci::manifest>();
            if (status done = manifest->read(reader, bytes_of(found->bytes), most); done.failed()) {
                known.refused = std::move(done).take();
                return;
            }
            if (is == resolve::role::image) {
                known.foreign = resolve::disprove(*manifest, entry.media_type, listed.request);
            }
            known.manifest = std::move(manifest);
        });
    }
    diagnosis(const diagnosis&) = delete;
    diagnosis& operator=(const diagnosis&) = delete;

    static resolve::request listing(const limits& most) {
        resolve::request made;
        made.mode = resolve::mode::list;
        made.limits = most;
        return made;
    }

    /// "artifact-before-image manifests[0]", of each finding of the rules named; of all if none is.
    std::vector<std::string> told(const std::vector<std::string>& rules = {}) const {
        std::vector<std::string> all;
        for (const auto& one : lint::check(facts)) {
            EXPECT_FALSE(one.message.empty());
            EXPECT_EQ(one.message.find_first_of("\n\r\x1b"), std::string::npos) << one.message;
            if (!rules.empty() && std::find(rules.begin(), rules.end(), one.id) == rules.end()) continue;
            all.push_back(std::string(one.id) + (one.place.empty() ? "" : ' ' + one.place));
        }
        return all;
    }
    std::vector<std::string> told(const char* rule) const { return told(std::vector<std::string>{rule}); }

    pull listed;
    lint::facts facts;
};

}  // namespace refract::test
