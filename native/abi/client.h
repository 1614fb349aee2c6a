// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#pragma once

#include <atomic>
#include <memory>

#include "base/limits.h"
#include "base/result.h"
#include "refract.h"
#include "registry/client.h"

namespace refract::abi {

/// What a client and its images share, so that they may be freed in any order.
struct connections {
    std::atomic<bool> cancelled{false};
    refract::limits limits;
    std::unique_ptr<registry::client> client;

    /// A directory is read too fast for anybody to end it half way, so that is asked before and between. Archives ask.
    status check_cancelled() const {
        if (!cancelled.load()) return {};
        return {status_code::cancelled, "the client was cancelled"};
    }
};

}  // namespace refract::abi

struct refract_client {
    std::shared_ptr<refract::abi::connections> connections;
};
