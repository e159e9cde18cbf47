//! Wrong usage: clap's own words, with ours where another word was meant.

use std::ffi::OsString;
use std::path::Path;

use clap::error::{ContextKind, ContextValue, ErrorKind};
use clap::parser::ValueSource;
use clap::{ArgMatches, Command};

use super::args::CONNECTION;
use super::exit::Exit;
use super::manual;
use crate::diagnostic::nearest;
use crate::render;

/// Words of neighbouring tools, and ours.
const NEIGHBOURS: &[(&str, &str)] = &[
    ("diff", "portkey-sync plan"),
    ("preview", "portkey-sync plan"),
    ("check", "portkey-sync validate"),
    ("lint", "portkey-sync validate"),
    ("sync", "portkey-sync apply"),
    ("push", "portkey-sync apply"),
    ("deploy", "portkey-sync apply"),
    ("dump", "portkey-sync import"),
    ("pull", "portkey-sync import"),
    ("export", "portkey-sync import"),
    ("ls", "portkey-sync list"),
    ("get", "portkey-sync list"),
    ("describe", "portkey-sync show"),
    ("--auto-approve", "--yes"),
    ("-auto-approve", "--yes"),
    ("--force", "--yes"),
    ("--doit", "--yes"),
    ("--dry-run", "portkey-sync plan"),
    ("--api-key", "the environment variable PORTKEY_ADMIN_API_KEY, or --api-key-file PATH"),
    ("--state", "portkey-sync keeps no state file"),
];

/// What clap suggests by itself, from words that are hardly alike.
const SUGGESTIONS: [ContextKind; 3] =
    [ContextKind::SuggestedSubcommand, ContextKind::SuggestedArg, ContextKind::SuggestedValue];

/// Says what is wrong with the command line.
pub(super) fn wrong(mut error: clap::Error, arguments: &[OsString]) -> Exit {
    if matches!(
        error.kind(),
        ErrorKind::DisplayHelp
            | ErrorKind::DisplayVersion
            | ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand
    ) {
        let shown = error.print();
        drop(shown);
        return if error.kind() == ErrorKind::DisplayHelpOnMissingArgumentOrSubcommand {
            Exit::Usage
        } else {
            Exit::Done
        };
    }
    let word = [ContextKind::InvalidSubcommand, ContextKind::InvalidArg].into_iter().find_map(|kind| {
        match error.get(kind) {
            Some(ContextValue::String(word)) => Some(word.clone()),
            _ => None,
        }
    });
    let word = word.as_deref().map(|word| word.split([' ', '=']).next().unwrap_or(word));
    let hint = word.and_then(|word| neighbour(word).or_else(|| misplaced(word, error.kind())));
    if let Some(word) = word {
        for kind in SUGGESTIONS {
            if hint.is_some() || !error.get(kind).is_some_and(|suggested| is_near(word, suggested)) {
                error.remove(kind);
            }
        }
    }
    // That a word may be escaped is what nobody who misspelt an option asks for.
    error.remove(ContextKind::Suggested);

    let asked_for = |format: &str| {
        arguments.windows(2).any(|pair| {
            pair.first().is_some_and(|arg| arg == "--format") && pair.last().is_some_and(|arg| arg == format)
        }) || arguments.iter().any(|argument| *argument == *format!("--format={format}"))
    };
    let text = error.to_string();
    let message = text.lines().next().unwrap_or_default().trim_start_matches("error: ");
    let possible = match error.get(ContextKind::ValidValue) {
        Some(ContextValue::Strings(values)) if !values.is_empty() => {
            Some(format!("possible values: {}", values.join(", ")))
        }
        _ => None,
    };
    let (hints, exit): (Vec<String>, _) =
        (hint.iter().cloned().chain(possible).collect(), Exit::Usage.code());
    if asked_for("json") {
        write_stdout(&render::json::error("usage", message, &[], &hints, exit));
    } else if asked_for("jsonl") {
        write_stdout(&render::json::lines::error("usage", message, &[], &hints, exit));
    } else {
        let shown = error.print();
        drop(shown);
        if let Some(hint) = hint {
            write_stderr(&format!("\nhint: {}\n", render::escape(&hint)));
        }
    }
    Exit::Usage
}

fn neighbour(word: &str) -> Option<String> {
    let ours = NEIGHBOURS.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours);
    ours.map(|ours| format!("here it is: {ours}"))
}

/// A keys file that is not named with `-f`, or an option of other commands.
fn misplaced(word: &str, kind: ErrorKind) -> Option<String> {
    if kind != ErrorKind::UnknownArgument {
        return None;
    }
    if Path::new(word).extension().is_some_and(|extension| extension == "yaml" || extension == "yml") {
        return Some(format!("a keys file is named with -f: -f {word}"));
    }
    let long = word.strip_prefix("--")?;
    let command = manual::command();
    let has = |sub: &&Command| sub.get_arguments().any(|argument| argument.get_long() == Some(long));
    let names: Vec<&str> = command.get_subcommands().filter(has).map(Command::get_name).collect();
    (!names.is_empty()).then(|| format!("{word} is for {}", names.join(", ")))
}

/// Whether one of the suggestions is more than a word that shares a few letters.
fn is_near(word: &str, suggested: &ContextValue) -> bool {
    let all: Vec<&str> = match suggested {
        ContextValue::String(one) => vec![one],
        ContextValue::Strings(several) => several.iter().map(String::as_str).collect(),
        _ => Vec::new(),
    };
    nearest(word, all).is_some()
}

/// An option that would be ignored; what the environment says is for other commands too.
pub(super) fn without_effect(matches: &ArgMatches) -> Option<clap::Error> {
    let (name, matches) = matches.subcommand()?;
    let is_said = |id: &str| matches.value_source(id) == Some(ValueSource::CommandLine);
    let unfit = |option: &str, why: &str| {
        let message = format!("{option} has no effect {why}");
        Some(manual::command().error(ErrorKind::ArgumentConflict, message))
    };
    if manual::connects(name) {
        return (is_said("embedded_emulator") && is_said("base_url"))
            .then(|| unfit("--base-url", "with --emulator, which is a service of its own"))
            .flatten();
    }
    let command = manual::command();
    let unused = command.get_arguments().find(|argument| {
        argument.get_help_heading() == Some(CONNECTION) && is_said(argument.get_id().as_str())
    })?;
    unfit(&format!("--{}", unused.get_long()?), &format!("on {name}, which connects to nothing"))
}

fn write_stdout(text: &str) {
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes()).ok();
}

fn write_stderr(text: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).ok();
}
