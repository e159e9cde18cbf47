//! `explain permissions`: the least scopes for the work on these files, without any connection.

use clap::{Args, ValueEnum};

use crate::{plan, render};

use super::args::GlobalArgs;
use super::exit::Exit;
use super::formats::OutputFormat;
use super::output::Output;
use super::validate;

#[derive(Debug, Args)]
pub(super) struct ExplainArgs {
    /// What
    topic: Topic,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
enum Topic {
    /// The least scopes of a key that plans and of one that applies
    Permissions,
}

pub(super) fn run(global: &GlobalArgs, args: &ExplainArgs, output: &Output) -> Exit {
    match args.topic {
        Topic::Permissions => permissions(global, output),
    }
}

fn permissions(global: &GlobalArgs, output: &Output) -> Exit {
    let Some(desired) = validate::read(global, OutputFormat::Text, output) else { return Exit::Failed };
    let least = plan::least(&desired);
    output.data(&render::text::permissions(&least, &validate::files_name(global), &output.stdout));
    Exit::Done
}
