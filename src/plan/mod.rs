//! The plan: what apply will do, decided before anything is written.
//!
//! A plan is a value: make it, show it, apply it; nothing is decided while applying. Invariants: pure
//! (no I/O, no clock but the one passed in); the same input in any order gives the same plan; this
//! module never sees the client.

mod approval;
#[cfg(test)]
mod approval_tests;
mod blocked;
mod build;
mod cause;
mod coming;
mod decide;
mod digest;
#[cfg(test)]
mod foresight_tests;
mod guards;
mod marks;
mod notes;
#[cfg(test)]
mod order_tests;
mod permissions;
mod refusal;
mod rename;
mod replacing;
mod request;
mod review;
mod risk;
mod rules;
mod secret;
#[cfg(test)]
mod tests;
mod unmentioned;

use std::collections::{BTreeMap, BTreeSet};
use std::path::PathBuf;

use jiff::{SignedDuration, Timestamp};

use crate::desired::Desired;
use crate::diagnostic::Place;
use crate::diff::FieldChange;
use crate::handoff::Why;
use crate::live::{Live, RunningKey};
use crate::model::{
    CommittedSecret, Delivery, Escrowed, KeyAddress, KeyCreate, KeyId, KeyUpdate, Mark, Mask, OrganisationId,
};

pub use approval::{Altered, Difference, Gone, GoneWhy, Moved, hold_against};
pub use blocked::{Blocked, BlockedReason, Candidate, Harm, Unproven};
pub use build::plan;
pub use cause::{Cause, Causes, LeftOut, Older};
pub use coming::{Coming, Event};
pub use permissions::{LeastScopes, MissingScope, Purpose, least};
pub use refusal::{DeniedRisk, Note, Refusal};
pub use review::{Beside, Review, review};
pub use risk::{At, Risk, RiskAt, assess};
pub use secret::{facts, sinks};

/// What a description holds at most, as far as known (portkey-api.md 2.2), marks included.
pub const DESCRIPTION_LIMIT: usize = 200;

/// What the caller decides besides the files.
#[derive(Clone, Debug, Default)]
pub struct PlanOptions {
    /// Delete what carries our mark and is in no file.
    pub prune: Prune,
    /// Only these entries.
    pub targets: Option<BTreeSet<KeyAddress>>,
    /// How many deletions are at most allowed; the default depends on the number of keys.
    pub max_deletes: Option<usize>,
    /// How many changes are at most allowed.
    pub max_changes: Option<usize>,
    /// Whether a key that cannot be seen may be taken for absent.
    pub absence: Absence,
    /// What to do about fields and values of the service that this version does not know.
    pub contract: Contract,
    /// Where secrets go besides the sinks of the file.
    pub secrets_file: Option<PathBuf>,
    /// How many rotations are at most made that the files do not ask for by a date.
    pub max_rotations: Option<usize>,
    /// What earlier runs on this machine left in the escrow.
    pub slots: Vec<Escrowed>,
    /// The masks of secrets that every sink of a key holds, where they can all be read.
    pub stored: BTreeMap<KeyAddress, Mask>,
    /// Try every new secret on the gateway before it counts as delivered.
    pub prove: bool,
    /// What somebody asks for by name, for all targets.
    pub asked: Option<Asked>,
    /// Dates of the files count as they did at this time, if it is past: what has become due since is left for later.
    /// Leases, transitions and the waiting for other runs go by the real time all the same.
    pub as_of: Option<Timestamp>,
    /// Risks that are refused.
    pub deny_risks: BTreeSet<Risk>,
    /// The files as they were: what tells this change from what was so before.
    pub base: Option<Desired>,
    /// What is done about differences that the base had, too.
    pub older: Older,
    /// How far ahead to tell what is coming up.
    pub coming_up: SignedDuration,
    /// What the plan is made for.
    pub intent: Intent,
}

/// What a plan is made for: who only looks needs no scope to write, and should have none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Intent {
    /// To be looked at.
    #[default]
    Look,
    /// To be looked at by a pipeline, whose key should not be able to write.
    LookInPipeline,
    /// To be applied: without the scopes for all of it, nothing is written.
    Apply,
}

