// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/archive.h"

#include <atomic>
#include <map>
#include <utility>

#include "base/bytes.h"
#include "layout/tar_reader.h"

namespace refract::layout {
namespace {

class archive_storage final : public storage {
public:
    archive_storage(file_handle file, const limits& limits, const layout_limits& bounds,
                    const std::atomic<bool>* cancelled)
        : file_(std::move(file)),
          document_bytes_(limits.document_bytes),
          bounds_(bounds),
          budget_{bounds.unpacked_bytes, bounds.unpacked_bytes, cancelled} {}

    status read_members();

    status stream(const std::string& path, std::uint64_t most, const sink& to) override {
        if (auto there = size(path); there.failed()) return std::move(there).take();
        const part& of = parts_.at(path);
        if (of.kept) return of.text.empty() ? status() : give(of.text, most, to);
        return stream_member(path, of, most, to).in(path);
    }

    result<std::uint64_t> size(const std::string& path) override {
        const auto found = parts_.find(path);
        if (found == parts_.end()) return error{status_code::missing, path + " is not in the archive"};
        if (found->second.regular) return static_cast<std::uint64_t>(found->second.size);
        return error{status_code::malformed, path + " is not a regular file, but a link perhaps"};
    }

    bool may_be_document(const std::string& path) override {
        const auto found = parts_.find(path);
        return found != parts_.end() && found->second.regular && !found->second.opaque;
    }

    blob_list blobs(std::size_t most) override {
        blob_list all;
        for (const auto& [path, of] : parts_) {
            auto digest = blob_digest(path);
            if (digest.empty()) continue;
            if (all.digests.size() == most) {
                all.whole = false;
                break;
            }
            all.digests.push_back(std::move(digest));
        }
        return all;
    }

private:
    /// A member that is a file of a layout.
    struct part {
        std::int64_t begin = 0;
        std::int64_t size = 0;
        bool regular = false;
        bool opaque = false;  ///< of a compressed archive: known to be no document
        bool kept = false;
        std::string text;  ///< if it is kept
    };

    static status give(const std::string& text, std::uint64_t most, const sink& to) {
        const auto bytes = bytes_of(text);
        return to(most < bytes.size() ? bytes.first(static_cast<std::size_t>(most) + 1) : bytes);
    }

    status add(tar_reader& from, const tar_reader::member& member);
    status keep(tar_reader& from, part& of, bool always);
    status stream_member(const std::string& path, const part& of, std::uint64_t most, const sink& to);

    file_handle file_;
    std::uint64_t document_bytes_;
    layout_limits bounds_;
    std::map<std::string, part> parts_;
    bool compressed_ = false;
    std::uint64_t kept_bytes_ = 0;
    tar_reader::budget budget_;
};

status archive_storage::read_members() {
    REFRACT_ASSIGN(auto opened, tar_reader::open(file_.get(), budget_));
    tar_reader& reader = *opened;
    tar_reader::member member;
    std::uint32_t count = 0;
    for (;;) {
        REFRACT_ASSIGN(auto more, reader.next(member));
        if (!more) return {};
        if (++count > bounds_.members) {
            return {status_code::limit_exceeded,
                    "it has more than " + std::to_string(bounds_.members) + " members, which is the limit"};
        }
        compressed_ = reader.is_compressed();
        if (compressed_ && static_cast<std::uint64_t>(member.size) > budget_.unpacked_bytes) return budget_.exceeded();
        // NOLINTNEXTLINE(clang-analyzer-cplusplus.NewDeleteLeaks): it loses what a moved status owns
        REFRACT_TRY(add(reader, member));
    }
}

status archive_storage::add(tar_reader& from, const tar_reader::member& member) {
    const bool own = member.path == "index.json" || member.path == "oci-layout";
    if (!own && blob_digest(member.path).empty()) return {};
    const auto [at, fresh] = parts_.try_emplace(member.path);
    if (!fresh) {
        return own ? status(status_code::ambiguous,
                            "it has more than one " + member.path + ", so it can be read in two ways")
                   : status();
    }
    part& of = at->second;
    of.begin = member.begin;
    of.size = member.size;
    of.regular = member.regular;
    if (!compressed_ || !of.regular) return {};
    of.opaque = static_cast<std::uint64_t>(of.size) > document_bytes_;
    return of.opaque ? status() : keep(from, of, own).in(member.path);
}

/// Holds a document of a compressed archive, as far as there is room; index.json, which is read again and again,
/// always.
status archive_storage::keep(tar_reader& from, part& of, bool always) {
    const bool fits = always || static_cast<std::uint64_t>(of.size) + kept_bytes_ <= bounds_.kept_bytes;
    status done = from.data(document_bytes_, [&](std::span<const std::byte> bytes) -> status {
        of.text.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
        of.opaque = !begins_document(of.text);
        return of.opaque || !fits ? status(status_code::cancelled, "not kept") : status();
    });
    of.kept = done.ok();
    if (!of.kept) of.text = {};
    kept_bytes_ += of.text.size();
    return of.opaque || !fits ? status() : std::move(done);
}

status archive_storage::stream_member(const std::string& path, const part& of, std::uint64_t most, const sink& to) {
    auto opened =
        compressed_ ? tar_reader::open(file_.get(), budget_) : tar_reader::open_plain(file_.get(), of.begin, budget_);
    if (opened.failed()) return std::move(opened).take();
    tar_reader::member member;
    for (;;) {
        REFRACT_ASSIGN(auto more, opened.value()->next(member));
        if (!more || member.begin > of.begin) {
            return {status_code::malformed, "the archive was changed while it was read"};
        }
        if (member.begin < of.begin) continue;
        if (member.path != path) return {status_code::malformed, "the archive was changed while it was read"};
        return opened.value()->data(most, to);
    }
}

}  // namespace

result<std::unique_ptr<storage>> open_archive(file_handle file, const limits& limits, const layout_limits& bounds,
                                              const std::atomic<bool>* cancelled) {
    auto made = std::make_unique<archive_storage>(std::move(file), limits, bounds, cancelled);
    REFRACT_TRY(made->read_members());
    return std::unique_ptr<storage>(std::move(made));
}

}  // namespace refract::layout
