//! `validate`, and how every command reads the keys files.

use jiff::Timestamp;

use crate::desired::{Desired, DesiredKey, FileArgument, Loaded, PolicyArgument, load_with};
use crate::diagnostic::{Diagnostic, Severity};
use crate::policy;
use crate::render;

use super::args::{GlobalArgs, OutputFormat, ValidateArgs};
use super::exit::Exit;
use super::output::Output;

pub(super) fn run(global: &GlobalArgs, args: &ValidateArgs, output: &Output) -> Exit {
    let mut loaded = load_files(global);
    let judged = policy::judge(&mut loaded, Timestamp::now());
    let valid = loaded.desired.is_some() && judged.errors == 0;
    match args.format {
        OutputFormat::Json => output.data(&render::json::diagnostics(&loaded.diagnostics, &loaded.sources)),
        OutputFormat::Text => {
            output.complain(&render::text::diagnostics(&loaded.diagnostics, &loaded.sources, &output.stderr));
            if let Some(desired) = loaded.desired.as_ref().filter(|_| valid) {
                let keys = desired.keys.len();
                let noun = if keys == 1 { "key" } else { "keys" };
                let waived = match judged.waived {
                    0 => String::new(),
                    1 => ", 1 exception from a rule".to_owned(),
                    n => format!(", {n} exceptions from rules"),
                };
                output.data(&format!("{} is valid: {keys} {noun}{waived}\n", files_name(global)));
            }
        }
    }
    if valid { Exit::Done } else { Exit::Failed }
}

/// Reads the files and shows every complaint; `None` if they cannot be used, and all has been said.
pub(super) fn read(global: &GlobalArgs, format: OutputFormat, output: &Output) -> Option<Desired> {
    let loaded = load_files(global);
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

/// Like [`read`], for a command about some keys only: errors in the entries of other keys are no obstacle, and
/// no policy is.
pub(super) fn read_for(
    targets: &[String],
    global: &GlobalArgs,
    format: OutputFormat,
    output: &Output,
) -> Option<Desired> {
    let loaded = load_with(&arguments(global), PolicyArgument::Ignored, &mut std::io::stdin().lock());
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
    if format == OutputFormat::Json {
        output.data(&render::json::diagnostics(&loaded.diagnostics, &loaded.sources));
    } else {
        output.complain(&render::text::diagnostics(&loaded.diagnostics, &loaded.sources, &output.stderr));
    }
    None
}

fn load_files(global: &GlobalArgs) -> Loaded {
    let policy = global.policy.as_deref().map_or(PolicyArgument::InRoot, PolicyArgument::InRootAnd);
    load_with(&arguments(global), policy, &mut std::io::stdin().lock())
}

fn arguments(global: &GlobalArgs) -> Vec<FileArgument> {
    global.files.iter().cloned().map(FileArgument::from).collect()
}

/// The files as the user named them.
pub(super) fn files_name(global: &GlobalArgs) -> String {
    global.files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}
