// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <cstdint>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "base/result.h"
#include "oci/json.h"

namespace refract::oci {

/// What a descriptor or a config declares (image-spec, image-index.md, "platform"). Views into the document.
struct platform {
    std::string_view os;
    std::string_view architecture;
    std::string_view variant;
    std::string_view os_version;
    std::vector<std::string_view> os_features;
};

/// os.features, of a platform or a config: at most `most_os_features`.
status read_os_features(json_element value, std::vector<std::string_view>& into);

status read_platform(json_element value, platform& into);

/// "linux/arm64/v8", "windows(10.0.17763)/amd64", for messages.
std::string describe(const platform& declared);

/// Whether a platform says of itself that it is none: BuildKit's attestations are "unknown/unknown".
bool is_unknown(const platform& declared) noexcept;

/// How well a platform suits; smaller is better. Compare with <.
struct platform_rank {
    std::uint32_t matcher = 0;  ///< number of the first matcher that takes it
    std::int32_t features = 0;  ///< negated number of OS features: more of them is better

    auto operator<=>(const platform_rank&) const = default;
};

/// One platform that is looked for, normalised; containerd's platforms.NewMatcher.
class platform_matcher {
public:
    explicit platform_matcher(const platform& wanted);

    bool match(const platform& declared) const;
    /// Whether all that this matches rank alike: no entry can have more OS features than another. (On Windows an entry
    /// may have "win32k" unasked.)
    bool is_featureless() const noexcept { return os_features_.empty() && !windows_; }

private:
    struct windows_version {
        std::uint8_t major = 0;
        std::uint8_t minor = 0;
        std::uint16_t build = 0;
        bool is_empty() const noexcept { return major == 0 && minor == 0 && build == 0; }
    };

    static windows_version parse_windows(std::string_view version);
    static bool runs(windows_version host, windows_version image);
    bool match_features(const platform& declared) const;

    std::string os_;
    std::string architecture_;
    std::string variant_;
    std::vector<std::string> os_features_;  ///< sorted, each once
    bool windows_ = false;
    windows_version windows_version_;
};

/// Matchers in order of preference; the one matcher of the whole project. Held against containerd/platforms
/// (the version in go.mod) by tests/parity.
class platform_preference {
public:
    /// platforms.Ordered(wanted).
    static platform_preference exactly(const platform& wanted);
    /// platforms.Only(wanted): and all that it can run besides itself, best first.
    static platform_preference compatible(const platform& wanted);
    /// Several preferences as one, the first first: platforms.Ordered(a, b, …).
    static platform_preference joined(std::span<const platform_preference> parts);

    std::optional<platform_rank> rank(const platform& declared) const;
    /// MatchComparer.Less.
    bool less(const platform& a, const platform& b) const;
    /// Whether no other platform can rank higher.
    bool is_best(platform_rank rank) const noexcept;

private:
    std::vector<platform_matcher> matchers_;
};

}  // namespace refract::oci
