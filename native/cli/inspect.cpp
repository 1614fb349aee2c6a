// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <set>

#include "base/bytes.h"
#include "base/printable.h"
#include "cli/files.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "cli/words.h"
#include "oci/manifest.h"

namespace refract::cli {
namespace {

struct inspect_options {
    listing_options listing;
    bool raw = false;
};

/// The entries of the root index, each with its role.
struct entries {
    std::vector<const oci::descriptor*> descriptors;
    std::vector<const oci::platform*> platforms;
    std::vector<resolve::role> roles;
};

entries entries_of(const inspect::image& image, const inspect::listing& listing) {
    const resolve::walk& walk = *image.listed_walk();
    std::set<std::string_view> by_bytes;
    for (const auto& one : listing.references) {
        if (one.by_bytes) by_bytes.insert(one.digest());
    }
    entries all;
    std::uint32_t position = 0;
    for (const auto& entry : walk.read()[0].index->entries()) {
        const resolve::place where{0, position++};
        const auto* const platform = walk.read().platform_of(where);
        auto role = resolve::role_of(entry, platform, walk.asked());
        const bool perhaps = platform == nullptr || !resolve::is_whole(*platform);
        if (walk.is_artifact(where) || (role == resolve::role::image && perhaps && by_bytes.contains(entry.digest))) {
            role = resolve::role::artifact;
        }
        all.descriptors.push_back(&entry);
        all.platforms.push_back(platform);
        all.roles.push_back(role);
    }
    return all;
}

std::string head_text(const inspect::image& image, const style& style) {
    const auto& root = image.root();
    return fmt::format("{}\nDigest:     {}\nMedia type: {}\nSize:       {}\n",
                       style.bold(printable(image.name().text(), 1024)), root.digest, printable(root.media_type),
                       size_text(root.size()));
}

std::string entries_text(const inspect::image& image, const inspect::listing& listing, const style& style) {
    const entries all = entries_of(image, listing);
    table rows({"#", "ROLE", "PLATFORM", "DIGEST", "SIZE", "TYPE"});
    for (std::size_t i = 0; i < all.descriptors.size(); ++i) {
        const auto& entry = *all.descriptors[i];
        rows.add({std::to_string(i), std::string(name_of(all.roles[i])),
                  all.platforms[i] == nullptr ? std::string() : oci::describe(*all.platforms[i]),
                  style.digest(entry.digest), size_text(entry.size),
                  style.text(entry.artifact_type.empty() ? entry.media_type : entry.artifact_type)});
    }
    return rows.text();
}

json entries_json(const inspect::image& image, const inspect::listing& listing) {
    const entries all = entries_of(image, listing);
    json made = json::array();
    for (std::size_t i = 0; i < all.descriptors.size(); ++i) {
        json one = descriptor_json(*all.descriptors[i], all.platforms[i]);
        one["role"] = name_of(all.roles[i]);
        made.push_back(std::move(one));
    }
    return made;
}

std::string manifest_text(const oci::manifest& manifest, const style& style) {
    std::string text;
    if (!manifest.artifact_type().empty()) text += "Artifact:   " + style.text(manifest.artifact_type()) + '\n';
    if (!manifest.subject().empty()) text += "Subject:    " + printable(manifest.subject()) + '\n';
    table rows({"#", "DIGEST", "SIZE", "TYPE"});
    rows.add({"config", style.digest(manifest.config().digest), size_text(manifest.config().size),
              style.text(manifest.config().media_type)});
    std::size_t number = 0;
    for (const auto& layer : manifest.layers()) {
        rows.add({std::to_string(number++), style.digest(layer.digest), size_text(layer.size),
                  style.text(layer.media_type)});
    }
    return text + '\n' + rows.text();
}

json manifest_json(const oci::manifest& manifest) {
    json made{{"config", descriptor_json(manifest.config(), nullptr)}, {"layers", json::array()}};
    if (!manifest.artifact_type().empty()) made["artifactType"] = manifest.artifact_type();
    if (!manifest.subject().empty()) made["subject"] = manifest.subject();
    for (const auto& layer : manifest.layers()) made["layers"].push_back(descriptor_json(layer, nullptr));
    return made;
}

status inspect_image(context& with, inspect_options& options) {
    if (options.raw && with.options.json()) {
        return {status_code::invalid_argument, "--raw prints the bytes as they are, --output json cannot go with it"};
    }
    REFRACT_ASSIGN(auto request, options.listing.request(with.limits));
    REFRACT_ASSIGN(auto opened, with.open(options.listing.image));
    inspect::image& image = *opened;
    if (options.raw) {
        write_content(image.root().bytes());
        return {};
    }
    REFRACT_ASSIGN(auto listed, image.list(request));
    const inspect::listing& listing = *listed;
    oci::manifest manifest;
    if (!image.is_index()) {
        oci::json_reader reader(with.limits.json_depth);
        status read = manifest.read(reader, bytes_of(image.root().bytes()), with.limits);
        if (read.failed()) return std::move(read).in("manifest " + image.root().digest);
    }
    if (with.options.json()) {
        json made{{"schemaVersion", schema_version}, {"image", image.name().text()}, {"root", root_json(image)}};
        if (image.is_index()) {
            made["entries"] = entries_json(image, listing);
        } else {
            made["manifest"] = manifest_json(manifest);
        }
        add_listing(made, image, listing, false);
        print_json(made);
        return {};
    }
    const style style = style::of_output(options.listing.whole);
    print(head_text(image, style));
    print(image.is_index() ? '\n' + entries_text(image, listing, style) : manifest_text(manifest, style));
    if (listing.told.empty()) {
        const bool is_known = listing.notices.empty() && listing.unread_indexes == 0;
        print(fmt::format("\nNothing {} attached (looked at: {}).\n", is_known ? "is" : "is known to be",
                          looked_at(image, request.sources)));
    } else {
        print(fmt::format("\nAttached: {}\n", listing.told.size()) + references_table(listing, style));
    }
    tell_notices(with, listing);
    return {};
}

}  // namespace

void add_inspect(CLI::App& to, context& with) {
    CLI::App* const command =
        to.add_subcommand("inspect", "Show what an image's name leads to, and what is attached to it");
    auto options = std::make_shared<inspect_options>();
    options->listing.add_to(*command)->required();
    command->add_flag("--raw", options->raw,
                      "Print the exact bytes of the index or manifest, and ask for nothing else");
    command->callback([&with, options] { with.action = [&with, options] { return inspect_image(with, *options); }; });
}

}  // namespace refract::cli
