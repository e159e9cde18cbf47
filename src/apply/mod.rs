//! Executes a plan: nothing is decided here, only done, in the right order, and then checked.
//!
//! Order: secrets that an earlier run left in the escrow, while they last; what is independent side by side; deletes once everything else has succeeded; the key that the
//! tool runs with last. Invariants: a create of unknown outcome is looked up, never repeated; a secret is on disk
//! before any other call for its key; one failed key does not stop the others, but a rejected API key
//! or a broken escrow stops everything that has not begun.

mod change;
mod handoff;
mod prove;
mod settle;
mod verify;

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::{Duration, Instant};

use futures_util::{StreamExt, stream};
use jiff::Timestamp;

use self::handoff::{Flight, Progress};
use crate::api::{Gateway, ReadApi, WriteApi};
use crate::plan::{Action, Change, Plan, Request};
use crate::report::{ChangeReport, Event, NotAttempted, Outcome, Report};
use crate::secrets::{Escrow, Journal, Sinks};

/// How a plan is carried out.
#[derive(Clone, Debug)]
pub struct ApplyOptions {
    /// Keys that are changed side by side.
    pub concurrency: usize,
    /// How long reading back waits for writes to become visible.
    pub verify_within: Duration,
    /// How long a run waits at most for the second after its last create, before it settles.
    pub settle_within: Duration,
    /// What sinks need to know.
    pub sinks: Sinks,
    /// Whether a change marked as the running key's is surely about it.
    pub running_key_is_known: bool,
    /// Where new secrets are tried, for keys that ask for it.
    pub gateway: Option<Gateway>,
}

/// How many changes are made before the creates among them are settled: their secrets wait for the last one.
const BATCH: usize = 500;

/// Asks a run to end: calls in flight are finished, nothing new is begun.
#[derive(Clone, Debug, Default)]
pub struct Stop(Arc<AtomicBool>);

impl Stop {
    /// Asks.
    pub fn request(&self) {
        self.0.store(true, Ordering::SeqCst);
    }

    /// Whether somebody asked.
    pub fn is_requested(&self) -> bool {
        self.0.load(Ordering::SeqCst)
    }
}

/// What every change needs.
struct Context<'a, R, W> {
    reader: &'a R,
    writer: &'a W,
    escrow: &'a Escrow,
    journal: &'a Arc<Journal>,
    options: &'a ApplyOptions,
    stop: &'a Stop,
    /// Set by a failure after which nothing else can succeed.
    halted: AtomicBool,
    on_event: &'a (dyn Fn(Event<'_>) + Sync),
}

