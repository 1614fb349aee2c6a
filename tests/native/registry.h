// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <nlohmann/json.hpp>
#include <string>
#include <string_view>
#include <vector>

#include "resolve/walk.h"

/// Documents as a registry holds them, made in a test, and walks fed from there.
namespace refract::test {

using json = nlohmann::ordered_json;

inline constexpr const char* oci_index = "application/vnd.oci.image.index.v1+json";
inline constexpr const char* oci_manifest = "application/vnd.oci.image.manifest.v1+json";
inline constexpr const char* oci_config = "application/vnd.oci.image.config.v1+json";
inline constexpr const char* oci_layer = "application/vnd.oci.image.layer.v1.tar+gzip";
inline constexpr const char* docker_index = "application/vnd.docker.distribution.manifest.list.v2+json";
inline constexpr const char* docker_manifest = "application/vnd.docker.distribution.manifest.v2+json";
inline constexpr const char* docker_config = "application/vnd.docker.container.image.v1+json";

inline constexpr const char* reference_digest = "org.opencontainers.reference.digest";
inline constexpr const char* reference_type = "org.opencontainers.reference.type";

/// The platform of this machine in most tests, and another one.
inline constexpr const char* here = "linux/amd64";
inline constexpr const char* there = "linux/arm64";

std::string sha256_of(std::string_view bytes);
/// A digest that names nothing: the digit 64 times.
std::string digest_of(char digit);
std::span<const std::byte> bytes_of(std::string_view text);

/// "linux/arm64/v8"; the views are into `text`.
oci::platform platform(std::string_view text);
/// The same as a document has it.
json platform_json(std::string_view text);

struct blob {
    std::string media_type;
    std::string digest;
    std::string bytes;

    json descriptor() const;
    /// With a platform ("linux/amd64").
    json on(std::string_view platform) const;
    /// With annotations, as Proposal F marks an artifact.
    json about(std::string_view subject, std::string_view type) const;
};

/// The digest of the config that a manifest names.
std::string config_of(const blob& manifest);

/// `entry` with one more member.
json with(json entry, const std::string& key, json value);
/// `entry` with one more annotation.
json annotated(json entry, const std::string& key, json value);

class registry {
public:
    const blob& put(std::string media_type, std::string bytes);
    const blob& write(std::string media_type, const json& document);
    /// An index of these entries.
    const blob& index(const std::vector<json>& entries, const std::string& media_type = oci_index);
    /// An image: its manifest is returned. `name` makes it unlike others of its platform.
    const blob& image(std::string_view platform, const std::string& name = "", std::size_t layers = 1);
    /// An artifact's manifest: an empty config and one payload of `type`.
    const blob& artifact(const std::string& type = "application/spdx+json", const std::string& name = "");

    void lose(const std::string& digest) { blobs_.erase(digest); }
    void replace(const std::string& digest, std::string bytes) { blobs_[digest].bytes = std::move(bytes); }
    const blob* find(const std::string& digest) const;

private:
    std::map<std::string, blob> blobs_;
};

/// A request for these platforms ("linux/amd64"), or for every image.
resolve::request request_for(
    const std::vector<std::string>& platforms,
    oci::platform_preference (*match)(const oci::platform&) = oci::platform_preference::exactly);

/// One walk, fed from a registry until it ends.
class pull {
public:
    pull(const registry& from, const blob& root, resolve::request request);
    pull(const pull&) = delete;
    pull& operator=(const pull&) = delete;

    bool ok() const { return code == status_code::ok; }
    /// Digests of what was selected.
    std::vector<std::string> selected() const;
    /// Positions of the root's children.
    std::vector<std::uint32_t> root_children() const;
    std::vector<std::uint32_t> root_left_out() const;

    resolve::request request;
    resolve::walk walk;
    status_code code = status_code::ok;
    std::string message;
    std::vector<std::string> needs;  ///< digests that were asked for, in order

private:
    void run(const registry& from, const blob& root);
};

}  // namespace refract::test
