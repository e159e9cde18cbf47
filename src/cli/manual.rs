//! What the program says about itself besides the help of each option: examples, variables, files, exit codes; and
//! the manual pages and the reference that are made of all that.

use clap::{Arg, Command, CommandFactory};
use clap_mangen::Man;
use clap_mangen::roff::{Roff, bold, roman};

use super::args::{CONNECTION, Cli, FILES};
use super::exit::Exit;

/// Command lines that people type, with what each is for. Tests parse every one.
const EXAMPLES: &[(&str, &[(&str, &str)])] = &[
    (
        "validate",
        &[
            ("check keys.yaml", "portkey-sync validate"),
            ("for another program", "portkey-sync validate -f keys/ --format json"),
            (
                "may this change go in?",
                "portkey-sync validate --base-ref origin/main --deny-risk mints-keys,deleted",
            ),
        ],
    ),
    (
        "plan",
        &[
            ("try it without an account", "portkey-sync plan --emulator"),
            ("in CI: 2 if there are changes", "portkey-sync plan --detailed-exitcode"),
            ("one key only", "portkey-sync plan --target payments/checkout"),
            ("this change apart from drift", "portkey-sync plan --base-ref origin/main"),
            ("keep it for review and apply", "portkey-sync plan --out plan.json"),
        ],
    ),
    (
        "apply",
        &[
            ("what was saved and reviewed", "portkey-sync apply plan.json"),
            ("the plan with this digest", "portkey-sync apply --expect-plan 7f3a9c2e41d05b88"),
            ("let sinks run gh", "portkey-sync apply --yes --allow-command gh"),
        ],
    ),
    (
        "rotate",
        &[
            ("a leaked key, now", "portkey-sync rotate checkout --transition 30m"),
            ("the store has what is live", "portkey-sync rotate checkout --accept"),
        ],
    ),
    ("revoke", &[("end a key now", "portkey-sync revoke payments/checkout")]),
    (
        "import",
        &[
            ("every key, pinned by its id", "portkey-sync import -o keys.yaml"),
            ("what no file mentions", "portkey-sync import --unmanaged"),
            (
                "the keys of a Terraform state",
                "portkey-sync import --from-tfstate terraform.tfstate -o keys.yaml",
            ),
        ],
    ),
    (
        "list",
        &[
            ("who can make keys", "portkey-sync list --can mints-keys"),
            ("what never expires, for a spreadsheet", "portkey-sync list --no-expiry --format csv"),
        ],
    ),
    (
        "show",
        &[
            ("one live key, and what its file says of it", "portkey-sync show payments/checkout"),
            ("a saved plan, without any connection", "portkey-sync show plan.json"),
        ],
    ),
    (
        "explain",
        &[
            ("a scope", "portkey-sync explain completions.write"),
            ("fields of keys.yaml", "portkey-sync explain usage_limits.credit_limit expires_at"),
            ("a diagnostic", "portkey-sync explain scope-not-for-type"),
            ("an exit code", "portkey-sync explain 3"),
            ("all scopes", "portkey-sync explain scopes"),
            ("what a key needs for keys.yaml", "portkey-sync explain permissions"),
        ],
    ),
    (
        "fmt",
        &[
            ("format keys.yaml", "portkey-sync fmt"),
            ("in CI and before a commit", "portkey-sync fmt --check keys.yaml"),
            ("standard input to standard output", "portkey-sync fmt -"),
        ],
    ),
    (
        "emulator",
        &[("keep what it holds", "portkey-sync emulator --listen 127.0.0.1:8787 --state emulator.json")],
    ),
    (
        "schema",
        &[("for an editor", "portkey-sync schema keys"), ("of a plan in JSON", "portkey-sync schema plan")],
    ),
    (
        "completions",
        &[
            ("bash, in ~/.bashrc", "source <(portkey-sync completions bash)"),
            ("zsh, in ~/.zshrc", "source <(portkey-sync completions zsh)"),
            ("fish, in config.fish", "portkey-sync completions fish | source"),
        ],
    ),
    ("man", &[("pages for man", "portkey-sync man --output man1")]),
];

