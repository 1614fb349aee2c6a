// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include "base/printable.h"
#include "cli/json.h"
#include "cli/listing.h"

namespace refract::cli {
namespace {

struct select_options {
    std::string image;
    std::string platform;
    bool explain = false;
};

/// Why each entry that was passed over was.
struct note {
    std::string place;
    std::string digest;
    std::string reason;
};

std::vector<note> notes_of(const resolve::walk& walk) {
    std::vector<note> notes;
    const auto& documents = walk.read();
    for (std::uint32_t number = 0; number < documents.size(); ++number) {
        if (documents[number].kind != resolve::document_kind::index) continue;
        const auto count = static_cast<std::uint32_t>(documents[number].index->entries().size());
        for (std::uint32_t position = 0; position < count; ++position) {
            const resolve::place where{number, position};
            if (walk.is_child(where)) continue;
            notes.push_back(
                {documents.describe(where), std::string(documents.entry(where).digest), walk.why_not(where)});
        }
    }
    return notes;
}

outcome select_image(context& with, const select_options& options) {
    auto platform = parse_platform(options.platform);
    if (platform.failed()) return std::move(platform).take();
    auto opened = with.open(options.image);
    if (opened.failed()) return std::move(opened).take();
    inspect::image& image = *opened.value();
    if (!image.is_index()) {
        return {status::unsupported, image.name().text() + " is a single manifest, " + image.root().digest +
                                         ": there is nothing to select from"};
    }
    resolve::request request;
    request.limits = with.limits;
    request.wants.push_back({oci::describe(platform.value()), oci::platform_preference::compatible(platform.value())});
    request.any = request.wants.front().preference;
    auto walked = image.walk(request);
    if (walked.failed()) return std::move(walked).take();
    const resolve::walk& walk = *walked.value();
    const auto& chosen = walk.selections().front();
    const auto& entry = walk.read().entry(chosen.place);
    const auto& of = walk.platform_of(chosen);
    const auto where = walk.read().describe(chosen.place);
    if (with.options.json()) {
        json made{{"schemaVersion", schema_version}, {"image", image.name().text()}, {"root", root_json(image)}};
        made["selected"] = descriptor_json(entry, &of);
        made["selected"]["place"] = where;
        made["selected"]["config"] = walk.read()[chosen.config].digest;
        if (options.explain) {
            made["passedOver"] = json::array();
            for (const auto& one : notes_of(walk)) {
                made["passedOver"].push_back({{"place", one.place}, {"digest", one.digest}, {"reason", one.reason}});
            }
        }
        print_json(made);
        return {};
    }
    print(fmt::format("{}\n", entry.digest));
    if (!options.explain) return {};
    table rows({"PLACE", "DIGEST", "WHY"});
    rows.add({where, style{}.digest(entry.digest), "selected: " + oci::describe(of)});
    for (const auto& one : notes_of(walk))
        rows.add({one.place, style{}.digest(one.digest), printable(one.reason, 400)});
    print(rows.text());
    return {};
}

}  // namespace

void add_select(CLI::App& to, context& with) {
    CLI::App* const command =
        to.add_subcommand("select", "Print the digest of the image that is selected for a platform");
    auto options = std::make_shared<select_options>();
    command->add_option("IMAGE", options->image, "host/repo:tag, host/repo@digest or oci:DIR[:TAG]")
        ->type_name("")
        ->required()
        ->check(stated());
    command->add_option("--platform", options->platform, "The platform to select for")
        ->type_name("OS/ARCH[/VARIANT]")
        ->required()
        ->check(stated());
    command->add_flag("--explain", options->explain, "Say of each entry why it was passed over");
    command->callback([&with, options] { with.action = [&with, options] { return select_image(with, *options); }; });
}

}  // namespace refract::cli
