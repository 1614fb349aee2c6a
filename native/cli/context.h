// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <CLI/CLI.hpp>
#include <functional>
#include <memory>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "inspect/image.h"
#include "registry/client.h"

namespace refract::cli {

/// The options that every command takes.
struct global_options {
    bool plain_http = false;
    bool skip_tls_verify = false;
    bool password_stdin = false;
    bool debug = false;
    double timeout = 0;  ///< seconds; 0: the defaults
    std::string username;
    std::string docker_config;
    std::string hosts_directories;
    std::string proxy;
    std::vector<std::string> ca_files;
    std::vector<std::string> allowed_hosts;
    std::string output = "text";

    bool json() const noexcept { return output == "json"; }
};

/// What commands share: the options, and the way from a name to an image.
class context {
public:
    context();
    ~context();
    context(const context&) = delete;
    context& operator=(const context&) = delete;

    global_options options;
    refract::limits limits;
    /// What the chosen command does, set by the parser and run after it.
    std::function<status()> action;

    /// Opens the image that a person named. It lives as long as this.
    result<inspect::image*> open(const std::string& name);
    const oci::image_name& name() const noexcept { return name_; }
    oci::repository& repository() noexcept { return *repository_; }

    /// Says something besides the result, on standard error; the same thing once.
    void warn(std::string_view text) const;
    void add_options(CLI::App& to);
    /// For commands whose output is somebody else's: content, or a script.
    status refuse_json() const;
    /// Whether a signal asked the program to end.
    static bool interrupted() noexcept;

private:
    result<registry::client_options> client_options(const oci::image_name& name) const;

    oci::image_name name_;
    mutable std::set<std::string, std::less<>> said_;
    std::unique_ptr<registry::client> client_;
    std::unique_ptr<oci::repository> repository_;
    std::unique_ptr<inspect::image> image_;
};

/// Refuses empty values, which are a variable of a script that was not set.
CLI::Validator stated();

/// Writes to the standard output. What could not be written becomes an error of `finish_output`.
void print(std::string_view text);
status finish_output();
/// Whether that error is that nobody reads the pipe any more.
bool reader_went_away() noexcept;

/// Most that is printed of an error or a notice.
inline constexpr std::size_t most_of_a_line = 16u << 10;

// The commands, a file each.
void add_inspect(CLI::App& to, context& with);
void add_select(CLI::App& to, context& with);
void add_references(CLI::App& to, context& with);
void add_lint(CLI::App& to, context& with);
void add_completion(CLI::App& to, context& with);
void add_version(CLI::App& to, context& with);

}  // namespace refract::cli
