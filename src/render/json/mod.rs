//! Published JSON, format version 1. Each function answers one pretty-printed document with a newline
//! at its end. `docs/json.md` explains them, `docs/*.schema.json` describe them.
//!
//! Text in here is as it came, for a program wants the real name; what could deceive a reader or command a terminal or a CI
//! system is written in JSON's own escapes.

mod error;
mod events;
mod explain;
mod inventory;
mod permissions;
mod plan;
mod report;
mod words;

#[cfg(test)]
mod tests;

use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;
use serde_json::Value;

use super::explain::Topic;
use super::words::{Detail, Explained};
use crate::diagnostic::{Diagnostic, Place, Sources};
use crate::escape::escape_json;
use crate::inventory::{Holding, Sight};
use crate::plan::{Action, LeastScopes, Plan, Review};
use crate::report::{Event, Report};

/// The version of every document here. It grows only when a reader of an earlier one would be misled.
pub const FORMAT_VERSION: u32 = 1;

/// The plan.
pub fn plan(plan: &Plan) -> String {
    pretty(&plan::document(plan))
}

/// What apply did.
pub fn report(report: &Report, plan: &Plan, exit_code: u8) -> String {
    pretty(&report::document(report, plan, exit_code))
}

/// An error that ended the run. `code` is stable and short, as in `unauthorised`.
pub fn error(code: &str, message: &str, causes: &[String], hints: &[String], exit_code: u8) -> String {
    pretty(&error::error_document(code, message, causes, &[], hints, exit_code))
}

/// A refusal, with what moved.
pub fn refused(
    code: &str,
    message: &str,
    causes: &[String],
    details: &[Detail],
    hints: &[String],
    exit_code: u8,
) -> String {
    pretty(&error::error_document(code, message, causes, details, hints, exit_code))
}

/// Complaints about files; an empty list says that they are valid.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources) -> String {
    pretty(&error::diagnostics_document(diagnostics, sources, None))
}

/// Complaints about files, and what the files change since their base.
pub fn reviewed(diagnostics: &[Diagnostic], sources: &Sources, review: Option<&Review>) -> String {
    pretty(&error::diagnostics_document(diagnostics, sources, review))
}

/// The lines of an apply as it goes; each is one document on one line.
pub mod lines {
    use super::error::error_body;
    use super::{Detail, Diagnostic, Event, Plan, Report, Sources, events, line};

    /// What will be done.
    pub fn plan(plan: &Plan) -> String {
        line(events::plan(plan))
    }

    /// That nothing is written, because apply refuses or everything needs a person.
    pub fn refused(plan: &Plan, exit_code: u8) -> String {
        line(events::refused(plan, exit_code))
    }

    /// Something that happened; `done` of `total` changes are over.
    pub fn event(event: &Event<'_>, done: usize, total: usize) -> String {
        line(events::event(event, done, total))
    }

    /// What reading back has shown.
    pub fn verified(report: &Report) -> String {
        line(events::verified(report))
    }

    /// What apply did.
    pub fn report(report: &Report, plan: &Plan, exit_code: u8) -> String {
        line(events::report(report, plan, exit_code))
    }

    /// Complaints about files that cannot be used.
    pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, exit_code: u8) -> String {
        line(events::diagnostics(diagnostics, sources, exit_code))
    }

    /// An error that ended the run.
    pub fn error(code: &str, message: &str, causes: &[String], hints: &[String], exit_code: u8) -> String {
        line(events::error(error_body(code, message, causes, &[], hints), exit_code))
    }

    /// A refusal, with what moved.
    pub fn moved(
        code: &str,
        message: &str,
        causes: &[String],
        details: &[Detail],
        hints: &[String],
        exit_code: u8,
    ) -> String {
        line(events::error(error_body(code, message, causes, details, hints), exit_code))
    }
}

fn line(event: events::EventBody) -> String {
    let mut text =
        escape_json(&serde_json::to_string(&events::EventDocument::from(event)).unwrap_or_default());
    text.push('\n');
    text
}

