// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <algorithm>
#include <set>

#include "resolve/predict/models.h"

/// containerd core/transfer/local/pull.go, core/unpack/unpacker.go, core/remotes/handlers.go
/// (FilterManifestByPlatformHandler), core/images/image.go (Manifest), pkg/oci/spec_opts.go (WithImageConfig).
namespace refract::resolve {
namespace {

/// images.maxReferences: all descriptors of one pull, each as often as it is listed.
constexpr std::size_t most_references = 10'000;

/// "ctr images pull": reads the manifests of all platforms and their configs, and unpacks whatever is of the wanted
/// platform or of none.
class stock_pull {
public:
    stock_pull(const oci::platform& wanted, evidence& known)
        : wanted_(oci::platform_preference::exactly(wanted)), known_(known) {}

    /// Nothing: it waits. A prediction that refuses, an error, or a success without a digest.
    attempt run();
    bool has(std::string_view layer) const { return layers_.contains(layer); }

private:
    struct visit {
        std::uint32_t document = none;
        const oci::platform* platform = nullptr;
        std::vector<place> path;
    };
    using level = std::vector<visit>;

    attempt handle(const visit& at, level& next);
    attempt handle_index(const visit& at, level& next);
    attempt handle_manifest(const visit& at);
    /// Nothing: the number of references is within bounds.
    attempt count(std::size_t children);

