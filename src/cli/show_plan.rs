//! `show plan.json`: a saved plan as it was reviewed, with no connection, no API key and no keys file.

use std::path::Path;

use super::args::{GlobalArgs, OutputFormat};
use super::exit::Exit;
use super::failure::CommandError;
use super::output::Output;
use super::planning::{Shown, apply_saved, text};
use super::saved;
use crate::render::{self, text::Mode};
use crate::saved_plan::SavedPlan;

pub(super) fn run(
    global: &GlobalArgs,
    path: &Path,
    format: OutputFormat,
    output: &Output,
) -> Result<Exit, CommandError> {
    let SavedPlan { tool_version: _, plan, options: _, files } = saved::read(path)?;
    match format {
        OutputFormat::Json => output.data(&render::json::plan(&plan)),
        OutputFormat::Text => {
            let shown = Shown {
                scope_sets: &files.scope_sets,
                files: &files.names.join(", "),
                next_command: Some(apply_saved(global, path, &[], &plan)),
                mode: Mode::Preview,
            };
            output.data(&text(global, shown, &plan, output));
        }
    }
    Ok(Exit::Done)
}
