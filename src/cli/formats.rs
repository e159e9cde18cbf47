//! In which formats each command can answer, and how errors and wrong files are said in each.

use std::path::{Path, PathBuf};

use clap::ValueEnum;

use crate::diagnostic::{Diagnostic, Sources};
use crate::render::{self, Paths, markdown};

use super::exit::Exit;
use super::failure::CommandError;
use super::output::Output;

/// Every format that there is. Commands take the part of it that they can answer in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum OutputFormat {
    Text,
    Json,
    /// One JSON document a line.
    JsonLines,
    Markdown,
    Sarif,
    /// Commands to GitHub's runner.
    Github,
    /// A Code Quality report.
    Gitlab,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ValidateFormat {
    /// For people
    Text,
    /// For programs
    Json,
    /// For code scanning: SARIF 2.1.0
    Sarif,
    /// Annotations for a workflow of GitHub
    Github,
    /// A Code Quality report for GitLab
    Gitlab,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum PlanFormat {
    /// For people
    Text,
    /// For programs; covers errors too
    Json,
    /// A comment for a pull request
    Markdown,
    /// For code scanning: SARIF 2.1.0 with what to look at, each at its entry
    Sarif,
    /// Annotations for a workflow of GitHub: what to look at, each at its entry
    Github,
    /// A Code Quality report for GitLab: what to look at, each at its entry
    Gitlab,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum ApplyFormat {
    /// For people
    Text,
    /// For programs: a report at the end; covers errors too
    Json,
    /// For programs: a line for each thing as it happens; covers errors too
    Jsonl,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, ValueEnum)]
pub(super) enum TextOrJson {
    /// For people
    Text,
    /// For programs; covers errors too
    Json,
}

impl From<TextOrJson> for OutputFormat {
    fn from(format: TextOrJson) -> Self {
        match format {
            TextOrJson::Text => Self::Text,
            TextOrJson::Json => Self::Json,
        }
    }
}

impl From<ValidateFormat> for OutputFormat {
    fn from(format: ValidateFormat) -> Self {
        match format {
            ValidateFormat::Text => Self::Text,
            ValidateFormat::Json => Self::Json,
            ValidateFormat::Sarif => Self::Sarif,
            ValidateFormat::Github => Self::Github,
            ValidateFormat::Gitlab => Self::Gitlab,
        }
    }
}

impl From<PlanFormat> for OutputFormat {
    fn from(format: PlanFormat) -> Self {
        match format {
            PlanFormat::Text => Self::Text,
            PlanFormat::Json => Self::Json,
            PlanFormat::Markdown => Self::Markdown,
            PlanFormat::Sarif => Self::Sarif,
            PlanFormat::Github => Self::Github,
            PlanFormat::Gitlab => Self::Gitlab,
        }
    }
}

impl From<ApplyFormat> for OutputFormat {
    fn from(format: ApplyFormat) -> Self {
        match format {
            ApplyFormat::Text => Self::Text,
            ApplyFormat::Json => Self::Json,
            ApplyFormat::Jsonl => Self::JsonLines,
        }
    }
}

/// Says what is wrong with the files, in a format that programs read, on standard output; `None` for those that
/// have no words for it, where people are told instead.
pub(super) fn diagnostics(
    format: OutputFormat,
    diagnostics: &[Diagnostic],
    sources: &Sources,
    files: &[PathBuf],
) -> Option<String> {
    match format {
        OutputFormat::Text => None,
        OutputFormat::Json => Some(render::json::diagnostics(diagnostics, sources)),
        OutputFormat::JsonLines => {
            Some(render::json::lines::diagnostics(diagnostics, sources, Exit::Failed.code()))
        }
        OutputFormat::Markdown => {
            let (names, paths) = (names(files), beneath_root(files));
            Some(markdown::diagnostics(diagnostics, sources, &names, &paths, markdown::GITHUB_LIMIT))
        }
        OutputFormat::Sarif => Some(render::sarif::diagnostics(diagnostics, sources, &paths())),
        OutputFormat::Github => Some(render::github::diagnostics(diagnostics, sources, &paths())),
        OutputFormat::Gitlab => Some(render::gitlab::diagnostics(diagnostics, sources, &paths())),
    }
}

/// Says an error in the format of the command.
pub(super) fn error(error: &CommandError, format: OutputFormat, output: &Output) {
    let (message, causes) = error.chain();
    let CommandError { code, hints, moved, exit, .. } = error;
    let exit = exit.code();
    match (format, moved) {
        // A comment or a report without what it is about would pass for one that found nothing.
        (OutputFormat::Text | OutputFormat::Markdown | OutputFormat::Sarif | OutputFormat::Gitlab, moved) => {
            output.complain(&match moved {
                None => render::text::failure(&message, &causes, &[], hints, &output.stderr),
                Some(moved) => render::text::refused(&message, &causes, moved, hints, &output.stderr),
            });
        }
        (OutputFormat::Json, None) => {
            output.data(&render::json::error(code, &message, &causes, hints, exit));
        }
        (OutputFormat::Json, Some(moved)) => {
            output.data(&render::json::refused(code, &message, &causes, moved, hints, exit));
        }
        (OutputFormat::JsonLines, None) => {
            output.data(&render::json::lines::error(code, &message, &causes, hints, exit));
        }
        (OutputFormat::JsonLines, Some(moved)) => {
            output.data(&render::json::lines::moved(code, &message, &causes, moved, hints, exit));
        }
        (OutputFormat::Github, _) => output.data(&render::github::error(&message, &causes, hints)),
    }
}

/// The files as the user named them.
pub(super) fn names(files: &[PathBuf]) -> String {
    files.iter().map(|path| path.display().to_string()).collect::<Vec<_>>().join(", ")
}

/// The same files as the repository knows them.
pub(super) fn beneath_root(files: &[PathBuf]) -> String {
    let paths = paths();
    let name = |path: &PathBuf| match path.to_str() {
        Some("-") => "-".to_owned(),
        _ => paths.relative(&path.display().to_string()),
    };
    files.iter().map(name).collect::<Vec<_>>().join(", ")
}

/// Where this run stands in its repository.
pub(super) fn paths() -> Paths {
    let current = std::env::current_dir().unwrap_or_default();
    let root = repository(&current).unwrap_or(&current).to_owned();
    Paths { current, root }
}

/// The nearest folder with git's own one, or file of a worktree, in it.
fn repository(from: &Path) -> Option<&Path> {
    from.ancestors().find(|folder| folder.join(PathBuf::from(".git")).exists())
}
