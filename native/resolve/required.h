// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "resolve/references.h"

namespace refract::resolve {

/// Refuses an image that lacks a reference of a type that the request requires. What counts is told of by an index that
/// was read, and is about the selected image or an index around it. What is about other images or about references does
/// not count, nor does what a malformed subject hides. That an artifact is listed does not say that it is there, or
/// true.
outcome check_required(const walk& walk, const attached& all);

/// The same for a root that is a single manifest: no index tells of anything that is attached to it.
outcome check_required(const request& request, std::string_view manifest);

}  // namespace refract::resolve
