// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <memory>

#include "cli/get.h"
#include "cli/json.h"
#include "cli/listing.h"

namespace refract::cli {
namespace {

status show(context& with, listing_options& options, bool tree) {
    REFRACT_ASSIGN(auto request, options.request(with.limits));
    REFRACT_ASSIGN(auto opened, with.open(options.image));
    inspect::image& image = *opened;
    REFRACT_ASSIGN(auto listed, image.list(request));
    const inspect::listing& listing = *listed;
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

using shared_options = std::shared_ptr<listing_options>;

CLI::App* add_listing_command(CLI::App& to, context& with, const std::string& name, const std::string& about,
                              const shared_options& options, bool tree) {
    CLI::App* const command = to.add_subcommand(name, about);
    options->add_to(*command)->required();
    command->callback(
        [&with, options, tree] { with.action = [&with, options, tree] { return show(with, *options, tree); }; });
    return command;
}

/// An image without a command: what is attached to it is shown as by `tree`.
void show_without_command(CLI::App& references, context& with, const shared_options& options) {
    CLI::Option* const image = options->add_to(references);
    references.callback([&references, &with, options, image] {
        if (!references.get_subcommands().empty()) {
            // It comes here when the command has one already.
            if (image->count() > 0) throw CLI::ExtrasError(std::vector<std::string>{image->results().front()});
        } else if (image->count() == 0) {
            throw CLI::RequiredError("IMAGE or a command");
        } else {
            with.action = [&with, options] { return show(with, *options, true); };
        }
    });
}

}  // namespace

void add_references(CLI::App& to, context& with) {
    CLI::App* const references = to.add_subcommand("references", "Show and get what is attached to an image");
    references->alias("refs");
    const std::string common = references->get_footer();
    const std::string marks =
        "Marks: weak (nothing lists what it is about), missing (seen with --check), in a cycle (references that are "
        "only\n"
        "about each other), repeated (shown above, with what is attached to it), unread (a nested index that could not "
        "be "
        "read).\n" +
        common;
    // One for all: options may precede the command, too.
    const auto options = std::make_shared<listing_options>();
    show_without_command(*references, with, options);
    add_listing_command(*references, with, "ls", "List what is attached to an image", options, false)->alias("list");
    add_listing_command(*references, with, "tree", "Show what is attached to what, as a tree", options, true)
        ->footer(marks);
    add_get(*references, with, options);
    references->footer("With an IMAGE and no command: as a tree.\n" + marks);
}

}  // namespace refract::cli
