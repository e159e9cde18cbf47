//! What apply did: the treaty between `apply`, which writes it, and `render`, which shows it.
//!
//! Invariant: data only.

use std::time::Duration;

use jiff::Timestamp;

use crate::model::{Delivery, KeyAddress, KeyId};
use crate::plan::Action;

/// What a whole run did.
#[derive(Clone, Debug)]
pub struct Report {
    /// One for each change of the plan, in its order.
    pub changes: Vec<ChangeReport>,
    /// How often the list was read to verify.
    pub verifications: u32,
    /// Why reading back failed, if it did.
    pub verification_error: Option<String>,
    /// Whether the run was interrupted.
    pub interrupted: bool,
    /// How long it took.
    pub elapsed: Duration,
}

/// What became of one change.
#[derive(Clone, Debug)]
pub struct ChangeReport {
    /// Which key.
    pub address: KeyAddress,
    /// What was to be done.
    pub action: Action,
    /// What was done.
    pub outcome: Outcome,
    /// What reading back showed; none if it was not read back.
    pub verdict: Option<Verdict>,
    /// How long it took.
    pub elapsed: Duration,
    /// The key, once it is known.
    pub id: Option<KeyId>,
    /// Where its secret went in this run.
    pub delivered: Vec<Delivery>,
    /// Where an earlier run had brought it, so that this one did not.
    pub delivered_before: Vec<Delivery>,
    /// Requests beyond those that the plan lists: retries, and what it took to settle a doubt.
    pub repairs: Vec<Repair>,
    /// Writes that the service accepted.
    pub writes: usize,
    /// The `Date` of the last accepted write.
    pub written_at: Option<Timestamp>,
}

/// What was done.
#[derive(Clone, Debug)]
pub enum Outcome {
    /// All of it.
    Done,
    /// It failed.
    Failed(Failure),
    /// It may or may not have been done.
    Unknown(Failure),
    /// Not tried, because the key is no longer what the plan saw.
    Moved {
        /// What moved.
        what: String,
    },
    /// Another run created the key at the same time and keeps it; ours is deleted, undelivered.
    Yielded,
    /// Not tried.
    NotAttempted(NotAttempted),
}

/// Why a change was not tried.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum NotAttempted {
    /// Deletes wait until all else has succeeded.
    DeletesWait,
    /// An earlier failure means that nothing more can succeed.
    Stopped,
    /// Ctrl-C.
    Interrupted,
}

/// Why a change failed.
#[derive(Clone, Debug, Default)]
pub struct Failure {
    /// What failed.
    pub message: String,
    /// What that came of, outermost first.
    pub causes: Vec<String>,
    /// What is so now, where a person must know it.
    pub facts: Vec<String>,
    /// What to do.
    pub hints: Vec<String>,
    /// Whether something was changed before it failed.
    pub changed: Changed,
}

/// Whether a failed change left a trace.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Changed {
    /// Certainly not.
    #[default]
    Nothing,
    /// Perhaps, or certainly.
    Something,
}

/// A request beyond those that the plan lists.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Repair {
    /// Sent again so many times.
    Retried {
        /// How many times more than once.
        times: u32,
    },
    /// A key to be deleted was not there to look at, so no delete was sent.
    NotFound,
    /// The answer to a create was lost; the key was found by its nonce.
    FoundByNonce,
    /// The secret of a just created key was lost with the answer; it was given a new one.
    RotatedToRecover,
    /// Another run was faster; the key that we had just made was deleted.
    GaveBack,
}

/// What reading back showed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// As the plan said.
    Confirmed,
    /// The list still shows the state from before; reads may lag behind writes.
    NotVisibleYet,
    /// Somebody changed the key after us.
    Overwritten {
        /// Which fields.
        fields: Vec<&'static str>,
    },
    /// The service took the call and kept or made another value.
    Overridden {
        /// Which fields.
        fields: Vec<&'static str>,
    },
}

/// Something that happened.
#[derive(Clone, Debug)]
pub enum Event<'a> {
    /// A change is being made.
    Started {
        /// Which key.
        address: &'a KeyAddress,
        /// What.
        action: Action,
    },
    /// A change is over.
    Finished {
        /// Its report, as yet without a verdict.
        report: &'a ChangeReport,
    },
    /// The list is being read to verify.
    Verifying {
        /// How many changes are not confirmed yet.
        open: usize,
    },
}

impl ChangeReport {
    /// Whether the change was made and nothing speaks against it.
    pub fn succeeded(&self) -> bool {
        matches!(self.outcome, Outcome::Done)
            && !matches!(self.verdict, Some(Verdict::Overwritten { .. } | Verdict::Overridden { .. }))
    }

    /// Whether the service may be different from before because of this change.
    pub fn may_have_changed(&self) -> bool {
        self.writes > 0
            || match &self.outcome {
                Outcome::Done | Outcome::Unknown(_) | Outcome::Yielded => true,
                Outcome::Failed(failure) => failure.changed == Changed::Something,
                Outcome::Moved { .. } | Outcome::NotAttempted(_) => false,
            }
    }
}

impl Report {
    /// Whether everything was done.
    pub fn succeeded(&self) -> bool {
        self.changes.iter().all(ChangeReport::succeeded) && self.verification_error.is_none()
    }

    /// Whether anything was or may have been changed.
    pub fn may_have_changed(&self) -> bool {
        self.changes.iter().any(ChangeReport::may_have_changed)
    }

    /// Writes that the service accepted.
    pub fn writes(&self) -> usize {
        self.changes.iter().map(|change| change.writes).sum()
    }
}
