// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/layout.h"

#include <algorithm>
#include <array>
#include <optional>
#include <set>
#include <span>
#include <utility>

#include "base/bytes.h"
#include "base/printable.h"
#include "layout/files.h"
#include "layout/referrers.h"
#include "oci/annotations.h"
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
constexpr std::size_t most_listed = 10;

std::string_view name_of(const oci::descriptor& entry) { return oci::annotation_of(entry, oci::annotation::ref_name); }

/// Proposal F and OCI's referrers tag: "sha256-<64 hex>", with a suffix perhaps. It names what is about an image.
bool is_digest_tag(std::string_view name) {
    static constexpr std::size_t prefix = 7;  // "sha256-"
    static constexpr std::size_t digits = 64;
    if (!name.starts_with("sha256-") && !name.starts_with("sha512-")) return false;
    const auto hex = name.substr(prefix, digits);
    const auto rest = name.substr(std::min(name.size(), prefix + digits));
    return hex.size() == digits && hex.find_first_not_of("0123456789abcdef") == std::string_view::npos &&
           (rest.empty() || rest.starts_with('.'));
}

bool is_about_another(const oci::descriptor& entry) {
    return has(entry.marks, oci::mark::reference) || has(entry.marks, oci::mark::buildkit) ||
           has(entry.marks, oci::mark::soci) || is_digest_tag(name_of(entry));
}

class image_layout final : public oci::repository {
public:
    image_layout(const std::string& directory, file_handle root, const limits& limits,
                 const discovery_limits& discovery)
        : name_("oci:" + directory),
          root_(std::move(root)),
          limits_(limits),
          discovery_(discovery),
          reader_(limits.json_depth) {}

    outcome check_marker();
    outcome load_index();

    const std::string& name() const noexcept override { return name_; }
    std::vector<result<answer>> ask(std::span<const question> questions) override;
    std::vector<outcome> read(std::span<const oci::blob> blobs) override;

private:
    result<answer> answer_to(const question& what);
    result<answer> manifest(const question& what);
    result<answer> document(std::string_view digest, std::optional<std::int64_t> size, std::uint64_t most);
    result<answer> presence(const std::string& digest);
    result<answer> referrers_of(const question& what);
    result<answer> tags(const question& what) const;
    result<const oci::descriptor*> tagged(const std::string& tag) const;
    result<const oci::descriptor*> only_one() const;
    outcome read_one(const oci::blob& wanted);
    std::set<std::string_view> names() const;
    std::string names_listed() const;

    std::string name_;
    file_handle root_;
    limits limits_;
    discovery_limits discovery_;
    oci::json_reader reader_;
    std::string index_bytes_;
    oci::index index_;
    std::optional<referrers> referrers_;  ///< of the index as it is here
};

outcome image_layout::check_marker() {
    static constexpr std::array<std::string_view, 1> keys{"imageLayoutVersion"};
    auto text = read_file(root_, marker_file, most_marker_bytes);
    if (text.failed() && text.why().code == status::missing) {
        return {status::missing, "not an image layout: it has no file oci-layout; give the directory that has it"};
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
            "oci-layout: imageLayoutVersion " + refract::quoted(version, 64) + " is not supported, only 1.x is"};
}

outcome image_layout::load_index() {
    auto text = read_file(root_, index_file, limits_.document_bytes);
    if (text.failed()) return std::move(text).take();
    if (!index_bytes_.empty() && text.value() == index_bytes_) return {};
    index_bytes_.clear();  // what is there now counts only once it was read
    referrers_.reset();
    if (outcome done = index_.read(reader_, bytes_of(text.value()), limits_); done.failed()) {
        return std::move(done).in(index_file);
    }
    index_bytes_ = std::move(text).value();
    return {};
}

std::set<std::string_view> image_layout::names() const {
    std::set<std::string_view> all;
    for (const auto& entry : index_.entries()) {
        if (const auto name = name_of(entry); !name.empty()) all.insert(name);
    }
    return all;
}

std::string image_layout::names_listed() const {
    std::string text;
    std::size_t count = 0;
    const auto all = names();
    for (const auto name : all) {
        if (count++ == most_listed) return text + " and " + std::to_string(all.size() - most_listed) + " more";
        text += (text.empty() ? "" : ", ") + printable(name, 128);
    }
    return text.empty() ? "none" : text;
}

