// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>

#include "base/printable.h"
#include "cli/context.h"
#include "cli/examination.h"
#include "cli/json.h"
#include "cli/style.h"
#include "cli/words.h"
#include "lint/rules.h"

namespace refract::cli {
namespace {

struct lint_options {
    std::string image;
    bool registry = false;
    bool strict = false;
    bool whole = false;
};

using lint::finding;
using lint::severity;

/// What came of it: findings, and what is known of the registry.
struct diagnosis {
    std::string name;
    std::string digest;  ///< of the root; empty if even that could not be read
    std::vector<finding> findings;
    std::optional<lint::registry_facts> registry;

    std::size_t count(severity how) const {
        return static_cast<std::size_t>(
            std::count_if(findings.begin(), findings.end(), [&](const finding& one) { return one.severity == how; }));
    }
};

/// Whether an image could not be opened because of what it is.
bool is_refusal(status_code code) {
    return code == status_code::malformed || code == status_code::ambiguous || code == status_code::limit_exceeded ||
           code == status_code::size_mismatch || code == status_code::digest_mismatch ||
           code == status_code::type_mismatch || code == status_code::unsupported;
}

result<diagnosis> diagnose(context& with, const lint_options& options) {
    diagnosis made;
    made.name = printable(options.image, 1024);
    auto opened = with.open(options.image);
    if (opened.failed()) {
        if (!is_refusal(opened.why().code)) return std::move(opened).take();
        lint::facts facts;
        facts.refused = std::move(opened).take();
        made.findings = lint::check(facts);
        return made;
    }
    inspect::image& image = *opened.value();
    made.name = image.name().text();
    made.digest = image.root().digest;
    if (options.registry && image.name().is_layout()) {
        return error{status_code::invalid_argument, made.name + " is a layout: --registry asks what a registry does"};
    }
    REFRACT_ASSIGN(auto examined, examination::of(image, with.limits, options.registry));
    made.findings = lint::check(examined->facts());
    made.registry = examined->facts().registry;
    return made;
}

json finding_json(const finding& one) {
    json made{{"id", one.id}, {"severity", lint::name_of(one.severity)}};
    if (!one.place.empty()) made["place"] = one.place;
    if (!one.digest.empty()) made["digest"] = one.digest;
    if (!one.platform.empty()) made["platform"] = one.platform;
    made["message"] = one.message;
    made["clients"] = one.clients;
    return made;
}

json diagnosis_json(const diagnosis& from) {
    json made{{"schemaVersion", schema_version}, {"image", from.name}};
    if (!from.digest.empty()) made["digest"] = from.digest;
    made["findings"] = json::array();
    for (const auto& one : from.findings) made["findings"].push_back(finding_json(one));
    if (from.registry) {
        made["registry"] = {{"referrersApi", name_of(from.registry->referrers_api)},
                            {"etags", name_of(from.registry->etags)},
                            {"nestedIndexes", name_of(from.registry->nested_indexes)}};
    }
    return made;
}

std::string heading(severity how, std::size_t count, const style& style) {
    const auto text = fmt::format("{} {}{}", count, lint::name_of(how), count == 1 || how == severity::info ? "" : "s");
    if (how == severity::error) return style.fail(text);
    return how == severity::warning ? style.warn(text) : style.bold(text);
}

std::string diagnosis_text(const diagnosis& from, const style& style) {
    std::string text;
    for (const auto how : {severity::error, severity::warning, severity::info}) {
        const auto count = from.count(how);
        if (count == 0) continue;
        text += (text.empty() ? "" : "\n") + heading(how, count, style) + '\n';
        for (const auto& one : from.findings) {
            if (one.severity != how) continue;
            text += "  " + style.bold(std::string(one.id));
            if (!one.place.empty()) text += ' ' + one.place;
            if (!one.place.empty() && !one.digest.empty()) text += ' ' + style.digest(one.digest);
            if (!one.clients.empty()) text += fmt::format(" [{}]", fmt::join(one.clients, ", "));
            text += ": " + one.message + '\n';
        }
    }
    if (from.registry) {
        text += fmt::format("{}Registry: referrers API {}, ETags {}, nested indexes {}\n", text.empty() ? "" : "\n",
                            name_of(from.registry->referrers_api), name_of(from.registry->etags),
                            name_of(from.registry->nested_indexes));
    }
    return text;
}

status lint_image(context& with, const lint_options& options) {
    REFRACT_ASSIGN(auto done, diagnose(with, options));
    const diagnosis& found = done;
    if (with.options.json()) {
        print_json(diagnosis_json(found));
    } else {
        print(diagnosis_text(found, style::of_output(options.whole)));
    }
    const auto errors = found.count(severity::error);
    const auto warnings = found.count(severity::warning);
    if (errors == 0 && (!options.strict || warnings == 0)) return {};
    return {status_code::malformed, fmt::format("{}: {} error{}, {} warning{}", found.name, errors,
                                                errors == 1 ? "" : "s", warnings, warnings == 1 ? "" : "s")};
}

}  // namespace

void add_lint(CLI::App& to, context& with) {
    CLI::App* const command =
        to.add_subcommand("lint", "Say what will go wrong with an image, and for which client (exit code 1: errors)");
    auto options = std::make_shared<lint_options>();
    command->add_option("IMAGE", options->image, "host/repo:tag, host/repo@digest or oci:DIR[:TAG]")->required();
    command->add_flag("--registry", options->registry, "Say what the registry supports, too; nothing is written");
    command->add_flag("--strict", options->strict, "Exit with 1 for warnings, too");
    command->add_flag("--no-trunc", options->whole, "Print digests in full");
    command->callback([&with, options] { with.action = [&with, options] { return lint_image(with, *options); }; });
}

}  // namespace refract::cli
