// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// predict MEDIA-TYPE DIGEST BLOBS PLATFORM: prints what each client is predicted to make of the root with this media
// type and digest, a line each: "crane sha256:…" and a reason, "crane refuses" and a reason, or "crane error" and why
// refract cannot tell. BLOBS holds what the registry has, as <algorithm>/<encoded>.
#include <cstdio>
#include <fstream>
#include <iterator>
#include <optional>
#include <string>

#include "base/bytes.h"
#include "resolve/predict/predict.h"

using namespace refract;

namespace {

std::optional<std::string> read_blob(const std::string& blobs, std::string_view digest) {
    std::string path(digest);
    if (const auto colon = path.find(':'); colon != std::string::npos) path[colon] = '/';
    std::ifstream file(blobs + '/' + path, std::ios::binary);
    if (!file) return std::nullopt;
    return std::string(std::istreambuf_iterator<char>(file), {});
}

oci::platform parse_platform(std::string_view text) {
    oci::platform made;
    for (std::string_view* const part : {&made.os, &made.architecture, &made.variant}) {
        const auto end = text.find('/');
        *part = text.substr(0, end);
        if (end == std::string_view::npos) break;
        text.remove_prefix(end + 1);
    }
    return made;
}

void print(resolve::client who, std::string_view what, const std::string& why) {
    std::printf("%s %.*s %s\n", std::string(name_of(who)).c_str(), static_cast<int>(what.size()), what.data(),
                why.c_str());
}

}  // namespace

int main(int count, char** arguments) {
    if (count != 5) {
        std::fputs("usage: predict MEDIA-TYPE DIGEST BLOBS PLATFORM\n", stderr);
        return 2;
    }
    const std::string media_type = arguments[1];
    const std::string digest = arguments[2];
    const std::string blobs = arguments[3];
    const std::string platform = arguments[4];
    const auto root = read_blob(blobs, digest);
    if (!root) {
        std::fprintf(stderr, "predict: %s is not in %s\n", digest.c_str(), blobs.c_str());
        return 1;
    }
    resolve::expected_document expected;
    expected.media_type = media_type;
    expected.digest = digest;
    expected.size = static_cast<std::int64_t>(root->size());

    for (const auto who : resolve::clients()) {
        resolve::predictor predictor(who, parse_platform(platform), limits{});
        auto step = predictor.begin(expected, bytes_of(*root));
        while (step.ok() && step.value() == resolve::predictor::step::need) {
            const auto& needed = predictor.needed();
            const auto bytes = read_blob(blobs, needed.expected.digest);
            step = bytes ? predictor.feed(bytes_of(*bytes)) : predictor.missing("not found");
        }
        if (step.failed()) {
            print(who, "error", step.why().message);
            continue;
        }
        const auto& predicted = predictor.predicted();
        print(who, predicted.selects ? predicted.digest : "refuses", predicted.reason);
    }
    return 0;
}