/// Variables that are read, besides those that options name in their help.
const ENVIRONMENT: &[(&str, &str)] = &[
    ("PORTKEY_ADMIN_API_KEY", "the API key to run with"),
    ("PORTKEY_API_KEY", "the API key, if the former is not set"),
    ("PORTKEY_BASE_URL", "the Admin API, as --base-url"),
    ("PORTKEY_GATEWAY_URL", "where new secrets are tried, as --gateway-url"),
    ("PORTKEY_SYNC_WORK_DIR", "the work folder, as --work-dir"),
    ("PORTKEY_SYNC_AGE_IDENTITY", "what reads an encrypted escrow, as --age-identity"),
    ("PORTKEY_EMULATOR_ADMIN_KEY", "the secret of the emulator's administrative key, as --admin-key"),
    ("HTTPS_PROXY, HTTP_PROXY, ALL_PROXY, NO_PROXY", "proxies"),
    ("NO_COLOR, TERM", "no colour if NO_COLOR is set or TERM is dumb"),
    ("COLUMNS", "the width to wrap to"),
    ("CI", "if set, file sinks get a warning: the runner's disk vanishes"),
    ("PORTKEY_SYNC_COMPLETE", "set by the script of `completions` to ask for words"),
];

/// Files that are read and written.
const PLACES: &[(&str, &str)] = &[
    ("keys.yaml", "the keys file, unless --file names others"),
    (".portkey-sync/", "the work folder, private to its owner; refused if git tracks anything in it"),
    (
        ".portkey-sync/escrow/",
        "new secrets that are not delivered yet; do not delete one that is named in a report",
    ),
    (
        ".portkey-sync/journal.jsonl",
        "what was done about secrets, without the secrets; the escrow's secrets are used only with it",
    ),
    (".portkey-sync/emulator.json", "the state of the embedded emulator"),
];

/// Commands that connect to nothing, with the headings of the options that they have no use for.
const OFFLINE: &[(&str, &[&str])] = &[
    ("validate", &[CONNECTION]),
    ("explain", &[CONNECTION]),
    ("fmt", &[CONNECTION]),
    ("schema", &[CONNECTION, FILES]),
    ("completions", &[CONNECTION, FILES]),
    ("man", &[CONNECTION, FILES]),
];

/// Whether the command can talk to a service.
pub(super) fn connects(name: &str) -> bool {
    !OFFLINE.iter().any(|(offline, _)| *offline == name)
}

/// The command line with examples in the help of each command, and without the options that it has no use for.
pub(super) fn command() -> Command {
    let mut command = Cli::command().after_help(main_help());
    let global: Vec<Arg> = command.get_arguments().cloned().collect();
    // What is changed goes to the end, so every command is, in their order.
    for (name, examples) in EXAMPLES {
        let unused =
            OFFLINE.iter().find(|(offline, _)| offline == name).map_or(&[][..], |(_, unused)| unused);
        let is_unused =
            |argument: &&Arg| argument.get_help_heading().is_some_and(|heading| unused.contains(&heading));
        let hidden: Vec<Arg> =
            global.iter().filter(is_unused).map(|argument| argument.clone().hide(true)).collect();
        command = command.mut_subcommand(name, |sub| sub.after_help(example_help(examples)).args(hidden));
    }
    command
}

/// Where to start, and what the exit codes say.
fn main_help() -> String {
    let mut help =
        "Start with:  portkey-sync plan --emulator        (an embedded emulator; no account needed)\n\n\
                    Exit codes:"
            .to_owned();
    for exit in Exit::ALL {
        // By hand: clap would begin the second line of a meaning under its number.
        let mut line = format!("  {:>3} ", exit.code());
        for word in exit.meaning().replace('`', "").split(' ') {
            if line.len() + 1 + word.len() > HELP_WIDTH {
                help.push_str(&format!("\n{line}"));
                line = " ".repeat("  130 ".len());
            }
            line.push_str(&format!(" {word}"));
        }
        help.push_str(&format!("\n{line}"));
    }
    help
}

/// Narrow enough that clap does not wrap it once more on a terminal of the usual width.
const HELP_WIDTH: usize = 79;

fn example_help(examples: &[(&str, &str)]) -> String {
    let width = examples.iter().map(|(_, line)| line.len()).max().unwrap_or(0);
    let lines: Vec<String> =
        examples.iter().map(|(what, line)| format!("    {line:width$}   {what}")).collect();
    format!("Examples:\n{}", lines.join("\n"))
}

fn examples_of(name: &str) -> &'static [(&'static str, &'static str)] {
    EXAMPLES.iter().find(|(command, _)| *command == name).map_or(&[], |(_, examples)| examples)
}

/// Every page by its file's name: the program's, and one for each command.
pub(super) fn pages() -> std::io::Result<Vec<(String, Vec<u8>)>> {
    let mut command = command().disable_help_subcommand(true);
    command.build();
    let main = page(&command, EXAMPLES.iter().flat_map(|(_, examples)| examples.iter().take(1)))?;
    let mut pages = vec![main];
    for sub in command.get_subcommands().filter(|sub| !sub.is_hide_set()) {
        pages.push(page(sub, examples_of(sub.get_name()).iter())?);
    }
    Ok(pages)
}

