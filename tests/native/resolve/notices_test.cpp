// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/notices.h"

#include <gtest/gtest.h>

namespace refract::resolve {
namespace {

/// Whoever gets them shows them: a program through the C interface, too.
TEST(Notices, AreFitToBeShownAndTellEachThingOnce) {
    notice_list notices;
    EXPECT_TRUE(notices.empty());
    notices.add("tag \x1b]0;owned\x07\xE2\x80\xAE was not looked into");
    notices.add("tag \\x1b]0;owned\\x07\\xe2\\x80\\xae was not looked into");
    ASSERT_EQ(notices.all().size(), 1u);
    EXPECT_EQ(notices.front(), "tag \\x1b]0;owned\\x07\\xe2\\x80\\xae was not looked into");
    notices.add(std::string(1u << 20, 'x'));
    EXPECT_LT(notices.all()[1].size(), 8192u);
    for (int i = 0; i < 100; ++i) notices.add(std::to_string(i));
    EXPECT_EQ(notices.all().back(), "and 82 more of the kind");
}

}  // namespace
}  // namespace refract::resolve
