// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/json.h"

#include <gtest/gtest.h>

#include "registry.h"

namespace refract::oci {
namespace {

constexpr std::uint32_t depth_limit = 64;

/// Ok, or why the text was refused.
status_code read(std::string_view text, std::uint32_t depth = depth_limit) {
    json_reader reader(depth);
    simdjson::dom::document document;
    const auto got = reader.read(document, test::bytes_of(text));
    return got.ok() ? status_code::ok : got.why().code;
}

status_code keys_of(std::string_view text) {
    json_reader reader(depth_limit);
    simdjson::dom::document document;
    const auto got = reader.read(document, test::bytes_of(text));
    if (got.failed()) return got.why().code;
    const status done = check_keys(got.value());
    return done.ok() ? status_code::ok : done.why().code;
}

std::string nested(std::size_t levels, char open, char close) {
    return std::string(levels, open) + '1' + std::string(levels, close);
}

TEST(JsonReader, RefusesWhatIsNotOneDocument) {
    for (const std::string_view text : {
             "",          " ",        "\n",       "{",          "}",         "[",           "[1",
             "{\"a\"",    "{\"a\":",  "{\"a\":1", "{\"a\":1,}", "[1,]",      "{a:1}",       "{'a':1}",
             "{\"a\" 1}", "[1 2]",    "{} {}",    "{}x",        "{},",       "{}]",         "[]\n[]",
             "nul",       "True",     "NaN",      "Infinity",   "// c\n{}",  "{/**/}",      "\"",
             "\"\\\"",    "\"a\nb\"", "\"\t\"",   "\"\\x41\"",  "\"\\u12\"", "\"\\u12G4\"", "{\"a\":1\"b\":2}",
             "{1:2}",     "{null:1}", "[,1]",     "{,}",        "::",        "\x00",
         }) {
        EXPECT_EQ(read(text), status_code::malformed) << text;
    }
    EXPECT_EQ(read(std::string_view("{}\0", 3)), status_code::malformed);
    EXPECT_EQ(read(std::string_view("{\"a\0\":1}", 8)), status_code::malformed);
}

TEST(JsonReader, TakesWhitespaceAroundTheDocument) {
    for (const std::string_view text : {"{}", " {}", "{} ", "\t\r\n {}\t\r\n ", "[]", "null", "\"a\""}) {
        EXPECT_EQ(read(text), status_code::ok) << text;
    }
    // Other whitespace is none in JSON.
    for (const std::string_view text : {"\f{}", "\v{}", "{}\xc2\xa0", "\xe2\x80\xa8{}"}) {
        EXPECT_EQ(read(text), status_code::malformed) << text;
    }
}

TEST(JsonReader, RefusesByteOrderMarks) {
    for (const std::string_view text :
         {"\xEF\xBB\xBF{}", "\xEF\xBB\xBF", "\xFF\xFE{}", "\xFE\xFF{}", "{}\xEF\xBB\xBF"}) {
        EXPECT_EQ(read(text), status_code::malformed) << text;
    }
    // Inside a string it is a character like others.
    EXPECT_EQ(read("{\"a\":\"\xEF\xBB\xBF\"}"), status_code::ok);
}

TEST(JsonReader, RefusesInvalidUtf8) {
    for (const std::string_view bad : {
             "\x80",
             "\xBF",
             "\xC0\x80",
             "\xC1\xBF",
             "\xC3",
             "\xE0\x80\x80",
             "\xE0\x9F\xBF",
             "\xED\xA0\x80",
             "\xED\xBF\xBF",
             "\xE2\x82",
             "\xF0\x80\x80\x80",
             "\xF0\x8F\xBF\xBF",
             "\xF4\x90\x80\x80",
             "\xF5\x80\x80\x80",
             "\xFE",
             "\xFF",
             "a\xFF",
         }) {
        const std::string quoted = '"' + std::string(bad) + '"';
        EXPECT_EQ(read(quoted), status_code::malformed) << quoted;
        EXPECT_EQ(read("{\"key\":" + quoted + '}'), status_code::malformed) << quoted;
        EXPECT_EQ(read('{' + quoted + ":1}"), status_code::malformed) << quoted;
        // Behind a vector's width, too.
        EXPECT_EQ(read("{\"key\":\"" + std::string(200, 'x') + std::string(bad) + "\"}"), status_code::malformed)
            << quoted;
    }
    for (const std::string_view fine :
         {"\xC2\x80", "\xE0\xA0\x80", "\xED\x9F\xBF", "\xEE\x80\x80", "\xF0\x90\x80\x80", "\xF4\x8F\xBF\xBF"}) {
        EXPECT_EQ(read('"' + std::string(fine) + '"'), status_code::ok) << fine;
    }
}

/// Go writes U+FFFD for a lone surrogate; what two readers see differently is refused.
TEST(JsonReader, RefusesLoneSurrogates) {
    for (const std::string_view bad :
         {"\\ud800", "\\udc00", "\\ud800x", "\\ud800\\u0041", "\\udc00\\ud800", "\\uD83D\\n"}) {
        EXPECT_EQ(read('"' + std::string(bad) + '"'), status_code::malformed) << bad;
        EXPECT_EQ(read("{\"" + std::string(bad) + "\":1}"), status_code::malformed) << bad;
    }
    EXPECT_EQ(read("\"\\ud83d\\ude00\""), status_code::ok);
}

TEST(JsonReader, Depth) {
    EXPECT_EQ(read(nested(64, '[', ']')), status_code::ok);
    EXPECT_EQ(read(nested(65, '[', ']')), status_code::limit_exceeded);
    EXPECT_EQ(read(nested(100000, '[', ']')), status_code::limit_exceeded);
    std::string objects = "1";
    for (int i = 0; i < 64; ++i) objects = "{\"a\":" + objects + '}';
    EXPECT_EQ(read(objects), status_code::ok);
    EXPECT_EQ(read("{\"a\":" + objects + '}'), status_code::limit_exceeded);
    EXPECT_EQ(read("[[1]]", 2), status_code::ok);
    EXPECT_EQ(read("[[[1]]]", 2), status_code::limit_exceeded);
    // What is empty holds nothing deeper: simdjson does not count it.
    EXPECT_EQ(read(std::string(65, '[') + std::string(65, ']')), status_code::ok);
    EXPECT_EQ(read(std::string(66, '[') + std::string(66, ']')), status_code::limit_exceeded);
    // Never closed: whichever it is, it is not accepted.
    EXPECT_NE(read(std::string(64, '[')), status_code::ok);
    EXPECT_NE(read(std::string(1000, '[')), status_code::ok);
}

TEST(JsonReader, ReadsAgainAfterAnything) {
    json_reader reader(depth_limit);
    simdjson::dom::document document;
    const std::string large = "[\"" + std::string(1 << 20, 'x') + "\"]";
    for (int round = 0; round < 3; ++round) {
        EXPECT_TRUE(reader.read(document, test::bytes_of("{\"a\":1}")).ok());
        EXPECT_TRUE(reader.read(document, test::bytes_of("{\"a\":")).failed());
        EXPECT_TRUE(reader.read(document, test::bytes_of(large)).ok());
        EXPECT_TRUE(reader.read(document, test::bytes_of(nested(65, '[', ']'))).failed());
        EXPECT_TRUE(reader.read(document, {}).failed());
        const auto got = reader.read(document, test::bytes_of("[\"last\"]"));
        ASSERT_TRUE(got.ok());
        EXPECT_EQ(std::string_view(got.value().at(0)), "last");
    }
}

/// A document of any length must be read the same whatever stands behind it in memory.
TEST(JsonReader, EveryLengthAroundAVector) {
    for (std::size_t size = 0; size < 200; ++size) {
        const std::string text = "[\"" + std::string(size, 'x') + "\"]";
        EXPECT_EQ(read(text), status_code::ok) << size;
        EXPECT_EQ(read(text.substr(0, text.size() - 1)), status_code::malformed) << size;
        EXPECT_EQ(read(text + "]"), status_code::malformed) << size;
    }
}

TEST(Keys, DuplicatesAtEveryLevel) {
    std::string inner = R"({"a":1,"b":2,"a":3})";
    for (int level = 0; level < 20; ++level) {
        EXPECT_EQ(keys_of(inner), status_code::ambiguous) << level;
        inner = level % 2 == 0 ? "{\"x\":" + inner + '}' : "[0," + inner + ']';
    }
    EXPECT_EQ(keys_of(R"({"a":{"x":1},"b":{"x":1},"c":[{"x":1},{"x":1}]})"), status_code::ok);
    EXPECT_EQ(keys_of(R"({"":1,"":2})"), status_code::ambiguous);
    // The same key, written in two ways.
    EXPECT_EQ(keys_of(R"({"a":1,"\u0061":2})"), status_code::ambiguous);
    EXPECT_EQ(keys_of(R"({"A":1,"a":2})"), status_code::ok);
}

TEST(Keys, ManyKeys) {
    for (const int count : {15, 16, 17, 18, 100, 5000}) {
        std::string text;
        for (int i = 0; i < count; ++i) text += (i == 0 ? "{\"k" : ",\"k") + std::to_string(i) + "\":1";
        EXPECT_EQ(keys_of(text + '}'), status_code::ok) << count;
        for (const int twin : {0, count / 2, count - 1}) {
            EXPECT_EQ(keys_of(text + ",\"k" + std::to_string(twin) + "\":1}"), status_code::ambiguous)
                << count << ' ' << twin;
        }
    }
}

TEST(Keys, FoldAsGoFoldsThem) {
    for (const std::string_view key : {"MEDIATYPE", "mediatype", "MediaType", "mEDIAtYPE"}) {
        EXPECT_TRUE(folds_to(key, "mediaType")) << key;
    }
    EXPECT_TRUE(folds_to("\xC5\xBFize", "size"));  // U+017F
    EXPECT_TRUE(folds_to("manife\xC5\xBFts", "manifests"));
    EXPECT_TRUE(folds_to("manife\xC5\xBFt\xC5\xBF", "manifests"));
    EXPECT_TRUE(
        folds_to("\xE2\x84\xAA"
                 "EY",
                 "key"));  // U+212A
    EXPECT_TRUE(folds_to("OS.VERSION", "os.version"));
    EXPECT_TRUE(folds_to("DIFF_IDS", "diff_ids"));
    for (const std::string_view key : {"", "media", "mediaTypes", "media_type", "mediaTyp\xC3\xA9", "mediaT\xC4\xB1pe",
                                       "\xC5\xBF", "mediaTypE\xCC\x81",
                                       "m\xC3\xAB"
                                       "diaType"}) {
        EXPECT_FALSE(folds_to(key, "mediaType")) << key;
    }
    EXPECT_FALSE(folds_to("\xC5", "s"));
    EXPECT_FALSE(folds_to("\xE2\x84", "k"));
    EXPECT_FALSE(folds_to("o\xC5\xBF_version", "os.version"));
}

}  // namespace
}  // namespace refract::oci
