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
mod interrupts;
mod list;
mod log;
mod manual;
mod named;
mod output;
mod permissions;
mod planning;
mod progress;
mod reference;
mod rehearsal;
mod saved;
mod session;
mod show;
mod show_plan;
mod usage;
mod validate;
mod values;

use std::ffi::OsString;
use std::process::ExitCode;

use clap::FromArgMatches;

use args::{Cli, Command, RevokeArgs, RotateArgs};
pub use exit::Exit;
use failure::CommandError;
use formats::OutputFormat;
use output::Output;

use crate::plan::Asked;

/// Runs one command line.
pub fn run(arguments: impl IntoIterator<Item = OsString>) -> ExitCode {
    let arguments: Vec<OsString> = arguments.into_iter().collect();
    if let Some(answered) = complete::answer(&arguments) {
        return if answered { Exit::Done } else { Exit::Failed }.into();
    }
    let parsed = manual::command().try_get_matches_from(&arguments);
    let checked = parsed.and_then(|matches| usage::without_effect(&matches).map_or(Ok(matches), Err));
    match checked.and_then(|matches| Cli::from_arg_matches(&matches)) {
        Ok(cli) => execute(cli).into(),
        Err(error) => usage::wrong(error, &arguments).into(),
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
                let RotateArgs { addresses, transition, accept, apply: args } = args;
                let asked = if accept { Asked::Accept } else { Asked::Rotate { transition } };
                apply::run(&global, args.to(addresses), Some(asked), &output).await
            }
            Command::Revoke(RevokeArgs { addresses, apply: args }) => {
                apply::run(&global, args.to(addresses), Some(Asked::Revoke), &output).await
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
