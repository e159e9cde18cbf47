//! How a hand-off ended, in words.

use super::{Flight, sink_name};
use crate::handoff::{At, End};
use crate::plan::Request;
use crate::report::{ChangeReport, Changed, Failure, Outcome};

/// The outcome for the report.
pub(super) fn outcome(flight: Flight<'_>, end: End, report: &ChangeReport) -> Outcome {
    let taken =
        [("was delivered", &report.delivered), ("had been delivered before", &report.delivered_before)];
    let taken = taken.into_iter().filter(|(_, to)| !to.is_empty()).map(|(what, to)| {
        let names: Vec<String> = to.iter().map(sink_name).collect();
        format!("it {what} to {}", names.join(", "))
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
            match (&flight.change.request, flight.rotatable_at) {
                (request, Some(until)) => {
                    if let Request::Rotate { id, .. } = request {
                        failure.facts.push(format!(
                            "if key {id} has a new secret, nobody has it, and the one in the sinks works until {until}"
                        ));
                    }
                    failure.hints =
                        vec![format!("run this again after {until}: the key then gets another secret")];
                }
                (_, None) => failure.hints.push(
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
