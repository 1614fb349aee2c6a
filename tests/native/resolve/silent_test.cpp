// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What is made of artifacts of which what lists them says too little: their own bytes are read.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci/kind.h"
#include "resolve/searching.h"

namespace refract::test {
namespace {

using resolve::tristate;
using testing::Contains;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

constexpr const char* empty_type = "application/vnd.oci.empty.v1+json";
constexpr const char* bundle_type = "application/vnd.dev.sigstore.bundle.v0.3+json";
constexpr const char* bundle_predicate = "dev.sigstore.bundle.predicateType";
constexpr const char* sign = "https://sigstore.dev/cosign/sign/v1";
constexpr const char* spdx = "https://spdx.dev/Document";

/// An artifact with a subject, changed further.
template <class Change>
blob artifact_about(registry& to, const blob& subject, const std::string& type, Change&& change) {
    json manifest = json::parse(to.artifact(type, subject.digest).bytes);
    manifest["subject"] = subject.descriptor();
    change(manifest);
    return to.write(oci_manifest, manifest);
}

blob artifact_about(registry& to, const blob& subject, const std::string& type) {
    return artifact_about(to, subject, type, [](json&) {});
}

/// What cosign 3 writes: only annotations of the manifest tell a signature from an attestation.
blob bundle(registry& to, const blob& subject, const std::string& predicate) {
    return artifact_about(to, subject, bundle_type, [&](json& manifest) {
        manifest["artifactType"] = bundle_type;
        manifest["annotations"] = {{bundle_predicate, predicate}, {"dev.sigstore.bundle.content", "dsse-envelope"}};
    });
}

/// What BuildKit writes: a statement a layer.
blob attestations(registry& to, const blob& subject) {
    return artifact_about(to, subject, "application/vnd.in-toto+json", [](json& manifest) {
        json layer = manifest["layers"][0];
        layer["annotations"] = {{"in-toto.io/predicate-type", spdx}};
        manifest["layers"][0]["annotations"] = {{"in-toto.io/predicate-type", "https://slsa.dev/provenance/v1"}};
        manifest["layers"].push_back(layer);
    });
}

json buildkit_entry(const blob& of, const blob& subject) {
    json entry = annotated(of.descriptor(), "vnd.docker.reference.digest", subject.digest);
    entry["platform"] = {{"os", "unknown"}, {"architecture", "unknown"}};
    return annotated(entry, "vnd.docker.reference.type", "attestation-manifest");
}

class Silent : public testing::Test {
protected:
    registry from;
    blob image = from.image(here);
    blob other = from.image(there);

