//! GitHub's workflow commands: annotations beside the lines of a pull request.
//!
//! Each line here is a command that the runner obeys, so whatever comes from a file is escaped twice: as text for
//! people, and as part of a command.

use std::collections::{BTreeMap, BTreeSet};

use super::findings::{self, Finding, Level};
use super::layout::clip;
use super::markdown::headline;
use super::text::PlanContext;
use super::{Paths, escape};
use crate::diagnostic::{Diagnostic, Place, Severity, Sources, Span};
use crate::plan::{Plan, Review};

/// A message is cut to this; GitHub shows 4 KiB.
const LONGEST_MESSAGE: usize = 2_000;
/// A title is cut to this.
const LONGEST_TITLE: usize = 200;

/// How loud an annotation is, in the runner's words.
fn word(level: Level) -> &'static str {
    match level {
        Level::Notice => "notice",
        Level::Warning => "warning",
        Level::Error => "error",
    }
}

/// Complaints about files, each at its place.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, paths: &Paths) -> String {
    diagnostics.iter().map(|diagnostic| one(diagnostic, sources, paths)).collect()
}

fn one(diagnostic: &Diagnostic, sources: &Sources, paths: &Paths) -> String {
    let Diagnostic { code, severity, message, file, primary, secondary, hints } = diagnostic;
    let level = match severity {
        Severity::Error => Level::Error,
        Severity::Warning => Level::Warning,
    };
    let mut properties = Vec::new();
    match primary {
        None => properties.push(("file", paths.relative(file))),
        Some(label) => {
            let start = sources.place(label.span);
            let end = sources.place(Span { start: label.span.end.max(label.span.start), ..label.span });
            properties.extend(at(&start, paths));
            properties.push(("endLine", end.line.to_string()));
            // Columns mean something within one line only; the last one is still marked.
            if end.line == start.line {
                properties.push(("endColumn", end.column.saturating_sub(1).max(start.column).to_string()));
            }
        }
    }
    properties.push(("title", format!("portkey-sync: {code}")));
    let mut lines = vec![escape(message)];
    let label = primary.as_ref().filter(|label| !label.text.is_empty());
    lines.extend(label.map(|label| escape(&label.text)));
    lines.extend(secondary.iter().map(|label| {
        let place = sources.place(label.span);
        escape(&format!("{}:{}: {}", paths.relative(&place.file), place.line, label.text))
    }));
    lines.extend(hints.iter().map(|hint| format!("hint: {}", escape(hint))));
    command(level, &properties, &lines)
}

/// What to look at, each at its entry's place; a line of counts last.
pub fn plan(plan: &Plan, context: &PlanContext<'_>, paths: &Paths) -> String {
    let mut out = annotations(&findings::of_plan(plan, context), paths);
    let counts = headline(plan).replace("**", "");
    let mut lines = vec![counts];
    if !plan.is_hypothetical() {
        lines.push(format!("plan {}", plan.digest()));
    }
    out.push_str(&command(Level::Notice, &[title("plan")], &lines));
    out
}

/// What to look at of what the files change since their base, each at its entry's place.
pub fn review(review: &Review, scope_sets: &BTreeMap<String, BTreeSet<String>>, paths: &Paths) -> String {
    annotations(&findings::of_review(review, scope_sets), paths)
}

/// One for each entry, with all that there is to look at in it.
fn annotations(findings: &[Finding], paths: &Paths) -> String {
    let annotation = |finding: &Finding| {
        let mut properties: Vec<_> = finding.place.iter().flat_map(|place| at(place, paths)).collect();
        properties.push(title(&finding.title));
        let lines: Vec<String> = finding.points.iter().flat_map(|point| point.lines.clone()).collect();
        command(finding.level(), &properties, &lines)
    };
    findings.iter().map(annotation).collect()
}

/// An error that ended the run.
pub fn error(message: &str, causes: &[String], hints: &[String]) -> String {
    let mut lines = vec![escape(message)];
    lines.extend(causes.iter().map(|cause| format!("caused by: {}", escape(cause))));
    lines.extend(hints.iter().map(|hint| format!("hint: {}", escape(hint))));
    command(Level::Error, &[title("error")], &lines)
}

fn title(text: &str) -> (&'static str, String) {
    ("title", format!("portkey-sync: {text}"))
}

fn at(place: &Place, paths: &Paths) -> [(&'static str, String); 3] {
    let Place { file, line, column } = place;
    [("file", paths.relative(file)), ("line", line.to_string()), ("col", column.to_string())]
}

/// `::error file=keys.yaml,line=3::message`, with a newline. The lines are escaped for people already.
fn command(level: Level, properties: &[(&'static str, String)], lines: &[String]) -> String {
    let properties: Vec<String> = properties
        .iter()
        .map(|(name, value)| format!("{name}={}", in_property(&clip(&escape(value), LONGEST_TITLE))))
        .collect();
    let message = in_message(&clip(&lines.join("\n"), LONGEST_MESSAGE));
    format!("::{} {}::{message}\n", word(level), properties.join(","))
}

/// The runner undoes this in messages, and nothing else.
fn in_message(text: &str) -> String {
    text.replace('%', "%25").replace('\r', "%0D").replace('\n', "%0A")
}

/// In properties it also undoes what ends them.
fn in_property(text: &str) -> String {
    in_message(text).replace(':', "%3A").replace(',', "%2C")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn what_would_end_a_command_or_a_property_is_encoded() {
        let lines = ["100% of a, b: c".to_owned(), "hint: d".to_owned()];
        let properties = [("file", "a,b:c%.yaml".to_owned())];
        assert_eq!(
            command(Level::Error, &properties, &lines),
            "::error file=a%2Cb%3Ac%25.yaml::100%25 of a, b: c%0Ahint: d\n"
        );
    }

    #[test]
    fn an_error_is_one_line_whatever_it_says() {
        let out = error("a\n::error::b", &["c\r\nd".to_owned()], &["50%".to_owned()]);
        assert_eq!(
            out,
            "::error title=portkey-sync%3A error::a\\n:\\u{3a}error::b%0Acaused by: c\\r\\nd%0Ahint: 50%25\n"
        );
    }
}
