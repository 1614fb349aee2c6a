// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/json.h"

#include "cli/context.h"
#include "cli/words.h"

namespace refract::cli {
namespace {

void add_text(json& into, const char* key, std::string_view text) {
    if (!text.empty()) into[key] = text;
}

json node_json(const inspect::image& image, const inspect::listing& listing, const resolve::node& node,
               const std::vector<std::uint32_t>& numbers) {
    using kind = enum resolve::node::kind;
    json made{{"kind", name_of(node.kind)}, {"depth", node.depth}};
    if (node.kind == kind::reference) {
        const auto& one = listing.references[node.reference];
        if (one.descriptor != nullptr) made.update(descriptor_json(*one.descriptor, one.platform));
        made["reference"] = numbers[node.reference];
    } else if (node.kind == kind::subject) {
        made["digest"] = node.subject;
    } else if (node.place.document == resolve::none) {
        made.update(root_json(image));
    } else {
        const auto& documents = image.listed_walk()->read();
        made.update(descriptor_json(documents.entry(node.place), documents.platform_of(node.place)));
    }
    if ((node.flags & resolve::node::repeated) != 0) made["repeated"] = true;
    if ((node.flags & resolve::node::unread) != 0) made["unread"] = true;
    return made;
}

}  // namespace

json root_json(const inspect::image& image) {
    const auto& root = image.root();
    return {{"mediaType", root.media_type}, {"digest", root.digest}, {"size", root.size()}};
}

json platform_json(const oci::platform& platform) {
    json made{{"os", platform.os}, {"architecture", platform.architecture}};
    add_text(made, "variant", platform.variant);
    add_text(made, "os.version", platform.os_version);
    if (!platform.os_features.empty()) made["os.features"] = platform.os_features;
    return made;
}

json descriptor_json(const oci::descriptor& descriptor, const oci::platform* platform) {
    json made{{"mediaType", descriptor.media_type}, {"digest", descriptor.digest}, {"size", descriptor.size}};
    add_text(made, "artifactType", descriptor.artifact_type);
    if (platform != nullptr) made["platform"] = platform_json(*platform);
    return made;
}

json reference_json(const resolve::reference& one) {
    json made = json::object();
    if (one.descriptor != nullptr) {
        made = descriptor_json(*one.descriptor, one.platform);
        made.erase("artifactType");
        add_text(made, "artifactType", one.artifact_type);
    } else {
        made["size"] = one.value.size();
        made["annotation"] = one.annotation;
        made["value"] = one.value;
    }
    if (one.kinds != 0) made["kinds"] = kind_names(one.kinds);
    add_text(made, "type", one.type);
    if (!one.other_types.empty()) made["otherTypes"] = one.other_types;
    add_text(made, "description", one.description);
    add_text(made, "subject", one.subject);
    add_text(made, "malformedSubject", one.malformed);
    add_text(made, "tag", one.tag);
    made["sources"] = source_names(one.sources);
    made["weak"] = name_of(one.weak);
    made["present"] = name_of(one.present);
    if (one.unread) made["unread"] = true;
    return made;
}

void add_listing(json& into, const inspect::image& image, const inspect::listing& listing, bool tree) {
    into["unreadIndexes"] = listing.unread_indexes;
    into["notices"] = listing.notices;
    into["references"] = json::array();
    std::vector<std::uint32_t> numbers(listing.references.size(), resolve::none);
    std::uint32_t next = 0;
    const auto add = [&](std::uint32_t number) {
        if (numbers[number] != resolve::none) return;
        numbers[number] = next++;
        into["references"].push_back(reference_json(listing.references[number]));
    };
    for (const auto number : listing.told) add(number);
    if (!tree) return;
    json nodes = json::array();
    for (const auto& node : listing.tree) {
        if (node.kind == resolve::node::kind::reference) add(node.reference);
        nodes.push_back(node_json(image, listing, node, numbers));
    }
    into["tree"] = std::move(nodes);
}

void print_json(const json& value) {
    // What is not ASCII is escaped: it may be anything, and this may be a terminal.
    print(value.dump(2, ' ', true, json::error_handler_t::replace) + '\n');
}

}  // namespace refract::cli
