//! `validate`, and how every command reads the keys files.

use crate::desired::{Desired, DesiredKey, FileArgument, load};
use crate::diagnostic::{Diagnostic, Severity};
use crate::render;

use super::args::{GlobalArgs, ValidateArgs};
use super::exit::Exit;
use super::formats::{self, OutputFormat};
use super::output::Output;

pub(super) fn run(global: &GlobalArgs, args: &ValidateArgs, output: &Output) -> Exit {
    let loaded = load(&arguments(global), &mut std::io::stdin().lock());
    let valid = loaded.desired.is_some();
    let files = files_name(global);
    match formats::diagnostics(args.format.into(), &loaded.diagnostics, &loaded.sources, &files) {
        Some(told) => output.data(&told),
        None => {
            output.complain(&render::text::diagnostics(&loaded.diagnostics, &loaded.sources, &output.stderr));
            if let Some(desired) = &loaded.desired {
                let keys = desired.keys.len();
                let noun = if keys == 1 { "key" } else { "keys" };
                output.data(&format!("{files} is valid: {keys} {noun}\n"));
            }
        }
    }
    if valid { Exit::Done } else { Exit::Failed }
}

/// Reads the files and shows every complaint; `None` if they cannot be used, and all has been said.
pub(super) fn read(global: &GlobalArgs, format: OutputFormat, output: &Output) -> Option<Desired> {
    let loaded = load(&arguments(global), &mut std::io::stdin().lock());
    if loaded.desired.is_none()
        && let Some(told) =
            formats::diagnostics(format, &loaded.diagnostics, &loaded.sources, &files_name(global))
    {
        output.data(&told);
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

/// Like [`read`], for a command about some keys only: errors in the entries of other keys are no obstacle.
pub(super) fn read_for(
    targets: &[String],
    global: &GlobalArgs,
    format: OutputFormat,
    output: &Output,
) -> Option<Desired> {
    let loaded = load(&arguments(global), &mut std::io::stdin().lock());
    let Some(partial) = loaded.partial else { return loaded.desired };
    let is_wanted = |key: &DesiredKey| targets.iter().any(|target| key.address.has_tail(target));
    let elsewhere = |diagnostic: &Diagnostic| {
        let Some(label) = &diagnostic.primary else { return false };
        let place = loaded.sources.place(label.span);
        let before =
            partial.keys.iter().filter(|key| key.place.file == place.file && key.place.line <= place.line);
        before.max_by_key(|key| key.place.line).is_some_and(|key| !is_wanted(key))
    };
    let mut errors = loaded.diagnostics.iter().filter(|diagnostic| diagnostic.severity == Severity::Error);
    if partial.keys.iter().any(is_wanted) && errors.all(elsewhere) {
        output.complain(
            "warning: the files have errors in the entries of other keys; see portkey-sync validate\n",
        );
        return Some(partial);
    }
    match formats::diagnostics(format, &loaded.diagnostics, &loaded.sources, &files_name(global)) {
        Some(told) => output.data(&told),
        None => {
            output.complain(&render::text::diagnostics(&loaded.diagnostics, &loaded.sources, &output.stderr));
        }
    }
    None
}

fn arguments(global: &GlobalArgs) -> Vec<FileArgument> {
    global.files.iter().cloned().map(FileArgument::from).collect()
}

/// The files as the user named them.
pub(super) fn files_name(global: &GlobalArgs) -> String {
    global.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
