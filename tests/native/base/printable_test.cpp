// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/printable.h"

#include <gtest/gtest.h>

#include <fstream>
#include <nlohmann/json.hpp>
#include <set>
#include <string>

#include "base/result.h"

namespace refract {
namespace {

/// "9b33" as bytes.
std::string bytes_of_hex(const std::string& hex) {
    std::string bytes;
    for (std::size_t i = 0; i + 1 < hex.size(); i += 2) {
        bytes += static_cast<char>(std::stoi(hex.substr(i, 2), nullptr, 16));
    }
    return bytes;
}

/// The list that Go's tests read, too.
TEST(Printable, EscapesWhatMovesATerminalOrMisleads) {
    std::ifstream file(REFRACT_PRINTABLE);
    const auto table = nlohmann::json::parse(file);
    ASSERT_GT(table.size(), 50u);
    for (const auto& row : table) {
        const auto text = row.contains("hex") ? bytes_of_hex(row.at("hex")) : row.at("text").get<std::string>();
        const auto shown = row.at("shown").get<std::string>();
        EXPECT_EQ(printable(text), shown) << row.at("name");
        EXPECT_EQ(printable(shown), shown) << row.at("name");
    }
    EXPECT_EQ(quote("a\"\n"), "\"a\"\\x0a\"");
}

TEST(Printable, Cuts) {
    EXPECT_EQ(printable("abcdef", 6), "abcdef");
    EXPECT_EQ(printable("abcdef", 5), "abcde\xE2\x80\xA6");
    EXPECT_EQ(printable("\xC3\xBC\xC3\xBC", 3), "\xC3\xBC\xE2\x80\xA6");
    EXPECT_EQ(shortened("abcdef", 6), "abcdef");
    EXPECT_EQ(shortened("abcdefg", 6), "abc\xE2\x80\xA6");
    EXPECT_EQ(shortened("ab\xC3\xBC\xC3\xBC", 6), "ab\xC3\xBC\xC3\xBC");
    EXPECT_EQ(shortened("ab\xC3\xBC\xC3\xBCx", 6), "ab\xE2\x80\xA6");
    for (std::size_t most = 3; most < 40; ++most) {
        EXPECT_LE(shortened("\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC\xE2\x82\xAC", most).size(),
                  most);
    }
}

TEST(Status, EachHasItsOwnText) {
    std::set<std::string_view> texts;
    for (int code = 0; code <= static_cast<int>(status_code::cancelled); ++code)
        texts.insert(status_text(static_cast<status_code>(code)));
    EXPECT_EQ(texts.size(), 17u);
    EXPECT_EQ(status_text(static_cast<status_code>(17)), "unknown status");
    EXPECT_EQ(status_text(static_cast<status_code>(-1)), "unknown status");
}

TEST(Status, PlacesAreJoined) {
    EXPECT_EQ(status(status_code::malformed, "bad").in("size").in("[3]").in("manifests").why().message,
              "manifests[3]: size: bad");
    EXPECT_TRUE(status().in("x").ok());
    result<int> fine(7);
    EXPECT_TRUE(fine.ok() && fine.value() == 7);
    const result<int> bad(error{status_code::missing, "gone"});
    EXPECT_TRUE(bad.failed() && bad.why().code == status_code::missing);
}

}  // namespace
}  // namespace refract
