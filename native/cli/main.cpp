// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include <cstdio>
#include <exception>
#include <new>

#include "base/printable.h"
#include "cli/context.h"
#include "cli/exit_code.h"

namespace {

using namespace refract;

/// One line, once.
int fail(const error& why) {
    fmt::print(stderr, "refract: {}\n", why.message);
    return cli::exit_code_of(why.code);
}

int run(int argc, char** argv) {
    CLI::App app{
        "Shows what is attached to container images: SBOMs, signatures, attestations, in every format, in registries\n"
        "and OCI layouts. An image is named host/repo:tag, host/repo@digest or oci:DIR[:TAG]."};
    app.name("refract");
    app.require_subcommand(1);
    app.fallthrough();
    app.footer("Exit codes: 0 success, 1 failure, 2 wrong usage, 3 not found, 4 refused by policy or verification.");
    cli::context context;
    context.add_options(app);
    cli::add_inspect(app, context);
    cli::add_select(app, context);
    cli::add_references(app, context);
    cli::add_lint(app, context);
    cli::add_completion(app, context);
    cli::add_version(app, context);
    try {
        app.parse(argc, argv);
    } catch (const CLI::Success& done) {
        return app.exit(done);  // --help
    } catch (const CLI::ParseError& wrong) {
        fmt::print(stderr, "refract: {} (see refract --help)\n", printable(wrong.what(), 400));
        return cli::usage;
    }
    outcome done = context.action();
    outcome written = cli::finish_output();
    if (done.failed()) return fail(done.why());
    if (written.failed()) return fail(written.why());
    return cli::success;
}

}  // namespace

int main(int argc, char** argv) {
    try {
        return run(argc, argv);
    } catch (const std::bad_alloc&) {
        std::fputs("refract: out of memory\n", stderr);
    } catch (const std::exception& thrown) {
        std::fprintf(stderr, "refract: %s\n", thrown.what());
    }
    return cli::failure;
}
