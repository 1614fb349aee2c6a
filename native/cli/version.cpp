// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <curl/curl.h>
#include <fmt/format.h>
#include <openssl/crypto.h>
#include <simdjson.h>

#include "cli/context.h"
#include "cli/json.h"

#define REFRACT_TEXT_OF(x) #x
#define REFRACT_TEXT(x) REFRACT_TEXT_OF(x)

namespace refract::cli {
namespace {

constexpr auto simdjson_version = REFRACT_TEXT(SIMDJSON_VERSION);

}  // namespace

void add_version(CLI::App& to, context& with) {
    CLI::App* const command = to.add_subcommand("version", "Print the version, and those of the libraries in use");
    command->callback([&with] {
        with.action = [&with]() -> status {
            const std::string curl = curl_version_info(CURLVERSION_NOW)->version;
            const std::string openssl = OpenSSL_version(OPENSSL_VERSION_STRING);
            const std::string kernel = simdjson::get_active_implementation()->name();
            if (with.options.json()) {
                print_json(json{{"schemaVersion", schema_version},
                                {"version", REFRACT_VERSION},
                                {"simdjson", simdjson_version},
                                {"simdjsonKernel", kernel},
                                {"libcurl", curl},
                                {"openssl", openssl}});
                return {};
            }
            print(fmt::format("refract {}\nsimdjson {} ({})\nlibcurl {}\nOpenSSL {}\n", REFRACT_VERSION,
                              simdjson_version, kernel, curl, openssl));
            return {};
        };
    });
}

}  // namespace refract::cli
