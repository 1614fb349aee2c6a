// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/files.h"

#include <fcntl.h>
#include <fmt/format.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <deque>
#include <filesystem>
#include <memory>
#include <set>

#include "base/printable.h"
#include "cli/context.h"
#include "cli/progress.h"
#include "cli/style.h"
#include "oci/digest.h"

namespace refract::cli {
namespace {

/// Files that are open at the same time.
constexpr std::size_t at_once = 256;

error failed(const std::string& path, const std::string& what) {
    return {status_code::internal, quote(path, 400) + ' ' + what + ": " + std::strerror(errno)};
}

/// A file that has its name only once it is whole.
class new_file {
public:
    new_file(std::string directory, const std::string& name)
        : directory_(std::move(directory)), path_((std::filesystem::path(directory_) / name).string()) {}
    new_file(const new_file&) = delete;
    new_file& operator=(const new_file&) = delete;
    ~new_file() {
        if (descriptor_ >= 0) close(descriptor_);
        if (!temporary_.empty()) unlink(temporary_.c_str());
    }

    const std::string& path() const noexcept { return path_; }

    status open() {
        struct stat known {};
        if (lstat(path_.c_str(), &known) == 0) return exists();
        temporary_ = (std::filesystem::path(directory_) / ".refract-XXXXXX").string();
        descriptor_ = mkostemp(temporary_.data(), O_CLOEXEC);
        if (descriptor_ < 0) {
            temporary_.clear();
            return failed(directory_.empty() ? "." : directory_, "cannot be written into");
        }
        return {};
    }

    status write(std::span<const std::byte> bytes) {
        while (!bytes.empty()) {
            const ssize_t written = ::write(descriptor_, bytes.data(), bytes.size());
            if (written < 0 && errno == EINTR) continue;
            if (written < 0) return failed(path_, "cannot be written");
            bytes = bytes.subspan(static_cast<std::size_t>(written));
        }
        return {};
    }

    status keep() {
        const mode_t mask = umask(0);
        umask(mask);
        if (fchmod(descriptor_, 0666 & ~mask) != 0 || close(std::exchange(descriptor_, -1)) != 0) {
            return failed(path_, "cannot be written");
        }
        if (renameat2(AT_FDCWD, temporary_.c_str(), AT_FDCWD, path_.c_str(), RENAME_NOREPLACE) != 0) {
            if (errno == EEXIST) return exists();
            return failed(path_, "cannot be written");
        }
        temporary_.clear();
        return {};
    }

private:
    status exists() const {
        return {status_code::internal, quote(path_, 400) + " exists, it is left alone: give another name with -o"};
    }

