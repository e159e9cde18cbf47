//! `show plan.json`: a saved plan as it was reviewed, with no connection, no API key and no keys file.

use std::path::{Path, PathBuf};

use super::args::GlobalArgs;
use super::exit::Exit;
use super::failure::CommandError;
use super::formats::{self, PlanFormat};
use super::output::Output;
use super::planning::{Shown, apply_saved, told};
use super::saved;
use crate::plan::Prune;
use crate::render::text::{Extent, Mode};
use crate::saved_plan::SavedPlan;

pub(super) fn run(
    global: &GlobalArgs,
    path: &Path,
    format: PlanFormat,
    output: &Output,
) -> Result<Exit, CommandError> {
    // To show is to write nothing, which needs no saying.
    let SavedPlan { tool_version: _, plan, options, files } =
        saved::read(path).map_err(|error| CommandError { moved: None, ..error })?;
    let names = files.names.join(", ");
    let paths: Vec<PathBuf> = files.names.iter().map(PathBuf::from).collect();
    let first = files.names.first().map_or(".", String::as_str);
    let shown = Shown {
        scope_sets: &files.scope_sets,
        files: &names,
        paths: &formats::beneath_root(&paths),
        root: first,
        next_command: Some(apply_saved(global, path, &[], &options, &plan)),
        mode: Mode::Preview,
        folder: folder_of(Path::new(first)),
        extent: match (options.targets.len(), options.prune) {
            (0, Prune::List) => Extent::Entries,
            (0, Prune::Delete) => Extent::EntriesAndRest,
            (entries, Prune::List | Prune::Delete) => Extent::Named { entries, by: "--target" },
        },
    };
    output.data(&told(global, format, shown, &plan, output));
    Ok(Exit::Done)
}

/// The folder that the sinks of a keys file lie in, by its name alone: the file need not be here.
fn folder_of(keys: &Path) -> &Path {
    let is_file = keys.extension().is_some_and(|extension| extension == "yaml" || extension == "yml");
    let folder = if is_file { keys.parent() } else { Some(keys) };
    folder.filter(|folder| !matches!(folder.to_str(), Some("" | "-"))).unwrap_or(Path::new("."))
}
