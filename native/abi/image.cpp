// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "inspect/image.h"

#include <memory>
#include <optional>

#include "abi/client.h"
#include "abi/guard.h"
#include "abi/listing.h"
#include "abi/request.h"
#include "inspect/content.h"
#include "layout/layout.h"
#include "layout/place.h"

/// What one selection hands out, and what that points at.
struct refract_selected {
    explicit refract_selected(const refract::resolve::request& wanted) : request(wanted) {}

    refract::resolve::request request;
    std::unique_ptr<refract::resolve::walk> walk;
    std::optional<refract::abi::result_arrays> arrays;
    refract_result view{};
};

struct refract_image {
    std::shared_ptr<refract::abi::connections> connections;
    std::unique_ptr<refract::oci::repository> repository;
    std::unique_ptr<refract::inspect::image> image;
    std::string name;
    refract_root root{};
    std::unique_ptr<refract_selected> selected;
    const refract::inspect::listing* listing = nullptr;
    std::optional<refract::abi::listing_arrays> references;
};

namespace refract::abi {
namespace {

refract_document_kind kind_of(oci::media_kind kind) {
    return kind == oci::media_kind::index ? REFRACT_DOCUMENT_INDEX : REFRACT_DOCUMENT_MANIFEST;
}

result<std::unique_ptr<refract_image>> open(const refract_client& client, std::string_view text) {
    REFRACT_TRY(client.connections->check_cancelled());
    auto name = oci::parse_image_name(text);
    if (name.failed()) return std::move(name).take();
    if (name.value().is_layout()) name = layout::find_path(std::move(name).value());
    auto made = std::make_unique<refract_image>();
    made->connections = client.connections;
    const auto& limits = made->connections->limits;
    auto repository = name.value().is_layout()
                          ? layout::open_layout(name.value().repository, limits, {}, {}, &client.connections->cancelled)
                          : made->connections->client->open(name.value());
    if (repository.failed()) return std::move(repository).take();
    made->repository = std::move(repository).value();
    auto image = inspect::image::open(*made->repository, name.value(), limits);
    if (image.failed()) return std::move(image).take();
    made->image = std::move(image).value();
    made->name = name.value().text();
    const auto& root = made->image->root();
    made->root = {abi::text(made->name),
                  kind_of(root.kind),
                  {abi::text(root.media_type), abi::text(root.digest), {}, root.size(), nullptr},
                  root.bytes().data()};
    return made;
}

result<std::unique_ptr<refract_selected>> select(refract_image& in, const refract_request& wanted) {
    if (!in.image->is_index()) {
        return error{status_code::invalid_argument, in.name + " is a single manifest, " + in.image->root().digest +
                                                        ": there is nothing to select from"};
    }
    auto made = std::make_unique<refract_selected>(wanted.request);
    REFRACT_ASSIGN(auto walked, in.image->walk(made->request));
    made->walk = std::move(walked);
    made->view = made->arrays.emplace(*made->walk).view();
    const auto attached = resolve::find_attached(*made->walk);
    made->view.references_count = attached.references.size();
    made->view.unread_indexes_count = attached.unread_indexes;
    return made;
}

result<inspect::listing_request> read_options(const refract_list_options* from, const limits& limits) {
    inspect::listing_request made;
    made.limits = limits;
    if (from == nullptr) return made;
    REFRACT_TRY(check_version(from->abi_version));
    if ((from->sources & ~resolve::every_source) != 0) {
        return error{status_code::invalid_argument, "sources has bits that are no source"};
    }
    if (from->sources != 0) made.sources = from->sources;
    made.direct = from->direct != 0;
    made.scan_tags = from->scan_tags != 0;
    made.check_presence = from->check_presence != 0;
    made.type = view(from->type);
    made.artifact_type = view(from->artifact_type);
    if (from->platform != nullptr) made.platform = read_platform(*from->platform);
    return made;
}

status list(refract_image& in, const refract_list_options* options) {
    REFRACT_ASSIGN(auto request, read_options(options, in.connections->limits));
    in.references.reset();
    in.listing = nullptr;
    REFRACT_ASSIGN(auto listed, in.image->list(request));
    in.references.emplace(*listed, in.image->listed_walk(), in.root.descriptor);
    in.listing = listed;
    return {};
}

/// The caller's callback as a sink.
class writer {
public:
    writer(const connections& through, refract_write write, void* user)
        : through_(through), write_(write), user_(user) {}

