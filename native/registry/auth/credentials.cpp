// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/auth/credentials.h"

#include <sys/stat.h>

#include <algorithm>
#include <array>
#include <cstdlib>
#include <iterator>
#include <optional>
#include <span>

#include "base/ascii.h"
#include "base/printable.h"
#include "oci/base64.h"
#include "oci/json.h"
#include "registry/auth/credential_helper.h"
#include "registry/config_file.h"
#include "registry/docker_hub.h"
#include "registry/http/url.h"

namespace refract::registry {
namespace {

constexpr const char* environment_auths = "DOCKER_AUTH_CONFIG";
constexpr std::string_view blanks = " \t\r\n";

/// Docker Hub goes by three names, of which log-ins are kept under any.
std::string canonical(std::string host) {
    host = lower_case(host);
    if (host == docker_hub::old_name || host == docker_hub::endpoint) return std::string(docker_hub::name);
    return host;
}

/// "https://host/v1/" is about the host; "host/team" without a scheme about a namespace (containers-auth.json(5)).
void split_key(const std::string& key, std::string& host, std::string& path) {
    if (key.starts_with("https://") || key.starts_with("http://")) {
        // One that is no URL matches no host.
        if (const auto url = parse_endpoint(key)) host = canonical(url->host);
        return;
    }
    const auto slash = key.find('/');
    host = canonical(key.substr(0, slash));
    if (slash == std::string::npos) return;
    path = key.substr(slash + 1);
    if (path == "v1/" || path == "v2/") path.clear();
    while (path.ends_with('/')) path.pop_back();
}

/// Whether "team" or "team/app" begins "team/app", as a path.
bool begins(const std::string& repository, const std::string& path) {
    return path.empty() || repository == path || repository.starts_with(path + '/');
}

bool has_control(std::string_view text) {
    return std::any_of(text.begin(), text.end(),
                       [](char c) { return static_cast<unsigned char>(c) < 0x20 || c == '\x7F'; });
}

std::string from_environment(const char* name) {
    const char* const value = std::getenv(name);  // NOLINT(concurrency-mt-unsafe): nobody here changes it
    return value == nullptr ? std::string() : std::string(value);
}

std::vector<std::string> usual_places() {
    std::vector<std::string> places;
    const std::string home = from_environment("HOME");
    const auto add = [&](const std::string& directory, const char* rest) {
        if (!directory.empty()) places.push_back(directory + rest);
    };
    add(from_environment("REGISTRY_AUTH_FILE"), "");
    // Who sets it does not want to be logged in as at home.
    if (const std::string docker = from_environment("DOCKER_CONFIG"); !docker.empty()) {
        add(docker, "/config.json");
    } else {
        add(home, "/.docker/config.json");
    }
    add(from_environment("XDG_RUNTIME_DIR"), "/containers/auth.json");
    if (const std::string xdg = from_environment("XDG_CONFIG_HOME"); !xdg.empty()) {
        add(xdg, "/containers/auth.json");
    } else {
        add(home, "/.config/containers/auth.json");
    }
    return places;
}

/// Each member of an object, once: `each(key, value)`. Its errors get "[key]".
template <class Each>
status read_members(oci::json_element value, Each&& each) {
    if (value.is_null()) return {};
    simdjson::dom::object object;
    if (value.get(object) != simdjson::SUCCESS) return oci::wrong_type("an object", value);
    oci::key_set keys;
    for (const auto [key, field] : object) {
        if (!keys.add(key)) return status(status_code::ambiguous, "key " + shown_url(key) + " stands there twice");
        if (status done = each(std::string(key), field); done.failed()) {
            return std::move(done).in('[' + shown_url(key) + ']');
        }
    }
    return keys.has_duplicate() ? oci::duplicate_key("") : status{};
}

status read_text(oci::json_element value, std::string& into) {
    std::string_view text;
    REFRACT_TRY(oci::read_string(value, text));
    into = text;
    return {};
}

}  // namespace

status check(const credentials& them) {
    const std::array<std::pair<const std::string*, const char*>, 4> fields{{{&them.username, "the user's name"},
                                                                            {&them.password, "the password"},
                                                                            {&them.identity_token, "the token"},
                                                                            {&them.registry_token, "the token"}}};
    for (const auto& [text, what] : fields) {
        if (has_control(*text)) {
            return {status_code::malformed,
                    std::string(what) + " has control characters, perhaps a line end; log in again"};
        }
    }
    if (them.username.find(':') == std::string::npos) return {};
    return {status_code::malformed,
            "the user's name has a colon, after which a registry would take it for the password"};
}

result<credential_store> credential_store::open(std::string_view config, const network_limits& limits) {
    credential_store store;
    store.limits_ = limits;
    std::vector<std::string> places = usual_places();
    if (!config.empty()) {
        std::string place(config);
        struct stat found {};
        if (::stat(place.c_str(), &found) != 0) {
            return error{status_code::invalid_argument,
                         quote(config) +
                             " does not exist, so there are no credentials to read; give "
                             "a docker config directory or file"};
        }
        if (S_ISDIR(found.st_mode)) place += "/config.json";
        places = {std::move(place)};
    }
    for (const auto& place : places) {
        REFRACT_ASSIGN(auto text, read_config_file(place));
        if (!text) continue;
        store.file_ = place;
        if (status done = store.read(*text); done.failed()) return std::move(done).in(quote(place));
        break;
    }
    // Only its auths: a helper that it names would run, and docker runs none either.
    if (const std::string text = from_environment(environment_auths); !text.empty()) {
        credential_store given;
        if (status done = given.read(text); done.failed()) {
            // As docker does: it is reported, and the files' entries count. Most images need no log-in.
            store.unread_ = std::move(done).in(environment_auths).take().message;
        } else {
            store.of_environment_ = std::move(given.entries_);
        }
    }
    return store;
}

status credential_store::read(std::string_view text) {
    static constexpr std::array<std::string_view, 3> keys{"auths", "credHelpers", "credsStore"};
    static constexpr std::array<std::string_view, 5> entry_keys{"auth", "username", "password", "identitytoken",
                                                                "registrytoken"};
    if (text.find_first_not_of(blanks) == std::string_view::npos) return {};  // docker takes an empty file for no file

    const auto read_entry = [&](const std::string& key, oci::json_element value) -> status {
        entry made{key, {}, {}, {}, {}};
        split_key(key, made.host, made.path);
        const std::array<std::string*, 5> fields{&made.auth, &made.plain.username, &made.plain.password,
                                                 &made.plain.identity_token, &made.plain.registry_token};
        status done = oci::read_object(value, entry_keys, [&](std::size_t field, oci::json_element what) {
            return read_text(what, *fields[field]);
        });
        if (done.failed()) return done;
        const bool tells = !made.auth.empty() || !made.plain.empty();
        if (tells && !made.host.empty()) entries_.push_back(std::move(made));
        return {};
    };
    const auto read_helper = [&](const std::string& key, oci::json_element value) -> status {
        std::string host;
        std::string path;
        std::string name;
        split_key(key, host, path);
        REFRACT_TRY(read_text(value, name));
        if (!host.empty()) helpers_.emplace_back(std::move(host), std::move(name));
        return {};
    };

    oci::json_reader reader(64);
    simdjson::dom::document document;
    REFRACT_ASSIGN(auto root, reader.read(document, std::as_bytes(std::span(text))));
    return oci::read_object(root, keys, [&](std::size_t key, oci::json_element value) -> status {
        if (key == 0) return read_members(value, read_entry);
        if (key == 1) return read_members(value, read_helper);
        return read_text(value, store_);
    });
}

const credential_store::entry* credential_store::best_of(const std::vector<entry>& entries, const std::string& host,
                                                         const std::string& repository) {
    const entry* best = nullptr;
    for (const auto& one : entries) {
        if (one.host != canonical(host) || !begins(repository, one.path)) continue;
        const bool longer = best != nullptr && one.path.size() > best->path.size();
        const bool as_written = best != nullptr && one.path.size() == best->path.size() && one.key == host;
        if (best == nullptr || longer || as_written) best = &one;
    }
    return best;
}

namespace {

/// Of "user:password". Go's decoder, by which others read it, passes over line ends; and crane needs no padding.
std::optional<std::vector<std::byte>> decode_auth(std::string_view auth) {
    std::string text;
    std::copy_if(auth.begin(), auth.end(), std::back_inserter(text),
                 [](char c) { return blanks.find(c) == std::string_view::npos; });
    if (text.find('=') == std::string::npos) text.append((4 - text.size() % 4) % 4, '=');
    return oci::decode_base64(text);
}

result<credentials> decode(const std::string& auth, credentials them) {
    if (!auth.empty()) {
        const auto decoded = decode_auth(auth);
        std::string_view pair;
        if (decoded) pair = {reinterpret_cast<const char*>(decoded->data()), decoded->size()};
        while (pair.ends_with('\0')) pair.remove_suffix(1);  // as docker does: old versions padded with them
        const auto colon = pair.find(':');
        if (colon == std::string_view::npos) {
            const char* const why = decoded ? "holds no colon between user and password" : "is not base64";
            return error{status_code::malformed, "auth " + std::string(why) + "; log in again"};
        }
        them.username = pair.substr(0, colon);
        them.password = pair.substr(colon + 1);
    }
    REFRACT_TRY(check(them));
    return them;
}

}  // namespace

result<credentials> credential_store::ask(std::string_view key, const std::string& helper, const std::string& host,
                                          std::uint32_t timeout) const {
    const bool hub = canonical(host) == docker_hub::name;
    network_limits limits = limits_;
    limits.helper_timeout = std::min(limits.helper_timeout, timeout);
    auto answer = ask_helper(helper, hub ? std::string(docker_hub::login) : host, limits);
    if (answer.ok()) return answer;
    return status(std::move(answer).take()).in(key).in(quote(file_));
}

result<credentials> credential_store::find(const std::string& host, const std::string& repository,
                                           std::uint32_t helper_timeout) {
    const auto read_entry = [](const entry& from, const std::string& place) -> result<credentials> {
        auto decoded = decode(from.auth, from.plain);
        if (decoded.ok()) return decoded;
        return status(std::move(decoded).take()).in("auths[" + shown_url(from.key) + ']').in(place);
    };
    if (const entry* const kept = best_of(of_environment_, host, repository); kept != nullptr) {
        auto given = read_entry(*kept, environment_auths);
        if (given.ok()) return given;
        unread_ = std::move(given).take().message;
    }
    bool answers_alone = false;
    for (const auto& [of, name] : helpers_) {
        if (of != canonical(host)) continue;
        // An empty name exempts a host from credsStore.
        if (!name.empty()) return ask("credHelpers[" + shown_url(host) + ']', name, host, helper_timeout);
        answers_alone = true;
    }
    if (!store_.empty() && !answers_alone) {
        auto answer = ask("credsStore", store_, host, helper_timeout);
        if (answer.failed() || !answer.value().empty()) return answer;
    }
    const entry* const kept = best_of(entries_, host, repository);
    return kept == nullptr ? result<credentials>(credentials{}) : read_entry(*kept, quote(file_));
}

}  // namespace refract::registry
