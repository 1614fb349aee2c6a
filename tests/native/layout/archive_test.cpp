// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>

#include <atomic>
#include <cstdlib>
#include <fstream>
#include <iterator>

#include "layout/fixture.h"

namespace refract::layout {
namespace {

using namespace std::string_literals;
using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;

/// A layout, and archives that the system's tar makes of it.
class LayoutArchive : public Layout {
protected:
    LayoutArchive() : one(keep(made.image("linux/amd64", "one"))), sbom(attach()) {
        layer = keep(made.put(test::oci_layer, "\x1f\x8b layer " + std::string(3u << 20, 'x'))).digest;
        index({tagged(one, "v1")});
    }

    const test::blob& attach() {
        auto document = json::parse(made.artifact().bytes);
        document["subject"] = one.descriptor();
        return keep(made.write(test::oci_manifest, document));
    }
    /// Runs tar in the layout's directory, with the archive's name as $1.
    std::string tar(const std::string& arguments) const {
        const auto to = outside.path("archive.tar");
        run("cd " + files.path() + " && tar -cf " + to + ' ' + arguments);
        return to;
    }
    static void run(const std::string& command) { ASSERT_EQ(std::system(command.c_str()), 0) << command; }

    static std::string opened(const std::string& path, const limits& most = {}, const layout_limits& bounds = {}) {
        const auto layout = open_layout(path, most, {}, bounds);
        return layout.ok() ? "opened" : std::string(status_text(layout.why().code)) + ": " + layout.why().message;
    }
    static std::string get_from(oci::repository& from, kind what, const std::string& reference) {
        const auto asked = oci::fetch_request_for(what, reference, plenty);
        const auto got = std::move(from.ask({&asked, 1}).front());
        if (got.failed()) return std::string(status_text(got.why().code)) + ": " + got.why().message;
        return got.value().documents.empty() ? "nothing" : got.value().documents.front();
    }
    static std::string stream(oci::repository& from, const test::blob& of) {
        std::string bytes;
        const oci::blob wanted{of.digest, static_cast<std::int64_t>(of.bytes.size()),
                               [&](std::span<const std::byte> piece) -> status {
                                   bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
                                   return {};
                               }};
        const auto done = std::move(from.read({&wanted, 1}).front());
        return done.ok() ? bytes : std::string(status_text(done.why().code)) + ": " + done.why().message;
    }

