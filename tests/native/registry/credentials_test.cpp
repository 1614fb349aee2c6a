// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/auth/credentials.h"

#include <gmock/gmock.h>

#include "directory.h"
#include "oci/base64.h"
#include "registry/canary.h"

namespace refract::registry {
namespace {

using testing::HasSubstr;
using testing::Not;

using test::canary;

std::string auth(const std::string& pair) { return R"({"auth":")" + oci::encode_base64(pair) + R"("})"; }

class Credentials : public testing::Test {
protected:
    /// What a config.json of this text says of a repository.
    result<credentials> find(const std::string& text, const std::string& host, const std::string& repository = "app") {
        REFRACT_ASSIGN(auto store, credential_store::open(files.write("config.json", text)));
        return store.find(host, repository);
    }
    std::string found(const std::string& text, const std::string& host, const std::string& repository = "app") {
        auto got = find(text, host, repository);
        if (got.failed()) return "error: " + got.why().message;
        if (got.value().empty()) return "none";
        if (!got.value().registry_token.empty()) return "registry token " + got.value().registry_token;
        if (!got.value().identity_token.empty()) return "token " + got.value().identity_token;
        return got.value().username + " " + got.value().password;
    }

    test::directory files;
    test::variable environment{"DOCKER_AUTH_CONFIG", std::nullopt};
};

TEST_F(Credentials, Auth) {
    EXPECT_EQ(found(R"({"auths":{"host.example":)" + auth("me:pass") + "}}", "host.example"), "me pass");
    EXPECT_EQ(found(R"({"auths":{"host.example":)" + auth("me:pa:ss:") + "}}", "host.example"), "me pa:ss:");
    EXPECT_EQ(found(R"({"auths":{"host.example":)" + auth("me:") + "}}", "host.example"), "me ");
    EXPECT_EQ(found(R"({"auths":{"host.example":)" + auth(std::string("me:pass\0\0", 9)) + "}}", "host.example"),
              "me pass");
    EXPECT_EQ(found(R"({"auths":{"host.example":{"username":"me","password":"pass"}}})", "host.example"), "me pass");
    EXPECT_EQ(
        found(R"({"auths":{"host.example":{"identitytoken":"t","auth":")" + oci::encode_base64("0000:") + R"("}}})",
              "host.example"),
        "token t");
    EXPECT_EQ(found(R"({"auths":{"host.example":{}}})", "host.example"), "none");
    EXPECT_EQ(found(R"({"auths":null,"credHelpers":null,"credsStore":""})", "host.example"), "none");
    EXPECT_EQ(found("{}", "host.example"), "none");
    EXPECT_EQ(found("", "host.example"), "none");
    EXPECT_EQ(found(" \n", "host.example"), "none");
}

TEST_F(Credentials, RegistryToken) {
    EXPECT_EQ(found(R"({"auths":{"host.example":{"registrytoken":"t"}}})", "host.example"), "registry token t");
    EXPECT_EQ(
        found(R"({"auths":{"host.example":{"registrytoken":"t","auth":")" + oci::encode_base64("me:pass") + R"("}}})",
              "host.example"),
        "registry token t");
    EXPECT_THAT(found(R"({"auths":{"host.example":{"registrytoken":"t\r\nX: y"}}})", "host.example"),
                HasSubstr("control characters"));
}

TEST_F(Credentials, AuthInSeveralLinesOrUnpadded) {
    const std::string secret(100, 'p');
    const std::string whole = oci::encode_base64("me:" + secret);
    const std::string expected = "me " + secret;
    for (const std::string& auth :
         {whole, whole + "\\n", whole + "\\r\\n", "\\n " + whole + "\\t",
          whole.substr(0, 76) + "\\n" + whole.substr(76) + "\\n", whole.substr(0, whole.find('='))}) {
        EXPECT_EQ(found(R"({"auths":{"host.example":{"auth":")" + auth + R"("}}})", "host.example"), expected) << auth;
    }
}

TEST_F(Credentials, OfTheEnvironmentGoFirst) {
    const std::string text =
        R"({"auths":{"host.example":)" + auth("file:1") + R"(,"other.example":)" + auth("file:2") + "}}";
    const test::variable given("DOCKER_AUTH_CONFIG", R"({"auths":{"https://host.example/v1/":)" + auth("env:3") +
                                                         R"(},"credsStore":"no-such-helper"})");
    EXPECT_EQ(found(text, "host.example"), "env 3");
    EXPECT_EQ(found(text, "other.example"), "file 2");
    EXPECT_EQ(found(R"({"credsStore":"no-such-helper"})", "host.example"), "env 3") << "no helper is asked then";
    EXPECT_THAT(found(R"({"credsStore":"no-such-helper"})", "other.example"), HasSubstr("there is no program"));
}

TEST_F(Credentials, OfTheEnvironmentThatCannotBeReadArePassedOver) {
    const std::pair<std::string, const char*> cases[] = {
        {R"({"auths":{"host.example":)" + auth(canary) + "}}", "no colon"},
        {R"({"auths":{"host.example":{"auth":"c4n4ry-s3cret!"}}})", "not base64"},
        {R"({"auths":["c4n4ry-s3cret"]})", "want an object"},
        {R"({"auths":{}} c4n4ry-s3cret)", ""},
    };
    for (const auto& [text, why] : cases) {
        const test::variable given("DOCKER_AUTH_CONFIG", text);
        for (const bool kept : {true, false}) {
            const std::string config = kept ? R"({"auths":{"host.example":)" + auth("file:1") + "}}" : "{}";
            auto store = credential_store::open(files.write("config.json", config));
            ASSERT_TRUE(store.ok());
            auto got = store.value().find("host.example", "app");
            ASSERT_TRUE(got.ok());
            EXPECT_EQ(got.value().username, kept ? "file" : "");
            EXPECT_THAT(store.value().unread(), HasSubstr("DOCKER_AUTH_CONFIG"));
            EXPECT_THAT(store.value().unread(), HasSubstr(why));
            EXPECT_THAT(store.value().unread(), Not(HasSubstr(canary)));
        }
    }
    const test::variable blank("DOCKER_AUTH_CONFIG", " \n");
    EXPECT_EQ(found("{}", "host.example"), "none");
}

TEST_F(Credentials, KeysOfHosts) {
    const auto with = [](const std::string& key) { return R"({"auths":{")" + key + R"(":)" + auth("me:pass") + "}}"; };
    for (const char* const key :
         {"host.example", "https://host.example", "https://host.example/v1/", "http://host.example/v2/",
          "host.example/v1/", "HOST.example", "host.example/", "https://user@host.example/v1/"}) {
        EXPECT_EQ(found(with(key), "host.example"), "me pass") << key;
        EXPECT_EQ(found(with(key), "host.example:443"), "none") << key;
        EXPECT_EQ(found(with(key), "evil.example"), "none") << key;
        EXPECT_EQ(found(with(key), "host.example.evil.example"), "none") << key;
    }
    EXPECT_EQ(found(with("https://host.example:5000/v1/"), "host.example:5000"), "me pass");
    EXPECT_EQ(found(with("https://[::1]:5000/v1/"), "[::1]:5000"), "me pass");
    // Where a request would go is what counts, not where the text begins.
    EXPECT_EQ(found(with("https://host.example@evil.example/v1/"), "host.example"), "none");
    EXPECT_EQ(found(with("https://"), ""), "none");
    for (const char* const key :
         {"https://index.docker.io/v1/", "docker.io", "index.docker.io", "registry-1.docker.io", "https://docker.io"}) {
        for (const char* const host : {"docker.io", "index.docker.io", "registry-1.docker.io"}) {
            EXPECT_EQ(found(with(key), host), "me pass") << key << ' ' << host;
        }
        EXPECT_EQ(found(with(key), "docker.io.example"), "none") << key;
    }
    // The key as it stands goes before those that only mean the same.
    EXPECT_EQ(found(R"({"auths":{"https://host.example":)" + auth("a:1") + R"(,"host.example":)" + auth("b:2") +
                        R"(,"http://host.example":)" + auth("c:3") + "}}",
                    "host.example"),
              "b 2");
}

TEST_F(Credentials, Namespaces) {
    const std::string text = R"({"auths":{"host.example/team":)" + auth("team:1") + R"(,"host.example":)" +
                             auth("all:2") + R"(,"host.example/team/app":)" + auth("app:3") +
                             R"(,"docker.io/library":)" + auth("hub:4") + R"(,"host.example/team/empty":{}}})";
    EXPECT_EQ(found(text, "host.example", "team/app"), "app 3");
    EXPECT_EQ(found(text, "host.example", "team/app/more"), "app 3");
    EXPECT_EQ(found(text, "host.example", "team/apple"), "team 1");
    EXPECT_EQ(found(text, "host.example", "team"), "team 1");
    EXPECT_EQ(found(text, "host.example", "team/empty"), "team 1");
    EXPECT_EQ(found(text, "host.example", "teams/app"), "all 2");
    EXPECT_EQ(found(text, "host.example", ""), "all 2");
    EXPECT_EQ(found(text, "registry-1.docker.io", "library/alpine"), "hub 4");
    EXPECT_EQ(found(text, "docker.io", "team/app"), "none");
}

TEST_F(Credentials, ErrorsNameFileAndKeyButNoSecret) {
    const std::string secret = canary;
    const std::pair<std::string, const char*> cases[] = {
        {auth(secret), "no colon"},
        {R"({"auth":")" + secret + R"(!"})", "not base64"},
        {auth("me:" + secret + "\nX: y"), "control characters"},
        {auth("me\r:" + secret), "control characters"},
        {R"({"username":"me","password":")" + secret + R"(\u0000"})", "control characters"},
        {R"({"username":"me:you","password":")" + secret + R"("})", "colon"},
        {R"({"identitytoken":")" + secret + R"(\n"})", "control characters"},
        {R"({"username":"me","password":[")" + secret + R"("]})", "want a string, got an array"},
        {R"({"auth":"","auth":")" + secret + R"("})", "twice"},
        {R"({"Auth":")" + secret + R"("})", "by case only"},
        {R"([")" + secret + R"("])", "want an object"},
    };
    for (const auto& [entry, why] : cases) {
        const auto got =
            find(R"({"auths":{"https://user:c4n4ry-s3cret@host.example/v1/":)" + entry + "}}", "host.example");
        ASSERT_TRUE(got.failed()) << entry;
        EXPECT_THAT(got.why().message, HasSubstr(files.path("config.json")));
        EXPECT_THAT(got.why().message, HasSubstr(R"(auths["host.example/v1/"])"));
        EXPECT_THAT(got.why().message, HasSubstr(why));
        EXPECT_THAT(got.why().message, Not(HasSubstr(canary)));
        EXPECT_THAT(got.why().message, Not(HasSubstr(oci::encode_base64(secret).substr(0, 12))));
        EXPECT_THAT(got.why().message, Not(HasSubstr("\n")));
    }
    // Only those that are asked for are decoded: one bad entry is not everybody's.
    EXPECT_EQ(found(R"({"auths":{"bad.example":{"auth":"!"},"host.example":)" + auth("me:pass") + "}}", "host.example"),
              "me pass");
}

TEST_F(Credentials, Malformed) {
    const std::string secret = canary;
    for (const std::string& text :
         {R"({"auths":{"host.example":{"auth":")" + secret, std::string("[]"), std::string("null"),
          R"({"auths":[")" + secret + R"("]})", R"({"credsStore":{"x":")" + secret + R"("}})",
          R"({"credHelpers":{"host.example":[")" + secret + R"("]}})", std::string(R"({"auths":{},"auths":{}})"),
          std::string(R"({"auths":{"a":{},"a":{}}})"), std::string(R"({"Auths":{}})"), "\xEF\xBB\xBF{}" + std::string(),
          std::string("{\"auths\":{\"\xFF\":{}}}")}) {
        const auto got = find(text, "host.example");
        ASSERT_TRUE(got.failed()) << text;
        EXPECT_THAT(got.why().message, HasSubstr(files.path("config.json")));
        EXPECT_THAT(got.why().message, Not(HasSubstr(canary)));
    }
    const auto long_one = find(R"({"x":")" + std::string(4u << 20, 'x') + R"("})", "host.example");
    ASSERT_TRUE(long_one.failed());
    EXPECT_EQ(long_one.why().code, status_code::limit_exceeded);
    EXPECT_THAT(long_one.why().message, HasSubstr("4194304"));
    const auto deep = find(R"({"x":)" + std::string(1000, '[') + std::string(1000, ']') + "}", "host.example");
    ASSERT_TRUE(deep.failed());
    EXPECT_EQ(deep.why().code, status_code::limit_exceeded);
}

/// Which of the files is read.
class Places : public Credentials {
protected:
    std::string file() {
        auto store = credential_store::open("");
        if (store.failed()) return "error: " + store.why().message;
        return store.value().file();
    }
    std::string put(const std::string& name) const { return files.write(name, "{}"); }

