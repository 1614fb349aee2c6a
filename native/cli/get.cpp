// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/get.h"

#include <fmt/format.h>

#include <algorithm>
#include <charconv>
#include <memory>
#include <set>

#include "base/printable.h"
#include "cli/files.h"
#include "cli/listing.h"
#include "cli/words.h"
#include "inspect/content.h"

namespace refract::cli {
namespace {

struct get_options {
    explicit get_options(std::shared_ptr<listing_options> shared) : listing(std::move(shared)) {}

    std::shared_ptr<listing_options> listing;
    std::string name;  ///< digest, the beginning of one, or the key of an annotation
    std::string layer;
    std::string to = "-";
    bool manifest = false;
    bool all = false;

    bool to_stdout() const noexcept { return to == "-"; }
};

status check(const get_options& options) {
    if (options.manifest && !options.layer.empty())
        return {status_code::invalid_argument, "--manifest and --layer exclude each other"};
    if (options.all && options.to_stdout())
        return {status_code::invalid_argument, "--all needs a directory to write to: -o DIR"};
    if (options.all && !options.name.empty())
        return {status_code::invalid_argument, "--all and a digest exclude each other"};
    return {};
}

/// Whether a digest begins so, with its algorithm or without.
bool begins_so(std::string_view digest, std::string_view name) {
    const auto hex = digest.substr(std::min(digest.find(':') + 1, digest.size()));
    return !digest.empty() && (digest.starts_with(name) || hex.starts_with(name));
}

/// Each artifact once, although it may be about several subjects.
std::vector<resolve::reference> chosen(const inspect::listing& listing, const get_options& options) {
    std::vector<resolve::reference> found;
    std::set<std::string_view> seen;
    for (const auto number : listing.told) {
        const auto& one = listing.references[number];
        const auto digest = one.digest();
        const bool named = options.name.empty() || one.annotation == options.name || begins_so(digest, options.name);
        if (named && (digest.empty() || seen.insert(digest).second)) found.push_back(one);
    }
    return found;
}

status nothing_found(const inspect::image& image, const get_options& options, std::uint32_t sources) {
    std::string what = options.name.empty() ? "nothing" : "no " + quote(options.name);
    if (!options.listing->type.empty()) what += " of type " + quote(options.listing->type);
    return {status_code::missing, image.name().text() + ": " + what + " is attached to it (looked at: " +
                                      looked_at(image, sources) + "; refract references ls shows what is)"};
}

/// The layer that a number or the beginning of a digest names, as ctr-refract has it: what reads as a number is one.
result<inspect::piece> layer_of(const inspect::artifact& artifact, const std::string& name) {
    std::uint16_t number = 0;
    const auto [end, code] = std::from_chars(name.data(), name.data() + name.size(), number);
    if (code == std::errc{} && end == name.data() + name.size()) {
        if (number < artifact.pieces.size()) return artifact.pieces[number];
    } else {
        const inspect::piece* found = nullptr;
        for (const auto& piece : artifact.pieces) {
            if (!begins_so(piece.digest, name)) continue;
            if (found != nullptr && found->digest != piece.digest) {
                return error{status_code::invalid_argument,
                             artifact.digest + ": the digests of several layers begin with " + quote(name)};
            }
            found = &piece;
        }
        if (found != nullptr) return *found;
    }
    return error{status_code::missing, fmt::format("{} has no layer {}, it has {}, numbered from 0", artifact.digest,
                                                   quote(name), artifact.pieces.size())};
}

/// Lists the layers, so that one can be chosen.
error several_layers(const inspect::artifact& artifact) {
    table rows({"LAYER", "DIGEST", "SIZE", "TYPE", "TITLE"});
    for (std::size_t i = 0; i < artifact.pieces.size(); ++i) {
        const auto& piece = artifact.pieces[i];
        rows.add({std::to_string(i), piece.digest, size_text(piece.size), printable(piece.media_type),
                  printable(piece.title)});
    }
    fmt::print(stderr, "{}", rows.text());
    return {status_code::internal,
            fmt::format("{} has {} layers: choose one with --layer, or write all into a directory with -o",
                        artifact.digest, artifact.pieces.size())};
}

/// What of an artifact is written.
result<std::vector<inspect::piece>> pieces_of(const inspect::artifact& artifact, const get_options& options) {
    if (options.manifest) {
        if (!artifact.manifest.empty()) return std::vector{artifact.document()};
        return error{status_code::missing, "it has no manifest: it is a plain blob or an annotation"};
    }
    if (!options.layer.empty()) {
        REFRACT_ASSIGN(auto layer, layer_of(artifact, options.layer));
        return std::vector{std::move(layer)};
    }
    if (artifact.pieces.empty()) {
        if (options.all) return std::vector{artifact.document()};  // all that there is
        return error{status_code::missing, artifact.digest + " has no layers, --manifest writes what it is"};
    }
    // An artifact may hold several things, as BuildKit's do: what was asked for is one of them.
    if (const auto& type = options.listing->type; !type.empty() && artifact.pieces.size() > 1) {
        std::vector<inspect::piece> asked;
        std::copy_if(artifact.pieces.begin(), artifact.pieces.end(), std::back_inserter(asked),
                     [&](const inspect::piece& piece) { return piece.is_of(type); });
        if (asked.size() == 1 || (!asked.empty() && !options.to_stdout())) return asked;
    }
    if (artifact.pieces.size() > 1 && options.to_stdout()) return several_layers(artifact);
    return artifact.pieces;
}

/// What a reference is called that is not available.
std::string called(const resolve::reference& one) {
    const std::string which(one.descriptor == nullptr ? one.annotation : one.digest());
    return printable(type_of(one)) + ' ' + printable(which);
}

/// Writes all that is available, and reports the rest.
status get_all(context& with, const get_options& options, inspect::image& image,
               const std::vector<resolve::reference>& found) {
    std::vector<inspect::piece> pieces;
    std::size_t lost = 0;
    auto opened = inspect::open_artifacts(image.documents(), found, with.limits);
    for (std::size_t i = 0; i < found.size(); ++i) {
        if (opened[i].failed() && !is_of_one(opened[i].why().code)) return std::move(opened[i]).take();
        auto some = opened[i].ok() ? pieces_of(opened[i].value(), options)
                                   : result<std::vector<inspect::piece>>(std::move(opened[i]).take());
        if (some.ok()) {
            pieces.insert(pieces.end(), some.value().begin(), some.value().end());
            continue;
        }
        ++lost;
        with.warn(called(found[i]) + " is not written: " + some.why().message);
    }
    std::vector<error> unread;
    REFRACT_TRY(write_files(image.documents(), pieces, options.to, &unread));
    for (const auto& why : unread) with.warn("not written: " + why.message);
    lost += unread.size();
    if (lost == 0) return {};
    return {status_code::unreachable,
            fmt::format("{}: {} of what is attached could not be written, all else is", image.name().text(), lost)};
}

status get(context& with, get_options& options) {
    REFRACT_TRY(with.refuse_json());
    REFRACT_TRY(check(options));
    REFRACT_ASSIGN(auto request, options.listing->request(with.limits));
    REFRACT_ASSIGN(auto opened, with.open(options.listing->image));
    inspect::image& image = *opened;
    REFRACT_ASSIGN(auto listed, image.list(request));

    const auto found = chosen(*listed, options);
    if (found.empty()) {
        tell_notices(with, *listed);
        return nothing_found(image, options, request.sources);
    }
    if (options.all) return get_all(with, options, image, found);
    if (found.size() > 1) {
        inspect::listing several = *listed;
        fmt::print(stderr, "{}", references_table(several, style{true, false}));
        return {status_code::internal, image.name().text() + ": several are attached: name one of these " +
                                           std::to_string(found.size()) + " by --type or digest, or get --all"};
    }
    REFRACT_ASSIGN(auto artifact, inspect::open_artifact(image.documents(), found.front(), with.limits));
    REFRACT_ASSIGN(auto pieces, pieces_of(artifact, options));
    if (options.to_stdout()) return write_to_stdout(image.documents(), pieces.front(), with.limits.document_bytes);
    return write_files(image.documents(), pieces, options.to);
}

}  // namespace

void add_get(CLI::App& to, context& with, std::shared_ptr<listing_options> listing) {
    CLI::App* const command = to.add_subcommand("get", "Write the content of something that is attached to an image");
    command->footer(
        "Files are named by the titles of the layers where these are plain names, else by their digests. On a "
        "terminal,\n"
        "escape sequences in what is written are shown, not obeyed. What takes at most 4 MiB is checked before it is "
        "written;\n"
        "of more, what the standard output got is right only if the exit code is 0.\n" +
        to.get_footer());
    const auto options = std::make_shared<get_options>(std::move(listing));
    options->listing->add_to(*command)->required();
    command->add_option("DIGEST", options->name, "Its digest, the beginning of one, or the key of an annotation")
        ->type_name("")
        ->check(stated());
    command
        ->add_option("--layer", options->layer,
                     "Which layer: its number, counted from 0, or the beginning of its digest")
        ->type_name("LAYER")
        ->check(stated());
    command->add_flag("--manifest", options->manifest, "Write the manifest instead of what it holds");
    command->add_flag("--all", options->all, "All that is attached, into a directory");
    command->add_option("-o", options->to, "File or directory to write to; files that exist are left alone")
        ->type_name("PATH")
        ->check(stated());
    command->callback([&with, options] { with.action = [&with, options] { return get(with, *options); }; });
}

}  // namespace refract::cli
