//! What apply did, as a document.

use schemars::JsonSchema;
use serde::Serialize;

use super::plan::{BlockedDocument, blocked_document};
use super::{ActionWord, DeliveryDocument, FormatVersion, VERSION};
use crate::plan::Plan;
use crate::render::text::Fates;
use crate::render::words;
use crate::report::{ChangeReport, Changed, Failure, Outcome, Repair, Report, Verdict};

/// What `portkey-sync apply` did. Nothing in here is secret.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "portkey-sync report")]
pub(super) struct ReportDocument {
    format_version: FormatVersion,
    /// The version of portkey-sync that ran.
    tool_version: &'static str,
    /// The digest of the plan that was applied.
    digest: String,
    /// One for each change of the plan, in its order.
    changes: Vec<ChangeDocument>,
    totals: Totals,
    /// Entries that the plan left to a person, as it said.
    blocked: Vec<BlockedDocument>,
    /// How often the list was read to verify.
    verifications: u32,
    /// Why reading back failed, if it did.
    verification_error: Option<String>,
    interrupted: bool,
    elapsed_ms: u64,
    /// With which code the process ends.
    exit_code: u8,
}

/// Numbers of changes by what became of them, and of writes.
#[derive(Serialize, JsonSchema)]
struct Totals {
    /// Made, and nothing that was read back speaks against them.
    done: usize,
    /// Made, and changed by somebody else since.
    overwritten: usize,
    /// Made, and the service keeps another value.
    overridden: usize,
    failed: usize,
    /// May or may not have been made.
    unknown: usize,
    moved: usize,
    not_attempted: usize,
    blocked: usize,
    /// Writes that the service accepted.
    writes: usize,
    /// Writes that the plan foresaw.
    planned_writes: usize,
}

/// What became of one change.
#[derive(Serialize, JsonSchema)]
pub(super) struct ChangeDocument {
    address: String,
    action: ActionWord,
    /// The key, once it is known.
    id: Option<String>,
    outcome: OutcomeWord,
    /// What moved, or why it was not attempted.
    because: Option<String>,
    /// What reading back showed; null if the change was not read back.
    verdict: Option<VerdictWord>,
    /// The fields that were overwritten or overridden.
    verdict_fields: Vec<&'static str>,
    /// Where the secret went in this run.
    delivered: Vec<DeliveryDocument>,
    /// Where an earlier run had brought it, so that this one did not.
    delivered_before: Vec<DeliveryDocument>,
    failure: Option<FailureDocument>,
    /// Requests beyond those of the plan.
    repairs: Vec<RepairDocument>,
    /// Writes that the service accepted.
    writes: usize,
    elapsed_ms: u64,
}

/// What was done.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum OutcomeWord {
    /// All of it.
    Done,
    /// It failed.
    Failed,
    /// It may or may not have been done.
    Unknown,
    /// Not tried, because the key is no longer what the plan saw.
    Moved,
    /// Another run created the key at the same time and keeps it; ours is deleted.
    Yielded,
    /// Not tried.
    NotAttempted,
}

/// What reading back showed.
#[derive(Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
enum VerdictWord {
    /// As the plan said.
    Confirmed,
    /// The list still shows the state from before.
    NotVisibleYet,
    /// Somebody changed the key since.
    Overwritten,
    /// The service kept or made another value.
    Overridden,
}

/// Why a change failed.
#[derive(Serialize, JsonSchema)]
struct FailureDocument {
    message: String,
    /// Outermost first.
    causes: Vec<String>,
    /// What is so now.
    facts: Vec<String>,
    /// What to do.
    hints: Vec<String>,
    /// Whether something was, or may have been, changed before it failed.
    changed_something: bool,
}

/// A request beyond those of the plan.
#[derive(Serialize, JsonSchema)]
struct RepairDocument {
    /// `retried`, `not-found`, `found-by-nonce`, `rotated-to-recover` or `gave-back`.
    code: &'static str,
    /// How many requests.
    times: u32,
    /// For people.
    message: String,
}

