//! Updates and deletes, and how a failed call becomes an outcome.

use std::error::Error;

use super::Context;
use super::handoff::Progress;
use crate::api::{Accepted, ApiError, Effect, ReadApi, WriteApi};
use crate::model::{KeyId, Mark};
use crate::plan::{Change, KeySnapshot, Request};
use crate::report::{ChangeReport, Changed, Failure, Outcome, Repair};

impl<R: ReadApi, W: WriteApi> Context<'_, R, W> {
    pub(super) async fn execute<'a>(&self, change: &'a Change, report: &mut ChangeReport) -> Progress<'a> {
        Progress::Over(match &change.request {
            Request::Create { .. } | Request::Deliver { .. } | Request::Rotate { .. } => {
                return self.hand_off(change, report).await;
            }
            Request::Update { id, body } => {
                let answer = self.writer.update_key(id, body).await;
                self.settle_answer(answer, "the key was not updated", report)
            }
            Request::Delete { id } => self.delete(change.before.as_ref(), id, report).await,
        })
    }

    /// Looks once more before what cannot be undone: name, mark and mask must be as planned.
    async fn delete(&self, planned: Option<&KeySnapshot>, id: &KeyId, report: &mut ChangeReport) -> Outcome {
        let row = match self.reader.get_key(id).await {
            Ok(row) => row,
            // Perhaps somebody was faster. The list has the last word: 404 alone proves little
            // (portkey-api.md 6).
            Err(error) if error.status() == Some(404) => {
                report.repairs.push(Repair::NotFound);
                return Outcome::Unknown(failure("the key to be deleted was not found", &error));
            }
            Err(error) => {
                return self.failed(
                    &error,
                    "the key was not deleted, since it could not be looked at first",
                    report,
                );
            }
        };
        let (_, mark) = Mark::split(row.description.as_deref().unwrap_or_default(), id);
        if let Some(planned) = planned {
            let moved = [
                ("its name", row.name.as_deref() != Some(planned.name.as_str())),
                ("its mark", mark != planned.mark),
                ("its secret", row.mask != planned.mask),
            ];
            if let Some((what, _)) = moved.into_iter().find(|(_, moved)| *moved) {
                return Outcome::Moved { what: what.to_owned() };
            }
        }
        let answer = self.writer.delete_key(id).await;
        self.settle_answer(answer, "the key was not deleted", report)
    }

    pub(super) fn settle_answer(
        &self,
        answer: Result<Accepted, ApiError>,
        what: &str,
        report: &mut ChangeReport,
    ) -> Outcome {
        match answer {
            Ok(accepted) => {
                note_accepted(report, &accepted);
                Outcome::Done
            }
            Err(error) => self.failed(&error, what, report),
        }
    }

    /// A failed call as an outcome: unknown if it may have had its effect.
    pub(super) fn failed(&self, error: &ApiError, what: &str, report: &mut ChangeReport) -> Outcome {
        note_retries(report, error.attempts);
        self.note_rejection(error);
        match error.effect() {
            Effect::None => Outcome::Failed(failure(what, error)),
            Effect::Unknown => {
                Outcome::Unknown(Failure { changed: Changed::Something, ..failure(what, error) })
            }
        }
    }
}

pub(super) fn note_accepted(report: &mut ChangeReport, accepted: &Accepted) {
    report.writes += 1;
    report.written_at = accepted.answered_at;
    note_retries(report, accepted.attempts);
}

pub(super) fn note_retries(report: &mut ChangeReport, attempts: u32) {
    if attempts > 1 {
        report.repairs.push(Repair::Retried { times: attempts - 1 });
    }
}

/// A failure with the call it came of, what the code can mean, and what to do.
pub(super) fn failure(what: &str, error: &ApiError) -> Failure {
    let mut causes = vec![error.to_string()];
    causes.extend(error.meaning().map(Into::into));
    Failure {
        message: what.to_owned(),
        causes,
        hints: error.hint().map(Into::into).into_iter().collect(),
        ..Failure::default()
    }
}

/// A failure that came of something on this machine.
pub(super) fn local_failure(what: &str, error: &dyn Error, hint: Option<&str>) -> Failure {
    let mut causes = vec![error.to_string()];
    let mut source = error.source();
    while let Some(error) = source {
        causes.push(error.to_string());
        source = error.source();
    }
    Failure {
        message: what.to_owned(),
        causes,
        hints: hint.map(str::to_owned).into_iter().collect(),
        ..Failure::default()
    }
}