    status operator()(std::span<const std::byte> bytes) const {
        REFRACT_TRY(through_.check_cancelled());
        const auto said = bytes.empty() ? 0 : write_(user_, bytes.data(), bytes.size());
        if (said == 0) return {};
        return {status_code::cancelled, "the callback answered " + std::to_string(said)};
    }

private:
    const connections& through_;
    refract_write write_;
    void* user_;
};

status get(refract_image& in, std::uint32_t number, std::uint32_t layer, const writer& to) {
    if (in.listing == nullptr)
        return {status_code::invalid_argument, "nothing was listed, so no reference has a number"};
    const auto& told = in.listing->told;
    if (number >= told.size()) {
        return {status_code::invalid_argument, "there is no reference " + std::to_string(number) +
                                                   ", the last list has " + std::to_string(told.size())};
    }
    auto opened =
        inspect::open_artifact(in.image->documents(), in.listing->references[told[number]], in.connections->limits);
    if (opened.failed()) return std::move(opened).take();
    const inspect::artifact& artifact = opened.value();
    const std::string what = "reference " + std::to_string(number);
    if (layer == REFRACT_WHOLE_MANIFEST) {
        if (artifact.manifest.empty()) {
            return {status_code::missing, what + " has no manifest: it is a plain blob or an annotation"};
        }
        return to(std::as_bytes(std::span(artifact.manifest)));
    }
    if (layer >= artifact.pieces.size()) {
        return {status_code::missing, what + " has no layer " + std::to_string(layer) + ", but " +
                                          std::to_string(artifact.pieces.size()) + " of them"};
    }
    const inspect::piece& piece = artifact.pieces[layer];
    if (piece.here) return to(std::as_bytes(std::span(piece.value)));
    const oci::blob blob{piece.digest, piece.size, to};
    return std::move(in.image->documents().read(std::span(&blob, 1)).front());
}

}  // namespace
}  // namespace refract::abi

using namespace refract;

extern "C" {

refract_status refract_image_open(refract_image** out, refract_client* client, const char* name, size_t name_size,
                                  refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        if (out == nullptr || client == nullptr) return abi::missing_argument("out and client");
        REFRACT_ASSIGN(auto opened, abi::open(*client, abi::view(name, name_size)));
        *out = std::move(opened).release();
        return {};
    });
}

void refract_image_free(refract_image* image) REFRACT_NOEXCEPT { delete image; }

refract_status refract_image_root(const refract_image* image, const refract_root** out,
                                  refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        if (image == nullptr || out == nullptr) return abi::missing_argument("image and out");
        *out = &image->root;
        return {};
    });
}

refract_status refract_image_select(refract_image* image, const refract_request* request, const refract_result** out,
                                    refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        if (image == nullptr || request == nullptr || out == nullptr) {
            return abi::missing_argument("image, request and out");
        }
        REFRACT_TRY(image->connections->check_cancelled());
        auto selected = abi::select(*image, *request);
        if (selected.failed()) return std::move(selected).take();
        image->selected = std::move(selected).value();
        *out = &image->selected->view;
        return {};
    });
}

refract_status refract_image_list(refract_image* image, const refract_list_options* options,
                                  const refract_references** out, refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        if (image == nullptr || out == nullptr) return abi::missing_argument("image and out");
        REFRACT_TRY(image->connections->check_cancelled());
        REFRACT_TRY(abi::list(*image, options));
        *out = &image->references->view();
        return {};
    });
}

refract_status refract_image_get(refract_image* image, uint32_t reference, uint32_t layer, refract_write write,
                                 void* user, refract_error* error) REFRACT_NOEXCEPT {
    return abi::guarded(error, [&]() -> status {
        if (image == nullptr || write == nullptr) return abi::missing_argument("image and write");
        const abi::writer to(*image->connections, write, user);
        return abi::get(*image, reference, layer, to);
    });
}

}  // extern "C"