/// Live keys. `live` counts all that were seen.
pub fn list(
    organisation: Option<&str>,
    now: jiff::Timestamp,
    live: usize,
    sight: &Sight,
    holdings: &[&Holding<'_>],
) -> String {
    pretty(&inventory::list_document(organisation, now, live, sight, holdings))
}

/// One live key.
pub fn key(organisation: Option<&str>, now: jiff::Timestamp, holding: &Holding<'_>) -> String {
    pretty(&inventory::show_document(organisation, now, holding))
}

/// The least scopes for some files.
pub fn permissions(least: &LeastScopes) -> String {
    pretty(&permissions::document(least))
}

/// What words mean.
pub fn topics(topics: &[Topic]) -> String {
    pretty(&explain::document(topics))
}

/// The JSON Schema of each document, with the name of the file in `docs/` that publishes it.
pub fn schemas() -> Vec<(&'static str, Value)> {
    vec![
        ("plan.schema.json", schema::<plan::PlanDocument>()),
        ("report.schema.json", schema::<report::ReportDocument>()),
        ("list.schema.json", schema::<inventory::ListDocument>()),
        ("show.schema.json", schema::<inventory::ShowDocument>()),
        ("error.schema.json", schema::<error::ErrorDocument>()),
        ("diagnostics.schema.json", schema::<error::DiagnosticsDocument>()),
        ("events.schema.json", schema::<events::EventDocument>()),
        ("explain.schema.json", schema::<explain::ExplainDocument>()),
        ("permissions.schema.json", schema::<permissions::PermissionsDocument>()),
        ("saved-plan.schema.json", crate::saved_plan::schema()),
    ]
}

fn schema<T: JsonSchema>() -> Value {
    let settings = SchemaSettings::draft2020_12().for_serialize();
    settings.into_generator().into_root_schema_for::<T>().to_value()
}

/// A document for programs that lands in logs as well.
pub(super) fn pretty<T: Serialize>(document: &T) -> String {
    // Plain structs with text keys: there is nothing in them that JSON cannot say.
    let mut text = escape_json(&serde_json::to_string_pretty(document).unwrap_or_default());
    text.push('\n');
    text
}

/// Only version 1 is written.
#[derive(Serialize)]
#[serde(transparent)]
struct FormatVersion(u32);

impl JsonSchema for FormatVersion {
    fn schema_name() -> std::borrow::Cow<'static, str> {
        "FormatVersion".into()
    }

    fn inline_schema() -> bool {
        true
    }

    fn json_schema(_: &mut schemars::SchemaGenerator) -> Schema {
        schemars::json_schema!({ "type": "integer", "const": FORMAT_VERSION })
    }
}

const VERSION: FormatVersion = FormatVersion(FORMAT_VERSION);

/// What is done to a key.
#[derive(Clone, Copy, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum ActionWord {
    /// Our mark, and nothing else.
    Adopt,
    /// Some fields.
    Update,
    /// The usage counters to 0, and nothing else.
    ResetUsage,
    /// A new key.
    Create,
    /// The secret of a key that an earlier run created and did not deliver.
    Deliver,
    /// A new secret.
    Rotate,
    /// The key goes away.
    Delete,
}

impl From<Action> for ActionWord {
    fn from(action: Action) -> Self {
        match action {
            Action::Adopt => Self::Adopt,
            Action::Update => Self::Update,
            Action::ResetUsage => Self::ResetUsage,
            Action::Create => Self::Create,
            Action::Deliver => Self::Deliver,
            Action::Rotate => Self::Rotate,
            Action::Delete => Self::Delete,
        }
    }
}

/// A place in a file; lines and columns count from 1, columns count characters.
#[derive(Serialize, JsonSchema)]
struct PlaceDocument {
    /// As given on the command line or in `include`.
    file: String,
    line: usize,
    column: usize,
}

impl From<&Place> for PlaceDocument {
    fn from(place: &Place) -> Self {
        let Place { file, line, column } = place;
        Self { file: file.clone(), line: *line, column: *column }
    }
}

/// Something said in words, under a stable code.
#[derive(Serialize, JsonSchema)]
struct ExplainedDocument {
    /// Stable and short, in kebab case.
    code: &'static str,
    /// For people; may be worded differently in any version.
    message: String,
    /// Facts, such as the keys that an ambiguous name could mean.
    details: Vec<String>,
    /// What to do.
    hints: Vec<String>,
}

impl From<Explained> for ExplainedDocument {
    fn from(explained: Explained) -> Self {
        let Explained { code, message, details, hints } = explained;
        Self { code, message, details, hints }
    }
}

/// One place for a secret.
#[derive(Serialize, JsonSchema)]
struct DeliveryDocument {
    /// The sink's name in the file; null for `--secrets-file`.
    sink: Option<String>,
    /// The file, or the program with its arguments.
    target: String,
}

impl From<&crate::model::Delivery> for DeliveryDocument {
    fn from(delivery: &crate::model::Delivery) -> Self {
        Self { sink: delivery.sink.clone(), target: delivery.target.to_string() }
    }
}
