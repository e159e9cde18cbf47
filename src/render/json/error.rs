//! Errors and complaints about files, as documents.

use schemars::JsonSchema;
use serde::Serialize;

use super::plan::{ReviewDocument, review_document};
use super::{FormatVersion, VERSION};
use crate::diagnostic::{Diagnostic, Label, Severity, Sources, Span};
use crate::plan::Review;
use crate::render::words::{Detail, Movement};

/// An error that ended the run.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "portkey-sync error")]
pub(super) struct ErrorDocument {
    format_version: FormatVersion,
    error: ErrorBody,
    /// With which code the process ends.
    exit_code: u8,
}

/// What failed.
#[derive(Serialize, JsonSchema)]
pub(super) struct ErrorBody {
    /// Stable and short, in kebab case.
    code: String,
    /// For people.
    message: String,
    /// What it came of, outermost first.
    causes: Vec<String>,
    /// What to do.
    hints: Vec<String>,
    /// What moved since a plan was approved; only for refusals that are about that.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    details: Vec<DetailDocument>,
}

/// One thing that moved since a plan was approved.
#[derive(Serialize, JsonSchema)]
struct DetailDocument {
    what: WhatMoved,
    /// Null for what is about no single key.
    address: Option<String>,
    /// What would be done to the key; null for entries of files.
    action: Option<&'static str>,
    /// For people.
    message: String,
}

/// How it moved.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum WhatMoved {
    /// It was not in the plan.
    Added,
    /// It was, and is not any more.
    Gone,
    /// It is another one now.
    Changed,
    /// It is as it was; the message says how many.
    Same,
}

impl From<&Detail> for DetailDocument {
    fn from(detail: &Detail) -> Self {
        let Detail { what, address, action, message } = detail;
        let what = match what {
            Movement::Added => WhatMoved::Added,
            Movement::Gone => WhatMoved::Gone,
            Movement::Changed => WhatMoved::Changed,
            Movement::Same => WhatMoved::Same,
        };
        Self { what, address: address.clone(), action: *action, message: message.clone() }
    }
}

pub(super) fn error_document(
    code: &str,
    message: &str,
    causes: &[String],
    details: &[Detail],
    hints: &[String],
    exit_code: u8,
) -> ErrorDocument {
    ErrorDocument {
        format_version: VERSION,
        error: error_body(code, message, causes, details, hints),
        exit_code,
    }
}

pub(super) fn error_body(
    code: &str,
    message: &str,
    causes: &[String],
    details: &[Detail],
    hints: &[String],
) -> ErrorBody {
    ErrorBody {
        code: code.to_owned(),
        message: message.to_owned(),
        causes: causes.to_vec(),
        hints: hints.to_vec(),
        details: details.iter().map(Into::into).collect(),
    }
}

/// What is wrong with the keys files.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "portkey-sync diagnostics")]
pub(super) struct DiagnosticsDocument {
    format_version: FormatVersion,
    /// Whether there is no error; warnings may remain.
    valid: bool,
    diagnostics: Vec<DiagnosticDocument>,
    /// What the files change since their base; null without a base, or if one of them has errors.
    review: Option<ReviewDocument>,
}

/// One complaint.
#[derive(Serialize, JsonSchema)]
pub(super) struct DiagnosticDocument {
    /// Stable and short, in kebab case.
    code: &'static str,
    severity: SeverityWord,
    message: String,
    /// The file; lines and columns are null for a complaint about the file as a whole.
    file: String,
    /// From 1.
    line: Option<usize>,
    /// From 1, in characters.
    column: Option<usize>,
    end_line: Option<usize>,
    /// Behind the last character.
    end_column: Option<usize>,
    /// What is said under the caret, possibly empty.
    label: String,
    /// Other places that had a part in it.
    related: Vec<RelatedDocument>,
    /// What to do.
    hints: Vec<String>,
}

/// Another place that had a part in it, such as an inherited value.
#[derive(Serialize, JsonSchema)]
struct RelatedDocument {
    file: String,
    line: usize,
    column: usize,
    end_line: usize,
    end_column: usize,
    label: String,
}

/// How bad it is.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum SeverityWord {
    /// Worth a look; the file is used.
    Warning,
    /// The file is not used.
    Error,
}

pub(super) fn diagnostics_document(
    diagnostics: &[Diagnostic],
    sources: &Sources,
    review: Option<&Review>,
) -> DiagnosticsDocument {
    DiagnosticsDocument {
        format_version: VERSION,
        valid: diagnostics.iter().all(|diagnostic| diagnostic.severity == Severity::Warning),
        diagnostics: diagnostics.iter().map(|diagnostic| one(diagnostic, sources)).collect(),
        review: review.map(review_document),
    }
}

pub(super) fn one(diagnostic: &Diagnostic, sources: &Sources) -> DiagnosticDocument {
    let Diagnostic { code, severity, message, file, primary, secondary, hints } = diagnostic;
    let primary = primary.as_ref().map(|label| related(label, sources));
    DiagnosticDocument {
        code,
        severity: match severity {
            Severity::Warning => SeverityWord::Warning,
            Severity::Error => SeverityWord::Error,
        },
        message: message.clone(),
        file: primary.as_ref().map_or_else(|| file.clone(), |place| place.file.clone()),
        line: primary.as_ref().map(|place| place.line),
        column: primary.as_ref().map(|place| place.column),
        end_line: primary.as_ref().map(|place| place.end_line),
        end_column: primary.as_ref().map(|place| place.end_column),
        label: primary.map(|place| place.label).unwrap_or_default(),
        related: secondary.iter().map(|label| related(label, sources)).collect(),
        hints: hints.clone(),
    }
}

fn related(label: &Label, sources: &Sources) -> RelatedDocument {
    let start = sources.place(label.span);
    let end = sources.place(Span { start: label.span.end.max(label.span.start), ..label.span });
    RelatedDocument {
        file: start.file,
        line: start.line,
        column: start.column,
        end_line: end.line,
        end_column: end.column,
        label: label.text.clone(),
    }
}
