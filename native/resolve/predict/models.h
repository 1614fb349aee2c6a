// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <optional>
#include <string>

#include "resolve/predict/predict.h"

/// The rules of each client, as in its source. Each is a plain function of what is known.
namespace refract::resolve {

/// Nothing: it waits for the document that the evidence needs.
using attempt = std::optional<result<prediction>>;

attempt predict_containerd(const oci::platform& wanted, evidence& known);
attempt predict_crane(const oci::platform& wanted, evidence& known);
attempt predict_regctl(const oci::platform& wanted, evidence& known);
attempt predict_skopeo(const oci::platform& wanted, evidence& known);

/// The entry of an index that containerd takes (images.Manifest): the first of the best platform; one that declares
/// none comes last. Null: none matches.
const oci::descriptor* containerd_entry(const oci::index& index, const oci::platform_preference& runs);

prediction refuses(std::string reason);
/// It fails because it finds nothing of the platform.
prediction finds_nothing(std::string reason);
/// The root itself, which is a manifest.
prediction takes_root(const documents& read);
/// The manifest at the end of the path.
prediction takes(const documents& read, std::vector<place> path, std::string reason);

/// "manifests[2]/manifests[0]": the places of a path.
std::string describe(const std::vector<place>& path);

/// What a client that looks only at the way to its choice makes of a document that it cannot have, or that refract
/// cannot read; nothing if it is read, or waited for.
std::optional<result<prediction>> hindered(client who, const finding& found, const std::vector<place>& path);

}  // namespace refract::resolve
