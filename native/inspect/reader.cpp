// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "inspect/reader.h"

namespace refract::inspect {
namespace {

/// Whether the question names the bytes that it is about.
bool is_by_digest(const oci::fetch_request& question) {
    const bool document =
        question.what == oci::fetch_request::kind::manifest || question.what == oci::fetch_request::kind::blob;
    return document && question.reference.find(':') != std::string::npos;
}

}  // namespace

std::vector<result<oci::fetch_response>> reader::ask(std::span<const oci::fetch_request> questions) {
    std::vector<result<oci::fetch_response>> answers(questions.size(),
                                                     result<oci::fetch_response>(oci::fetch_response{}));
    std::vector<oci::fetch_request> open;
    std::vector<std::size_t> numbers;
    for (std::size_t number = 0; number < questions.size(); ++number) {
        const oci::fetch_request& question = questions[number];
        const auto known = is_by_digest(question) ? kept_.find(question.reference) : kept_.end();
        const auto missing = missing_.find({question.what, question.reference});
        if (known != kept_.end()) {
            answers[number].value().documents.push_back(known->second.document->bytes());
        } else if (missing != missing_.end()) {
            answers[number] = missing->second;
        } else {
            open.push_back(question);
            numbers.push_back(number);
        }
    }
    if (open.empty()) return answers;
    auto came = from_.ask(open);
    for (std::size_t i = 0; i < came.size(); ++i) {
        if (is_by_digest(open[i])) note(open[i], came[i]);
        answers[numbers[i]] = std::move(came[i]);
    }
    return answers;
}

void reader::note(const oci::fetch_request& question, const result<oci::fetch_response>& came) {
    if (came.ok()) {
        keep(question.reference, came.value().documents.front());
    } else if (came.why().code == status_code::missing) {
        missing_.emplace(std::pair(question.what, question.reference), came.why());
    }
}

std::shared_ptr<resolve::shared_document> reader::keep(const std::string& digest, std::string bytes) {
    const auto [known, is_new] = kept_.try_emplace(digest);
    if (is_new) known->second.document = std::make_shared<resolve::shared_document>(digest, std::move(bytes));
    return share(known->second);
}

std::shared_ptr<resolve::shared_document> reader::find(std::string_view digest) {
    const auto known = kept_.find(digest);
    return known == kept_.end() ? nullptr : share(known->second);
}

/// Beyond the bound each who looks at a document parses it for itself: what was parsed takes more than the bytes.
std::shared_ptr<resolve::shared_document> reader::share(kept& one) {
    const auto& bytes = one.document->bytes();
    if (!one.is_shared && bytes.size() > shared_left_) {
        return std::make_shared<resolve::shared_document>(one.document->digest(), bytes);
    }
    if (!one.is_shared) shared_left_ -= bytes.size();
    one.is_shared = true;
    return one.document;
}

result<std::shared_ptr<resolve::shared_document>> reader::document(const oci::fetch_request& question) {
    if (auto known = find(question.reference)) return known;
    auto came = ask(question);
    if (came.failed()) return std::move(came).take();
    return find(question.reference);
}

result<oci::fetch_response> reader::ask(const oci::fetch_request& question) {
    return std::move(ask(std::span(&question, 1)).front());
}

}  // namespace refract::inspect
