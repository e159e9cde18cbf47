//! A plan beside the one that was reviewed: what is the same, what is done already, what nobody has approved.
//!
//! A change is approved if a reviewed one says the same, or more of the same: the rest of it was done meanwhile. A
//! secret that an apply of the reviewed plan has issued and could not deliver is finished under the approval of its
//! create or rotation. Anything else that moved is named, and nothing is applied.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Change, Commit, Plan, Reason, Request, Waiting, digest, guards};
use crate::diff::FieldChange;
use crate::handoff::Why;
use crate::model::{Escrowed, KeyAddress, KeyId, Mark, Mask, meaning};

/// How a plan differs from the one that was reviewed.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Moved {
    /// The digest that was approved.
    pub reviewed: String,
    /// The digest of the plan as it is now.
    pub now: String,
    /// Changes that were not in it.
    pub added: Vec<Change>,
    /// Changes that were in it and are not to be made any more.
    pub gone: Vec<Gone>,
    /// Changes that have become others.
    pub altered: Vec<Altered>,
    /// How many changes are as they were.
    pub same: usize,
}

/// A change that has become another one.
#[derive(Clone, Debug, PartialEq)]
pub struct Altered {
    /// As it was reviewed.
    pub reviewed: Change,
    /// As it is now.
    pub now: Change,
    /// In what they differ; never empty.
    pub differences: Vec<Difference>,
}

/// In what a change differs from the one that was reviewed.
#[derive(Clone, Debug, PartialEq)]
pub enum Difference {
    /// Another key bears the address.
    Key {
        /// Reviewed.
        before: Option<KeyId>,
        /// Now.
        after: Option<KeyId>,
    },
    /// The key has another secret.
    Secret {
        /// Reviewed.
        before: Option<Mask>,
        /// Now.
        after: Option<Mask>,
    },
    /// Something else is done.
    Action {
        /// Reviewed.
        before: Action,
        /// Now.
        after: Action,
    },
    /// Something else is changed.
    Field {
        /// Reviewed; none if this field was not to be changed.
        before: Option<Box<FieldChange>>,
        /// Now.
        after: Box<FieldChange>,
    },
    /// It is done for another reason.
    Cause {
        /// Reviewed.
        before: Option<Reason>,
        /// Now.
        after: Option<Reason>,
    },
    /// The new secret goes elsewhere, or is remembered otherwise.
    Delivery,
    /// Something else is sent.
    Request,
}

/// A reviewed change that is not to be made any more.
#[derive(Clone, Debug, PartialEq)]
pub struct Gone {
    /// As it was reviewed.
    pub change: Change,
    /// Why.
    pub why: GoneWhy,
}

/// Why a reviewed change is not to be made any more.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GoneWhy {
    /// Nothing is left to do.
    Done,
    /// It has to wait.
    Waits,
    /// A person must act first.
    Blocked,
}

impl Moved {
    /// Whether there is anything that nobody has approved.
    pub fn is_unapproved(&self) -> bool {
        !self.added.is_empty() || !self.altered.is_empty()
    }

    /// Whether the two plans are the same to the byte.
    pub fn is_other(&self) -> bool {
        self.reviewed != self.now
    }
}

/// Compares a plan with the one that was reviewed, after leaving for later what the reviewed one said would wait.
pub fn hold_against(reviewed: &Plan, now: &mut Plan, slots: &[Escrowed]) -> Moved {
    leave_for_later(reviewed, now);
    let pairs = pair(&reviewed.changes, &now.changes);
    let mut moved = Moved { reviewed: reviewed.digest(), now: now.digest(), ..Moved::default() };
    let mut met = BTreeSet::new();
    for (change, partner) in now.changes.iter().zip(pairs) {
        let Some((index, before)) = partner.and_then(|at| Some((at, reviewed.changes.get(at)?))) else {
            moved.added.push(change.clone());
            continue;
        };
        met.insert(index);
        if is_rest_of(change, before) || finishes(change, before, slots, reviewed) {
            moved.same += 1;
        } else {
            let differences = differences(before, change);
            moved.altered.push(Altered { reviewed: before.clone(), now: change.clone(), differences });
        }
    }
    let rest = reviewed.changes.iter().enumerate().filter(|(index, _)| !met.contains(index));
    moved.gone = rest
        .map(|(_, change)| {
            let Change { address, action, .. } = change;
            let why = if now.blocked.iter().any(|blocked| blocked.address == *address) {
                GoneWhy::Blocked
            } else if now.waiting.iter().any(|wait| wait.address == *address && wait.action == *action) {
                GoneWhy::Waits
            } else {
                GoneWhy::Done
            };
            Gone { change: change.clone(), why }
        })
        .collect();
    moved
}