    std::string directory_;
    std::string path_;
    std::string temporary_;
    int descriptor_ = -1;
};

/// The names of files without a title are digests; a title must not pass for that of other content.
bool passes_for_digest(std::string_view name) {
    return name.size() >= 64 && name.find_first_not_of("0123456789abcdefABCDEF") == std::string_view::npos;
}

/// A title may name a file only if it is a plain name, in any directory and on any terminal.
bool is_plain_name(std::string_view name) {
    static constexpr std::size_t longest = 255;
    return !name.empty() && name.size() <= longest && name.front() != '.' && name.front() != '-' &&
           name.find_first_of("/\\") == std::string_view::npos && printable(name, 4 * longest) == name &&
           !passes_for_digest(name);
}

std::string digest_name(const inspect::piece& piece) {
    std::string digest = piece.digest;
    if (digest.empty()) {  // an annotation's value
        auto made = oci::sha256_digest(std::as_bytes(std::span(piece.value)));
        if (made.ok()) digest = made.value();
    }
    return digest.substr(digest.find(':') + 1);
}

/// Empty if the same content has a name already.
std::string name_for(const inspect::piece& piece, const std::set<std::string>& used) {
    if (is_plain_name(piece.title) && !used.contains(piece.title)) return piece.title;
    std::string name = digest_name(piece);
    return used.contains(name) ? std::string() : name;
}

/// Pieces that are written at the same time, and what they are written into.
struct batch {
    std::vector<const inspect::piece*> pieces;
    std::deque<new_file> files;
    std::vector<bool> failed;
};

/// Reads the content of one batch into its files.
status fill(inspect::reader& from, batch& in, progress& shown, std::vector<error>* lost) {
    std::vector<oci::blob> blobs;
    std::vector<std::size_t> numbers;
    in.failed.assign(in.pieces.size(), false);
    for (std::size_t i = 0; i < in.pieces.size(); ++i) {
        const inspect::piece& piece = *in.pieces[i];
        new_file& file = in.files[i];
        REFRACT_TRY(file.open());
        if (piece.here) {
            REFRACT_TRY(file.write(std::as_bytes(std::span(piece.value))));
            continue;
        }
        numbers.push_back(i);
        blobs.push_back({piece.digest, piece.size, [&file, &shown](std::span<const std::byte> bytes) {
                             shown.add(bytes.size());
                             return file.write(bytes);
                         }});
    }
    auto came = from.read(blobs);
    for (std::size_t n = 0; n < came.size(); ++n) {
        if (came[n].ok()) continue;
        if (lost == nullptr || !is_of_one(came[n].why().code)) return std::move(came[n]);
        lost->push_back(std::move(came[n]).take());
        in.failed[numbers[n]] = true;
    }
    return {};
}

status write_batch(inspect::reader& from, batch& in, progress& shown, std::vector<error>* lost) {
    REFRACT_TRY(fill(from, in, shown, lost));
    for (std::size_t i = 0; i < in.files.size(); ++i) {
        if (in.failed[i]) continue;
        REFRACT_TRY(in.files[i].keep());
        print(printable(in.files[i].path(), 4096) + '\n');
    }
    return {};
}

/// All of them into a directory, in batches.
status write_pieces(inspect::reader& from, const std::vector<inspect::piece>& pieces, const std::string& directory,
                    const std::string& only_name, std::vector<error>* lost) {
    std::uint64_t total = 0;
    for (const auto& piece : pieces) total += static_cast<std::uint64_t>(piece.size);
    progress shown(total, true);
    std::set<std::string> used;
    for (std::size_t begin = 0; begin < pieces.size();) {
        batch next;
        for (; begin < pieces.size() && next.pieces.size() < at_once; ++begin) {
            const std::string name = only_name.empty() ? name_for(pieces[begin], used) : only_name;
            if (name.empty()) continue;
            used.insert(name);
            next.files.emplace_back(directory, name);
            next.pieces.push_back(&pieces[begin]);
        }
        REFRACT_TRY(write_batch(from, next, shown, lost));
    }
    return {};
}

/// Shows text on a terminal, which does nothing but show it.
class terminal_text {
public:
    void add(std::string_view bytes) {
        static constexpr std::size_t longest_line = 64u << 10;
        for (const char c : bytes) {
            const bool begins = (static_cast<unsigned char>(c) & 0xC0u) != 0x80u;  // a cut is between characters
            if (c == '\n' || (begins && line_.size() >= longest_line)) flush(c == '\n' ? "\n" : "");
            if (c != '\n') line_.push_back(c);
        }
    }
    void flush(std::string_view end) {
        for (std::size_t at = 0; at <= line_.size();) {  // tabs are fine
            const auto tab = std::min(line_.find('\t', at), line_.size());
            print(printable(std::string_view(line_).substr(at, tab - at), 8 * line_.size() + 8));
            if (tab < line_.size()) print("\t");
            at = tab + 1;
        }
        print(end);
        line_.clear();
    }

private:
    std::string line_;
};

}  // namespace

void write_content(std::string_view content) {
    if (!is_terminal(STDOUT_FILENO)) return print(content);
    terminal_text text;
    text.add(content);
    text.flush("");
}

namespace {

/// Who reads a pipe acts on what comes, and may not look at exit codes.
status write_checked(inspect::reader& from, const inspect::piece& piece) {
    std::string content;
    const oci::blob blob{piece.digest, piece.size, [&](std::span<const std::byte> bytes) -> status {
                             content.append(reinterpret_cast<const char*>(bytes.data()), bytes.size());
                             return {};
                         }};
    status done = std::move(from.read(std::span(&blob, 1)).front());
    if (done.ok()) write_content(content);
    return done;
}

}  // namespace

status write_to_stdout(inspect::reader& from, const inspect::piece& piece, std::uint64_t most_held) {
    if (piece.here) {
        write_content(piece.value);
        return {};
    }
    if (static_cast<std::uint64_t>(piece.size) <= most_held) return write_checked(from, piece);
    terminal_text text;
    const bool terminal = is_terminal(STDOUT_FILENO);
    const auto take = [&](std::string_view bytes) {
        if (terminal) {
            text.add(bytes);
        } else {
            print(bytes);
        }
    };
    progress shown(static_cast<std::uint64_t>(piece.size), !terminal);
    const oci::blob blob{piece.digest, piece.size, [&](std::span<const std::byte> bytes) -> status {
                             shown.add(bytes.size());
                             take({reinterpret_cast<const char*>(bytes.data()), bytes.size()});
                             return std::ferror(stdout) == 0 ? status() : finish_output();
                         }};
    status done = std::move(from.read(std::span(&blob, 1)).front());
    if (done.ok() && terminal) text.flush("");
    return done;
}

bool is_of_one(status_code code) noexcept {
    return code != status_code::cancelled && code != status_code::internal && code != status_code::out_of_memory;
}

status write_files(inspect::reader& from, const std::vector<inspect::piece>& pieces, const std::string& path,
                   std::vector<error>* lost) {
    std::error_code code;
    const bool is_directory = std::filesystem::is_directory(path, code);
    std::vector<std::filesystem::path> made;
    const bool wants_directory = is_directory || pieces.size() > 1 || lost != nullptr || path.ends_with('/');
    std::string directory = path;
    std::string only_name;
    if (!wants_directory) {
        const std::filesystem::path whole(path);
        directory = whole.parent_path().string();
        only_name = whole.filename().string();
    } else if (!is_directory) {
        if (std::filesystem::exists(path, code)) {
            return {status_code::internal, quote(path, 400) + " is not a directory, and there are " +
                                               std::to_string(pieces.size()) + " files to write"};
        }
        for (auto above = std::filesystem::path(path); !above.empty() && !std::filesystem::exists(above, code);) {
            made.push_back(above);
            above = above.parent_path();
        }
        std::filesystem::create_directories(path, code);
        if (code) return {status_code::internal, quote(path, 400) + " cannot be made: " + code.message()};
    }
    status done = write_pieces(from, pieces, directory, only_name, lost);
    if (done.failed() || lost != nullptr) {
        // Directories that were made in vain are no half of a result. What holds something stays.
        for (const auto& one : made) std::filesystem::remove(one, code);
    }
    return done;
}

}  // namespace refract::cli
