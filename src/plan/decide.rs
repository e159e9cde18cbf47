//! What is to be done about one entry: what differs, its mark, its secret, and what forbids it.

use jiff::Timestamp;

use super::cause::Base;
use super::{
    Action, Asked, BlockedReason, Candidate, Causes, Change, DESCRIPTION_LIMIT, Harm, Inputs, KeySnapshot,
    Reason, Request, guards, marks, replacing, request, secret,
};
use crate::desired::{DesiredKey, Presence};
use crate::diagnostic::nearest;
use crate::diff::{Entry, FieldChange, Found, Identified, UnresolvedName};
use crate::handoff::{self, Next, Question, Rules, Why};
use crate::live::LiveKey;
use crate::model::{KeyAddress, KeyCreate, KeyUpdate};

/// What becomes of an entry.
pub(super) enum Decision {
    Change(Box<Change>),
    Blocked(BlockedReason),
    Waiting {
        action: Action,
        until: Timestamp,
        why: Option<Why>,
    },
    InSync,
    /// What differs is left alone.
    OnlyDrift,
    /// To be absent, and is.
    Gone,
}

/// What is to be done about an entry, and how many differences are left to others because they are drift.
pub(super) fn without_drift(
    inputs: &Inputs<'_>,
    entry: &Entry<'_>,
    base: Option<&Base>,
) -> (Vec<Decision>, usize) {
    let (Found::Key { live, .. }, Some(base)) = (&entry.found, base) else {
        return (decide(inputs, entry, None), 0);
    };
    let Some((desired, fields)) = base.undrifted(entry, live) else {
        return (decide(inputs, entry, Some(base)), 0);
    };
    let dropped = entry.fields.len() - fields.len();
    let entry = Entry { desired: &desired, fields, ..entry.clone() };
    (decide(inputs, &entry, Some(base)), dropped)
}

/// With a base, drift is left alone.
fn decide(inputs: &Inputs<'_>, entry: &Entry<'_>, base: Option<&Base>) -> Vec<Decision> {
    match (&entry.found, entry.desired.presence) {
        // What somebody asks for by name is for keys that are there.
        (Found::Missing, _) if inputs.options.asked.is_some() => {
            vec![Decision::Blocked(BlockedReason::NotThere)]
        }
        (Found::Key { live, how }, Presence::Present) => decide_update(inputs, entry, live, *how, base)
            .unwrap_or_else(|reason| vec![Decision::Blocked(reason)]),
        _ => vec![decide_other(inputs, entry)],
    }
}

fn decide_other(inputs: &Inputs<'_>, entry: &Entry<'_>) -> Decision {
    match (&entry.found, entry.desired.presence) {
        (Found::Key { live, .. }, Presence::Absent) => decide_delete(inputs, entry.desired, live),
        (Found::Key { .. }, Presence::Present) => Decision::InSync,
        (Found::Missing, Presence::Present) => decide_create(inputs, entry),
        // What cannot be seen may yet be there: a delete that was asked for is not taken for done.
        (Found::Missing | Found::PinMissing, Presence::Absent) => {
            match guards::unproven(entry.desired, &entry.ids, inputs) {
                Some(unproven) => Decision::Blocked(BlockedReason::AbsenceUnproven(unproven)),
                None => Decision::Gone,
            }
        }
        (Found::Ambiguous(candidates), _) => Decision::Blocked(BlockedReason::Ambiguous {
            candidates: candidates
                .iter()
                .map(|key| Candidate {
                    id: key.id.clone(),
                    created_at: key.created_at,
                    mask: key.mask.clone(),
                })
                .collect(),
        }),
        (Found::PinMissing, Presence::Present) => match &entry.desired.id {
            Some(id) => Decision::Blocked(BlockedReason::PinMissing { id: id.clone() }),
            None => Decision::Gone,
        },
        (Found::Unresolved(name), _) => {
            let nearest = match name {
                UnresolvedName::Workspace(slug) => {
                    nearest(slug, inputs.live.names.known_workspaces.keys().map(String::as_str))
                        .map(str::to_owned)
                }
                UnresolvedName::User(_) | UnresolvedName::Config(_) => None,
            };
            Decision::Blocked(BlockedReason::Unresolved { name: name.clone(), nearest })
        }
        (Found::ClaimedTwice { live, other }, _) => {
            Decision::Blocked(BlockedReason::ClaimedTwice { id: live.id.clone(), other: other.clone() })
        }
        (Found::RenamedOutside(live), _) => {
            Decision::Blocked(BlockedReason::RenamedOutside { id: live.id.clone(), name: live.name.clone() })
        }
        (Found::Immutable { field, before, after, .. }, _) => Decision::Blocked(BlockedReason::Immutable {
            field,
            before: before.clone(),
            after: after.clone(),
        }),
    }
}

