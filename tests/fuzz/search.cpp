// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What a registry may answer to the search of a pull: the documents between bytes of 255, in turn, to whatever is
// asked. What is found is written down, and read again as the same.
#include "resolve/search.h"
#include "oci/digest.h"

using namespace refract;

namespace {

constexpr std::uint8_t between = 0xff;  // never in a document: it is no UTF-8

std::vector<std::string> documents_in(std::span<const std::uint8_t> data) {
    std::vector<std::string> documents(1);
    for (const auto byte : data) {
        if (byte == between) {
            documents.emplace_back();
        } else {
            documents.back() += static_cast<char>(byte);
        }
    }
    return documents;
}

}  // namespace

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
    const auto documents = documents_in({data, size});
    const std::string image = "sha256:" + std::string(64, 'a');
    resolve::request request;
    request.fetch_references = true;
    resolve::search search(request, {resolve::every_source, true});
    search.begin({image, nullptr}, nullptr);
    std::size_t asked = 0;
    for (;;) {
        const auto round = search.next();
        if (round.failed()) return 0;  // refused, or over a limit
        if (round.value().empty()) break;
        for (std::size_t number = 0; number < round.value().size(); ++number) {
            const std::string& with = documents[asked++ % documents.size()];
            const status told = with.empty() ? search.answer(number, error{status_code::missing, "not there"})
                                             : search.answer(number, with);
            if (told.failed()) return 0;
        }
        if (asked > 10'000) __builtin_trap();  // it ends by itself
    }
    if (search.tree().size() > 1 + 2 * search.all().references.size() + search.all().references.size())
        __builtin_trap();
    const std::string record = search.record();
    if (record.empty()) return 0;

    const auto digest = oci::sha256_digest(std::as_bytes(std::span(record)));
    if (digest.failed()) __builtin_trap();
    resolve::search again(request, {});
    again.begin({image, nullptr}, nullptr);
    if (again.recall(digest.value(), std::as_bytes(std::span(record))).failed()) __builtin_trap();
    if (again.record() != record) __builtin_trap();
    return 0;
}
