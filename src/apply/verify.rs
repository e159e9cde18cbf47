//! Reading back: what the service holds now, against what the plan said.

use std::collections::BTreeSet;
use std::time::{Duration, Instant};

use jiff::{SignedDuration, Timestamp};

use super::Context;
use crate::api::{PAGE_SIZE, ReadApi, WriteApi};
use crate::diff::{FieldChange, Seen, seen};
use crate::live::{Completeness, Live, LiveKey, Names, hydrate, refresh};
use crate::model::KeyId;
use crate::plan::{Action, Change, Plan};
use crate::report::{ChangeReport, Event, Outcome, Repair, Verdict};

/// The first pause between two readings; each next one is twice as long.
const FIRST_PAUSE: Duration = Duration::from_millis(250);

/// What verification did.
pub(super) struct Verification {
    pub(super) reads: u32,
    pub(super) error: Option<String>,
}

/// Gives every change that may have had an effect its verdict. Reads may lag behind writes (portkey-api.md 6),
/// so what is not visible yet is looked for again, within bounds.
pub(super) async fn verify<R: ReadApi, W: WriteApi>(
    context: &Context<'_, R, W>,
    plan: &Plan,
    reports: &mut [ChangeReport],
) -> Verification {
    let mut verification = Verification { reads: 0, error: None };
    let deadline = Instant::now() + context.options.verify_within;
    let mut pause = FIRST_PAUSE;
    let mut read: Option<Live> = None;
    loop {
        let open = reports.iter().filter(|report| is_open(report)).count();
        if open == 0 {
            return verification;
        }
        (context.on_event)(Event::Verifying { open });
        let live = match read_again(context, plan, reports, read.take()).await {
            Ok(live) => live,
            Err(error) => {
                verification.error = Some(error);
                return verification;
            }
        };
        verification.reads += 1;
        for (change, report) in
            plan.changes.iter().zip(reports.iter_mut()).filter(|(_, report)| is_open(report))
        {
            report.verdict = Some(verdict(change, report, &live));
            // What was in doubt and is there now was done.
            if let (Outcome::Unknown(_), Some(Verdict::Confirmed)) = (&report.outcome, &report.verdict) {
                report.outcome = Outcome::Done;
                report.writes += usize::from(!report.repairs.contains(&Repair::NotFound));
            }
        }
        for slot in context.escrow.slots() {
            let key = slot.id.as_ref().and_then(|id| live.keys.get(id));
            let is_committed =
                slot.mask.as_ref().is_some_and(|mask| key.is_some_and(|key| key.has_committed(mask)));
            if is_committed {
                context.empty_slot(&slot.nonce);
            }
        }
        let lagging = reports.iter().any(|report| is_open(report) && matches!(report.outcome, Outcome::Done));
        if !lagging || context.stop.is_requested() || Instant::now() + pause > deadline {
            return verification;
        }
        tokio::time::sleep(pause).await;
        pause *= 2;
        read = Some(live);
    }
}

/// Whether reading back can still tell something.
fn is_open(report: &ChangeReport) -> bool {
    let looked_for = matches!(report.outcome, Outcome::Done | Outcome::Unknown(_));
    looked_for && matches!(report.verdict, None | Some(Verdict::NotVisibleYet))
}

