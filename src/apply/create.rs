//! Creating a key without losing its secret.
//!
//! Probe the sinks; reserve the escrow; POST with a nonce in the description; secret to disk; deliver; PUT the
//! mark that commits; empty the escrow. A run that dies in between leaves a key that still carries
//! its nonce and, if the answer came, a filled slot: the next run delivers it and commits.

use std::sync::Arc;

use jiff::Timestamp;
use rand::RngExt;

use super::Context;
use super::change::{failure, local_failure, note_accepted, note_retries};
use crate::api::{ApiError, Effect, ReadApi, WriteApi};
use crate::live::{Names, refresh};
use crate::model::{Delivery, HeldSecret, KeyAddress, KeyCreate, KeyId, Mark, Secret};
use crate::plan::Commit;
use crate::report::{ChangeReport, Changed, Failure, Outcome, Repair};
use crate::secrets::{Slot, deliver, probe};

/// A secret that has just been issued.
struct Issued {
    id: KeyId,
    secret: Arc<Secret>,
    at: Timestamp,
}

impl<R: ReadApi, W: WriteApi> Context<'_, R, W> {
    pub(super) async fn create(
        &self,
        address: &KeyAddress,
        body: &KeyCreate,
        commit: &Commit,
        report: &mut ChangeReport,
    ) -> Outcome {
        for delivery in &commit.deliveries {
            let (to, folder) = (delivery.clone(), self.options.sink_folder.clone());
            if let Err(error) = on_disk(move || probe(&to, folder.as_deref())).await {
                let what = format!(
                    "the key was not created, since {} could not take its secret",
                    sink_name(delivery)
                );
                return Outcome::Failed(local_failure(&what, &error, error.hint()));
            }
        }
        let nonce = nonce();
        let (escrow, name, owner) = (self.escrow.clone(), nonce.clone(), address.clone());
        let mut slot = match on_disk(move || escrow.reserve(&name, &owner)).await {
            Ok(slot) => slot,
            Err(error) => {
                self.halt();
                return Outcome::Failed(local_failure("the key was not created", &error, None));
            }
        };
        let mark = Mark { new: Some(nonce.clone()), ..Mark::default() };
        let mut body = body.clone();
        body.fields.description = Some(mark.append_to(&commit.description));

        let issued = match self.writer.create_key(&body).await {
            Ok(created) => {
                report.writes += 1;
                note_retries(report, created.attempts);
                let at = created.answered_at.unwrap_or_else(Timestamp::now);
                Issued { id: created.id, secret: Arc::new(created.secret), at }
            }
            Err(error) => match self.recover(&error, &nonce, report).await {
                Ok(issued) => issued,
                Err(outcome) => {
                    // Without a secret the slot is only a note of what was tried; where the create certainly
                    // had no effect there is nothing to note.
                    if error.effect() == Effect::None
                        && let Err(error) = slot.discard()
                    {
                        tracing::warn!(%error, "an empty escrow slot stays behind");
                    }
                    return *outcome;
                }
            },
        };
        report.id = Some(issued.id.clone());
        let (id, secret, at) = (issued.id.clone(), Arc::clone(&issued.secret), issued.at);
        let (slot, stored) = on_disk(move || {
            let stored = slot.store(&id, &secret, at);
            (slot, stored)
        })
        .await;
        if let Err(error) = stored {
            self.halt();
            let failure =
                local_failure("the key was created, but its secret could not be kept", &error, None);
            return Outcome::Failed(Failure {
                changed: Changed::Something,
                hints: vec![format!(
                    "make room for {}, then delete key {} with `absent: true` and create it again",
                    slot.path().display(),
                    issued.id
                )],
                ..failure
            });
        }
        self.finish(address, &issued, commit, slot, report).await
    }

    pub(super) async fn deliver_held(
        &self,
        address: &KeyAddress,
        id: &KeyId,
        held: &HeldSecret,
        commit: &Commit,
        report: &mut ChangeReport,
    ) -> Outcome {
        // Much may have happened while the secret lay here: only a key that still shows it, and still says
        // that it is unfinished, gets it delivered.
        match self.reader.get_key(id).await {
            Ok(row) => {
                let (_, mark) = Mark::split(row.description.as_deref().unwrap_or_default(), id);
                let unfinished = mark.and_then(|mark| mark.new).is_some_and(|nonce| nonce == held.nonce);
                if !unfinished || row.mask.as_ref() != Some(&held.mask) {
                    let what = if unfinished { "its secret" } else { "its mark" };
                    return Outcome::Moved { what: what.to_owned() };
                }
            }
            Err(error) => {
                let what =
                    "the secret in the escrow was not delivered, since the key could not be looked at first";
                return self.failed(&error, what, report);
            }
        }
        match self.escrow.open(&held.nonce) {
            Ok((slot, secret)) => {
                let issued = Issued { id: id.clone(), secret: Arc::new(secret), at: held.issued_at };
                self.finish(address, &issued, commit, slot, report).await
            }
            Err(error) => {
                Outcome::Failed(local_failure("the secret in the escrow was not delivered", &error, None))
            }
        }
    }

    /// The answer to the create is missing. Certainly no effect: it failed. Otherwise the list is asked for
    /// the nonce; a key that is found there has a secret that nobody knows, so it gets another one at once.
    async fn recover(
        &self,
        error: &ApiError,
        nonce: &str,
        report: &mut ChangeReport,
    ) -> Result<Issued, Box<Outcome>> {
        if error.effect() == Effect::None {
            return Err(Box::new(self.failed(error, "the key was not created", report)));
        }
        note_retries(report, error.attempts);
        let unknown = |mut failure: Failure, fact: String| {
            failure.changed = Changed::Something;
            failure.facts.push(fact);
            failure.hints =
                vec!["run `portkey-sync plan` again: it shows whether the key is there".to_owned()];
            Box::new(Outcome::Unknown(failure))
        };
        let what = "whether the key was created is not known";
        let live = match refresh(self.reader, &Names::default()).await {
            Ok(live) => live,
            Err(read_error) => {
                return Err(unknown(
                    failure(what, error),
                    format!("looking for it failed too: {}", read_error.call()),
                ));
            }
        };
        let of_this_create =
            |mark: &Option<Mark>| mark.as_ref().and_then(|mark| mark.new.as_deref()) == Some(nonce);
        let Some(key) = live.keys.values().find(|key| of_this_create(&key.mark)) else {
            return Err(unknown(
                failure(what, error),
                "the list does not show it, and it was not tried again".to_owned(),
            ));
        };
        report.id = Some(key.id.clone());
        report.writes += 1;
        report.repairs.push(Repair::FoundByNonce);
        match self.writer.rotate_key(&key.id, None).await {
            Ok(rotated) => {
                report.writes += 1;
                report.repairs.push(Repair::RotatedToRecover);
                let at = rotated.answered_at.unwrap_or_else(Timestamp::now);
                Ok(Issued { id: rotated.id, secret: Arc::new(rotated.secret), at })
            }
            Err(error) => {
                let mut failure =
                    failure("the key was created, but its secret was lost with the answer", &error);
                failure.changed = Changed::Something;
                failure.facts.push(format!("the key is {}; nobody has its secret", key.id));
                failure.hints.push(
                    "delete it with `absent: true`, apply, and take that line out again to create it anew"
                        .to_owned(),
                );
                Err(Box::new(Outcome::Failed(failure)))
            }
        }
    }

    /// Delivers a secret that lies in its slot, then commits it with the mark.
    async fn finish(
        &self,
        address: &KeyAddress,
        issued: &Issued,
        commit: &Commit,
        slot: Slot,
        report: &mut ChangeReport,
    ) -> Outcome {
        let kept = format!("its secret lies in {}", slot.path().display());
        let again = "then run the same command again: it delivers this secret and creates nothing".to_owned();
        for delivery in &commit.deliveries {
            let (to, folder) = (delivery.clone(), self.options.sink_folder.clone());
            let (owner, id, secret) = (address.clone(), issued.id.clone(), Arc::clone(&issued.secret));
            let delivered = on_disk(move || deliver(&to, folder.as_deref(), &owner, &id, &secret)).await;
            if let Err(error) = delivered {
                let what = format!(
                    "the key was created, but its secret was not delivered to {}",
                    sink_name(delivery)
                );
                let mut failure = local_failure(&what, &error, error.hint());
                failure.changed = Changed::Something;
                failure.facts.push(kept);
                failure.hints.push(again);
                return Outcome::Failed(failure);
            }
            report.delivered.push(delivery.clone());
        }
        let body = commit.body_for(&issued.id, &issued.secret.mask(), issued.at);
        match self.writer.update_key(&issued.id, &body).await {
            Ok(accepted) => {
                note_accepted(report, &accepted);
                if let Err(error) = on_disk(move || slot.discard()).await {
                    tracing::warn!(%error, "the secret is delivered and committed, but its escrow slot stays behind");
                }
                Outcome::Done
            }
            Err(error) => {
                if error.status() == Some(401) {
                    self.halt();
                }
                note_retries(report, error.attempts);
                let mut failure =
                    failure("the secret was delivered, but the key could not be marked as finished", &error);
                failure.changed = Changed::Something;
                failure.facts.push(kept);
                failure.hints.push(
                    "run the same command again: it delivers the same secret once more and finishes the key"
                        .to_owned(),
                );
                // Reading back may find the mark after all; then the slot is emptied.
                match error.effect() {
                    Effect::None => Outcome::Failed(failure),
                    Effect::Unknown => Outcome::Unknown(failure),
                }
            }
        }
    }
}

/// Does work on files beside the calls, so that flushing one key's secret does not hold up the others.
async fn on_disk<T: Send + 'static>(work: impl FnOnce() -> T + Send + 'static) -> T {
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
