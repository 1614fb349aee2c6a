// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include "base/printable.h"
#include "cli/json.h"
#include "cli/listing.h"
#include "oci/platform_name.h"
#include "resolve/predict/models.h"

namespace refract::cli {
namespace {

struct select_options {
    std::string image;
    std::string platform;
    std::vector<std::string> clients;
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
    documents.for_each_entry([&](resolve::place where, const oci::descriptor& entry) {
        if (walk.is_child(where)) return;
        notes.push_back({documents.describe(where), std::string(entry.digest), walk.why_not(where)});
    });
    return notes;
}

/// What a client makes of the image, or why that cannot be told.
struct guess {
    std::string_view client;
    result<resolve::prediction> predicted;
};

json guess_json(const guess& one, bool explain) {
    json made{{"client", one.client}};
    if (one.predicted.failed()) {
        made["outcome"] = "unknown";
        made["reason"] = one.predicted.why().message;
        return made;
    }
    const auto& predicted = one.predicted.value();
    made["outcome"] = predicted.selects ? "selects" : predicted.no_match ? "no-match" : "fails";
    if (predicted.selects) {
        made["digest"] = predicted.digest;
        if (!predicted.path.empty()) made["place"] = resolve::describe(predicted.path);
    }
    if (explain || !predicted.selects) made["reason"] = predicted.reason;
    return made;
}

std::string guesses_table(const std::vector<guess>& all, bool explain) {
    std::vector<std::string> header{"CLIENT", "OUTCOME", "DIGEST"};
    if (explain) header.emplace_back("WHY");
    table rows(std::move(header));
    for (const auto& one : all) {
        const json made = guess_json(one, explain);
        std::vector<std::string> row{std::string(one.client), made["outcome"], made.value("digest", "")};
        if (explain) row.push_back(printable(made.value("reason", ""), 400));
        rows.add(std::move(row));
    }
    return rows.text();
}

/// How a single client fares is how the command ends.
status end_of(const guess& one, const std::string& image) {
    if (one.predicted.failed()) return one.predicted.why();
    const auto& predicted = one.predicted.value();
    if (predicted.selects) return {};
    return {predicted.no_match ? status_code::no_match : status_code::unsupported,
            image + ": " + std::string(one.client) + " fails: " + predicted.reason};
}

result<std::vector<resolve::client>> parse_clients(const std::vector<std::string>& names) {
    std::vector<resolve::client> all;
    for (const auto& name : names) {
        const auto who = resolve::client_of(name);
        if (!who) {
            return error{status_code::invalid_argument,
                         "--as is " + quote(name) + ": want containerd, crane, regctl or skopeo"};
        }
        all.push_back(*who);
    }
    return all;
}

status predict(context& with, const select_options& options, const std::vector<resolve::client>& clients,
               const oci::platform& platform, inspect::image& image) {
    std::vector<guess> all;
    for (const auto who : clients) {
        all.push_back({resolve::name_of(who), image.predict(who, platform, with.limits)});
        // That nobody answers is no property of a client.
        const auto& made = all.back().predicted;
        if (made.failed() && (made.why().code == status_code::unreachable || made.why().code == status_code::denied ||
                              made.why().code == status_code::cancelled)) {
            return made.why();
        }
    }
    const bool is_one = all.size() == 1;
    if (with.options.json()) {
        json made{{"schemaVersion", schema_version}, {"image", image.name().text()}, {"root", root_json(image)}};
        made["clients"] = json::array();
        for (const auto& one : all) made["clients"].push_back(guess_json(one, options.explain));
        print_json(made);
    } else if (!is_one) {
        print(guesses_table(all, options.explain));
    } else if (all.front().predicted.ok() && all.front().predicted.value().selects) {
        const auto& predicted = all.front().predicted.value();
        print(predicted.digest + '\n');
        if (options.explain) print(printable(predicted.reason, 400) + '\n');
    }
    if (!is_one) return {};
    return end_of(all.front(), image.name().text());
}

status select_image(context& with, const select_options& options) {
    auto parsed = oci::parse_platform(options.platform);
    if (parsed.failed()) return status(std::move(parsed).take()).in("--platform");
    const oci::platform platform = parsed.value().view();
    REFRACT_ASSIGN(auto clients, parse_clients(options.clients));
    REFRACT_ASSIGN(auto opened, with.open(options.image));
    inspect::image& image = *opened;
    // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): it loses what a moved status owns
    if (!options.clients.empty()) return predict(with, options, clients, platform, image);
    if (!image.is_index()) {
        return {status_code::unsupported, image.name().text() + " is a single manifest, " + image.root().digest +
                                              ": there is nothing to select from"};
    }
    resolve::request request;
    request.limits = with.limits;
    request.wants.push_back({oci::describe(platform), oci::platform_preference::compatible(platform)});
    request.any = request.wants.front().preference;
    REFRACT_ASSIGN(auto walked, image.walk(request));
    const resolve::walk& walk = *walked;
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
    command
        ->add_option("--as", options->clients,
                     "What these clients would select instead: containerd (without refract), crane, regctl, skopeo")
        ->type_name("CLIENT")
        ->delimiter(',')
        ->allow_extra_args(false);
    command->add_flag("--explain", options->explain,
                      "Say of each entry why it was passed over, or why the client does");
    command->callback([&with, options] { with.action = [&with, options] { return select_image(with, *options); }; });
}

}  // namespace refract::cli