/// What the reviewed plan said would wait, and is no longer waiting, is left for a plan that somebody reviews.
fn leave_for_later(reviewed: &Plan, now: &mut Plan) {
    let mut waiting = Vec::new();
    now.changes.retain_mut(|change| {
        let is_the_one = |wait: &&Waiting| wait.address == change.address && wait.action == change.action;
        let was_reviewed = |other: &Change| other.address == change.address && other.action == change.action;
        let Some(wait) = reviewed.waiting.iter().find(is_the_one) else { return true };
        if reviewed.changes.iter().any(was_reviewed) {
            return true;
        }
        waiting.push(wait.clone());
        guards::become_update(change)
    });
    now.waiting.extend(waiting);
}

/// For each change of now, the reviewed one that is about the same key, else about the same address.
fn pair(reviewed: &[Change], now: &[Change]) -> Vec<Option<usize>> {
    let mut by_key: BTreeMap<(&KeyAddress, Option<&KeyId>), usize> = BTreeMap::new();
    let mut by_address: BTreeMap<&KeyAddress, Vec<usize>> = BTreeMap::new();
    for (index, change) in reviewed.iter().enumerate() {
        by_key.insert((&change.address, id_of(change)), index);
        by_address.entry(&change.address).or_default().push(index);
    }
    let exact: Vec<Option<usize>> =
        now.iter().map(|change| by_key.get(&(&change.address, id_of(change))).copied()).collect();
    let mut taken: BTreeSet<usize> = exact.iter().flatten().copied().collect();
    now.iter()
        .zip(exact)
        .map(|(change, exact)| {
            exact.or_else(|| {
                let free = by_address.get(&change.address)?.iter().find(|index| !taken.contains(index))?;
                taken.insert(*free);
                Some(*free)
            })
        })
        .collect()
}

fn id_of(change: &Change) -> Option<&KeyId> {
    change.before.as_ref().map(|key| &key.id)
}

fn mask_of(change: &Change) -> Option<&Mask> {
    change.before.as_ref().and_then(|key| key.mask.as_ref())
}

fn means_the_same(one: &Change, other: &Change) -> bool {
    meaning(&digest::change(one)) == meaning(&digest::change(other))
}

fn field_meaning(field: &FieldChange) -> String {
    meaning(&digest::field(field, false))
}

/// Whether a change does what the reviewed one says, or a part of it, and nothing else.
fn is_rest_of(now: &Change, reviewed: &Change) -> bool {
    if means_the_same(now, reviewed) {
        return true;
    }
    if id_of(now) != id_of(reviewed) || mask_of(now) != mask_of(reviewed) {
        return false;
    }
    let known: BTreeSet<String> = reviewed.fields.iter().map(field_meaning).collect();
    if !now.fields.iter().all(|field| known.contains(&field_meaning(field))) {
        return false;
    }
    let is_part = |part, whole| {
        let whole = digest::body(whole);
        digest::body(part).iter().all(|(name, value)| whole.get(name) == Some(value))
    };
    match (&now.request, &reviewed.request) {
        (Request::Update { body, .. }, Request::Update { body: whole, .. }) => is_part(body, whole),
        // The rotation waits, or is done.
        (Request::Update { body, .. }, Request::Rotate { first, .. }) => is_part(body, first),
        (
            Request::Rotate { first, transition, commit, .. },
            Request::Rotate { first: whole, transition: approved, commit: other, .. },
        ) => {
            is_part(first, whole)
                && transition == approved
                && now.reason == reviewed.reason
                && digest::commit(commit) == digest::commit(other)
        }
        (
            Request::Create { .. }
            | Request::Deliver { .. }
            | Request::Rotate { .. }
            | Request::Update { .. }
            | Request::Delete { .. },
            _,
        ) => false,
    }
}