    blob listing(std::vector<json> entries) {
        entries.push_back(image.on(here));
        entries.push_back(other.on(there));
        return from.index(entries);
    }
    /// What a pull says of an index of which these types are required, and elsewhere there is nothing.
    status required(const blob& root, std::vector<std::string> types, const std::string& platform = here) {
        auto request = request_for({platform});
        request.required_types = std::move(types);
        // As a pull does that looks nowhere else, and only lists.
        found got(from, root, request, {0, true});
        got.run();
        return got.search.check_required();
    }
};

constexpr resolve::search::purpose look_into_index{resolve::in_index_sources, true};

TEST_F(Silent, EntriesAreAboutTheSubjectOfTheirManifests) {
    const blob sbom = artifact_about(from, other, "application/spdx+json");
    const blob root = listing({with(sbom.descriptor(), "artifactType", "application/spdx+json")});
    found got(from, root, request_for({here}), look_into_index);
    EXPECT_EQ(got.search.all().references[0].subject, "");
    got.run();
    EXPECT_THAT(got.asked, ElementsAre(sbom.digest));
    ASSERT_EQ(got.search.all().references.size(), 1u);
    EXPECT_EQ(got.search.all().references[0].subject, other.digest);
    EXPECT_EQ(got.search.all().references[0].kinds, oci::kind_sbom);
    EXPECT_EQ(got.search.all().references[0].weak, tristate::no);

    EXPECT_TRUE(required(root, {"sbom"}).failed()) << "it is about the other image";
    EXPECT_TRUE(required(root, {"application/spdx+json"}).failed());
    EXPECT_FALSE(required(root, {"sbom"}, there).failed());
    EXPECT_FALSE(required(root, {"application/spdx+json"}, there).failed());
}

TEST_F(Silent, WhatCannotBeReadDoesNotCountAndIsNotCalledAbsent) {
    const blob sbom = artifact_about(from, image, "application/spdx+json");
    const blob root = listing({with(sbom.descriptor(), "artifactType", "application/spdx+json")});
    EXPECT_FALSE(required(root, {"sbom"}).failed());
    from.replace(sbom.digest, "{}");
    const status refused = required(root, {"sbom"});
    ASSERT_TRUE(refused.failed());
    EXPECT_THAT(refused.why().message, HasSubstr("lacks what the policy requires: sbom"));
    from.lose(sbom.digest);
    EXPECT_TRUE(required(root, {"sbom"}).failed());
    found got(from, root, request_for({here}), look_into_index);
    got.run();
    ASSERT_EQ(got.search.all().references.size(), 1u);
    EXPECT_EQ(got.search.all().references[0].present, tristate::no);
    EXPECT_TRUE(got.search.all().references[0].unread);
}

TEST_F(Silent, BundlesAreOfTheKindOfTheirPredicate) {
    const blob signature = bundle(from, image, sign);
    const blob attestation = bundle(from, image, spdx);
    const blob both = listing({with(signature.descriptor(), "artifactType", bundle_type),
                               with(attestation.descriptor(), "artifactType", bundle_type)});
    EXPECT_FALSE(required(both, {"signature", "sbom", "attestation", bundle_type, sign}).failed());
    const blob attested = listing({with(attestation.descriptor(), "artifactType", bundle_type)});
    EXPECT_FALSE(required(attested, {"sbom"}).failed());
    EXPECT_TRUE(required(attested, {"signature"}).failed()) << "an SBOM that is attested is no signature";
    const blob scan = bundle(from, image, "https://cosign.sigstore.dev/attestation/vuln/v1");
    EXPECT_TRUE(required(listing({scan.descriptor()}), {"signature"}).failed());
    EXPECT_TRUE(required(listing({bundle(from, other, sign).descriptor()}), {"signature"}).failed());
}

TEST_F(Silent, TheTypeOfTheEmptyDocumentIsNoType) {
    const blob signature = bundle(from, image, sign);
    const blob root = listing({with(signature.descriptor(), "artifactType", empty_type)});
    EXPECT_FALSE(required(root, {"signature"}).failed());
    found got(from, root, request_for({here}), look_into_index);
    got.run();
    EXPECT_EQ(got.search.all().references[0].type, bundle_type);
    EXPECT_EQ(got.search.all().references[0].artifact_type, bundle_type);
}

TEST_F(Silent, AttestationsOfOneManifestAreOfAllTheirKinds) {
    const blob attested = attestations(from, image);
    const blob root = listing({buildkit_entry(attested, image)});
    EXPECT_FALSE(required(root, {"sbom", "provenance", "attestation", spdx}).failed());
    EXPECT_TRUE(required(root, {"sbom"}, there).failed());
    found got(from, root, request_for({here}), look_into_index);
    got.run();
    ASSERT_EQ(got.search.all().references.size(), 1u);
    EXPECT_EQ(got.search.all().references[0].kinds, oci::kind_sbom | oci::kind_provenance | oci::kind_attestation);
    EXPECT_EQ(got.search.all().references[0].type, "attestation-manifest");
}

/// As `buildx imagetools create` and `crane index append` list an artifact.
TEST_F(Silent, EntriesThatLookLikeImagesAreKnownByTheirBytes) {
    const blob sbom = artifact_about(from, image, "application/spdx+json");
    json half = sbom.descriptor();
    half["platform"] = {{"os", "linux"}, {"architecture", ""}};
    for (const json& entry : {sbom.descriptor(), half}) {
        const blob root = listing({entry, from.image("linux/s390x").descriptor()});
        found got(from, root, request_for({here}), look_into_index);
        EXPECT_THAT(got.search.all().references, IsEmpty());
        got.run();
        ASSERT_EQ(got.search.all().references.size(), 1u) << entry;
        EXPECT_EQ(got.search.all().references[0].subject, image.digest);
        EXPECT_FALSE(required(root, {"sbom"}).failed());
        for (const auto& node : got.search.tree()) {
            if (node.kind == resolve::node::kind::image) {
                EXPECT_NE(node.place, (resolve::place{0, 0}));
            }
        }
    }
}

TEST_F(Silent, OneArtifactThatTwoPlacesListIsOne) {
    const blob signature = bundle(from, image, sign);
    const blob root = listing({with(signature.descriptor(), "artifactType", bundle_type)});
    found got(from, root, fetching(), {resolve::source_referrers_api, true});
    got.refer(root.digest, from.index({}));
    got.refer(image.digest, from.index({with(signature.descriptor(), "artifactType", bundle_type)}));
    got.run();
    ASSERT_EQ(got.search.all().references.size(), 1u);
    const auto& one = got.search.all().references[0];
    EXPECT_EQ(one.sources, resolve::source_index | resolve::source_referrers_api);
    EXPECT_EQ(one.subject, image.digest);

    // And where it cannot be read, the one that does not state its subject is the one that others name.
    from.lose(signature.digest);
    found again(from, root, fetching(), {resolve::source_referrers_api, true});
    again.refer(root.digest, from.index({}));
    again.refer(image.digest, from.index({with(signature.descriptor(), "artifactType", bundle_type)}));
    again.run();
    ASSERT_EQ(again.search.all().references.size(), 1u);
    EXPECT_EQ(again.search.all().references[0].subject, image.digest);
}

TEST_F(Silent, WhatTheIndexStatesIsNotAskedFor) {
    const blob sbom = from.artifact();
    const blob root = listing({sbom.about(image.digest, "sbom"), sbom.about(other.digest, "sbom")});
    found got(from, root, request_for({here}), look_into_index);
    got.run();
    EXPECT_THAT(got.asked, IsEmpty());
    found listed(from, root, request_for({here}), {});
    listed.run();
    EXPECT_THAT(listed.asked, IsEmpty());
}

TEST_F(Silent, WhatWasReadIsRecalled) {
    const blob attested = attestations(from, image);
    const blob sbom = artifact_about(from, image, "application/spdx+json");
    const blob root = listing({buildkit_entry(attested, image), sbom.descriptor()});
    found got(from, root, request_for({here}), look_into_index);
    got.run();
    const std::string record = got.search.record();
    ASSERT_FALSE(record.empty());

    found later(from, root, request_for({here}), {});
    ASSERT_FALSE(later.search.recall(sha256_of(record), bytes_of(record)).failed());
    const auto& before = got.search.all().references;
    const auto& after = later.search.all().references;
    ASSERT_EQ(after.size(), before.size());
    for (std::size_t i = 0; i < before.size(); ++i) {
        EXPECT_EQ(after[i].digest(), before[i].digest());
        EXPECT_EQ(after[i].subject, before[i].subject);
        EXPECT_EQ(after[i].kinds, before[i].kinds);
        EXPECT_EQ(after[i].sources, before[i].sources);
        EXPECT_EQ(after[i].by_bytes, before[i].by_bytes);
    }
    EXPECT_EQ(later.search.tree().size(), got.search.tree().size());
}

TEST_F(Silent, AnnotationsWithoutAValueSignNothing) {
    const auto signed_with = [&](const std::string& value) {
        json entry = annotated(image.on(here), "dev.cosignproject.cosign/signature", value);
        return from.index({annotated(entry, "dev.sigstore.cosign/certificate", "PEM")});
    };
    EXPECT_FALSE(required(signed_with("MEUCIQ=="), {"signature"}).failed());
    EXPECT_TRUE(required(signed_with(""), {"signature"}).failed());
}

TEST_F(Silent, WhatNobodyCanCheckDoesNotCount) {
    json entry = from.artifact().about(image.digest, "sbom");
    EXPECT_FALSE(required(listing({entry}), {"sbom"}).failed());
    EXPECT_TRUE(required(listing({with(entry, "size", 0)}), {"sbom"}).failed());
    entry["digest"] = "blake3:" + std::string(64, 'a');
    EXPECT_TRUE(required(listing({entry}), {"sbom"}).failed());
}

/// A registry may list a referrer by the type of the empty document, and an old one by none.
TEST_F(Silent, ReferrersAreReadWhereTheListIsSilent) {
    const blob root = listing({});
    const blob signature = bundle(from, image, sign);
    const blob sbom = artifact_about(from, image, "application/spdx+json");
    const blob stranger = artifact_about(from, other, "application/spdx+json");
    found got(from, root, fetching(), {resolve::source_referrers_api, true});
    got.refer(root.digest, from.index({}));
    got.refer(image.digest, from.index({with(signature.descriptor(), "artifactType", empty_type), sbom.descriptor(),
                                        stranger.descriptor(), other.descriptor()}));
    got.run();
    std::vector<std::pair<std::string, std::uint32_t>> told;
    for (const auto& one : got.search.all().references) told.emplace_back(one.digest(), one.kinds);
    EXPECT_THAT(told, testing::UnorderedElementsAre(std::pair(signature.digest, std::uint32_t{oci::kind_signature}),
                                                    std::pair(sbom.digest, std::uint32_t{oci::kind_sbom})));
}

TEST_F(Silent, CosignsTagsAreOfTheKindsOfWhatTheyHold) {
    const blob root = listing({});
    json envelopes = json::parse(from.artifact("application/vnd.dsse.envelope.v1+json").bytes);
    envelopes["config"]["mediaType"] = oci_config;
    envelopes["layers"][0]["annotations"] = {{"predicateType", "https://slsa.dev/provenance/v0.2"}};
    const blob attested = from.write(oci_manifest, envelopes);
    auto request = request_for({here});
    request.required_types = {"provenance"};
    found got(from, root, request, {resolve::source_cosign_tag, false});
    got.tag(tag_of(image.digest) + ".att", attested);
    got.run();
    EXPECT_FALSE(got.search.check_required().failed());
    request.required_types = {"signature"};
    found none(from, root, request, {resolve::source_cosign_tag, false});
    none.tag(tag_of(image.digest) + ".att", attested);
    none.run();
    EXPECT_TRUE(none.search.check_required().failed());
}

}  // namespace
}  // namespace refract::test
