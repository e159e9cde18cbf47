//! Drives a hand-off: does what [`HandOff`] says, and tells it what came of it.
//!
//! What is decided here is only how things are said; which step follows which is the protocol's.

mod end;
mod hand_over;
mod issue;

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};

use super::Context;
use super::change::{local_failure, note_accepted};
use crate::api::{ApiError, ReadApi, WriteApi};
use crate::handoff::{CREATE_LEASE, Event, HandOff, Kind, Rules, Step, TRANSITION, rotate_lease};
use crate::model::{Delivery, KeyAddress, KeyId, Secret};
use crate::plan::{Change, Commit, Request};
use crate::report::{ChangeReport, Failure, Outcome};
use crate::secrets::{Entry, Slot};

/// A secret that has been issued.
pub(super) struct Issued {
    pub(super) id: KeyId,
    secret: Arc<Secret>,
    pub(super) at: Timestamp,
}

/// A hand-off under way.
pub(super) struct Flight<'a> {
    change: &'a Change,
    commit: &'a Commit,
    machine: HandOff,
    nonce: String,
    started: (Instant, SystemTime),
    /// When the request was sent, by the service's clock.
    sent_at: Timestamp,
    slot: Option<Slot>,
    pub(super) issued: Option<Issued>,
    /// When a rotation whose answer is missing lets another one be made.
    rotatable_at: Option<Timestamp>,
    /// What went wrong, for the end that comes of it.
    failure: Option<Failure>,
    moved: String,
}

/// How far a hand-off came.
pub(super) enum Progress<'a> {
    Over(Outcome),
    /// Until every create of the run has come this far.
    ToBeSettled(Box<Flight<'a>>),
}

impl<'a> Flight<'a> {
    fn new(
        change: &'a Change,
        commit: &'a Commit,
        kind: Kind,
        lease: SignedDuration,
        now: Timestamp,
    ) -> Self {
        Self {
            change,
            commit,
            machine: HandOff::new(kind, commit.deliveries.len(), commit.prove, lease, Rules::ALL),
            nonce: issue::nonce(),
            started: (Instant::now(), SystemTime::now()),
            sent_at: now,
            slot: None,
            issued: None,
            rotatable_at: None,
            failure: None,
            moved: String::new(),
        }
    }

    pub(super) fn address(&self) -> &'a KeyAddress {
        &self.change.address
    }

    /// Since before the request. A machine that slept has a monotonic clock that slept too.
    fn elapsed(&self) -> SignedDuration {
        let wall = self.started.1.elapsed().unwrap_or_default();
        SignedDuration::try_from(self.started.0.elapsed().max(wall)).unwrap_or(SignedDuration::MAX)
    }

    pub(super) fn on(&mut self, event: Event) {
        self.machine = self.machine.after(event);
    }

    fn failed(&mut self, failure: Failure) -> Event {
        self.failure = Some(failure);
        Event::Failed
    }
}

impl<R: ReadApi, W: WriteApi> Context<'_, R, W> {
    pub(super) async fn hand_off<'a>(&self, change: &'a Change, report: &mut ChangeReport) -> Progress<'a> {
        let now = self.now();
        let flight = match &change.request {
            Request::Create { commit, .. } => Flight::new(change, commit, Kind::Create, CREATE_LEASE, now),
            Request::Rotate { transition, commit, .. } => {
                let lease = rotate_lease(transition.unwrap_or(TRANSITION));
                Flight::new(change, commit, Kind::Rotate, lease, now)
            }
            Request::Deliver { held, commit, .. } => {
                let left = (held.sent_at + held.lease).duration_since(now);
                let mut flight = Flight::new(change, commit, Kind::Resume, left, now);
                flight.nonce.clone_from(&held.nonce);
                flight
            }
            Request::Update { .. } | Request::Delete { .. } => return Progress::Over(Outcome::Done),
        };
        for delivery in &flight.commit.deliveries {
            let (to, sinks) = (delivery.clone(), self.options.sinks.clone());
            if let Err(error) = on_disk(move || sinks.probe(&to)).await {
                let what = match change.request {
                    Request::Create { .. } => "the key was not created",
                    Request::Deliver { .. } => "the secret in the escrow was not delivered",
                    _ => "the key was not given a new secret",
                };
                let what = format!("{what}, since {} could not take its secret", sink_name(delivery));
                return Progress::Over(Outcome::Failed(local_failure(&what, &error, error.hint())));
            }
        }
        if let Request::Rotate { id, first, .. } = &change.request
            && !first.is_empty()
        {
            match self.writer.update_key(id, first).await {
                Ok(accepted) => note_accepted(report, &accepted),
                Err(error) => {
                    let what = "the key was not updated, and its secret not replaced";
                    return Progress::Over(self.failed(&error, what, report));
                }
            }
        }
        self.drive(flight, report).await
    }

    /// Goes on until the end, or until the creates of this run are to be settled together.
    pub(super) async fn drive<'a>(&self, mut flight: Flight<'a>, report: &mut ChangeReport) -> Progress<'a> {
        let mut is_settled = flight.issued.is_some();
        loop {
            let event = match flight.machine.step(flight.elapsed()) {
                Step::Look => self.look(&mut flight).await,
                Step::Reserve => self.reserve(&mut flight).await,
                Step::Send => self.send(&mut flight, report).await,
                Step::Recover => self.recover(&mut flight, report).await,
                Step::Keep => self.keep(&mut flight, report).await,
                Step::Settle if !is_settled => return Progress::ToBeSettled(Box::new(flight)),
                Step::Settle => {
                    is_settled = false;
                    Event::Failed
                }
                Step::Deliver(sink) => self.deliver(&mut flight, sink, report).await,
                Step::Prove => self.prove(&mut flight).await,
                Step::Commit => self.commit(&mut flight, report).await,
                Step::Close => self.close(&mut flight, Entry::Committed).await,
                Step::GiveBack => self.give_back(&mut flight, report).await,
                Step::Stop(end) => return Progress::Over(end::outcome(flight, end, report)),
            };
            flight.on(event);
        }
    }

    /// The service's time, as well as it is known, in whole seconds as its `Date` counts them.
    fn now(&self) -> Timestamp {
        let now = self.reader.clock().map_or_else(Timestamp::now, |clock| clock.now());
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// A rejected key is rejected for every call to come.
    pub(super) fn note_rejection(&self, error: &ApiError) {
        if error.status() == Some(401) {
            self.halt();
        }
    }
}

/// Does work on files beside the calls, so that flushing one key's secret does not hold up the others.
pub(super) async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
    match tokio::task::spawn_blocking(work).await {
        Ok(done) => done,
        // The work itself cannot be cancelled, so this is its own panic, carried on.
        Err(error) => std::panic::resume_unwind(error.into_panic()),
    }
}

fn sink_name(delivery: &Delivery) -> String {
    match &delivery.sink {
        Some(name) => format!("`{name}`"),
        None => "the secrets file".to_owned(),
    }
}

/// A line of the journal without which nothing is lost.
fn note(journal: &crate::secrets::Journal, nonce: &str, entry: Entry, sink: Option<&str>) {
    if let Err(error) = journal.add(nonce, entry, None, sink) {
        tracing::warn!(%error, "the journal could not be written");
    }
}
