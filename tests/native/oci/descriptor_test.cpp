// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/descriptor.h"

#include <gtest/gtest.h>

#include "oci/index.h"
#include "registry.h"

namespace refract::oci {
namespace {

const std::string entry_digest = test::digest_of('d');

/// The first entry of an index that holds this text, and what came of reading it.
struct reading {
    explicit reading(const std::string& entry) {
        json_reader reader(64);
        const std::string text = R"({"manifests":[)" + entry + "]}";
        const status done = index_.read(reader, test::bytes_of(text), limits{});
        if (done.failed()) {
            code = done.why().code;
            message = done.why().message;
        } else {
            entry_ = &index_.entries().front();
        }
    }
    const descriptor* operator->() const { return entry_; }

    status_code code = status_code::ok;
    std::string message;

private:
    index index_;
    const descriptor* entry_ = nullptr;
};

/// An entry with everything it needs, and these members besides.
std::string entry_with(const std::string& more) {
    return R"({"mediaType":"application/vnd.oci.image.manifest.v1+json","digest":")" + entry_digest + R"(","size":7)" +
           (more.empty() ? "" : ",") + more + '}';
}

std::string entry_of(const std::string& type, const std::string& sum, const std::string& size) {
    return R"({"mediaType":)" + type + R"(,"digest":)" + sum + R"(,"size":)" + size + '}';
}

TEST(Descriptor, NeedsTypeDigestAndSize) {
    const std::string quoted = '"' + entry_digest + '"';
    EXPECT_EQ(reading(entry_of("\"a/b\"", quoted, "1")).code, status_code::ok);
    for (const std::string& bad :
         {entry_of("null", quoted, "1"), entry_of("\"\"", quoted, "1"), entry_of("1", quoted, "1"),
          entry_of("\"a\"", "null", "1"), entry_of("\"a\"", "\"\"", "1"), entry_of("\"a\"", "7", "1"),
          entry_of("\"a\"", quoted, "null"), "{\"digest\":" + quoted + ",\"size\":1}",
          std::string(R"({"mediaType":"a","size":1})"), R"({"mediaType":"a","digest":)" + quoted + '}',
          std::string("{}"), std::string("[]"), std::string("\"x\"")}) {
        EXPECT_EQ(reading(bad).code, status_code::malformed) << bad;
    }
    EXPECT_EQ(reading(R"({"digest":)" + quoted + R"(,"size":1})").message, "manifests[0]: has no mediaType");
    EXPECT_EQ(reading(R"({"mediaType":"a","digest":)" + quoted + '}').message, "manifests[0]: has no size");
}

TEST(Descriptor, Sizes) {
    const auto code = [](const std::string& size) {
        return reading(entry_of("\"a\"", '"' + entry_digest + '"', size)).code;
    };
    for (const char* const fine : {"0", "1", "2147483648", "4611686018427387904", "9223372036854775807"}) {
        EXPECT_EQ(code(fine), status_code::ok) << fine;
    }
    EXPECT_EQ(reading(entry_of("\"a\"", '"' + entry_digest + '"', "4611686018427387904"))->size, std::int64_t{1} << 62);
    for (const char* const bad : {"-1",
                                  "-9223372036854775808",
                                  "9223372036854775808",
                                  "18446744073709551615",
                                  "18446744073709551616",
                                  "1e400",
                                  "1.5",
                                  "1.0",
                                  "1e3",
                                  "-0.0",
                                  "\"7\"",
                                  "true",
                                  "[]",
                                  "{}",
                                  "01",
                                  "+1",
                                  "0x10",
                                  "1_000",
                                  ".5",
                                  "5.",
                                  "--1",
                                  "1e",
                                  "99999999999999999999999999"}) {
        EXPECT_EQ(code(bad), status_code::malformed) << bad;
    }
}

TEST(Descriptor, KeysAreReadInOneWayOnly) {
    for (const std::string more :
         {R"("size":8)", R"("digest":"x")", R"("MEDIATYPE":"x")", R"("Digest":"x")", R"("SIZE":1)", R"("Platform":{})",
          R"("platform":{"os":"a","os":"b"})", R"("platform":{"OS":"a"})", R"("platform":{"os.Version":"a"})",
          R"("platform":{"x":{"y":1,"y":1}})", R"("annotations":{"a":"1","a":"2"})", R"("ANNOTATIONS":{})",
          R"("urls":[],"urls":[])", R"("URLs":[])", R"("Data":"")", R"("artifacttype":"")", R"("x":{"y":1,"y":2})",
          R"("x":1,"x":1)"}) {
        EXPECT_EQ(reading(entry_with(more)).code, status_code::ambiguous) << more;
    }
    EXPECT_EQ(reading(entry_with("\"\xC5\xBFize\":1")).code, status_code::ambiguous);
    EXPECT_EQ(reading(entry_with("\"platform\":{\"o\xC5\xBF\":\"a\"}")).code, status_code::ambiguous);
    EXPECT_EQ(reading(entry_with("\"url\xC5\xBF\":[]")).code, status_code::ambiguous);
    // Annotations are a map, and unknown keys are ignored.
    EXPECT_EQ(reading(entry_with(R"("annotations":{"a":"1","A":"2"},"x":1,"X":1)")).code, status_code::ok);
}

TEST(Descriptor, TypesOfOptionalMembers) {
    for (const std::string more :
         {R"("annotations":[])", R"("annotations":{"a":1})", R"("annotations":{"a":{}})", R"("annotations":"x")",
          R"("platform":[])", R"("platform":"linux/amd64")", R"("platform":{"os":1})",
          R"("platform":{"os.features":"a"})", R"("platform":{"os.features":[1]})", R"("urls":"x")", R"("urls":[1])",
          R"("urls":{})", R"("data":1)", R"("artifactType":[])"}) {
        EXPECT_EQ(reading(entry_with(more)).code, status_code::malformed) << more;
    }
    for (const std::string more :
         {R"("annotations":null)", R"("annotations":{})", R"("annotations":{"a":null})", R"("platform":null)",
          R"("platform":{})", R"("urls":null)", R"("urls":["http://example.test/"])", R"("data":null)",
          R"("artifactType":null)", R"("platform":{"os.features":null,"os":null})",
          R"("platform":{"features":["sse4"]})"}) {
        EXPECT_EQ(reading(entry_with(more)).code, status_code::ok) << more;
    }
    EXPECT_EQ(reading(entry_with(R"("platform":null)"))->platform, no_platform);
    EXPECT_NE(reading(entry_with(R"("platform":{})"))->platform, no_platform);
}

TEST(Descriptor, AnnotationBytes) {
    const auto entry = [](std::size_t size) {
        return entry_with(R"("annotations":{"key":")" + std::string(size - 3, 'x') + "\"}");
    };
    EXPECT_EQ(reading(entry(64u << 10)).code, status_code::ok);
    const reading over(entry((64u << 10) + 1));
    EXPECT_EQ(over.code, status_code::limit_exceeded);
    EXPECT_NE(over.message.find("65537"), std::string::npos) << over.message;
    EXPECT_NE(over.message.find("65536"), std::string::npos) << over.message;
    // Many small ones count alike.
    std::string many;
    for (int i = 0; i < 7000; ++i) many += (i == 0 ? "\"" : ",\"") + std::to_string(1000000 + i) + R"(":"abc")";
    EXPECT_EQ(reading(entry_with(R"("annotations":{)" + many + '}')).code, status_code::limit_exceeded);
}