    oci::platform_preference wanted_;
    evidence& known_;
    std::size_t references_ = 1;
    std::set<std::string_view> layers_;   ///< fetched
    std::set<std::string_view> configs_;  ///< by which layers were unpacked
};

prediction fails_pull(const std::string& why) { return refuses("the pull fails: " + why); }

std::string of_run(const std::string& why) { return "the pull succeeds, running fails: " + why; }

/// remotes.Fetch: data is stored where its length fits, and must then have the digest.
prediction fails_by_data(const std::string& what) {
    return fails_pull("the data of " + what + " has other bytes than its digest names");
}

prediction fails_run(const std::string& why) { return refuses(of_run(why)); }

std::string name(const std::vector<place>& path) { return path.empty() ? "the root" : describe(path); }

/// What the pull makes of a document that is not read.
result<prediction> stopped(const finding& found, const std::string& what) {
    if (found.state == finding::state::lost) return fails_pull(what + ' ' + found.why.message);
    return error{found.why.code, "cannot tell what containerd makes of " + what +
                                     ", because refract does not read it: " + found.why.message};
}

const prediction goes_on{true, false, {}, {}, {}};

bool is_end(const attempt& tried) { return !tried || tried->failed() || !tried->value().selects; }

attempt stock_pull::run() {
    level now{{0, nullptr, {}}};
    // images.Dispatch: breadth first.
    while (!now.empty()) {
        level next;
        for (const visit& at : now) {
            if (attempt tried = handle(at, next); is_end(tried)) return tried;
        }
        now = std::move(next);
    }
    return goes_on;
}

attempt stock_pull::handle(const visit& at, level& next) {
    return known_.read()[at.document].kind == document_kind::index ? handle_index(at, next) : handle_manifest(at);
}

attempt stock_pull::count(std::size_t children) {
    references_ += children;
    if (references_ <= most_references) return goes_on;
    return fails_pull("more than " + std::to_string(most_references) + " descriptors");
}

attempt stock_pull::handle_index(const visit& at, level& next) {
    const documents& read = known_.read();
    const oci::index& index = *read[at.document].index;
    if (attempt tried = count(index.entries().size()); is_end(tried)) return tried;
    for (std::uint32_t position = 0; position < index.entries().size(); ++position) {
        const oci::descriptor& entry = index.entries()[position];
        auto path = at.path;
        path.push_back({at.document, position});
        if (entry.algorithm == oci::digest_algorithm::other) {
            return fails_pull(name(path) + "'s digest is of an algorithm that it does not know");
        }
        if (entry.data == oci::embedded::wrong) return fails_by_data(name(path));
        if (entry.kind == oci::media_kind::other) continue;  // fetched as a blob
        const auto kind = entry.kind == oci::media_kind::index ? document_kind::index : document_kind::manifest;
        const auto& child = known_.look(entry, kind, path.back(), static_cast<std::uint32_t>(path.size()));
        if (child.state == finding::state::waiting) return std::nullopt;
        if (child.state != finding::state::read) return stopped(child, name(path));
        if (read[child.document].kind != kind) {
            return fails_pull(name(path) + " is not the " + std::string(name_of(kind)) + " that its entry says");
        }
        next.push_back({child.document, index.platform_of(entry), std::move(path)});
    }
    return goes_on;
}

attempt stock_pull::handle_manifest(const visit& at) {
    const oci::manifest& manifest = *known_.read()[at.document].manifest;
    const oci::descriptor& of_config = manifest.config();
    const bool has_image_config = oci::is_image_config(of_config.media_type);
    const bool is_foreign = at.platform && !wanted_.rank(*at.platform);

    const document* config = nullptr;
    if ((has_image_config || !is_foreign) && of_config.data == oci::embedded::wrong) {
        return fails_by_data("the config of " + name(at.path));
    }
    if (has_image_config) {
        const auto& found = known_.look(of_config, document_kind::config, at.path.empty() ? place{} : at.path.back(),
                                        static_cast<std::uint32_t>(at.path.size()));
        if (found.state == finding::state::waiting) return std::nullopt;
        if (found.state != finding::state::read) return stopped(found, "the config of " + name(at.path));
        config = &known_.read()[found.document];
    }
    if (is_foreign) return count(has_image_config ? 1 : 0);

    std::size_t unpacked = 0;
    for (const auto& layer : manifest.layers()) {
        if (layer.data == oci::embedded::wrong) return fails_by_data("a layer of " + name(at.path));
        layers_.insert(layer.digest);
        if (oci::is_file_system_layer(layer.media_type)) ++unpacked;
    }
    // What is unpacked waits for the config, and is told by it. Manifests of one config are unpacked once.
    if (config && unpacked > 0 && configs_.insert(of_config.digest).second &&
        unpacked != config->config->diff_ids_count()) {
        return fails_pull(name(at.path) + " has " + std::to_string(unpacked) +
                          " layers to unpack, but its config names " +
                          std::to_string(config->config->diff_ids_count()));
    }
    return count(1 + manifest.layers().size() - unpacked);
}

/// images.Manifest: one entry of each index. Of one that declares no platform the config is asked.
struct choice {
    std::uint32_t manifest = 0;  ///< number of its document
    std::vector<place> path;
    bool by_config = false;
};

/// Sets `into`, all of whose documents the pull has read.
attempt choose(const oci::platform_preference& runs, evidence& known, choice& into) {
    const documents& read = known.read();
    while (read[into.manifest].kind == document_kind::index) {
        const oci::index& index = *read[into.manifest].index;
        const oci::descriptor* const best = containerd_entry(index, runs);
        if (!best) return finds_nothing(of_run("no entry of " + name(into.path) + " matches"));
        into.path.push_back({into.manifest, static_cast<std::uint32_t>(best - index.entries().data())});
        if (best->kind == oci::media_kind::other) {
            return fails_run("it takes " + name(into.path) + ", which is neither a manifest nor an index");
        }
        const bool is_index = best->kind == oci::media_kind::index;
        into.by_config = !index.platform_of(*best);
        into.manifest = known
                            .look(*best, is_index ? document_kind::index : document_kind::manifest, into.path.back(),
                                  static_cast<std::uint32_t>(into.path.size()))
                            .document;
    }
    if (into.path.empty() || !into.by_config) return goes_on;
    const auto& found = known.look(read[into.manifest].manifest->config(), document_kind::config, into.path.back(),
                                   static_cast<std::uint32_t>(into.path.size()));
    if (found.state == finding::state::waiting) return std::nullopt;
    if (found.state != finding::state::read) return stopped(found, "the config of " + name(into.path));
    if (!runs.rank(read[found.document].config->declared())) {
        return finds_nothing(of_run("it looks only at " + name(into.path) + ", whose config is of another platform"));
    }
    return goes_on;
}

/// "ctr run", of a manifest that was chosen.
attempt start(const stock_pull& pulled, evidence& known, choice chosen) {
    const documents& read = known.read();
    const document& of = read[chosen.manifest];
    const oci::manifest& manifest = *of.manifest;
    const auto config_type = manifest.config().media_type;
    const std::string what = "it takes " + name(chosen.path) + ", ";
    // docker.ConvertManifest repairs that of a root, and of a root only.
    if (chosen.path.empty() && oci::is_legacy_docker_config(of.media_type, config_type)) return takes_root(read);
    if (!oci::is_image_config(config_type)) return fails_run(what + "whose config is no image config");
    std::size_t layers = 0;
    for (const auto& layer : manifest.layers()) {
        if (!pulled.has(layer.digest)) {
            return fails_run(what + "whose layers were not pulled, because its platform only is compatible");
        }
        if (oci::is_file_system_layer(layer.media_type)) ++layers;
    }
    const auto& config = known.look(manifest.config(), document_kind::config, {}, 0);
    if (layers != read[config.document].config->diff_ids_count()) {
        return fails_run(what + "whose layers are not as many as its config names");
    }
    if (chosen.path.empty()) return takes_root(read);
    return takes(read, std::move(chosen.path),
                 chosen.by_config ? "no entry declares the platform, and this is the first that declares none"
                                  : "the first entry of the best platform");
}

}  // namespace

const oci::descriptor* containerd_entry(const oci::index& index, const oci::platform_preference& runs) {
    const oci::descriptor* best = nullptr;
    const oci::platform* best_platform = nullptr;
    for (const auto& entry : index.entries()) {
        const oci::platform* declared = index.platform_of(entry);
        if (declared && !runs.rank(*declared)) continue;
        const bool is_better = declared && (!best_platform || runs.less(*declared, *best_platform));
        if (best && !is_better) continue;
        best = &entry;
        best_platform = declared;
    }
    return best;
}

attempt predict_containerd(const oci::platform& wanted, evidence& known) {
    stock_pull pull(wanted, known);
    if (attempt tried = pull.run(); is_end(tried)) return tried;
    choice chosen;
    const auto runs = oci::platform_preference::compatible(wanted);
    if (attempt tried = choose(runs, known, chosen); is_end(tried)) return tried;
    return start(pull, known, std::move(chosen));
}

}  // namespace refract::resolve
