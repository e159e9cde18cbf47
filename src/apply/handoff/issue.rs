//! A new secret: the last look, the slot, the request, what becomes of a lost answer, the escrow.

use std::sync::Arc;
use std::time::{Instant, SystemTime};

use jiff::Timestamp;
use rand::RngExt;

use super::{Flight, Issued, note, on_disk};
use crate::api::{ApiError, Effect, ReadApi, WriteApi};
use crate::apply::Context;
use crate::apply::change::{failure, local_failure, note_retries};
use crate::handoff::{CREATE_LEASE, Event, TRANSITION, rotate_lease};
use crate::live::{LiveKey, Names, refresh};
use crate::model::{Escrowed, KeyCreate, KeyId, Mark};
use crate::plan::{Commit, Request};
use crate::report::{ChangeReport, Changed, Repair};
use crate::secrets::{Entry, EscrowError, Slot};

impl<R: ReadApi, W: WriteApi> Context<'_, R, W> {
    /// Much may have happened since the plan: only a key that is as it was gets a new secret, or this one.
    pub(super) async fn look(&self, flight: &mut Flight<'_>) -> Event {
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

    pub(super) async fn reopen(&self, flight: &mut Flight<'_>, held: &Escrowed) -> Event {
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

    pub(super) async fn reserve(&self, flight: &mut Flight<'_>) -> Event {
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

    pub(super) async fn send(&self, flight: &mut Flight<'_>, report: &mut ChangeReport) -> Event {
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

    pub(super) async fn not_sent(
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
            if let Request::Rotate { transition, .. } = &flight.change.request {
                flight.rotatable_at = Some(flight.sent_at + transition.unwrap_or(TRANSITION));
            }
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
    pub(super) async fn recover(&self, flight: &mut Flight<'_>, report: &mut ChangeReport) -> Event {
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
        // Whoever finds the key unfinished is to know until when it cannot be rotated again.
        let until = self.now() + TRANSITION;
        if let Err(error) = Self::note_recovery(flight, &id, Some(until)).await {
            self.halt();
            return lost(flight, format!("key {id} was created, and was not rotated: {error}"));
        }
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
                if error.effect() == Effect::Unknown {
                    flight.rotatable_at = Some(until);
                } else if let Err(error) = Self::note_recovery(flight, &id, None).await {
                    tracing::warn!(%error, "the next run waits for a transition that did not begin");
                }
                lost(flight, format!("key {id} was created, but nobody has its secret: {error}"))
            }
        }
    }

    /// Writes into the slot which key the create has made, and when that key can be rotated again.
    async fn note_recovery(
        flight: &mut Flight<'_>,
        id: &KeyId,
        rotatable_at: Option<Timestamp>,
    ) -> Result<(), EscrowError> {
        let Some(mut slot) = flight.slot.take() else { return Ok(()) };
        let (id, transition) = (id.clone(), rotatable_at.map(|until| until.duration_since(flight.sent_at)));
        let (slot, noted) = on_disk(move || {
            let noted = slot.recover(&id, transition);
            (slot, noted)
        })
        .await;
        flight.slot = Some(slot);
        noted
    }

    pub(super) async fn keep(&self, flight: &mut Flight<'_>, report: &mut ChangeReport) -> Event {
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
}

fn with_nonce(body: &KeyCreate, nonce: &str, commit: &Commit) -> KeyCreate {
    let mark = Mark { new: Some(nonce.to_owned()), ..Mark::default() };
    let mut body = body.clone();
    body.fields.description = Some(mark.append_to(&commit.description));
    body
}

/// Twelve characters that no other create has: 60 random bits.
pub(super) fn nonce() -> String {
    const ALPHABET: &[u8; 32] = b"abcdefghijkmnpqrstuvwxyz23456789";
    let mut rng = rand::rng();
    (0..12)
        .filter_map(|_| ALPHABET.get(rng.random_range(0..ALPHABET.len())))
        .map(|byte| char::from(*byte))
        .collect()
}
