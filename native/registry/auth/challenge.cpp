// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "registry/auth/challenge.h"

#include <algorithm>

#include "base/ascii.h"

namespace refract::registry {
namespace {

/// RFC 9110 section 5.6: what the grammars of both headers are made of.
class scanner {
public:
    explicit scanner(std::string_view text) : text_(text) {}

    bool at_end() const noexcept { return text_.empty(); }
    std::size_t left() const noexcept { return text_.size(); }
    void skip_blanks() {
        while (!text_.empty() && (text_.front() == ' ' || text_.front() == '\t')) text_.remove_prefix(1);
    }
    bool take(char c) {
        if (!text_.starts_with(c)) return false;
        text_.remove_prefix(1);
        return true;
    }
    std::string_view token() {
        const auto end = std::find_if_not(text_.begin(), text_.end(), is_token_character);
        const auto size = static_cast<std::size_t>(end - text_.begin());
        const auto taken = text_.substr(0, size);
        text_.remove_prefix(size);
        return taken;
    }
    /// A quoted-string, or what a careless server writes without quotes: all up to a comma or blank.
    bool value(std::string& into) {
        into.clear();
        if (!take('"')) {
            const auto end = std::min(text_.find_first_of(", \t;"), text_.size());
            into = text_.substr(0, end);
            text_.remove_prefix(end);
            return !into.empty();
        }
        while (!text_.empty()) {
            char c = text_.front();
            text_.remove_prefix(1);
            if (c == '"') return true;
            if (c == '\\') {
                if (text_.empty()) return false;
                c = text_.front();
                text_.remove_prefix(1);
            }
            into.push_back(c);
        }
        return false;  // never closed
    }
    bool until(char end, std::string& into) {
        const auto at = text_.find(end);
        if (at == std::string_view::npos) return false;
        into = text_.substr(0, at);
        text_.remove_prefix(at + 1);
        return true;
    }
    std::string_view rest() const noexcept { return text_; }
    void go_to(std::string_view rest) noexcept { text_ = rest; }

private:
    std::string_view text_;
};

/// "name=value", with blanks around; puts back what is not one.
bool take_parameter(scanner& from, std::string_view& name, std::string& value) {
    const auto before = from.rest();
    from.skip_blanks();
    name = from.token();
    from.skip_blanks();
    if (!name.empty() && from.take('=')) {
        from.skip_blanks();
        if (from.value(value)) return true;
    }
    from.go_to(before);
    return false;
}

void set(challenge& into, std::string_view name, std::string value) {
    if (equal_but_for_case(name, "realm"))
        into.realm = std::move(value);
    else if (equal_but_for_case(name, "service"))
        into.service = std::move(value);
    else if (equal_but_for_case(name, "scope"))
        into.scope = std::move(value);
    else if (equal_but_for_case(name, "error"))
        into.error = std::move(value);
}

}  // namespace

std::vector<challenge> parse_challenges(std::string_view header) {
    std::vector<challenge> found;
    scanner from(header);
    while (!from.at_end()) {
        const auto before = from.left();
        from.skip_blanks();
        if (from.take(',')) continue;
        const auto scheme = from.token();
        challenge next;
        const bool known = equal_but_for_case(scheme, "bearer") || equal_but_for_case(scheme, "basic");
        next.scheme = equal_but_for_case(scheme, "bearer") ? challenge::scheme::bearer : challenge::scheme::basic;
        std::string_view name;
        std::string value;
        do {
            if (!take_parameter(from, name, value)) break;
            set(next, name, std::move(value));
            from.skip_blanks();
        } while (from.take(','));
        const bool usable = next.scheme == challenge::scheme::basic || !next.realm.empty();
        if (known && usable) found.push_back(std::move(next));
        if (from.left() == before) break;  // neither a scheme nor a parameter: nothing more can be told
    }
    return found;
}

std::optional<challenge> choose_challenge(const std::vector<std::string>& headers) {
    std::optional<challenge> best;
    for (const auto& header : headers) {
        for (auto& one : parse_challenges(header)) {
            if (!best || (best->scheme == challenge::scheme::basic && one.scheme == challenge::scheme::bearer)) {
                best = std::move(one);
            }
        }
    }
    return best;
}

std::optional<std::string> next_link(std::string_view header) {
    scanner from(header);
    while (!from.at_end()) {
        std::string target;
        from.skip_blanks();
        if (from.take(',')) continue;
        if (!from.take('<') || !from.until('>', target)) return std::nullopt;
        bool is_next = false;
        from.skip_blanks();
        while (from.take(';')) {
            std::string_view name;
            std::string value;
            if (!take_parameter(from, name, value)) return std::nullopt;
            is_next = is_next || (equal_but_for_case(name, "rel") && equal_but_for_case(value, "next"));
            from.skip_blanks();
        }
        if (is_next) return target;
        if (!from.at_end() && !from.take(',')) return std::nullopt;
    }
    return std::nullopt;
}

}  // namespace refract::registry