result<const oci::descriptor*> image_layout::tagged(const std::string& tag) const {
    const oci::descriptor* found = nullptr;
    for (const auto& entry : index_.entries()) {
        if (name_of(entry) != tag) continue;
        if (found != nullptr && found->digest != entry.digest) {
            return error{status::ambiguous, "tag " + printable(tag) + " stands at both " + printable(found->digest) +
                                                " and " + printable(entry.digest) + "; ask for one of these digests"};
        }
        found = &entry;
    }
    if (found != nullptr) return found;
    return error{status::missing, "tag " + printable(tag) + " is not there; there are: " + names_listed()};
}

result<const oci::descriptor*> image_layout::only_one() const {
    const oci::descriptor* found = nullptr;
    for (const auto& entry : index_.entries()) {
        if (is_about_another(entry)) continue;
        if (found != nullptr && found->digest != entry.digest) {
            return error{status::ambiguous,
                         "it holds more than one image; name one of its tags (" + names_listed() + ") or a digest"};
        }
        found = &entry;
    }
    if (found != nullptr) return found;
    return error{status::missing, "it holds no image; its tags: " + names_listed()};
}

/// A manifest or blob that is read whole, with the digest that it must have.
result<answer> image_layout::document(std::string_view digest, std::optional<std::int64_t> size, std::uint64_t most) {
    auto path = blob_path(digest);
    if (path.failed()) return std::move(path).take();
    auto text = read_file(root_, path.value(), most);
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
    return made;
}

result<answer> image_layout::manifest(const question& what) {
    oci::digest_algorithm algorithm{};
    const bool digest = oci::parse_digest(what.reference, algorithm);
    if (digest || what.reference.starts_with("sha256:") || what.reference.starts_with("sha512:")) {
        return document(what.reference, std::nullopt, what.max_bytes);
    }
    auto entry = what.reference.empty() ? only_one() : tagged(what.reference);
    if (entry.failed()) return std::move(entry).take();
    return document(entry.value()->digest, entry.value()->size, what.max_bytes);
}

result<answer> image_layout::presence(const std::string& digest) {
    auto path = blob_path(digest);
    if (path.failed()) return std::move(path).take();
    if (auto file = open_file(root_, path.value()); file.failed()) return std::move(file).take();
    return answer{};
}

result<answer> image_layout::referrers_of(const question& what) {
    oci::digest_algorithm algorithm{};
    if (!oci::parse_digest(what.reference, algorithm)) {
        return error{status::malformed, "malformed digest " + refract::quoted(what.reference)};
    }
    if (!referrers_) {
        auto found = find_referrers(root_, index_, reader_, limits_, discovery_);
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
    for (const auto name : names()) {
        if (name > what.reference && name.starts_with(what.prefix)) made.tags.emplace_back(name);
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
    oci::digest_algorithm algorithm{};
    for (const auto& what : questions) {
        const bool by_digest = what.what == question::kind::blob || what.what == question::kind::presence ||
                               (what.what == question::kind::manifest && oci::parse_digest(what.reference, algorithm));
        auto got = loaded.ok() || by_digest ? answer_to(what) : result<answer>(error(loaded.why()));
        if (got.ok()) {
            answers.push_back(std::move(got));
        } else {
            answers.emplace_back(outcome(std::move(got).take()).in(printable(name_)));
        }
    }
    return answers;
}

outcome image_layout::read_one(const oci::blob& wanted) {
    auto path = blob_path(wanted.digest);
    if (path.failed()) return std::move(path).take();
    auto check = oci::content_check::of(wanted.digest, wanted.size);
    if (check.failed()) return outcome(std::move(check).take()).in(path.value());
    auto file = open_file(root_, path.value());
    if (file.failed()) return std::move(file).take();
    outcome done = read_pieces(file.value(), static_cast<std::uint64_t>(wanted.size),
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

result<std::unique_ptr<oci::repository>> open_layout(const std::string& directory, const limits& limits,
                                                     const discovery_limits& discovery) {
    const std::string shown = "oci:" + printable(directory);
    auto root = open_directory(directory);
    if (root.failed()) return outcome(std::move(root).take()).in(shown);
    auto made = std::make_unique<image_layout>(directory, std::move(root).value(), limits, discovery);
    outcome done = made->check_marker();
    if (done.ok()) done = made->load_index();
    if (done.failed()) return std::move(done).in(shown);
    return std::unique_ptr<oci::repository>(std::move(made));
}

}  // namespace refract::layout
