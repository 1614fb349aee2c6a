// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <gmock/gmock.h>
#include <linux/audit.h>
#include <linux/filter.h>
#include <linux/seccomp.h>
#include <sys/prctl.h>
#include <sys/stat.h>
#include <sys/syscall.h>

#include <cstddef>
#include <iostream>

#include "layout/fixture.h"

namespace refract::layout {
namespace {

using testing::AllOf;
using testing::HasSubstr;
using testing::Not;

/// A layout with one image, and a place beside it for what links lead to.
class LayoutLinks : public Layout {
protected:
    LayoutLinks() : one(keep(made.image("linux/amd64", "one"))) { index({tagged(one, "v1")}); }

    /// Puts a link in the place of a file or directory, which moves outside of the layout; says where to.
    std::string move_outside(const std::string& name) const {
        auto to = outside.path(std::to_string(moved++));
        std::filesystem::rename(files.path(name), to);
        std::filesystem::create_symlink(to, files.path(name));
        return to;
    }
    /// The same, to elsewhere in the layout.
    std::string move_inside(const std::string& name) const {
        const auto to = "moved" + std::to_string(moved++);
        std::filesystem::rename(files.path(name), files.path(to));
        const auto up = std::filesystem::path(name).parent_path().lexically_relative(".");
        std::string back;
        for (const auto& part : up) back += part == "." ? "" : "../";
        std::filesystem::create_symlink(back + to, files.path(name));
        return files.path(to);
    }
    void move_back(const std::string& from, const std::string& name) const {
        std::filesystem::remove(files.path(name));
        std::filesystem::rename(from, files.path(name));
    }
    std::string v1() const { return get(kind::manifest, "v1"); }