/// The first time the list. Later only the keys that are still open, one by one, where that is less than the
/// pages of the list and no absence has to be shown.
async fn read_again<R: ReadApi, W: WriteApi>(
    context: &Context<'_, R, W>,
    plan: &Plan,
    reports: &[ChangeReport],
    before: Option<Live>,
) -> Result<Live, String> {
    let open = || plan.changes.iter().zip(reports).filter(|(_, report)| is_open(report));
    let ids = |wanted: &dyn Fn(&Change) -> bool| -> BTreeSet<KeyId> {
        open().filter(|(change, _)| wanted(change)).filter_map(|(_, report)| report.id.clone()).collect()
    };
    if let Some(mut live) = before {
        let all = ids(&|_| true);
        let pages = live.keys.len().div_ceil(PAGE_SIZE as usize);
        if all.len() < pages && open().all(|(change, _)| change.action != Action::Delete) {
            live.unreadable.clear();
            hydrate(context.reader, &mut live, &all).await;
            return Ok(live);
        }
    }
    let mut live =
        refresh(context.reader, &Names::default()).await.map_err(|error| error.call().to_string())?;
    let not_in_rows: BTreeSet<KeyId> =
        ids(&|change| change.fields.iter().any(|field| matches!(field, FieldChange::RotationPolicy { .. })))
            .into_iter()
            .filter(|id| live.keys.get(id).is_some_and(|key| !key.rotation_policy.is_managed()))
            .collect();
    hydrate(context.reader, &mut live, &not_in_rows).await;
    Ok(live)
}

fn verdict(change: &Change, report: &ChangeReport, live: &Live) -> Verdict {
    let key = report.id.as_ref().and_then(|id| live.keys.get(id));
    match (change.action, key) {
        (Action::Delete, None) if live.completeness == Completeness::Complete => Verdict::Confirmed,
        (Action::Delete, _) | (_, None) => Verdict::NotVisibleYet,
        (Action::Create | Action::Deliver, Some(key)) if is_uncommitted(key) => Verdict::NotVisibleYet,
        (Action::Rotate, Some(key)) if !key.mask.as_ref().is_some_and(|mask| key.has_committed(mask)) => {
            Verdict::NotVisibleYet
        }
        (
            Action::Adopt
            | Action::Update
            | Action::ResetUsage
            | Action::Create
            | Action::Deliver
            | Action::Rotate,
            Some(key),
        ) => compare(change, report, key, live.now),
    }
}

fn is_uncommitted(key: &LiveKey) -> bool {
    key.mark.as_ref().is_none_or(|mark| mark.new.is_some())
}

fn compare(change: &Change, report: &ChangeReport, key: &LiveKey, now: Timestamp) -> Verdict {
    let mut fields: Vec<(&'static str, Seen)> =
        change.fields.iter().map(|field| (field.field(), seen(field, key, now))).collect();
    if let Some(crate::plan::Reason::UsageResetDue { after, .. }) = &change.reason {
        let done = key.last_reset_at.is_some_and(|at| at >= *after);
        fields.push(("usage", if done { Seen::Wanted } else { Seen::Unchanged }));
    }
    let all = fields.len();
    fields.retain(|(_, seen)| *seen != Seen::Wanted);
    if fields.is_empty() {
        return Verdict::Confirmed;
    }
    // One call changes all of them: where one is there, the others are not late.
    let is_shown = fields.len() < all;
    let unchanged = !is_shown && fields.iter().all(|(_, seen)| *seen == Seen::Unchanged);
    // A row that moved since the plan, and not before our write, already shows what came of it. Times
    // count whole seconds, and the `Date` of an answer may be a second later than what it answers.
    let before = change.before.as_ref().and_then(|before| before.last_updated_at);
    let is_fresh = key.last_updated_at.is_some_and(|updated| {
        before.is_none_or(|before| before < updated)
            && report
                .written_at
                .is_none_or(|written| written.duration_since(updated) <= SignedDuration::from_secs(1))
    });
    if unchanged && !is_fresh {
        return Verdict::NotVisibleYet;
    }
    let names = fields.into_iter().map(|(name, _)| name).collect::<BTreeSet<_>>().into_iter().collect();
    // Times count whole seconds, so an update within a second of ours is taken for ours.
    let somebody_else = match (key.last_updated_at, report.written_at) {
        (Some(updated), Some(written)) => updated.duration_since(written) > SignedDuration::from_secs(1),
        _ => false,
    };
    if somebody_else { Verdict::Overwritten { fields: names } } else { Verdict::Overridden { fields: names } }
}
