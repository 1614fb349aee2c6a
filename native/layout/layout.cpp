// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/layout.h"

#include <array>
#include <optional>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/printable.h"
#include "layout/kept.h"
#include "layout/names.h"
#include "layout/only_image.h"
#include "layout/place.h"
#include "layout/referrers.h"
#include "layout/storage.h"
#include "oci/content_check.h"
#include "oci/digest.h"
#include "oci/index.h"

namespace refract::layout {
namespace {

using oci::fetch_request;
using oci::fetch_response;

constexpr const char* index_file = "index.json";
constexpr const char* marker_file = "oci-layout";
constexpr std::size_t most_marker_bytes = 64u << 10;

/// Names may look like digests of other algorithms ("alpine:3"), and only these two can be verified.
bool is_digest(std::string_view reference) {
    return reference.starts_with("sha256:") || reference.starts_with("sha512:");
}

class image_layout final : public oci::repository {
public:
    image_layout(const std::string& path, std::unique_ptr<storage> files, const limits& limits,
                 const discovery_limits& discovery, const layout_limits& bounds)
        : name_("oci:" + path),
          files_(std::move(files)),
          limits_(limits),
          discovery_(discovery),
          bounds_(bounds),
          kept_(limits.document_bytes),
          reader_(limits.json_depth) {}

    status check_marker();
    status load_index();

    const std::string& name() const noexcept override { return name_; }
    std::vector<result<fetch_response>> ask(std::span<const fetch_request> questions) override;
    std::vector<status> read(std::span<const oci::blob> blobs) override;
    std::vector<std::string> notices() const override { return notices_; }

private:
    static result<fetch_response> within(std::uint64_t& left, result<fetch_response> got);
    result<fetch_response> answer_to(const fetch_request& what);
    result<fetch_response> manifest(const fetch_request& what);
    result<fetch_response> document(std::string_view digest, std::optional<std::int64_t> size, std::uint64_t most);
    result<fetch_response> kept_document(std::string_view digest, std::optional<std::int64_t> size, std::uint64_t most);
    result<fetch_response> presence(const std::string& digest);
    result<fetch_response> referrers_of(const fetch_request& what);
    result<fetch_response> tags(const fetch_request& what) const;
    status read_one(const oci::blob& wanted);

