//! `validate`, and how every command reads the keys files.

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::desired::{About, Desired, FileArgument, Loaded, Need, PolicyArgument, load_with};
use crate::diagnostic::Severity;
use crate::plan::{Prune, Review, review};
use crate::policy;
use crate::render::text::ReviewContext;
use crate::render::{self, Verbosity};

use super::args::{GlobalArgs, ValidateArgs};
use super::base;
use super::exit::Exit;
use super::failure::CommandError;
use super::formats::{self, OutputFormat, ValidateFormat};
use super::output::Output;

pub(super) fn run(global: &GlobalArgs, args: &ValidateArgs, output: &Output) -> Result<Exit, CommandError> {
    let mut loaded = load_files(global);
    let judged = policy::judge(&mut loaded, Timestamp::now());
    let valid = loaded.desired.is_some() && judged.errors == 0;
    // What cannot be told cannot be allowed either.
    let refuse =
        |error: CommandError| if args.deny_risks.is_empty() { error } else { error.exit(Exit::Refused) };
    let base = base::read(global, &args.base).map_err(refuse)?;
    if let Some(base) = &base {
        base::say_if_empty(&args.base, base, output);
    }
    let base_is_wrong = base.as_ref().is_some_and(|base| base.desired.is_none());
    let review = match (&loaded.desired, base.as_ref().and_then(|base| base.desired.as_ref())) {
        (Some(desired), Some(base)) => Some(reviewed(args, base, desired)),
        (_, _) => None,
    };
    match args.format {
        ValidateFormat::Json => {
            output.data(&render::json::reviewed(&loaded.diagnostics, &loaded.sources, review.as_ref()));
        }
        ValidateFormat::Sarif | ValidateFormat::Github | ValidateFormat::Gitlab => {
            output.data(&for_forge(global, args.format, &loaded, review.as_ref()));
        }
        ValidateFormat::Text => {
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
            // Also of files that break a rule: who mends that wants to see all of it.
            if let (Some(desired), Some(review)) = (&loaded.desired, &review) {
                output.data(&format!("\n{}", text(global, args, desired, review, output)));
            }
        }
    }
    if let Some(base) = base.filter(|_| base_is_wrong) {
        base::complain(&base, output);
        output.complain("warning: the base has errors, so what changes since then is not shown\n");
    }
    Ok(match (&loaded.desired, &review) {
        (None, _) => Exit::Failed,
        (Some(_), _) if !valid => Exit::Failed,
        (Some(_), Some(review)) if review.refusal.is_some() => Exit::Refused,
        (Some(_), None) if base_is_wrong && !args.deny_risks.is_empty() => Exit::Refused,
        (Some(_), _) => Exit::Done,
    })
}

/// Complaints, and what to look at, each at its line.
fn for_forge(
    global: &GlobalArgs,
    format: ValidateFormat,
    loaded: &Loaded,
    review: Option<&Review>,
) -> String {
    let Loaded { desired, diagnostics, sources, .. } = loaded;
    let (root, paths) = (root_name(global), formats::paths());
    let reviewed = desired.as_ref().zip(review);
    match (format, reviewed) {
        (ValidateFormat::Sarif, Some((desired, review))) => {
            render::sarif::reviewed((diagnostics, sources), review, &desired.scope_sets, &root, &paths)
        }
        (ValidateFormat::Gitlab, Some((desired, review))) => {
            render::gitlab::reviewed((diagnostics, sources), review, &desired.scope_sets, &root, &paths)
        }
        (_, _) => {
            let complaints = formats::diagnostics(format.into(), diagnostics, sources, &global.files);
            let review =
                reviewed.map(|(desired, review)| render::github::review(review, &desired.scope_sets, &paths));
            complaints.unwrap_or_default() + &review.unwrap_or_default()
        }
    }
}

fn reviewed(args: &ValidateArgs, base: &Desired, desired: &Desired) -> Review {
    let prune = if args.prune { Prune::Delete } else { Prune::List };
    let deny = args.deny_risks.iter().copied().collect();
    // Sinks of the base lie where those of the files do.
    let base = Desired { folder: desired.folder.clone(), ..base.clone() };
    review(&base, desired, prune, &deny, Timestamp::now())
}

fn text(
    global: &GlobalArgs,
    args: &ValidateArgs,
    desired: &Desired,
    review: &Review,
    output: &Output,
) -> String {
    let bases: Vec<String> = args.base.base.iter().map(|path| path.display().to_string()).collect();
    let bases = bases.join(", ");
    let context = ReviewContext {
        scope_sets: &desired.scope_sets,
        files: &files_name(global),
        base: args.base.base_ref.as_deref().unwrap_or(&bases),
        verbosity: if global.verbose > 0 { Verbosity::Verbose } else { Verbosity::Normal },
    };
    render::text::review(review, &context, &output.stdout)
}

/// Reads the files and shows every complaint; `None` if they cannot be used, and all has been said.
pub(super) fn read(global: &GlobalArgs, format: OutputFormat, output: &Output) -> Option<Desired> {
    let loaded = load_files(global);
    if loaded.desired.is_none()
        && let Some(told) = formats::diagnostics(format, &loaded.diagnostics, &loaded.sources, &global.files)
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

/// Like [`read`], for a command about the keys that some words call: what concerns none of them is no obstacle, and no
/// policy is. With the names of workspaces.
pub(super) fn read_about(
    words: &[String],
    need: Need,
    global: &GlobalArgs,
    format: OutputFormat,
    output: &Output,
) -> Option<(About, BTreeMap<String, String>)> {
    let loaded = load_with(&arguments(global), PolicyArgument::Ignored, &mut std::io::stdin().lock());
    if let Some(about) = loaded.about(words, need) {
        let errors = match about.elsewhere {
            0 => None,
            1 => Some("1 error in the files is"),
            _ => Some("errors in the files are"),
        };
        if let Some(errors) = errors {
            let count = if about.elsewhere > 1 { format!("{} ", about.elsewhere) } else { String::new() };
            output.complain(&format!(
                "warning: {count}{errors} no obstacle to this; portkey-sync validate says more\n"
            ));
        }
        return Some((about, loaded.workspaces));
    }
    match formats::diagnostics(format, &loaded.diagnostics, &loaded.sources, &global.files) {
        Some(told) => output.data(&told),
        None => {
            output.complain(&render::text::diagnostics(&loaded.diagnostics, &loaded.sources, &output.stderr));
        }
    }
    if need == Need::Identity {
        output.complain(
            "hint: it cannot be told which organisation these files are for, or which key is meant; name other files with -f,\n\
             or none at all: printf 'version: 1\\nmanaged_by: OWNER\\nkeys: []\\n' | portkey-sync revoke ID -f - --yes\n",
        );
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
    formats::names(&global.files)
}

/// The first of them, as complaints name it.
pub(super) fn root_name(global: &GlobalArgs) -> String {
    match global.files.first() {
        Some(first) if first.as_os_str() == "-" => "<stdin>".to_owned(),
        first => first.map(|path| path.display().to_string()).unwrap_or_default(),
    }
}
