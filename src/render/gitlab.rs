//! GitLab's Code Quality report: complaints beside the lines of a merge request.

use serde::Serialize;

use super::fingerprint::fingerprints;
use super::layout::clip;
use super::{Paths, escape, json};
use crate::diagnostic::{Diagnostic, Severity, Sources};

/// A description is cut to this.
const LONGEST: usize = 1_000;

/// One complaint, in the part of Code Climate's format that GitLab reads.
#[derive(Serialize)]
struct Issue {
    /// What is wrong and what to do.
    description: String,
    /// The diagnostic's code.
    check_name: &'static str,
    /// Equal while the line is, wherever it moves to.
    fingerprint: String,
    severity: SeverityWord,
    location: Location,
}

/// How bad it is, in GitLab's words.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum SeverityWord {
    /// A warning.
    Minor,
    /// An error.
    Major,
}

/// Where it is.
#[derive(Serialize)]
struct Location {
    /// Beneath the repository's root.
    path: String,
    lines: Lines,
}

/// Which lines.
#[derive(Serialize)]
struct Lines {
    /// From 1; 1 for a complaint about the file as a whole.
    begin: usize,
}

/// Complaints about files; an empty list says that they are valid.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, paths: &Paths) -> String {
    let issues: Vec<Issue> = diagnostics
        .iter()
        .zip(fingerprints(diagnostics, sources, paths))
        .map(|(diagnostic, fingerprint)| issue(diagnostic, fingerprint, sources, paths))
        .collect();
    json::pretty(&issues)
}

fn issue(diagnostic: &Diagnostic, fingerprint: String, sources: &Sources, paths: &Paths) -> Issue {
    let Diagnostic { code, severity, message, file, primary, secondary: _, hints } = diagnostic;
    let place = primary.as_ref().map(|label| sources.place(label.span));
    let mut description = escape(message);
    for hint in hints {
        description.push_str(&format!("; hint: {}", escape(hint)));
    }
    Issue {
        description: clip(&description, LONGEST),
        check_name: code,
        fingerprint,
        severity: match severity {
            Severity::Error => SeverityWord::Major,
            Severity::Warning => SeverityWord::Minor,
        },
        location: Location {
            path: escape(&paths.relative(place.as_ref().map_or(file, |place| &place.file))),
            lines: Lines { begin: place.map_or(1, |place| place.line) },
        },
    }
}
