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

}  // namespace

status discovery::take(const asked& one, result<oci::fetch_response> came) {
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
        case purpose::artifact: {
            if (came.ok()) count_bytes(came.value().documents.front().size());
            status read = artifacts_.answer(one.question.reference, came);
            take_artifact(one.question.reference);
            return read;
        }
        case purpose::tag:
        case purpose::scanned:
            break;
    }
    if (came.failed()) {
        // Probed, or deleted since it was listed.
        if (came.why().code == status_code::missing) return {};
        return std::move(came).take();
    }
    const std::string& bytes = came.value().documents.front();
    count_bytes(bytes.size());
    return one.why == purpose::tag ? take_tag(one, bytes) : take_scanned(one, bytes);
}

status discovery::take_listing(const asked& one, result<oci::fetch_response> came) {
    using purpose = asked::purpose;
    if (came.ok()) {
        const auto& tags = came.value().tags;
        if (one.why == purpose::tags_of_subject) {
            if (listing_ == tag_listing::asking) listing_ = tag_listing::by_subject;
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
    if (one.why == purpose::listing && came.why().code == status_code::limit_exceeded) {
        listing_ = tag_listing::trying;
        return {};
    }
    const bool tried = one.why == purpose::tags_of_subject && listing_ == tag_listing::asking;
    if (tried) ask_for_known_tags(one.subject);
    if (tried || one.why == purpose::listing) {
        listing_ = tag_listing::refused;
        notices_.add(came.why().message + "; so digest tags with a suffix were not looked for");
        return {};
    }
    if (one.why == purpose::everything) scanned_ = knowledge::no;
    // Where only the tags of one digest are asked for, the digest's own tag is asked for, too.
    return std::move(came).take();
}

status discovery::take_tag(const asked& one, const std::string& bytes) {
    const subject about = subjects_[one.subject];
    const std::string& tag = one.question.reference;
    REFRACT_ASSIGN(auto digest, oci::sha256_digest(bytes_of(bytes)));
    // Some registries take "sha256-<hex>" for the digest itself.
    if (digest == about.digest) return {};
    auto what = oci::identify(reader_, bytes_of(bytes));
    if (what.failed()) return status(std::move(what).take()).in("tag " + printable(tag));

    const bool is_index = what.value().kind == oci::media_kind::index;
    if (is_index && cosign_type(tag).empty()) {
        return begin_walk(tag, about.digest, bytes, digest, what.value().media_type);
    }
    if (tag == about.tag) {
        notices_.add("tag " + printable(tag) + " names a manifest, not an index: it holds no references");
        return {};
    }
    return take_tagged_manifest(one, bytes, what.value(), digest);
}

/// What a tag that begins with the digest's names: cosign's, or another tool's.
status discovery::take_tagged_manifest(const asked& one, const std::string& bytes, const oci::identity& what,
                                       const std::string& digest) {
    const std::string& tag = one.question.reference;
    oci::descriptor& descriptor = descriptors_.emplace_back();
    descriptor.media_type = keep(what.media_type);
    descriptor.digest = keep(digest);
    descriptor.size = static_cast<std::int64_t>(bytes.size());
    descriptor.kind = what.kind;
    descriptor.algorithm = oci::digest_algorithm::sha256;
    reference next;
    next.descriptor = &descriptor;
    next.type = cosign_type(tag);
    next.sources = next.type.empty() ? source_digest_tag : source_cosign_tag;
    next.tag = keep(tag);
    next.present = tristate::yes;
    next.kinds = kinds_of(next);
    status read = artifacts_.take(digest, what.kind, what.media_type, bytes);
    artifacts_.complete(next);
    // The tag of a signature may name anything: an image is none, nor is what cannot be read.
    const auto* const facts = artifacts_.find(digest);
    if (facts == nullptr || facts->is_image) next.kinds = 0;
    next.unread = facts == nullptr;
    // cosign's manifests name no subject; where one does, the tag may be an old one.
    if (next.subject.empty()) next.subject = keep(subjects_[one.subject].digest);
    add(std::move(next));
    return std::move(read).in("tag " + printable(tag));
}

status discovery::take_scanned(const asked& one, const std::string& bytes) {
    const std::string& tag = one.question.reference;
    auto what = oci::identify(reader_, bytes_of(bytes));
    if (what.failed() || what.value().kind != oci::media_kind::index) {
        // Whatever else the repository holds is no concern of this image.
        if (what.failed()) notices_.add("tag " + printable(tag) + " was not looked into: " + what.why().message);
        return {};
    }
    REFRACT_ASSIGN(auto digest, oci::sha256_digest(bytes_of(bytes)));
    if (of_image_.contains(digest)) return {};
    status done = begin_walk(tag, {}, bytes, digest, what.value().media_type);
    if (done.failed()) notices_.add("tag " + printable(tag) + " was not looked into: " + done.why().message);
    return {};
}

status discovery::begin_walk(std::string tag, std::string about, const std::string& bytes, std::string digest,
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

status discovery::go_on(tagged_index& index, result<walk::step> step) {
    if (step.failed()) return status(std::move(step).take()).in("tag " + printable(index.tag));
    if (step.value() == walk::step::done) return read_index(index);
    ask(asked::purpose::nested, oci::fetch_request::kind::manifest, index.walk->needed().expected.digest);
    next_.back().index = &index;
    next_.back().question.max_bytes = index.walk->needed().max_bytes;
    next_.back().question.media_type = index.walk->needed().expected.media_type;
    return {};
}

status discovery::take_nested(const asked& one, result<oci::fetch_response> came) {
    walk& walk = *one.index->walk;
    if (came.failed()) return go_on(*one.index, walk.missing(came.why().message));
    const std::string& bytes = came.value().documents.front();
    count_bytes(bytes.size());
    return go_on(*one.index, walk.feed(bytes_of(bytes)));
}

status discovery::read_index(tagged_index& index) {
    const walk& walk = *index.walk;
    const documents& documents = walk.read();
    documents.for_each_entry([&](place, const oci::descriptor& entry) { listed_.insert(entry.digest); });
    const bool scanned = index.subject.empty();
    attached all = find_attached(walk);
    for (reference& one : all.references) {
        const bool own = one.place.document == 0;
        const bool silent = own && one.descriptor != nullptr && !oci::has(one.descriptor->marks, oci::about_another);
        if (!scanned && silent) continue;  // its manifest will say
        if (!scanned && own && (one.sources & source_index) != 0) {
            one.sources = (one.sources & ~static_cast<std::uint32_t>(source_index)) | source_digest_tag;
        }
        if (one.subject.empty() && one.malformed.empty()) one.subject = scanned ? index.digest : index.subject;
        one.tag = index.tag;
        one.place = {};
        if (scanned) {
            scanned_references_.push_back(std::move(one));
        } else {
            add(std::move(one));
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
        if (!silent || oci::has(entry.marks, oci::about_another) || of_image_.contains(entry.digest) ||
            entry.algorithm == oci::digest_algorithm::other || !looked_into_.insert(entry.digest).second) {
            continue;
        }
        // Before they are asked, because each answer takes memory.
        if (looked_into_.size() + found_.size() > request_.limits.found) {
            stop(too_many());
            break;
        }
        ask(asked::purpose::entry, oci::fetch_request::kind::manifest, entry.digest);
        next_.back().index = &index;
        next_.back().position = where.position;
        next_.back().question.media_type = entry.media_type;
    }
    return {};
}

status discovery::take_entry(const asked& one, result<oci::fetch_response> came) {
    const documents& documents = one.index->walk->read();
    const place where{0, one.position};
    const oci::descriptor& entry = documents.entry(where);
    reference next;
    next.descriptor = &entry;
    next.platform = documents.platform_of(where);
    if (!oci::is_empty_type(entry.artifact_type)) next.artifact_type = entry.artifact_type;
    next.type = next.artifact_type;
    next.description = oci::annotation_of(entry, oci::annotation::reference_description);
    next.tag = one.index->tag;
    next.sources = source_digest_tag;
    add_stated_types(next);
    status read;
    if (came.ok()) {
        const std::string& bytes = came.value().documents.front();
        count_bytes(bytes.size());
        read = artifacts_.take(entry.digest, entry.kind, entry.media_type, bytes);
        if (const auto* const facts = artifacts_.find(entry.digest)) {
            if (facts->is_image && facts->subject.empty() && entry.artifact_type.empty()) return {};
            if (facts->subject == one.index->subject) next.sources = source_referrers_tag;
        }
        artifacts_.complete(next);
    } else if (came.why().code == status_code::missing) {
        next.present = tristate::no;
    } else {
        read = std::move(came).take();
    }
    if (next.subject.empty()) next.subject = one.index->subject;
    add(std::move(next));
    return std::move(read).in("tag " + printable(one.index->tag));
}

void discovery::add(reference found, bool unsure) {
    if ((found.sources & request_.sources) == 0 || stopped_) return;
    const bool reads = (found.unread || unsure) && found.present != tristate::no;
    if (reads && found_.size() + waiting_.size() >= request_.limits.found) return stop(too_many());
    if (reads && artifacts_.want(*found.descriptor)) {
        const std::string digest(found.digest());
        const bool is_known = !artifacts_.is_waiting_for(digest);
        waiting_.emplace(digest, waiting{std::move(found), unsure});
        if (is_known) take_artifact(digest);
        return;
    }
    // Whether it is a referrer at all, nobody knows.
    if (reads && unsure) return stop(too_many_unread());
    add_complete(std::move(found));
}

/// Its bytes were read, or are not available.
void discovery::take_artifact(const std::string& digest) {
    const auto* const facts = artifacts_.find(digest);
    for (auto one = waiting_.find(digest); one != waiting_.end(); one = waiting_.find(digest)) {
        waiting next = std::move(one->second);
        waiting_.erase(one);
        if (next.unsure && (facts == nullptr || facts->subject != next.found.subject)) continue;
        artifacts_.complete(next.found);
        add_complete(std::move(next.found));
    }
}

void discovery::add_complete(reference found) {
    if (!found.digest().empty()) {
        listed_.insert(found.digest());
        if (request_.follow == nullptr || is_of_wanted_type(*request_.follow, found)) add_subject(found.digest(), true);
    }
    found_.push_back(std::move(found));
    if (found_.size() > request_.limits.found) {
        found_.pop_back();
        stop(too_many());
    }
}

std::string discovery::too_many() const {
    return "more than " + std::to_string(request_.limits.found) +
           " references were found outside of the image's index, which is the limit: the rest was not looked for, "
           "narrow the sources";
}

std::string discovery::too_many_unread() const {
    return "more than " + std::to_string(request_.limits.found) +
           " artifacts do not say where they are listed what they are about or of which type they are, which is the "
           "limit: the rest was not read";
}

void discovery::count_bytes(std::size_t bytes) {
    bytes_ += bytes;
    if (bytes_ > request_.limits.bytes) {
        stop("looking for references would take more than " + std::to_string(request_.limits.bytes) +
             " bytes, which is the limit: narrow the sources");
    }
}

}  // namespace refract::resolve