/// What somebody asks for by name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Asked {
    /// A new secret, now.
    Rotate {
        /// How long the previous one lives.
        transition: Option<SignedDuration>,
    },
    /// The stores have what is live.
    Accept,
    /// The key ends now.
    Revoke,
}

/// Whether keys in no file are deleted.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Prune {
    /// Listed only.
    #[default]
    List,
    /// Deleted, within the guards.
    Delete,
}

/// What proves that a key does not exist.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Absence {
    /// A complete list, seen by a key that may list that kind.
    #[default]
    Proven,
    /// The caller says so (`--assume-complete`).
    Assumed,
}

/// How strictly the service's answers are taken.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Contract {
    /// Unknown fields and values are reported.
    #[default]
    Tolerant,
    /// They are refused (`--strict-contract`).
    Strict,
}

/// What apply will do, and what it will not.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Plan {
    /// Whose keys these are.
    pub organisation: Option<OrganisationId>,
    /// The moment for which the plan was made, by the server's clock.
    pub now: Timestamp,
    /// When the live keys were read. Not [`now`](Self::now) if the plan is as of another moment.
    pub read_at: Timestamp,
    /// The name of the key that read, if it is known.
    pub running_key: Option<String>,
    /// Sorted by address.
    pub changes: Vec<Change>,
    /// Due later; not a failure.
    pub waiting: Vec<Waiting>,
    /// Entries for which a person must act; the others do not wait for them.
    pub blocked: Vec<Blocked>,
    /// Reasons why nothing at all will be written.
    pub refusals: Vec<Refusal>,
    /// Live keys that no entry means.
    pub unmentioned: Vec<UnmentionedKey>,
    /// Entries that want a key to exist.
    pub declared: usize,
    /// Entries whose live key is as they say.
    pub in_sync: usize,
    /// Live keys.
    pub live_total: usize,
    /// Escrow slots that have served their purpose, by nonce: apply empties them.
    pub settled: Vec<String>,
    /// The ids of all live keys: what a create finds beside itself and is not among them is another run's.
    pub seen: BTreeSet<KeyId>,
    /// What else a person should know.
    pub notes: Vec<Note>,
    /// What will happen to keys of the files in the next days, the first thing first.
    pub coming_up: Vec<Coming>,
    /// Whether a base tells the causes.
    pub has_base: bool,
    /// What is not done because it is drift.
    pub left_out: LeftOut,
}

/// One key's change.
#[derive(Clone, Debug, PartialEq)]
pub struct Change {
    /// Which key.
    pub address: KeyAddress,
    /// Its entry; none for a pruned key.
    pub place: Option<Place>,
    /// What is done.
    pub action: Action,
    /// The live key, as it was when the plan was made; none for a create.
    pub before: Option<KeySnapshot>,
    /// Field by field; for a create, all that the new key will have.
    pub fields: Vec<FieldChange>,
    /// The scopes as the entry writes them.
    pub written_scopes: Vec<String>,
    /// For people; never steers apply.
    pub reason: Option<Reason>,
    /// The calls, exactly.
    pub request: Request,
    /// Whether this could be the key the tool runs with: such changes go last.
    pub running_key: bool,
    /// What a reviewer should look at, in the order of the fields.
    pub risks: Vec<RiskAt>,
    /// What it comes of; for people, and never steers apply.
    pub causes: Causes,
}

/// What is done to a key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Action {
    /// Our mark, and nothing else.
    Adopt,
    /// Some fields.
    Update,
    /// The usage counters to 0, and nothing else.
    ResetUsage,
    /// A new key.
    Create,
    /// The secret of a key that an earlier run created and did not deliver.
    Deliver,
    /// A new secret.
    Rotate,
    /// The key goes away, with its secret and its usage history.
    Delete,
}

