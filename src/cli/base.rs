//! The files as they were: another file, or a git revision.

use std::path::{Path, PathBuf};

use crate::desired::{Desired, FileArgument, Loaded, Revision, load, load_revision};
use crate::diagnostic::{Diagnostic, Severity};
use crate::render;

use super::args::{BaseArgs, GlobalArgs, PlanningArgs};
use super::failure::CommandError;
use super::output::Output;

/// Reads the base, if there is one.
pub(super) fn read(global: &GlobalArgs, args: &BaseArgs) -> Result<Option<Loaded>, CommandError> {
    if let Some(rev) = &args.base_ref {
        let files: Vec<FileArgument> = global.files.iter().cloned().map(FileArgument::from).collect();
        let loaded =
            Revision::open(rev, &folder(&global.files)).and_then(|base| load_revision(&files, &base));
        return loaded.map(Some).map_err(|error| {
            let hint = error.hint();
            CommandError::new(error).code("base").maybe_hint(hint)
        });
    }
    if args.base.is_empty() {
        return Ok(None);
    }
    // A base that is there may have errors of its own; one that is not is a slip of the command line.
    for path in &args.base {
        if let Err(error) = std::fs::metadata(path) {
            let what = format!("the base `{}` cannot be read", path.display());
            return Err(CommandError::new(anyhow::Error::new(error).context(what))
                .code("base")
                .hint("check --base; or name a git revision with --base-ref"));
        }
    }
    let files: Vec<FileArgument> = args.base.iter().cloned().map(FileArgument::from).collect();
    Ok(Some(load(&files, &mut std::io::empty())))
}

/// The base as the plan needs it. One with errors tells nothing: its complaints are shown, and the plan is made
/// without causes, unless it depends on them.
pub(super) fn desired(
    global: &GlobalArgs,
    args: &PlanningArgs,
    output: &Output,
) -> Result<Option<Desired>, CommandError> {
    let Some(loaded) = read(global, &args.base)? else { return Ok(None) };
    say_if_empty(&args.base, &loaded, output);
    if loaded.desired.is_some() {
        return Ok(loaded.desired);
    }
    complain(&loaded, output);
    if args.only_changed {
        return Err(CommandError::message("the base has errors, so what this change does cannot be told")
            .code("base")
            .hint("leave out --only-changed, or name a base without errors"));
    }
    output.complain(
        "warning: the base has errors, so the plan does not say what is this change and what is drift\n",
    );
    Ok(None)
}

/// A revision without the files makes everything this change, which is worth a word: the path may be wrong.
pub(super) fn say_if_empty(args: &BaseArgs, loaded: &Loaded, output: &Output) {
    if let Some(rev) = args.base_ref.as_ref().filter(|_| loaded.sources.is_empty()) {
        let rev = render::escape(rev);
        output.talk(&format!("note: {rev} has none of the keys files, so everything is this change\n"));
    }
}

/// Shows the errors of a base.
pub(super) fn complain(loaded: &Loaded, output: &Output) {
    let is_error = |diagnostic: &&Diagnostic| diagnostic.severity == Severity::Error;
    let errors: Vec<Diagnostic> = loaded.diagnostics.iter().filter(is_error).cloned().collect();
    output.complain(&render::text::diagnostics(&errors, &loaded.sources, &output.stderr));
}

/// A folder of the repository: that of the first keys file which is still there.
fn folder(files: &[PathBuf]) -> PathBuf {
    let of = |file: &PathBuf| {
        let folder = if file.is_dir() { file.as_path() } else { file.parent().unwrap_or(Path::new("")) };
        let folder = if folder.as_os_str().is_empty() { Path::new(".") } else { folder };
        folder.is_dir().then(|| folder.to_owned())
    };
    files.iter().find_map(of).unwrap_or_else(|| PathBuf::from("."))
}
