// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What discovery makes of lists of referrers.
#include "base/bytes.h"
#include "oci/annotations.h"
#include "oci/document.h"
#include "resolve/discovery.h"

namespace refract::resolve {

status discovery::take_referrers(const asked& one, result<oci::fetch_response> came) {
    if (came.failed()) {
        // Whatever is no list of referrers says that there is no such API here. A tag may list them all the same.
        const status_code code = came.why().code;
        if (api_ != knowledge::yes) api_ = knowledge::no;
        const bool is_none = code == status_code::missing || code == status_code::unsupported;
        if (is_none && !one.question.page) return {};
        return std::move(came).take();
    }
    const std::string about = subjects_[one.subject].digest;
    status read = take_page(came.value().documents.front(), about);
    if (read.failed()) {
        if (api_ != knowledge::yes) api_ = knowledge::no;
        return std::move(read).in("referrers of " + about);
    }
    api_ = knowledge::yes;
    if (!came.value().next || stopped_) return {};
    ask(asked::purpose::referrers, oci::fetch_request::kind::referrers, about, one.subject);
    next_.back().question.artifact_type = one.question.artifact_type;
    next_.back().question.page = std::move(came.value().next);
    return {};
}

status discovery::take_page(const std::string& page, const std::string& about) {
    count_bytes(page.size());
    REFRACT_ASSIGN(auto sifted, sift(page, about));
    if (sifted.empty()) return {};
    auto& index = *pages_.emplace_back(std::make_unique<oci::index>());
    if (status done = index.read(reader_, bytes_of(sifted), request_.listing.limits); done.failed()) {
        return done;
    }
    add_listed(index, strings_.emplace_back(about));
    return {};
}

/// A page may list so many that nothing is made of, and be as long as a document may be: what is made of it is copied,
/// so that the page can go. An entry that cannot be read hides no other.
result<std::string> discovery::sift(const std::string& page, const std::string& about) {
    simdjson::dom::document parsed;
    REFRACT_ASSIGN(auto root, reader_.read(parsed, bytes_of(page)));
    oci::document_root top;
    status done = oci::read_document_root(root, oci::media_kind::index, top);
    if (done.failed()) return done;
    std::string taken;
    std::uint32_t count = 0;
    std::size_t position = 0;
    std::size_t passed_over = 0;
    std::string first;
    std::vector<oci::platform> platforms;
    done = oci::read_array(*top.manifests, [&](oci::json_element element) -> status {
        const std::size_t number = position++;
        if (stopped_ || count > request_.limits.found) return {};
        if (++entries_ > request_.limits.entries) {
            stop("the lists of referrers have more than " + std::to_string(request_.limits.entries) +
                 " entries, which is the limit: the rest was not looked at, narrow the sources");
            return {};
        }
        const std::string text = simdjson::minify(element);
        status read;
        platforms.clear();
        oci::descriptor entry;
        if (text.size() > request_.limits.entry_bytes) {
            read = {status_code::limit_exceeded, "has " + std::to_string(text.size()) +
                                                     " bytes, more than the limit of " +
                                                     std::to_string(request_.limits.entry_bytes) + " for an entry"};
        } else {
            read = oci::read_descriptor(element, request_.listing.limits, entry, platforms);
        }
        if (read.failed()) {
            if (passed_over++ == 0)
                first = std::move(read).in("manifests[" + std::to_string(number) + ']').take().message;
            return {};
        }
        if (!request_.exact_referrers && standing_of(entry, about) == standing::other) return {};
        taken += (count++ == 0 ? R"({"schemaVersion":2,"manifests":[)" : ",") + text;
        return {};
    });
    if (done.failed()) return done;
    if (passed_over > 0) {
        const std::string more = passed_over == 1 ? "" : ", as were " + std::to_string(passed_over - 1) + " more";
        problems_.add("referrers of " + about + ": " + first + "; it was passed over" + more);
    }
    if (count > 0) taken += "]}";
    return taken;
}

void discovery::add_listed(const oci::index& index, const std::string& about) {
    for (const oci::descriptor& entry : index.entries()) {
        if (stopped_) break;
        const auto is = request_.exact_referrers ? standing::referrer : standing_of(entry, about);
        if (is == standing::other) continue;
        reference next;
        next.descriptor = &entry;
        next.platform = index.platform_of(entry);
        next.subject = about;
        if (!oci::is_empty_type(entry.artifact_type)) next.artifact_type = entry.artifact_type;
        next.type = oci::annotation_of(entry, oci::annotation::reference_type);
        if (next.type.empty()) next.type = next.artifact_type;
        next.description = oci::annotation_of(entry, oci::annotation::reference_description);
        next.sources = source_referrers_api;
        add_stated_types(next);
        add(std::move(next), is == standing::unsure);
    }
}

/// Whether an entry under the digest's tag is what a registry would list as a referrer. Images and what is about
/// it may hold something else, too (Proposal F).
discovery::standing discovery::standing_of(const oci::descriptor& entry, std::string_view about) const {
    if (of_image_.contains(entry.digest)) return standing::other;
    if (!oci::has(entry.marks, oci::about_another)) {
        return oci::is_empty_type(entry.artifact_type) ? standing::unsure : standing::referrer;
    }
    return oci::annotation_of(entry, oci::annotation::reference_digest) == about ? standing::referrer : standing::other;
}

}  // namespace refract::resolve
