// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/references.h"

#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "registry.h"

namespace refract::test {
namespace {

using resolve::tristate;
using testing::ElementsAre;

/// A finished walk and what it saw attached.
struct seen {
    seen(const registry& from, const blob& root, const resolve::request& request = request_for({here}))
        : walked(from, root, request), all(resolve::find_attached(walked.walk)) {
        EXPECT_TRUE(walked.ok()) << walked.message;
    }
    const resolve::reference& operator[](std::size_t number) const { return all.references.at(number); }
    std::size_t size() const { return all.references.size(); }

    pull walked;
    resolve::attached all;
};

resolve::request fetching(std::vector<std::string> types = {}) {
    auto request = request_for({here});
    request.fetch_references = true;
    request.reference_types = std::move(types);
    return request;
}

std::vector<bool> wanted_of(const seen& got) {
    std::vector<bool> wanted;
    for (const auto& one : got.all.references) wanted.push_back(one.wanted);
    return wanted;
}

TEST(References, WhatADescriptorSays) {
    registry from;
    const blob image = from.image(here);
    const blob sbom = from.artifact();
    const json entry =
        annotated(sbom.about(image.digest, "sbom"), "org.opencontainers.reference.description", "what is in it");
    const seen got(from, from.index({entry, image.on(here)}));
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].digest(), sbom.digest);
    EXPECT_EQ(got[0].subject, image.digest);
    EXPECT_EQ(got[0].type, "sbom");
    EXPECT_EQ(got[0].description, "what is in it");
    EXPECT_EQ(got[0].sources, static_cast<std::uint32_t>(resolve::source_index));
    EXPECT_EQ(got[0].weak, tristate::no);
    EXPECT_FALSE(got[0].wanted);
}

TEST(References, Sources) {
    registry from;
    const blob image = from.image(here);
    const blob first = from.artifact("application/vnd.in-toto+json");
    const blob second = from.artifact("application/vnd.amazon.soci.index.v2+json");
    const json buildkit = annotated(annotated(first.on("unknown/unknown"), "vnd.docker.reference.digest", image.digest),
                                    "vnd.docker.reference.type", "attestation-manifest");
    const json soci = annotated(second.on(here), "com.amazon.soci.image-manifest-digest", image.digest);
    const json typed =
        with(with(second.descriptor(), "digest", digest_of('9')), "artifactType", "application/spdx+json");
    const seen got(from, from.index({image.on(here), buildkit, soci, typed}));
    ASSERT_EQ(got.size(), 3u);
    EXPECT_EQ(got[0].sources, static_cast<std::uint32_t>(resolve::source_buildkit));
    EXPECT_EQ(got[0].type, "attestation-manifest");
    EXPECT_EQ(got[1].sources, static_cast<std::uint32_t>(resolve::source_soci));
    EXPECT_EQ(got[1].type, "soci-index");
    EXPECT_EQ(got[1].subject, image.digest);
    EXPECT_EQ(got[2].type, "application/spdx+json");
    EXPECT_EQ(got[2].subject, "");
    EXPECT_EQ(got[2].weak, tristate::unknown);
}

/// The same artifact, found twice: in two indexes, and by two kinds of marks.
TEST(References, AreMerged) {
    registry from;
    const blob image = from.image(here);
    const blob sbom = from.artifact();
    const json by_proposal = sbom.about(image.digest, "sbom");
    const json by_buildkit = annotated(sbom.descriptor(), "vnd.docker.reference.digest", image.digest);
    const blob inner = from.index({by_buildkit, image.on(here)});
    const seen got(from, from.index({by_proposal, by_proposal, inner.descriptor()}));
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].sources, static_cast<std::uint32_t>(resolve::source_index | resolve::source_buildkit));
    EXPECT_EQ(got[0].type, "sbom");
    EXPECT_EQ(got[0].place, (resolve::place{0, 0}));
    // About two things it is two references.
    const seen two(from, from.index({by_proposal, sbom.about(inner.digest, "sbom"), inner.descriptor()}));
    EXPECT_EQ(two.size(), 2u);
}

