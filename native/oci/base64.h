// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

namespace refract::oci {

/// Base64 as RFC 4648 section 4 has it: padded, without line breaks; nothing if it is not.
std::optional<std::vector<std::byte>> decode_base64(std::string_view text);

std::string encode_base64(std::string_view bytes);

}  // namespace refract::oci
