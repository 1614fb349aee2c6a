// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <string>
#include <utility>
#include <vector>

#include "oci/repository.h"
#include "registry.h"

namespace refract::test {

/// A repository in memory that notes what it is asked.
class memory final : public oci::repository {
public:
    explicit memory(const registry& from) : from_(from) {}

    std::map<std::string, std::string> tags;                    ///< to digests
    std::map<std::string, std::vector<std::string>> referrers;  ///< pages, by digest
    bool has_api = true;
    bool lists_tags = true;
    std::map<oci::fetch_request::kind, error> failing;  ///< questions that are answered so
    std::uint32_t with_budget = 0;                      ///< how many questions were optional
    std::vector<std::string> asked;

    const std::string& name() const noexcept override { return name_; }

    std::vector<result<oci::fetch_response>> ask(std::span<const oci::fetch_request> questions) override {
        std::vector<result<oci::fetch_response>> answers;
        for (const auto& one : questions) answers.push_back(reply(one));
        return answers;
    }
    std::vector<status> read(std::span<const oci::blob> blobs) override { return std::vector<status>(blobs.size()); }

private:
    static error missing() { return {status_code::missing, "not there"}; }

    result<oci::fetch_response> reply(const oci::fetch_request& question) {
        oci::fetch_response answer;
        if (question.budget != nullptr) ++with_budget;
        if (const auto fails = failing.find(question.what); fails != failing.end() && question.budget != nullptr) {
            asked.push_back("failing");
            return fails->second;
        }
        if (question.what == oci::fetch_request::kind::tags) {
            asked.push_back("tags");
            if (!lists_tags) return missing();
            for (const auto& [tag, digest] : tags) {
                if (answer.tags.size() < question.most && (!question.keeps || question.keeps(tag))) {
                    answer.tags.push_back(tag);
                }
            }
            answer.sorted = true;
            return answer;
        }
        const std::uint32_t page = question.page ? question.page->number : 0;
        if (page == 0)
            asked.push_back((question.what == oci::fetch_request::kind::referrers ? "referrers " : "") +
                            question.reference);
        if (question.what == oci::fetch_request::kind::referrers) {
            if (!has_api) return missing();
            const auto found = referrers.find(question.reference);
            if (found == referrers.end()) {
                answer.documents = {R"({"schemaVersion":2,"manifests":[]})"};
            } else {
                answer.documents = {found->second.at(page)};
                if (page + 1 < found->second.size()) answer.next = {"", 0, page + 1};
            }
            return answer;
        }
        const auto tag = tags.find(question.reference);
        const blob* const found = from_.find(tag == tags.end() ? question.reference : tag->second);
        if (found == nullptr) return missing();
        if (question.what != oci::fetch_request::kind::presence) answer.documents.push_back(found->bytes);
        return answer;
    }

    const registry& from_;
    std::string name_ = "registry.example/app";
};

}  // namespace refract::test