    const test::blob& one;
    const test::blob& sbom;
    std::string layer;
    test::directory outside;
};

TEST_F(LayoutArchive, IsReadAsTheDirectoryIs) {
    for (const std::string how : {"index.json oci-layout blobs", ".", "--format=pax .", "--format=ustar .", "-z .",
                                  "--zstd .", "-z blobs index.json oci-layout"}) {
        auto layout = open_layout(tar(how), {});
        ASSERT_TRUE(layout.ok()) << how << layout.why().message;
        auto& from = *layout.value();
        EXPECT_THAT(from.notices(), IsEmpty());
        for (int twice = 0; twice < 2; ++twice) {
            EXPECT_EQ(get_from(from, kind::manifest, "v1"), one.bytes) << how;
            EXPECT_EQ(get_from(from, kind::manifest, ""), one.bytes) << how;
            EXPECT_EQ(get_from(from, kind::blob, sbom.digest), sbom.bytes) << how;
            EXPECT_EQ(stream(from, *made.find(layer)), made.find(layer)->bytes) << how;
        }
        EXPECT_EQ(get_from(from, kind::presence, layer), "nothing") << how;
        EXPECT_THAT(get_from(from, kind::blob, test::digest_of('a')), HasSubstr("missing: oci:")) << how;
        // Found among the blobs, for index.json does not list it.
        EXPECT_THAT(get_from(from, kind::referrers, one.digest), HasSubstr(sbom.digest)) << how;
    }
}

TEST_F(LayoutArchive, NamesThatLeadElsewhereAreNotLookedAt) {
    const auto path =
        tar("-P --transform='s,^oci-layout$,../../oci-layout,' --transform='s,^blobs/,/blobs/,' "
            "index.json oci-layout blobs");
    auto layout = open_layout(path, {});
    ASSERT_TRUE(layout.ok()) << layout.why().message;
    EXPECT_THAT(layout.value()->notices(), ElementsAre(HasSubstr("no file oci-layout")));
    EXPECT_THAT(get_from(*layout.value(), kind::manifest, "v1"), HasSubstr("missing: oci:"));
}

TEST_F(LayoutArchive, ASecondIndexIsAmbiguousAndASecondBlobDoesNotCount) {
    const auto path = tar(".");
    files.write(path_of(one.digest), "{}");
    run("cd " + files.path() + " && tar -rf " + path + ' ' + path_of(one.digest));
    EXPECT_EQ(get_from(*open_layout(path, {}).value(), kind::manifest, "v1"), one.bytes);
    run("cd " + files.path() + " && tar -rf " + path + " index.json");
    EXPECT_THAT(opened(path), AllOf(HasSubstr("ambiguous: oci:"), HasSubstr("more than one index.json")));
}

TEST_F(LayoutArchive, LinksInItAreNotFollowed) {
    const auto name = path_of(one.digest);
    const auto other = name.substr(0, name.size() - 1) + (name.back() == 'a' ? 'b' : 'a');
    std::filesystem::rename(files.path(name), files.path(other));
    std::filesystem::create_symlink(files.path(other), files.path(name));
    for (const char* const how : {".", "-z ."}) {
        auto layout = open_layout(tar(how), {});
        for (const auto what : {kind::manifest, kind::blob, kind::presence}) {
            EXPECT_THAT(get_from(*layout.value(), what, one.digest),
                        AllOf(HasSubstr("malformed: oci:"), HasSubstr("link")));
        }
    }
    // Of two names of one file the second is a link in the archive.
    std::filesystem::remove(files.path(name));
    std::filesystem::create_hard_link(files.path(other), files.path(name));
    auto layout = open_layout(tar(other + ' ' + name + " index.json oci-layout"), {});
    EXPECT_THAT(get_from(*layout.value(), kind::manifest, "v1"), HasSubstr("malformed: oci:"));
}

TEST_F(LayoutArchive, DamageIsToldWhereItIsSeen) {
    for (const char* const how : {".", "-z .", "--zstd ."}) {
        const auto path = tar(how);
        std::filesystem::resize_file(path, std::filesystem::file_size(path) / 2);
        EXPECT_THAT(opened(path), testing::AnyOf(HasSubstr("malformed: oci:"), HasSubstr("missing: oci:"))) << how;
    }
    EXPECT_THAT(opened(outside.write("empty.tar", "")), HasSubstr("oci:"));
    EXPECT_THAT(opened(outside.write("text.tar", "this is no archive")), HasSubstr("malformed: oci:"));
    EXPECT_THAT(opened(outside.write("text.tar", std::string(4096, 'x'))), HasSubstr("malformed: oci:"));
    EXPECT_THAT(opened(tar("blobs")), AllOf(HasSubstr("missing: oci:"), HasSubstr("no index.json")));
    files.write(path_of(one.digest), one.bytes + ' ');
    EXPECT_THAT(get_from(*open_layout(tar("."), {}).value(), kind::manifest, "v1"), HasSubstr("size mismatch: oci:"));
}

TEST_F(LayoutArchive, IsBounded) {
    layout_limits bounds;
    bounds.members = 3;
    EXPECT_THAT(opened(tar("."), {}, bounds), AllOf(HasSubstr("limit exceeded: oci:"), HasSubstr("3 members")));
    bounds = {};
    bounds.unpacked_bytes = 1u << 20;
    EXPECT_EQ(opened(tar("."), {}, bounds), "opened");
    EXPECT_THAT(opened(tar("-z ."), {}, bounds), AllOf(HasSubstr("limit exceeded: oci:"), HasSubstr("1048576")));
    const auto twice = tar("-z .");
    run("gzip -c " + twice + " > " + twice + ".gz");
    EXPECT_THAT(opened(twice + ".gz"), HasSubstr("compressed more than once"));
}

/// A member's headers and content as ustar has them, with any name: tar itself would not write these.
std::string member(const std::string& name, const std::string& content, char type = '0') {
    std::string header(512, '\0');
    const auto put = [&](std::size_t at, const std::string& text) { header.replace(at, text.size(), text); };
    const auto octal = [](std::size_t value, std::size_t digits) {
        std::string text(digits, '0');
        for (auto at = text.rbegin(); at != text.rend(); ++at, value /= 8) *at = static_cast<char>('0' + value % 8);
        return text;
    };
    put(0, name);
    put(100, "0000644");
    put(108, "0000000");
    put(116, "0000000");
    put(124, octal(content.size(), 11));
    put(136, octal(0, 11));
    put(148, std::string(8, ' '));
    header[156] = type;
    put(257, std::string("ustar\0"
                         "00",
                         8));
    std::size_t sum = 0;
    for (const char c : header) sum += static_cast<unsigned char>(c);
    put(148, octal(sum, 6) + '\0');
    return header + content + std::string((512 - content.size() % 512) % 512, '\0');
}

/// One line of a pax header.
std::string pax(const std::string& key, const std::string& value) {
    const auto rest = " " + key + "=" + value + "\n";
    auto size = rest.size() + 1;
    while (std::to_string(size).size() + rest.size() != size) ++size;
    return std::to_string(size) + rest;
}

const std::string end_of_archive(1024, '\0');
constexpr const char* marker = R"({"imageLayoutVersion":"1.0.0"})";

/// containerd's import goes by Go's path.Clean, and takes the last of several.
TEST_F(LayoutArchive, NamesAreCleanedAsContainerdDoes) {
    const auto text = [&](const char* file) {
        std::ifstream in(files.path(file));
        return std::string(std::istreambuf_iterator<char>(in), {});
    };
    const auto rest = member("oci-layout", marker) + member(path_of(one.digest), one.bytes) + end_of_archive;
    const std::string other = R"({"schemaVersion":2,"manifests":[]})";
    int read = 0;
    int refused = 0;
    std::string deep = "index.json";
    for (int i = 0; i < 300; ++i) deep = "a/../" + deep;
    for (const std::string& name :
         {"index.json"s, "./index.json"s, "././/index.json"s, "x/../index.json"s, "x/./y/../../index.json"s,
          ".//x//..//index.json"s, "blobs/../index.json"s, "blobs/sha256/../../index.json"s, deep}) {
        const auto named = name.size() < 100
                               ? member(name, text("index.json"))
                               : member("long", pax("path", name), 'x') + member("short", text("index.json"));
        for (const bool before : {true, false}) {
            auto layout = open_layout(
                outside.write("cleaned.tar",
                              before ? named + rest : rest.substr(0, rest.size() - 1024) + named + end_of_archive),
                {});
            ASSERT_TRUE(layout.ok()) << name << layout.why().message;
            EXPECT_EQ(get_from(*layout.value(), kind::manifest, "v1"), one.bytes) << name;
            ++read;
        }
        for (const auto& both : {named + member("index.json", other), member("index.json", other) + named,
                                 named + member("y/../index.json", other)}) {
            EXPECT_THAT(opened(outside.write("both.tar", both + rest)),
                        AllOf(HasSubstr("ambiguous: oci:"), HasSubstr("more than one index.json")))
                << name;
            ++refused;
        }
    }
    for (const std::string& name : {"../index.json"s, "/index.json"s, "x/../../index.json"s, "//index.json"s}) {
        EXPECT_THAT(opened(outside.write("out.tar", member(name, other) + rest)), HasSubstr("missing: oci:")) << name;
        EXPECT_EQ(
            opened(outside.write("out.tar", member(name, other) + member("index.json", text("index.json")) + rest)),
            "opened");
    }
    // A name in other characters than the locale has.
    const auto odd = member("long", pax("path", "gr\xC3\xBC\xC3\x9F/../index.json"), 'x') + member("short", other);
    EXPECT_THAT(opened(outside.write("odd.tar", odd + member("index.json", text("index.json")) + rest)),
                HasSubstr("ambiguous: oci:"));
    EXPECT_EQ(read, 18);
    EXPECT_EQ(refused, 27);
}

/// Where a plain archive is begun in its middle, nothing in it says that it is compressed there.
TEST_F(LayoutArchive, AMemberOfAPlainArchiveIsNotUnpacked) {
    std::ifstream in(files.path("index.json"));
    const std::string text(std::istreambuf_iterator<char>(in), {});
    for (const std::string& magic : {"\x1f\x8b\x08"s, "\x28\xb5\x2f\xfd"s}) {
        const auto headed = [&](const std::string& name, const std::string& content) {
            return member(magic, pax("path", name), 'x') + member("short", content);
        };
        auto layout =
            open_layout(outside.write("magic.tar", member("oci-layout", marker) + headed("index.json", text) +
                                                       headed(path_of(one.digest), one.bytes) + end_of_archive),
                        {});
        ASSERT_TRUE(layout.ok()) << layout.why().message;
        EXPECT_EQ(get_from(*layout.value(), kind::manifest, "v1"), one.bytes);
    }
}

/// A few kB that unpack to 1 GiB, again for each blob: all passes together have one bound, and end when that is asked
/// for.
TEST_F(LayoutArchive, PassesThroughACompressedArchiveAreBoundedTogetherAndCanBeCancelled) {
    const auto large = outside.path("large");
    run("truncate -s 64M " + large);
    run("cd " + files.path() + " && tar -cf " + outside.path("bomb.tar") + " index.json oci-layout && tar -rf " +
        outside.path("bomb.tar") + " --transform='s,.*large,large,' -P " + large + " && tar -rf " +
        outside.path("bomb.tar") + " blobs && zstd -q -f " + outside.path("bomb.tar") + " -o " +
        outside.path("bomb.tar.zst"));
    const auto path = outside.path("bomb.tar.zst");
    layout_limits bounds;
    bounds.kept_bytes = 0;
    bounds.unpacked_bytes = 300u << 20;
    auto layout = open_layout(path, {}, {}, bounds);
    ASSERT_TRUE(layout.ok()) << layout.why().message;
    int passes = 0;
    std::string got;
    while (passes < 100 && (got = get_from(*layout.value(), kind::blob, one.digest)) == one.bytes) ++passes;
    EXPECT_EQ(passes, 3);
    EXPECT_THAT(got, AllOf(HasSubstr("limit exceeded: oci:"), HasSubstr("314572800")));

    std::atomic<bool> cancelled{true};
    const auto none = open_layout(path, {}, {}, {}, &cancelled);
    ASSERT_TRUE(none.failed());
    EXPECT_EQ(none.why().code, status_code::cancelled);
    // Within one member: libarchive is not left alone with it.
    cancelled = false;
    layout = open_layout(path, {}, {}, bounds, &cancelled);
    cancelled = true;
    EXPECT_THAT(get_from(*layout.value(), kind::blob, one.digest), HasSubstr("cancelled: oci:"));
}

TEST_F(LayoutArchive, ScanningStopsWithANotice) {
    layout_limits bounds;
    bounds.scanned_blobs = 2;
    discovery_limits few;
    few.bytes = one.bytes.size() + 10;
    for (const auto& path : {files.path(), tar("."), tar("-z .")}) {
        auto by_number = open_layout(path, {}, {}, bounds);
        EXPECT_THAT(get_from(*by_number.value(), kind::referrers, one.digest), HasSubstr("manifests"));
        EXPECT_THAT(by_number.value()->notices(), ElementsAre(HasSubstr("more blobs than the limit of 2"))) << path;
        auto by_bytes = open_layout(path, {}, few);
        EXPECT_THAT(get_from(*by_bytes.value(), kind::referrers, one.digest), HasSubstr("manifests"));
        EXPECT_THAT(by_bytes.value()->notices(), ElementsAre(HasSubstr("longer than the limit of"))) << path;
    }
}

}  // namespace
}  // namespace refract::layout
