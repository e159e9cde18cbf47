//! SARIF 2.1.0, the format in which code scanning services take complaints.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_json::{Value, json};

use super::fingerprint::fingerprints;
use super::layout::clip;
use super::{Paths, escape, json};
use crate::desired::{explain, explain_rule};
use crate::diagnostic::{Diagnostic, Label, Severity, Sources, Span};

/// Where the schema of the format is.
const SCHEMA: &str =
    "https://docs.oasis-open.org/sarif/sarif/v2.1.0/errata01/os/schemas/sarif-schema-2.1.0.json";
/// A message is cut to this; code scanning shows the first thousand characters.
const LONGEST_MESSAGE: usize = 1_000;

/// A complaint.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct SarifResult {
    rule_id: &'static str,
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

/// Lines and columns count from 1, and the end lies behind the last character.
#[derive(Serialize)]
#[serde(rename_all = "camelCase")]
struct Region {
    start_line: usize,
    start_column: usize,
    end_line: usize,
    end_column: usize,
}

/// Complaints about files as a SARIF log with one run.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, paths: &Paths) -> String {
    let mut codes: Vec<&'static str> = diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    codes.sort_unstable();
    codes.dedup();
    let results: Vec<SarifResult> = diagnostics
        .iter()
        .zip(fingerprints(diagnostics, sources, paths))
        .map(|(diagnostic, fingerprint)| {
            let rule_index = codes.binary_search(&diagnostic.code).unwrap_or(0);
            result(diagnostic, rule_index, fingerprint, sources, paths)
        })
        .collect();
    let rules: Vec<Value> = codes.into_iter().map(rule).collect();
    json::pretty(&json!({
        "$schema": SCHEMA,
        "version": "2.1.0",
        "runs": [{
            "tool": {"driver": {
                "name": "portkey-sync",
                "semanticVersion": env!("CARGO_PKG_VERSION"),
                "rules": rules,
            }},
            "columnKind": "unicodeCodePoints",
            "results": results,
        }],
    }))
}

/// What `explain` says about a code, once for all its results.
fn rule(code: &'static str) -> Value {
    let of_policy = explain_rule(code).map(|rule| (rule.meaning, rule.failing, rule.remedy));
    let explained =
        explain(code).map(|explained| (explained.meaning, explained.example, explained.remedy)).or(of_policy);
    let Some((meaning, example, remedy)) = explained else { return json!({"id": code}) };
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

fn result(
    diagnostic: &Diagnostic,
    rule_index: usize,
    fingerprint: String,
    sources: &Sources,
    paths: &Paths,
) -> SarifResult {
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
        rule_index,
        level: match severity {
            Severity::Error => "error",
            Severity::Warning => "warning",
        },
        message: said(&text),
        locations: vec![place],
        related_locations: related
            .map(|(index, label)| location(label, Some(index + 1), sources, paths))
            .collect(),
        // The name under which GitHub looks for it.
        partial_fingerprints: BTreeMap::from([("primaryLocationLineHash", fingerprint)]),
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
                end_line: end.line,
                end_column: end.column,
            }),
        },
        message: (!label.text.is_empty()).then(|| said(&label.text)),
    }
}

/// In the format, `[words](target)` in a message is a link, and braces hold the place of an argument.
fn said(text: &str) -> Message {
    let text = escape(text).replace("](", "]\\u{28}");
    Message { text: clip(&text, LONGEST_MESSAGE) }
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
