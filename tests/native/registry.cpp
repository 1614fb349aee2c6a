// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry.h"

#include <gtest/gtest.h>

#include "oci/digest.h"

namespace refract::test {

std::span<const std::byte> bytes_of(std::string_view text) {
    return std::as_bytes(std::span(text.data(), text.size()));
}

std::string sha256_of(std::string_view bytes) {
    auto digest = oci::sha256_digest(bytes_of(bytes));
    EXPECT_TRUE(digest.ok());
    return digest.ok() ? digest.value() : std::string();
}

std::string digest_of(char digit) { return "sha256:" + std::string(64, digit); }

oci::platform platform(std::string_view text) {
    oci::platform made;
    std::string_view* const parts[] = {&made.os, &made.architecture, &made.variant};
    for (std::string_view* const part : parts) {
        const auto end = text.find('/');
        *part = text.substr(0, end);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return made;
}

json platform_json(std::string_view text) {
    const oci::platform made = platform(text);
    json document{{"architecture", made.architecture}, {"os", made.os}};
    if (!made.variant.empty()) document["variant"] = made.variant;
    return document;
}

json blob::descriptor() const { return {{"mediaType", media_type}, {"digest", digest}, {"size", bytes.size()}}; }

json blob::on(std::string_view platform) const { return with(descriptor(), "platform", platform_json(platform)); }

json blob::about(std::string_view subject, std::string_view type) const {
    return annotated(annotated(descriptor(), reference_digest, subject), reference_type, type);
}

std::string config_of(const blob& manifest) { return json::parse(manifest.bytes)["config"]["digest"]; }

json with(json entry, const std::string& key, json value) {
    entry[key] = std::move(value);
    return entry;
}

json annotated(json entry, const std::string& key, json value) {
    entry["annotations"][key] = std::move(value);
    return entry;
}

const blob& registry::put(std::string media_type, std::string bytes) {
    const std::string digest = sha256_of(bytes);
    return blobs_[digest] = {std::move(media_type), digest, std::move(bytes)};
}

const blob& registry::write(std::string media_type, const json& document) {
    return put(std::move(media_type), document.dump());
}

const blob& registry::index(const std::vector<json>& entries, const std::string& media_type) {
    return write(media_type, {{"schemaVersion", 2}, {"mediaType", media_type}, {"manifests", entries}});
}

const blob& registry::image(std::string_view platform, const std::string& name, std::size_t layers) {
    json config = platform_json(platform);
    config["author"] = name;
    config["rootfs"] = {{"type", "layers"}, {"diff_ids", json::array()}};
    json entries = json::array();
    for (std::size_t i = 0; i < layers; ++i) {
        config["rootfs"]["diff_ids"].push_back(sha256_of("diff " + std::to_string(i)));
        entries.push_back(
            {{"mediaType", oci_layer}, {"digest", sha256_of("layer " + std::to_string(i))}, {"size", 100 + i}});
    }
    const json config_descriptor = write(oci_config, config).descriptor();
    return write(
        oci_manifest,
        {{"schemaVersion", 2}, {"mediaType", oci_manifest}, {"config", config_descriptor}, {"layers", entries}});
}

const blob& registry::artifact(const std::string& type, const std::string& name) {
    const json config = put("application/vnd.oci.empty.v1+json", "{}").descriptor();
    const json payload{{"mediaType", type}, {"digest", sha256_of("payload " + name)}, {"size", 7}};
    return write(
        oci_manifest,
        {{"schemaVersion", 2}, {"mediaType", oci_manifest}, {"config", config}, {"layers", json::array({payload})}});
}

const blob* registry::find(const std::string& digest) const {
    const auto found = blobs_.find(digest);
    return found == blobs_.end() ? nullptr : &found->second;
}

resolve::request request_for(const std::vector<std::string>& platforms,
                             oci::platform_preference (*match)(const oci::platform&)) {
    resolve::request made;
    std::vector<oci::platform_preference> all;
    for (const std::string& one : platforms) {
        made.wants.push_back({one, match(platform(one))});
        all.push_back(made.wants.back().preference);
    }
    made.any = oci::platform_preference::joined(all);
    return made;
}

pull::pull(const registry& from, const blob& root, resolve::request wanted)
    : request(std::move(wanted)), walk(request) {
    run(from, root);
}

void pull::run(const registry& from, const blob& root) {
    const resolve::expected_document expected{resolve::document_kind::index,
                                              root.media_type,
                                              root.digest,
                                              static_cast<std::int64_t>(root.bytes.size()),
                                              {},
                                              0};
    auto moved = walk.begin(expected, bytes_of(root.bytes));
    while (moved.ok() && moved.value() == resolve::walk::step::need) {
        needs.emplace_back(walk.needed().expected.digest);
        const blob* const found = from.find(needs.back());
        moved = found != nullptr ? walk.feed(bytes_of(found->bytes)) : walk.missing("404 Not Found");
    }
    if (moved.ok()) return;
    code = moved.why().code;
    message = moved.why().message;
    EXPECT_EQ(message.find_first_of("\n\r\x1b"), std::string::npos) << message;
    EXPECT_FALSE(walk.is_done());
}

std::vector<std::string> pull::selected() const {
    std::vector<std::string> digests;
    for (const auto& one : walk.selections()) digests.emplace_back(walk.read()[one.manifest].digest);
    return digests;
}

namespace {

std::vector<std::uint32_t> of_root(const std::vector<resolve::place>& places) {
    std::vector<std::uint32_t> positions;
    for (const auto one : places) {
        if (one.document == 0) positions.push_back(one.position);
    }
    return positions;
}

}  // namespace

std::vector<std::uint32_t> pull::root_children() const { return of_root(walk.children()); }
std::vector<std::uint32_t> pull::root_left_out() const { return of_root(walk.left_out()); }

}  // namespace refract::test
