// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/only_image.h"

#include <algorithm>
#include <set>

#include "base/bytes.h"
#include "oci/digest.h"
#include "oci/document.h"
#include "oci/kind.h"
#include "oci/manifest.h"

namespace refract::layout {
namespace {

using entries = std::vector<const oci::descriptor*>;

/// Takes away what is not wanted, but never all.
template <class Wanted>
void narrow(entries& all, const Wanted& wanted) {
    if (all.size() < 2) return;
    entries kept;
    std::copy_if(all.begin(), all.end(), std::back_inserter(kept), wanted);
    if (!kept.empty()) all = std::move(kept);
}

bool is_foreign(std::string_view artifact_type) {
    return !artifact_type.empty() && !oci::is_image_config(artifact_type);
}

bool is_artifact(const oci::manifest& manifest, std::string_view media_type) {
    const auto config = manifest.config().media_type;
    if (!manifest.subject().empty() || is_foreign(manifest.artifact_type())) return true;
    if (!oci::is_image_config(config) && !oci::is_legacy_docker_config(media_type, config)) return true;
    const auto& layers = manifest.layers();
    return !layers.empty() && std::all_of(layers.begin(), layers.end(), [](const oci::descriptor& layer) {
        return oci::is_artifact_payload(layer.media_type);
    });
}

/// Reads what entries are by their own bytes, and what the indexes among them list.
class bytes_reader {
public:
    bytes_reader(storage& from, kept_documents& kept, oci::json_reader& reader, const limits& limits,
                 const discovery_limits& discovery)
        : from_(from),
          kept_(kept),
          reader_(reader),
          limits_(limits),
          documents_(discovery.found),
          bytes_(discovery.bytes) {}

    /// Whether its bytes say that it is an artifact; what cannot be read says nothing.
    bool is_artifact_by_its_bytes(const oci::descriptor& entry) { return look(entry, 0); }
    bool is_listed(const oci::descriptor& entry) const { return listed_.contains(std::string(entry.digest)); }

private:
    bool look(const oci::descriptor& entry, std::uint32_t nesting) {
        if (entry.kind == oci::media_kind::other || entry.algorithm == oci::digest_algorithm::other) return false;
        if (documents_ == 0 || bytes_ == 0) return false;
        --documents_;
        auto path = blob_path(entry.digest);
        if (path.failed()) return false;
        auto text = read_file(from_, path.value(), std::min(limits_.document_bytes, bytes_));
        if (text.failed()) return false;
        bytes_ -= text.value().size();
        if (oci::verify_digest(entry.digest, bytes_of(text.value())).failed()) return false;
        kept_.keep(entry.digest, text.value());
        return entry.kind == oci::media_kind::index ? look_into(text.value(), nesting)
                                                    : is_artifact(text.value(), entry.media_type);
    }

    bool is_artifact(const std::string& text, std::string_view media_type) {
        oci::manifest manifest;
        return manifest.read(reader_, bytes_of(text), limits_).ok() && layout::is_artifact(manifest, media_type);
    }

    bool look_into(const std::string& text, std::uint32_t nesting) {
        oci::index index;
        if (index.read(reader_, bytes_of(text), limits_).failed()) return false;
        for (const auto& child : index.entries()) {
            const bool fresh = listed_.emplace(child.digest).second;
            if (fresh && child.kind == oci::media_kind::index && nesting < limits_.nesting) look(child, nesting + 1);
        }
        return !index.subject().empty() || is_foreign(index.artifact_type());
    }

    storage& from_;
    kept_documents& kept_;
    oci::json_reader& reader_;
    const limits& limits_;
    std::uint32_t documents_;
    std::uint64_t bytes_;
    std::set<std::string> listed_;
};

}  // namespace

result<const oci::descriptor*> only_image(storage& from, kept_documents& kept, const oci::index& of,
                                          const names& called, oci::json_reader& reader, const limits& limits,
                                          const discovery_limits& discovery) {
    entries all;
    std::set<std::string_view> seen;
    for (const auto& entry : of.entries()) {
        if (!called.is_attached(entry) && seen.insert(entry.digest).second) all.push_back(&entry);
    }
    if (all.empty()) return error{status_code::missing, "it holds no image; its tags: " + called.listed()};
    narrow(all, [&](const oci::descriptor* entry) {
        const auto* const platform = of.platform_of(*entry);
        const bool artifact = is_foreign(entry->artifact_type) || (platform != nullptr && oci::is_unknown(*platform));
        return entry->kind != oci::media_kind::other && !artifact;
    });
    if (all.size() > 1) {
        bytes_reader bytes(from, kept, reader, limits, discovery);
        narrow(all, [&](const oci::descriptor* entry) { return !bytes.is_artifact_by_its_bytes(*entry); });
        narrow(all, [&](const oci::descriptor* entry) { return !bytes.is_listed(*entry); });
        narrow(all, [&](const oci::descriptor* entry) { return called.is_named(*entry); });
    }
    if (all.size() == 1) return all.front();
    return error{status_code::ambiguous,
                 "it holds more than one image; name one of these tags, or a digest: " + called.listed(all)};
}

}  // namespace refract::layout
