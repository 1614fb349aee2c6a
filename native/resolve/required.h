// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "resolve/references.h"

namespace refract::resolve {

/// Refuses an image that lacks a reference of a kind or type that the request requires. What counts is about the
/// selected image or an index around it, and listed by an index that was read or found elsewhere. What is about other
/// images or about references does not count, nor what hides behind a malformed subject, states no subject and was not
/// read, is empty, or has a digest that nobody can check. That an artifact is listed does not say that it is true.
/// `but` is what the person who reads the refusal should know besides.
status check_required(const told_image& image, const request& policy, const attached& all, std::string_view but = {});

/// Whether some selected image lacks a type; what nothing is required of lacks none.
bool lacks_any(const told_image& image, const request& policy, const std::vector<std::string>& types,
               const attached& all);

}  // namespace refract::resolve
