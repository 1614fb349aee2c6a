// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/examination.h"

#include "base/bytes.h"
#include "resolve/proof.h"

namespace refract::cli {
namespace {

using oci::fetch_request;
using resolve::role;

/// Whether an error is about whoever was asked, and not about what was asked for.
bool is_no_answer(status_code code) {
    return code == status_code::unreachable || code == status_code::denied || code == status_code::cancelled ||
           code == status_code::internal || code == status_code::out_of_memory;
}

/// What is wrong with a document whose bytes did or did not come as its descriptor says; nothing if they did.
std::optional<error> wrong_size(const result<oci::fetch_response>& came, std::int64_t size) {
    const bool longer = came.failed() && came.why().code == status_code::limit_exceeded;
    if (!longer && (came.failed() || came.value().documents.front().size() == static_cast<std::uint64_t>(size))) {
        return std::nullopt;
    }
    return error{status_code::size_mismatch,
                 "size mismatch: want " + std::to_string(size) + " bytes, got " +
                     (longer ? std::string("more") : std::to_string(came.value().documents.front().size()))};
}

}  // namespace

examination::examination(inspect::image& image, const limits& limits) : image_(image), json_(limits.json_depth) {
    facts_.limits = limits;
    facts_.digest = image.root().digest;
    facts_.size = image.root().bytes().size();
    listing_.mode = resolve::mode::list;
    listing_.limits = limits;
}

result<std::unique_ptr<examination>> examination::of(inspect::image& image, const limits& limits, bool registry) {
    std::unique_ptr<examination> made(new examination(image, limits));
    REFRACT_TRY(made->read_root());
    if (made->walk_) {
        REFRACT_TRY(made->read_entries());
        REFRACT_TRY(made->compare_all());
    }
    if (registry) {
        REFRACT_TRY(made->ask_registry());
    }
    return made;
}

status examination::read_root() {
    if (!image_.is_index()) {
        auto manifest = image_.root().document->as<oci::manifest>(json_, facts_.limits);
        if (manifest.failed())
            facts_.refused = status(std::move(manifest).take()).in("manifest " + facts_.digest).why();
        return {};
    }
    auto walked = image_.walk(listing_);
    if (walked.failed()) {
        if (is_no_answer(walked.why().code)) return std::move(walked).take();
        facts_.refused = std::move(walked).take();
        return {};
    }
    walk_ = std::move(walked).value();
    facts_.walk = walk_.get();
    facts_.attached = resolve::find_attached(*walk_);
    return {};
}

bool examination::spend(std::int64_t bytes) {
    const auto more = static_cast<std::uint64_t>(bytes);
    if (read_count_ >= facts_.limits.documents || more > facts_.limits.walk_bytes - read_bytes_) return false;
    ++read_count_;
    read_bytes_ += more;
    return true;
}

void examination::note_nested(resolve::place where, const oci::descriptor& entry) {
    lint::content& known = facts_.contents[std::string(entry.digest)];
    if (walk_->read().find(entry.digest) != resolve::none) known.present = resolve::tristate::yes;
    const auto* const rejected = walk_->rejected(where);
    if (rejected == nullptr) return;
    if (rejected->code == status_code::missing) {
        known.present = resolve::tristate::no;
    } else if (rejected->code != status_code::unsupported) {
        known.refused = error{rejected->code, rejected->reason};
    }
}

/// Each manifest once; what is known of nested indexes is noted.
std::vector<examination::wanted> examination::list_entries() {
    std::vector<wanted> all;
    std::set<std::string_view> seen;
    lint::for_each_entry(facts_, [&](resolve::place where, const oci::descriptor& entry, role is) {
        if (entry.algorithm == oci::digest_algorithm::other || is == role::other) return;
        if (is == role::index) return note_nested(where, entry);
        if (!seen.insert(entry.digest).second) return;
        if (static_cast<std::uint64_t>(entry.size) > facts_.limits.document_bytes) {
            facts_.contents[std::string(entry.digest)].refused =
                error{status_code::limit_exceeded, std::to_string(entry.size) + " bytes are over the limit of " +
                                                       std::to_string(facts_.limits.document_bytes)};
            return;
        }
        all.push_back({entry.digest, entry.media_type, entry.size, is == role::image});
    });
    return all;
}

status examination::read_entries() {
    const auto all = list_entries();
    std::vector<wanted> read;
    std::set<std::string> unread;
    for (const auto& one : all) {
        const bool is_index = oci::kind_of(one.media_type) == oci::media_kind::index;
        if (!is_index && spend(one.size)) {
            read.push_back(one);
        } else {
            unread.emplace(one.digest);
        }
    }
    REFRACT_TRY(read_manifests(read));
    REFRACT_TRY(read_configs(read));
    for (const auto& one : facts_.attached.references) {
        if (one.weak == resolve::tristate::yes) unread.emplace(one.subject);
    }
    return ask_presence(unread);
}

status examination::read_manifests(const std::vector<wanted>& all) {
    std::vector<fetch_request> questions;
    questions.reserve(all.size());
    for (const auto& one : all) {
        questions.push_back(
            oci::fetch_request_for(fetch_request::kind::manifest, one.digest, static_cast<std::uint64_t>(one.size)));
    }
    auto answers = image_.documents().ask(questions);
    for (std::size_t i = 0; i < all.size(); ++i) {
        const wanted& one = all[i];
        lint::content& known = facts_.contents[std::string(one.digest)];
        known.refused = wrong_size(answers[i], one.size);
        if (known.refused) continue;
        if (answers[i].failed()) {
            if (is_no_answer(answers[i].why().code)) return std::move(answers[i]).take();
            if (answers[i].why().code == status_code::missing) {
                known.present = resolve::tristate::no;
            } else {
                known.refused = std::move(answers[i]).take();
            }
            continue;
        }
        known.present = resolve::tristate::yes;
        auto manifest = image_.documents().find(one.digest)->as<oci::manifest>(json_, facts_.limits);
        if (manifest.failed()) {
            known.refused = std::move(manifest).take();
            continue;
        }
        known.manifest = std::move(manifest).value();
        if (one.is_image) known.foreign = resolve::disprove(*known.manifest, one.media_type, listing_);
    }
    return {};
}

status examination::read_configs(const std::vector<wanted>& all) {
    std::vector<fetch_request> questions;
    std::vector<lint::content*> of;
    for (const auto& one : all) {
        lint::content& known = facts_.contents[std::string(one.digest)];
        if (!one.is_image || known.manifest == nullptr || known.foreign) continue;
        const auto& config = known.manifest->config();
        const bool is_readable = config.algorithm != oci::digest_algorithm::other &&
                                 static_cast<std::uint64_t>(config.size) <= facts_.limits.config_bytes;
        if (!is_readable || !spend(config.size)) continue;
        questions.push_back(
            oci::fetch_request_for(fetch_request::kind::blob, config.digest, static_cast<std::uint64_t>(config.size)));
        of.push_back(&known);
    }
    auto answers = image_.documents().ask(questions);
    for (std::size_t i = 0; i < of.size(); ++i) {
        lint::content& known = *of[i];
        const std::string what = "config " + std::string(known.manifest->config().digest);
        if (auto why = wrong_size(answers[i], known.manifest->config().size)) {
            known.refused = status(std::move(*why)).in(what).why();
            continue;
        }
        if (answers[i].failed()) {
            if (is_no_answer(answers[i].why().code)) return std::move(answers[i]).take();
            known.refused = status(std::move(answers[i]).take()).in(what).why();
            continue;
        }
        const auto digest = known.manifest->config().digest;
        auto config = image_.documents().find(digest)->as<oci::config>(json_, facts_.limits);
        if (config.failed()) {
            known.refused = status(std::move(config).take()).in(what).why();
            continue;
        }
        known.config = std::move(config).value();
        known.foreign = resolve::disprove(*known.manifest, *known.config);
    }
    return {};
}

status examination::ask_presence(const std::set<std::string>& digests) {
    std::vector<fetch_request> questions;
    for (const auto& digest : digests) {
        oci::digest_algorithm algorithm{};
        if (!oci::parse_digest(digest, algorithm) || algorithm == oci::digest_algorithm::other) continue;
        questions.push_back(
            oci::fetch_request_for(fetch_request::kind::presence, digest, facts_.limits.document_bytes));
    }
    auto answers = image_.documents().ask(questions);
    for (std::size_t i = 0; i < questions.size(); ++i) {
        const bool missing = answers[i].failed() && answers[i].why().code == status_code::missing;
        if (answers[i].failed() && !missing) return std::move(answers[i]).take();
        facts_.contents[questions[i].reference].present = missing ? resolve::tristate::no : resolve::tristate::yes;
    }
    return {};
}

/// Each platform of an image once, whether its entry declares it or only its config does.
status examination::compare_all() {
    std::map<std::string, oci::platform> platforms;
    lint::for_each_entry(facts_, [&](resolve::place where, const oci::descriptor& entry, role is) {
        if (is != role::image) return;
        const oci::platform* of = walk_->read().platform_of(where);
        const auto* const known = facts_.find(entry.digest);
        if (of == nullptr && known != nullptr && known->config != nullptr) of = &known->config->declared();
        if (of == nullptr || of->os.empty() || of->architecture.empty()) return;
        platforms.emplace(oci::describe(*of), *of);
    });
    if (platforms.size() > facts_.limits.documents && !facts_.refused) {
        facts_.refused = error{status_code::limit_exceeded, std::to_string(platforms.size()) +
                                                                " platforms are more than the limit of " +
                                                                std::to_string(facts_.limits.documents)};
        return {};
    }
    for (const auto& [text, platform] : platforms) {
        REFRACT_TRY(compare(platform));
    }
    return {};
}

status examination::compare(const oci::platform& platform) {
    lint::comparison& made = facts_.comparisons.emplace_back();
    made.platform = oci::describe(platform);
    made.versioned = !platform.os_version.empty();
    resolve::request select;
    select.limits = facts_.limits;
    select.wants.push_back({made.platform, oci::platform_preference::compatible(platform)});
    select.any = select.wants.front().preference;
    auto walked = image_.walk(select);
    if (walked.ok()) {
        const resolve::walk& walk = *walked.value();
        made.selected = walk.read().entry(walk.selections().front().place).digest;
    } else {
        if (is_no_answer(walked.why().code)) return std::move(walked).take();
        made.refusal = walked.why().message;
    }
    for (const auto who : resolve::clients()) {
        auto predicted = image_.predict(who, platform, facts_.limits);
        if (predicted.failed() && is_no_answer(predicted.why().code)) return std::move(predicted).take();
        const bool differs = predicted.ok() && !made.selected.empty() && predicted.value().digest != made.selected;
        made.clients.push_back({who, std::move(predicted)});
        if (!differs) continue;
        REFRACT_TRY(advise());
        const auto then = image_.predict(who, platform, facts_.limits, *advised_);
        if (then.failed()) continue;
        const bool mends = then.value().selects && then.value().digest == made.selected;
        made.clients.back().mended = mends ? resolve::tristate::yes : resolve::tristate::no;
    }
    return {};
}

status examination::advise() {
    if (advised_ != nullptr) return {};
    std::string index = lint::advised_index(facts_);
    REFRACT_ASSIGN(auto digest, oci::sha256_digest(bytes_of(index)));
    advised_ = std::make_unique<resolve::shared_document>(std::move(digest), std::move(index));
    return {};
}

status examination::ask_registry() {
    lint::registry_facts made;
    auto came = image_.documents().ask(
        oci::fetch_request_for(fetch_request::kind::referrers, facts_.digest, facts_.limits.document_bytes));
    if (came.ok()) {
        made.referrers_api = resolve::tristate::yes;
    } else if (came.why().code == status_code::missing || came.why().code == status_code::unsupported) {
        made.referrers_api = resolve::tristate::no;
    } else {
        return std::move(came).take();
    }
    made.etags = image_.root().etag.empty() ? resolve::tristate::no : resolve::tristate::yes;
    lint::for_each_entry(facts_, [&](resolve::place, const oci::descriptor& entry, role is) {
        const auto* const known = facts_.find(entry.digest);
        if (is != role::index || known == nullptr || known->present == resolve::tristate::unknown) return;
        if (made.nested_indexes != resolve::tristate::no) made.nested_indexes = known->present;
    });
    facts_.registry = made;
    return {};
}

}  // namespace refract::cli