    std::string name_;
    std::unique_ptr<storage> files_;
    limits limits_;
    discovery_limits discovery_;
    layout_limits bounds_;
    kept_documents kept_;
    oci::json_reader reader_;
    std::string index_bytes_;
    oci::index index_;
    names names_;                         ///< of the index as it is here
    std::optional<referrers> referrers_;  ///< of the index as it is here
    std::vector<std::string> notices_;
};

error no_layout() {
    return {
        status_code::missing,
        "not an image layout: it has no index.json; name the directory or archive that has it (what Docker before 25 "
        "saved has none: skopeo copy docker-archive:FILE oci:DIR)"};
}

status image_layout::check_marker() {
    static constexpr std::array<std::string_view, 1> keys{"imageLayoutVersion"};
    auto text = read_file(*files_, marker_file, most_marker_bytes);
    if (text.failed() && text.why().code == status_code::missing) {
        notices_.push_back(printable(name_) +
                           " has no file oci-layout, which every image layout should have; read as one");
        return {};
    }
    if (text.failed()) return std::move(text).take();
    simdjson::dom::document parsed;
    auto root = reader_.read(parsed, bytes_of(text.value()));
    if (root.failed()) return status(std::move(root).take()).in(marker_file);
    std::string_view version;
    status done = oci::read_object(
        root.value(), keys, [&](std::size_t, oci::json_element value) { return oci::read_string(value, version); });
    if (done.failed()) return std::move(done).in(marker_file);
    if (version.starts_with("1.")) return {};
    return {status_code::unsupported,
            "oci-layout: imageLayoutVersion " + quote(version, 64) + " is not supported, only 1.x is"};
}

status image_layout::load_index() {
    auto text = read_file(*files_, index_file, limits_.document_bytes);
    if (text.failed() && text.why().code == status_code::missing) return no_layout();
    if (text.failed()) return std::move(text).take();
    if (!index_bytes_.empty() && text.value() == index_bytes_) return {};
    index_bytes_.clear();  // what is there now counts only once it was read
    names_ = {};
    referrers_.reset();
    if (status done = index_.read(reader_, bytes_of(text.value()), limits_); done.failed()) {
        return std::move(done).in(index_file);
    }
    index_bytes_ = std::move(text).value();
    names_ = names(index_);
    return {};
}

/// A manifest or blob that is read whole, with the digest that it must have.
result<fetch_response> image_layout::document(std::string_view digest, std::optional<std::int64_t> size,
                                              std::uint64_t most) {
    REFRACT_ASSIGN(auto path, blob_path(digest));
    REFRACT_ASSIGN(auto text, read_file(*files_, path, most));
    if (size && text.size() != static_cast<std::uint64_t>(*size)) {
        return error{status_code::size_mismatch,
                     path + ": size mismatch: want " + std::to_string(*size) + ", got " + std::to_string(text.size())};
    }
    if (status done = oci::verify_digest(digest, bytes_of(text)); done.failed()) {
        return std::move(done).in(path);
    }
    fetch_response made;
    made.documents.push_back(std::move(text));
    made.digest = digest;
    return made;
}

/// The same of a manifest: it may have been read on the way to it, and may be come across again.
result<fetch_response> image_layout::kept_document(std::string_view digest, std::optional<std::int64_t> size,
                                                   std::uint64_t most) {
    const std::string* const known = kept_.find(digest);
    if (known != nullptr && known->size() <= most && (!size || static_cast<std::uint64_t>(*size) == known->size())) {
        fetch_response made;
        made.documents.push_back(*known);
        made.digest = digest;
        return made;
    }
    auto got = document(digest, size, most);
    if (got.ok()) kept_.keep(digest, got.value().documents.front());
    return got;
}

result<fetch_response> image_layout::manifest(const fetch_request& what) {
    if (is_digest(what.reference)) return kept_document(what.reference, std::nullopt, what.max_bytes);
    REFRACT_ASSIGN(auto entry, what.reference.empty()
                                   ? only_image(*files_, kept_, index_, names_, reader_, limits_, discovery_)
                                   : names_.find(what.reference));
    return kept_document(entry->digest, entry->size, what.max_bytes);
}

result<fetch_response> image_layout::presence(const std::string& digest) {
    REFRACT_ASSIGN(auto path, blob_path(digest));
    if (auto size = files_->size(path); size.failed()) return std::move(size).take();
    return fetch_response{};
}

result<fetch_response> image_layout::referrers_of(const fetch_request& what) {
    oci::digest_algorithm algorithm{};
    if (!oci::parse_digest(what.reference, algorithm)) {
        return error{status_code::malformed, "malformed digest " + quote(what.reference)};
    }
    if (!referrers_) {
        REFRACT_ASSIGN(auto found,
                       find_referrers(*files_, kept_, index_, reader_, limits_, discovery_, bounds_, notices_));
        referrers_ = std::move(found);
    }
    fetch_response made;
    made.documents.push_back(referrers_index(*referrers_, what.reference));
    if (made.documents.front().size() <= what.max_bytes) return made;
    return error{status_code::limit_exceeded, "the list of referrers of " + printable(what.reference) +
                                                  " is longer than the limit of " + std::to_string(what.max_bytes) +
                                                  " bytes"};
}

result<fetch_response> image_layout::tags(const fetch_request& what) const {
    fetch_response made;
    made.sorted = true;
    const auto& all = names_.tags();
    for (auto tag = all.upper_bound(what.reference); tag != all.end(); ++tag) {
        if (made.tags.size() >= what.most) break;
        if (tag->starts_with(what.prefix) && (!what.keeps || what.keeps(*tag))) made.tags.push_back(*tag);
    }
    return made;
}

result<fetch_response> image_layout::answer_to(const fetch_request& what) {
    switch (what.what) {
        case fetch_request::kind::manifest:
            return manifest(what);
        case fetch_request::kind::blob:
            return document(what.reference, std::nullopt, what.max_bytes);
        case fetch_request::kind::presence:
            return presence(what.reference);
        case fetch_request::kind::referrers:
            return referrers_of(what);
        case fetch_request::kind::tags:
            return tags(what);
    }
    return error{status_code::invalid_argument, "asked for something unknown"};
}

std::vector<result<fetch_response>> image_layout::ask(std::span<const fetch_request> questions) {
    const status loaded = load_index();
    std::vector<result<fetch_response>> answers;
    answers.reserve(questions.size());
    std::uint64_t left = network_limits{}.answers_bytes;
    for (const auto& what : questions) {
        const bool by_digest = what.what == fetch_request::kind::blob || what.what == fetch_request::kind::presence ||
                               (what.what == fetch_request::kind::manifest && is_digest(what.reference));
        auto got = loaded.ok() || by_digest ? answer_to(what) : result<fetch_response>(error(loaded.why()));
        if (got.ok()) got = within(left, std::move(got));
        if (got.ok()) {
            answers.push_back(std::move(got));
        } else {
            answers.emplace_back(status(std::move(got).take()).in(printable(name_)));
        }
    }
    return answers;
}

/// All answers to one round are held in memory together.
result<fetch_response> image_layout::within(std::uint64_t& left, result<fetch_response> got) {
    std::uint64_t bytes = 0;
    for (const auto& document : got.value().documents) bytes += document.size();
    if (bytes > left) {
        return error{status_code::limit_exceeded, "this document and others take more than the limit of " +
                                                      std::to_string(network_limits{}.answers_bytes) +
                                                      " bytes together"};
    }
    left -= bytes;
    return got;
}

status image_layout::read_one(const oci::blob& wanted) {
    REFRACT_ASSIGN(auto path, blob_path(wanted.digest));
    auto check = oci::content_check::of(wanted.digest, wanted.size);
    if (check.failed()) return status(std::move(check).take()).in(path);
    status done =
        files_->stream(path, static_cast<std::uint64_t>(wanted.size), [&](std::span<const std::byte> bytes) -> status {
            status fine = check.value().update(bytes);
            return fine.failed() ? std::move(fine) : wanted.sink(bytes);
        });
    if (done.ok()) done = check.value().finish();
    return std::move(done).in(path);
}

std::vector<status> image_layout::read(std::span<const oci::blob> blobs) {
    std::vector<status> outcomes;
    outcomes.reserve(blobs.size());
    for (const auto& wanted : blobs) outcomes.push_back(read_one(wanted).in(printable(name_)));
    return outcomes;
}

}  // namespace

result<std::unique_ptr<oci::repository>> open_layout(const std::string& path, const limits& limits,
                                                     const discovery_limits& discovery, const layout_limits& bounds,
                                                     const std::atomic<bool>* cancelled) {
    const std::string shown = "oci:" + printable(path);
    auto files = open_storage(path, limits, bounds, cancelled);
    if (files.failed()) return status(std::move(files).take()).in(shown);
    auto made = std::make_unique<image_layout>(path, std::move(files).value(), limits, discovery, bounds);
    status done = made->check_marker();
    if (done.ok()) done = made->load_index();
    if (done.failed()) return std::move(done).in(shown);
    return std::unique_ptr<oci::repository>(std::move(made));
}

}  // namespace refract::layout