/// Carries a plan out and reports.
pub async fn apply<R: ReadApi, W: WriteApi>(
    plan: &Plan,
    reader: &R,
    writer: &W,
    (escrow, journal): (&Escrow, &Arc<Journal>),
    options: &ApplyOptions,
    stop: &Stop,
    on_event: &(dyn Fn(Event<'_>) + Sync),
) -> Report {
    let started = Instant::now();
    let context =
        Context { reader, writer, escrow, journal, options, stop, halted: AtomicBool::new(false), on_event };
    for nonce in &plan.settled {
        context.empty_slot(nonce);
    }
    let (mut held, mut first, mut deletes, mut last) = (Vec::new(), Vec::new(), Vec::new(), Vec::new());
    for (index, change) in plan.changes.iter().enumerate() {
        let phase = match change {
            change if change.running_key => &mut last,
            change if change.action == Action::Delete => &mut deletes,
            change if lease_end(change).is_some() => &mut held,
            _ => &mut first,
        };
        phase.push((index, change));
    }

    held.sort_by_key(|(_, change)| lease_end(change));

    let mut reports = context.run(plan, held).await;
    reports.extend(context.run(plan, first).await);
    let all_well = reports.iter().all(|(_, report)| report.succeeded());
    if all_well {
        reports.extend(context.run(plan, deletes).await);
    } else {
        for (index, change) in deletes {
            reports.push((index, context.not_attempted(change, NotAttempted::DeletesWait)));
        }
    }
    reports.extend(context.run(plan, last).await);
    reports.sort_by_key(|(index, _)| *index);
    let mut changes: Vec<ChangeReport> = reports.into_iter().map(|(_, report)| report).collect();

    let verification = verify::verify(&context, plan, &mut changes).await;
    Report {
        changes,
        verifications: verification.reads,
        verification_error: verification.error,
        interrupted: stop.is_requested(),
        elapsed: started.elapsed(),
    }
}

impl<R: ReadApi, W: WriteApi> Context<'_, R, W> {
    /// Side by side; creates wait for each other half-way and are settled together, so that one list serves all.
    async fn run(&self, plan: &Plan, changes: Vec<(usize, &Change)>) -> Vec<(usize, ChangeReport)> {
        let mut done = Vec::new();
        for batch in changes.chunks(BATCH) {
            let begun: Vec<_> = stream::iter(batch.iter().copied())
                .map(|(index, change)| async move { (index, self.begin(change).await) })
                .buffer_unordered(self.options.concurrency.max(1))
                .collect()
                .await;
            let (mut flights, mut places) = (Vec::new(), Vec::new());
            for (index, (report, flight)) in begun {
                match flight {
                    None => done.push((index, report)),
                    Some(flight) => {
                        flights.push(flight);
                        places.push((index, report));
                    }
                }
            }
            self.settle(plan, &mut flights).await;
            let finished = stream::iter(flights.into_iter().zip(places))
                .map(|(flight, (index, report))| async move { (index, self.finish(*flight, report).await) })
                .buffer_unordered(self.options.concurrency.max(1))
                .collect::<Vec<_>>();
            done.extend(finished.await);
        }
        done
    }

    /// Makes a change, or brings a create to where it is to be settled.
    async fn begin<'c>(&self, change: &'c Change) -> (ChangeReport, Option<Box<Flight<'c>>>) {
        if self.stop.is_requested() {
            return (self.not_attempted(change, NotAttempted::Interrupted), None);
        }
        if self.halted.load(Ordering::SeqCst) {
            return (self.not_attempted(change, NotAttempted::Stopped), None);
        }
        let started = Instant::now();
        (self.on_event)(Event::Started { address: &change.address, action: change.action });
        let mut report = blank_report(change);
        let progress = self.execute(change, &mut report).await;
        report.elapsed = started.elapsed();
        match progress {
            Progress::Over(outcome) => {
                report.outcome = outcome;
                (self.on_event)(Event::Finished { report: &report });
                (report, None)
            }
            Progress::ToBeSettled(flight) => (report, Some(flight)),
        }
    }

    /// Delivers and commits what was settled.
    async fn finish(&self, flight: Flight<'_>, mut report: ChangeReport) -> ChangeReport {
        let started = Instant::now();
        let address = flight.address();
        report.outcome = match self.drive(flight, &mut report).await {
            Progress::Over(outcome) => outcome,
            Progress::ToBeSettled(_) => unreachable!("{address} was settled"),
        };
        report.elapsed += started.elapsed();
        (self.on_event)(Event::Finished { report: &report });
        report
    }

    fn not_attempted(&self, change: &Change, why: NotAttempted) -> ChangeReport {
        let mut report = blank_report(change);
        report.outcome = Outcome::NotAttempted(why);
        (self.on_event)(Event::Finished { report: &report });
        report
    }

    /// Empties the slot of a secret that is committed. A slot that stays behind is found again.
    fn empty_slot(&self, nonce: &str) {
        if let Err(error) = self.escrow.discard(nonce) {
            tracing::warn!(%error, "a secret that is committed stays in the escrow");
        }
    }

    /// Nothing that has not begun will begin.
    fn halt(&self) {
        self.halted.store(true, Ordering::SeqCst);
    }
}

/// Until when the secret may be delivered that an earlier run left.
fn lease_end(change: &Change) -> Option<Timestamp> {
    match &change.request {
        Request::Deliver { held, .. } => Some(held.sent_at + held.lease),
        Request::Create { .. } | Request::Rotate { .. } | Request::Update { .. } | Request::Delete { .. } => {
            None
        }
    }
}

fn blank_report(change: &Change) -> ChangeReport {
    ChangeReport {
        address: change.address.clone(),
        action: change.action,
        outcome: Outcome::Done,
        verdict: None,
        elapsed: Duration::ZERO,
        id: change.before.as_ref().map(|key| key.id.clone()),
        delivered: Vec::new(),
        delivered_before: Vec::new(),
        repairs: Vec::new(),
        writes: 0,
        written_at: None,
    }
}
