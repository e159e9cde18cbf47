//! Drives a hand-off: does what [`HandOff`] says, and tells it what came of it.
//!
//! What is decided here is only how things are said; which step follows which is the protocol's.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};
use rand::RngExt;

use super::Context;
use super::change::{failure, local_failure, note_accepted, note_retries};
use crate::api::{ApiError, Effect, ReadApi, WriteApi};
use crate::handoff::{At, CREATE_LEASE, End, Event, HandOff, Kind, Rules, Step, TRANSITION, rotate_lease};
use crate::live::{LiveKey, Names, refresh};
use crate::model::{Delivery, Escrowed, KeyAddress, KeyCreate, KeyId, Mark, Secret, Target};
use crate::plan::{Change, Commit, Request};
use crate::report::{ChangeReport, Changed, Failure, Outcome, Repair};
use crate::secrets::{Entry, EscrowError, Slot};

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
            nonce: nonce(),
            started: (Instant::now(), SystemTime::now()),
            sent_at: now,
            slot: None,
            issued: None,
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
                Step::Stop(end) => return Progress::Over(Self::outcome(flight, end, report)),
            };
            flight.on(event);
        }
    }

    /// The service's time, as well as it is known, in whole seconds as its `Date` counts them.
    fn now(&self) -> Timestamp {
        let now = self.reader.clock().map_or_else(Timestamp::now, |clock| clock.now());
        Timestamp::from_second(now.as_second()).unwrap_or(now)
    }

    /// Much may have happened since the plan: only a key that is as it was gets a new secret, or this one.
    async fn look(&self, flight: &mut Flight<'_>) -> Event {
        let Some(planned) = flight.change.before.as_ref() else { return Event::Done };
        match self.reader.get_key(&planned.id).await {
            Ok(row) => {
                let (_, mark) = Mark::split(row.description.as_deref().unwrap_or_default(), &planned.id);
                if row.mask != planned.mask {
                    "its secret".clone_into(&mut flight.moved);
                } else if mark != planned.mark {
                    "its mark".clone_into(&mut flight.moved);
                } else if let Request::Deliver { held, .. } = &flight.change.request {
                    return self.reopen(flight, held).await;
                } else {
                    return Event::Done;
                }
                Event::Moved
            }
            Err(error) => {
                self.note_rejection(&error);
                flight.failed(failure("nothing was sent, since the key could not be looked at first", &error))
            }
        }
    }

    async fn reopen(&self, flight: &mut Flight<'_>, held: &Escrowed) -> Event {
        let (escrow, nonce) = (self.escrow.clone(), held.nonce.clone());
        match on_disk(move || escrow.open(&nonce)).await {
            Ok((slot, secret)) => {
                let id = held.id.clone().unwrap_or_else(|| KeyId::new(""));
                let at = held.issued_at.unwrap_or(held.sent_at);
                flight.issued = Some(Issued { id, secret: Arc::new(secret), at });
                flight.slot = Some(slot);
                Event::Done
            }
            Err(error) => {
                let what = "the secret in the escrow was not delivered";
                flight.failed(local_failure(what, &error, None))
            }
        }
    }

    async fn reserve(&self, flight: &mut Flight<'_>) -> Event {
        let (entry, transition) = match &flight.change.request {
            Request::Rotate { transition, .. } => (Entry::Rotate, Some(transition.unwrap_or(TRANSITION))),
            _ => (Entry::Create, None),
        };
        flight.sent_at = self.now();
        flight.started = (Instant::now(), SystemTime::now());
        let slot = Escrowed {
            nonce: flight.nonce.clone(),
            address: flight.change.address.to_string(),
            id: flight.change.before.as_ref().map(|key| key.id.clone()),
            mask: None,
            sealed: false,
            sent_at: flight.sent_at,
            issued_at: None,
            lease: transition.map_or(CREATE_LEASE, rotate_lease),
            transition,
        };
        let (escrow, journal) = (self.escrow.clone(), Arc::clone(self.journal));
        let made: Result<Slot, EscrowError> = on_disk(move || {
            journal
                .add(&slot.nonce, entry, Some(&slot.address), None)
                .map_err(|error| escrow.journal_failed(error))?;
            escrow.reserve(&slot)
        })
        .await;
        match made {
            Ok(slot) => {
                flight.slot = Some(slot);
                Event::Done
            }
            Err(error) => {
                self.halt();
                let what = match flight.change.request {
                    Request::Create { .. } => "the key was not created",
                    _ => "the secret was not replaced",
                };
                flight.failed(local_failure(what, &error, None))
            }
        }
    }

    async fn send(&self, flight: &mut Flight<'_>, report: &mut ChangeReport) -> Event {
        let (id, secret, at, attempts) = match &flight.change.request {
            Request::Create { body, .. } => {
                let body = with_nonce(body, &flight.nonce, flight.commit);
                match self.writer.create_key(&body).await {
                    Ok(created) => (created.id, created.secret, created.answered_at, created.attempts),
                    Err(error) => {
                        return self.not_sent(flight, "the key was not created", &error, report).await;
                    }
                }
            }
            Request::Rotate { id, transition, .. } => {
                let ms = transition.and_then(|transition| u64::try_from(transition.as_millis()).ok());
                match self.writer.rotate_key(id, ms).await {
                    Ok(rotated) => (rotated.id, rotated.secret, rotated.answered_at, rotated.attempts),
                    Err(error) => {
                        return self.not_sent(flight, "the secret was not replaced", &error, report).await;
                    }
                }
            }
            _ => return Event::Failed,
        };
        report.writes += 1;
        note_retries(report, attempts);
        report.id = Some(id.clone());
        let at = at.unwrap_or_else(|| self.now());
        flight.issued = Some(Issued { id, secret: Arc::new(secret), at });
        Event::Done
    }

    async fn not_sent(
        &self,
        flight: &mut Flight<'_>,
        what: &str,
        error: &ApiError,
        report: &mut ChangeReport,
    ) -> Event {
        note_retries(report, error.attempts);
        self.note_rejection(error);
        if error.effect() == Effect::Unknown {
            let what = match flight.change.request {
                Request::Create { .. } => "whether the key was created is not known",
                _ => "whether the secret was replaced is not known",
            };
            let mut failure = failure(what, error);
            failure.changed = Changed::Something;
            flight.failure = Some(failure);
            return Event::Lost;
        }
        // Nothing came of it, so there is nothing to note.
        self.close(flight, Entry::Dropped).await;
        let mut failure = failure(what, error);
        if matches!(error.status(), Some(400 | 409))
            && matches!(flight.change.request, Request::Rotate { .. })
        {
            failure.hints.push(
                "if an earlier secret is still in its transition, wait until that is over and run this again"
                    .to_owned(),
            );
        }
        flight.failed(failure)
    }

    /// The answer to the create is missing. The list is asked for the nonce; a key that is found there has a secret
    /// that nobody knows, so it gets another one at once.
    async fn recover(&self, flight: &mut Flight<'_>, report: &mut ChangeReport) -> Event {
        let lost = |flight: &mut Flight<'_>, fact: String| {
            if let Some(failure) = &mut flight.failure {
                failure.facts.push(fact);
            }
            Event::Lost
        };
        let live = match refresh(self.reader, &Names::default()).await {
            Ok(live) => live,
            Err(error) => return lost(flight, format!("looking for it failed too: {}", error.call())),
        };
        let of_this_create =
            |key: &&LiveKey| key.mark.as_ref().and_then(|mark| mark.new.as_ref()) == Some(&flight.nonce);
        let Some(id) = live.keys.values().find(of_this_create).map(|key| key.id.clone()) else {
            return lost(flight, "the list does not show it, and it was not tried again".to_owned());
        };
        report.id = Some(id.clone());
        report.writes += 1;
        report.repairs.push(Repair::FoundByNonce);
        match self.writer.rotate_key(&id, None).await {
            Ok(rotated) => {
                report.writes += 1;
                report.repairs.push(Repair::RotatedToRecover);
                let at = rotated.answered_at.unwrap_or_else(|| self.now());
                flight.issued = Some(Issued { id: rotated.id, secret: Arc::new(rotated.secret), at });
                flight.failure = None;
                Event::Done
            }
            Err(error) => {
                self.note_rejection(&error);
                lost(flight, format!("key {id} was created, but nobody has its secret: {error}"))
            }
        }
    }

    async fn keep(&self, flight: &mut Flight<'_>, report: &mut ChangeReport) -> Event {
        let (Some(mut slot), Some(issued)) = (flight.slot.take(), &flight.issued) else {
            return Event::Failed;
        };
        report.id = Some(issued.id.clone());
        let (id, secret, at) = (issued.id.clone(), Arc::clone(&issued.secret), issued.at);
        let (journal, nonce) = (Arc::clone(self.journal), flight.nonce.clone());
        let (slot, stored) = on_disk(move || {
            let stored = slot.store(&id, &secret, at);
            if stored.is_ok() {
                note(&journal, &nonce, Entry::Kept, None);
            }
            (slot, stored)
        })
        .await;
        let event = match stored {
            Ok(()) => Event::Done,
            Err(error) => {
                self.halt();
                let what = "there is a new secret, but it could not be kept";
                let mut failure = local_failure(what, &error, None);
                failure.changed = Changed::Something;
                failure.facts.push("it was not delivered, and is lost".to_owned());
                failure.hints.push(format!(
                    "make room for {}; a later run gives the key another secret",
                    slot.path().display()
                ));
                flight.failed(failure)
            }
        };
        flight.slot = Some(slot);
        event
    }

    async fn deliver(&self, flight: &mut Flight<'_>, sink: usize, report: &mut ChangeReport) -> Event {
        let (Some(issued), Some(delivery)) = (&flight.issued, flight.commit.deliveries.get(sink)) else {
            return Event::Failed;
        };
        let (journal, nonce) = (Arc::clone(self.journal), flight.nonce.clone());
        let (to, sinks, owner) =
            (delivery.clone(), self.options.sinks.clone(), flight.change.address.clone());
        let (id, secret) = (issued.id.clone(), Arc::clone(&issued.secret));
        let delivered = on_disk(move || {
            let hash = to.hash();
            // A program is not run twice for one secret; a file is cheap to write again, and may be gone by now.
            if matches!(to.target, Target::Command { .. }) && journal.delivered(&nonce).contains(&hash) {
                return Ok(());
            }
            sinks.deliver(&to, &owner, &id, &secret)?;
            note(&journal, &nonce, Entry::Delivered, Some(&hash));
            Ok(())
        })
        .await;
        match delivered {
            Ok(()) => {
                report.delivered.push(delivery.clone());
                Event::Done
            }
            Err(error) => {
                let error: crate::secrets::SinkError = error;
                let what = format!("there is a new secret, but {} did not take it", sink_name(delivery));
                let failure = local_failure(&what, &error, error.hint());
                // The first one is the headline; what befell the others stands below it.
                match &mut flight.failure {
                    None => flight.failure = Some(failure),
                    Some(first) => {
                        let causes = failure.causes.join(": ");
                        first.facts.push(format!("{} did not take it either: {causes}", sink_name(delivery)));
                        first.hints.extend(failure.hints);
                        first.hints.dedup();
                    }
                }
                Event::Failed
            }
        }
    }

    async fn prove(&self, flight: &mut Flight<'_>) -> Event {
        let (Some(gateway), Some(issued)) = (self.options.gateway.as_ref(), &flight.issued) else {
            return Event::Done;
        };
        match super::prove::prove(gateway, &issued.secret).await {
            Ok(()) => Event::Done,
            Err(cause) => flight.failed(Failure {
                message: "the new secret was delivered, but the gateway does not take it".to_owned(),
                causes: vec![cause],
                ..Failure::default()
            }),
        }
    }

    async fn commit(&self, flight: &mut Flight<'_>, report: &mut ChangeReport) -> Event {
        let Some(issued) = &flight.issued else { return Event::Failed };
        let body = flight.commit.body_for(&issued.id, &issued.secret.mask(), issued.at);
        match self.writer.update_key(&issued.id, &body).await {
            Ok(accepted) => {
                note_accepted(report, &accepted);
                // The previous secret lives for its transition, but a run may be long.
                if flight.change.running_key
                    && self.options.running_key_is_known
                    && let Err(error) = self.writer.use_key(&issued.secret)
                {
                    tracing::warn!(%error, "this run goes on with the previous secret of its key");
                }
                Event::Done
            }
            Err(error) => {
                self.note_rejection(&error);
                note_retries(report, error.attempts);
                let what = "the secret was delivered, but the key could not be marked as finished";
                flight.failure = Some(failure(what, &error));
                if error.effect() == Effect::None { Event::Failed } else { Event::Lost }
            }
        }
    }

    /// Empties the slot. One that stays behind is found again.
    async fn close(&self, flight: &mut Flight<'_>, entry: Entry) -> Event {
        let (journal, nonce) = (Arc::clone(self.journal), flight.nonce.clone());
        let slot = flight.slot.take();
        on_disk(move || {
            note(&journal, &nonce, entry, None);
            if let Some(Err(error)) = slot.map(Slot::discard) {
                tracing::warn!(%error, "an escrow slot stays behind");
            }
        })
        .await;
        Event::Done
    }

    /// Another run's key remains; ours has not been delivered to anybody.
    async fn give_back(&self, flight: &mut Flight<'_>, report: &mut ChangeReport) -> Event {
        let Some(issued) = &flight.issued else { return Event::Failed };
        match self.writer.delete_key(&issued.id).await {
            Ok(accepted) => {
                note_accepted(report, &accepted);
                report.repairs.push(Repair::GaveBack);
                self.close(flight, Entry::Dropped).await
            }
            Err(error) => {
                self.note_rejection(&error);
                let what = "another run created this key at the same time, and ours could not be deleted";
                flight.failed(failure(what, &error))
            }
        }
    }

    fn outcome(flight: Flight<'_>, end: End, report: &ChangeReport) -> Outcome {
        let taken = (!report.delivered.is_empty()).then(|| {
            let names: Vec<String> = report.delivered.iter().map(sink_name).collect();
            format!("it was delivered to {}", names.join(", "))
        });
        let kept = flight.slot.as_ref().map(|slot| {
            let sealed = match slot.recipients() {
                0 => String::new(),
                1 => ", encrypted to 1 recipient".to_owned(),
                n => format!(", encrypted to {n} recipients"),
            };
            format!("its secret lies in {}{sealed}", slot.path().display())
        });
        let mut failure = flight.failure.unwrap_or_default();
        match end {
            End::Done => return Outcome::Done,
            End::Moved => return Outcome::Moved { what: flight.moved },
            End::Yielded => return Outcome::Yielded,
            End::NotSent => return Outcome::Failed(failure),
            End::Lost => {
                failure.changed = Changed::Something;
                match &flight.change.request {
                    Request::Rotate { id, transition, .. } => {
                        let until = flight.sent_at + transition.unwrap_or(TRANSITION);
                        failure.facts.push(format!(
                            "if key {id} has a new secret, nobody has it, and the one in the sinks works until {until}"
                        ));
                        failure.hints =
                            vec![format!("run this again after {until}: the key then gets another secret")];
                    }
                    _ => failure.hints.push(
                        "run the same command again in two minutes: it finds the key by its mark and finishes it"
                            .to_owned(),
                    ),
                }
                return Outcome::Unknown(failure);
            }
            End::Superseded => {
                failure = Failure {
                    message: "there is a new secret, but it came too late to be delivered".to_owned(),
                    facts: vec!["another run may have taken the key over by now".to_owned()],
                    hints: vec!["run the same command again: it gives the key another secret".to_owned()],
                    ..Failure::default()
                };
            }
            End::Kept(At::Keep) => return Outcome::Failed(failure),
            End::Kept(at) => {
                if at == At::Settle && failure.message.is_empty() {
                    "the key was created, but the list does not show it yet".clone_into(&mut failure.message);
                }
                if at == At::Deliver {
                    failure.facts.extend(taken);
                }
                failure.facts.extend(kept);
                failure.hints.push("then run the same command again: it goes on with this secret".to_owned());
                failure.changed = Changed::Something;
                // Reading back may find the mark after all.
                if at == At::Commit {
                    return Outcome::Unknown(failure);
                }
            }
        }
        failure.changed = Changed::Something;
        Outcome::Failed(failure)
    }

    /// A rejected key is rejected for every call to come.
    pub(super) fn note_rejection(&self, error: &ApiError) {
        if error.status() == Some(401) {
            self.halt();
        }
    }
}

fn with_nonce(body: &KeyCreate, nonce: &str, commit: &Commit) -> KeyCreate {
    let mark = Mark { new: Some(nonce.to_owned()), ..Mark::default() };
    let mut body = body.clone();
    body.fields.description = Some(mark.append_to(&commit.description));
    body
}

/// A line of the journal without which nothing is lost.
fn note(journal: &crate::secrets::Journal, nonce: &str, entry: Entry, sink: Option<&str>) {
    if let Err(error) = journal.add(nonce, entry, None, sink) {
        tracing::warn!(%error, "the journal could not be written");
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

/// Twelve characters that no other create has: 60 random bits.
fn nonce() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut rng = rand::rng();
    (0..12)
        .filter_map(|_| ALPHABET.get(rng.random_range(0..ALPHABET.len())))
        .map(|byte| char::from(*byte))
        .collect()
}