fn decide_delete(inputs: &Inputs<'_>, entry: &DesiredKey, live: &LiveKey) -> Decision {
    if inputs.running.could_be(&live.id) {
        return Decision::Blocked(BlockedReason::RunningKey { harm: Harm::Deleted });
    }
    if let Some(by) = other_owner(inputs, live) {
        return Decision::Blocked(BlockedReason::OtherOwner { by });
    }
    if entry.protected || live.mark.as_ref().is_some_and(|mark| mark.keep) {
        return Decision::Blocked(BlockedReason::Protected);
    }
    let mut change = deletion(entry.address.clone(), live, Reason::DeclaredAbsent);
    change.place = Some(entry.place.clone());
    Decision::Change(Box::new(change))
}

/// What becomes of a key that is there: its fields, its mark, its secret.
fn decide_update(
    inputs: &Inputs<'_>,
    entry: &Entry<'_>,
    live: &LiveKey,
    how: Identified,
    base: Option<&Base>,
) -> Result<Vec<Decision>, BlockedReason> {
    let desired = entry.desired;
    let other_owner = other_owner(inputs, live);
    if let (Some(by), Some(_)) = (&other_owner, &inputs.desired.managed_by) {
        return Err(BlockedReason::OtherOwner { by: by.clone() });
    }
    let mut decisions = Vec::new();
    let mut next = secret::next(inputs, entry, live)?;
    let mut only_drift = false;
    if base.is_some_and(|base| base.has_rotation(&next, &live.id)) {
        (next, only_drift) = (Next::Nothing, true);
    }
    if let Some(delivery) = heed(inputs, entry, live, &next, &mut decisions)? {
        return Ok(vec![Decision::Change(Box::new(delivery))]);
    }
    // The mark that says so is all that is known of an unfinished create, and what differs goes with its rotation.
    if matches!(next, Next::Wait { why: Why::Unfinished, .. }) {
        return Ok(decisions);
    }
    if let Some(error) = inputs.live.unreadable.get(&live.id)
        && desired.spec.rotation_policy.is_managed()
    {
        return Err(BlockedReason::Unreadable { field: "rotation_policy", error: error.clone() });
    }

    let mut fields = fields_of(inputs, entry, live);
    let accepted = match &next {
        Next::Accept { issued_at } => Some(*issued_at),
        _ => None,
    };
    // A rotation writes the mark when it commits.
    if !matches!(next, Next::Rotate(_)) && inputs.options.asked != Some(Asked::Revoke) {
        let mark = marks::change(inputs, desired, &entry.ids, live, accepted)?;
        let older = |mark: &FieldChange| base.is_some_and(|base| base.has(&live.id, mark));
        only_drift |= mark.as_ref().is_some_and(older);
        fields.extend(mark.filter(|mark| !older(mark)));
    }
    let running = inputs.running.could_be(&live.id);
    if running && let Some(harm) = guards::harm(&fields) {
        return Err(BlockedReason::RunningKey { harm });
    }
    let mut body = request::update_of(&fields, live);
    if let Some(blocked) = check_room(desired, &fields, live, body.description.as_deref()) {
        return Err(blocked);
    }
    let reset = if inputs.options.asked.is_none() { due_reset(inputs, desired, live)? } else { None };
    if reset.is_some() {
        body.reset_usage = Some(true);
    }
    if let Next::Rotate(why) = next {
        if running && matches!(why, Why::ChangedOutside | Why::Unfinished) {
            return Err(BlockedReason::RunningKey { harm: Harm::Rotated });
        }
        if let Some(by) = other_owner {
            return Err(BlockedReason::OtherOwner { by });
        }
        // The text rides on the commit, where the mark is written in any case.
        body.description = None;
        let change = secret::rotation(inputs, entry, live, why, body)?;
        decisions.push(Decision::Change(Box::new(change)));
        return Ok(decisions);
    }
    if body.is_empty() {
        decisions.push(if only_drift { Decision::OnlyDrift } else { Decision::InSync });
        return Ok(decisions);
    }
    // Files that name no owner may describe keys of others, as an import does, but not change them.
    if let Some(by) = other_owner {
        return Err(BlockedReason::OtherOwner { by });
    }
    let only_mark = fields.iter().all(|field| matches!(field, FieldChange::Mark { .. }));
    let newly_ours =
        inputs.desired.managed_by.is_some() && live.mark.as_ref().is_none_or(|mark| mark.by.is_none());
    let action = match (fields.is_empty(), only_mark && (newly_ours || accepted.is_some()), reset) {
        (true, _, Some(_)) => Action::ResetUsage,
        (false, true, None) => Action::Adopt,
        _ => Action::Update,
    };
    let reason = match (reset, accepted) {
        (Some((after, last)), _) => Some(Reason::UsageResetDue { after, last }),
        (None, Some(_)) => Some(Reason::Accepted),
        (None, None) => (how == Identified::ByMark).then_some(Reason::RenamedOutside),
    };
    decisions.push(Decision::Change(Box::new(Change {
        address: desired.address.clone(),
        place: Some(desired.place.clone()),
        action,
        before: Some(snapshot(live)),
        fields,
        written_scopes: desired.written_scopes.clone(),
        reason,
        request: Request::Update { id: live.id.clone(), body: Box::new(body) },
        running_key: running,
        risks: Vec::new(),
        causes: Causes::default(),
    })));
    Ok(decisions)
}

