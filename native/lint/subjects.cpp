// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What artifacts say that they are about.
#include <map>
#include <set>
#include <vector>

#include "base/printable.h"
#include "lint/rules.h"
#include "oci/annotations.h"
#include "oci/kind.h"
#include "resolve/artifact_facts.h"

namespace refract::lint {
namespace {

using resolve::place;
using resolve::reference;
using resolve::role;

bool is_gone(const facts& about, std::string_view subject) {
    const content* const known = about.find(subject);
    return known != nullptr && known->present == resolve::tristate::no;
}

void disagree(report& to, place where, std::string_view what, std::string_view one, std::string_view other_source,
              std::string_view other) {
    to.at(where, "its entry gives " + std::string(what) + ' ' + quote(one) + ", " + std::string(other_source) + ' ' +
                     quote(other) + ": make them the same; the entry's counts");
}

/// Follows what references are about, from each of them, without recursion: chains may be long.
class circle_search {
public:
    explicit circle_search(const std::vector<reference>& all) {
        for (const auto& one : all) {
            if (one.descriptor != nullptr && !one.subject.empty()) edges_.emplace(one.digest(), &one);
        }
    }

    /// The references that close a circle.
    std::vector<const reference*> run() {
        for (const auto& [digest, edge] : edges_) {
            if (states_[digest] == state::unseen) search(digest);
        }
        return closing_;
    }

private:
    enum class state { unseen, open, done };
    using edges = std::multimap<std::string_view, const reference*>;
    struct step {
        std::string_view digest;
        edges::const_iterator next;
        edges::const_iterator end;
    };

    step enter(std::string_view digest) {
        states_[digest] = state::open;
        const auto [begin, end] = edges_.equal_range(digest);
        return {digest, begin, end};
    }

    void search(std::string_view from) {
        std::vector<step> path{enter(from)};
        while (!path.empty()) {
            step& here = path.back();
            if (here.next == here.end) {
                states_[here.digest] = state::done;
                path.pop_back();
                continue;
            }
            const reference* const edge = (here.next++)->second;
            const state met = states_[edge->subject];
            if (met == state::open) closing_.push_back(edge);
            if (met == state::unseen) path.push_back(enter(edge->subject));
        }
    }

    edges edges_;
    std::map<std::string_view, state> states_;
    std::vector<const reference*> closing_;
};

}  // namespace

void check_malformed_subject(const facts& about, report& to) {
    for (const reference& one : about.attached.references) {
        if (one.malformed.empty()) continue;
        to.at(one.place, "what it is about is no digest, \"" + one.malformed +
                             "\": so nobody finds it; write the digest of its subject");
    }
}

void check_subject_disagrees(const facts& about, report& to) {
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role) {
        const auto said = oci::annotation_of(entry, oci::annotation::reference_digest);
        const auto by_buildkit = oci::annotation_of(entry, oci::annotation::buildkit_digest);
        if (!said.empty() && !by_buildkit.empty() && said != by_buildkit) {
            disagree(to, where, "the subject", said, oci::annotation::buildkit_digest, by_buildkit);
        }
        const content* const known = about.find(entry.digest);
        if (known == nullptr || known->manifest == nullptr) return;
        const auto of_entry = said.empty() ? by_buildkit : said;
        const auto of_manifest = known->manifest->subject();
        if (of_entry.empty() || of_manifest.empty() || of_entry == of_manifest) return;
        disagree(to, where, "the subject", of_entry, "its manifest", of_manifest);
    });
}

void check_type_disagrees(const facts& about, report& to) {
    for_each_entry(about, [&](place where, const oci::descriptor& entry, role) {
        const content* const known = about.find(entry.digest);
        if (known == nullptr || known->manifest == nullptr) return;
        const auto media_type = known->manifest->media_type();
        if (!media_type.empty() && media_type != entry.media_type) {
            disagree(to, where, "the media type", entry.media_type, "its manifest", media_type);
        }
        const auto artifact_type = known->manifest->artifact_type();
        if (!artifact_type.empty() && !entry.artifact_type.empty() && artifact_type != entry.artifact_type) {
            disagree(to, where, "the artifactType", entry.artifact_type, "its manifest", artifact_type);
        }
        const auto type = oci::annotation_of(entry, oci::annotation::reference_type);
        const auto facts = facts_of(*known->manifest, entry.media_type, about.walk->asked());
        if (oci::kinds_of(type) != 0 && facts.kinds != 0 && (oci::kinds_of(type) & facts.kinds) == 0) {
            disagree(to, where, "the reference type", type, "its manifest holds", facts.types.front());
        }
    });
}

void check_dangling_reference(const facts& about, report& to) {
    for (const reference& one : about.attached.references) {
        if (one.weak != resolve::tristate::yes || !is_gone(about, one.subject)) continue;
        to.at(one.place, "what it is about, " + printable(one.subject) +
                             ", is neither in this index nor in the repository: push that, or take this out");
    }
}

void check_weak_reference(const facts& about, report& to) {
    for (const reference& one : about.attached.references) {
        if (one.weak != resolve::tristate::yes || is_gone(about, one.subject)) continue;
        to.at(one.place,
              "what it is about, " + printable(one.subject) + ", is not in this index: it is not copied along with it");
    }
}

void check_cycle(const facts& about, report& to) {
    for (const reference* const one : circle_search(about.attached.references).run()) {
        to.at(one->place, "artifacts are about each other in a circle, which this one closes with " +
                              printable(one->subject) + ": one of them must be about something else");
    }
}

}  // namespace refract::lint
