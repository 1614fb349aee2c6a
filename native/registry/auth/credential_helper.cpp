// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/auth/credential_helper.h"

#include <fcntl.h>
#include <poll.h>
#include <spawn.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <array>
#include <cerrno>
#include <chrono>
#include <csignal>
#include <optional>
#include <span>
#include <system_error>

#include "base/ascii.h"
#include "base/printable.h"
#include "oci/json.h"

namespace refract::registry {
namespace {

using clock = std::chrono::steady_clock;

constexpr std::string_view program_prefix = "docker-credential-";
constexpr std::string_view none_found = "credentials not found in native keychain";
constexpr std::string_view token_user = "<token>";
constexpr std::size_t longest_name = 128;
constexpr std::size_t longest_server = 1024;  // well within PIPE_BUF

bool is_helper_name(std::string_view name) {
    return !name.empty() && name.size() <= longest_name && std::all_of(name.begin(), name.end(), [](char c) {
        return is_letter_or_digit(c) || c == '.' || c == '_' || c == '-';
    });
}

/// One end of a pipe.
class descriptor_handle {
public:
    descriptor_handle() = default;
    explicit descriptor_handle(int number) : number_(number) {}
    descriptor_handle(const descriptor_handle&) = delete;
    descriptor_handle& operator=(const descriptor_handle&) = delete;
    ~descriptor_handle() { reset(-1); }

    int get() const noexcept { return number_; }
    void reset(int number) {
        if (number_ >= 0) ::close(number_);
        number_ = number;
    }

private:
    int number_ = -1;
};

/// Both ends above the standard descriptors, which the program's side is about to replace.
status open_pipe(descriptor_handle& reading, descriptor_handle& writing) {
    std::array<int, 2> ends{};
    if (::pipe2(ends.data(), O_CLOEXEC) == 0) {
        reading.reset(::fcntl(ends[0], F_DUPFD_CLOEXEC, 3));
        writing.reset(::fcntl(ends[1], F_DUPFD_CLOEXEC, 3));
        ::close(ends[0]);
        ::close(ends[1]);
        if (reading.get() >= 0 && writing.get() >= 0) return {};
    }
    return {status_code::internal, "cannot open a pipe: " + std::generic_category().message(errno)};
}

/// A program that was started; killed with all that it started, and reaped, unless it ended by itself.
class process {
public:
    explicit process(pid_t number) : number_(number) {}
    process(const process&) = delete;
    process& operator=(const process&) = delete;
    ~process() {
        if (number_ < 0) return;
        ::kill(-number_, SIGKILL);
        while (::waitpid(number_, nullptr, 0) < 0 && errno == EINTR) {
        }
    }