pub(super) fn document(report: &Report, plan: &Plan, exit_code: u8) -> ReportDocument {
    let Report { changes, verifications, verification_error, interrupted, elapsed } = report;
    let Fates { done, overwritten, overridden, failed, unknown, moved, not_attempted } = Fates::of(report);
    ReportDocument {
        format_version: VERSION,
        tool_version: env!("CARGO_PKG_VERSION"),
        digest: plan.digest(),
        changes: changes.iter().map(change).collect(),
        totals: Totals {
            done,
            overwritten,
            overridden,
            failed,
            unknown,
            moved,
            not_attempted,
            blocked: plan.blocked.len(),
            writes: report.writes(),
            planned_writes: plan.writes().total(),
        },
        blocked: plan.blocked.iter().map(blocked_document).collect(),
        verifications: *verifications,
        verification_error: verification_error.clone(),
        interrupted: *interrupted,
        elapsed_ms: ms(*elapsed),
        exit_code,
    }
}

fn ms(time: std::time::Duration) -> u64 {
    u64::try_from(time.as_millis()).unwrap_or(u64::MAX)
}

pub(super) fn change(report: &ChangeReport) -> ChangeDocument {
    let ChangeReport {
        address,
        action,
        outcome,
        verdict,
        elapsed,
        id,
        delivered,
        delivered_before,
        repairs,
        writes,
        written_at: _,
    } = report;
    let (outcome, because, failure) = match outcome {
        Outcome::Done => (OutcomeWord::Done, None, None),
        Outcome::Failed(failure) => (OutcomeWord::Failed, None, Some(failure_document(failure))),
        Outcome::Unknown(failure) => (OutcomeWord::Unknown, None, Some(failure_document(failure))),
        Outcome::Moved { what } => (OutcomeWord::Moved, Some(what.clone()), None),
        Outcome::Yielded => (OutcomeWord::Yielded, Some("another run created it first".to_owned()), None),
        Outcome::NotAttempted(why) => {
            (OutcomeWord::NotAttempted, Some(words::not_attempted(*why).to_owned()), None)
        }
    };
    let (verdict, verdict_fields) = match verdict {
        None => (None, Vec::new()),
        Some(Verdict::Confirmed) => (Some(VerdictWord::Confirmed), Vec::new()),
        Some(Verdict::NotVisibleYet) => (Some(VerdictWord::NotVisibleYet), Vec::new()),
        Some(Verdict::Overwritten { fields }) => (Some(VerdictWord::Overwritten), fields.clone()),
        Some(Verdict::Overridden { fields }) => (Some(VerdictWord::Overridden), fields.clone()),
    };
    ChangeDocument {
        address: address.to_string(),
        action: (*action).into(),
        id: id.as_ref().map(ToString::to_string),
        outcome,
        because,
        verdict,
        verdict_fields,
        delivered: delivered.iter().map(Into::into).collect(),
        delivered_before: delivered_before.iter().map(Into::into).collect(),
        failure,
        repairs: repairs.iter().map(repair).collect(),
        writes: *writes,
        elapsed_ms: ms(*elapsed),
    }
}

fn failure_document(failure: &Failure) -> FailureDocument {
    let Failure { message, causes, facts, hints, changed } = failure;
    FailureDocument {
        message: message.clone(),
        causes: causes.clone(),
        facts: facts.clone(),
        hints: hints.clone(),
        changed_something: *changed == Changed::Something,
    }
}

fn repair(repair: &Repair) -> RepairDocument {
    let (code, message) = words::repair(repair);
    let times = match repair {
        Repair::Retried { times } => *times,
        Repair::FoundByNonce | Repair::RotatedToRecover | Repair::GaveBack => 1,
        Repair::NotFound => 0,
    };
    RepairDocument { code, times, message }
}