/// Whether a change brings to an end what an apply of the reviewed plan has begun: the key or its new secret is there,
/// and not all of its places have it.
fn finishes(now: &Change, reviewed: &Change, slots: &[Escrowed], plan: &Plan) -> bool {
    let (Some(commit), Some(approved)) = (now.request.commit(), reviewed.request.commit()) else {
        return false;
    };
    let known: BTreeSet<String> = reviewed.fields.iter().map(field_meaning).collect();
    let is_begun_since =
        |slot: &Escrowed| slot.sent_at >= plan.now && slot.address == now.address.to_string();
    let own_slot = || slots.iter().any(|slot| slot.id.as_ref() == id_of(now) && is_begun_since(slot));
    let is_begun = match (&now.request, &reviewed.request) {
        (Request::Deliver { held, .. }, Request::Create { .. }) => is_begun_since(held),
        (Request::Deliver { held, .. }, Request::Rotate { .. }) => {
            id_of(now) == id_of(reviewed) && is_begun_since(held)
        }
        // Nobody has the secret of a key whose create was not committed, and at the time of the review there was no
        // such key.
        (Request::Rotate { first, .. }, Request::Create { .. }) => {
            now.reason == Some(Reason::Rotation(Why::Unfinished)) && first.is_empty()
        }
        // Somebody else may have replaced the secret; that we did is told by the escrow.
        (Request::Rotate { first, .. }, Request::Rotate { .. }) => {
            id_of(now) == id_of(reviewed) && first.is_empty() && own_slot()
        }
        (
            Request::Create { .. }
            | Request::Deliver { .. }
            | Request::Rotate { .. }
            | Request::Update { .. }
            | Request::Delete { .. },
            _,
        ) => false,
    };
    let is_known_field = |field: &FieldChange| known.contains(&field_meaning(field));
    is_begun && now.fields.iter().all(is_known_field) && goes_where(commit, approved)
}

/// Whether a secret goes where it was to go, and is remembered as it was to be, but for what the key now is.
fn goes_where(now: &Commit, approved: &Commit) -> bool {
    let bare = |commit: &Commit| Commit {
        fields: Box::default(),
        mark: Mark { id: None, new: None, secret: None, to: Vec::new(), ..commit.mark.clone() },
        transition: None,
        ..commit.clone()
    };
    digest::commit(&bare(now)) == digest::commit(&bare(approved))
}

/// In what two changes of one address differ.
fn differences(reviewed: &Change, now: &Change) -> Vec<Difference> {
    let mut found = Vec::new();
    if id_of(reviewed) != id_of(now) {
        found.push(Difference::Key { before: id_of(reviewed).cloned(), after: id_of(now).cloned() });
    } else if mask_of(reviewed) != mask_of(now) {
        found.push(Difference::Secret { before: mask_of(reviewed).cloned(), after: mask_of(now).cloned() });
    }
    if reviewed.action != now.action {
        found.push(Difference::Action { before: reviewed.action, after: now.action });
    }
    for after in &now.fields {
        let before = reviewed.fields.iter().find(|before| is_of_same_field(before, after));
        if before.is_none_or(|before| field_meaning(before) != field_meaning(after)) {
            found.push(Difference::Field {
                before: before.cloned().map(Box::new),
                after: Box::new(after.clone()),
            });
        }
    }
    if reviewed.reason != now.reason {
        found.push(Difference::Cause { before: reviewed.reason.clone(), after: now.reason.clone() });
    }
    if let (Some(before), Some(after)) = (reviewed.request.commit(), now.request.commit())
        && !goes_where(after, before)
    {
        found.push(Difference::Delivery);
    }
    if found.is_empty() {
        found.push(Difference::Request);
    }
    found
}

/// A mark lives in `description`, and is a field of its own here.
fn is_of_same_field(one: &FieldChange, other: &FieldChange) -> bool {
    std::mem::discriminant(one) == std::mem::discriminant(other)
}
