// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <memory>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "oci/repository.h"
#include "resolve/shared_document.h"

namespace refract::inspect {

/// A repository of which each document is asked for once, and parsed once by all who look at it: what has a digest does
/// not change. That the bytes have it was checked by the repository.
class reader final : public resolve::document_shelf {
public:
    /// Of documents that are shared, so many bytes are kept as they were parsed: what one walk may read.
    reader(oci::repository& from, std::uint64_t shared_bytes) : from_(from), shared_left_(shared_bytes) {}

    const std::string& name() const noexcept { return from_.name(); }
    std::vector<std::string> notices() const { return from_.notices(); }
    std::vector<result<oci::fetch_response>> ask(std::span<const oci::fetch_request> questions);
    result<oci::fetch_response> ask(const oci::fetch_request& question);
    /// A document that is asked for by its digest.
    result<std::shared_ptr<resolve::shared_document>> document(const oci::fetch_request& question);
    std::vector<status> read(std::span<const oci::blob> blobs) { return from_.read(blobs); }

    /// What was got by tag is known by its digest, too.
    std::shared_ptr<resolve::shared_document> keep(const std::string& digest, std::string bytes);
    std::shared_ptr<resolve::shared_document> find(std::string_view digest) override;

private:
    struct kept {
        std::shared_ptr<resolve::shared_document> document;
        bool is_shared = false;
    };

    void note(const oci::fetch_request& question, const result<oci::fetch_response>& came);
    std::shared_ptr<resolve::shared_document> share(kept& one);

    oci::repository& from_;
    std::map<std::string, kept, std::less<>> kept_;  ///< by digest; walks and discovery bound how many
    /// What is not there: a manifest may be none although a blob has its digest.
    std::map<std::pair<oci::fetch_request::kind, std::string>, error> missing_;
    std::uint64_t shared_left_;
};

}  // namespace refract::inspect
