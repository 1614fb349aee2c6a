// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "layout/place.h"

#include <sys/stat.h>

#include <algorithm>
#include <climits>
#include <utility>

#include "layout/archive.h"
#include "layout/files.h"

namespace refract::layout {
namespace {

enum class found { nothing, something, layout };

bool is_there(const std::string& path) {
    struct stat at {};
    return ::lstat(path.c_str(), &at) == 0;
}

found look_at(const std::string& path) {
    struct stat at {};
    if (::stat(path.c_str(), &at) != 0) return found::nothing;
    if (S_ISREG(at.st_mode)) return found::layout;
    if (!S_ISDIR(at.st_mode)) return found::something;
    return is_there(path + "/index.json") || is_there(path + "/oci-layout") ? found::layout : found::something;
}

}  // namespace

oci::image_name find_path(oci::image_name name) {
    const std::string whole = name.tag.empty() ? name.repository : name.repository + ':' + name.tag;
    std::size_t chosen = 0;
    for (auto end = whole.find(':');; end = whole.find(':', end + 1)) {
        const auto length = std::min(end, whole.size());
        if (length > PATH_MAX) break;
        const auto is = length == 0 ? found::nothing : look_at(whole.substr(0, length));
        if (is == found::layout || (is == found::something && chosen == 0)) chosen = length;
        if (is == found::layout || end == std::string::npos) break;
    }
    if (chosen == 0) return name;
    name.repository = whole.substr(0, chosen);
    name.tag = chosen < whole.size() ? whole.substr(chosen + 1) : std::string();
    return name;
}

result<std::unique_ptr<storage>> open_storage(const std::string& path, const limits& limits,
                                              const layout_limits& bounds, const std::atomic<bool>* cancelled) {
    struct stat at {};
    if (::stat(path.c_str(), &at) != 0 || S_ISDIR(at.st_mode)) return open_directory(path);
    REFRACT_ASSIGN(auto file, open_regular(path));
    return open_archive(std::move(file), limits, bounds, cancelled);
}

}  // namespace refract::layout
