//! Creating a key without losing its secret.
//!
//! Probe the sinks; reserve the escrow; POST with a nonce in the description; secret to disk; deliver; PUT the
//! mark that commits; empty the escrow. A run that dies in between leaves a key that still carries
//! its nonce and, if the answer came, a filled slot: the next run delivers it and commits.

use jiff::Timestamp;
use rand::RngExt;

use super::Context;
use super::change::{failure, local_failure, note_accepted, note_retries};
use crate::api::{ApiError, Effect, ReadApi, WriteApi};
use crate::live::{Names, refresh};
use crate::model::{Delivery, HeldSecret, KeyAddress, KeyCreate, KeyId, KeyUpdate, Mark, Secret};
use crate::plan::Commit;
use crate::report::{ChangeReport, Changed, Failure, Outcome, Repair};
use crate::secrets::{Slot, deliver, probe};

/// A secret that has just been issued.
struct Issued {
    id: KeyId,
    secret: Secret,
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
        let folder = self.options.sink_folder.as_deref();
        for delivery in &commit.deliveries {
            if let Err(error) = probe(delivery, folder) {
                let what = format!(
                    "the key was not created, since {} could not take its secret",
                    sink_name(delivery)
                );
                return Outcome::Failed(local_failure(&what, &error, error.hint()));
            }
        }
        let nonce = nonce();
        let mut slot = match self.escrow.reserve(&nonce, address) {
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
                Issued { id: created.id, secret: created.secret, at }
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
        if let Err(error) = slot.store(&issued.id, &issued.secret, issued.at) {
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
        match self.escrow.open(&held.nonce) {
            Ok((slot, secret)) => {
                let issued = Issued { id: id.clone(), secret, at: held.issued_at };
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
                Ok(Issued { id: rotated.id, secret: rotated.secret, at })
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
        let folder = self.options.sink_folder.as_deref();
        for delivery in &commit.deliveries {
            if let Err(error) = deliver(delivery, folder, address, &issued.id, &issued.secret) {
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
        let mark = commit.mark_for(&issued.id, &issued.secret, issued.at);
        let body =
            KeyUpdate { description: Some(mark.append_to(&commit.description)), ..KeyUpdate::default() };
        match self.writer.update_key(&issued.id, &body).await {
            Ok(accepted) => {
                note_accepted(report, &accepted);
                discard(slot);
                Outcome::Done
            }
            Err(error) if error.effect() == Effect::Unknown && self.carries(&issued.id, &mark).await => {
                report.writes += 1;
                note_retries(report, error.attempts);
                discard(slot);
                Outcome::Done
            }
            Err(error) => {
                let mut failure =
                    failure("the secret was delivered, but the key could not be marked as finished", &error);
                failure.changed = Changed::Something;
                failure.facts.push(kept);
                failure.hints.push(
                    "run the same command again: it delivers the same secret once more and finishes the key"
                        .to_owned(),
                );
                if error.status() == Some(401) {
                    self.halt();
                }
                Outcome::Failed(failure)
            }
        }
    }

    /// Whether the key carries the mark already: the answer that said so was lost.
    async fn carries(&self, id: &KeyId, mark: &Mark) -> bool {
        let row = self.reader.get_key(id).await.ok();
        let description = row.and_then(|row| row.description).unwrap_or_default();
        // As written: a mark keeps its times to the minute.
        Mark::split(&description, id).1.is_some_and(|live| live.to_string() == mark.to_string())
    }
}

/// Empties the slot of a secret that is delivered and committed.
fn discard(slot: Slot) {
    if let Err(error) = slot.discard() {
        tracing::warn!(%error, "the secret is delivered and committed, but its escrow slot stays behind");
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