/// What the secret's needs come to beside the fields; the change that finishes an earlier run leaves those to it.
fn heed(
    inputs: &Inputs<'_>,
    entry: &Entry<'_>,
    live: &LiveKey,
    next: &Next,
    decisions: &mut Vec<Decision>,
) -> Result<Option<Change>, BlockedReason> {
    match next {
        Next::Ask(Question::BeingCreated { .. }) => {
            return Err(BlockedReason::CreationUnfinished { created_at: live.created_at });
        }
        Next::Deliver { nonce } => {
            let slot = inputs.options.slots.iter().find(|slot| slot.nonce == *nonce);
            if let Some(slot) = slot {
                let change = secret::delivery(inputs, entry, live, slot)?;
                return Ok(Some(change));
            }
        }
        Next::Ask(Question::Stored) => {
            decisions.push(Decision::Blocked(BlockedReason::StoredUnknown { live: live.mask.clone() }));
        }
        Next::Ask(Question::StoredOther { delivered }) => {
            decisions.push(Decision::Blocked(BlockedReason::StoredOther {
                delivered: delivered.clone(),
                live: live.mask.clone(),
            }));
        }
        Next::Wait { why, until } => {
            decisions.push(Decision::Waiting { action: Action::Rotate, until: *until, why: Some(*why) });
        }
        Next::Nothing | Next::Accept { .. } | Next::Rotate(_) => {}
    }
    Ok(None)
}

/// The fields that differ, as far as they are to be changed: what somebody asks for by name leaves them alone.
fn fields_of(inputs: &Inputs<'_>, entry: &Entry<'_>, live: &LiveKey) -> Vec<FieldChange> {
    match inputs.options.asked {
        None => entry.fields.clone(),
        // What has ended need not be ended again.
        Some(Asked::Revoke) if live.expires_at.is_some_and(|end| end <= inputs.now) => Vec::new(),
        Some(Asked::Revoke) => {
            vec![FieldChange::ExpiresAt { before: live.expires_at, after: Some(inputs.now) }]
        }
        Some(Asked::Rotate { .. } | Asked::Accept) => Vec::new(),
    }
}

