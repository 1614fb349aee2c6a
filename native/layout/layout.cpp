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

using oci::answer;
using oci::question;

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

    outcome check_marker();
    outcome load_index();

    const std::string& name() const noexcept override { return name_; }
    std::vector<result<answer>> ask(std::span<const question> questions) override;
    std::vector<outcome> read(std::span<const oci::blob> blobs) override;
    std::vector<std::string> notices() const override { return notices_; }

private:
    static result<answer> within(std::uint64_t& left, result<answer> got);
    result<answer> answer_to(const question& what);
    result<answer> manifest(const question& what);
    result<answer> document(std::string_view digest, std::optional<std::int64_t> size, std::uint64_t most);
    result<answer> kept_document(std::string_view digest, std::optional<std::int64_t> size, std::uint64_t most);
    result<answer> presence(const std::string& digest);
    result<answer> referrers_of(const question& what);
    result<answer> tags(const question& what) const;
    outcome read_one(const oci::blob& wanted);

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
        status::missing,
        "not an image layout: it has no index.json; name the directory or archive that has it (what Docker before 25 "
        "saved has none: skopeo copy docker-archive:FILE oci:DIR)"};
}

outcome image_layout::check_marker() {
    static constexpr std::array<std::string_view, 1> keys{"imageLayoutVersion"};
    auto text = read_file(*files_, marker_file, most_marker_bytes);
    if (text.failed() && text.why().code == status::missing) {
        notices_.push_back(printable(name_) +
                           " has no file oci-layout, which every image layout should have; read as one");
        return {};
    }
    if (text.failed()) return std::move(text).take();
    simdjson::dom::document parsed;
    auto root = reader_.read(parsed, bytes_of(text.value()));
    if (root.failed()) return outcome(std::move(root).take()).in(marker_file);
    std::string_view version;
    outcome done = oci::read_object(
        root.value(), keys, [&](std::size_t, oci::json_element value) { return oci::read_string(value, version); });
    if (done.failed()) return std::move(done).in(marker_file);
    if (version.starts_with("1.")) return {};
    return {status::unsupported,
            "oci-layout: imageLayoutVersion " + quote(version, 64) + " is not supported, only 1.x is"};
}

outcome image_layout::load_index() {
    auto text = read_file(*files_, index_file, limits_.document_bytes);
    if (text.failed() && text.why().code == status::missing) return no_layout();
    if (text.failed()) return std::move(text).take();
    if (!index_bytes_.empty() && text.value() == index_bytes_) return {};
    index_bytes_.clear();  // what is there now counts only once it was read
    names_ = {};
    referrers_.reset();
    if (outcome done = index_.read(reader_, bytes_of(text.value()), limits_); done.failed()) {
        return std::move(done).in(index_file);
    }
    index_bytes_ = std::move(text).value();
    names_ = names(index_);
    return {};
}

/// A manifest or blob that is read whole, with the digest that it must have.
result<answer> image_layout::document(std::string_view digest, std::optional<std::int64_t> size, std::uint64_t most) {
    auto path = blob_path(digest);
    if (path.failed()) return std::move(path).take();
    auto text = read_file(*files_, path.value(), most);
    if (text.failed()) return std::move(text).take();
    if (size && text.value().size() != static_cast<std::uint64_t>(*size)) {
        return error{status::size_mismatch, path.value() + ": size mismatch: want " + std::to_string(*size) + ", got " +
                                                std::to_string(text.value().size())};
    }
    if (outcome done = oci::verify_digest(digest, bytes_of(text.value())); done.failed()) {
        return std::move(done).in(path.value());
    }
    answer made;
    made.documents.push_back(std::move(text).value());
    made.digest = digest;
    return made;
}

/// The same of a manifest: it may have been read on the way to it, and may be come across again.
result<answer> image_layout::kept_document(std::string_view digest, std::optional<std::int64_t> size,
                                           std::uint64_t most) {
    const std::string* const known = kept_.find(digest);
    if (known != nullptr && known->size() <= most && (!size || static_cast<std::uint64_t>(*size) == known->size())) {
        answer made;
        made.documents.push_back(*known);
        made.digest = digest;
        return made;
    }
    auto got = document(digest, size, most);
    if (got.ok()) kept_.keep(digest, got.value().documents.front());
    return got;
}

result<answer> image_layout::manifest(const question& what) {
    if (is_digest(what.reference)) return kept_document(what.reference, std::nullopt, what.max_bytes);
    auto entry = what.reference.empty() ? only_image(*files_, kept_, index_, names_, reader_, limits_, discovery_)
                                        : names_.find(what.reference);
    if (entry.failed()) return std::move(entry).take();
    return kept_document(entry.value()->digest, entry.value()->size, what.max_bytes);
}

