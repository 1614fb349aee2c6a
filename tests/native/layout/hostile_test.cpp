// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>

#include <atomic>
#include <cstring>
#include <functional>
#include <thread>

#include "layout/fixture.h"

namespace refract::layout {
namespace {

using testing::AnyOf;
using testing::HasSubstr;

/// A file that is no regular one, at a path that may not be one for long.
struct special {
    const char* name;
    std::function<bool(const std::string& path)> make;
};

bool is_linked(const std::string& path, const char* to) { return ::symlink(to, path.c_str()) == 0; }

bool is_socket_made(const std::string& path) {
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    if (path.size() >= sizeof address.sun_path) return false;
    std::memcpy(address.sun_path, path.c_str(), path.size());
    const int made = ::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
    const bool done = ::bind(made, reinterpret_cast<const sockaddr*>(&address), sizeof address) == 0;
    ::close(made);
    return done;
}

/// Whatever stands where a file of a layout is to be: it is told, and nothing is waited for, written to or read without
/// an end.
TEST_F(Layout, SpecialFilesInEachPlaceAreRefused) {
    const auto& one = keep(made.image("linux/amd64", "one"));
    index({tagged(one, "v1")});
    test::directory outside;
    ASSERT_EQ(::mkfifo(outside.path("fifo").c_str(), 0600), 0);
    const std::string fifo = outside.path("fifo");
    const special all[] = {
        {"fifo", [](const auto& path) { return ::mkfifo(path.c_str(), 0600) == 0; }},
        {"directory", [](const auto& path) { return ::mkdir(path.c_str(), 0700) == 0; }},
        // Where it is to be, its name is too long for one.
        {"socket",
         [&](const auto& path) {
             return is_socket_made(outside.path("s")) && ::rename(outside.path("s").c_str(), path.c_str()) == 0;
         }},
        {"link to a fifo", [&](const auto& path) { return is_linked(path, fifo.c_str()); }},
        {"link to a directory", [](const auto& path) { return is_linked(path, "/"); }},
        {"link to zero", [](const auto& path) { return is_linked(path, "/dev/zero"); }},
        {"link to random", [](const auto& path) { return is_linked(path, "/dev/urandom"); }},
        {"link to full", [](const auto& path) { return is_linked(path, "/dev/full"); }},
        {"link to null", [](const auto& path) { return is_linked(path, "/dev/null"); }},
        {"link to a terminal", [](const auto& path) { return is_linked(path, "/dev/tty"); }},
        {"link to the standard input", [](const auto& path) { return is_linked(path, "/proc/self/fd/0"); }},
        {"link to the kernel's log", [](const auto& path) { return is_linked(path, "/proc/kmsg"); }},
        {"link to the program's memory", [](const auto& path) { return is_linked(path, "/proc/self/mem"); }},
        {"link to itself", [](const auto& path) { return is_linked(path, path.c_str()); }},
    };
    int refused = 0;
    for (const auto& place : {std::string("index.json"), std::string("oci-layout"), path_of(one.digest)}) {
        const auto path = files.path(place);
        const std::string before = files.read(place);
        for (const auto& [name, make] : all) {
            std::filesystem::remove(path);
            ASSERT_TRUE(make(path)) << name;
            EXPECT_THAT(get(kind::manifest, "v1"),
                        AnyOf(HasSubstr("not a regular file"), HasSubstr("leaves the layout"), HasSubstr("in a circle"),
                              HasSubstr("mismatch: "), HasSubstr("denied: ")))
                << name << " in place of " << place;
            ++refused;
            std::filesystem::remove(path);
        }
        files.write(place, before);
        ASSERT_EQ(get(kind::manifest, "v1"), one.bytes) << place;
    }
    EXPECT_EQ(refused, 3 * 14);
}

/// Another program writes index.json meanwhile, and renames it into its place as such programs do: each answer is of
/// the one or of the other, and each document has the digest that it was asked by.
TEST_F(Layout, IndexThatIsSwappedMeanwhileIsReadAsOneOfBoth) {
    const auto& first = keep(made.image("linux/amd64", "first"));
    const auto& second = keep(made.image("linux/amd64", "second " + std::string(1000, 'x')));
    index({tagged(first, "v1")});
    const std::string one = files.read("index.json");
    index({tagged(second, "v1"), tagged(first, "v2")});
    const std::string other = files.read("index.json");
    std::atomic<bool> done{false};
    std::atomic<int> swaps{0};
    std::thread writer([&] {
        while (!done.load()) {
            files.write("index.json.new", swaps.load() % 2 == 0 ? one : other);
            std::filesystem::rename(files.path("index.json.new"), files.path("index.json"));
            ++swaps;
        }
    });
    // One that stays open, and one that is opened anew each time.
    auto open = std::move(open_layout(files.path(), {})).value();
    int reads = 0;
    int wrong = 0;
    std::string failed;
    while (failed.empty() && (reads < 300 || swaps.load() < 300)) {
        const auto asked = oci::fetch_request_for(kind::manifest, "v1", plenty);
        auto opened = std::move(open_layout(files.path(), {})).value();
        for (auto* const from : {open.get(), opened.get()}) {
            const auto got = std::move(from->ask({&asked, 1}).front());
            ++reads;
            if (got.failed()) {
                failed = got.why().message;
                break;
            }
            const auto& document = got.value().documents.front();
            if (document != first.bytes && document != second.bytes) ++wrong;
        }
    }
    done = true;
    writer.join();
    EXPECT_EQ(failed, "");
    EXPECT_EQ(wrong, 0);
    EXPECT_GE(reads, 300);
}

}  // namespace
}  // namespace refract::layout
