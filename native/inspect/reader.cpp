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
        if (known != kept_.end()) {
            answers[number].value().documents.push_back(known->second);
        } else {
            open.push_back(question);
            numbers.push_back(number);
        }
    }
    if (open.empty()) return answers;
    auto came = from_.ask(open);
    for (std::size_t i = 0; i < came.size(); ++i) {
        if (came[i].ok() && is_by_digest(open[i])) keep(open[i].reference, came[i].value().documents.front());
        answers[numbers[i]] = std::move(came[i]);
    }
    return answers;
}

result<oci::fetch_response> reader::ask(const oci::fetch_request& question) {
    return std::move(ask(std::span(&question, 1)).front());
}

}  // namespace refract::inspect
