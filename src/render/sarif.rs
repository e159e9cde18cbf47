//! SARIF 2.1.0, the format in which code scanning services take complaints, and what to look at.

use std::collections::{BTreeMap, BTreeSet};

use serde::Serialize;
use serde_json::{Value, json};

use super::findings::{self, BESIDE, Finding, Level, MOMENT, Point};
use super::fingerprint::Fingerprints;
use super::layout::clip;
use super::text::PlanContext;
use super::words::{BLOCKED, Meaning, REFUSALS};
use super::{Paths, escape, json};
use crate::desired::{explain, explain_rule};
use crate::diagnostic::{Diagnostic, Label, Severity, Sources, Span};
use crate::plan::{Plan, Review, Risk};

/// Where the schema of the format is.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// A message is cut to this; code scanning shows the first thousand characters.
const LONGEST_MESSAGE: usize = 1_000;
/// The name under which GitHub looks for a fingerprint.
const FINGERPRINT: &str = "primaryLocationLineHash";

/// All that one call of the program says.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Run {
    tool: Value,
    column_kind: &'static str,
    results: Vec<SarifResult>,
    #[serde(skip_serializing_if = "Option::is_none")]
    properties: Option<Value>,
}

/// A complaint, or something to look at.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: &'static str,
    /// Where the rule stands in the log; set when all of them are known.
    rule_index: usize,
    level: &'static str,
    message: Message,
    locations: Vec<Location>,
    #[serde(skip_serializing_if = "Vec::is_empty")]
    related_locations: Vec<Location>,
    partial_fingerprints: BTreeMap<&'static str, String>,
}

#[derive(Serialize)]
struct Message {
    text: String,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Location {
    #[serde(skip_serializing_if = "Option::is_none")]
    id: Option<usize>,
    #[serde(rename = "physicalLocation")]
    physical: PhysicalLocation,
    #[serde(skip_serializing_if = "Option::is_none")]
    message: Option<Message>,
}

#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct PhysicalLocation {
    artifact_location: Value,
    #[serde(skip_serializing_if = "Option::is_none")]
    region: Option<Region>,
}

/// Lines and columns count from 1, and the end lies behind the last character; without one it is that of the line.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_line: Option<usize>,
    #[serde(skip_serializing_if = "Option::is_none")]
    end_column: Option<usize>,
}

/// Complaints about files as a SARIF log with one run.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, paths: &Paths) -> String {
    log(complaints(diagnostics, sources, paths), None)
}

/// The same, and what to look at of what the files change since their base. What stands in no file is put to `root`,
/// the keys file as the user named it.
pub fn reviewed(
    (diagnostics, sources): (&[Diagnostic], &Sources),
    review: &Review,
    scope_sets: &BTreeMap<String, BTreeSet<String>>,
    root: &str,
    paths: &Paths,
) -> String {
    let mut results = complaints(diagnostics, sources, paths);
    results.extend(to_look_at(&findings::of_review(review, scope_sets), root, paths));
    log(results, None)
}

/// What to look at of a plan, as a SARIF log with one run.
pub fn plan(plan: &Plan, context: &PlanContext<'_>, root: &str, paths: &Paths) -> String {
    let changes = plan.changes.len();
    let summary = if plan.is_hypothetical() {
        json!({"asOf": plan.now.to_string(), "readAt": plan.read_at.to_string(), "changes": changes})
    } else {
        json!({"plan": plan.digest(), "changes": changes})
    };
    log(to_look_at(&findings::of_plan(plan, context), root, paths), Some(summary))
}

fn log(mut results: Vec<SarifResult>, properties: Option<Value>) -> String {
    let mut codes: Vec<&'static str> = results.iter().map(|result| result.rule_id).collect();
    codes.sort_unstable();
    codes.dedup();
    for result in &mut results {
        result.rule_index = codes.binary_search(&result.rule_id).unwrap_or(0);
    }
    let rules: Vec<Value> = codes.into_iter().map(rule).collect();
    let run = Run {
        tool: json!({"driver": {
            "name": "portkey-sync",
            "semanticVersion": env!("CARGO_PKG_VERSION"),
            "rules": rules,
        }}),
        column_kind: "unicodeCodePoints",
        results,
        properties,
    };
    json::pretty(&json!({"$schema": SCHEMA, "version": "2.1.0", "runs": [run]}))
}

/// What `explain` says about a code, once for all its results.
fn rule(code: &'static str) -> Value {
    let Some((meaning, example, remedy)) = manual(code) else { return json!({"id": code}) };
    let first = meaning.split_inclusive(". ").next().unwrap_or(meaning).trim_end();
    let mut help = format!("{meaning}\n\n");
    let mut markdown = help.clone();
    if !example.is_empty() {
        help.push_str(&format!("For example: {example}\n\n"));
        markdown.push_str(&format!("For example:\n\n```yaml\n{example}\n```\n\n"));
    }
    help.push_str(remedy);
    markdown.push_str(remedy);
    json!({
        "id": code,
        "shortDescription": {"text": first},
        "fullDescription": {"text": meaning},
        "help": {"text": help, "markdown": markdown},
    })
}