/// containerd believes `data` if only its length fits; what is wrong with it is noted, and refuses no document.
TEST(Descriptor, Data) {
    const auto entry = [](std::string_view content, const std::string& base64, std::size_t size) {
        return R"({"mediaType":"a","digest":")" + test::sha256_of(content) + R"(","size":)" + std::to_string(size) +
               R"(,"data":")" + base64 + "\"}";
    };
    const auto data = [](const std::string& text) {
        const reading one(text);
        EXPECT_EQ(one.code, status_code::ok) << text << ": " << one.message;
        return one->data;
    };
    EXPECT_EQ(data(entry("{}", "e30=", 2)), embedded::right);
    EXPECT_EQ(data(entry("abc", "YWJj", 3)), embedded::right);
    EXPECT_EQ(data(entry("abc", "YW\\r\\nJj\\n", 3)), embedded::right);  // as Go reads it
    EXPECT_EQ(data(entry("a", "YQ==", 1)), embedded::right);
    EXPECT_EQ(data(entry("", "", 0)), embedded::right);
    EXPECT_EQ(data(entry("abd", "YWJj", 3)), embedded::wrong);
    EXPECT_EQ(data(entry("abc", "YWJj", 4)), embedded::unfitting);
    EXPECT_EQ(data(entry("abc", "", 3)), embedded::unfitting);
    EXPECT_EQ(data(entry_with(R"("data":null)")), embedded::none);
    EXPECT_EQ(data(entry_with(R"("x":1)")), embedded::none);
    // Nobody can tell, so it is not to be believed.
    EXPECT_EQ(data(R"({"mediaType":"a","digest":"blake3:abc","size":3,"data":"YWJj"})"), embedded::wrong);
    EXPECT_EQ(data(R"({"mediaType":"a","digest":"blake3:abc","size":4,"data":"YWJj"})"), embedded::unfitting);
    // Before the members that it is held against.
    EXPECT_EQ(data(R"({"data":"YWJj","size":3,"mediaType":"a","digest":")" + test::sha256_of("abc") + "\"}"),
              embedded::right);
    for (const char* const bad :
         {"YWJ", "YWJ?", "YWJ=j===", "====", "=", "YW==Jj==", " YWJj", "YWJj====", "-_-_", "\\u00e9AAA"}) {
        EXPECT_EQ(reading(entry("abc", bad, 3)).code, status_code::malformed) << bad;
    }
}

