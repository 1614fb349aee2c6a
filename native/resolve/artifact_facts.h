// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <deque>
#include <map>
#include <string>
#include <string_view>
#include <vector>

#include "oci/repository.h"
#include "resolve/notices.h"
#include "resolve/references.h"
#include "resolve/request.h"

namespace refract::resolve {

/// What the bytes of an artifact say of it (image-spec, manifest.md and image-index.md).
struct artifact_facts {
    bool is_image = false;     ///< no artifact after all: an image, or an index without a type or a subject
    std::string_view subject;  ///< digest, or empty
    std::string_view
        artifact_type;  ///< its artifactType, else its config's, else the media type of that or of its only layer
    std::vector<std::string_view> types;  ///< the artifact type and all others: of layers and predicates; each once
    std::uint32_t kinds = 0;              ///< bits of oci::kind, of all types
};

/// Views live as long as the manifest.
artifact_facts facts_of(const oci::manifest& manifest, std::string_view media_type, const request& request);
artifact_facts facts_of(const oci::index& index, const request& request);

/// Fills in what is not stated where the reference is listed; what is stated there counts.
void complete(reference& one, const artifact_facts& facts);

/// Reads artifacts of which what lists them does not say enough, each once, without any I/O: says which documents it
/// needs and is given the answers. Keeps what the completed references view.
class artifact_reader {
public:
    /// The request must outlive it; `most` documents are read.
    artifact_reader(const request& request, std::uint32_t most)
        : request_(request), most_(most), json_(request.limits.json_depth) {}

    /// Asks for the bytes unless that was done before. `false` if that would be too many.
    bool want(const oci::descriptor& artifact);
    /// Asks for all that may have more to say than where they are listed. Whoever asks for `types` needs exact ones to
    /// be known. What is over the limit is a notice.
    void want(const attached& all, const std::vector<std::string>& types, notice_list& notices);
    /// What was wanted since the last call.
    std::vector<oci::fetch_request> questions();
    /// The answer about a digest. What cannot be read is an error to tell of, and stays unknown.
    status answer(std::string_view digest, const result<oci::fetch_response>& came);
    /// All answers to questions. What is missing is known to be; what cannot be read is a notice.
    void answer(std::span<const oci::fetch_request> asked, const std::vector<result<oci::fetch_response>>& came,
                notice_list& notices);
    /// Bytes that are at hand.
    status take(std::string_view digest, oci::media_kind kind, std::string_view media_type, std::string_view bytes);

    /// Whether it was wanted, and the answer has not come yet.
    bool is_waiting_for(std::string_view digest) const;
    /// nullptr if it could not be read.
    const artifact_facts* find(std::string_view digest) const;
    /// Fills in what its bytes say, or that it is not there, if that is known.
    void complete(reference& one) const;
    /// Does so for all, and takes candidates that are artifacts among the references.
    void complete(attached& all) const;

private:
    struct entry {
        oci::media_kind kind = oci::media_kind::manifest;
        std::string media_type;
        bool is_waiting = false;
        bool is_read = false;
        resolve::tristate present = resolve::tristate::unknown;
        artifact_facts facts;
    };

    std::string_view keep(std::string_view text) { return text.empty() ? text : strings_.emplace_back(text); }
    status keep(artifact_facts facts, entry& into);

    const request& request_;
    std::uint32_t most_;
    oci::json_reader json_;
    std::map<std::string, entry, std::less<>> asked_;
    std::vector<std::string> wanted_;
    std::deque<std::string> strings_;
};

}  // namespace refract::resolve
