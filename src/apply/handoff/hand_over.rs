//! A secret that is safe here: to the sinks, to the gateway, into the mark, out of the escrow.

use std::sync::Arc;
use std::time::Duration;

use super::{Flight, note, on_disk, sink_name};
use crate::api::{Effect, ReadApi, WriteApi};
use crate::apply::change::{failure, local_failure, note_accepted, note_retries};
use crate::apply::{Context, prove};
use crate::handoff::Event;
use crate::model::Target;
use crate::report::{ChangeReport, Failure, Repair};
use crate::secrets::{Entry, Slot};

/// Which run brought a secret to a sink.
enum Delivered {
    Now,
    Before,
}

impl<R: ReadApi, W: WriteApi> Context<'_, R, W> {
    pub(super) async fn deliver(
        &self,
        flight: &mut Flight<'_>,
        sink: usize,
        report: &mut ChangeReport,
    ) -> Event {
        let (Some(issued), Some(delivery)) = (&flight.issued, flight.commit.deliveries.get(sink)) else {
            return Event::Failed;
        };
        let left = flight.machine.left(flight.elapsed()).unsigned_abs();
        let (journal, nonce) = (Arc::clone(self.journal), flight.nonce.clone());
        let (to, sinks, owner) =
            (delivery.clone(), self.options.sinks.clone(), flight.change.address.clone());
        let (id, secret) = (issued.id.clone(), Arc::clone(&issued.secret));
        let delivered = on_disk(move || {
            let hash = to.hash();
            // A program is not run twice for one secret; a file is cheap to write again, and may be gone by now.
            if matches!(to.target, Target::Command { .. }) && journal.delivered(&nonce).contains(&hash) {
                return Ok(Delivered::Before);
            }
            sinks.deliver(&to, &owner, &id, &secret, left)?;
            note(&journal, &nonce, Entry::Delivered, Some(&hash));
            Ok(Delivered::Now)
        })
        .await;
        match delivered {
            Ok(Delivered::Now) => {
                report.delivered.push(delivery.clone());
                Event::Done
            }
            Ok(Delivered::Before) => {
                report.delivered_before.push(delivery.clone());
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

    pub(super) async fn prove(&self, flight: &mut Flight<'_>) -> Event {
        let (Some(gateway), Some(issued)) = (self.options.gateway.as_ref(), &flight.issued) else {
            return Event::Done;
        };
        let left = flight.machine.left(flight.elapsed());
        match prove::prove(gateway, &issued.secret, Duration::try_from(left).unwrap_or_default()).await {
            Ok(()) => Event::Done,
            Err(prove::Unproven { cause, cut_short }) => {
                let lease_end = self.now() + flight.machine.left(flight.elapsed());
                let fact = cut_short.then(|| {
                    format!(
                        "it can be delivered until {lease_end} only, so it was not tried for longer; after that \
                         the next run gives the key another secret"
                    )
                });
                flight.failed(Failure {
                    message: "the new secret was delivered, but the gateway does not take it".to_owned(),
                    causes: vec![cause],
                    facts: fact.into_iter().collect(),
                    ..Failure::default()
                })
            }
        }
    }

    pub(super) async fn commit(&self, flight: &mut Flight<'_>, report: &mut ChangeReport) -> Event {
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
    pub(super) async fn close(&self, flight: &mut Flight<'_>, entry: Entry) -> Event {
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
    pub(super) async fn give_back(&self, flight: &mut Flight<'_>, report: &mut ChangeReport) -> Event {
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
}