result<answer> image_layout::presence(const std::string& digest) {
    auto path = blob_path(digest);
    if (path.failed()) return std::move(path).take();
    if (auto size = files_->size(path.value()); size.failed()) return std::move(size).take();
    return answer{};
}

result<answer> image_layout::referrers_of(const question& what) {
    oci::digest_algorithm algorithm{};
    if (!oci::parse_digest(what.reference, algorithm)) {
        return error{status::malformed, "malformed digest " + quote(what.reference)};
    }
    if (!referrers_) {
        auto found = find_referrers(*files_, kept_, index_, reader_, limits_, discovery_, bounds_, notices_);
        if (found.failed()) return std::move(found).take();
        referrers_ = std::move(found).value();
    }
    answer made;
    made.documents.push_back(referrers_index(*referrers_, what.reference));
    if (made.documents.front().size() <= what.max_bytes) return made;
    return error{status::limit_exceeded, "the list of referrers of " + printable(what.reference) +
                                             " is longer than the limit of " + std::to_string(what.max_bytes) +
                                             " bytes"};
}

result<answer> image_layout::tags(const question& what) const {
    answer made;
    made.sorted = true;
    const auto& all = names_.tags();
    for (auto tag = all.upper_bound(what.reference); tag != all.end(); ++tag) {
        if (made.tags.size() >= what.most) break;
        if (tag->starts_with(what.prefix) && (!what.keeps || what.keeps(*tag))) made.tags.push_back(*tag);
    }
    return made;
}

result<answer> image_layout::answer_to(const question& what) {
    switch (what.what) {
        case question::kind::manifest:
            return manifest(what);
        case question::kind::blob:
            return document(what.reference, std::nullopt, what.max_bytes);
        case question::kind::presence:
            return presence(what.reference);
        case question::kind::referrers:
            return referrers_of(what);
        case question::kind::tags:
            return tags(what);
    }
    return error{status::invalid_argument, "asked for something unknown"};
}

std::vector<result<answer>> image_layout::ask(std::span<const question> questions) {
    const outcome loaded = load_index();
    std::vector<result<answer>> answers;
    answers.reserve(questions.size());
    std::uint64_t left = network_limits{}.answers_bytes;
    for (const auto& what : questions) {
        const bool by_digest = what.what == question::kind::blob || what.what == question::kind::presence ||
                               (what.what == question::kind::manifest && is_digest(what.reference));
        auto got = loaded.ok() || by_digest ? answer_to(what) : result<answer>(error(loaded.why()));
        if (got.ok()) got = within(left, std::move(got));
        if (got.ok()) {
            answers.push_back(std::move(got));
        } else {
            answers.emplace_back(outcome(std::move(got).take()).in(printable(name_)));
        }
    }
    return answers;
}

/// All answers to one round are held in memory together.
result<answer> image_layout::within(std::uint64_t& left, result<answer> got) {
    std::uint64_t bytes = 0;
    for (const auto& document : got.value().documents) bytes += document.size();
    if (bytes > left) {
        return error{status::limit_exceeded, "this document and others take more than the limit of " +
                                                 std::to_string(network_limits{}.answers_bytes) + " bytes together"};
    }
    left -= bytes;
    return got;
}

outcome image_layout::read_one(const oci::blob& wanted) {
    auto path = blob_path(wanted.digest);
    if (path.failed()) return std::move(path).take();
    auto check = oci::content_check::of(wanted.digest, wanted.size);
    if (check.failed()) return outcome(std::move(check).take()).in(path.value());
    outcome done = files_->stream(path.value(), static_cast<std::uint64_t>(wanted.size),
                                  [&](std::span<const std::byte> bytes) -> outcome {
                                      outcome fine = check.value().update(bytes);
                                      return fine.failed() ? std::move(fine) : wanted.sink(bytes);
                                  });
    if (done.ok()) done = check.value().finish();
    return std::move(done).in(path.value());
}

std::vector<outcome> image_layout::read(std::span<const oci::blob> blobs) {
    std::vector<outcome> outcomes;
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
    if (files.failed()) return outcome(std::move(files).take()).in(shown);
    auto made = std::make_unique<image_layout>(path, std::move(files).value(), limits, discovery, bounds);
    outcome done = made->check_marker();
    if (done.ok()) done = made->load_index();
    if (done.failed()) return std::move(done).in(shown);
    return std::unique_ptr<oci::repository>(std::move(made));
}

}  // namespace refract::layout
