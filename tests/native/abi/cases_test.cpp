// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// Every folder of tests/testdata, through the C interface: the same cases as the Go side reads (tests/cases).
// What expect.json says nothing about is not compared.
#include <gtest/gtest.h>
#include <refract.h>

#include <algorithm>
#include <cctype>
#include <deque>
#include <filesystem>
#include <fstream>

#include "registry.h"

namespace refract::test {
namespace {

namespace fs = std::filesystem;

std::string read_file(const fs::path& path) {
    std::ifstream file(path, std::ios::binary);
    EXPECT_TRUE(file) << path;
    return {std::istreambuf_iterator<char>(file), {}};
}

std::string text(refract_string from) { return from.size == 0 ? std::string() : std::string(from.data, from.size); }

refract_string text(const std::string& from) { return {from.data(), from.size()}; }

std::string platform_text(const refract_platform* from) {
    if (from == nullptr) return "";
    std::string shown = text(from->os) + '/' + text(from->architecture);
    if (from->variant.size != 0) shown += '/' + text(from->variant);
    return shown;
}

/// What request a case.json asks for; keeps what the options point at.
class case_request {
public:
    explicit case_request(const json& wanted) {
        options_.abi_version = REFRACT_ABI_VERSION;
        options_.mode = wanted.value("mode", "select") == "list" ? REFRACT_LIST : REFRACT_SELECT;
        options_.match =
            wanted.value("match", "exact") == "compatible" ? REFRACT_MATCH_COMPATIBLE : REFRACT_MATCH_EXACT;
        options_.other_platforms = wanted.value("otherPlatforms", false) ? 1 : 0;
        options_.fetch_references = wanted.value("fetch", false) ? 1 : 0;
        const json none = json::array();
        for (const auto& one : wanted.value("platforms", none)) add_platform(one);
        for (const auto& one : wanted.value("types", none)) types_.push_back(text(keep(one)));
        for (const auto& one : wanted.value("configTypes", none)) config_types_.push_back(text(keep(one)));
        const json limits = wanted.value("limits", json::object());
        options_.limits.document_bytes = limits.value("documentBytes", std::uint64_t{0});
        options_.limits.config_bytes = limits.value("configBytes", std::uint64_t{0});
        options_.limits.walk_bytes = limits.value("walkBytes", std::uint64_t{0});
        options_.limits.json_depth = limits.value("jsonDepth", 0u);
        options_.limits.nesting = limits.value("nesting", 0u);
        options_.limits.documents = limits.value("documents", 0u);
        options_.limits.annotation_bytes = limits.value("annotationBytes", 0u);
        options_.limits.reference_blobs = limits.value("referenceBlobs", 0u);
        options_.limits.fetched_references = limits.value("fetchedReferences", 0u);
        options_.limits.entries = limits.value("entries", 0u);
        options_.platforms = platforms_.data();
        options_.platforms_count = platforms_.size();
        options_.reference_types = types_.data();
        options_.reference_types_count = types_.size();
        options_.config_types = config_types_.data();
        options_.config_types_count = config_types_.size();
    }
    const refract_request_options& options() const { return options_; }

private:
    const std::string& keep(const json& from) { return strings_.emplace_back(from.get<std::string>()); }

    void add_platform(const json& from) {
        const auto part = [&](const char* key) { return text(keep(from.value(key, ""))); };
        auto& features = features_.emplace_back();
        for (const auto& one : from.value("os.features", json::array())) features.push_back(text(keep(one)));
        platforms_.push_back(
            {part("os"), part("architecture"), part("variant"), part("os.version"), features.data(), features.size()});
    }

    std::deque<std::string> strings_;
    std::deque<std::vector<refract_string>> features_;
    std::vector<refract_platform> platforms_;
    std::vector<refract_string> types_;
    std::vector<refract_string> config_types_;
    refract_request_options options_{};
};

class Case : public testing::TestWithParam<std::string> {
protected:
    void SetUp() override {
        const json given = json::parse(read_file(folder() / "case.json"));
        expect_ = json::parse(read_file(folder() / "expect.json"));
        const case_request wanted(given["request"]);
        ASSERT_EQ(refract_request_new(&request_, &wanted.options(), nullptr), REFRACT_OK);
        ASSERT_EQ(refract_walk_new(&walk_, request_, nullptr), REFRACT_OK);
        root_ = given["root"];
    }

