//! Arguments → calls → streams and exit code. One file per command.
//!
//! Invariant: the only module that knows all others; it decides nothing about keys.

mod apply;
mod args;
mod base;
mod complete;
mod emulator;
mod exit;
mod explain;
mod failure;
mod fmt;
mod formats;
mod import;
mod list;
mod log;
mod manual;
mod output;
mod permissions;
mod planning;
mod reference;
mod rehearsal;
mod saved;
mod session;
mod show;
mod show_plan;
mod validate;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;
use clap::error::{ContextKind, ContextValue, ErrorKind};

use args::{Cli, Command, RevokeArgs, RotateArgs};
pub use exit::Exit;
use failure::CommandError;
use formats::OutputFormat;
use output::Output;

use crate::plan::Asked;
use crate::render;

/// Runs one command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(answered) = complete::answer(&arguments) {
        return if answered { Exit::Done } else { Exit::Failed }.into();
    }
    let parsed = manual::command().try_get_matches_from(&arguments);
    match parsed.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => execute(cli).into(),
        Err(error) => usage(&error, &arguments).into(),
    }
}

fn execute(cli: Cli) -> Exit {
    let Cli { global, command } = cli;
    let output = Output::new(&global);
    log::start(&global, matches!(command, Command::Emulator(_)));
    let runtime = match tokio::runtime::Builder::new_multi_thread().enable_all().build() {
        Ok(runtime) => runtime,
        Err(error) => return fail(&CommandError::new(error), OutputFormat::Text, &output),
    };
    let format = match &command {
        Command::Validate(args) => args.format.into(),
        Command::Plan(args) => args.format.into(),
        Command::Apply(args) => args.apply.format.into(),
        Command::Rotate(args) => args.apply.format.into(),
        Command::Revoke(args) => args.apply.format.into(),
        Command::List(args) => args.error_format(),
        Command::Show(args) => args.format.into(),
        Command::Explain(args) => args.format.into(),
        Command::Import(_)
        | Command::Fmt(_)
        | Command::Emulator(_)
        | Command::Schema(_)
        | Command::Completions(_)
        | Command::Man(_) => OutputFormat::Text,
    };
    let changes_keys = matches!(command, Command::Apply(_) | Command::Rotate(_) | Command::Revoke(_));
    let result = runtime.block_on(async {
        match command {
            Command::Validate(args) => validate::run(&global, &args, &output),
            Command::Plan(args) => planning::run(&global, &args, &output).await,
            Command::Apply(args) => apply::run_saved(global, args, &output).await,
            Command::Rotate(args) => {
                let RotateArgs { addresses, transition, accept, apply: mut args } = args;
                args.planning.targets.extend(addresses);
                let asked = if accept { Asked::Accept } else { Asked::Rotate { transition } };
                apply::run(&global, &args, Some(asked), &output).await
            }
            Command::Revoke(RevokeArgs { addresses, apply: mut args }) => {
                args.planning.targets.extend(addresses);
                apply::run(&global, &args, Some(Asked::Revoke), &output).await
            }
            Command::Import(args) => import::run(&global, &args, &output).await,
            Command::List(args) => list::run(&global, &args, &output).await,
            Command::Show(args) => show::run(&global, &args, &output).await,
            Command::Explain(args) => explain::run(&global, &args, &output),
            Command::Fmt(args) => fmt::run(&global, &args, &output),
            Command::Emulator(args) => emulator::run(&global, args, &output).await,
            Command::Schema(args) => reference::schema(args.of, &output),
            Command::Completions(args) => reference::completions(args.shell, &output),
            Command::Man(args) => reference::man(args.output.as_deref(), &output),
        }
    });
    // What is still running has nothing left to say.
    runtime.shutdown_background();
    let exit = result.unwrap_or_else(|error| fail(&error, format, &output));
    if output.lost_data() {
        output.complain("error: standard output could not be written; what it holds is not whole\n");
        // Whatever was changed is not told about; what was only read is to be read again.
        return if exit == Exit::Done && changes_keys { Exit::Partial } else { Exit::Failed.worse(exit) };
    }
    exit
}

fn fail(error: &CommandError, format: OutputFormat, output: &Output) -> Exit {
    formats::error(error, format, output);
    error.exit
}

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

/// Wrong usage: clap's own words, with ours where a neighbour's word was meant.
fn usage(error: &clap::Error, arguments: &[OsString]) -> Exit {
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
    let ours = word.as_deref().and_then(|word| {
        let word = word.split([' ', '=']).next().unwrap_or(word);
        NEIGHBOURS.iter().find(|(theirs, _)| *theirs == word).map(|(_, ours)| *ours)
    });
    let hint = ours.map(|ours| format!("here it is: {ours}"));
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
            write_stderr(&format!("\nhint: {hint}\n"));
        }
    }
    Exit::Usage
}

fn write_stdout(text: &str) {
    std::io::Write::write_all(&mut std::io::stdout(), text.as_bytes()).ok();
}

fn write_stderr(text: &str) {
    std::io::Write::write_all(&mut std::io::stderr(), text.as_bytes()).ok();
}
