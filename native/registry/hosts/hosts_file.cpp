// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/hosts/hosts_file.h"

#include <toml++/toml.h>

#include <algorithm>
#include <array>
#include <charconv>
#include <cmath>
#include <filesystem>
#include <utility>

#include "base/ascii.h"
#include "base/printable.h"
#include "registry/http/url.h"

namespace refract::registry {
namespace {

/// A key of a table, in another case too if it is not there as it is: so containerd's reader finds it.
const toml::node* find(const toml::table& in, std::string_view name) {
    if (const toml::node* const exact = in.get(name)) return exact;
    for (const auto& [key, value] : in) {
        if (equal_but_for_case(key.str(), name)) return &value;
    }
    return nullptr;
}

error wrong_type(std::string_view wanted) { return {status_code::malformed, "want " + std::string(wanted)}; }

template <class Value>
status read_value(const toml::table& from, std::string_view key, std::string_view wanted, Value& into) {
    const toml::node* const node = find(from, key);
    if (node == nullptr) return {};
    const auto value = node->value_exact<Value>();
    if (!value) return status(wrong_type(wanted)).in(key);
    into = *value;
    return {};
}

/// One string, or an array of them.
status read_strings(const toml::node& node, std::vector<std::string>& into) {
    if (auto one = node.value_exact<std::string>()) {
        into.push_back(std::move(*one));
        return {};
    }
    const toml::array* const several = node.as_array();
    if (several == nullptr) return wrong_type("a string or an array of strings");
    for (const auto& element : *several) {
        auto one = element.value_exact<std::string>();
        if (!one) return wrong_type("a string or an array of strings");
        into.push_back(std::move(*one));
    }
    return {};
}

std::string absolute(const std::string& file, const std::string& directory) {
    const std::filesystem::path path(file);
    return path.is_absolute() ? file : (std::filesystem::path(directory) / path).lexically_normal().string();
}

status read_endpoint(std::string url, bool override_path, host& into) {
    if (url.find("://") == std::string::npos) url.insert(0, "https://");
    auto parts = parse_endpoint(url);
    if (!parts) {
        return {status_code::malformed, shown_url(url) + " is not the http or https URL of a registry, nor a host"};
    }
    into.scheme = std::move(parts->scheme);
    into.host = std::move(parts->host);
    into.path = std::filesystem::path(parts->path).lexically_normal().string();
    while (into.path.ends_with('/')) into.path.pop_back();
    if (!override_path && !into.path.ends_with("/v2")) into.path += "/v2";
    return {};
}

status read_capabilities(const toml::table& from, host& into) {
    const toml::node* const node = find(from, "capabilities");
    if (node == nullptr) return {};
    const toml::array* const names = node->as_array();
    if (names == nullptr) return wrong_type("an array of strings");
    if (names->empty()) return {};
    into.pull = into.resolve = into.referrers = false;
    for (const auto& element : *names) {
        const auto name = element.value_exact<std::string_view>();
        if (!name) return wrong_type("an array of strings");
        if (equal_but_for_case(*name, "pull")) {
            into.pull = true;
        } else if (equal_but_for_case(*name, "resolve")) {
            into.resolve = true;
        } else if (equal_but_for_case(*name, "referrers")) {
            into.referrers = true;
        } else if (!equal_but_for_case(*name, "push")) {
            return {status_code::malformed,
                    "there is no capability " + quote(*name, 64) + ": want pull, resolve, push or referrers"};
        }
    }
    return {};
}

/// A file, files, or pairs of files; a pair's key may be empty.
status read_client(const toml::table& from, const std::string& directory, host& into) {
    static constexpr std::string_view wanted = "a string, or an array of strings or of pairs of them";
    const toml::node* const node = find(from, "client");
    if (node == nullptr) return {};
    const auto add = [&](const std::string& certificate, const std::string& key) {
        into.client_certificates.emplace_back(absolute(certificate, directory),
                                              key.empty() ? key : absolute(key, directory));
    };
    if (const auto one = node->value_exact<std::string>()) {
        add(*one, "");
        return {};
    }
    const toml::array* const several = node->as_array();
    if (several == nullptr) return wrong_type(wanted);
    for (const auto& element : *several) {
        std::vector<std::string> pair;
        if (status done = read_strings(element, pair); done.failed()) return wrong_type(wanted);
        if (element.is_array() && pair.size() != 2) return wrong_type("pairs of a certificate and its key");
        add(pair[0], element.is_array() ? pair[1] : "");
    }
    return {};
}

/// RFC 9110, "token".
bool is_header_name(std::string_view name) {
    return !name.empty() && std::all_of(name.begin(), name.end(), is_token_character);
}

bool is_header_value(std::string_view value) {
    return std::all_of(value.begin(), value.end(),
                       [](char c) { return (static_cast<unsigned char>(c) >= 0x20 || c == '\t') && c != '\x7F'; });
}

status read_headers(const toml::table& from, host& into) {
    const toml::node* const node = find(from, "header");
    if (node == nullptr) return {};
    const toml::table* const headers = node->as_table();
    if (headers == nullptr) return wrong_type("a table");
    for (const auto& [key, value] : *headers) {
        const std::string name(key.str());
        std::vector<std::string> values;
        if (!is_header_name(name)) return {status_code::malformed, quote(name, 64) + " cannot be a header's name"};
        if (status done = read_strings(value, values); done.failed()) return std::move(done).in(name);
        for (auto& text : values) {
            if (!is_header_value(text)) return {status_code::malformed, name + ": the value has control characters"};
            into.headers.emplace_back(name, std::move(text));
        }
    }
    return {};
}

/// Go's time.ParseDuration ("1m30s", "1.5h"), in milliseconds, rounded up.
std::optional<std::uint32_t> parse_duration(std::string_view text) {
    static constexpr std::array<std::pair<std::string_view, double>, 8> units{{{"ns", 1e-6},
                                                                               {"us", 1e-3},
                                                                               {"\xC2\xB5s", 1e-3},
                                                                               {"\xCE\xBCs", 1e-3},
                                                                               {"ms", 1},
                                                                               {"s", 1e3},
                                                                               {"m", 6e4},
                                                                               {"h", 3.6e6}}};
    if (text.starts_with('+')) text.remove_prefix(1);
    if (text == "0") return 0;
    if (text.empty()) return std::nullopt;
    double milliseconds = 0;
    while (!text.empty()) {
        const auto digits = text.substr(0, text.find_first_not_of("0123456789."));
        double number = 0;
        const auto [end, failed] = std::from_chars(digits.data(), digits.data() + digits.size(), number);
        if (failed != std::errc() || end != digits.data() + digits.size()) return std::nullopt;
        text.remove_prefix(digits.size());
        const auto letters = text.substr(0, text.find_first_of("0123456789."));
        const auto* const unit =
            std::find_if(units.begin(), units.end(), [&](const auto& one) { return one.first == letters; });
        if (unit == units.end()) return std::nullopt;
        text.remove_prefix(letters.size());
        milliseconds += number * unit->second;
    }
    if (!(std::ceil(milliseconds) <= static_cast<double>(UINT32_MAX))) return std::nullopt;
    return static_cast<std::uint32_t>(std::ceil(milliseconds));
}

status read_dial_timeout(const toml::table& from, host& into) {
    std::string text;
    REFRACT_TRY(read_value(from, "dial_timeout", "a string", text));
    if (text.empty()) return {};
    const auto milliseconds = parse_duration(text);
    if (!milliseconds) {
        return {status_code::malformed, "dial_timeout: " + quote(text, 64) + R"( is no time such as "3s" or "500ms")"};
    }
    if (*milliseconds > 0) into.dial_timeout_ms = *milliseconds;  // Go has none with 0, and we have our own then
    return {};
}

/// The keys of a host's table, and those outside of tables.
status read_host(const toml::table& from, const std::string& url, const std::string& directory, written_host& into) {
    bool override_path = false;
    REFRACT_TRY(read_value(from, "override_path", "true or false", override_path));
    if (!url.empty()) {
        REFRACT_TRY(read_endpoint(url, override_path, into.what));
    }
    if (status done = read_value(from, "skip_verify", "true or false", into.what.skip_verify); done.failed()) {
        return done;
    }
    if (status done = read_capabilities(from, into.what); done.failed()) return std::move(done).in("capabilities");
    const toml::node* const ca = find(from, "ca");
    if (ca != nullptr) {
        if (status done = read_strings(*ca, into.what.ca_files); done.failed()) return std::move(done).in("ca");
        for (auto& file : into.what.ca_files) file = absolute(file, directory);
    }
    if (status done = read_client(from, directory, into.what); done.failed()) return std::move(done).in("client");
    if (status done = read_headers(from, into.what); done.failed()) return std::move(done).in("header");
    into.tells_tls = ca != nullptr || !into.what.client_certificates.empty() || find(from, "skip_verify") != nullptr;
    return read_dial_timeout(from, into.what);
}

result<std::vector<written_host>> read_hosts(const toml::table& root, const std::string& directory) {
    std::vector<written_host> hosts;
    if (const toml::node* const node = root.get("host")) {
        const toml::table* const tables = node->as_table();
        if (tables == nullptr) return status(wrong_type("a table")).in("host");
        std::vector<std::pair<toml::source_position, const toml::key*>> order;
        for (const auto& [key, table] : *tables) order.emplace_back(key.source().begin, &key);
        std::sort(order.begin(), order.end(), [](const auto& a, const auto& b) { return a.first < b.first; });
        for (const auto& [position, key] : order) {
            const std::string url(key->str());
            const toml::table* const table = tables->get(url)->as_table();
            written_host& made = hosts.emplace_back();
            status done = table == nullptr ? status(wrong_type("a table"))
                          : url.empty()    ? status(status_code::malformed, "want a URL or a host")
                                           : read_host(*table, url, directory, made);
            if (done.failed()) return std::move(done).in("host." + shown_url(url));
        }
    }
    std::string server;
    REFRACT_TRY(read_value(root, "server", "a string", server));
    REFRACT_TRY(read_host(root, server, directory, hosts.emplace_back()));
    return hosts;
}

}  // namespace

result<std::vector<written_host>> parse_hosts_file(std::string_view text, const std::string& directory) {
    try {
        const toml::table root = toml::parse(text);
        return read_hosts(root, directory);
    } catch (const toml::parse_error& failure) {
        // toml++'s messages may quote the file, which may hold secrets.
        const auto at = failure.source().begin;
        return error{status_code::malformed,
                     "not TOML, at line " + std::to_string(at.line) + ", column " + std::to_string(at.column)};
    }
}

}  // namespace refract::registry