    void TearDown() override {
        refract_walk_free(walk_);
        refract_request_free(request_);
    }

    static fs::path folder() { return fs::path(REFRACT_TESTDATA) / GetParam(); }

    static fs::path blob_path(const std::string& digest) {
        const auto colon = digest.find(':');
        return folder() / "blobs" / digest.substr(0, colon) / digest.substr(colon + 1);
    }

    void run() {
        needs_.clear();
        error_ = {};
        refract_need need{};
        const std::string type = root_["mediaType"];
        const std::string digest = root_["digest"];
        const std::string bytes = read_file(blob_path(digest));
        status_ = refract_walk_begin(walk_, type.data(), type.size(), digest.data(), digest.size(), root_["size"],
                                     bytes.data(), bytes.size(), &need, &error_);
        while (status_ == REFRACT_NEED) {
            needs_.push_back(text(need.descriptor.digest));
            const fs::path path = blob_path(needs_.back());
            if (fs::exists(path)) {
                const std::string document = read_file(path);
                status_ = refract_walk_feed(walk_, document.data(), document.size(), nullptr, &need, &error_);
            } else {
                static constexpr std::string_view reason = "404 Not Found";
                status_ = refract_walk_missing(walk_, reason.data(), reason.size(), &need, &error_);
            }
        }
        // What is attached may be more than the policy allows to fetch: that is known only once it is asked for.
        if (status_ == REFRACT_OK) status_ = refract_walk_result(walk_, &result_, &error_);
        if (status_ == REFRACT_OK) status_ = refract_walk_references(walk_, &references_, &error_);
    }

    bool expects(const char* key) const { return expect_.contains(key); }

    json places(const refract_place* from, std::size_t count) const {
        json shown = json::array();
        for (const auto& one : std::span(from, count)) {
            shown.push_back(json::array({text(result_->documents[one.document].digest), one.position}));
        }
        return shown;
    }

    void compare_result() {
        if (expects("selections")) {
            const json& wanted = expect_["selections"];
            ASSERT_EQ(result_->selections_count, wanted.size());
            for (std::size_t i = 0; i < wanted.size(); ++i) {
                const refract_selection& got = result_->selections[i];
                EXPECT_EQ(text(got.manifest.digest), wanted[i]["digest"]);
                EXPECT_EQ(text(got.config_digest), wanted[i].value("config", text(got.config_digest)));
                EXPECT_EQ(platform_text(got.manifest.platform),
                          wanted[i].value("platform", platform_text(got.manifest.platform)));
                const json path = places(got.path, got.path_count);
                EXPECT_EQ(path, wanted[i].value("path", path));
            }
        }
        if (expects("children")) {
            EXPECT_EQ(places(result_->children, result_->children_count), expect_["children"]);
        }
        if (expects("leftOut")) {
            EXPECT_EQ(places(result_->left_out, result_->left_out_count), expect_["leftOut"]);
        }
        if (expects("unreadIndexes")) {
            EXPECT_EQ(result_->unread_indexes_count, expect_["unreadIndexes"]);
        }
        if (expects("referencesCount")) {
            EXPECT_EQ(result_->references_count, expect_["referencesCount"]);
        }
    }

    void compare_references() {
        const refract_references* const all = references_;
        EXPECT_EQ(all->count, result_->references_count);
        if (!expects("references")) return;
        const json& wanted = expect_["references"];
        ASSERT_EQ(all->count, wanted.size());
        for (std::size_t i = 0; i < wanted.size(); ++i) compare_reference(all->references[i], wanted[i]);
    }