/// An artifact that is told of as several types keeps them all, whatever it is merged with, and however often.
TEST(References, AreMergedWithTheirTypes) {
    registry from;
    const blob image = from.image(here);
    const blob sbom = from.artifact();
    const json first = sbom.about(image.digest, "sbom");
    const json second = with(sbom.about(image.digest, "scan"), "artifactType", "application/spdx+json");
    seen got(from, from.index({first, second, second, first, image.on(here)}));
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].type, "sbom");
    std::vector<resolve::reference> again = got.all.references;
    again.insert(again.begin(), again.front());
    again.front().type = "first";
    again.front().other_types.clear();
    resolve::merge(again);
    ASSERT_EQ(again.size(), 1u);
    EXPECT_EQ(got[0].artifact_type, "application/spdx+json");
    EXPECT_EQ(got[0].other_types, std::vector<std::string_view>{"scan"});
    for (const char* const type : {"sbom", "scan", "application/spdx+json"}) {
        EXPECT_TRUE(got[0].is_of(type)) << type;
        EXPECT_TRUE(again[0].is_of(type)) << type;
    }
    EXPECT_TRUE(again[0].is_of("first"));
    EXPECT_FALSE(again[0].is_of("signature"));
    EXPECT_EQ(wanted_of(seen(from, from.index({first, second, image.on(here)}), fetching({"scan"}))),
              std::vector{true});
}

/// Marks of two families on one descriptor: the proposal's come first.
TEST(References, OneDescriptorWithTwoMarks) {
    registry from;
    const blob image = from.image(here);
    const json both =
        annotated(annotated(from.artifact().about(image.digest, "sbom"), "vnd.docker.reference.type", "attestation"),
                  "vnd.docker.reference.digest", digest_of('a'));
    const seen got(from, from.index({both, image.on(here)}));
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].type, "sbom");
    EXPECT_EQ(got[0].subject, image.digest);
    EXPECT_EQ(got[0].sources, static_cast<std::uint32_t>(resolve::source_index | resolve::source_buildkit));
}

TEST(References, Weak) {
    registry from;
    const blob image = from.image(here);
    const blob sbom = from.artifact();
    const blob other = from.artifact("text/spdx");
    const json weak = sbom.about(digest_of('a'), "sbom");
    const seen got(from, from.index({weak, other.about(sbom.digest, "signature"), image.on(here)}));
    EXPECT_EQ(got[0].weak, tristate::yes);
    EXPECT_EQ(got[1].weak, tristate::no);
    // The root itself may be the subject of what another index says.
    const blob inner = from.index({image.on(here)});
    const blob root = from.index({sbom.about(inner.digest, "sbom"), inner.descriptor()});
    EXPECT_EQ(seen(from, root)[0].weak, tristate::no);
    // An index that was not read may list the subject.
    const blob unread = from.index({image.on("linux/arm64")});
    const seen unsure(from, from.index({weak, image.on(here), unread.descriptor()}));
    EXPECT_EQ(unsure[0].weak, tristate::unknown);
    EXPECT_EQ(unsure.all.unread_indexes, 1u);
    auto list = request_for({});
    list.mode = resolve::mode::list;
    const seen sure(from, from.index({weak, image.on(here), unread.descriptor()}), list);
    EXPECT_EQ(sure[0].weak, tristate::yes);
    EXPECT_EQ(sure.all.unread_indexes, 0u);
}

TEST(References, MalformedSubjectsAreListedAndThePullGoesOn) {
    registry from;
    const blob image = from.image(here);
    for (const char* const bad : {"sha256:x", "latest", "sha256:../../x", "a\x1b[31mb", "SHA256:aa", "sha256:"}) {
        const seen got(from, from.index({from.artifact().about(bad, "sbom"), image.on(here)}));
        ASSERT_EQ(got.size(), 1u);
        EXPECT_EQ(got[0].subject, "");
        EXPECT_FALSE(got[0].malformed.empty());
        EXPECT_EQ(got[0].malformed.find('\x1b'), std::string::npos);
        EXPECT_EQ(got[0].weak, tristate::unknown);
        EXPECT_THAT(got.walked.selected(), ElementsAre(image.digest));
    }
}

TEST(References, ArtifactsAfterAll) {
    registry from;
    const blob image = from.image(here);
    const json subject = image.descriptor();
    json manifest = json::parse(from.artifact().bytes);
    manifest["subject"] = subject;
    manifest["artifactType"] = "application/spdx+json";
    const blob unmarked = from.write(oci_manifest, manifest);
    const seen got(from, from.index({unmarked.on(here), image.on(here)}));
    ASSERT_EQ(got.size(), 1u);
    // Its descriptor is silent, so its bytes speak.
    EXPECT_EQ(got[0].subject, image.digest);
    EXPECT_EQ(got[0].type, "application/spdx+json");
    // What only has another platform is no reference.
    const seen wrong(from, from.index({from.image("linux/s390x").descriptor(), image.descriptor()}));
    EXPECT_EQ(wrong.size(), 0u);
}

