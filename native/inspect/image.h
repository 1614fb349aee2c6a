// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <optional>
#include <set>
#include <string>
#include <vector>

#include "inspect/reader.h"
#include "oci/image_name.h"
#include "oci/media_type.h"
#include "resolve/discovery.h"
#include "resolve/predict/predict.h"
#include "resolve/references.h"
#include "resolve/tree.h"
#include "resolve/walk.h"

namespace refract::inspect {

/// The document that an image's name leads to. A tag is asked for once; from then on its digest counts.
struct root_document {
    oci::media_kind kind = oci::media_kind::other;
    std::string media_type;
    std::string digest;
    std::shared_ptr<resolve::shared_document> document;
    std::string served_type;  ///< what the registry calls it, which some clients go by; empty if nobody says
    std::string etag;         ///< as the registry gave it; empty if it gave none

    const std::string& bytes() const noexcept { return document->bytes(); }
    std::int64_t size() const noexcept { return document->size(); }
};

/// Which references are looked for, and which of them are told.
struct listing_request {
    std::uint32_t sources = resolve::every_source;
    bool direct = false;                                           ///< none that is about a reference
    bool scan_tags = false;                                        ///< look into every index of the repository
    bool check_presence = false;                                   ///< ask for each artifact whether it is there
    std::string type;                                              ///< reference type or artifact type; empty: all
    std::string artifact_type;                                     ///< empty: all
    std::vector<std::pair<std::string, std::string>> annotations;  ///< of descriptor or manifest; all must match
    std::optional<oci::platform> platform;  ///< about the image that is selected for it, and the indexes around
    refract::limits limits;
    refract::discovery_limits discovery;
};

/// What is attached to an image. Views into it live as long as it does.
struct listing {
    std::vector<resolve::reference> references;
    std::vector<std::uint32_t> told;  ///< numbers of those that the request asks for
    std::vector<resolve::node> tree;  ///< of those, with whatever leads to them
    std::uint32_t unread_indexes = 0;
    std::vector<std::string> notices;  ///< what could not be looked for, and why
};

/// An image of a repository, by its name: feeds walks and searches with what the repository holds. The repository must
/// outlive it.
class image {
public:
    static result<std::unique_ptr<image>> open(oci::repository& from, const oci::image_name& name,
                                               const limits& limits);

    const root_document& root() const noexcept { return root_; }
    const oci::image_name& name() const noexcept { return name_; }
    bool is_index() const noexcept { return root_.kind == oci::media_kind::index; }
    reader& documents() noexcept { return reader_; }

    /// Walks through the index until it is done; the request must outlive the walk. Only of an index.
    result<std::unique_ptr<resolve::walk>> walk(const resolve::request& request);
    /// What a client without refract ends up with for a platform. What `wanted` views must last as long as the call.
    result<resolve::prediction> predict(resolve::client who, const oci::platform& wanted, const limits& limits);
    /// The same, if the name led to this OCI index instead.
    result<resolve::prediction> predict(resolve::client who, const oci::platform& wanted, const limits& limits,
                                        resolve::shared_document& index);
    /// Looks for what is attached. The listing may be asked for again with another request; the old one is gone then.
    result<const listing*> list(const listing_request& request);
    /// The walk of the listing; nullptr for a single manifest.
    const resolve::walk* listed_walk() const noexcept { return walk_.get(); }

private:
    image(oci::repository& from, oci::image_name name, const limits& limits)
        : reader_(from, limits.walk_bytes), name_(std::move(name)) {}

    /// The image's name as errors and notices show it.
    std::string shown_name() const;
    status open_root(const limits& limits);
    status identify_root(const limits& limits);
    resolve::expected_document expected_root() const;
    result<resolve::prediction> predict(resolve::client who, const oci::platform& wanted, const limits& limits,
                                        const resolve::expected_document& root, resolve::shared_document& from);
    /// Reads artifacts of the index that do not say enough in their entries.
    status read_artifacts(const listing_request& request, resolve::attached& all);
    status discover(const listing_request& request);
    /// Asks what is optional: within the budget of the listing.
    result<std::vector<result<oci::fetch_response>>> ask_optional(std::vector<oci::fetch_request> questions);
    status check_presence();
    /// The selected image and the indexes around it; nothing: all.
    result<std::optional<std::vector<std::string>>> focus(const listing_request& request);
    resolve::told_image told() const noexcept { return {root_.digest, walk_.get()}; }
    status narrow(const listing_request& request, const std::optional<std::vector<std::string>>& subjects);
    /// Which references are reached from some subjects, directly or through references.
    std::vector<bool> reached_from(std::set<std::string_view> subjects, bool further) const;
    status match_annotations(const listing_request& request, std::vector<bool>& kept);
    void build_tree(const std::vector<bool>& kept, const std::optional<std::vector<std::string>>& subjects,
                    bool references_only);
    void settle_weakness();

    inspect::reader reader_;
    oci::image_name name_;
    root_document root_;

    resolve::request listing_walk_;
    std::unique_ptr<resolve::walk> walk_;
    resolve::discovery_request discovery_request_;
    oci::lookup_budget budget_;
    std::unique_ptr<resolve::artifact_reader> artifacts_;
    std::unique_ptr<resolve::discovery> discovery_;
    inspect::listing listing_;
};

}  // namespace refract::inspect
