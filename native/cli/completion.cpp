// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>

#include "cli/context.h"

namespace refract::cli {
namespace {

/// The words that may follow at each command, read from the parser itself, so that they cannot get out of step with it.
struct words {
    std::string path;  ///< "refract references ls"
    std::vector<std::string> commands;
    std::vector<std::string> flags;
};

void collect(const CLI::App& app, const CLI::App& root, std::string path, std::vector<words>& into) {
    words here{std::move(path), {}, {}};
    const auto add_flags = [&](const CLI::App& from) {
        for (const CLI::Option* const option : from.get_options()) {
            for (const auto& name : option->get_lnames()) here.flags.push_back("--" + name);
        }
    };
    add_flags(app);
    if (&app != &root) add_flags(root);
    std::sort(here.flags.begin(), here.flags.end());
    here.flags.erase(std::unique(here.flags.begin(), here.flags.end()), here.flags.end());
    const auto below = app.get_subcommands([](const CLI::App*) { return true; });
    for (const CLI::App* const one : below) here.commands.push_back(one->get_name());
    const std::string prefix = here.path;
    into.push_back(std::move(here));
    for (const CLI::App* const one : below) collect(*one, root, prefix + ' ' + one->get_name(), into);
}

std::string joined(const std::vector<std::string>& all) { return fmt::format("{}", fmt::join(all, " ")); }

std::string bash_script(const std::vector<words>& all, std::string_view setup) {
    std::string cases;
    for (const auto& one : all) {
        cases +=
            fmt::format("        \"{}\") words=\"{}\" ;;\n", one.path, joined(one.commands) + ' ' + joined(one.flags));
    }
    std::string known;
    for (const auto& one : all) known += fmt::format("{}\"{}\"", known.empty() ? "" : "|", one.path);
    return fmt::format(R"({}_refract() {{
    local path=refract word words="" i
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
        case "$path $word" in
        {}) path="$path $word" ;;
        esac
    done
    case "$path" in
{}    esac
    COMPREPLY=($(compgen -W "$words" -- "${{COMP_WORDS[COMP_CWORD]}}"))
    # Layouts are directories.
    if [ ${{#COMPREPLY[@]}} = 0 ]; then COMPREPLY=($(compgen -f -- "${{COMP_WORDS[COMP_CWORD]}}")); fi
}}
complete -F _refract refract
)",
                       setup, known, cases);
}

std::string fish_script(const std::vector<words>& all) {
    std::string script = "complete -c refract -f\n";
    for (const auto& one : all) {
        const auto space = one.path.find(' ');
        std::string seen = "__fish_use_subcommand";
        if (space != std::string::npos) {
            seen.clear();
            auto rest = one.path.substr(space + 1);
            for (std::size_t at = 0; at != std::string::npos;) {
                const auto end = rest.find(' ', at);
                seen += (seen.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + rest.substr(at, end - at));
                at = end == std::string::npos ? end : end + 1;
            }
        }
        for (const auto& command : one.commands)
            script += fmt::format("complete -c refract -n '{}' -a {}\n", seen, command);
        for (const auto& flag : one.flags)
            script += fmt::format("complete -c refract -n '{}' -l {}\n", seen, flag.substr(2));
    }
    return script;
}

}  // namespace

void add_completion(CLI::App& to, context& with) {
    CLI::App* const command = to.add_subcommand("completion", "Print a completion script for a shell");
    auto shell = std::make_shared<std::string>();
    command->add_option("SHELL", *shell, "bash, zsh or fish")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command->callback([&to, &with, shell] {
        with.action = [&to, shell]() -> outcome {
            std::vector<words> all;
            collect(to, to, "refract", all);
            if (*shell == "fish") {
                print(fish_script(all));
            } else {
                print(bash_script(all, *shell == "zsh" ? "autoload -U +X bashcompinit && bashcompinit\n" : ""));
            }
            return {};
        };
    });
}

}  // namespace refract::cli
