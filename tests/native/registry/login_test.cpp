// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "base/limits.h"
#include "registry/client_fixture.h"

namespace refract::registry {
namespace {

using testing::AllOf;
using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;
using testing::SizeIs;

std::vector<std::string> scopes_of(const std::string& target) {
    std::vector<std::string> found;
    for (auto at = target.find("scope="); at != std::string::npos; at = target.find("scope=", at + 1)) {
        const auto begin = at + 6;
        found.push_back(target.substr(begin, std::min(target.find('&', begin), target.size()) - begin));
    }
    return found;
}

class Scopes : public Client {
protected:
    void SetUp() override {
        Client::SetUp();
        options.allowed = {issuer.host()};
        issuer.answer("/", server::reply{200, "", R"({"token":"t"})", false});
        upstream.answer("/v2/", server::reply{200, "", manifest, false});
    }
    /// The scopes of each token that was asked for.
    std::vector<std::vector<std::string>> scopes_for(const std::string& scope) {
        upstream.demand("Bearer t", challenge_for(scope));
        EXPECT_EQ(failure(asking(kind::manifest, "v1")), "");
        std::vector<std::vector<std::string>> all;
        for (const auto& target : issuer.targets()) all.push_back(scopes_of(target));
        return all;
    }
    std::string challenge_for(const std::string& scope) const {
        return "Bearer realm=\"" + issuer.url("/token") + "\",service=\"s\",scope=\"" + scope + '"';
    }

