// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "oci/config.h"

#include <array>

#include "base/printable.h"
#include "oci/digest.h"

namespace refract::oci {
namespace {

status read_diff_id(json_element value) {
    std::string_view text;
    REFRACT_TRY(read_string(value, text));
    digest_algorithm algorithm{};
    if (parse_digest(text, algorithm)) return {};
    return {status_code::malformed, "malformed digest " + quote(text)};
}

status read_rootfs(json_element value, std::size_t& diff_ids_count) {
    static constexpr std::array<std::string_view, 2> keys{"type", "diff_ids"};
    if (value.is_null()) return {};
    return read_object(value, keys, [&](std::size_t key, json_element field) -> status {
        if (key == 0) {
            std::string_view type;
            return read_string(field, type);
        }
        return read_array(field, [&](json_element element) {
            ++diff_ids_count;
            return read_diff_id(element);
        });
    });
}

}  // namespace

status config::read(json_reader& reader, std::span<const std::byte> bytes) {
    static constexpr std::array<std::string_view, 6> keys{"architecture", "os",          "variant",
                                                          "os.version",   "os.features", "rootfs"};
    simdjson::dom::document document;
    REFRACT_ASSIGN(auto root, reader.read(document, bytes));
    status done = read_object(root, keys, [&](std::size_t key, json_element field) -> status {
        switch (key) {
            case 0:
                return read_string(field, platform_.architecture);
            case 1:
                return read_string(field, platform_.os);
            case 2:
                return read_string(field, platform_.variant);
            case 3:
                return read_string(field, platform_.os_version);
            case 4:
                return read_os_features(field, platform_.os_features);
            default:
                return read_rootfs(field, diff_ids_count_);
        }
    });
    keep_strings();
    return done;
}

void config::keep_strings() {
    const auto each = [&](auto&& visit) {
        for (auto* const one : {&platform_.architecture, &platform_.os, &platform_.variant, &platform_.os_version})
            visit(*one);
        for (auto& feature : platform_.os_features) visit(feature);
    };
    std::size_t size = 0;
    each([&](std::string_view one) { size += one.size(); });
    strings_.reserve(size);
    each([&](std::string_view& one) {
        const std::size_t begin = strings_.size();
        strings_.append(one);
        one = std::string_view(strings_).substr(begin);
    });
}

}  // namespace refract::oci
