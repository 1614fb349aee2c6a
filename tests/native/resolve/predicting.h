// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <gtest/gtest.h>

#include "registry.h"
#include "resolve/predict/predict.h"

/// What the tests of predictions share.
namespace refract::test {

/// One prediction, fed from a registry until it ends.
struct guess {
    guess(resolve::client who, const registry& from, const blob& root, std::string_view wanted = "linux/amd64",
          const limits& most = {})
        : predictor(who, platform(wanted), most) {
        resolve::expected_document expected;
        expected.media_type = root.media_type;
        expected.digest = root.digest;
        expected.size = static_cast<std::int64_t>(root.bytes.size());
        auto moved = predictor.begin(expected, bytes_of(root.bytes));
        while (moved.ok() && moved.value() == resolve::predictor::step::need) {
            needs.emplace_back(predictor.needed().expected.digest);
            const blob* const found = from.find(needs.back());
            moved = found != nullptr ? predictor.feed(bytes_of(found->bytes)) : predictor.missing("404 Not Found");
        }
        if (moved.failed()) {
            failure = moved.why().code;
            reason = moved.why().message;
            return;
        }
        digest = predictor.predicted().digest;
        reason = predictor.predicted().reason;
        for (const auto step : predictor.predicted().path) path.push_back(step.position);
        EXPECT_EQ(predictor.predicted().selects, !digest.empty());
        EXPECT_FALSE(reason.empty());
        EXPECT_EQ(reason.find_first_of("\n\r\x1b"), std::string::npos) << reason;
    }
    guess(const guess&) = delete;
    guess& operator=(const guess&) = delete;

    resolve::predictor predictor;
    std::string digest;
    std::string reason;
    std::vector<std::uint32_t> path;
    std::vector<std::string> needs;
    status_code failure = status_code::ok;
};

}  // namespace refract::test