    /// Its wait status once it has ended; nothing if it has not by `deadline`.
    std::optional<int> wait_until(clock::time_point deadline) {
        for (;;) {
            int state = 0;
            const pid_t ended = ::waitpid(number_, &state, WNOHANG);
            if (ended == number_) {
                number_ = -1;
                return state;
            }
            // Where SIGCHLD is ignored how it ended is not to be known; what it answered will tell.
            if (ended < 0 && errno != EINTR) {
                number_ = -1;
                return 0;
            }
            if (clock::now() >= deadline) return std::nullopt;
            ::poll(nullptr, 0, 5);
        }
    }

private:
    pid_t number_;
};

/// Starts it with its standard input and output at these ends, and nothing else of ours open.
int spawn(const std::string& program, int input, int output, pid_t& number) {
    posix_spawn_file_actions_t files;
    posix_spawnattr_t attributes;
    if (::posix_spawn_file_actions_init(&files) != 0) return ENOMEM;
    if (::posix_spawnattr_init(&attributes) != 0) {
        ::posix_spawn_file_actions_destroy(&files);
        return ENOMEM;
    }
    sigset_t none;
    sigset_t defaults;
    sigemptyset(&none);
    sigemptyset(&defaults);
    for (const int signal : {SIGPIPE, SIGCHLD, SIGTERM, SIGINT, SIGHUP}) sigaddset(&defaults, signal);

    int failed = ::posix_spawn_file_actions_adddup2(&files, input, STDIN_FILENO);
    if (failed == 0) failed = ::posix_spawn_file_actions_adddup2(&files, output, STDOUT_FILENO);
#if defined(__GLIBC_PREREQ)
#if __GLIBC_PREREQ(2, 34)
    if (failed == 0) failed = ::posix_spawn_file_actions_addclosefrom_np(&files, STDERR_FILENO + 1);
#endif
#endif
    if (failed == 0) failed = ::posix_spawnattr_setsigmask(&attributes, &none);
    if (failed == 0) failed = ::posix_spawnattr_setsigdefault(&attributes, &defaults);
    if (failed == 0) failed = ::posix_spawnattr_setpgroup(&attributes, 0);
    if (failed == 0) {
        failed = ::posix_spawnattr_setflags(&attributes,
                                            POSIX_SPAWN_SETSIGMASK | POSIX_SPAWN_SETSIGDEF | POSIX_SPAWN_SETPGROUP);
    }
    if (failed == 0) {
        std::string name = program;
        std::string action = "get";
        const std::array<char*, 3> arguments{name.data(), action.data(), nullptr};
        failed = ::posix_spawnp(&number, program.c_str(), &files, &attributes, arguments.data(), environ);
    }
    ::posix_spawnattr_destroy(&attributes);
    ::posix_spawn_file_actions_destroy(&files);
    return failed;
}

error no_answer(const std::string& program, std::uint32_t timeout) {
    return {status_code::unreachable, program + " did not answer in " + std::to_string(timeout) + " ms and was killed"};
}

/// Reads all that it writes, up to the limit and the deadline.
status read_output(int from, const std::string& program, const network_limits& limits, clock::time_point deadline,
                   std::string& into) {
    std::array<char, 4096> piece{};
    for (;;) {
        const auto left = std::chrono::ceil<std::chrono::milliseconds>(deadline - clock::now()).count();
        if (left <= 0) return no_answer(program, limits.helper_timeout);
        pollfd waiting{from, POLLIN, 0};
        const int ready = ::poll(&waiting, 1, static_cast<int>(left));
        if (ready == 0 || (ready < 0 && errno == EINTR)) continue;
        const ssize_t got = ready < 0 ? -1 : ::read(from, piece.data(), piece.size());
        if (got == 0) return {};
        if (got < 0) {
            if (errno == EINTR) continue;
            return {status_code::internal,
                    "cannot read from " + program + ": " + std::generic_category().message(errno)};
        }
        into.append(piece.data(), static_cast<std::size_t>(got));
        if (into.size() > limits.token_bytes) {
            return {status_code::limit_exceeded, program + " wrote more than the limit of " +
                                                     std::to_string(limits.token_bytes) + " bytes and was killed"};
        }
    }
}

std::string_view trimmed(std::string_view text) {
    static constexpr std::string_view blanks = " \t\r\n";
    const auto begin = text.find_first_not_of(blanks);
    if (begin == std::string_view::npos) return {};
    return text.substr(begin, text.find_last_not_of(blanks) - begin + 1);
}

error failed_helper(const std::string& program, const std::string& server, int state) {
    const std::string how = WIFEXITED(state) ? "failed with exit code " + std::to_string(WEXITSTATUS(state))
                                             : "was ended by signal " + std::to_string(WTERMSIG(state));
    return {status_code::denied, program + " " + how + " for " + quote(server) + "; to see why, run: echo " +
                                     printable(server) + " | " + program + " get"};
}

result<credentials> read_answer(const std::string& program, const std::string& text) {
    static constexpr std::array<std::string_view, 3> keys{"ServerURL", "Username", "Secret"};
    oci::json_reader reader(8);
    simdjson::dom::document document;
    auto root = reader.read(document, std::as_bytes(std::span(text)));
    const std::string place = "what " + program + " answered";
    if (root.failed()) return status(std::move(root).take()).in(place);
    credentials answer;
    status done = oci::read_object(root.value(), keys, [&](std::size_t key, oci::json_element value) -> status {
        std::string_view field;
        REFRACT_TRY(oci::read_string(value, field));
        if (key == 1) answer.username = field;
        if (key == 2) answer.password = field;
        return {};
    });
    if (done.ok() && answer.username == token_user) {
        answer.identity_token = std::move(answer.password);
        answer.username.clear();
        answer.password.clear();
    }
    if (done.ok()) done = check(answer);
    if (done.failed()) return std::move(done).in(place);
    return answer;
}

}  // namespace

result<credentials> ask_helper(const std::string& name, const std::string& server, const network_limits& limits) {
    if (!is_helper_name(name)) {
        return error{status_code::invalid_argument, quote(name) +
                                                        " does not name a credential helper: want the NAME of a "
                                                        "program docker-credential-NAME in PATH"};
    }
    const std::string program = std::string(program_prefix) + name;
    if (server.empty() || server.size() > longest_server || server.find_first_of("\r\n") != std::string::npos) {
        return error{status_code::invalid_argument, "cannot ask " + program + " about the host " + quote(server)};
    }
    descriptor_handle input;
    descriptor_handle question;
    descriptor_handle answer;
    descriptor_handle output;
    REFRACT_TRY(open_pipe(input, question));
    REFRACT_TRY(open_pipe(answer, output));
    // Written while the other end is still ours: it fits into the pipe, and there can be no SIGPIPE.
    if (::write(question.get(), server.data(), server.size()) != static_cast<ssize_t>(server.size())) {
        return error{status_code::internal, "cannot write to a pipe: " + std::generic_category().message(errno)};
    }
    question.reset(-1);

    const auto deadline = clock::now() + std::chrono::milliseconds(limits.helper_timeout);
    pid_t number = -1;
    if (const int failed = spawn(program, input.get(), output.get(), number); failed != 0) {
        if (failed == ENOENT) {
            return error{status_code::denied, "there is no program " + program +
                                                  " in PATH: install it, or take it out of the configuration"};
        }
        return error{status_code::denied, "cannot run " + program + ": " + std::generic_category().message(failed)};
    }
    process helper(number);
    input.reset(-1);
    output.reset(-1);

    std::string text;
    REFRACT_TRY(read_output(answer.get(), program, limits, deadline, text));
    const auto state = helper.wait_until(deadline);
    if (!state) return no_answer(program, limits.helper_timeout);
    if (WIFEXITED(*state) && WEXITSTATUS(*state) == 0) return read_answer(program, text);
    if (trimmed(text) == none_found) return credentials{};
    return failed_helper(program, server, *state);
}

}  // namespace refract::registry
