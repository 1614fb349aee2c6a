// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/auth/credential_helper.h"

#include <fcntl.h>
#include <gmock/gmock.h>
#include <signal.h>
#include <unistd.h>

#include <cerrno>
#include <chrono>

#include "directory.h"
#include "oci/base64.h"
#include "registry/canary.h"

namespace refract::registry {
namespace {

using testing::HasSubstr;
using testing::Not;

using test::canary;

class Helper : public testing::Test {
protected:
    void write(const std::string& name, const std::string& body) const {
        files.program("docker-credential-" + name, "#!/bin/sh\n" + body + '\n');
    }
    std::string ask(const std::string& name, const std::string& server = "host.example") const {
        auto got = ask_helper(name, server, limits);
        if (got.failed()) return "error: " + got.why().message;
        if (got.value().empty()) return "none";
        if (!got.value().identity_token.empty()) return "token " + got.value().identity_token;
        return got.value().username + " " + got.value().password;
    }
    status_code code(const std::string& name, const std::string& server = "host.example") const {
        auto got = ask_helper(name, server, limits);
        return got.ok() ? status_code::ok : got.why().code;
    }
    static void expect_one_line_without_secret(const std::string& message) {
        EXPECT_THAT(message, HasSubstr("error: "));
        EXPECT_THAT(message, Not(HasSubstr(canary)));
        EXPECT_THAT(message, Not(HasSubstr("\n")));
    }