/// What a code means, an example or nothing, and what to do or to ask.
fn manual(code: &str) -> Option<(&'static str, &'static str, &'static str)> {
    if let Some(explained) = explain(code) {
        return Some((explained.meaning, explained.example, explained.remedy));
    }
    if let Some(rule) = explain_rule(code) {
        return Some((rule.meaning, rule.failing, rule.remedy));
    }
    if let Some(risk) = Risk::ALL.into_iter().find(|risk| risk.word() == code) {
        return Some((risk.meaning(), "", risk.question()));
    }
    if code == BESIDE {
        let meaning = "A field changed that decides which key is meant or what may become of it.";
        return Some((meaning, "", "Look at `portkey-sync plan`, which knows the live keys."));
    }
    if code == MOMENT {
        let meaning = "The plan is of another moment (`--at`), with the keys as they are now.";
        return Some((meaning, "", "Look at `portkey-sync plan` for what can be applied now."));
    }
    let meaning = BLOCKED.iter().chain(REFUSALS).find(|meaning| meaning.code == code);
    meaning.map(|Meaning { code: _, what, remedy }| (*what, "", *remedy))
}

fn complaints(diagnostics: &[Diagnostic], sources: &Sources, paths: &Paths) -> Vec<SarifResult> {
    let mut fingerprints = Fingerprints::default();
    diagnostics
        .iter()
        .map(|diagnostic| {
            let fingerprint = fingerprints.of_diagnostic(diagnostic, sources, paths);
            complaint(diagnostic, fingerprint, sources, paths)
        })
        .collect()
}

fn complaint(diagnostic: &Diagnostic, fingerprint: String, sources: &Sources, paths: &Paths) -> SarifResult {
    let Diagnostic { code, severity, message, file, primary, secondary, hints } = diagnostic;
    let mut text = message.clone();
    for hint in hints {
        text.push_str(&format!("; hint: {hint}"));
    }
    let place = match primary {
        Some(label) => location(label, None, sources, paths),
        None => Location {
            id: None,
            physical: PhysicalLocation { artifact_location: artifact(file, paths), region: None },
            message: None,
        },
    };
    let related = secondary.iter().enumerate();
    SarifResult {
        rule_id: code,
        rule_index: 0,
        level: match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: said(&text),
        locations: vec![place],
        related_locations: related
            .map(|(index, label)| location(label, Some(index + 1), sources, paths))
            .collect(),
        partial_fingerprints: BTreeMap::from([(FINGERPRINT, fingerprint)]),
    }
}

fn to_look_at(findings: &[Finding], root: &str, paths: &Paths) -> Vec<SarifResult> {
    let mut fingerprints = Fingerprints::default();
    let points = findings.iter().flat_map(|finding| finding.points.iter().map(move |point| (finding, point)));
    points
        .map(|(finding, point)| point_of(finding, point, fingerprints.of_point(finding, point), root, paths))
        .collect()
}

fn point_of(finding: &Finding, point: &Point, fingerprint: String, root: &str, paths: &Paths) -> SarifResult {
    let place = finding.place.as_ref();
    let region = place.map(|place| Region {
        start_line: place.line,
        start_column: place.column,
        end_line: None,
        end_column: None,
    });
    let file = place.map_or(root, |place| &place.file);
    SarifResult {
        rule_id: point.code,
        rule_index: 0,
        level: match point.level {
            Level::Notice => "note",
            Level::Warning => "warning",
            Level::Error => "error",
        },
        message: escaped(&format!("{}: {}", escape(&finding.title), point.lines.join("; "))),
        locations: vec![Location {
            id: None,
            physical: PhysicalLocation { artifact_location: artifact(file, paths), region },
            message: None,
        }],
        related_locations: Vec::new(),
        partial_fingerprints: BTreeMap::from([(FINGERPRINT, fingerprint)]),
    }
}

fn location(label: &Label, id: Option<usize>, sources: &Sources, paths: &Paths) -> Location {
    let start = sources.place(label.span);
    let end = sources.place(Span { start: label.span.end.max(label.span.start), ..label.span });
    Location {
        id,
        physical: PhysicalLocation {
            artifact_location: artifact(&start.file, paths),
            region: Some(Region {
                start_line: start.line,
                start_column: start.column,
                end_line: Some(end.line),
                end_column: Some(end.column),
            }),
        },
        message: (!label.text.is_empty()).then(|| said(&label.text)),
    }
}

fn said(text: &str) -> Message {
    escaped(&escape(text))
}

/// In the format, `[words](target)` in a message is a link, and braces hold the place of an argument.
fn escaped(text: &str) -> Message {
    Message { text: clip(&text.replace("](", "]\\u{28}"), LONGEST_MESSAGE) }
}

/// A file as a relative reference; one outside of the repository as an absolute one.
fn artifact(file: &str, paths: &Paths) -> Value {
    let path = paths.relative(file);
    match path.strip_prefix('/') {
        Some(absolute) => json!({"uri": format!("file:///{}", encoded(absolute))}),
        None => json!({"uri": encoded(&path), "uriBaseId": "%SRCROOT%"}),
    }
}

/// Percent-encoded, but for what every path may hold.
fn encoded(path: &str) -> String {
    let mut out = String::with_capacity(path.len());
    for byte in path.bytes() {
        if byte.is_ascii_alphanumeric() || b"-._~/".contains(&byte) {
            out.push(char::from(byte));
        } else {
            out.push_str(&format!("%{byte:02X}"));
        }
    }
    out
}
