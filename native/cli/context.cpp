// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/context.h"

#include <fmt/format.h>
#include <poll.h>
#include <signal.h>
#include <spdlog/sinks/stdout_sinks.h>
#include <spdlog/spdlog.h>
#include <unistd.h>

#include <array>
#include <atomic>
#include <cerrno>
#include <climits>
#include <cstdio>
#include <cstdlib>
#include <system_error>

#include "base/printable.h"
#include "layout/layout.h"
#include "layout/place.h"

namespace refract::cli {
namespace {

std::atomic<bool> interrupted_by_signal{false};

/// The first error of the standard output: what is written after it would only hide a gap.
int output_error = 0;

void on_signal(int) { interrupted_by_signal = true; }

/// The first one ends what is under way in order, also if that waits for a pipe or a person; the next one ends the
/// program at once.
void end_in_order_on(int number) {
    struct sigaction action {};
    action.sa_handler = on_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);  // and no SA_RESTART
    sigaction(number, &action, nullptr);
}

std::string environment(std::initializer_list<const char*> names) {
    for (const char* const name : names) {
        const char* const value = std::getenv(name);
        if (value != nullptr && *value != '\0') return value;
    }
    return {};
}

/// One line from the standard input, without its end.
result<std::string> read_password() {
    constexpr std::size_t longest = 64u << 10;
    std::string text;
    std::array<char, 4096> some{};
    for (;;) {
        pollfd waiting{STDIN_FILENO, POLLIN, 0};
        const int ready = poll(&waiting, 1, 200);
        if (interrupted_by_signal) return error{status_code::cancelled, "interrupted"};
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        const ssize_t got = read(STDIN_FILENO, some.data(), some.size());
        if (got < 0 && errno == EINTR) continue;
        if (got <= 0) break;
        text.append(some.data(), static_cast<std::size_t>(got));
        if (text.size() > longest)
            return error{status_code::invalid_argument, "the password on the standard input does not end"};
    }
    while (!text.empty() && (text.back() == '\n' || text.back() == '\r')) text.pop_back();
    if (text.empty()) return error{status_code::invalid_argument, "there is no password on the standard input"};
    return text;
}

}  // namespace

context::context() {
    end_in_order_on(SIGINT);
    end_in_order_on(SIGTERM);
    // A server that goes away must not end the program without a word; a reader that does is seen by `finish_output`.
    signal(SIGPIPE, SIG_IGN);
}
context::~context() = default;

void context::add_options(CLI::App& to) {
    const std::string group = "Options of every command";
    to.add_option("--output", options.output, "How to print: text or json")
        ->check(CLI::IsMember({"text", "json"}))
        ->type_name("FORMAT")
        ->group(group);
    to.add_option("--username", options.username, "User name for the registry; with --password-stdin")
        ->type_name("NAME")
        ->group(group);
    to.add_flag("--password-stdin", options.password_stdin, "Read the password from the standard input")->group(group);
    to.add_option("--docker-config", options.docker_config,
                  "config.json, or its directory, with log-ins and credential helpers (default: as docker and podman)")
        ->type_name("PATH")
        ->group(group);
    to.add_option("--hosts-dir", options.hosts_directories,
                  "Directories of hosts.toml files, as containerd's config_path")
        ->envname("REFRACT_HOSTS_DIR")
        ->type_name("DIR")
        ->group(group);
    to.add_option("--ca-file", options.ca_files, "Certificates to trust besides the system's")
        ->allow_extra_args(false)
        ->type_name("FILE")
        ->group(group);
    to.add_flag("--skip-tls-verify", options.skip_tls_verify, "Trust any certificate")->group(group);
    to.add_flag("--plain-http", options.plain_http, "Use http; hosts on loopback need no such flag")->group(group);
    to.add_option(
          "--allow-host", options.allowed_hosts,
          "HOST, HOST:PORT or network that may be private although only the registry names it: a token server, say")
        ->allow_extra_args(false)
        ->type_name("HOST")
        ->group(group);
    to.add_option("--proxy", options.proxy, "Proxy (default: HTTPS_PROXY, ALL_PROXY and NO_PROXY)")
        ->type_name("URL")
        ->group(group);
    to.add_option("--timeout", options.timeout, "Seconds in which a connection, an answer, or more of it must come")
        ->check(CLI::PositiveNumber)
        ->type_name("SECONDS")
        ->group(group);
    to.add_flag("--debug", options.debug, "Tell of every request on the standard error")->group(group);
}

