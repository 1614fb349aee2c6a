// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <gtest/gtest.h>

#include "directory.h"
#include "layout/layout.h"
#include "registry.h"

namespace refract::layout {

using kind = oci::fetch_request::kind;
using oci::fetch_request;
using test::json;

inline constexpr std::uint64_t plenty = 4u << 20;
inline constexpr const char* ref_name = "org.opencontainers.image.ref.name";

inline std::string path_of(const std::string& digest) {
    return "blobs/" + digest.substr(0, digest.find(':')) + '/' + digest.substr(digest.find(':') + 1);
}

class Layout : public testing::Test {
protected:
    Layout() { files.write("oci-layout", R"({"imageLayoutVersion":"1.0.0"})"); }

    const test::blob& keep(const test::blob& one) const {
        files.write(path_of(one.digest), one.bytes);
        return one;
    }
    void index(const std::vector<json>& entries) const {
        files.write("index.json", json{{"schemaVersion", 2}, {"manifests", entries}}.dump());
    }
    static json tagged(const test::blob& one, const std::string& tag) {
        return test::annotated(one.descriptor(), ref_name, tag);
    }
    result<oci::fetch_response> ask(const fetch_request& what) const {
        REFRACT_ASSIGN(auto layout, open_layout(files.path(), {}));
        return std::move(layout->ask({&what, 1}).front());
    }
    /// The document, or "code: message".
    std::string get(kind what, const std::string& reference, std::uint64_t most = plenty) const {
        fetch_request asked;
        asked.what = what;
        asked.reference = reference;
        asked.max_bytes = most;
        const auto got = ask(asked);
        if (got.failed()) return std::string(status_text(got.why().code)) + ": " + got.why().message;
        return got.value().documents.empty() ? "nothing" : got.value().documents.front();
    }
    std::string open_error() const {
        const auto layout = open_layout(files.path(), {});
        return layout.ok() ? "opened" : std::string(status_text(layout.why().code)) + ": " + layout.why().message;
    }
    /// What a blob's sink was given, or "code: message".
    std::string read(const std::string& digest, std::int64_t size) const {
        auto layout = open_layout(files.path(), {});
        if (layout.failed()) return layout.why().message;
        std::string bytes;
        const oci::blob wanted{digest, size, [&](std::span<const std::byte> piece) -> status {
                                   EXPECT_LE(piece.size(), std::size_t{1} << 20);
                                   bytes.append(reinterpret_cast<const char*>(piece.data()), piece.size());
                                   return {};
                               }};
        const auto done = std::move(layout.value()->read({&wanted, 1}).front());
        return done.ok() ? bytes : std::string(status_text(done.why().code)) + ": " + done.why().message;
    }

    test::directory files;
    test::registry made;
};

}  // namespace refract::layout
