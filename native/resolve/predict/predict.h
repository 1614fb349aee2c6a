// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/limits.h"
#include "oci/platform.h"
#include "resolve/predict/evidence.h"
#include "resolve/walk.h"

namespace refract::resolve {

/// Programs whose choice from an index is known here. Each is held against the real program by tests/peers.
enum class client {
    containerd,  ///< 2.4: "ctr images pull" and then "ctr run", without refract
    crane,       ///< 0.22: "crane manifest --platform" (go-containerregistry)
    regctl,      ///< 0.11: "regctl manifest get --platform" (regclient)
    skopeo,      ///< 1.9: "skopeo copy" (containers/image; Podman pulls alike)
};

std::string_view name_of(client who) noexcept;
std::optional<client> client_of(std::string_view name) noexcept;
/// Every one, in the order of their names.
std::span<const client> clients() noexcept;

/// What a client makes of an index.
struct prediction {
    bool selects = false;
    bool no_match = false;    ///< it ends up with none because nothing is of the platform, as it sees that
    std::string digest;       ///< of the manifest that it ends up with; empty if it ends up with none
    std::string reason;       ///< one line for people: why this one, or how it fails
    std::vector<place> path;  ///< from the root's entry down to the manifest's; empty for a root that is a manifest
};

/// Predicts what one client ends up with, without any I/O: as a walk does, it says which document it needs next, until
/// it is done. After an error it must be begun again.
///
/// An error says that refract cannot tell: it refuses to read what the client would have to read (the bytes can be read
/// in two ways, or are over a limit). That a client fails is no error but a prediction. It is taken for granted that
/// layers are available and are what their digests say, and that a registry serves each document under its own media
/// type.
class predictor {
public:
    enum class step { need, done };

    /// What `wanted` views must outlive the predictor, and so must the shelf: what is there is not asked for.
    predictor(client who, const oci::platform& wanted, const limits& limits, document_shelf* shelf = nullptr)
        : client_(who), wanted_(wanted), evidence_(who == client::containerd, limits, shelf) {}

    /// The root is an index or a manifest, by its media type.
    result<step> begin(const expected_document& root, const document_source& from);
    result<step> feed(const document_source& from);
    /// The document is not available, for good.
    result<step> missing(std::string_view reason);

    const need& needed() const noexcept { return evidence_.needed(); }
    const prediction& predicted() const noexcept { return prediction_; }
    const documents& read() const noexcept { return evidence_.read(); }

private:
    /// Goes as far as the documents at hand allow.
    result<step> advance();

    client client_;
    oci::platform wanted_;
    evidence evidence_;
    prediction prediction_;
};

}  // namespace refract::resolve
