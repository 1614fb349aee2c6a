// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <gtest/gtest.h>

#include <map>

#include "registry.h"
#include "resolve/search.h"

/// What the tests of searches and of their records share.
namespace refract::test {

inline std::string tag_of(const std::string& digest) { return "sha256-" + digest.substr(digest.find(':') + 1); }

inline resolve::request fetching(std::vector<std::string> types = {}) {
    auto request = request_for({here});
    request.fetch_references = true;
    request.reference_types = std::move(types);
    return request;
}

/// A pull's search through a repository.
class found {
public:
    found(const registry& from, const blob& root, const resolve::request& request, resolve::search::purpose what)
        : from_(from),
          walked_(from, root, request),
          told_(resolve::find_attached(walked_.walk)),
          search(walked_.request, what) {
        EXPECT_TRUE(walked_.ok()) << walked_.message;
        search.begin(resolve::told_by(walked_.walk), &told_);
    }

    void tag(const std::string& name, const blob& what) { tags_[name] = what.digest; }
    void refer(const std::string& subject, const blob& list) { referrers_[subject] = list.digest; }

    /// Answers until there are no more questions.
    void run() {
        for (;;) {
            const auto questions = search.next();
            if (questions.failed()) {
                failed = questions.why();
                return;
            }
            if (questions.value().empty()) return;
            const std::vector<oci::fetch_request> round(questions.value().begin(), questions.value().end());
            for (std::size_t i = 0; i < round.size(); ++i) {
                asked.push_back(round[i].reference);
                const status told = search.answer(i, reply(round[i]));
                EXPECT_FALSE(told.failed());
            }
        }
    }

    std::vector<std::string> wanted() const {
        std::vector<std::string> all;
        for (const auto& one : search.all().references) {
            if (one.wanted) all.emplace_back(one.digest());
        }
        return all;
    }

private:
    result<std::string> reply(const oci::fetch_request& one) const {
        const bool referrers = one.what == oci::fetch_request::kind::referrers;
        const auto& names = referrers ? referrers_ : tags_;
        const auto named = names.find(one.reference);
        const blob* const it = from_.find(named == names.end() ? one.reference : named->second);
        if (it == nullptr || (referrers && named == names.end())) return error{status_code::missing, "not there"};
        return it->bytes;
    }

    const registry& from_;
    pull walked_;
    resolve::attached told_;
    std::map<std::string, std::string> tags_;
    std::map<std::string, std::string> referrers_;

public:
    resolve::search search;
    std::vector<std::string> asked;
    error failed{status_code::ok, ""};
};

inline constexpr resolve::search::purpose digest_tags{resolve::source_digest_tag | resolve::source_referrers_tag,
                                                      false};

}  // namespace refract::test
