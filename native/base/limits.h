// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstddef>
#include <cstdint>

namespace refract {

// The one table of limits. What ends in `_bytes`, and `bytes`, is in bytes; `deadline`, `_timeout` and what else says
// so in milliseconds; all else is counted. Over a limit is an error that says so, never a truncation; where more than
// one thing was asked for, a notice, and the rest goes on.

/// Of documents, and of what a caller may ask for.
struct limits {
    std::uint64_t document_bytes = 4u << 20;     ///< an index or a manifest
    std::uint64_t config_bytes = 4u << 20;       ///< an image config
    std::uint64_t walk_bytes = 16u << 20;        ///< all documents of one walk together
    std::uint32_t json_depth = 64;               ///< arrays and objects inside each other
    std::uint32_t nesting = 8;                   ///< indexes inside indexes, the root not counted
    std::uint32_t documents = 256;               ///< unique documents in one walk, the root counted
    std::uint32_t annotation_bytes = 64u << 10;  ///< keys and values of one descriptor's annotations
    std::uint32_t reference_blobs = 256;         ///< manifests, configs and layers of one fetched reference
    std::uint32_t fetched_references = 1000;     ///< references that a policy may fetch for one image
    std::uint32_t entries = 10'000;  ///< of one index, and layers of one manifest: what containerd follows at most

    bool operator==(const limits&) const = default;
};

/// Limits of what a registry is asked, and for how long. Times are milliseconds.
struct network_limits {
    std::uint64_t token_bytes = 64u << 10;       ///< an answer of a token server, or of a credential helper
    std::uint64_t error_bytes = 8u << 10;        ///< what is read of an answer that is an error
    std::uint64_t answers_bytes = 64u << 20;     ///< all answers, with all their pages, of what is asked at once
    std::uint64_t header_bytes = 256u << 10;     ///< all header lines of one answer
    std::uint32_t pages = 100;                   ///< of one list
    std::uint32_t tags = 100'000;                ///< of one list, whether anything is made of them or not
    std::uint32_t redirects = 5;                 ///< of one request
    std::uint32_t retries = 5;                   ///< of one request, not counting the first attempt
    std::uint32_t at_once = 64;                  ///< requests under way to one host
    std::uint32_t connections = 6;               ///< to one host that has no HTTP/2
    std::uint32_t dial_timeout = 30'000;         ///< until a connection is established
    std::uint32_t tls_timeout = 10'000;          ///< until TLS is established
    std::uint32_t first_byte_timeout = 30'000;   ///< from there until the answer begins
    std::uint32_t stall_timeout = 60'000;        ///< in which `slowest` bytes a second must come
    std::uint32_t slowest = 1024;                ///< bytes a second
    std::uint32_t longest_retry_after = 60'000;  ///< a registry that asks for a longer pause is given up
    std::uint32_t helper_timeout = 30'000;       ///< in which a credential helper must answer
    std::uint32_t first_backoff = 200;           ///< before the first retry; doubled for each one after it
};

/// Limits of what a registry's answers may bring the client to do. Times are milliseconds.
struct lookup_limits {
    std::uint32_t silence_after = 1'000;          ///< who gave no answer for so long by a deadline, gives none
    std::uint32_t silence_remembered = 300'000;   ///< of a host that did not answer, for optional questions
    std::uint32_t scopes = 8;                     ///< that challenges may add to the own one of a repository
    std::uint32_t scope_bytes = 512;              ///< of each of them
    std::uint32_t encoding_overhead = 64u << 10;  ///< bytes by which an encoded answer may be longer than its content
};

/// Limits of looking for references outside an index.
struct discovery_limits {
    std::uint32_t found = 1000;              ///< references found outside the index of one image
    std::uint32_t entries = 100'000;         ///< of lists of referrers, whether they are any or not
    std::uint32_t entry_bytes = 128u << 10;  ///< of one of them
    std::uint32_t subjects = 1000;           ///< digests about which the registry is asked
    std::uint64_t bytes = 64u << 20;         ///< all that is read for it
    std::uint32_t requests = 20'000;         ///< HTTP requests of one command for it
    std::uint32_t deadline = 60'000;         ///< milliseconds in which all of them must have ended
};

/// Those of a pull, which a daemon that runs as root makes several of at a time. Its policy bounds requests and time.
inline constexpr discovery_limits pull_discovery = [] {
    discovery_limits made;
    made.entries = 20'000;
    made.bytes = 8u << 20;
    return made;
}();

/// Limits of reading an image layout on this machine, and of one that is in a tar archive.
struct layout_limits {
    std::uint32_t scanned_blobs = 10'000;        ///< looked at for referrers although index.json does not list them
    std::uint32_t members = 100'000;             ///< files, directories and links of one archive
    std::uint64_t unpacked_bytes = 64ull << 30;  ///< of one compressed archive, in all passes through it together
    std::uint64_t kept_bytes = 64u << 20;        ///< documents of a compressed archive that are held in memory
};

/// The most features that a platform may list. Not for a caller to change: known platforms have one.
inline constexpr std::size_t most_os_features = 64;

/// Platforms for which is looked what containerd would run, where all were pulled. Not for a caller to change: each is
/// held against all entries.
inline constexpr std::size_t most_compared_platforms = 256;

/// Commas and colons of one document: an index of ten thousand entries has a quarter of that. Not for a caller to
/// change: it bounds what reading takes.
inline constexpr std::size_t most_json_values = 1'000'000;

/// The most that a caller may allow for limits::json_depth, because some of the reading recurses.
inline constexpr std::uint32_t most_json_depth = 1024;

}  // namespace refract
