// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/client_fixture.h"

namespace refract::registry {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::SizeIs;

constexpr const char* no_referrers = R"({"schemaVersion":2,"manifests":[]})";

using Optional = Client;

TEST_F(Optional, IsTriedOnce) {
    for (const int status : {408, 429, 500, 502, 503, 504}) {
        upstream.answer("/v2/", server::reply{status, "Retry-After: 3600\r\n", "", false});
        upstream.forget();
        EXPECT_EQ(code(asking(kind::referrers, subject, &budget)), status_code::unreachable) << status;
        EXPECT_THAT(failure(asking(kind::tags, "", &budget)),
                    HasSubstr(status == 429 ? "too often" : std::to_string(status)));
        EXPECT_THAT(upstream.asked(), SizeIs(2)) << status;
    }
}

TEST_F(Optional, WhatIsNotIsTriedAgain) {
    upstream.answer("/v2/", {server::reply{503, "", "", false}, server::reply{200, "", manifest, false}});
    EXPECT_EQ(code(asking(kind::manifest, "v1")), status_code::ok);
    EXPECT_THAT(upstream.asked(), SizeIs(2));
}

TEST_F(Optional, RequestsAreCountedWithRedirectsPagesAndTokens) {
    server issuer;
    issuer.answer("/", server::reply{200, "", R"({"token":"t"})", false});
    upstream.demand("Bearer t", "Bearer realm=\"" + issuer.url("/token") + "\"");
    options.allowed = {issuer.host()};
    upstream.answer("/v2/team/app/tags/list?n=",
                    server::reply{307, "Location: /v2/team/app/tags/list?page=1\r\n", "", false});
    upstream.answer(
        "/v2/team/app/tags/list?page=1",
        server::reply{200, "Link: </v2/team/app/tags/list?page=2>; rel=next\r\n", R"({"tags":["a"]})", false});
    upstream.answer("/v2/team/app/tags/list?page=2", server::reply{200, "", R"({"tags":["b"]})", false});
    const auto got = ask(asking(kind::tags, "", &budget));
    ASSERT_TRUE(got.ok()) << got.why().message;
    EXPECT_THAT(got.value().tags, ElementsAre("a", "b"));
    // The refusal, the token, the redirect, and two pages.
    EXPECT_EQ(budget.requests, 95u);
    EXPECT_EQ(upstream.asked().size() + issuer.asked().size(), 5u);

    budget.requests = 2;
    const auto late = ask(asking(kind::tags, "", &budget));
    ASSERT_TRUE(late.failed());
    EXPECT_EQ(late.why().code, status_code::limit_exceeded);
    EXPECT_THAT(late.why().message, HasSubstr("budget of requests"));
    EXPECT_EQ(budget.requests, 0u);
}

TEST_F(Optional, NothingIsAskedWithoutBudgetOrTime) {
    upstream.answer("/v2/", server::reply{200, "", no_referrers, false});
    budget.requests = 0;
    EXPECT_EQ(code(asking(kind::referrers, subject, &budget)), status_code::limit_exceeded);
    budget = {10, clock::now()};
    const auto late = ask(asking(kind::referrers, subject, &budget));
    ASSERT_TRUE(late.failed());
    EXPECT_EQ(late.why().code, status_code::unreachable);
    EXPECT_THAT(late.why().message, HasSubstr("time for optional look-ups"));
    EXPECT_EQ(budget.requests, 10u);
    EXPECT_THAT(upstream.asked(), IsEmpty());
}

TEST_F(Optional, BudgetIsShared) {
    upstream.answer("/v2/", server::reply{200, "", no_referrers, false});
    budget.requests = 3;
    std::vector<oci::fetch_request> many(10, asking(kind::referrers, subject, &budget));
    std::size_t fine = 0;
    for (const auto& one : ask(many)) fine += one.ok() ? 1 : 0;
    EXPECT_EQ(fine, 3u);
    EXPECT_THAT(upstream.asked(), SizeIs(3));
}

TEST_F(Optional, EndsAtTheDeadline) {
    options.transport.limits.first_byte_timeout = options.transport.limits.stall_timeout = 600'000;
    upstream.answer("/v2/", server::reply{200, "", "", true});
    budget.deadline = clock::now() + std::chrono::milliseconds(300);
    std::vector<oci::fetch_request> many(3, asking(kind::referrers, subject, &budget));
    for (const auto& one : ask(many)) {
        ASSERT_TRUE(one.failed());
        EXPECT_EQ(one.why().code, status_code::unreachable);
        EXPECT_THAT(one.why().message, HasSubstr("time for optional look-ups"));
    }
}

TEST_F(Optional, SilentHostIsAskedOnce) {
    upstream.answer("/v2/", server::reply{200, "", "", true});
    upstream.answer("/v2/team/app/manifests/v1", server::reply{200, "", manifest, false});
    std::vector<oci::fetch_request> many(5, asking(kind::referrers, subject, &budget));
    for (const auto& one : ask(many)) EXPECT_TRUE(one.failed());
    const auto again = failure(asking(kind::tags, "", &budget));
    EXPECT_THAT(again, AllOf(HasSubstr(upstream.host()), HasSubstr("did not answer before")));
    EXPECT_THAT(upstream.asked(), SizeIs(1));
    // The image itself is asked for all the same, and shows that it is back.
    EXPECT_EQ(code(asking(kind::manifest, "v1")), status_code::ok);
    upstream.answer("/v2/", server::reply{200, "", no_referrers, false});
    EXPECT_EQ(code(asking(kind::referrers, subject, &budget)), status_code::ok);
}

TEST_F(Optional, RefusedConnectionIsRemembered) {
    std::string gone;
    {
        const server closed;
        gone = closed.host();
    }
    files.write("hosts/" + upstream.host() + "/hosts.toml",
                "server = \"" + upstream.url() + "\"\n[host.\"http://" + gone + "\"]\n");
    options.hosts_directories = files.path("hosts");
    upstream.answer("/v2/", server::reply{200, "", R"({"tags":[]})", false});
    EXPECT_EQ(code(asking(kind::tags, "", &budget)), status_code::ok);
    EXPECT_EQ(budget.requests, 98u);
    EXPECT_EQ(code(asking(kind::tags, "", &budget)), status_code::ok);
    EXPECT_EQ(budget.requests, 97u) << "the mirror that refused is not tried again";
}

TEST_F(Optional, NotFoundOfWhoServedTheImageIsTheAnswer) {
    const auto mirrored = std::make_unique<server>();
    server empty;
    mirror({&empty, mirrored.get()});
    mirrored->answer("/v2/team/app/manifests/v1", server::reply{200, "", manifest, false});
    ASSERT_EQ(code(asking(kind::manifest, "v1")), status_code::ok);
    empty.forget();
    for (const kind what : {kind::referrers, kind::tags, kind::presence}) {
        EXPECT_EQ(code(asking(what, what == kind::tags ? "" : subject, &budget)), status_code::missing);
    }
    EXPECT_THAT(empty.asked(), SizeIs(3)) << "it may know what is attached";
    EXPECT_THAT(upstream.asked(), IsEmpty());
    // What belongs to the image is looked for everywhere.
    EXPECT_EQ(code(asking(kind::presence, subject)), status_code::missing);
    EXPECT_THAT(upstream.asked(), SizeIs(1));
}

TEST_F(Optional, PagesComeFromOneHost) {
    server mirrored;
    mirror({&mirrored});
    mirrored.answer("/v2/team/app/tags", server::reply{405, "", "", false});
    upstream.answer("/v2/team/app/tags/list",
                    server::reply{200, "Link: </v2/team/app/tags/more>; rel=next\r\n", R"({"tags":["a"]})", false});
    upstream.answer("/v2/team/app/tags/more", server::reply{200, "", R"({"tags":["b"]})", false});
    const auto got = ask(asking(kind::tags, "", &budget));
    ASSERT_TRUE(got.ok()) << got.why().message;
    EXPECT_THAT(got.value().tags, ElementsAre("a", "b"));
    EXPECT_THAT(mirrored.asked(), SizeIs(1));
}

TEST_F(Optional, HelperEndsByTheDeadline) {
    files.program("bin/docker-credential-slow", "#!/bin/sh\nsleep 600\n");
    const test::variable path("PATH", files.path("bin") + ":" + std::getenv("PATH"));
    options.docker_config = files.write("config.json", R"({"credsStore":"slow"})");
    upstream.demand("Basic never", "Basic realm=x");
    budget.deadline = clock::now() + std::chrono::milliseconds(300);
    EXPECT_THAT(failure(asking(kind::referrers, subject, &budget)), HasSubstr("docker-credential-slow"));
}

struct no_list_case {
    server::reply with;
    status_code code;
    const char* words;
};

TEST_F(Client, WhatIsNoListSaysWhatCame) {
    const std::vector<no_list_case> cases{
        {{200, "Content-Type: text/html\r\n", "<html></html>", false}, status_code::unsupported, "HTML"},
        {{200, "", " <!doctype html>", false}, status_code::unsupported, "HTML"},
        {{200, "", "", false}, status_code::unsupported, "empty body"},
        {{204, "", "", false}, status_code::unsupported, "204"},
        {{200, "", "{}", false}, status_code::unsupported, "JSON that is none"},
        {{200, "", "[]", false}, status_code::unsupported, "JSON that is none"},
        {{200, "", "ok", false}, status_code::unsupported, "bytes that are none"},
        {{200, "", R"({"errors":[{"code":"UNSUPPORTED"}]})", false}, status_code::unsupported, "UNSUPPORTED"},
        {{200, "", R"({"manifests":)", false}, status_code::malformed, "JSON"},
        {{401, "", "", false}, status_code::denied, "credentials"},
        {{403, "", "", false}, status_code::denied, "credentials"},
        {{404, "", "", false}, status_code::missing, "does not have it"},
        {{405, "", "", false}, status_code::unsupported, "405"},
        {{406, "", "", false}, status_code::unsupported, "406"},
        {{415, "", "", false}, status_code::unsupported, "415"},
        {{429, "", "", false}, status_code::unreachable, "too often"},
        {{500, "", "", false}, status_code::unreachable, "500"},
    };
    for (const auto& [with, code, words] : cases) {
        upstream.answer("/v2/", with);
        for (const kind what : {kind::referrers, kind::tags}) {
            const auto got = ask(asking(what, what == kind::tags ? "" : subject, &budget));
            ASSERT_TRUE(got.failed()) << with.status << with.body;
            EXPECT_EQ(got.why().code, code) << with.status << with.body << got.why().message;
            EXPECT_THAT(got.why().message, AllOf(HasSubstr(words), HasSubstr(upstream.host())));
        }
    }
    upstream.answer("/v2/", server::reply{303, "Location: /login\r\n", "", false});
    upstream.answer("/login", server::reply{200, "Content-Type: text/html\r\n", "<p>", false});
    EXPECT_THAT(failure(asking(kind::referrers, subject, &budget)), HasSubstr("HTML"));
}

TEST_F(Client, NamesThatAreNoTagsArePassedOver) {
    const std::string longest(128, 'x');
    upstream.answer("/v2/", server::reply{200, "",
                                          R"({"tags":["-ot-beta",")" + subject + R"(","a","","b/c","b","ü",".x",")" +
                                              longest + R"(",")" + longest + R"(x"]})",
                                          false});
    const auto got = ask(asking(kind::tags, ""));
    ASSERT_TRUE(got.ok()) << got.why().message;
    EXPECT_THAT(got.value().tags, ElementsAre("a", "b", longest));
    EXPECT_TRUE(got.value().sorted);
    upstream.answer("/v2/", server::reply{200, "", R"({"tags":null})", false});
    EXPECT_THAT(ask(asking(kind::tags, "")).value().tags, IsEmpty());
}

}  // namespace
}  // namespace refract::registry