/// Why, where the fields do not say it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reason {
    /// `absent: true`.
    DeclaredAbsent,
    /// In no file, and our mark says that we manage it.
    Pruned {
        /// Our name.
        by: String,
    },
    /// `usage_reset_after` lies behind us and behind the last reset.
    UsageResetDue {
        /// The time asked for.
        after: Timestamp,
        /// The last reset, or the creation.
        last: Option<Timestamp>,
    },
    /// An earlier run was interrupted.
    Unfinished {
        /// When the secret was issued.
        issued_at: Timestamp,
    },
    /// Somebody renamed the key; it was recognised by our mark.
    RenamedOutside,
    /// Why the secret is replaced.
    Rotation(Why),
    /// The stores have the live secret; the mark says so from now on.
    Accepted,
    /// It comes in the place of this key, which is deleted later.
    Replaces {
        /// The former key.
        id: KeyId,
        /// Its name.
        name: String,
    },
    /// Another key has come in its place, and has been there for a transition.
    Replaced {
        /// The other key.
        by: KeyId,
    },
    /// A create made it that another one was faster than; nobody has ever had its secret.
    LeftOver,
}

/// The live key as the plan saw it: what must still hold before a delete.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeySnapshot {
    /// Its id.
    pub id: KeyId,
    /// Its name.
    pub name: String,
    /// What was shown of its secret.
    pub mask: Option<Mask>,
    /// Its mark.
    pub mark: Option<Mark>,
    /// Its status.
    pub status: String,
    /// When it was changed last.
    pub last_updated_at: Option<Timestamp>,
    /// When it ends.
    pub expires_at: Option<Timestamp>,
}

/// What apply sends.
#[derive(Clone, Debug, PartialEq)]
pub enum Request {
    /// One POST, then the delivery, then one PUT that commits it.
    Create {
        /// The body, its description without a mark; apply adds `new=<nonce>`.
        body: Box<KeyCreate>,
        /// What is to be delivered and committed.
        commit: Commit,
    },
    /// The delivery and the PUT that an earlier run still owes.
    Deliver {
        /// The key.
        id: KeyId,
        /// The slot of the escrow.
        held: Escrowed,
        /// What is to be delivered and committed.
        commit: Commit,
    },
    /// One PUT with what else differs, if anything does; one GET to look again, one POST, the delivery, one PUT
    /// that commits.
    Rotate {
        /// The key.
        id: KeyId,
        /// The body of the first PUT; empty if nothing else differs.
        first: Box<KeyUpdate>,
        /// How long the previous secret lives; none for the service's default.
        transition: Option<SignedDuration>,
        /// What is to be delivered and committed.
        commit: Commit,
    },
    /// One PUT with the fields that differ.
    Update {
        /// The key.
        id: KeyId,
        /// The body.
        body: Box<KeyUpdate>,
    },
    /// One GET to look again, then one DELETE.
    Delete {
        /// The key.
        id: KeyId,
    },
}

/// How a new secret is delivered and remembered.
#[derive(Clone, Debug, PartialEq)]
pub struct Commit {
    /// What else the PUT changes: the file may have moved on since the key was created.
    pub fields: Box<KeyUpdate>,
    /// The description's text.
    pub description: String,
    /// The mark, to which apply adds the id and the secret.
    pub mark: Mark,
    /// Where the secret goes.
    pub deliveries: Vec<Delivery>,
    /// For a rotation: how long the previous secret lives, as the mark says it.
    pub transition: Option<String>,
    /// Whether the gateway must take the secret before it counts as delivered.
    pub prove: bool,
}

/// Something that is due later.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Waiting {
    /// Which key.
    pub address: KeyAddress,
    /// Its entry.
    pub place: Place,
    /// What will be done.
    pub action: Action,
    /// Not before; none where only the service knows.
    pub until: Option<Timestamp>,
    /// Why a secret is to be replaced.
    pub why: Option<Why>,
    /// The key that is to go, where it is not this entry's own.
    pub replaced: Option<KeyId>,
}

/// A live key that no entry means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UnmentionedKey {
    /// Its id.
    pub id: KeyId,
    /// Where it belongs, as far as the files have a name for it, and its name.
    pub address: KeyAddress,
    /// Whether `--prune` would delete it.
    pub prunable: bool,
}

