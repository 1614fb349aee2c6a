// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/hosts/hosts.h"

#include <arpa/inet.h>
#include <netinet/in.h>
#include <sys/stat.h>

#include <algorithm>
#include <cerrno>
#include <filesystem>
#include <system_error>

#include "base/printable.h"
#include "registry/config_file.h"
#include "registry/docker_hub.h"
#include "registry/hosts/hosts_file.h"

namespace refract::registry {
namespace {

namespace fs = std::filesystem;

struct address {
    std::string name;  ///< IPv6 addresses without brackets
    std::string port;
};

/// "host", "host:port", "[::1]:port"; a bare "::1" has no port.
address split(std::string_view host) {
    const auto colon = host.rfind(':');
    const bool bracketed = host.starts_with('[');
    const bool has_port =
        colon != std::string_view::npos && (bracketed ? colon > 0 && host[colon - 1] == ']' : host.find(':') == colon);
    address parts{std::string(host.substr(0, has_port ? colon : host.size())),
                  has_port ? std::string(host.substr(colon + 1)) : std::string()};
    if (bracketed && parts.name.ends_with(']')) parts.name = parts.name.substr(1, parts.name.size() - 2);
    return parts;
}

bool is_loopback(const std::string& name) {
    in_addr four{};
    if (::inet_pton(AF_INET, name.c_str(), &four) == 1) return ntohl(four.s_addr) >> 24 == IN_LOOPBACKNET;
    in6_addr six{};
    if (::inet_pton(AF_INET6, name.c_str(), &six) != 1) return name == "localhost";
    const bool mapped = IN6_IS_ADDR_V4MAPPED(&six) && six.s6_addr[12] == IN_LOOPBACKNET;
    return mapped || IN6_IS_ADDR_LOOPBACK(&six);
}

/// The image's own host, where no file says another.
void name_host(written_host& into, std::string_view name, bool plain_http) {
    host& what = into.what;
    what.path = "/v2";
    what.pull = what.resolve = what.referrers = true;
    what.host = name;
    what.scheme = plain_http ? "http" : "https";
    if (name == docker_hub::name) {
        what.host = docker_hub::endpoint;
        what.scheme = "https";
        return;
    }
    const address parts = split(name);
    if (plain_http || !is_loopback(parts.name)) return;
    // A registry on this machine has a certificate that nobody signed, or none at all; only the usual ports tell which.
    const bool usual = parts.port.empty() || parts.port == "443";
    what.scheme = usual ? "https" : "http";
    if (parts.port == "80") return;
    what.skip_verify = true;
    into.tells_tls = true;
}

/// The directory for this host in the first of the directories that has one; empty if none has.
result<std::string> find_directory(std::string_view host, std::string_view directories) {
    std::vector<std::string> names;
    if (const auto colon = host.rfind(':'); colon != std::string_view::npos && colon > 0) {
        names.push_back(std::string(host.substr(0, colon)) + '_' + std::string(host.substr(colon + 1)) + '_');
    }
    names.emplace_back(host);
    names.emplace_back("_default");
    while (!directories.empty()) {
        const auto colon = directories.find(':');
        const std::string root(directories.substr(0, colon));
        directories.remove_prefix(colon == std::string_view::npos ? directories.size() : colon + 1);
        if (root.empty()) continue;
        for (const auto& name : names) {
            std::string path = (fs::path(root) / name).string();
            struct stat found {};
            if (::stat(path.c_str(), &found) == 0) return path;
            if (errno == ENOENT) continue;
            return error{errno == EACCES ? status_code::denied : status_code::invalid_argument,
                         "cannot look into " + quote(path) + ": " + std::generic_category().message(errno)};
        }
    }
    return std::string();
}

/// Docker's way of old: CA certificates in *.crt, our own in *.cert, the keys to these in *.key.
status add_certificates(const std::string& directory, written_host& into) {
    std::error_code failed;
    std::vector<fs::path> files;
    for (fs::directory_iterator at(directory, failed), end; !failed && at != end; at.increment(failed)) {
        std::error_code gone;
        if (at->symlink_status(gone).type() != fs::file_type::directory) files.push_back(at->path());
    }
    if (failed) return {status_code::invalid_argument, "cannot read " + quote(directory) + ": " + failed.message()};
    std::sort(files.begin(), files.end());
    for (const auto& file : files) {
        const std::string name = file.string();
        if (name.ends_with(".crt")) into.what.ca_files.push_back(name);
        if (!name.ends_with(".cert")) continue;
        std::string key = name.substr(0, name.size() - 5) + ".key";
        if (!fs::exists(key, failed)) key.clear();
        if (failed) return {status_code::invalid_argument, "cannot look at " + quote(key) + ": " + failed.message()};
        into.what.client_certificates.emplace_back(name, std::move(key));
    }
    into.tells_tls = !into.what.ca_files.empty() || !into.what.client_certificates.empty();
    return {};
}

result<std::vector<written_host>> read_directory(const std::string& directory) {
    const std::string file = (fs::path(directory) / "hosts.toml").string();
    REFRACT_ASSIGN(auto text, read_config_file(file));
    if (text && !text->empty()) {
        auto hosts = parse_hosts_file(*text, directory);
        if (hosts.failed()) return status(std::move(hosts).take()).in(quote(file));
        return hosts;
    }
    std::vector<written_host> hosts(1);
    REFRACT_TRY(add_certificates(directory, hosts.front()));
    return hosts;
}

/// It becomes the name of a directory.
bool is_plain_host(std::string_view host) {
    return !host.empty() && host != "." && host != ".." && std::all_of(host.begin(), host.end(), [](char c) {
        return static_cast<unsigned char>(c) > 0x20 && c != '/' && c != '\x7F';
    });
}

}  // namespace

result<std::vector<host>> hosts_for(std::string_view host, std::string_view directories, bool plain_http) {
    if (!is_plain_host(host))
        return error{status_code::invalid_argument, quote(host) + " is not the host of a registry"};
    REFRACT_ASSIGN(auto directory, find_directory(host, directories));
    REFRACT_ASSIGN(auto written, directory.empty() ? result<std::vector<written_host>>(std::vector<written_host>(1))
                                                   : read_directory(directory));

    std::vector<registry::host> hosts;
    for (auto& one : written) {
        if (one.what.host.empty()) name_host(one, host, plain_http);
        if (one.what.scheme == "http" && one.tells_tls && split(one.what.host).port != "80") {
            one.what.scheme = "https";
            one.what.http_fallback = true;
        }
        const bool own = one.what.host == host || (host == docker_hub::name && one.what.host == docker_hub::endpoint);
        one.what.is_mirror = !own;
        hosts.push_back(std::move(one.what));
    }
    return hosts;
}

}  // namespace refract::registry
