// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <exception>
#include <new>
#include <sstream>

#include "base/printable.h"
#include "cli/context.h"
#include "cli/exit_code.h"

namespace {

using namespace refract;

/// "refract references ls": the command that was meant, as far as it was understood.
std::string command_called(const CLI::App& app) {
    std::string path = app.get_name();
    const CLI::App* at = &app;
    for (auto chosen = at->get_subcommands(); !chosen.empty(); chosen = at->get_subcommands()) {
        at = chosen.back();
        path += ' ' + at->get_name();
    }
    return path;
}

/// A word that was taken for an image because it is none of the commands; empty if none was.
std::string taken_for_image(const CLI::App& app) {
    const CLI::App* at = &app;
    for (auto chosen = at->get_subcommands(); !chosen.empty(); chosen = at->get_subcommands()) at = chosen.back();
    const bool has_commands = !at->get_subcommands([](const CLI::App*) { return true; }).empty();
    const auto* const image = at->get_option_no_throw("IMAGE");
    return has_commands && image != nullptr && image->count() > 0 ? image->results().front() : std::string();
}

/// A word that is not understood is the reason why another is missed.
std::string what_is_wrong(const CLI::ParseError& wrong, const CLI::App& app) {
    const auto left = app.remaining(true);
    if (left.empty()) return printable(wrong.what(), 400);
    const bool is_option = left.front().starts_with('-');
    if (const auto word = taken_for_image(app); !is_option && !word.empty()) {
        return "there is no command " + quote(word);
    }
    const bool needs_command = !is_option && dynamic_cast<const CLI::RequiredError*>(&wrong) != nullptr;
    const std::string_view what = is_option       ? "there is no option "
                                  : needs_command ? "there is no command "
                                                  : "unexpected ";
    return std::string(what) + quote(left.front());
}

/// One line, once.
int fail(const error& why, const CLI::App& app) {
    int code = cli::exit_code_of(why.code);
    if (cli::context::interrupted()) code = cli::interrupted;
    const auto shown = printable(why.message, cli::most_of_a_line);
    if (code == cli::usage) {
        fmt::print(stderr, "refract: {} (see {} --help)\n", shown, command_called(app));
    } else {
        fmt::print(stderr, "refract: {}\n", shown);
    }
    return code;
}

/// Ends as a program does that handles no closed pipes: silently, and so that a shell knows why.
[[noreturn]] void end_without_reader() {
    std::signal(SIGPIPE, SIG_DFL);
    std::raise(SIGPIPE);
    std::_Exit(cli::failure);  // where the signal is blocked
}

int finish(status done, const CLI::App& app) {
    status written = cli::finish_output();
    if (cli::reader_went_away()) end_without_reader();
    int code = cli::success;
    if (done.failed()) {
        code = fail(done.why(), app);
    } else if (written.failed()) {
        code = fail(written.why(), app);
    }
    // What is left for a pipe that nobody empties would be waited for again at a usual end.
    if (code == cli::interrupted) std::_Exit(code);
    return code;
}

int run(int argc, char** argv) {
    CLI::App app{
        "Shows what is attached to container images: SBOMs, signatures, attestations, in every format, in registries\n"
        "and OCI layouts. An image is named host/repo:tag, host/repo@digest or oci:DIR[:TAG],\n"
        "where DIR may be a tar archive."};
    app.name("refract");
    app.require_subcommand(1);
    app.fallthrough();
    // Commands that are added from here on inherit it; the program itself has another, below.
    app.footer("The options of every command, and the exit codes: refract --help");
    app.set_version_flag("--version", "refract " REFRACT_VERSION, "Print the version");
    cli::context context;
    context.add_options(app);
    cli::add_inspect(app, context);
    cli::add_select(app, context);
    cli::add_references(app, context);
    cli::add_lint(app, context);
    cli::add_completion(app, context);
    cli::add_version(app, context);
    app.footer(
        "Exit codes: 0 success, 1 failure, 2 wrong usage, 3 not found, 130 interrupted.\n"
        "What --output json prints is described in native/cli/output.md.");
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& done) {
        // --help, --version
        std::ostringstream text;
        app.exit(done, text, text);
        cli::print(text.str());
        return finish({}, app);
    } catch (const CLI::ParseError& wrong) {
        return fail({status_code::invalid_argument, what_is_wrong(wrong, app)}, app);
    }
    return finish(context.action(), app);
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::bad_alloc&) {
        std::fputs("refract: out of memory\n", stderr);
    } catch (const std::exception& thrown) {
        std::fprintf(stderr, "refract: %s\n", printable(thrown.what(), cli::most_of_a_line).c_str());
    }
    return cli::failure;
}
