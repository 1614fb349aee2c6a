// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/get.h"
#include "cli/json.h"
#include "cli/listing.h"

namespace refract::cli {
namespace {

outcome show(context& with, const listing_options& options, bool tree) {
    auto request = options.request(with.limits);
    if (request.failed()) return std::move(request).take();
    auto opened = with.open(options.image);
    if (opened.failed()) return std::move(opened).take();
    inspect::image& image = *opened.value();
    auto listed = image.list(request.value());
    if (listed.failed()) return std::move(listed).take();
    const inspect::listing& listing = *listed.value();
    if (with.options.json()) {
        json made{{"schemaVersion", schema_version}, {"image", image.name().text()}, {"root", root_json(image)}};
        add_listing(made, image, listing, tree);
        print_json(made);
        return {};
    }
    const style style = style::of_output(options.whole);
    print(tree ? references_tree(image, listing, style) : references_table(listing, style));
    tell_notices(with, listing);
    return {};
}

CLI::App* add_listing_command(CLI::App& to, context& with, const std::string& name, const std::string& about,
                              bool tree) {
    CLI::App* const command = to.add_subcommand(name, about);
    auto options = std::make_shared<listing_options>();
    options->add_to(*command);
    command->callback(
        [&with, options, tree] { with.action = [&with, options, tree] { return show(with, *options, tree); }; });
    return command;
}

}  // namespace

void add_references(CLI::App& to, context& with) {
    CLI::App* const references = to.add_subcommand("references", "Show and get what is attached to an image");
    references->alias("refs");
    references->require_subcommand(1);
    add_listing_command(*references, with, "ls", "List what is attached to an image", false)->alias("list");
    CLI::App* const tree =
        add_listing_command(*references, with, "tree", "Show what is attached to what, as a tree", true);
    tree->footer(
        "Marks: weak (nothing lists what it is about), missing (seen with --check), in a cycle (references that are "
        "only\n"
        "about each other), repeated (shown above, with what is attached to it), unread (a nested index that could not "
        "be "
        "read).\n" +
        references->get_footer());
    add_get(*references, with);
}

}  // namespace refract::cli
