// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/get.h"

#include <fmt/format.h>

#include <algorithm>
#include <set>

#include "base/printable.h"
#include "cli/files.h"
#include "cli/listing.h"
#include "cli/words.h"
#include "inspect/content.h"

namespace refract::cli {
namespace {

struct get_options {
    listing_options listing;
    std::string name;  ///< digest, the beginning of one, or the key of an annotation
    std::string layer;
    std::string to = "-";
    bool manifest = false;
    bool all = false;

    bool to_stdout() const noexcept { return to == "-"; }
};

outcome check(const get_options& options) {
    if (options.manifest && !options.layer.empty())
        return {status::invalid_argument, "--manifest and --layer exclude each other"};
    if (options.all && options.to_stdout())
        return {status::invalid_argument, "--all needs a directory to write to: -o DIR"};
    if (options.all && !options.name.empty())
        return {status::invalid_argument, "--all and a digest exclude each other"};
    return {};
}

/// Each artifact once, although it may be about several subjects.
std::vector<resolve::reference> chosen(const inspect::listing& listing, const get_options& options) {
    std::vector<resolve::reference> found;
    std::set<std::string_view> seen;
    for (const auto number : listing.told) {
        const auto& one = listing.references[number];
        const auto digest = one.digest();
        const auto hex = digest.substr(std::min(digest.find(':') + 1, digest.size()));
        const bool named = options.name.empty() || one.annotation == options.name ||
                           (!digest.empty() && (digest.starts_with(options.name) || hex.starts_with(options.name)));
        if (named && (digest.empty() || seen.insert(digest).second)) found.push_back(one);
    }
    return found;
}

outcome nothing_found(const inspect::image& image, const get_options& options) {
    std::string what = options.name.empty() ? "nothing" : "no " + refract::quoted(options.name);
    if (!options.listing.type.empty()) what += " of type " + refract::quoted(options.listing.type);
    return {status::missing,
            image.name().text() + ": " + what + " is attached to it (refract references ls shows what is)"};
}

/// What of an artifact is written.
result<std::vector<inspect::piece>> pieces_of(const inspect::artifact& artifact, const get_options& options) {
    if (options.manifest) {
        if (artifact.manifest.empty()) {
            return error{status::missing, "it has no manifest: it is a plain blob or an annotation"};
        }
        return std::vector{inspect::piece{
            {}, {}, artifact.digest, static_cast<std::int64_t>(artifact.manifest.size()), artifact.manifest}};
    }
    if (!options.layer.empty()) {
        for (std::size_t i = 0; i < artifact.pieces.size(); ++i) {
            const auto& piece = artifact.pieces[i];
            if (options.layer == std::to_string(i) || options.layer == piece.digest) return std::vector{piece};
        }
        return error{status::missing, artifact.digest + " has no layer " + refract::quoted(options.layer)};
    }
    if (artifact.pieces.empty())
        return error{status::missing, artifact.digest + " has no layers, --manifest writes what it is"};
    // An artifact may hold several things, as BuildKit's do: what was asked for is one of them.
    if (const auto& type = options.listing.type; !type.empty() && artifact.pieces.size() > 1) {
        std::vector<inspect::piece> asked;
        std::copy_if(artifact.pieces.begin(), artifact.pieces.end(), std::back_inserter(asked),
                     [&](const inspect::piece& piece) { return piece.is_of(type); });
        if (asked.size() == 1 || (!asked.empty() && !options.to_stdout())) return asked;
    }
    if (artifact.pieces.size() > 1 && options.to_stdout()) {
        table rows({"LAYER", "DIGEST", "SIZE", "TYPE", "TITLE"});
        for (std::size_t i = 0; i < artifact.pieces.size(); ++i) {
            const auto& piece = artifact.pieces[i];
            rows.add({std::to_string(i), piece.digest, size_text(piece.size), printable(piece.media_type),
                      printable(piece.title)});
        }
        fmt::print(stderr, "{}", rows.text());
        return error{status::internal, artifact.digest + " has " + std::to_string(artifact.pieces.size()) +
                                           " layers: choose one with --layer, or write all into a directory with -o"};
    }
    return artifact.pieces;
}

outcome get(context& with, const get_options& options) {
    if (outcome done = with.refuse_json(); done.failed()) return done;
    if (outcome done = check(options); done.failed()) return done;
    auto request = options.listing.request(with.limits);
    if (request.failed()) return std::move(request).take();
    auto opened = with.open(options.listing.image);
    if (opened.failed()) return std::move(opened).take();
    inspect::image& image = *opened.value();
    auto listed = image.list(request.value());
    if (listed.failed()) return std::move(listed).take();

    const auto found = chosen(*listed.value(), options);
    if (found.empty()) return nothing_found(image, options);
    if (found.size() > 1 && !options.all) {
        inspect::listing several = *listed.value();
        fmt::print(stderr, "{}", references_table(several, style{true, false}));
        return {status::internal, image.name().text() + ": several are attached: name one of these " +
                                      std::to_string(found.size()) + " by --type or digest, or get --all"};
    }
    std::vector<inspect::piece> pieces;
    for (auto& one : inspect::open_artifacts(image.documents(), found, with.limits)) {
        if (one.failed()) return std::move(one).take();
        auto some = pieces_of(one.value(), options);
        if (some.failed()) return std::move(some).take();
        pieces.insert(pieces.end(), some.value().begin(), some.value().end());
    }
    if (options.to_stdout()) return write_to_stdout(image.documents(), pieces.front());
    return write_files(image.documents(), pieces, options.to);
}

}  // namespace

void add_get(CLI::App& to, context& with) {
    CLI::App* const command = to.add_subcommand("get", "Write the content of something that is attached to an image");
    command->footer(
        "Files are named by the titles of the layers where these are plain names, else by their digests. On a "
        "terminal,\n"
        "escape sequences in what is written are shown, not obeyed.\n" +
        to.get_footer());
    auto options = std::make_shared<get_options>();
    options->listing.add_to(*command);
    command->add_option("DIGEST", options->name, "Its digest, the beginning of one, or the key of an annotation")
        ->type_name("")
        ->check(stated());
    command->add_option("--layer", options->layer, "Which layer: its number, counted from 0, or its digest")
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
