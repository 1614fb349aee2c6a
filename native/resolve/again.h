// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include "resolve/walk.h"

namespace refract::resolve {

/// containerd selects again, whenever it runs, lists or exports an image, from whatever the image's record points at
/// (images.Manifest). This refuses the root of a finished walk as that: unless containerd, asked for what was requested
/// or for the platform of the host (null: there is none), takes what was selected, or nothing.
///
/// Only what the indexes declare is looked at. What of it is on the host plays no part, so that no content that comes
/// later changes the answer: what containerd would take but cannot find counts as taken.
status check_again(const walk& walk, const oci::platform* host);

}  // namespace refract::resolve
