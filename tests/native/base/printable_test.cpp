// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/printable.h"

#include <gtest/gtest.h>

#include <array>
#include <set>

#include "base/result.h"

namespace refract {
namespace {

TEST(Printable, EscapesWhatMovesATerminal) {
    const std::pair<std::string_view, std::string_view> table[] = {
        {"plain", "plain"},
        {"gr\xC3\xBC\xC3\x9F", "gr\xC3\xBC\xC3\x9F"},
        {"\x1b[31mred", "\\x1b[31mred"},
        {"a\nb\rc\td", "a\\x0ab\\x0dc\\x09d"},
        {"\x7f", "\\x7f"},
        {"\xC2\x9B"
         "31m",
         "\\xc2\\x9b31m"},  // C1: CSI
        {"\xE2\x80\xAE"
         "exe",
         "\\xe2\\x80\\xaeexe"},               // right-to-left override
        {"\xE2\x80\xA8", "\\xe2\\x80\\xa8"},  // line separator
        {"\xE2\x81\xA6", "\\xe2\\x81\\xa6"},  // isolate
        {"\xFF\xFE", "\\xff\\xfe"},
        {"\xC0\x80", "\\xc0\\x80"},                    // overlong NUL
        {"\xED\xA0\x80", "\\xed\\xa0\\x80"},           // surrogate
        {"\xF4\x90\x80\x80", "\\xf4\\x90\\x80\\x80"},  // beyond Unicode
        {"\xF0\x9F\x98\x80", "\xF0\x9F\x98\x80"},
        {"\xE2\x82", "\\xe2\\x82"},
    };
    for (const auto& [text, wanted] : table) EXPECT_EQ(printable(text), wanted) << wanted;
    EXPECT_EQ(printable(std::string_view("a\0b", 3)), "a\\x00b");
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
    for (int code = 0; code <= static_cast<int>(status::cancelled); ++code)
        texts.insert(status_text(static_cast<status>(code)));
    EXPECT_EQ(texts.size(), 17u);
    EXPECT_EQ(status_text(static_cast<status>(17)), "unknown status");
    EXPECT_EQ(status_text(static_cast<status>(-1)), "unknown status");
}

TEST(Outcome, PlacesAreJoined) {
    EXPECT_EQ(outcome(status::malformed, "bad").in("size").in("[3]").in("manifests").why().message,
              "manifests[3]: size: bad");
    EXPECT_TRUE(outcome().in("x").ok());
    result<int> fine(7);
    EXPECT_TRUE(fine.ok() && fine.value() == 7);
    const result<int> bad(error{status::missing, "gone"});
    EXPECT_TRUE(bad.failed() && bad.why().code == status::missing);
}

}  // namespace
}  // namespace refract