    test::directory files;
    test::variable path{"PATH", files.path() + ":" + std::getenv("PATH")};
    network_limits limits;
};

TEST_F(Helper, Answers) {
    write("plain", R"([ "$1" = get ] && [ $# = 1 ] || exit 9
host=$(cat); printf '{"ServerURL":"%s","Username":"me","Secret":"for %s"}\n' "$host" "$host")");
    EXPECT_EQ(ask("plain"), "me for host.example");
    EXPECT_EQ(ask("plain", "https://index.docker.io/v1/"), "me for https://index.docker.io/v1/");
    write("token", R"(echo '{"Username":"<token>","Secret":"refresh"}')");
    EXPECT_EQ(ask("token"), "token refresh");
    write("none", "echo 'credentials not found in native keychain'; exit 1");
    EXPECT_EQ(ask("none"), "none");
    write("deaf", R"(exec <&-; echo '{"Username":"me","Secret":"x"}')");
    EXPECT_EQ(ask("deaf"), "me x");
    write("odd-Name_1.2", R"(echo '{"Username":"me","Secret":"x"}')");
    EXPECT_EQ(ask("odd-Name_1.2"), "me x");
}

TEST_F(Helper, Names) {
    write("fine", "echo '{}'");
    for (const char* const name : {"", "../fine", "a/b", "/bin/sh", "a b", "a;b", "$(x)", "a\n", "-\xC3\xA4"}) {
        EXPECT_EQ(code(name), status_code::invalid_argument) << name;
    }
    EXPECT_EQ(code(std::string(129, 'a')), status_code::invalid_argument);
    EXPECT_EQ(code("fine", ""), status_code::invalid_argument);
    EXPECT_EQ(code("fine", "host\nother"), status_code::invalid_argument);
    EXPECT_EQ(code("fine", std::string(5000, 'h')), status_code::invalid_argument);
}

TEST_F(Helper, Failures) {
    EXPECT_EQ(code("is-not-there"), status_code::denied) << "not missing, as an image may be";
    EXPECT_THAT(ask("is-not-there"), HasSubstr("docker-credential-is-not-there"));
    files.write("docker-credential-no-program", "text");
    EXPECT_NE(code("no-program"), status_code::ok);

    const std::string secret = canary;
    write("fails", "echo " + secret + "; exit 3");
    EXPECT_EQ(code("fails"), status_code::denied);
    EXPECT_THAT(ask("fails"), HasSubstr("exit code 3"));
    EXPECT_THAT(ask("fails"), HasSubstr("echo host.example | docker-credential-fails get"));
    expect_one_line_without_secret(ask("fails"));
    write("killed", "echo " + secret + "; kill -TERM $$");
    EXPECT_EQ(code("killed"), status_code::denied);
    EXPECT_THAT(ask("killed"), HasSubstr("signal 15"));
    expect_one_line_without_secret(ask("killed"));
    // It answered, but it failed: that is no answer.
    write("lies", R"(echo '{"Username":"me","Secret":"x"}'; exit 1)");
    EXPECT_EQ(code("lies"), status_code::denied);
    write("silent", "exit 0");
    EXPECT_EQ(code("silent"), status_code::malformed);
}

TEST_F(Helper, MalformedAnswers) {
    const std::string secret = canary;
    for (const std::string& text :
         {secret, R"({"Username":"me","Secret":")" + secret, R"([")" + secret + R"("])",
          R"({"Username":"me","Secret":[")" + secret + R"("]})", R"({"Username":"me","Secret":")" + secret + R"(\n"})",
          R"({"Username":"me\r","Secret":")" + secret + R"("})", R"({"Username":"m:e","Secret":")" + secret + R"("})",
          R"({"Username":"me","Secret":"","Secret":")" + secret + R"("})",
          R"({"Username":"me","secret":")" + secret + R"("})",
          R"({"Username":"me","Secret":")" + secret + R"("} more)"}) {
        files.write("answer", text);
        write("odd", "cat '" + files.path("answer") + "'");
        EXPECT_NE(code("odd"), status_code::ok) << text;
        EXPECT_THAT(ask("odd"), HasSubstr("docker-credential-odd"));
        expect_one_line_without_secret(ask("odd"));
    }
}

/// Whether a process is gone, or only waits to be reaped by whoever inherited it.
bool ended(const test::directory& files, const std::string& pid_file) {
    const std::string pid = files.read(pid_file);
    if (pid.empty()) return false;
    std::ifstream file("/proc/" + std::to_string(std::stoi(pid)) + "/stat");
    std::string line;
    if (!std::getline(file, line)) return true;
    const auto name_end = line.rfind(") ");
    return name_end != std::string::npos && line.size() > name_end + 2 && line[name_end + 2] == 'Z';
}

bool ends(const test::directory& files, const std::string& pid_file) {
    const auto deadline = std::chrono::steady_clock::now() + std::chrono::seconds(20);
    while (!ended(files, pid_file)) {
        if (std::chrono::steady_clock::now() > deadline) return false;
    }
    return true;
}

TEST_F(Helper, HangingIsKilledWithAllThatItStarted) {
    limits.helper_timeout = 3000;
    const std::string own = files.path("own");
    const std::string child = files.path("child");
    write("hangs", "trap '' TERM HUP INT; sleep 1000 & echo $! >'" + child + "'; echo $$ >'" + own + "'; wait");
    const auto begin = std::chrono::steady_clock::now();
    const auto answer = ask_helper("hangs", "host.example", limits);
    EXPECT_LT(std::chrono::steady_clock::now() - begin, std::chrono::seconds(60));
    ASSERT_TRUE(answer.failed());
    EXPECT_EQ(answer.why().code, status_code::unreachable);
    EXPECT_THAT(answer.why().message, HasSubstr("3000 ms"));
    EXPECT_EQ(::kill(std::stoi(files.read("own")), 0), -1) << "not reaped";
    EXPECT_EQ(errno, ESRCH);
    EXPECT_TRUE(ends(files, "child"));
    // It closed its output, but does not end.
    write("lingers", "exec >&-; echo $$ >'" + own + "'; exec sleep 1000");
    EXPECT_EQ(code("lingers"), status_code::unreachable);
    EXPECT_TRUE(ends(files, "own"));
}

TEST_F(Helper, EndlessOutputIsCutOff) {
    write("endless", "echo $$ >'" + files.path("own") + "'; while :; do echo '" + std::string(100, 'x') + "'; done");
    EXPECT_EQ(code("endless"), status_code::limit_exceeded);
    EXPECT_TRUE(ends(files, "own"));
    limits.token_bytes = 40;
    write("exact", "printf '{\"Username\":\"me\",\"Secret\":\"0123456789\"}'");  // 39 bytes
    EXPECT_EQ(ask("exact"), "me 0123456789");
    limits.token_bytes = 38;
    EXPECT_EQ(code("exact"), status_code::limit_exceeded);
}

TEST_F(Helper, InheritsNothingOpen) {
    // Deliberately without O_CLOEXEC, as other libraries in the process may do.
    const int open_one = ::open(files.write("secret", "x").c_str(), O_RDONLY);
    ASSERT_GE(open_one, 0);
    write("lists", R"(open=$(ls -l /proc/$$/fd | grep -c refract-test.*secret); cat >/dev/null
echo "{\"Username\":\"open\",\"Secret\":\"$open\"}")");
    EXPECT_EQ(ask("lists"), "open 0");
    ::close(open_one);
}

TEST_F(Helper, LeavesNothingOpen) {
    const auto open_files = [] {
        std::size_t count = 0;
        for (const auto& entry : std::filesystem::directory_iterator("/proc/self/fd")) count += entry.exists() ? 1 : 0;
        return count;
    };
    write("fine", R"(echo '{"Username":"me","Secret":"x"}')");
    const auto before = open_files();
    for (int i = 0; i < 20; ++i) {
        EXPECT_EQ(ask("fine"), "me x");
        EXPECT_EQ(code("is-not-there"), status_code::denied) << "not missing, as an image may be";
    }
    EXPECT_EQ(open_files(), before);
}

TEST_F(Helper, WhichOneAStoreAsks) {
    write("one", R"(host=$(cat); echo "{\"Username\":\"one\",\"Secret\":\"$host\"}")");
    write("all", R"(host=$(cat); case $host in known.example|https://index.docker.io/v1/)
echo "{\"Username\":\"all\",\"Secret\":\"$host\"}";;
*) echo 'credentials not found in native keychain'; exit 1;; esac)");
    write("none", "echo 'credentials not found in native keychain'; exit 1");
    const std::string kept = R"({"auth":")" + oci::encode_base64("file:kept") + R"("})";
    const auto config = files.write(
        "config.json",
        R"({"credsStore":"all","credHelpers":{"one.example":"one","https://two.example/v1/":"one","none.example":"none",)"
        R"("bad.example":"../one","off.example":"","gone.example":"gone"},"auths":{"one.example":)" +
            kept + R"(,"known.example":)" + kept + R"(,"other.example":)" + kept + R"(,"none.example":)" + kept +
            R"(,"off.example":)" + kept + "}}");
    auto store = credential_store::open(config);
    ASSERT_TRUE(store.ok());
    const auto found = [&](const std::string& host) {
        auto got = store.value().find(host, "app");
        if (got.failed()) return "error: " + got.why().message;
        return got.value().empty() ? "none" : got.value().username + " " + got.value().password;
    };
    EXPECT_EQ(found("one.example"), "one one.example");
    EXPECT_EQ(found("two.example"), "one two.example");
    EXPECT_EQ(found("known.example"), "all known.example");
    EXPECT_EQ(found("registry-1.docker.io"), "all https://index.docker.io/v1/");
    EXPECT_EQ(found("docker.io"), "all https://index.docker.io/v1/");
    EXPECT_EQ(found("other.example"), "file kept");
    EXPECT_EQ(found("unknown.example"), "none");
    EXPECT_EQ(found("none.example"), "none") << "a host's own helper answers alone";
    EXPECT_EQ(found("off.example"), "file kept") << "an empty name exempts a host from credsStore";
    EXPECT_THAT(found("gone.example"), HasSubstr(config));
    EXPECT_THAT(found("gone.example"), HasSubstr(R"(credHelpers["gone.example"]: there is no program)"));
    EXPECT_THAT(found("bad.example"), HasSubstr("does not name a credential helper"));
}

}  // namespace
}  // namespace refract::registry
