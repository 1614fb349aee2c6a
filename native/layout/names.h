// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <map>
#include <set>
#include <string>
#include <vector>

#include "base/result.h"
#include "oci/index.h"

namespace refract::layout {

/// What the entries of an index.json are called. Views it.
///
/// A name is org.opencontainers.image.ref.name, which may be a tag or a whole name ("registry.example/app:1.0", as
/// skopeo and others write it), or io.containerd.image.name. What `cosign save` wrote beside its image has the name
/// that it has in a registry: cosign's tag.
class names {
public:
    names() = default;
    explicit names(const oci::index& of);

    /// The entry with that name, or the one whose whole name has that tag. `ambiguous` if there is more than one such
    /// document, `missing` if none; the message says what could be written instead.
    result<const oci::descriptor*> find(const std::string& name) const;
    /// Whether an entry is about another one, by its marks or its names.
    bool is_attached(const oci::descriptor& entry) const { return attached_.contains(entry.digest); }
    bool is_named(const oci::descriptor& entry) const { return named_.contains(entry.digest); }
    /// All tags and names, in lexical order.
    const std::set<std::string, std::less<>>& tags() const noexcept { return tags_; }
    /// What can be written for these entries, or for all images that have a name, else for all.
    std::string listed(const std::vector<const oci::descriptor*>& entries) const;
    std::string listed() const;

private:
    using table = std::multimap<std::string, const oci::descriptor*, std::less<>>;

    void add(std::string_view name, const oci::descriptor& entry);
    void add_cosign(const oci::index& of);
    std::vector<const oci::descriptor*> matches(const std::string& name) const;

    table exact_;   ///< as they are written
    table normal_;  ///< whole names with Docker's defaults
    table by_tag_;  ///< the tags of whole names
    std::set<std::string, std::less<>> tags_;
    std::set<std::string_view> attached_;
    std::set<std::string_view> named_;
    std::vector<const oci::descriptor*> entries_;
};

}  // namespace refract::layout
