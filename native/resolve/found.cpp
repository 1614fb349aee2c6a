// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What discovery makes of the answers.
#include <algorithm>

#include "base/bytes.h"
#include "base/printable.h"
#include "oci/annotations.h"
#include "oci/digest.h"
#include "oci/document.h"
#include "resolve/discovery.h"
#include "resolve/role.h"

namespace refract::resolve {
namespace {

/// What cosign's tags hold, by their ends.
std::string_view cosign_type(std::string_view tag) {
    if (tag.ends_with(".sig")) return "signature";
    if (tag.ends_with(".att")) return "attestation";
    return tag.ends_with(".sbom") ? "sbom" : "";
}

constexpr oci::mark says_subject = oci::mark::reference | oci::mark::buildkit | oci::mark::soci;

}  // namespace

outcome discovery::take(const asked& one, result<oci::answer> came) {
    using purpose = asked::purpose;
    switch (one.why) {
        case purpose::listing:
        case purpose::tags_of_subject:
        case purpose::everything:
            return take_listing(one, std::move(came));
        case purpose::referrers:
            return take_referrers(one, std::move(came));
        case purpose::nested:
            return take_nested(one, std::move(came));
        case purpose::entry:
            return take_entry(one, std::move(came));
        case purpose::tag:
        case purpose::scanned:
            break;
    }
    if (came.failed()) {
        // Probed, or deleted since it was listed.
        if (came.why().code == status::missing) return {};
        return std::move(came).take();
    }
    const std::string& bytes = came.value().documents.front();
    if (outcome done = count_bytes(bytes.size()); done.failed()) return done;
    return one.why == purpose::tag ? take_tag(one, bytes) : take_scanned(one, bytes);
}

outcome discovery::take_listing(const asked& one, result<oci::answer> came) {
    using purpose = asked::purpose;
    if (came.ok()) {
        const auto& tags = came.value().tags;
        if (one.why == purpose::tags_of_subject) {
            for (const auto& tag : tags) {
                if (tag.starts_with(subjects_[one.subject].tag)) ask_for_tag(one.subject, tag);
            }
            return {};
        }
        tags_.insert(tags.begin(), tags.end());
        if (one.why == purpose::everything) {
            scanned_ = knowledge::yes;
            ask_for_everything();
        } else {
            listing_ = tag_listing::whole;
        }
        return {};
    }
    const status code = came.why().code;
    if (one.why == purpose::listing && code == status::limit_exceeded) {
        listing_ = tag_listing::by_subject;
        return {};
    }
    const bool refused = code == status::missing || code == status::denied || code == status::unsupported;
    if (!refused || one.why == purpose::everything) return std::move(came).take();
    if (one.why == purpose::listing) {
        listing_ = tag_listing::refused;
        notices_.push_back(came.why().message + "; so digest tags with a suffix were not looked for");
    }
    return {};
}

outcome discovery::take_referrers(const asked& one, result<oci::answer> came) {
    if (came.failed()) {
        const status code = came.why().code;
        if (code != status::missing && code != status::unsupported) return std::move(came).take();
        if (api_ != knowledge::yes) api_ = knowledge::no;
        return {};
    }
    api_ = knowledge::yes;
    const std::string& about = strings_.emplace_back(subjects_[one.subject].digest);
    for (const auto& page : came.value().documents) {
        if (outcome done = count_bytes(page.size()); done.failed()) return done;
        auto& index = *pages_.emplace_back(std::make_unique<oci::index>());
        if (outcome done = index.read(reader_, bytes_of(page), request_.listing.limits); done.failed()) {
            return std::move(done).in("referrers of " + about);
        }
        for (const oci::descriptor& entry : index.entries()) {
            if (!request_.exact_referrers && !is_referrer(entry, about)) continue;
            reference next;
            next.descriptor = &entry;
            next.platform = index.platform_of(entry);
            next.subject = about;
            next.type = oci::annotation_of(entry, oci::annotation::reference_type);
            if (next.type.empty()) next.type = entry.artifact_type;
            next.description = oci::annotation_of(entry, oci::annotation::reference_description);
            next.sources = source_referrers_api;
            if (outcome done = add(std::move(next)); done.failed()) return done;
        }
    }
    return {};
}

/// Whether an entry under the digest's tag is what a registry would tell as a referrer. Images and what is about
/// something else may stand there, too (Proposal F).
bool discovery::is_referrer(const oci::descriptor& entry, std::string_view about) const {
    if (of_image_.contains(entry.digest)) return false;
    if (!oci::has(entry.marks, says_subject)) return !entry.artifact_type.empty();
    return oci::annotation_of(entry, oci::annotation::reference_digest) == about;
}

outcome discovery::take_tag(const asked& one, const std::string& bytes) {
    const subject about = subjects_[one.subject];
    const std::string& tag = one.question.reference;
    auto digest = oci::sha256_digest(bytes_of(bytes));
    if (digest.failed()) return std::move(digest).take();
    // Some registries take "sha256-<hex>" for the digest itself.
    if (digest.value() == about.digest) return {};
    auto what = oci::identify(reader_, bytes_of(bytes));
    if (what.failed()) return outcome(std::move(what).take()).in("tag " + tag);

    const auto type = cosign_type(tag);
    if (type.empty()) {
        if (what.value().kind == oci::media_kind::index) {
            return begin_walk(tag, about.digest, bytes, digest.value(), what.value().media_type);
        }
        notices_.push_back("tag " + tag + " names a manifest, not an index: it holds no references");
        return {};
    }
    oci::descriptor& descriptor = descriptors_.emplace_back();
    descriptor.media_type = keep(what.value().media_type);
    descriptor.digest = keep(digest.value());
    descriptor.size = static_cast<std::int64_t>(bytes.size());
    descriptor.kind = what.value().kind;
    descriptor.algorithm = oci::digest_algorithm::sha256;
    reference next;
    next.descriptor = &descriptor;
    next.subject = keep(about.digest);
    next.type = type;
    next.tag = keep(tag);
    next.present = answer::yes;
    next.sources = source_cosign_tag;
    return add(std::move(next));
}

outcome discovery::take_scanned(const asked& one, const std::string& bytes) {
    const std::string& tag = one.question.reference;
    auto what = oci::identify(reader_, bytes_of(bytes));
    if (what.failed() || what.value().kind != oci::media_kind::index) {
        // Whatever else the repository holds is no concern of this image.
        if (what.failed()) notices_.push_back("tag " + tag + " was not looked into: " + what.why().message);
        return {};
    }
    auto digest = oci::sha256_digest(bytes_of(bytes));
    if (digest.failed()) return std::move(digest).take();
    if (of_image_.contains(digest.value())) return {};
    outcome done = begin_walk(tag, {}, bytes, digest.value(), what.value().media_type);
    if (done.failed()) notices_.push_back("tag " + tag + " was not looked into: " + done.why().message);
    return {};
}

outcome discovery::begin_walk(std::string tag, std::string about, const std::string& bytes, std::string digest,
                              std::string media_type) {
    auto& index = *indexes_.emplace_back(std::make_unique<tagged_index>());
    index.tag = std::move(tag);
    index.subject = std::move(about);
    index.digest = std::move(digest);
    index.walk = std::make_unique<walk>(request_.listing);
    const std::string& type = strings_.emplace_back(std::move(media_type));
    expected_document root;
    root.media_type = type;
    root.digest = index.digest;
    root.size = static_cast<std::int64_t>(bytes.size());
    return go_on(index, index.walk->begin(root, bytes_of(bytes)));
}

outcome discovery::go_on(tagged_index& index, result<walk::step> step) {
    if (step.failed()) return outcome(std::move(step).take()).in("tag " + index.tag);
    if (step.value() == walk::step::done) return read_index(index);
    ask(asked::purpose::nested, oci::question::kind::manifest, index.walk->needed().expected.digest);
    next_.back().index = &index;
    next_.back().question.max_bytes = index.walk->needed().max_bytes;
    next_.back().question.media_type = index.walk->needed().expected.media_type;
    return {};
}

outcome discovery::take_nested(const asked& one, result<oci::answer> came) {
    walk& walk = *one.index->walk;
    if (came.failed()) {
        if (came.why().code == status::cancelled) return std::move(came).take();
        return go_on(*one.index, walk.missing(came.why().message));
    }
    const std::string& bytes = came.value().documents.front();
    if (outcome done = count_bytes(bytes.size()); done.failed()) return done;
    return go_on(*one.index, walk.feed(bytes_of(bytes)));
}

outcome discovery::read_index(tagged_index& index) {
    const walk& walk = *index.walk;
    const documents& documents = walk.read();
    documents.for_each_entry([&](place, const oci::descriptor& entry) { listed_.insert(entry.digest); });
    const bool scanned = index.subject.empty();
    attached all = find_attached(walk);
    for (reference& one : all.references) {
        const bool own = one.place.document == 0;
        const bool silent = own && one.descriptor != nullptr && !oci::has(one.descriptor->marks, says_subject);
        if (!scanned && silent) continue;  // its manifest will say
        if (!scanned && own && (one.sources & source_index) != 0) {
            one.sources = (one.sources & ~static_cast<std::uint32_t>(source_index)) | source_digest_tag;
        }
        if (one.subject.empty() && one.malformed.empty()) one.subject = scanned ? index.digest : index.subject;
        one.tag = index.tag;
        one.place = {};
        if (scanned) {
            scanned_references_.push_back(std::move(one));
        } else if (outcome done = add(std::move(one)); done.failed()) {
            return done;
        }
    }
    if (scanned) return {};
    // Entries that do not say what they are about are referrers, or artifacts of Proposal F; or copies of the images.
    std::uint32_t position = 0;
    for (const oci::descriptor& entry : documents[0].index->entries()) {
        const place where{0, position++};
        const oci::platform* const declared = documents.platform_of(where);
        const role is = role_of(entry, declared, request_.listing);
        const bool silent = is == role::artifact || (is == role::image && declared == nullptr) ||
                            (is == role::index && !of_image_.contains(entry.digest));
        if (!silent || oci::has(entry.marks, says_subject) || of_image_.contains(entry.digest) ||
            entry.algorithm == oci::digest_algorithm::other || !looked_into_.insert(entry.digest).second) {
            continue;
        }
        // Before they are asked, because each answer takes memory.
        if (looked_into_.size() + found_.size() > request_.limits.found) {
            return {status::limit_exceeded, too_many()};
        }
        ask(asked::purpose::entry, oci::question::kind::manifest, entry.digest);
        next_.back().index = &index;
        next_.back().position = where.position;
        next_.back().question.media_type = entry.media_type;
    }
    return {};
}

outcome discovery::take_entry(const asked& one, result<oci::answer> came) {
    const documents& documents = one.index->walk->read();
    const place where{0, one.position};
    const oci::descriptor& entry = documents.entry(where);
    reference next;
    next.descriptor = &entry;
    next.platform = documents.platform_of(where);
    next.subject = one.index->subject;
    next.type = entry.artifact_type;
    next.description = oci::annotation_of(entry, oci::annotation::reference_description);
    next.tag = one.index->tag;
    next.sources = source_digest_tag;
    if (came.failed()) {
        if (came.why().code != status::missing) return std::move(came).take();
        next.present = answer::no;
        return add(std::move(next));
    }
    next.present = answer::yes;
    const std::string& bytes = came.value().documents.front();
    if (outcome done = count_bytes(bytes.size()); done.failed()) return done;

    std::string_view about;
    std::string_view type;
    bool is_image = false;
    oci::manifest manifest;
    oci::index index;
    outcome read = entry.kind == oci::media_kind::index
                       ? index.read(reader_, bytes_of(bytes), request_.listing.limits)
                       : manifest.read(reader_, bytes_of(bytes), request_.listing.limits);
    if (read.failed()) {
        notices_.push_back("tag " + one.index->tag + ", manifest " + std::string(entry.digest) + ": " +
                           read.why().message);
        return {};
    }
    if (entry.kind == oci::media_kind::index) {
        about = index.subject();
        type = index.artifact_type();
        is_image = about.empty() && type.empty() && entry.artifact_type.empty();
    } else {
        about = manifest.subject();
        const auto config = manifest.config().media_type;
        type = manifest.artifact_type().empty() ? config : manifest.artifact_type();
        is_image = about.empty() && entry.artifact_type.empty() && request_.listing.is_image_config(config);
    }
    if (is_image) return {};
    if (about == one.index->subject)
        next.sources = source_referrers_tag;
    else if (!about.empty())
        next.subject = keep(about);
    if (next.type.empty()) next.type = keep(type);
    return add(std::move(next));
}

outcome discovery::add(reference found) {
    const bool wanted = (found.sources & request_.sources) != 0;
    if (!wanted) return {};
    if (!found.digest().empty()) {
        listed_.insert(found.digest());
        if (request_.follow == nullptr || is_of_wanted_type(*request_.follow, found)) add_subject(found.digest(), true);
    }
    found_.push_back(std::move(found));
    if (found_.size() <= request_.limits.found) return {};
    return {status::limit_exceeded, too_many()};
}

std::string discovery::too_many() const {
    return "more than " + std::to_string(request_.limits.found) +
           " references were found outside of the image's index, which is the limit: "
           "narrow the sources";
}

outcome discovery::count_bytes(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ <= request_.limits.bytes) return {};
    return {status::limit_exceeded, "looking for references would take more than " +
                                        std::to_string(request_.limits.bytes) +
                                        " bytes, which is the limit: narrow the sources"};
}

}  // namespace refract::resolve
