//! `show plan.json`: a saved plan as it was reviewed, with no connection, no API key and no keys file.

use std::path::Path;

use super::args::GlobalArgs;
use super::exit::Exit;
use super::failure::CommandError;
use super::formats::PlanFormat;
use super::output::Output;
use super::planning::{Shown, apply_saved, told};
use super::saved;
use crate::render::text::Mode;
use crate::saved_plan::SavedPlan;

pub(super) fn run(
    global: &GlobalArgs,
    path: &Path,
    format: PlanFormat,
    output: &Output,
) -> Result<Exit, CommandError> {
    let SavedPlan { tool_version: _, plan, options: _, files } = saved::read(path)?;
    let names = files.names.join(", ");
    let shown = Shown {
        scope_sets: &files.scope_sets,
        files: &names,
        next_command: Some(apply_saved(global, path, &[], &plan)),
        mode: Mode::Preview,
    };
    output.data(&told(global, format, shown, &plan, output));
    Ok(Exit::Done)
}
