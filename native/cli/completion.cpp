// Copyright The refract Authors.
// SPDX-License-Identifier: Apache-2.0

#include <fmt/format.h>

#include <algorithm>
#include <map>

#include "cli/context.h"
#include "cli/words.h"

namespace refract::cli {
namespace {

/// A word that may follow, with what `--help` says of it.
struct word {
    std::string text;
    std::string about;
    bool takes_value = false;
};

/// The words that may follow at each command, read from the parser itself, so that they cannot get out of step with it.
struct command_words {
    std::vector<std::string> path;  ///< "references", "ls"; "refs" as well, where a command has another name
    std::vector<word> commands;
    std::vector<word> flags;

    std::string called() const { return path.empty() ? "refract" : fmt::format("refract {}", fmt::join(path, " ")); }
};

/// What a flag's value, or the only argument of a command, may be; of all others it is a file or a stranger's name.
const std::map<std::string, std::string>& known_values() {
    static const std::map<std::string, std::string> values{
        {"--output", "text json"},
        {"--source", fmt::format("{}", fmt::join(source_names(resolve::every_source), " "))},
        {"completion", "bash zsh fish"}};
    return values;
}

void collect(const CLI::App& app, const CLI::App& root, std::vector<std::string> path,
             std::vector<command_words>& into) {
    command_words here{std::move(path), {}, {}};
    const auto add_flags = [&](const CLI::App& from) {
        for (const CLI::Option* const option : from.get_options()) {
            const bool only_here = option->get_lnames() == std::vector<std::string>{"version"} && &app != &root;
            if (only_here) continue;
            const bool takes_value = option->get_items_expected_max() > 0;
            for (const auto& name : option->get_lnames()) {
                here.flags.push_back({"--" + name, option->get_description(), takes_value});
            }
            for (const auto& name : option->get_snames()) {
                here.flags.push_back({"-" + name, option->get_description(), takes_value});
            }
        }
    };
    add_flags(app);
    if (&app != &root) add_flags(root);
    const auto before = [](const word& a, const word& b) { return a.text < b.text; };
    const auto same = [](const word& a, const word& b) { return a.text == b.text; };
    std::sort(here.flags.begin(), here.flags.end(), before);
    here.flags.erase(std::unique(here.flags.begin(), here.flags.end(), same), here.flags.end());
    const auto below = app.get_subcommands([](const CLI::App*) { return true; });
    for (const CLI::App* const one : below) here.commands.push_back({one->get_name(), one->get_description()});
    const auto above = here.path;
    into.push_back(std::move(here));
    for (const CLI::App* const one : below) {
        auto names = one->get_aliases();
        names.insert(names.begin(), one->get_name());
        for (const auto& name : names) {
            auto further = above;
            further.push_back(name);
            collect(*one, root, std::move(further), into);
        }
    }
}

std::string bash_script(const std::vector<command_words>& all, std::string_view setup) {
    std::string cases;
    std::string known;
    std::string with_value;
    for (const auto& one : all) {
        std::string words;
        for (const auto* const group : {&one.commands, &one.flags}) {
            for (const auto& each : *group) words += (words.empty() ? "" : " ") + each.text;
        }
        if (const auto values = known_values().find(one.path.empty() ? "" : one.path.back());
            values != known_values().end()) {
            words.insert(0, values->second + ' ');
        }
        cases += fmt::format("        \"{}\") words=\"{}\" ;;\n", one.called(), words);
        known += fmt::format("{}\"{}\"", known.empty() ? "" : "|", one.called());
        for (const auto& flag : one.flags) {
            if (!flag.takes_value || known_values().contains(flag.text)) continue;
            if (('|' + with_value + '|').find('|' + flag.text + '|') != std::string::npos) continue;
            with_value += (with_value.empty() ? "" : "|") + flag.text;
        }
    }
    std::string values;
    for (const auto& [flag, words] : known_values()) {
        if (flag.starts_with("--")) values += fmt::format("        {}) words=\"{}\" ;;\n", flag, words);
    }
    return fmt::format(R"({}_refract() {{
    local path=refract word words="" i current="${{COMP_WORDS[COMP_CWORD]}}" before="${{COMP_WORDS[COMP_CWORD-1]}}"
    for ((i = 1; i < COMP_CWORD; i++)); do
        word="${{COMP_WORDS[i]}}"
        case "$path $word" in
        {}) path="$path $word" ;;
        esac
    done
    # "--flag=value" is three words.
    if [ "$current" = = ]; then
        current=""
    elif [ "$before" = = ]; then
        before="${{COMP_WORDS[COMP_CWORD-2]}}"
    fi
    case "$path" in
{}    esac
    case "$before" in
{}        {}) words="" ;;
    esac
    COMPREPLY=($(compgen -W "$words" -- "$current"))
    # Layouts are directories.
    if [ ${{#COMPREPLY[@]}} = 0 ]; then COMPREPLY=($(compgen -f -- "$current")); fi
}}
complete -F _refract refract
)",
                       setup, known, cases, values, with_value);
}

std::string fish_quoted(std::string_view text) {
    std::string quoted = "'";
    for (const char c : text) {
        if (c == '\'' || c == '\\') quoted.push_back('\\');
        quoted.push_back(c);
    }
    return quoted + '\'';
}

std::string fish_script(const std::vector<command_words>& all) {
    std::string script;
    for (const auto& one : all) {
        std::string seen = one.path.empty() ? "__fish_use_subcommand" : "";
        for (const auto& word : one.path)
            seen += (seen.empty() ? "" : "; and ") + ("__fish_seen_subcommand_from " + word);
        if (!one.path.empty() && !one.commands.empty()) {
            seen += "; and not __fish_seen_subcommand_from";
            for (const auto& command : one.commands) seen += ' ' + command.text;
        }
        const auto add = [&](const std::string& what, std::string_view about) {
            script += fmt::format("complete -c refract -n '{}' {}", seen, what);
            if (!about.empty()) script += " -d " + fish_quoted(about);
            script += '\n';
        };
        for (const auto& command : one.commands) add("-f -a " + command.text, command.about);
        if (const auto values = known_values().find(one.path.empty() ? "" : one.path.back());
            values != known_values().end()) {
            add(fmt::format("-f -a '{}'", values->second), "");
        }
        for (const auto& flag : one.flags) {
            const bool is_long = flag.text.starts_with("--");
            std::string what = (is_long ? "-l " : "-s ") + flag.text.substr(is_long ? 2 : 1);
            if (const auto values = known_values().find(flag.text); values != known_values().end()) {
                what += fmt::format(" -x -a '{}'", values->second);
            } else if (flag.takes_value) {
                what += " -r -F";
            }
            add(what, flag.about);
        }
    }
    return script;
}

}  // namespace

void add_completion(CLI::App& to, context& with) {
    CLI::App* const command = to.add_subcommand("completion", "Print a completion script for a shell");
    command->footer(
        "To use it: \"source <(refract completion bash)\" in .bashrc, the same with zsh in .zshrc,\n"
        "\"refract completion fish | source\" in config.fish.");
    auto shell = std::make_shared<std::string>();
    command->add_option("SHELL", *shell, "bash, zsh or fish")
        ->type_name("")
        ->required()
        ->check(CLI::IsMember({"bash", "zsh", "fish"}));
    command->callback([&to, &with, shell] {
        with.action = [&to, &with, shell]() -> status {
            REFRACT_TRY(with.refuse_json());
            std::vector<command_words> all;
            collect(to, to, {}, all);
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