/// Everything that goes into a plan.
#[derive(Clone, Copy, Debug)]
pub struct Inputs<'a> {
    /// What the files say.
    pub desired: &'a Desired,
    /// What the service has.
    pub live: &'a Live,
    /// The key that read.
    pub running: &'a RunningKey,
    /// The moment to plan for.
    pub now: Timestamp,
    /// The caller's decisions.
    pub options: &'a PlanOptions,
}

impl Inputs<'_> {
    /// The moment as of which dates of the files count.
    fn as_of(&self) -> Timestamp {
        self.options.as_of.map_or(self.now, |at| at.min(self.now))
    }
}

impl Plan {
    /// Whether this is the plan of another moment than the one at which the keys were read.
    pub fn is_hypothetical(&self) -> bool {
        self.now != self.read_at
    }

    /// How many writes apply will make: POST, PUT, DELETE.
    pub fn writes(&self) -> Writes {
        let mut writes = Writes::default();
        for change in &self.changes {
            match change.request {
                Request::Create { .. } => {
                    writes.post += 1;
                    writes.put += 1;
                }
                Request::Rotate { ref first, .. } => {
                    writes.put += usize::from(!first.is_empty()) + 1;
                    writes.post += 1;
                }
                Request::Deliver { .. } | Request::Update { .. } => writes.put += 1,
                Request::Delete { .. } => writes.delete += 1,
            }
        }
        writes
    }

    /// What a transition or an earlier request holds back, the first first.
    pub fn held_back(&self) -> Vec<&Waiting> {
        let is_held = |waiting: &&Waiting| {
            (waiting.why.is_some() || waiting.action == Action::Create)
                && waiting.until.is_some_and(|until| until > self.now)
        };
        let mut held: Vec<&Waiting> = self.waiting.iter().filter(is_held).collect();
        held.sort_by_key(|waiting| waiting.until);
        held
    }

    /// Whether apply would refuse, or a person must act first.
    pub fn needs_a_person(&self) -> bool {
        !self.refusals.is_empty() || !self.blocked.is_empty()
    }

    /// How many changes have each risk.
    pub fn risks(&self) -> BTreeMap<Risk, usize> {
        risk::count(&self.changes)
    }

    /// How many changes there are of an action.
    pub fn count(&self, action: Action) -> usize {
        self.changes.iter().filter(|change| change.action == action).count()
    }

    /// Sixteen hexadecimal digits that stand for what apply would write, and where secrets would go.
    /// Equal for equal plans whatever the clock, the machine or the order of the input.
    pub fn digest(&self) -> String {
        digest::plan(self)
    }
}

impl Request {
    /// What is delivered and committed, if there is a new secret.
    pub fn commit(&self) -> Option<&Commit> {
        match self {
            Self::Create { commit, .. } | Self::Deliver { commit, .. } | Self::Rotate { commit, .. } => {
                Some(commit)
            }
            Self::Update { .. } | Self::Delete { .. } => None,
        }
    }
}

/// Numbers of writes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Writes {
    /// Creates.
    pub post: usize,
    /// Updates and commits.
    pub put: usize,
    /// Deletes.
    pub delete: usize,
}

impl Writes {
    /// All of them.
    pub fn total(self) -> usize {
        self.post + self.put + self.delete
    }
}

impl Commit {
    /// The PUT that commits this secret: its mark says which key it is, when the secret was issued,
    /// and where it went.
    pub fn body_for(&self, id: &KeyId, mask: &Mask, issued_at: Timestamp) -> KeyUpdate {
        let mut mark = Mark {
            new: None,
            id: Some(id.short().to_owned()),
            secret: CommittedSecret::new(mask, issued_at, self.transition.clone()),
            to: self.deliveries.iter().map(Delivery::hash).collect(),
            ..self.mark.clone()
        };
        // Strange characters of a self-hosted prefix take more room than was set aside. A key that is
        // finished with a shorter note is better than one that never is.
        if mark.append_to(&self.description).chars().count() > DESCRIPTION_LIMIT {
            mark.secret = None;
        }
        KeyUpdate { description: Some(mark.append_to(&self.description)), ..(*self.fields).clone() }
    }
}