    server issuer;
    const std::string own = "repository%3Ateam%2Fapp%3Apull";
};

TEST_F(Scopes, OfAChallengeIsAskedForBesideOurs) {
    EXPECT_THAT(scopes_for("repository:mirrors/k8s/etcd:pull"),
                ElementsAre(ElementsAre(own, "repository%3Amirrors%2Fk8s%2Fetcd%3Apull")));
}

TEST_F(Scopes, ThatIsOursIsAskedForOnce) {
    EXPECT_THAT(scopes_for("repository:team/app:pull"), ElementsAre(ElementsAre(own)));
}

TEST_F(Scopes, NoneIsOurs) { EXPECT_THAT(scopes_for(""), ElementsAre(ElementsAre(own))); }

TEST_F(Scopes, NeverWrite) {
    EXPECT_THAT(
        scopes_for("repository:team/app:pull,push,delete repository:x:* repository:y:delete registry:catalog:*"),
        ElementsAre(ElementsAre(own, "repository%3Ax%3Apull", "registry%3Acatalog%3A%2A")));
}

TEST_F(Scopes, AreBounded) {
    std::string many;
    for (int i = 0; i < 100; ++i) many += "repository:r" + std::to_string(i) + ":pull ";
    const auto got = scopes_for(std::string(600, 'x') + " repository:a:b\x01:pull " + many);
    ASSERT_THAT(got, SizeIs(1));
    EXPECT_THAT(got[0], SizeIs(1 + lookup_limits{}.scopes));
    for (const auto& one : got[0]) EXPECT_LT(one.size(), lookup_limits{}.scope_bytes);
}

TEST_F(Scopes, KeepTheirTokens) {
    EXPECT_THAT(scopes_for("repository:other:pull"), SizeIs(1));
    EXPECT_EQ(failure(asking(kind::manifest, "v2")), "");
    EXPECT_THAT(issuer.asked(), SizeIs(1));
    EXPECT_THAT(upstream.asked(), SizeIs(3));
    // One more is asked for with those before, so that neither takes turns with the other.
    upstream.demand("Bearer t2", challenge_for("repository:team/app:metadata_read"));
    issuer.answer("/", server::reply{200, "", R"({"token":"t2"})", false});
    EXPECT_EQ(failure(asking(kind::manifest, "v3")), "");
    ASSERT_THAT(issuer.asked(), SizeIs(2));
    EXPECT_THAT(scopes_of(issuer.targets()[1]),
                ElementsAre(own, "repository%3Aother%3Apull", "repository%3Ateam%2Fapp%3Ametadata_read"));
}

TEST_F(Scopes, OfAnIdentityTokenGoTogether) {
    options.given[upstream.host()] = {"", "", "refresh", ""};
    upstream.demand("Bearer t", challenge_for("repository:other:pull"));
    EXPECT_EQ(failure(asking(kind::manifest, "v1")), "");
    ASSERT_THAT(issuer.asked(), SizeIs(1));
    EXPECT_THAT(issuer.asked()[0].body, HasSubstr("scope=" + own + "%20repository%3Aother%3Apull"));
}

/// All under way have the old token when it expires; the new one is for all of them.
TEST_F(Scopes, ManyRequestsOutliveTheirToken) {
    EXPECT_THAT(scopes_for(""), SizeIs(1));
    upstream.demand("Bearer new", challenge_for(""));
    issuer.answer("/", server::reply{200, "", R"({"token":"new"})", false});
    std::vector<oci::fetch_request> many(20, asking(kind::manifest, "v1"));
    for (const auto& one : ask(many)) EXPECT_TRUE(one.ok()) << one.why().message;
    EXPECT_THAT(issuer.asked(), SizeIs(2));
}

using Redirected = Client;

TEST_F(Redirected, ChallengeIsAnsweredWithThatHostsOwnCredentials) {
    server other;
    options.allowed = {other.host()};
    log_in(upstream.host(), "first", "secret");
    log_in(other.host(), "second", "other");
    upstream.answer("/v2/", server::reply{307, "Location: " + other.url("/v2/moved/manifests/v1") + "\r\n", "", false});
    other.answer("/v2/moved/", server::reply{200, "", manifest, false});
    other.demand(basic("second", "other"), "Basic realm=x");
    EXPECT_EQ(failure(asking(kind::manifest, "v1")), "");
    EXPECT_THAT(upstream.asked(), SizeIs(1)) << "it is not asked the way again";
    ASSERT_THAT(other.asked(), SizeIs(2));
    EXPECT_EQ(other.asked()[0].header("Authorization"), "");
}

TEST_F(Redirected, ChallengeIsAnsweredAnonymously) {
    server other;
    server issuer;
    options.allowed = {other.host(), issuer.host()};
    log_in(upstream.host(), "first", "secret");
    upstream.demand(basic("first", "secret"), "Basic realm=x");
    upstream.answer("/v2/", server::reply{307, "Location: " + other.url("/v2/moved/manifests/v1") + "\r\n", "", false});
    other.answer("/v2/moved/", server::reply{200, "", manifest, false});
    other.demand("Bearer t", "Bearer realm=\"" + issuer.url("/token") + "\",scope=\"repository:moved:pull\"");
    issuer.answer("/", server::reply{200, "", R"({"token":"t"})", false});
    EXPECT_EQ(failure(asking(kind::manifest, "v1")), "");
    ASSERT_THAT(issuer.asked(), SizeIs(1));
    EXPECT_EQ(issuer.asked()[0].header("Authorization"), "");
    EXPECT_THAT(scopes_of(issuer.targets()[0]), ElementsAre("repository%3Amoved%3Apull"));
    for (const auto& one : other.asked()) EXPECT_NE(one.header("Authorization"), basic("first", "secret"));
}

TEST_F(Redirected, RealmOfAnotherHostMayBePrivateOnlyIfAllowed) {
    server other;
    server issuer;
    options.allowed = {other.host()};
    upstream.answer("/v2/", server::reply{307, "Location: " + other.url("/v2/moved/manifests/v1") + "\r\n", "", false});
    other.demand("Bearer t", "Bearer realm=\"" + issuer.url("/token") + "\"");
    EXPECT_THAT(failure(asking(kind::manifest, "v1")), HasSubstr("private network"));
    EXPECT_THAT(issuer.asked(), IsEmpty());
}

TEST_F(Redirected, ChallengesAreCounted) {
    server other;
    options.allowed = {other.host()};
    log_in(other.host(), "second", "wrong");
    upstream.answer("/v2/", server::reply{307, "Location: " + other.url("/v2/moved/manifests/v1") + "\r\n", "", false});
    other.demand("Basic never", "Basic realm=x");
    EXPECT_THAT(failure(asking(kind::manifest, "v1")),
                AllOf(HasSubstr(other.host()), HasSubstr("refuses the credentials")));
    EXPECT_THAT(other.asked(), SizeIs(2));
}

/// Registries that do not say 401 to those whom they do not know.
class Hidden : public Client {
protected:
    void hide(int status, const std::string& challenge = "Basic realm=x") {
        upstream.answer("/v2/team/", server::reply{status, "", "", false});
        upstream.answer("/v2/", server::reply{401, "WWW-Authenticate: " + challenge + "\r\n", "", false});
    }
};

TEST_F(Hidden, IsAskedForAChallengeWhereCredentialsAreKnown) {
    for (const int status : {400, 401, 403, 404}) {
        repository.reset();
        upstream.forget();
        log_in(upstream.host(), "me", "secret");
        hide(status);
        EXPECT_THAT(failure(asking(kind::manifest, "v1")), Not(HasSubstr("there are none"))) << status;
        const auto asked = upstream.asked();
        ASSERT_THAT(asked, SizeIs(3)) << status;
        EXPECT_EQ(asked[1].target, "/v2/");
        EXPECT_EQ(asked[2].header("Authorization"), basic("me", "secret"));
    }
}

TEST_F(Hidden, IsAskedOnce) {
    log_in(upstream.host(), "me", "secret");
    upstream.answer("/v2/", server::reply{404, "", "", false});
    upstream.answer("/v2/team/app/manifests/v1", server::reply{200, "", manifest, false});
    ASSERT_EQ(failure(asking(kind::manifest, "v1")), "");
    std::vector<oci::fetch_request> many(20, asking(kind::presence, subject));
    for (const auto& one : ask(many)) EXPECT_EQ(one.why().code, status_code::missing);
    EXPECT_EQ(upstream.asked().size(), 22u) << "20 questions, what came before, and one for a challenge";
}

TEST_F(Hidden, ManyAreAskedAgain) {
    log_in(upstream.host(), "me", "secret");
    upstream.answer("/v2/team/app/manifests/v1", server::reply{200, "", manifest, false});
    ASSERT_EQ(failure(asking(kind::manifest, "v1")), "");
    hide(404);
    std::vector<oci::fetch_request> many(20, asking(kind::presence, subject));
    for (const auto& one : ask(many)) EXPECT_EQ(one.why().code, status_code::missing);
    std::size_t with = 0;
    std::size_t probes = 0;
    for (const auto& one : upstream.asked()) {
        with += one.header("Authorization") == basic("me", "secret") ? 1 : 0;
        probes += one.target == "/v2/" ? 1 : 0;
    }
    EXPECT_EQ(with, 20u);
    EXPECT_EQ(probes, 1u);
}

TEST_F(Hidden, IsNotAskedWithoutCredentials) {
    hide(404);
    EXPECT_EQ(code(asking(kind::manifest, "v1")), status_code::missing);
    EXPECT_THAT(upstream.targets(), ElementsAre("/v2/team/app/manifests/v1"));
    hide(403);
    EXPECT_THAT(failure(asking(kind::manifest, "v1")), HasSubstr("there are none"));
}

TEST_F(Hidden, ThatAsksForNothingIsSaid) {
    log_in(upstream.host(), "me", "secret");
    upstream.answer("/v2/", server::reply{403, "", "", false});
    EXPECT_THAT(failure(asking(kind::manifest, "v1")),
                AllOf(HasSubstr("there are credentials"), Not(HasSubstr("there are none"))));
}

TEST_F(Hidden, BrokenConfigurationHidesNothing) {
    options.docker_config = files.write("config.json", R"({"credsStore":"no-such-program"})");
    upstream.answer("/v2/", server::reply{404, "", "", false});
    EXPECT_EQ(code(asking(kind::manifest, "v1")), status_code::missing);
    upstream.answer("/v2/", server::reply{403, "", "", false});
    const auto got = ask(asking(kind::manifest, "v1"));
    EXPECT_EQ(got.why().code, status_code::denied);
    EXPECT_THAT(got.why().message, HasSubstr("docker-credential-no-such-program"));
}

TEST_F(Client, RegistryTokenIsSentAsItIs) {
    for (const std::string challenge : {"Bearer realm=\"http://127.0.0.1:1/never\"", "Basic realm=x"}) {
        repository.reset();
        upstream.forget();
        options.docker_config =
            files.write("config.json", R"({"auths":{")" + upstream.host() +
                                           R"(":{"registrytoken":"r","identitytoken":"i","auth":"bWU6cGFzcw=="}}})");
        upstream.demand("Bearer r", challenge);
        upstream.answer("/v2/", server::reply{200, "", manifest, false});
        EXPECT_EQ(failure(asking(kind::manifest, "v1")), "");
        upstream.demand("Bearer other", challenge);
        EXPECT_THAT(failure(asking(kind::manifest, "v1")), HasSubstr("refuses the credentials"));
        EXPECT_THAT(upstream.asked(), SizeIs(3));
    }
}

TEST_F(Client, AsksForNoEncoding) {
    upstream.answer("/v2/", server::reply{200, "", manifest, false});
    EXPECT_EQ(failure(asking(kind::manifest, "v1")), "");
    EXPECT_EQ(upstream.asked()[0].header("Accept-Encoding"), "identity");
}

}  // namespace
}  // namespace refract::registry