    const test::blob& one;
    test::directory outside;
    mutable int moved = 0;
};

TEST_F(LayoutLinks, InsideTheLayoutAreFollowed) {
    for (const std::string name : {"index.json", "oci-layout", "blobs/sha256", "blobs"}) {
        move_inside(name);
        EXPECT_EQ(v1(), one.bytes) << name;
    }
}

TEST_F(LayoutLinks, OfBlobsMayLeaveTheLayout) {
    move_outside(path_of(one.digest));
    EXPECT_EQ(v1(), one.bytes);
    EXPECT_EQ(get(kind::blob, one.digest), one.bytes);
    EXPECT_EQ(get(kind::presence, one.digest), "nothing");
    EXPECT_EQ(read(one.digest, static_cast<std::int64_t>(one.bytes.size())), one.bytes);
    // Only bytes with the digest are ever shown.
    std::filesystem::remove(files.path(path_of(one.digest)));
    std::filesystem::create_symlink(outside.write("secret", "c4n4ry"), files.path(path_of(one.digest)));
    EXPECT_THAT(get(kind::blob, one.digest), AllOf(HasSubstr("digest mismatch: oci:"), Not(HasSubstr("c4n4ry"))));
}

TEST_F(LayoutLinks, OfWhatHasNoDigestMayNotLeaveTheLayout) {
    for (const std::string name : {"blobs/sha256", "blobs"}) {
        move_outside(name);
        EXPECT_THAT(v1(), AllOf(HasSubstr("malformed: oci:"), HasSubstr("leaves the layout"))) << name;
        EXPECT_THAT(read(one.digest, 1), HasSubstr("leaves the layout")) << name;
        EXPECT_THAT(get(kind::presence, one.digest), HasSubstr("leaves the layout")) << name;
        std::filesystem::remove_all(files.path("blobs"));
        keep(one);
    }
    move_outside("oci-layout");
    EXPECT_THAT(open_error(), AllOf(HasSubstr("malformed: oci:"), HasSubstr("leaves the layout")));
    std::filesystem::remove(files.path("oci-layout"));
    move_outside("index.json");
    EXPECT_THAT(open_error(), AllOf(HasSubstr("malformed: oci:"), HasSubstr("leaves the layout")));
}

TEST_F(LayoutLinks, TheLayoutItselfMayBeOne) {
    const auto link = outside.path("link");
    std::filesystem::create_directory_symlink(files.path(), link);
    EXPECT_TRUE(open_layout(link, {}).ok());
}

TEST_F(LayoutLinks, ThatLeadNowhereAreToldAsSuch) {
    const auto path = files.path(path_of(one.digest));
    std::filesystem::remove(path);
    std::filesystem::create_symlink("gone", path);
    EXPECT_THAT(v1(), AllOf(HasSubstr("missing: oci:"), HasSubstr("symbolic link to what is not there")));
    std::filesystem::remove(path);
    std::filesystem::create_symlink(path, path);
    EXPECT_THAT(v1(), AllOf(HasSubstr("malformed: oci:"), HasSubstr("in a circle")));
}

TEST_F(LayoutLinks, AndOtherFilesThatAreNotRegularAreNeverWaitedFor) {
    const auto path = files.path(path_of(one.digest));
    const auto refused = [&](const char* why) {
        for (const auto what : {kind::blob, kind::presence, kind::manifest}) {
            EXPECT_THAT(get(what, one.digest), AllOf(HasSubstr("malformed: oci:"), HasSubstr(why)));
        }
        EXPECT_THAT(read(one.digest, 6), AllOf(HasSubstr("malformed: oci:"), HasSubstr(why)));
        std::filesystem::remove_all(path);
    };
    std::filesystem::remove(path);
    ASSERT_EQ(::mkfifo(path.c_str(), 0600), 0);
    refused("not a regular file");
    std::filesystem::create_directory(path);
    refused("not a regular file");
    ASSERT_EQ(::mkfifo(outside.path("fifo").c_str(), 0600), 0);
    for (const auto& to : {std::string("/dev/zero"), std::string("/dev/tty"), outside.path("fifo"), outside.path()}) {
        std::filesystem::create_symlink(to, path);
        refused("not a regular file");
    }
    // The kernel's own files say that they are regular and empty, and some are waited for.
    for (const char* const to : {"/proc/kmsg", "/proc/self/maps"}) {
        std::filesystem::create_symlink(to, path);
        EXPECT_THAT(get(kind::blob, one.digest),
                    testing::AnyOf(HasSubstr("digest mismatch"), HasSubstr("denied"), HasSubstr("not a regular")));
        std::filesystem::remove(path);
    }
    // And where the layout's own files stand.
    std::filesystem::remove(files.path("index.json"));
    ASSERT_EQ(::mkfifo(files.path("index.json").c_str(), 0600), 0);
    EXPECT_THAT(open_error(), AllOf(HasSubstr("malformed: oci:"), HasSubstr("not a regular file")));
    EXPECT_THAT(open_layout(outside.path("fifo"), {}).why().message, HasSubstr("not a regular file"));
}

/// From here on there is no openat2, as in kernels before 5.6.
void forget_openat2() {
    sock_filter program[] = {
        BPF_STMT(BPF_LD | BPF_W | BPF_ABS, offsetof(seccomp_data, nr)),
        BPF_JUMP(BPF_JMP | BPF_JEQ | BPF_K, SYS_openat2, 0, 1),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ERRNO | ENOSYS),
        BPF_STMT(BPF_RET | BPF_K, SECCOMP_RET_ALLOW),
    };
    const sock_fprog filter{4, program};
    if (::prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || ::prctl(PR_SET_SECCOMP, SECCOMP_MODE_FILTER, &filter) != 0) {
        std::cerr << "no seccomp: ";
    }
}

TEST_F(LayoutLinks, WhereTheKernelCannotTellWhereTheyLeadNoneIsFollowedButThoseOfBlobs) {
    const auto here = [&] {
        forget_openat2();
        std::cerr << (v1() == one.bytes ? "read" : v1()) << '\n';
        std::_Exit(0);
    };
    EXPECT_EXIT(here(), testing::ExitedWithCode(0), "^read");
    for (const std::string name : {"index.json", "blobs", "blobs/sha256"}) {
        const auto to = move_inside(name);
        EXPECT_EXIT(here(), testing::ExitedWithCode(0), "^malformed: oci:.*leaves the layout") << name;
        move_back(to, name);
    }
    move_outside(path_of(one.digest));
    EXPECT_EXIT(here(), testing::ExitedWithCode(0), "^read");
}

}  // namespace
}  // namespace refract::layout