fn page<'e>(
    command: &Command,
    examples: impl Iterator<Item = &'e (&'e str, &'e str)>,
) -> std::io::Result<(String, Vec<u8>)> {
    let man = Man::new(command.clone());
    let mut text = Vec::new();
    man.render_title(&mut text)?;
    man.render_name_section(&mut text)?;
    man.render_synopsis_section(&mut text)?;
    man.render_description_section(&mut text)?;
    man.render_options_section(&mut text)?;
    if command.has_subcommands() {
        man.render_subcommands_section(&mut text)?;
    }
    let codes = Exit::ALL.map(|exit| (exit.code().to_string(), exit.meaning().replace('`', "")));
    let mut roff = Roff::new();
    terms(&mut roff, "EXIT STATUS", codes.iter().map(|(code, meaning)| (code.as_str(), meaning.as_str())));
    terms(&mut roff, "ENVIRONMENT", ENVIRONMENT.iter().copied());
    terms(&mut roff, "FILES", PLACES.iter().copied());
    terms(&mut roff, "EXAMPLES", examples.map(|(what, line)| (*line, *what)));
    if !command.has_subcommands() {
        roff.control("SH", ["SEE ALSO"]);
        roff.text([bold("portkey-sync"), roman("(1)")]);
    }
    roff.to_writer(&mut text)?;
    man.render_version_section(&mut text)?;
    Ok((man.get_filename(), text))
}

/// A section of words, each with what it means.
fn terms<'t>(roff: &mut Roff, title: &str, terms: impl Iterator<Item = (&'t str, &'t str)>) {
    roff.control("SH", [title]);
    for (term, meaning) in terms {
        roff.control("TP", []);
        roff.text([bold(term)]);
        roff.text([roman(meaning)]);
    }
}

#[cfg(test)]
mod tests {
    use std::fmt::Write as _;

    use clap::FromArgMatches;

    use super::*;

    /// The options of a command as a table; `global` chooses which.
    fn options(page: &mut String, command: &Command, global: bool) {
        let cell = |text: String| text.replace('|', "\\|").replace('\n', " ");
        let arguments = command.get_arguments().filter(|argument| {
            argument.is_global_set() == global && !matches!(argument.get_id().as_str(), "help" | "version")
        });
        let rows: Vec<String> = arguments
            .map(|argument| {
                let value = argument.get_value_names().filter(|_| argument.get_action().takes_values());
                let value =
                    value.and_then(|names| names.first()).map(ToString::to_string).unwrap_or_default();
                let name = match (argument.get_short(), argument.get_long()) {
                    (Some(short), Some(long)) => format!("-{short}, --{long} {value}"),
                    (None, Some(long)) => format!("--{long} {value}"),
                    (Some(short), None) => format!("-{short} {value}"),
                    (None, None) => value,
                };
                let help = argument.get_help().map(ToString::to_string).unwrap_or_default();
                let words: Vec<String> = argument
                    .get_possible_values()
                    .iter()
                    .filter(|_| argument.get_action().takes_values())
                    .map(|word| format!("`{}`", word.get_name()))
                    .collect();
                let words =
                    if words.is_empty() { String::new() } else { format!(" One of {}.", words.join(", ")) };
                let defaults: Vec<String> = argument
                    .get_default_values()
                    .iter()
                    .map(|value| format!("`{}`", value.to_string_lossy()))
                    .collect();
                let default = if defaults.is_empty() || !argument.get_action().takes_values() {
                    String::new()
                } else {
                    format!(" Default: {}.", defaults.join(", "))
                };
                format!("| `{}` | {}.{words}{default} |\n", name.trim(), cell(help))
            })
            .collect();
        if !rows.is_empty() {
            page.push_str("\n| option | meaning |\n|---|---|\n");
            page.push_str(&rows.concat());
        }
    }

