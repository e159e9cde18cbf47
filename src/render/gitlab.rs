//! GitLab's Code Quality report: complaints, and what to look at, beside the lines of a merge request.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;

use super::findings::{self, Finding, Level};
use super::fingerprint::Fingerprints;
use super::layout::clip;
use super::text::PlanContext;
use super::{Paths, escape, json};
use crate::diagnostic::{Diagnostic, Severity, Sources};
use crate::plan::{Plan, Review};

/// A description is cut to this.
const LONGEST: usize = 1_000;

/// One complaint, or one thing to look at, in the part of Code Climate's format that GitLab reads.
#[derive(Serialize)]
struct Issue {
    /// What is wrong and what to do.
    description: String,
    /// A word that `explain` knows.
    check_name: &'static str,
    /// Equal while the line or the key is, wherever it moves to.
    fingerprint: String,
    severity: SeverityWord,
    location: Location,
}

/// How bad it is, in GitLab's words.
#[derive(Serialize)]
#[serde(rename_all = "lowercase")]
enum SeverityWord {
    /// A remark.
    Info,
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
    /// From 1; 1 for what is about the file as a whole.
    begin: usize,
}

/// Complaints about files; an empty list says that they are valid.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, paths: &Paths) -> String {
    json::pretty(&complaints(diagnostics, sources, paths))
}

/// Complaints about files, and what to look at of what they change since their base. What stands in no file is put to
/// `root`, the keys file as the user named it.
pub fn reviewed(
    (diagnostics, sources): (&[Diagnostic], &Sources),
    review: &Review,
    scope_sets: &BTreeMap<String, BTreeSet<String>>,
    root: &str,
    paths: &Paths,
) -> String {
    let mut issues = complaints(diagnostics, sources, paths);
    issues.extend(to_look_at(&findings::of_review(review, scope_sets), root, paths));
    json::pretty(&issues)
}

/// What to look at of a plan; an empty list says that there is nothing.
pub fn plan(plan: &Plan, context: &PlanContext<'_>, root: &str, paths: &Paths) -> String {
    json::pretty(&to_look_at(&findings::of_plan(plan, context), root, paths))
}

fn complaints(diagnostics: &[Diagnostic], sources: &Sources, paths: &Paths) -> Vec<Issue> {
    let mut fingerprints = Fingerprints::default();
    diagnostics
        .iter()
        .map(|diagnostic| {
            let fingerprint = fingerprints.of_diagnostic(diagnostic, sources, paths);
            issue(diagnostic, fingerprint, sources, paths)
        })
        .collect()
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

fn to_look_at(findings: &[Finding], root: &str, paths: &Paths) -> Vec<Issue> {
    let mut fingerprints = Fingerprints::default();
    let points = findings.iter().flat_map(|finding| finding.points.iter().map(move |point| (finding, point)));
    points
        .map(|(finding, point)| Issue {
            description: clip(&format!("{}: {}", escape(&finding.title), point.lines.join("; ")), LONGEST),
            check_name: point.code,
            fingerprint: fingerprints.of_point(finding, point),
            severity: match point.level {
                Level::Notice => SeverityWord::Info,
                Level::Warning => SeverityWord::Minor,
                Level::Error => SeverityWord::Major,
            },
            location: Location {
                path: escape(&paths.relative(finding.place.as_ref().map_or(root, |place| &place.file))),
                lines: Lines { begin: finding.place.as_ref().map_or(1, |place| place.line) },
            },
        })
        .collect()
}
