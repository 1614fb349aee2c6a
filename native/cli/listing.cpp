// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include "cli/listing.h"

#include <fmt/format.h>

#include "base/printable.h"
#include "cli/words.h"

namespace refract::cli {
namespace {

/// Words to be known about something, with commas between.
class word_list {
public:
    void add(std::string_view word) { text_ += (text_.empty() ? "" : ", ") + std::string(word); }
    const std::string& text() const noexcept { return text_; }

private:
    std::string text_;
};

word_list remarks(const resolve::reference& one, const style& style) {
    word_list all;
    const auto add = [&](std::string_view remark) { all.add(remark); };
    if (!one.malformed.empty()) {
        add("malformed subject \"" + style.text(one.malformed) + '"');
    } else if (one.subject.empty()) {
        add(one.unread ? "not read: subject unknown" : "no subject stated");
    } else if (one.weak == resolve::tristate::yes) {
        add("weak");
    } else if (one.weak == resolve::tristate::unknown) {
        add("perhaps weak");
    }
    if (one.present == resolve::tristate::no) add("missing");
    return all;
}

/// Why a subject has a line of its own. What is about it comes next, and knows whether the index lists it.
std::string_view subject_remark(const inspect::listing& listing, std::size_t number) {
    if (listing.tree[number].subject.empty()) return "not stated";
    auto weak = resolve::tristate::unknown;
    if (number + 1 < listing.tree.size() && listing.tree[number + 1].kind == resolve::node::kind::reference) {
        weak = listing.references[listing.tree[number + 1].reference].weak;
    }
    switch (weak) {
        case resolve::tristate::no:
            return "in a cycle";  // it is listed, but nothing leads there from an image
        case resolve::tristate::yes:
            return "not in this index";
        case resolve::tristate::unknown:
            break;
    }
    return "not in what was read of this index";
}

/// Its kinds and, where that is not the same, its type.
std::string name_in_tree(const resolve::reference& one) {
    const auto kinds = kinds_text(one.kinds);
    return kinds.empty() ? std::string(type_of(one)) : kinds;
}

/// How far lines are indented: a chain of references may be thousands long.
constexpr std::uint32_t deepest = 40;

/// What a line says: what it is, which, and in brackets what is to be known about it.
std::string node_text(const inspect::image& image, const inspect::listing& listing, std::size_t number,
                      const style& style) {
    using kind = enum resolve::node::kind;
    const auto& node = listing.tree[number];
    std::string text;
    word_list marks;
    if (node.kind == kind::reference) {
        const auto& one = listing.references[node.reference];
        const auto name = name_in_tree(one);
        text = style.bold(style.text(name));
        if (one.descriptor != nullptr) text += ' ' + style.digest(one.digest());
        if (type_of(one) != name) text += ' ' + style.text(type_of(one));
        if (!content_of(one).empty() && content_of(one) != name && content_of(one) != type_of(one)) {
            text += ' ' + style.text(content_of(one));
        }
        text += ' ' + size_text(size_of(one)) + " (" + sources_text(one.sources) + ')';
        if (!one.description.empty()) text += " \"" + style.text(one.description) + '"';
        marks = remarks(one, style);
    } else if (node.kind == kind::subject) {
        text = "subject";
        if (!node.subject.empty()) text += ' ' + style.digest(node.subject);
        marks.add(subject_remark(listing, number));
    } else {
        text = std::string(name_of(node.kind));
        if (node.place.document == resolve::none) {
            text += ' ' + style.digest(image.root().digest);
        } else {
            const auto& documents = image.listed_walk()->read();
            if (const auto* const platform = documents.platform_of(node.place)) text += ' ' + oci::describe(*platform);
            text += ' ' + style.digest(documents.entry(node.place).digest);
        }
    }
    if ((node.flags & resolve::node::unread) != 0) marks.add("unread");
    if ((node.flags & resolve::node::repeated) != 0) marks.add("repeated");
    return marks.text().empty() ? text : text + ' ' + style.warn('[' + marks.text() + ']');
}

/// The longest time that may be given: a day.
constexpr double most_seconds = 86'400;

/// At least one of them: none would be no time at all.
std::uint32_t milliseconds(double seconds) { return static_cast<std::uint32_t>(std::max(seconds * 1000, 1.0)); }

/// A number of seconds that can be waited for.
CLI::Validator seconds() {
    return {[](const std::string& value) {
                double number = 0;
                const bool fits = CLI::detail::lexical_cast(value, number) && number > 0 && number <= most_seconds;
                return fits ? std::string()
                            : "want a number of seconds above 0 and up to " + fmt::format("{:.0f}", most_seconds);
            },
            ""};
}

/// Of each node, whether no other node of its parent comes after it.
std::vector<bool> last_of_siblings(const std::vector<resolve::node>& tree) {
    std::vector<bool> last(tree.size());
    std::vector<bool> follows;
    for (std::size_t i = tree.size(); i-- > 0;) {
        follows.resize(tree[i].depth + 1u, false);
        last[i] = !follows[tree[i].depth];
        follows[tree[i].depth] = true;
    }
    return last;
}

}  // namespace

CLI::Option* listing_options::add_to(CLI::App& command) {
    CLI::Option* const name = command.add_option("IMAGE", image, "host/repo:tag, host/repo@digest or oci:DIR[:TAG]")
                                  ->type_name("")
                                  ->check(stated());
    command.add_option("--type", type, "Only this kind (sbom, signature, …), or exactly this type")
        ->type_name("TYPE")
        ->check(stated());
    command.add_option("--artifact-type", artifact_type, "Only this artifact type")->type_name("TYPE")->check(stated());
    command.add_option("--annotation", annotations, "Only with this annotation, of descriptor or manifest")
        ->type_name("KEY=VALUE")
        ->allow_extra_args(false);
    command
        .add_option("--platform", platform, "Only what is about the image for this platform, and the indexes around it")
        ->type_name("OS/ARCH[/VARIANT]")
        ->check(stated());
    command
        .add_option(
            "--source", sources,
            "Only from these: index, annotation, buildkit, soci, digest-tag, referrers-api, referrers-tag, cosign-tag")
        ->type_name("SOURCE")
        ->delimiter(',')
        ->allow_extra_args(false)
        ->check(stated());
    command
        .add_option("--deadline", deadline,
                    "Seconds after which what is attached beside the index is no longer looked for (default: 60)")
        ->type_name("SECONDS")
        ->check(seconds());
    command.add_flag("--direct", direct, "Not what is about references");
    command.add_flag("--scan-tags", scan_tags, "Look into every index of the repository, too");
    command.add_flag("--check", check, "Ask for each artifact whether it is there");
    command.add_flag("--no-trunc", whole, "Print digests and types in full");
    return name;
}

result<inspect::listing_request> listing_options::request(const limits& limits) {
    inspect::listing_request made;
    made.limits = limits;
    if (deadline > 0) made.discovery.deadline = milliseconds(deadline);
    made.type = type;
    made.artifact_type = artifact_type;
    made.direct = direct;
    made.scan_tags = scan_tags;
    made.check_presence = check;
    for (const auto& one : annotations) {
        const auto equals = one.find('=');
        if (equals == std::string::npos || equals == 0) {
            return error{status_code::invalid_argument, "--annotation is " + quote(one) + ", want KEY=VALUE"};
        }
        made.annotations.emplace_back(one.substr(0, equals), one.substr(equals + 1));
    }
    if (!sources.empty()) made.sources = 0;
    for (const auto& one : sources) {
        const auto bit = source_of(one);
        if (bit == 0)
            return error{status_code::invalid_argument, "--source is " + quote(one) + ": there is no such source"};
        made.sources |= bit;
    }
    if (!platform.empty()) {
        auto parsed = oci::parse_platform(platform);
        if (parsed.failed()) return status(std::move(parsed).take()).in("--platform");
        platform_ = std::move(parsed).value();
        made.platform = platform_.view();
    }
    return made;
}

std::string references_table(const inspect::listing& listing, const style& style) {
    table rows({"KIND", "DIGEST", "TYPE", "ARTIFACT TYPE", "SIZE", "SUBJECT", "SOURCE", "NOTES"});
    for (const auto number : listing.told) {
        const auto& one = listing.references[number];
        rows.add({kinds_text(one.kinds), style.digest(one.digest()), style.text(one.type), style.text(content_of(one)),
                  size_text(size_of(one)), style.digest(one.subject), sources_text(one.sources),
                  remarks(one, style).text()});
    }
    return rows.text();
}

std::string references_tree(const inspect::image& image, const inspect::listing& listing, const style& style) {
    std::string text = style.bold(printable(image.name().text(), 1024)) + '\n';
    const auto last = last_of_siblings(listing.tree);
    std::vector<bool> ended;
    for (std::size_t i = 0; i < listing.tree.size(); ++i) {
        const auto& node = listing.tree[i];
        ended.resize(node.depth);
        for (std::size_t d = 0; d < std::min<std::size_t>(ended.size(), deepest); ++d)
            text += ended[d] ? "    " : "│   ";
        if (node.depth > deepest) text += fmt::format("({} deeper) ", node.depth - deepest);
        text += (last[i] ? "└── " : "├── ") + node_text(image, listing, i, style) + '\n';
        ended.push_back(last[i]);
    }
    return text;
}

std::string looked_at(const inspect::image& image, std::uint32_t sources) {
    word_list all;
    if (image.is_index() && (sources & resolve::in_index_sources) != 0) all.add("its index");
    if ((sources & resolve::source_digest_tag) != 0) all.add("digest tags");
    if ((sources & resolve::source_referrers_api) != 0) all.add("the referrers API");
    if ((sources & resolve::source_referrers_tag) != 0) all.add("the referrers tag");
    if ((sources & resolve::source_cosign_tag) != 0) all.add("cosign's tags");
    return all.text().empty() ? "nothing, it is a single manifest" : all.text();
}

void tell_notices(const context& with, const inspect::listing& listing) {
    for (const auto& one : listing.notices) with.warn(one);
    if (listing.unread_indexes > 0) {
        with.warn(fmt::format("{} nested {} not be read, what is in there is not known", listing.unread_indexes,
                              listing.unread_indexes == 1 ? "index could" : "indexes could"));
    }
}

}  // namespace refract::cli
