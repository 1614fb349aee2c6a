// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

// What containerd 2.4.2 makes of the same files is the measure here: core/remotes/docker/config.
#include "registry/hosts/hosts.h"

#include <gmock/gmock.h>

#include "directory.h"
#include "registry/hosts/hosts_file.h"

namespace refract::registry {
namespace {

using testing::ElementsAre;
using testing::HasSubstr;
using testing::IsEmpty;
using testing::Not;

/// "https://host/v2 pull,resolve,referrers" and whatever else is not as usual.
std::string shown(const host& one) {
    std::string text = one.scheme + "://" + one.host + one.path;
    if (!one.pull) text += " no-pull";
    if (!one.resolve) text += " no-resolve";
    if (!one.referrers) text += " no-referrers";
    if (one.skip_verify) text += " skip-verify";
    if (one.http_fallback) text += " http-fallback";
    if (one.is_mirror) text += " mirror";
    if (one.dial_timeout_ms) text += " dial=" + std::to_string(*one.dial_timeout_ms);
    for (const auto& file : one.ca_files) text += " ca=" + file;
    for (const auto& [certificate, key] : one.client_certificates) text += " client=" + certificate + ',' + key;
    for (const auto& [name, value] : one.headers) text += ' ' + name + '=' + value;
    return text;
}

std::vector<std::string> shown(const result<std::vector<host>>& hosts) {
    if (hosts.failed()) return {"error: " + hosts.why().message};
    std::vector<std::string> texts;
    for (const auto& one : hosts.value()) texts.push_back(shown(one));
    return texts;
}

/// As the file has them, before defaults.
std::vector<std::string> parsed(std::string_view text, const std::string& directory = "/etc") {
    const auto hosts = parse_hosts_file(text, directory);
    if (hosts.failed()) return {"error: " + hosts.why().message};
    std::vector<std::string> texts;
    for (const auto& one : hosts.value()) {
        if (!one.what.host.empty()) texts.push_back(shown(one.what));
    }
    return texts;
}

TEST(Hosts, WithoutFiles) {
    const auto first = [](const char* host, bool plain_http = false) {
        const auto all = shown(hosts_for(host, "", plain_http));
        return all.size() == 1 ? all.front() : "not one";
    };
    EXPECT_EQ(first("docker.io"), "https://registry-1.docker.io/v2");
    EXPECT_EQ(first("docker.io", true), "https://registry-1.docker.io/v2");
    EXPECT_EQ(first("example.com"), "https://example.com/v2");
    EXPECT_EQ(first("example.com:5000"), "https://example.com:5000/v2");
    EXPECT_EQ(first("example.com", true), "http://example.com/v2");
    EXPECT_EQ(first("example.com:5000", true), "http://example.com:5000/v2");
    EXPECT_EQ(first("localhost", true), "http://localhost/v2");
    EXPECT_EQ(first("localhost:5000", true), "http://localhost:5000/v2");
    // A registry on this machine: only its port tells what it speaks.
    EXPECT_EQ(first("localhost"), "https://localhost/v2 skip-verify");
    EXPECT_EQ(first("localhost:443"), "https://localhost:443/v2 skip-verify");
    EXPECT_EQ(first("localhost:80"), "http://localhost:80/v2");
    for (const std::string host : {"localhost:5000", "localhost:8080", "127.0.0.254:5000", "127.0.0.1:1", "[::1]:5000",
                                   "[::ffff:127.0.0.1]:5000"}) {
        EXPECT_EQ(first(host.c_str()), "https://" + host + "/v2 skip-verify http-fallback");
    }
    EXPECT_EQ(first("127.0.0.254"), "https://127.0.0.254/v2 skip-verify");
    EXPECT_EQ(first("[::1]"), "https://[::1]/v2 skip-verify");
    EXPECT_EQ(first("::1"), "https://::1/v2 skip-verify");
    for (const std::string host : {"localhost.example:5000", "128.0.0.1:5000", "127.0.0.1.example:5000", "[::2]:5000",
                                   "[::ffff:10.0.0.1]:5000", "notlocalhost:5000", "LOCALHOST:5000"}) {
        EXPECT_EQ(first(host.c_str()), "https://" + host + "/v2");
    }
    for (const char* const host : {"", ".", "..", "a/b", "../x", "a b", "a\nb", "/"}) {
        const auto hosts = hosts_for(host, "/nowhere", false);
        ASSERT_TRUE(hosts.failed()) << host;
        EXPECT_EQ(hosts.why().code, status_code::invalid_argument);
    }
}

TEST(HostsFile, AllThatMayStandThere) {
    EXPECT_THAT(parsed(R"(
server = "https://origin.example"
ca = "/pki/origin.pem"
[header]
  x-origin = "one"

[host."https://zz.example"]
  capabilities = ["pull"]
  ca = "/pki/zz.pem"
  skip_verify = false
  [host."https://zz.example".header]
    x-two = ["a", "b"]

[host."https://backup.example/us"]
  capabilities = ["PULL", "Resolve"]
  skip_verify = true

[host."http://zz.example"]
  capabilities = ["pull", "push"]

[host."https://pairs.example"]
  capabilities = ["pull", "resolve", "push", "referrers"]
  ca = ["/pki/one.pem", "two.pem"]
  client = [["/pki/c.cert", "c.key"], ["/pki/both.pem", ""]]

[host."https://one-client.example"]
  client = "/pki/c.pem"

[host."https://clients.example"]
  client = ["/pki/1.pem", "../2.pem"]

[host."https://prefixed.example/v2/prefix"]
  capabilities = ["resolve"]
  override_path = true

[host."https://bare.example"]
  override_path = true

[host."https://only-header.example".header]
  x-one = "just this"

[host."https://timeout.example"]
  dial_timeout = "3s"
)",
                       "/etc/certs.d/x"),
                ElementsAre("https://zz.example/v2 no-resolve no-referrers ca=/pki/zz.pem x-two=a x-two=b",
                            "https://backup.example/us/v2 no-referrers skip-verify",
                            "http://zz.example/v2 no-resolve no-referrers",
                            "https://pairs.example/v2 ca=/pki/one.pem ca=/etc/certs.d/x/two.pem "
                            "client=/pki/c.cert,/etc/certs.d/x/c.key client=/pki/both.pem,",
                            "https://one-client.example/v2 client=/pki/c.pem,",
                            "https://clients.example/v2 client=/pki/1.pem, client=/etc/certs.d/2.pem,",
                            "https://prefixed.example/v2/prefix no-pull no-referrers", "https://bare.example",
                            "https://only-header.example/v2 x-one=just this", "https://timeout.example/v2 dial=3000",
                            "https://origin.example/v2 ca=/pki/origin.pem x-origin=one"));
}

TEST(HostsFile, FormsOfHosts) {
    const auto one = [](const std::string& url, const char* more = "") {
        const auto all = parsed("[host.\"" + url + "\"]\n" + more);
        return all.size() == 1 ? all.front() : "not one";
    };
    const char* const as_is = "override_path = true";
    EXPECT_EQ(one("mirror.example"), "https://mirror.example/v2");
    EXPECT_EQ(one("mirror.example:5000"), "https://mirror.example:5000/v2");
    EXPECT_EQ(one("mirror.example/a/b"), "https://mirror.example/a/b/v2");
    EXPECT_EQ(one("http-mirror.example:5000"), "https://http-mirror.example:5000/v2");
    EXPECT_EQ(one("http://mirror.example:5000"), "http://mirror.example:5000/v2");
    EXPECT_EQ(one("https://mirror.example/"), "https://mirror.example/v2");
    EXPECT_EQ(one("https://mirror.example/", as_is), "https://mirror.example");
    EXPECT_EQ(one("https://mirror.example/v2"), "https://mirror.example/v2");
    EXPECT_EQ(one("https://mirror.example/v2/"), "https://mirror.example/v2");
    EXPECT_EQ(one("https://mirror.example/v2/x"), "https://mirror.example/v2/x/v2");
    EXPECT_EQ(one("https://mirror.example/a//b/../c/", as_is), "https://mirror.example/a/c");
    EXPECT_EQ(one("https://mirror.example/x?y=z#f"), "https://mirror.example/x/v2");
    EXPECT_EQ(one("https://me:pass@mirror.example"), "https://mirror.example/v2");
    EXPECT_EQ(one("https://[::1]:5000"), "https://[::1]:5000/v2");
    for (const char* const url :
         {"ftp://mirror.example", "httpx://mirror.example", "https://", "https://a b", "https://mirror.example:99999",
          "https://mirror.example:port", "file:///etc", "https://me:c4n4ry@[::1"}) {
        EXPECT_THAT(one(url), AllOf(HasSubstr("error: "), HasSubstr("is not the http or https URL"))) << url;
        EXPECT_THAT(one(url), Not(HasSubstr("c4n4ry"))) << url;
    }
    EXPECT_THAT(one(""), HasSubstr("want a URL or a host"));
}

TEST(HostsFile, OrderIsThatOfTheFile) {
    EXPECT_THAT(parsed(R"(
[host."z".header]
  x = "1"
[host."a"]
[host."z"]
  skip_verify = true
[host."m"]
[host."a".header]
  y = "2"
)"),
                ElementsAre("https://z/v2 skip-verify x=1", "https://a/v2 y=2", "https://m/v2"));
    EXPECT_THAT(parsed("[host]\n\"z\" = {}\n\"a\" = {}\n"), ElementsAre("https://z/v2", "https://a/v2"));
    EXPECT_THAT(parsed("server = \"s\"\n[host.'b']\n[host.a]\n"),
                ElementsAre("https://b/v2", "https://a/v2", "https://s/v2"));
}

TEST(HostsFile, UnknownKeysAreIgnoredAndCasesFold) {
    EXPECT_THAT(parsed("Server = \"s\"\nCAPABILITIES = [\"pull\"]\nx = 1\n[y]\nz = 2\n[[auth]]\n"),
                ElementsAre("https://s/v2 no-resolve no-referrers"));
    EXPECT_THAT(parsed("[host.\"a\"]\ncapabilities = []\nfuture = {}\n"), ElementsAre("https://a/v2"));
    EXPECT_THAT(parsed("# nothing\n"), IsEmpty());
}

TEST(HostsFile, Durations) {
    const auto timeout = [](const std::string& text) {
        const auto all = parsed("server = \"s\"\ndial_timeout = \"" + text + '"');
        return all.front();
    };
    const std::pair<const char*, const char*> good[] = {
        {"1m30s", "90000"},  {"1.5h", "5400000"}, {"500ms", "500"}, {"+2s", "2000"},      {"1us", "1"},
        {"1\xC2\xB5s", "1"}, {"1\xCE\xBCs", "1"}, {"1ns", "1"},     {"1s1ms1us", "1002"}, {".5s", "500"},
    };
    for (const auto& [text, milliseconds] : good) {
        EXPECT_EQ(timeout(text), std::string("https://s/v2 dial=") + milliseconds) << text;
    }
    for (const char* const none : {"0", "0s", ""}) EXPECT_EQ(timeout(none), "https://s/v2") << none;
    for (const char* const bad : {"3", "-1s", "s", "1x", "1 s", "1.2.3s", "1s2", "5000000000s", "inf s", "1e3s", "."}) {
        EXPECT_THAT(timeout(bad), HasSubstr("dial_timeout")) << bad;
        EXPECT_THAT(timeout(bad), HasSubstr("error: ")) << bad;
    }
}

TEST(HostsFile, Refused) {
    const std::pair<const char*, const char*> cases[] = {
        {"server = [1]", "server: want a string"},
        {"server = 1", "server: want a string"},
        {"capabilities = \"pull\"", "capabilities: want an array"},
        {"capabilities = [1]", "capabilities: want an array"},
        {"capabilities = [\"fly\"]", "no capability \"fly\""},
        {"ca = 1", "ca: want"},
        {"ca = [1]", "ca: want"},
        {"ca = {}", "ca: want"},
        {"client = 1", "client: want"},
        {"client = [1]", "client: want"},
        {"client = [[1, 2]]", "client: want"},
        {"client = [[\"a\"]]", "pairs"},
        {"client = [[\"a\", \"b\", \"c\"]]", "pairs"},
        {"client = [[]]", "pairs"},
        {"skip_verify = \"true\"", "skip_verify: want true or false"},
        {"override_path = 1", "override_path: want true or false"},
        {"dial_timeout = 3", "dial_timeout: want a string"},
        {"header = 1", "header: want a table"},
        {"header = {a = 1}", "header: a: want"},
        {"header = {a = [1]}", "header: a: want"},
        {"header = {\"a b\" = \"c4n4ry\"}", "cannot be a header's name"},
        {"header = {\"a:\" = \"c4n4ry\"}", "cannot be a header's name"},
        {"header = {\"\" = \"c4n4ry\"}", "cannot be a header's name"},
        {"header = {a = \"c4n4ry\\r\\nb: c\"}", "header: a: the value has control characters"},
        {"header = {a = [\"fine\", \"c4n4ry\\u0000\"]}", "header: a: the value has control characters"},
        {"header = {Authorization = c4n4ry}", "not TOML, at line 1"},
        {"header = {Authorization = \"c4n4ry}", "not TOML, at line 1"},
        {"host = 1", "host: want a table"},
        {"host = {a = 1}", "host.\"a\": want a table"},
        {"server = \"a\"\nserver = \"b\"", "not TOML, at line 2"},
        {"server = \"\xFF\"", "not TOML"},
    };
    for (const auto& [text, why] : cases) {
        const auto all = parsed(text);
        ASSERT_EQ(all.size(), 1u) << text;
        EXPECT_THAT(all.front(), AllOf(HasSubstr("error: "), HasSubstr(why), Not(HasSubstr("c4n4ry")))) << text;
        EXPECT_THAT(all.front(), Not(HasSubstr("\n"))) << text;
    }
    EXPECT_THAT(parsed("x = " + std::string(100'000, '[')).front(), HasSubstr("not TOML"));
}

TEST(HostsDirectory, Names) {
    const test::directory files;
    const auto root = files.path("certs.d");
    const auto first = [&](const char* host) { return shown(hosts_for(host, root, false)).front(); };
    EXPECT_EQ(first("example.com:5000"), "https://example.com:5000/v2");
    files.write("certs.d/_default/hosts.toml", "[host.'default.example']");
    EXPECT_EQ(first("example.com:5000"), "https://default.example/v2 mirror");
    files.write("certs.d/example.com/hosts.toml", "[host.'other-port.example']");
    files.write("certs.d/example.com:5000/hosts.toml", "[host.'colon.example']");
    EXPECT_EQ(first("example.com:5000"), "https://colon.example/v2 mirror");
    files.write("certs.d/example.com_5000_/hosts.toml", "[host.'underscore.example']");
    EXPECT_EQ(first("example.com:5000"), "https://underscore.example/v2 mirror");
    EXPECT_EQ(first("example.com"), "https://other-port.example/v2 mirror");
    files.write("certs.d/docker.io/hosts.toml", "[host.'hub-mirror.example']");
    EXPECT_THAT(shown(hosts_for("docker.io", root, false)),
                ElementsAre("https://hub-mirror.example/v2 mirror", "https://registry-1.docker.io/v2"));
    files.write("certs.d/[::1]_5000_/hosts.toml", "server = 'https://six.example'");
    EXPECT_EQ(first("[::1]:5000"), "https://six.example/v2 mirror");
}

TEST(HostsDirectory, SearchList) {
    const test::directory files;
    files.write("one/a.example/hosts.toml", "server = 'https://one.example'");
    files.write("two/a.example/hosts.toml", "server = 'https://two.example'");
    files.write("two/b.example/hosts.toml", "server = 'https://two.example'");
    const auto first = [&](const char* host, const std::string& list) {
        return shown(hosts_for(host, list, false)).front();
    };
    const std::string both = files.path("gone") + "::" + files.path("one") + ":" + files.path("two");
    EXPECT_EQ(first("a.example", both), "https://one.example/v2 mirror");
    EXPECT_EQ(first("b.example", both), "https://two.example/v2 mirror");
    EXPECT_EQ(first("c.example", both), "https://c.example/v2");
    // A default of the first directory goes before a host of the second.
    files.write("one/_default/hosts.toml", "server = 'https://default.example'");
    EXPECT_EQ(first("b.example", both), "https://default.example/v2 mirror");
}

TEST(HostsDirectory, OwnHostIsLastAndHasItsDefaults) {
    const test::directory files;
    const auto all = [&](const char* host, const char* text, bool plain_http = false) {
        files.write("_default/hosts.toml", text);
        return shown(hosts_for(host, files.path(), plain_http));
    };
    EXPECT_THAT(all("a.example", "[host.'http://m.example']"),
                ElementsAre("http://m.example/v2 mirror", "https://a.example/v2"));
    EXPECT_THAT(all("a.example", "[host.'m.example']", true),
                ElementsAre("https://m.example/v2 mirror", "http://a.example/v2"));
    // Capabilities without a server are not kept, but certificates and headers are.
    EXPECT_THAT(all("a.example", "capabilities = ['pull']\nca = '/ca.pem'\n[header]\nx = 'y'"),
                ElementsAre("https://a.example/v2 ca=/ca.pem x=y"));
    EXPECT_THAT(all("a.example", "server = 'a.example'\ncapabilities = ['pull']"),
                ElementsAre("https://a.example/v2 no-resolve no-referrers"));
    EXPECT_THAT(all("docker.io", "server = 'https://registry-1.docker.io'"),
                ElementsAre("https://registry-1.docker.io/v2"));
    EXPECT_THAT(all("docker.io", "server = 'https://docker.io'"), ElementsAre("https://docker.io/v2"));
    EXPECT_THAT(all("localhost:5000", "# nothing"), ElementsAre("https://localhost:5000/v2 skip-verify http-fallback"));
    EXPECT_THAT(all("localhost:5000", ""), ElementsAre("https://localhost:5000/v2 skip-verify http-fallback"));
    // What says something of TLS speaks TLS first, even where it is called http.
    EXPECT_THAT(all("a.example", "server = 'http://a.example'\nskip_verify = false"),
                ElementsAre("https://a.example/v2 http-fallback"));
    EXPECT_THAT(all("a.example", "server = 'http://a.example:80'\nskip_verify = true"),
                ElementsAre("http://a.example:80/v2 skip-verify mirror"));
    EXPECT_THAT(all("a.example", "server = 'http://a.example:5000'\nca = []"),
                ElementsAre("https://a.example:5000/v2 http-fallback mirror"));
}

TEST(HostsDirectory, DockersCertificates) {
    const test::directory files;
    for (const char* const name : {"z.crt", "a.crt", "c.cert", "c.key", "both.cert", "other.key", "text", "crt"}) {
        files.write(std::string("a.example/") + name, "x");
    }
    std::filesystem::create_directory(files.path("a.example/directory.crt"));
    const auto in = [&](const char* name) { return files.path(std::string("a.example/") + name); };
    const std::string expected = " ca=" + in("a.crt") + " ca=" + in("z.crt") + " client=" + in("both.cert") +
                                 ", client=" + in("c.cert") + ',' + in("c.key");
    EXPECT_THAT(shown(hosts_for("a.example", files.path(), false)), ElementsAre("https://a.example/v2" + expected));
    EXPECT_THAT(shown(hosts_for("a.example", files.path(), true)),
                ElementsAre("https://a.example/v2 http-fallback" + expected));
    // They are not looked at beside a hosts.toml.
    files.write("a.example/hosts.toml", "server = 'https://a.example'");
    EXPECT_THAT(shown(hosts_for("a.example", files.path(), false)), ElementsAre("https://a.example/v2"));
}

TEST(HostsDirectory, WhatCannotBeReadIsAnError) {
    const test::directory files;
    const auto why = [&] { return shown(hosts_for("a.example", files.path(), false)).front(); };
    files.write("a.example/hosts.toml", "server = 'https://a.example'\nserver = c4n4ry\n");
    EXPECT_EQ(why(), "error: \"" + files.path("a.example/hosts.toml") + "\": not TOML, at line 2, column 10");
    files.write("a.example/hosts.toml", "[host.'ftp://m.example']");
    EXPECT_THAT(why(), HasSubstr("hosts.toml\": host.\"ftp://m.example\": \"ftp://m.example\" is not"));
    files.write("a.example/hosts.toml", std::string((4u << 20) + 1, '#'));
    EXPECT_THAT(why(), HasSubstr("4194304"));
    std::filesystem::remove_all(files.path("a.example"));
    files.write("a.example", "no directory");
    EXPECT_THAT(why(), HasSubstr("a.example\": "));
    std::filesystem::remove(files.path("a.example"));
    std::filesystem::create_symlink("a.example", files.path("a.example"));
    EXPECT_THAT(why(), HasSubstr("cannot look into"));
}

}  // namespace
}  // namespace refract::registry