    test::variable home{"HOME", files.path("home")};
    test::variable auth_file{"REGISTRY_AUTH_FILE", std::nullopt};
    test::variable docker{"DOCKER_CONFIG", std::nullopt};
    test::variable runtime{"XDG_RUNTIME_DIR", std::nullopt};
    test::variable config{"XDG_CONFIG_HOME", std::nullopt};
};

TEST_F(Places, FirstFoundWins) {
    EXPECT_EQ(file(), "");
    const auto at_home = put("home/.config/containers/auth.json");
    EXPECT_EQ(file(), at_home);
    const test::variable config_home("XDG_CONFIG_HOME", files.path("xdg"));
    EXPECT_EQ(file(), "");
    const auto in_config_home = put("xdg/containers/auth.json");
    EXPECT_EQ(file(), in_config_home);
    const test::variable runtime_directory("XDG_RUNTIME_DIR", files.path("run"));
    EXPECT_EQ(file(), in_config_home);
    const auto in_runtime = put("run/containers/auth.json");
    EXPECT_EQ(file(), in_runtime);
    const auto in_docker = put("home/.docker/config.json");
    EXPECT_EQ(file(), in_docker);
    const test::variable docker_config("DOCKER_CONFIG", files.path("docker"));
    EXPECT_EQ(file(), in_runtime) << "$DOCKER_CONFIG stands for ~/.docker, as with docker";
    const auto in_docker_config = put("docker/config.json");
    EXPECT_EQ(file(), in_docker_config);
    const test::variable registry_auth("REGISTRY_AUTH_FILE", files.path("auth.json"));
    EXPECT_EQ(file(), in_docker_config);
    const auto named = put("auth.json");
    EXPECT_EQ(file(), named);
}

TEST_F(Places, NamedOne) {
    const auto named = put("auth.json");
    const auto in_directory = put("docker/config.json");
    EXPECT_EQ(credential_store::open(named).value().file(), named);
    EXPECT_EQ(credential_store::open(files.path("docker")).value().file(), in_directory);
    std::filesystem::create_directory(files.path("empty"));
    EXPECT_EQ(credential_store::open(files.path("empty")).value().file(), "");
    EXPECT_TRUE(credential_store::open(files.path("empty")).value().find("host.example", "app").value().empty());
    const auto gone = credential_store::open(files.path("gone"));
    ASSERT_TRUE(gone.failed());
    EXPECT_EQ(gone.why().code, status_code::invalid_argument) << "an image that is not there is something else";
    EXPECT_THAT(gone.why().message, HasSubstr("gone"));
    std::filesystem::create_directories(files.path("odd/config.json"));
    const auto odd = credential_store::open(files.path("odd"));
    ASSERT_TRUE(odd.failed());
    EXPECT_THAT(odd.why().message, HasSubstr("odd/config.json"));
}

}  // namespace
}  // namespace refract::registry
