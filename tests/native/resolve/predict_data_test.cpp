// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What each client makes of `data` in a descriptor.
#include <gmock/gmock.h>
#include <gtest/gtest.h>

#include "oci/base64.h"
#include "registry.h"
#include "resolve/predicting.h"

namespace refract::test {
namespace {

using resolve::client;
using testing::HasSubstr;

/// containerd tries to store it where its length fits, crane wants it right in an entry, the others pass over it.
TEST(Predict, DataThatIsNotTheContent) {
    registry from;
    const blob image = from.image("linux/amd64");
    const blob cut = from.index({with(image.on("linux/amd64"), "data", "e30=")});
    EXPECT_THAT(guess(client::crane, from, cut).reason, HasSubstr("manifests[0], whose data"));
    for (const auto who : {client::containerd, client::regctl, client::skopeo}) {
        EXPECT_EQ(guess(who, from, cut).digest, image.digest) << name_of(who);
    }
    const std::string other(image.bytes.size(), 'x');
    const blob wrong = from.index({with(image.on("linux/amd64"), "data", oci::encode_base64(other))});
    EXPECT_THAT(guess(client::containerd, from, wrong).reason, HasSubstr("the data of manifests[0]"));
    EXPECT_THAT(guess(client::crane, from, wrong).reason, HasSubstr("manifests[0], whose data"));
    EXPECT_EQ(guess(client::regctl, from, wrong).digest, image.digest);
    EXPECT_EQ(guess(client::skopeo, from, wrong).digest, image.digest);
    json manifest = json::parse(image.bytes);
    const auto size = manifest["config"]["size"].get<std::size_t>();
    manifest["config"]["data"] = oci::encode_base64(std::string(size, 'x'));
    const blob odd = from.write(oci_manifest, manifest);
    const blob root = from.index({odd.on("linux/amd64")});
    EXPECT_THAT(guess(client::containerd, from, root).reason, HasSubstr("the data of the config of manifests[0]"));
    for (const auto who : {client::crane, client::regctl, client::skopeo}) {
        EXPECT_EQ(guess(who, from, root).digest, odd.digest) << name_of(who);
    }
}

}  // namespace
}  // namespace refract::test
