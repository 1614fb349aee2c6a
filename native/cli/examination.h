// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <memory>
#include <set>
#include <string>
#include <vector>

#include "inspect/image.h"
#include "lint/facts.h"

namespace refract::cli {

/// Gathers what the rules of lint are asked about, by reading only.
class examination {
public:
    /// `registry`: what the registry does, too. An error says that something could not be asked; what refract refuses
    /// to read is among the facts.
    static result<std::unique_ptr<examination>> of(inspect::image& image, const limits& limits, bool registry);

    const lint::facts& facts() const noexcept { return facts_; }

private:
    examination(inspect::image& image, const limits& limits);

    /// An entry's manifest that is to be read.
    struct wanted {
        std::string_view digest;
        std::string_view media_type;
        std::int64_t size = 0;
        bool is_image = false;  ///< by its entry
    };

    status read_root();
    status read_entries();
    std::vector<wanted> list_entries();
    void note_nested(resolve::place where, const oci::descriptor& entry);
    status read_manifests(const std::vector<wanted>& all);
    status read_configs(const std::vector<wanted>& all);
    status ask_presence(const std::set<std::string>& digests);
    status compare_all();
    status compare(const oci::platform& platform);
    status advise();
    status ask_registry();

    /// Whether so many more bytes may be read.
    bool spend(std::int64_t bytes);

    inspect::image& image_;
    oci::json_reader json_;
    resolve::request listing_;
    std::unique_ptr<resolve::walk> walk_;
    lint::facts facts_;
    /// The index as the rules would have it; once a client differs.
    std::unique_ptr<resolve::shared_document> advised_;
    std::uint64_t read_bytes_ = 0;
    std::uint32_t read_count_ = 0;
};

}  // namespace refract::cli
