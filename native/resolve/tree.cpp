// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "resolve/tree.h"

#include <set>
#include <unordered_map>

#include "resolve/role.h"

namespace refract::resolve {
namespace {

class tree_builder {
public:
    tree_builder(const told_image& image, const std::vector<reference>& references)
        : walk_(image.walk), root_(image.root), references_(references), shown_(references.size(), false) {
        for (std::uint32_t number = 0; number < references.size(); ++number) {
            by_subject_[about(references[number])].push_back(number);
            if (references[number].by_bytes) artifacts_.insert(references[number].digest());
        }
        if (walk_ == nullptr) return;
        for (const selection& chosen : walk_->selections()) selected_.insert(chosen.place);
    }

    std::vector<node> build() {
        node& root = nodes_.emplace_back();
        if (walk_ == nullptr) root.kind = node::kind::image;
        if (walk_ != nullptr) add_entries(0, 1);
        add_references(root_, 1);
        // What nothing above leads to: weak references, and cycles of references that hold only each other.
        for (std::uint32_t number = 0; number < references_.size(); ++number) {
            if (shown_[number]) continue;
            node subject;
            subject.kind = node::kind::subject;
            subject.depth = 1;
            subject.subject = about(references_[number]);
            nodes_.push_back(subject);
            add_references(subject.subject, 2);
        }
        return std::move(nodes_);
    }

private:
    std::string_view about(const reference& one) const { return subject_of({root_, walk_}, one); }

    /// Images and nested indexes of an index; indexes are at most `limits::nesting` deep.
    void add_entries(std::uint32_t document, std::uint32_t depth) {
        const documents& documents = walk_->read();
        const auto count = static_cast<std::uint32_t>(documents[document].index->entries().size());
        for (std::uint32_t position = 0; position < count; ++position) {
            const place where{document, position};
            const oci::descriptor& entry = documents.entry(where);
            const role is = role_of(entry, documents.platform_of(where), walk_->asked());
            if (is == role::other || is == role::artifact || walk_->is_artifact(where)) continue;
            const bool perhaps = documents.platform_of(where) == nullptr || !is_whole(*documents.platform_of(where));
            if (perhaps && artifacts_.contains(entry.digest)) continue;

            node next;
            next.kind = is == role::index ? node::kind::index : node::kind::image;
            next.depth = depth;
            next.place = where;
            if (selected_.contains(where)) next.flags |= node::selected;
            const bool is_new = seen_.insert({entry.digest, is}).second;
            const auto nested = is == role::index ? documents.find(entry.digest, document_kind::index) : none;
            if (!is_new) next.flags |= node::repeated;
            if (is == role::index && nested == none) next.flags |= node::unread;
            nodes_.push_back(next);
            if (!is_new) continue;
            if (nested != none) add_entries(nested, depth + 1);
            add_references(entry.digest, depth + 1);
        }
    }

    /// References of a subject, and theirs. A chain may be thousands long, so this does not recurse.
    void add_references(std::string_view subject, std::uint32_t depth) {
        struct level {
            const std::vector<std::uint32_t>* numbers;
            std::size_t next;
        };
        std::vector<level> levels;
        const auto descend = [&](std::string_view digest) {
            const auto found = by_subject_.find(digest);
            if (found != by_subject_.end()) levels.push_back({&found->second, 0});
        };
        descend(subject);
        while (!levels.empty()) {
            level& current = levels.back();
            if (current.next == current.numbers->size()) {
                levels.pop_back();
                continue;
            }
            const std::uint32_t number = (*current.numbers)[current.next++];
            node next;
            next.kind = node::kind::reference;
            next.depth = depth + static_cast<std::uint32_t>(levels.size()) - 1;
            next.reference = number;
            const auto digest = references_[number].digest();
            // Many entries may share a digest: what is about it is shown below the first of them only.
            const bool leads_on = !shown_[number] && (digest.empty() || descended_.insert(digest).second);
            if (!leads_on) next.flags |= node::repeated;
            shown_[number] = true;
            nodes_.push_back(next);
            if (leads_on && !digest.empty()) descend(digest);
        }
    }

    const walk* walk_;
    std::string_view root_;
    const std::vector<reference>& references_;
    std::unordered_map<std::string_view, std::vector<std::uint32_t>> by_subject_;
    std::set<place> selected_;
    std::set<std::pair<std::string_view, role>> seen_;
    std::set<std::string_view> artifacts_;  ///< digests of those whose entries look like an image's
    std::set<std::string_view> descended_;  ///< digests of references below which theirs were shown
    std::vector<bool> shown_;
    std::vector<node> nodes_;
};

}  // namespace

std::vector<node> tree_of(const told_image& image, const std::vector<reference>& references) {
    return tree_builder(image, references).build();
}

}  // namespace refract::resolve