    fn reference() -> String {
        let mut command = command().disable_help_subcommand(true);
        command.build();
        let mut page = String::from(
            "# Commands\n\n`portkey-sync COMMAND --help` says the same. Made from the program's own table of options; \
             `portkey-sync man --output DIR` writes it as manual pages.\n",
        );
        for sub in command.get_subcommands() {
            let about = sub.get_about().map(ToString::to_string).unwrap_or_default();
            write!(page, "\n## {}\n\n{about}.\n", sub.get_name()).unwrap();
            if let Some(long) = sub.get_long_about() {
                let long = long.to_string();
                let rest = long.split_once("\n\n").map_or("", |(_, rest)| rest);
                write!(page, "\n{rest}\n").unwrap();
            }
            options(&mut page, sub, false);
            let examples = examples_of(sub.get_name());
            let width = examples.iter().map(|(_, line)| line.len()).max().unwrap_or(0);
            page.push_str("\n```sh\n");
            for (what, line) in examples {
                writeln!(page, "{line:width$}   # {what}").unwrap();
            }
            page.push_str("```\n");
        }
        page.push_str("\n## Options of every command\n");
        options(&mut page, &command, true);
        page.push_str("\n## Exit codes\n\n| code | means |\n|---|---|\n");
        for exit in Exit::ALL {
            writeln!(page, "| {} | {} |", exit.code(), exit.meaning()).unwrap();
        }
        for (title, rows) in [("Environment", ENVIRONMENT), ("Files", PLACES)] {
            write!(page, "\n## {title}\n\n| name | is |\n|---|---|\n").unwrap();
            for (name, meaning) in rows {
                writeln!(page, "| `{name}` | {meaning} |").unwrap();
            }
        }
        page
    }

    fn root() -> &'static std::path::Path {
        std::path::Path::new(env!("CARGO_MANIFEST_DIR"))
    }

    #[test]
    fn the_commands_in_the_manual_are_those_of_the_program() {
        let path = root().join("docs/commands.md");
        let reference = reference();
        if std::env::var_os("UPDATE").is_some() {
            std::fs::write(&path, &reference).unwrap();
        }
        let written = std::fs::read_to_string(&path).unwrap_or_default();
        assert!(
            written == reference,
            "docs/commands.md is not what the program says; run this test with UPDATE=1"
        );
    }

    #[test]
    fn every_command_has_examples_and_each_is_a_command_line() {
        let commands: Vec<String> =
            command().get_subcommands().map(|sub| sub.get_name().to_owned()).collect();
        let with: Vec<&str> = EXAMPLES.iter().map(|(name, _)| *name).collect();
        assert_eq!(commands, with, "in the order of the commands");
        for (name, line) in
            EXAMPLES.iter().flat_map(|(name, lines)| lines.iter().map(move |(_, line)| (name, line)))
        {
            let line =
                line.trim_start_matches("source <(").trim_end_matches(" | source").trim_end_matches(')');
            let matches = command().try_get_matches_from(line.replace('\'', "").split(' '));
            let matches = matches.unwrap_or_else(|error| panic!("{line}: {error}"));
            assert_eq!(matches.subcommand_name(), Some(*name));
            Cli::from_arg_matches(&matches).unwrap();
        }
    }

    #[test]
    fn every_command_has_a_page_with_all_its_sections() {
        let pages = pages().unwrap();
        let names: Vec<&str> = pages.iter().map(|(name, _)| name.as_str()).collect();
        let mut expected = vec!["portkey-sync.1".to_owned()];
        expected
            .extend(Cli::command().get_subcommands().map(|sub| format!("portkey-sync-{}.1", sub.get_name())));
        assert_eq!(names, expected);
        for (name, page) in &pages {
            let page = String::from_utf8(page.clone()).unwrap();
            for section in [
                "NAME",
                "SYNOPSIS",
                "DESCRIPTION",
                "OPTIONS",
                "EXIT STATUS",
                "ENVIRONMENT",
                "FILES",
                "EXAMPLES",
            ] {
                assert!(
                    page.contains(&format!(".SH {section}\n"))
                        || page.contains(&format!(".SH \"{section}\"\n")),
                    "{name}: {section}\n{page}"
                );
            }
        }
    }

    #[test]
    fn every_variable_that_an_option_reads_is_told() {
        for argument in
            command().get_arguments().chain(command().get_subcommands().flat_map(Command::get_arguments))
        {
            if let Some(variable) = argument.get_env().and_then(|name| name.to_str()) {
                assert!(ENVIRONMENT.iter().any(|(name, _)| *name == variable), "{variable}");
            }
        }
    }

    #[test]
    fn the_exit_codes_are_told_alike_in_the_readme_and_the_help() {
        let readme = std::fs::read_to_string(root().join("README.md")).unwrap();
        let help = command().get_after_help().unwrap().to_string();
        for exit in Exit::ALL {
            assert!(readme.contains(&format!("\n| {} | {} |\n", exit.code(), exit.meaning())), "{exit:?}");
            let words: Vec<&str> = help.split_whitespace().collect();
            let told = format!("{} {}", exit.code(), exit.meaning().replace('`', ""));
            assert!(words.join(" ").contains(&told), "{told}: {help}");
        }
    }
}
