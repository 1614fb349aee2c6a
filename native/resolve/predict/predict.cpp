// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/predict/predict.h"

#include <array>

#include "base/printable.h"
#include "resolve/predict/models.h"

namespace refract::resolve {
namespace {

struct known_client {
    client who;
    std::string_view name;
    attempt (*predict)(const oci::platform& wanted, evidence& known);
};

constexpr std::array table{
    known_client{client::containerd, "containerd", predict_containerd},
    known_client{client::crane, "crane", predict_crane},
    known_client{client::regctl, "regctl", predict_regctl},
    known_client{client::skopeo, "skopeo", predict_skopeo},
};

constexpr std::array all{client::containerd, client::crane, client::regctl, client::skopeo};

}  // namespace

std::string_view name_of(client who) noexcept { return table[static_cast<std::size_t>(who)].name; }

std::optional<client> client_of(std::string_view name) noexcept {
    for (const auto& one : table) {
        if (one.name == name) return one.who;
    }
    return std::nullopt;
}

std::span<const client> clients() noexcept { return all; }

result<predictor::step> predictor::begin(const expected_document& root, const document_source& from) {
    const auto kind = oci::kind_of(root.media_type);
    if (kind == oci::media_kind::other) {
        return error{status_code::invalid_argument,
                     "a prediction begins at an index or a manifest, not at " + quote(root.media_type)};
    }
    auto expected = root;
    expected.kind = kind == oci::media_kind::index ? document_kind::index : document_kind::manifest;
    if (status done = evidence_.begin(expected, from); done.failed()) {
        auto why = std::move(done).take();
        why.message = std::string(name_of(expected.kind)) + ' ' + printable(root.digest) + ": " + why.message;
        return why;
    }
    return advance();
}

result<predictor::step> predictor::feed(const document_source& from) {
    if (!evidence_.is_waiting()) return error{status_code::invalid_argument, "the prediction waits for no document"};
    evidence_.feed(from);
    return advance();
}

result<predictor::step> predictor::missing(std::string_view reason) {
    if (!evidence_.is_waiting()) return error{status_code::invalid_argument, "the prediction waits for no document"};
    evidence_.lose(reason);
    return advance();
}

result<predictor::step> predictor::advance() {
    auto tried = table[static_cast<std::size_t>(client_)].predict(wanted_, evidence_);
    if (!tried) return step::need;
    if (tried->failed()) return std::move(*tried).take();
    prediction_ = std::move(*tried).value();
    return step::done;
}

prediction refuses(std::string reason) {
    prediction one;
    one.reason = std::move(reason);
    return one;
}

prediction finds_nothing(std::string reason) {
    prediction one = refuses(std::move(reason));
    one.no_match = true;
    return one;
}

prediction takes_root(const documents& read) {
    prediction one;
    one.selects = true;
    one.digest = read[0].digest;
    one.reason = "the root is a manifest, not an index: nothing is to be chosen";
    return one;
}

prediction takes(const documents& read, std::vector<place> path, std::string reason) {
    prediction one;
    one.selects = true;
    one.digest = read.entry(path.back()).digest;
    one.reason = std::move(reason);
    one.path = std::move(path);
    return one;
}

std::string describe(const std::vector<place>& path) {
    std::string text;
    for (const place step : path) {
        if (!text.empty()) text += '/';
        text += "manifests[" + std::to_string(step.position) + ']';
    }
    return text;
}

std::optional<result<prediction>> hindered(client who, const finding& found, const std::vector<place>& path) {
    switch (found.state) {
        case finding::state::waiting:
        case finding::state::read:
            return std::nullopt;
        case finding::state::lost:
            return refuses("it takes " + describe(path) + ", which " +
                           (found.why.code == status_code::missing ? "" : "is no good: ") + found.why.message);
        case finding::state::unreadable:
        case finding::state::beyond:
            break;
    }
    return error{found.why.code, "cannot tell what " + std::string(name_of(who)) + " makes of " + describe(path) +
                                     ", because refract does not read it: " + found.why.message};
}

}  // namespace refract::resolve
