//! `validate`, and how every command reads the keys files.

use crate::desired::{Desired, FileArgument, load};
use crate::diagnostic::Severity;
use crate::render;

use super::args::{GlobalArgs, OutputFormat, ValidateArgs};
use super::exit::Exit;
use super::output::Output;

pub(super) fn run(global: &GlobalArgs, args: &ValidateArgs, output: &Output) -> Exit {
    let loaded = load(&arguments(global), &mut std::io::stdin().lock());
    let valid = loaded.desired.is_some();
    match args.format {
        OutputFormat::Json => output.data(&render::json::diagnostics(&loaded.diagnostics, &loaded.sources)),
        OutputFormat::Text => {
            output.complain(&render::text::diagnostics(&loaded.diagnostics, &loaded.sources, &output.stderr));
            if let Some(desired) = &loaded.desired {
                let keys = desired.keys.len();
                let noun = if keys == 1 { "key" } else { "keys" };
                output.data(&format!("{} is valid: {keys} {noun}\n", files_name(global)));
            }
        }
    }
    if valid { Exit::Done } else { Exit::Failed }
}

/// Reads the files and shows every complaint; `None` if they cannot be used, and all has been said.
pub(super) fn read(global: &GlobalArgs, format: OutputFormat, output: &Output) -> Option<Desired> {
    let loaded = load(&arguments(global), &mut std::io::stdin().lock());
    if loaded.desired.is_none() && format == OutputFormat::Json {
        output.data(&render::json::diagnostics(&loaded.diagnostics, &loaded.sources));
        return None;
    }
    let shown: Vec<_> = loaded
        .diagnostics
        .into_iter()
        .filter(|diagnostic| diagnostic.severity == Severity::Error || !output.quiet)
        .collect();
    output.complain(&render::text::diagnostics(&shown, &loaded.sources, &output.stderr));
    loaded.desired
}

fn arguments(global: &GlobalArgs) -> Vec<FileArgument> {
    global.files.iter().cloned().map(FileArgument::from).collect()
}

/// The files as the user named them.
pub(super) fn files_name(global: &GlobalArgs) -> String {
    global.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