TEST(Descriptor, Marks) {
    const auto marks = [](const std::string& key, const std::string& value = "\"x\"") {
        return reading(entry_with(R"("annotations":{"a":"b",")" + key + "\":" + value + '}'))->marks;
    };
    EXPECT_EQ(marks("org.opencontainers.reference.digest"), mark::reference);
    EXPECT_EQ(marks("org.opencontainers.reference.type"), mark::reference);
    EXPECT_EQ(marks("org.opencontainers.reference.description"), mark::none);
    EXPECT_EQ(marks("org.opencontainers.reference.digests"), mark::none);
    EXPECT_EQ(marks("vnd.docker.reference.digest"), mark::buildkit);
    EXPECT_EQ(marks("vnd.docker.reference.type"), mark::buildkit);
    EXPECT_EQ(marks("com.amazon.soci.image-manifest-digest"), mark::soci);
    EXPECT_EQ(marks("org.opencontainers.signatures.index"), mark::inline_signature);
    EXPECT_EQ(marks("dev.cosignproject.cosign/signature"), mark::inline_signature);
    EXPECT_EQ(marks("dev.cosignproject.cosign/signature.2"), mark::inline_signature);
    EXPECT_EQ(marks("dev.sigstore.cosign/bundle.x"), mark::inline_signature);
    EXPECT_EQ(marks("dev.sigstore.cosign/chain"), mark::inline_signature);
    EXPECT_EQ(marks("dev.sigstore.cosign/bundles"), mark::none);
    EXPECT_EQ(marks("dev.example/signature"), mark::none);
    EXPECT_EQ(marks(""), mark::none);
    const reading two(
        entry_with(R"("annotations":{"vnd.docker.reference.type":"a","org.opencontainers.reference.type":"b"})"));
    EXPECT_TRUE(has(two->marks, mark::buildkit) && has(two->marks, mark::reference));
    EXPECT_EQ(two->kind, media_kind::manifest);
}

/// A malformed digest refuses an entry wherever it stands (row 1: the table is in digest_test).
TEST(Descriptor, Digests) {
    EXPECT_EQ(reading(entry_of("\"a\"", "\"sha256:x\"", "1")).message,
              "manifests[0]: digest: malformed digest \"sha256:x\"");
    EXPECT_EQ(reading(entry_of("\"a\"", "\"sha256:\\u001b[31m\"", "1")).message,
              "manifests[0]: digest: malformed digest \"sha256:\\x1b[31m\"");
    EXPECT_EQ(reading(entry_of("\"a\"", "\"blake3:abc\"", "1"))->algorithm, digest_algorithm::other);
    // Written with escapes it is the same text.
    EXPECT_EQ(reading(entry_of("\"a\"", "\"sha256\\u003a" + entry_digest.substr(7) + '"', "1")).code, status_code::ok);
}

}  // namespace
}  // namespace refract::oci
