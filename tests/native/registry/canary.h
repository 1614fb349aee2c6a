// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

namespace refract::test {

/// A password, to be looked for where none may be.
inline constexpr const char* canary = "c4n4ry-s3cret";

}  // namespace refract::test