result<registry::client_options> context::client_options(const oci::image_name& name) const {
    registry::client_options made;
    auto& transport = made.transport;
    transport.user_agent = "refract/" REFRACT_VERSION;
    transport.proxy =
        options.proxy.empty() ? environment({"https_proxy", "HTTPS_PROXY", "all_proxy", "ALL_PROXY"}) : options.proxy;
    transport.no_proxy = environment({"no_proxy", "NO_PROXY"});
    transport.ca_file = environment({"SSL_CERT_FILE"});
    transport.cancelled = &interrupted_by_signal;
    if (options.timeout > 0) {
        const auto most = static_cast<std::uint32_t>(std::min(options.timeout, 3600.0) * 1000);
        auto& times = transport.limits;
        times.dial_timeout = times.tls_timeout = times.first_byte_timeout = times.stall_timeout = most;
    }
    made.hosts_directories = options.hosts_directories;
    made.docker_config = options.docker_config;
    made.allowed = options.allowed_hosts;
    made.tls.ca_files = options.ca_files;
    made.tls.skip_verify = options.skip_tls_verify;
    made.plain_http = options.plain_http;
    if (options.username.empty() != !options.password_stdin) {
        return error{status_code::invalid_argument, "--username and --password-stdin go together"};
    }
    if (options.password_stdin) {
        REFRACT_ASSIGN(auto password, read_password());
        registry::credentials given{options.username, std::move(password), {}, {}};
        REFRACT_TRY(registry::check(given));
        made.given.emplace(name.host, std::move(given));
    }
    if (options.debug) {
        auto log = spdlog::get("refract");
        if (!log) log = spdlog::stderr_logger_mt("refract");
        log->set_pattern("%Y-%m-%dT%H:%M:%S.%e %l %v");
        log->set_level(spdlog::level::debug);
        transport.trace = [log](const registry::http_event& event) {
            // Queries may hold tokens of a content network; credentials are only in headers, which are not shown.
            const auto& url = event.request->url;
            const auto path = url.target.substr(0, url.target.find('?'));
            log->debug("{} {}{} {} {} ms",
                       event.request->head           ? "HEAD"
                       : event.request->form.empty() ? "GET"
                                                     : "POST",
                       url.origin(), printable(path, 400),
                       event.failure.empty() ? std::to_string(event.status) : printable(event.failure, 200),
                       event.took.count());
        };
    }
    return made;
}

result<inspect::image*> context::open(const std::string& text) {
    REFRACT_ASSIGN(auto name, oci::parse_image_name(text));
    name_ = std::move(name);
    if (name_.is_layout()) {
        name_ = layout::find_path(std::move(name_));
        REFRACT_ASSIGN(auto opened, layout::open_layout(name_.repository, limits, {}, {}, &interrupted_by_signal));
        repository_ = std::move(opened);
    } else {
        REFRACT_ASSIGN(auto wanted, client_options(name_));
        REFRACT_ASSIGN(auto client, registry::client::create(std::move(wanted)));
        client_ = std::move(client);
        REFRACT_ASSIGN(auto opened, client_->open(name_));
        repository_ = std::move(opened);
    }
    for (const auto& notice : repository_->notices()) warn(notice);
    REFRACT_ASSIGN(auto image, inspect::image::open(*repository_, name_, limits));
    image_ = std::move(image);
    for (const auto& notice : repository_->notices()) warn(notice);
    return image_.get();
}

void context::warn(std::string_view text) const {
    const auto shown = printable(text, most_of_a_line);
    if (said_.emplace(shown).second) fmt::print(stderr, "refract: {}\n", shown);
}

status context::refuse_json() const {
    if (!options.json()) return {};
    return {status_code::invalid_argument, "--output json does not go with what this command prints"};
}

CLI::Validator stated() {
    return {[](const std::string& value) { return std::string(value.empty() ? "it is empty" : ""); }, ""};
}

bool context::interrupted() noexcept { return interrupted_by_signal; }

void print(std::string_view text) {
    // A pipe takes so much as a whole or not at all: of a larger piece the C library would wait to write the rest,
    // whatever signal came meanwhile.
    while (!text.empty() && output_error == 0) {
        const auto piece = text.substr(0, PIPE_BUF);
        if (std::fwrite(piece.data(), 1, piece.size(), stdout) != piece.size()) output_error = errno;
        text.remove_prefix(piece.size());
    }
}

status finish_output() {
    if (output_error == 0 && std::fflush(stdout) != 0) output_error = errno;
    if (output_error == 0) return {};
    if (output_error == EINTR && interrupted_by_signal) return {status_code::cancelled, "interrupted"};
    return {status_code::internal,
            "the standard output cannot be written to: " + std::generic_category().message(output_error)};
}

bool reader_went_away() noexcept { return output_error == EPIPE; }

}  // namespace refract::cli
