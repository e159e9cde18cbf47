//! An apply as it goes, one document a line.

use schemars::JsonSchema;
use serde::Serialize;

use super::error::{DiagnosticDocument, ErrorBody};
use super::plan::{BlockedDocument, Counts, RiskCount, WritesDocument, blocked_document};
use super::report::{ChangeDocument, ReportDocument};
use super::words::VerdictCounts;
use super::{ActionWord, ExplainedDocument, FormatVersion, VERSION};
use crate::diagnostic::{Diagnostic, Sources};
use crate::plan::Plan;
use crate::render::words;
use crate::report::{Event, Report};

/// One line of `portkey-sync apply --format jsonl`. The last line of a run is a `report`, `refused`, `invalid` or
/// `error`, and has the exit code.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "portkey-sync event")]
pub(super) struct EventDocument {
    format_version: FormatVersion,
    #[serde(flatten)]
    event: EventBody,
}

/// What happened, by its `type`.
#[derive(Serialize, JsonSchema)]
#[serde(tag = "type", rename_all = "kebab-case")]
pub(super) enum EventBody {
    /// What will be done: the head of the plan document.
    Plan {
        /// The version of portkey-sync that runs.
        tool_version: &'static str,
        /// Of the plan, as for `--expect-plan`.
        digest: String,
        /// The id of the organisation, if it could be told.
        organisation: Option<String>,
        /// The server's time for which the plan was made, RFC 3339.
        now: String,
        counts: Counts,
        risks: Vec<RiskCount>,
        writes: WritesDocument,
    },
    /// Nothing is written, because apply refuses or everything needs a person.
    Refused { refusals: Vec<ExplainedDocument>, blocked: Vec<BlockedDocument>, exit_code: u8 },
    /// A change is being made.
    Started { address: String, action: ActionWord },
    /// A change is over; its verdict comes with the report.
    Finished {
        change: Box<ChangeDocument>,
        /// Changes that are over, this one included.
        done: usize,
        /// Changes of the plan.
        total: usize,
    },
    /// The list is being read to verify.
    Verifying {
        /// Changes that are not confirmed yet.
        open: usize,
    },
    /// What reading back has shown, by verdict.
    Verified {
        verdicts: VerdictCounts,
        /// Why reading back failed, if it did.
        error: Option<String>,
    },
    /// All of it, as with `--format json`.
    Report { report: Box<ReportDocument>, exit_code: u8 },
    /// The keys files are not valid.
    Invalid { diagnostics: Vec<DiagnosticDocument>, exit_code: u8 },
    /// An error that ended the run.
    Error { error: ErrorBody, exit_code: u8 },
}

impl From<EventBody> for EventDocument {
    fn from(event: EventBody) -> Self {
        Self { format_version: VERSION, event }
    }
}

pub(super) fn plan(plan: &Plan) -> EventBody {
    let document = super::plan::document(plan);
    EventBody::Plan {
        tool_version: env!("CARGO_PKG_VERSION"),
        digest: plan.digest(),
        organisation: document.organisation,
        now: document.now,
        counts: document.counts,
        risks: document.risks,
        writes: document.writes,
    }
}

pub(super) fn refused(plan: &Plan, exit_code: u8) -> EventBody {
    EventBody::Refused {
        refusals: plan.refusals.iter().map(|refusal| words::refusal(refusal).into()).collect(),
        blocked: plan.blocked.iter().map(blocked_document).collect(),
        exit_code,
    }
}

pub(super) fn event(event: &Event<'_>, done: usize, total: usize) -> EventBody {
    match event {
        Event::Started { address, action } => {
            EventBody::Started { address: address.to_string(), action: (*action).into() }
        }
        Event::Finished { report } => {
            EventBody::Finished { change: Box::new(super::report::change(report)), done, total }
        }
        Event::Verifying { open } => EventBody::Verifying { open: *open },
    }
}

pub(super) fn verified(report: &Report) -> EventBody {
    EventBody::Verified { verdicts: VerdictCounts::of(report), error: report.verification_error.clone() }
}

pub(super) fn report(report: &Report, plan: &Plan, exit_code: u8) -> EventBody {
    EventBody::Report { report: Box::new(super::report::document(report, plan, exit_code)), exit_code }
}

pub(super) fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, exit_code: u8) -> EventBody {
    let diagnostics = diagnostics.iter().map(|diagnostic| super::error::one(diagnostic, sources)).collect();
    EventBody::Invalid { diagnostics, exit_code }
}

pub(super) fn error(error: ErrorBody, exit_code: u8) -> EventBody {
    EventBody::Error { error, exit_code }
}
