// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/remote_repository.h"

#include <algorithm>
#include <limits>

#include "base/printable.h"
#include "oci/content_check.h"
#include "oci/media_type.h"
#include "registry/pages.h"

namespace refract::registry {
namespace {

using kind = oci::fetch_request::kind;

/// Tags to a page; registries may give fewer.
constexpr std::string_view page_size = "1000";

error located(const std::string& what, error why) {
    why.message = what + ": " + why.message;
    return why;
}

}  // namespace

std::string remote_repository::describe(const oci::fetch_request& question) const {
    switch (question.what) {
        case kind::manifest:
        case kind::presence:
            return "manifest " + name_ + (question.reference.find(':') == std::string::npos ? ':' : '@') +
                   question.reference;
        case kind::blob:
            return "blob " + name_ + '@' + question.reference;
        case kind::referrers:
            return "referrers of " + name_ + '@' + question.reference;
        case kind::tags:
            break;
    }
    return "tags of " + name_;
}

job remote_repository::job_for(const oci::fetch_request& question) const {
    job next;
    next.registry = host_;
    next.repository = repository_;
    next.max_bytes = question.max_bytes;
    next.budget = question.budget;
    next.served = served_;
    switch (question.what) {
        case kind::presence:
            next.head = true;
            [[fallthrough]];
        case kind::manifest:
            next.target = target("/manifests/" + question.reference);
            next.accept = oci::accepted_documents();
            next.capability = question.reference.find(':') == std::string::npos ? &host::resolve : &host::pull;
            break;
        case kind::blob:
            next.target = target("/blobs/" + question.reference);
            break;
        case kind::referrers:
            next.accept = oci::default_type(oci::media_kind::index);
            next.capability = &host::referrers;
            if (question.page) {
                next.target = question.page->target;
                next.only = question.page->host;
                break;
            }
            next.target = target("/referrers/" + question.reference);
            if (!question.artifact_type.empty()) next.target += "?artifactType=" + escape_url(question.artifact_type);
            break;
        case kind::tags:
            next.target = target("/tags/list?n=") + std::string(page_size);
            if (!question.reference.empty()) next.target += "&last=" + escape_url(question.reference);
            next.capability = &host::resolve;
            break;
    }
    return next;
}

std::vector<result<oci::fetch_response>> remote_repository::ask(std::span<const oci::fetch_request> questions) {
    struct pending {
        std::size_t number;
        std::uint32_t page;
    };
    std::vector<result<oci::fetch_response>> answers(questions.size(),
                                                     result<oci::fetch_response>(oci::fetch_response{}));
    std::vector<pending> waiting;
    std::vector<job> jobs;
    std::uint64_t left = session_.limits().answers_bytes;
    for (std::size_t number = 0; number < questions.size(); ++number) {
        waiting.push_back({number, questions[number].page ? questions[number].page->number : 0});
        jobs.push_back(job_for(questions[number]));
        jobs.back().left = &left;
    }
    // Each round asks for one page of tags of every list that has one more.
    while (!jobs.empty()) {
        auto brought = session_.perform(jobs, hosts_);
        std::vector<pending> still_waiting;
        std::vector<job> next_jobs;
        for (std::size_t i = 0; i < jobs.size(); ++i) {
            const auto [number, page] = waiting[i];
            const oci::fetch_request& question = questions[number];
            auto& answer = answers[number];
            if (brought[i].failed()) {
                answer = located(describe(question), std::move(brought[i]).take());
                continue;
            }
            const std::size_t from = brought[i].value().host;
            // Of several that served parts of the image the last one counts: hosts before it did not have them.
            const bool is_image = question.what == kind::manifest || question.what == kind::presence;
            if (is_image && question.budget == nullptr) served_ = std::max(served_.value_or(0), from);
            auto next =
                add_page(question, jobs[i], std::move(brought[i]).value(), answer.value(), page, session_.limits());
            if (next.failed()) {
                answer = located(describe(question), std::move(next).take());
            } else if (next.value() && question.what == kind::referrers) {
                answer.value().next = oci::next_page{std::move(*next.value()), from, page + 1};
            } else if (next.value()) {
                still_waiting.push_back({number, page + 1});
                next_jobs.push_back(std::move(jobs[i]));
                next_jobs.back().target = *next.value();
                next_jobs.back().only = from;
            }
        }
        waiting = std::move(still_waiting);
        jobs = std::move(next_jobs);
    }
    return answers;
}

std::vector<std::string> remote_repository::notices() const {
    const std::string unread = unread_();
    if (unread.empty()) return {};
    return {unread + "; it was passed over"};
}

std::vector<status> remote_repository::read(std::span<const oci::blob> blobs) {
    std::vector<std::optional<oci::content_check>> checks(blobs.size());
    std::vector<status> done(blobs.size());
    std::vector<job> jobs;
    std::vector<std::size_t> numbers;
    const auto describe_blob = [&](const oci::blob& blob) { return "blob " + name_ + '@' + printable(blob.digest); };
    for (std::size_t number = 0; number < blobs.size(); ++number) {
        const oci::blob& blob = blobs[number];
        auto check = oci::content_check::of(blob.digest, blob.size);
        if (check.failed()) {
            done[number] = located(describe_blob(blob), std::move(check).take());
            continue;
        }
        auto& into = checks[number];
        into = std::move(check).value();
        job next;
        next.registry = host_;
        next.repository = repository_;
        next.target = target("/blobs/" + blob.digest);
        next.max_bytes = std::numeric_limits<std::uint64_t>::max();  // the check ends it at its own size
        next.sink = [&into, &blob](std::span<const std::byte> bytes) {
            REFRACT_TRY(into->update(bytes));
            return blob.sink(bytes);
        };
        jobs.push_back(std::move(next));
        numbers.push_back(number);
    }
    auto brought = session_.perform(jobs, hosts_);
    for (std::size_t i = 0; i < jobs.size(); ++i) {
        const std::size_t number = numbers[i];
        const std::string what = describe_blob(blobs[number]);
        if (brought[i].failed()) {
            done[number] = located(what, std::move(brought[i]).take());
        } else {
            done[number] = checks[number]->finish().in(what);
        }
    }
    return done;  // NOLINT(clang-analyzer-cplusplus.NewDeleteLeaks): it loses what a moved status owns
}

}  // namespace refract::registry