TEST(References, InlineSignatures) {
    registry from;
    const blob image = from.image(here);
    json entry = image.on(here);
    entry["annotations"] = {{"org.opencontainers.signatures.index", "a,b"},
                            {"dev.cosignproject.cosign/signature", "MEUCIQ=="},
                            {"dev.cosignproject.cosign/signature.b", "MEQCIA=="},
                            {"dev.sigstore.cosign/bundle.b", "{}"},
                            {"dev.sigstore.cosign/certificate", "-----BEGIN"},
                            {"dev.sigstore.cosign/chain", "-----BEGIN"},
                            {"com.example/other", "x"}};
    const seen got(from, from.index({entry}), fetching());
    ASSERT_EQ(got.size(), 5u);
    EXPECT_EQ(got[0].annotation, "dev.cosignproject.cosign/signature");
    EXPECT_EQ(got[0].value, "MEUCIQ==");
    EXPECT_EQ(got[0].subject, image.digest);
    EXPECT_EQ(got[0].digest(), "");
    EXPECT_EQ(got[0].sources, static_cast<std::uint32_t>(resolve::source_annotation));
    std::vector<std::string_view> types;
    for (const auto& one : got.all.references) {
        types.push_back(one.type);
        EXPECT_FALSE(one.wanted);
        EXPECT_EQ(one.weak, tristate::no);
    }
    EXPECT_THAT(types, ElementsAre("signature", "signature", "bundle", "certificate", "chain"));
    EXPECT_THAT(got.walked.selected(), ElementsAre(image.digest));
}

TEST(References, PlainBlobsAreListed) {
    registry from;
    const blob image = from.image(here);
    const json text{{"mediaType", "text/plain"}, {"digest", digest_of('7')}, {"size", 5}};
    const seen got(from, from.index({text, image.on(here)}));
    ASSERT_EQ(got.size(), 1u);
    EXPECT_EQ(got[0].digest(), digest_of('7'));
    EXPECT_EQ(got[0].subject, "");
}

TEST(References, PolicyWantsWhatIsAboutTheSelected) {
    registry from;
    const blob image = from.image(here);
    const blob other = from.image("linux/arm64");
    const blob sbom = from.artifact("application/spdx+json", "1");
    const blob signature = from.artifact("application/vnd.dev.cosign.simplesigning.v1+json", "2");
    const blob others = from.artifact("application/spdx+json", "3");
    const blob inner = from.index({image.on(here), other.on("linux/arm64")});
    const blob root = from.index({sbom.about(image.digest, "sbom"),            // the selected manifest
                                  signature.about(sbom.digest, "signature"),   // a reference to a wanted reference
                                  others.about(other.digest, "sbom"),          // another image
                                  signature.about(inner.digest, "signature"),  // an index on the way
                                  signature.about(digest_of('a'), "signature"), inner.descriptor()});
    EXPECT_THAT(wanted_of(seen(from, root, fetching())), ElementsAre(true, true, false, true, false));
    EXPECT_THAT(wanted_of(seen(from, root, fetching({"sbom"}))), ElementsAre(true, false, false, false, false));
    // A chain breaks where a type is not wanted.
    EXPECT_THAT(wanted_of(seen(from, root, fetching({"signature"}))), ElementsAre(false, false, false, true, false));
    EXPECT_THAT(wanted_of(seen(from, root, fetching({"SBOM"}))), ElementsAre(false, false, false, false, false));
    EXPECT_THAT(wanted_of(seen(from, root)), ElementsAre(false, false, false, false, false));
}

TEST(References, PolicyEndsInCycles) {
    registry from;
    const blob image = from.image(here);
    const std::string a = digest_of('a');
    const std::string b = digest_of('b');
    const auto entry = [](const std::string& digest, const std::string& about) {
        return blob{oci_manifest, digest, "xx"}.about(about, "sbom");
    };
    const seen got(from, from.index({entry(a, b), entry(b, a), entry(a, image.digest), entry(a, a), image.on(here)}),
                   fetching());
    EXPECT_THAT(wanted_of(got), ElementsAre(true, true, true, true));
    // What cannot be verified is never fetched.
    const json foreign =
        annotated({{"mediaType", oci_manifest}, {"digest", "blake3:00"}, {"size", 1}}, reference_digest, image.digest);
    EXPECT_THAT(wanted_of(seen(from, from.index({foreign, image.on(here)}), fetching())), ElementsAre(false));
}

TEST(References, SourceNames) {
    EXPECT_EQ(resolve::source_name(resolve::source_index), "index");
    EXPECT_EQ(resolve::source_name(resolve::source_soci), "soci");
    EXPECT_EQ(resolve::source_name(resolve::source_index | resolve::source_soci), "");
}

}  // namespace
}  // namespace refract::test