    static void compare_reference(const refract_reference& got, const json& wanted) {
        static constexpr const char* answers[] = {"no", "yes", "unknown"};
        const json seen{{"digest", text(got.descriptor.digest)},
                        {"subject", text(got.subject)},
                        {"malformed", text(got.malformed)},
                        {"type", text(got.type)},
                        {"otherTypes", texts(got.other_types, got.other_types_count)},
                        {"description", text(got.description)},
                        {"annotation", text(got.annotation)},
                        {"weak", answers[got.weak]},
                        {"wanted", got.wanted != 0},
                        {"sources", source_names(got.sources)}};
        for (const auto& [key, value] : wanted.items())
            EXPECT_EQ(seen.value(key, json()), value) << key << " of " << seen.dump();
    }

    static json texts(const refract_string* all, std::size_t count) {
        json made = json::array();
        for (const auto& one : std::span(all, count)) made.push_back(text(one));
        return made;
    }

    static json source_names(std::uint32_t sources) {
        json names = json::array();
        for (std::uint32_t one = 1; one != 0; one <<= 1u) {
            if ((sources & one) != 0) names.push_back(text(refract_source_name(one)));
        }
        return names;
    }

    /// What holds of every walk that ended well, whatever it was.
    void check_invariants() {
        const auto in_order = [](const refract_place& a, const refract_place& b) {
            return a.document != b.document ? a.document < b.document : a.position < b.position;
        };
        EXPECT_TRUE(std::is_sorted(result_->children, result_->children + result_->children_count, in_order));
        for (const auto& one : std::span(result_->left_out, result_->left_out_count)) {
            EXPECT_FALSE(
                std::binary_search(result_->children, result_->children + result_->children_count, one, in_order));
        }
        for (const auto& one : std::span(result_->selections, result_->selections_count)) {
            ASSERT_GT(one.path_count, 0u);
            EXPECT_EQ(one.path[0].document, 0u);
            for (const auto& step : std::span(one.path, one.path_count)) {
                EXPECT_TRUE(
                    std::binary_search(result_->children, result_->children + result_->children_count, step, in_order));
            }
        }
        const refract_notes* notes = nullptr;
        ASSERT_EQ(refract_walk_notes(walk_, &notes, nullptr), REFRACT_OK);
        for (const auto& one : std::span(notes->notes, notes->count)) EXPECT_GT(one.reason.size, 0u);
    }

    refract_request* request_ = nullptr;
    refract_walk* walk_ = nullptr;
    json root_;
    json expect_;
    refract_status status_ = REFRACT_OK;
    refract_error error_{};
    std::vector<std::string> needs_;
    const refract_result* result_ = nullptr;
    const refract_references* references_ = nullptr;
};

TEST_P(Case, IsAsDeclared) {
    // Twice with one walk: a used one must answer as a fresh one does.
    for (int round = 0; round < 2; ++round) {
        run();
        if (expects("status")) {
            ASSERT_EQ(text(refract_status_text(status_)), expect_["status"]) << error_.message;
        }
        if (expects("needs")) {
            EXPECT_EQ(json(needs_), expect_["needs"]);
        }
        if (status_ == REFRACT_OK) {
            compare_result();
            compare_references();
            check_invariants();
        }
        for (const auto& words : expect_.value("errorContains", json::array())) {
            EXPECT_NE(std::string_view(error_.message).find(words.get<std::string>()), std::string_view::npos)
                << words << " is not said by: " << error_.message;
        }
    }
}

std::vector<std::string> cases() {
    std::vector<std::string> names;
    if (!fs::exists(REFRACT_TESTDATA)) return names;
    for (const auto& one : fs::directory_iterator(REFRACT_TESTDATA)) {
        if (fs::exists(one.path() / "case.json")) names.push_back(one.path().filename());
    }
    std::sort(names.begin(), names.end());
    return names;
}

std::string name_of(const testing::TestParamInfo<std::string>& info) {
    std::string name = info.param;
    std::replace_if(
        name.begin(), name.end(), [](unsigned char c) { return std::isalnum(c) == 0; }, '_');
    return name;
}

INSTANTIATE_TEST_SUITE_P(Testdata, Case, testing::ValuesIn(cases()), name_of);

/// An empty folder must not pass for a green one.
TEST(Cases, AreThere) { EXPECT_GE(cases().size(), 50u); }

}  // namespace
}  // namespace refract::test