/// The reset that is due, with when the last one was.
fn due_reset(
    inputs: &Inputs<'_>,
    desired: &DesiredKey,
    live: &LiveKey,
) -> Result<Option<(Timestamp, Option<Timestamp>)>, BlockedReason> {
    let last = live.last_reset_at.max(live.created_at);
    let due =
        desired.usage_reset_after.filter(|at| *at <= inputs.as_of() && last.is_none_or(|last| last < *at));
    if due.is_some() && !live.shows_last_reset {
        // Without that, every run would find the reset due, and lift the budget each time.
        let error = "this backend does not say when usage was reset last".to_owned();
        return Err(BlockedReason::Unreadable { field: "usage_reset_after", error });
    }
    Ok(due.map(|after| (after, last)))
}

fn decide_create(inputs: &Inputs<'_>, entry: &Entry<'_>) -> Decision {
    let desired = entry.desired;
    if let Some(unproven) = guards::unproven(desired, &entry.ids, inputs) {
        return Decision::Blocked(BlockedReason::AbsenceUnproven(unproven));
    }
    let reason = match replacing::reason(inputs, desired) {
        Ok(reason) => reason,
        Err(reason) => return Decision::Blocked(reason),
    };
    let address = desired.address.to_string();
    if let Some(until) = handoff::until_creatable(&address, &inputs.options.slots, inputs.now, &Rules::ALL) {
        return Decision::Waiting { action: Action::Create, until, why: None };
    }
    let blank = LiveKey::blank(desired.kind, &desired.address.name);
    let commit = match secret::commit(inputs, entry, &blank, None) {
        Ok(commit) => commit,
        Err(reason) => return Decision::Blocked(reason),
    };
    let fields =
        KeyUpdate { name: Some(desired.address.name.clone()), ..request::update_of(&entry.fields, &blank) };
    let body = KeyCreate {
        kind: desired.kind,
        workspace_id: entry.ids.workspace.clone(),
        user_id: entry.ids.user.clone(),
        fields,
    };
    Decision::Change(Box::new(Change {
        address: desired.address.clone(),
        place: Some(desired.place.clone()),
        action: Action::Create,
        before: None,
        fields: entry.fields.clone(),
        written_scopes: desired.written_scopes.clone(),
        reason,
        request: Request::Create { body: Box::new(body), commit },
        running_key: false,
        risks: Vec::new(),
        causes: Causes::default(),
    }))
}

fn check_room(
    desired: &DesiredKey,
    fields: &[FieldChange],
    live: &LiveKey,
    description: Option<&str>,
) -> Option<BlockedReason> {
    let grows = fields
        .iter()
        .any(|field| matches!(field, FieldChange::Mark { .. } | FieldChange::Description { .. }));
    let description = description.filter(|text| grows && text.chars().count() > DESCRIPTION_LIMIT)?;
    let text = desired.spec.description.value().unwrap_or(&live.description).chars().count();
    Some(BlockedReason::NoRoomForMark {
        text,
        mark: description.chars().count().saturating_sub(text + 1),
        managed: desired.spec.description.is_managed(),
    })
}

pub(super) fn deletion(address: KeyAddress, live: &LiveKey, reason: Reason) -> Change {
    Change {
        address,
        place: None,
        action: Action::Delete,
        before: Some(snapshot(live)),
        fields: Vec::new(),
        written_scopes: Vec::new(),
        reason: Some(reason),
        request: Request::Delete { id: live.id.clone() },
        running_key: false,
        risks: Vec::new(),
        causes: Causes::default(),
    }
}

/// The owner in the key's mark, if it is not the owner of these files.
pub(super) fn other_owner(inputs: &Inputs<'_>, live: &LiveKey) -> Option<String> {
    let by = live.mark.as_ref()?.by.as_ref()?;
    (Some(by) != inputs.desired.managed_by.as_ref()).then(|| by.clone())
}

pub(super) fn snapshot(live: &LiveKey) -> KeySnapshot {
    KeySnapshot {
        id: live.id.clone(),
        name: live.name.clone(),
        mask: live.mask.clone(),
        mark: live.mark.clone(),
        status: live.status.clone(),
        last_updated_at: live.last_updated_at,
        expires_at: live.expires_at,
    }
}
