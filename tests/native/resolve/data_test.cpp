// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// `data` in descriptors that is not the content: a pull never comes to what containerd would try to store, and nothing
// else minds it.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci/base64.h"
#include "registry.h"

namespace refract::test {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;

/// As many other bytes as a descriptor says.
json with_wrong_data(const json& descriptor) {
    return with(descriptor, "data", oci::encode_base64(std::string(descriptor["size"].get<std::size_t>(), 'x')));
}

/// The manifest of an image in which one descriptor has such data.
blob image_with(registry& from, const json::json_pointer& where) {
    json manifest = json::parse(from.image(here).bytes);
    manifest[where]["size"] = 5;
    manifest[where] = with_wrong_data(manifest[where]);
    return from.write(oci_manifest, manifest);
}

TEST(Data, OfWhatAPullComesToIsRefused) {
    registry from;
    const blob image = from.image(here);
    const pull of_entry(from, from.index({with_wrong_data(image.on(here))}), request_for({here}));
    EXPECT_EQ(of_entry.code, status_code::digest_mismatch);
    EXPECT_THAT(of_entry.message, HasSubstr("manifests[0]"));
    EXPECT_THAT(of_entry.needs, ElementsAre());
    const blob config = image_with(from, json::json_pointer("/config"));
    const pull of_config(from, from.index({config.on(here)}), request_for({here}));
    EXPECT_EQ(of_config.code, status_code::digest_mismatch);
    EXPECT_THAT(of_config.message, HasSubstr("the data of its config"));
    json manifest = json::parse(image.bytes);
    manifest["layers"][0] = with_wrong_data(manifest["layers"][0]);
    const blob layer = from.write(oci_manifest, manifest);
    const pull of_layer(from, from.index({layer.on(here)}), request_for({here}));
    EXPECT_EQ(of_layer.code, status_code::digest_mismatch);
    EXPECT_THAT(of_layer.message, HasSubstr("the data of its layer"));
}

TEST(Data, OfWhatMayBePassedOverIsPassedOver) {
    registry from;
    const blob image = from.image(here);
    const blob other = from.image(here, "other");
    const blob root = from.index({with_wrong_data(other.descriptor()), image.descriptor()});
    const pull got(from, root, request_for({here}));
    ASSERT_TRUE(got.ok()) << got.message;
    EXPECT_THAT(got.selected(), ElementsAre(image.digest));
    EXPECT_THAT(got.walk.why_not({0, 0}), HasSubstr("data"));
}

TEST(Data, OfANestedIndexIsMindedByPullsOnly) {
    registry from;
    const blob image = from.image(here);
    const blob sbom = from.artifact();
    const blob inner = from.index({image.on(here), sbom.about(image.digest, "sbom")});
    const blob root = from.index({with_wrong_data(inner.descriptor())});
    EXPECT_EQ(pull(from, root, request_for({here})).code, status_code::no_match);
    resolve::request listing;
    listing.mode = resolve::mode::list;
    const pull listed(from, root, listing);
    ASSERT_TRUE(listed.ok()) << listed.message;
    EXPECT_THAT(listed.needs, ElementsAre(inner.digest));
}

TEST(Data, OfWhatIsOnlyFollowedLeavesItOut) {
    registry from;
    const blob image = from.image(here);
    const blob arm = from.image("linux/arm64");
    auto request = request_for({here});
    request.other_platforms = true;
    const pull got(from, from.index({image.on(here), with_wrong_data(arm.on("linux/arm64"))}), request);
    ASSERT_TRUE(got.ok()) << got.message;
    EXPECT_THAT(got.root_children(), ElementsAre(0u));
}

TEST(Data, OfAnotherLengthIsNeverUsed) {
    registry from;
    const blob image = from.image(here);
    json manifest = json::parse(image.bytes);
    manifest["config"]["data"] = "e30=";
    manifest["layers"][0]["data"] = "e30=";
    const blob odd = from.write(oci_manifest, manifest);
    const pull got(from, from.index({with(odd.on(here), "data", "e30=")}), request_for({here}));
    ASSERT_TRUE(got.ok()) << got.message;
    EXPECT_THAT(got.selected(), ElementsAre(odd.digest));
}

}  // namespace
}  // namespace refract::test
