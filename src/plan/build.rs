//! From what differs to what is done.

use std::collections::BTreeMap;

use super::{
    Action, Blocked, BlockedReason, Candidate, Change, Commit, DESCRIPTION_LIMIT, Harm, Inputs, KeySnapshot,
    Note, Plan, Prune, Reason, Request, UnmentionedKey, Waiting, guards, marks, rename, request,
};
use crate::desired::{DesiredKey, Presence, Sink, sink_path};
use crate::diagnostic::nearest;
use crate::diff::{Diff, Entry, FieldChange, Found, Identified, UnresolvedName, diff};
use crate::live::{Completeness, Live, LiveKey};
use crate::model::{
    Delivery, HeldSecret, KeyAddress, KeyCreate, KeyKind, KeyUpdate, Mark, Setting, UserId, WorkspaceId,
};

/// Clocks that differ by more than this are mentioned.
const NOTABLE_SKEW_SECONDS: i64 = 60;

/// Makes the plan.
pub fn plan(inputs: &Inputs<'_>) -> Plan {
    let Inputs { desired, live, running, now, options } = *inputs;
    let diff = diff(desired, live, now);
    let chosen = |entry: &&Entry<'_>| {
        options.targets.as_ref().is_none_or(|targets| targets.contains(&entry.desired.address))
    };

    let mut changes = Vec::new();
    let mut waiting = Vec::new();
    let mut blocked = Vec::new();
    let mut in_sync = 0;
    for entry in diff.entries.iter().filter(chosen) {
        match decide(inputs, entry) {
            Decision::Change(change) => changes.push(*change),
            Decision::Blocked(reason) => blocked.push(Blocked {
                address: entry.desired.address.clone(),
                place: Some(entry.desired.place.clone()),
                reason,
            }),
            Decision::InSync => in_sync += 1,
            Decision::Gone => {}
        }
        if let Some(until) = entry.desired.usage_reset_after.filter(|at| *at > now) {
            waiting.push(Waiting {
                address: entry.desired.address.clone(),
                place: entry.desired.place.clone(),
                action: Action::ResetUsage,
                until,
            });
        }
    }

    let (unmentioned, pruned) = unmentioned_keys(inputs, &diff);
    if options.prune == Prune::Delete {
        changes.extend(pruned);
    }
    rename::block_look_alikes(&diff, inputs, &mut changes, &mut blocked);
    changes.sort_by(|a, b| a.address.cmp(&b.address).then_with(|| id_of(a).cmp(&id_of(b))));
    blocked.sort_by(|a, b| a.address.cmp(&b.address));
    let refusals = guards::refusals(inputs, &changes, blocked.len());

    let notes = notes(inputs, &changes);
    let settled =
        options.held.iter().filter(|held| is_committed(held, live)).map(|held| held.nonce.clone()).collect();
    Plan {
        organisation: live.organisation.clone(),
        now,
        running_key: running.only(live).map(|key| key.name.clone()),
        changes,
        waiting,
        blocked,
        refusals,
        unmentioned,
        declared: desired.keys.iter().filter(|key| key.presence == Presence::Present).count(),
        in_sync,
        live_total: live.keys.len(),
        settled,
        notes,
    }
}

fn id_of(change: &Change) -> Option<&str> {
    change.before.as_ref().map(|key| key.id.as_str())
}

enum Decision {
    Change(Box<Change>),
    Blocked(BlockedReason),
    InSync,
    /// To be absent, and is.
    Gone,
}

fn decide(inputs: &Inputs<'_>, entry: &Entry<'_>) -> Decision {
    match (&entry.found, entry.desired.presence) {
        (Found::Key { live, .. }, Presence::Absent) => decide_delete(inputs, entry.desired, live),
        (Found::Key { live, how }, Presence::Present) => decide_update(inputs, entry, live, *how),
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

fn deletion(address: KeyAddress, live: &LiveKey, reason: Reason) -> Change {
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
    }
}

fn decide_update(inputs: &Inputs<'_>, entry: &Entry<'_>, live: &LiveKey, how: Identified) -> Decision {
    let desired = entry.desired;
    let other_owner = other_owner(inputs, live);
    if let (Some(by), Some(_)) = (&other_owner, &inputs.desired.managed_by) {
        return Decision::Blocked(BlockedReason::OtherOwner { by: by.clone() });
    }
    if let Some(nonce) = live.mark.as_ref().and_then(|mark| mark.new.as_ref()) {
        return decide_unfinished(inputs, entry, live, nonce);
    }
    if let Some(error) = inputs.live.unreadable.get(&live.id)
        && desired.spec.rotation_policy.is_managed()
    {
        return Decision::Blocked(BlockedReason::Unreadable {
            field: "rotation_policy",
            error: error.clone(),
        });
    }

    let mut fields = entry.fields.clone();
    fields.extend(marks::change(inputs.desired.managed_by.as_deref(), desired, &entry.ids, live));
    let running = inputs.running.could_be(&live.id);
    if running && let Some(harm) = guards::harm(&fields) {
        return Decision::Blocked(BlockedReason::RunningKey { harm });
    }
    let mut body = request::update_of(&fields, live);
    if let Some(blocked) = check_room(desired, &fields, live, body.description.as_deref()) {
        return Decision::Blocked(blocked);
    }

    let last = live.last_reset_at.max(live.created_at);
    let reset =
        desired.usage_reset_after.filter(|at| *at <= inputs.now && last.is_none_or(|last| last < *at));
    if reset.is_some() {
        if !live.shows_last_reset {
            // Without that, every run would find the reset due, and lift the budget each time.
            let error = "this backend does not say when usage was reset last".to_owned();
            return Decision::Blocked(BlockedReason::Unreadable { field: "usage_reset_after", error });
        }
        body.reset_usage = Some(true);
    }
    if body.is_empty() {
        return Decision::InSync;
    }
    // Files that name no owner may describe keys of others, as an import does, but not change them.
    if let Some(by) = other_owner {
        return Decision::Blocked(BlockedReason::OtherOwner { by });
    }
    let only_mark = fields.iter().all(|field| matches!(field, FieldChange::Mark { .. }));
    let newly_ours =
        inputs.desired.managed_by.is_some() && live.mark.as_ref().is_none_or(|mark| mark.by.is_none());
    let action = match (fields.is_empty(), only_mark && newly_ours, reset) {
        (true, _, Some(_)) => Action::ResetUsage,
        (false, true, None) => Action::Adopt,
        _ => Action::Update,
    };
    let reason = match reset {
        Some(after) => Some(Reason::UsageResetDue { after, last }),
        None => (how == Identified::ByMark).then_some(Reason::RenamedOutside),
    };
    Decision::Change(Box::new(Change {
        address: desired.address.clone(),
        place: Some(desired.place.clone()),
        action,
        before: Some(snapshot(live)),
        fields,
        written_scopes: desired.written_scopes.clone(),
        reason,
        request: Request::Update { id: live.id.clone(), body: Box::new(body) },
        running_key: running,
    }))
}

/// A key whose create was never committed: finished if its secret is in our escrow, else a
/// person's to settle, since nobody here can know whether somebody else is still at it.
fn decide_unfinished(inputs: &Inputs<'_>, entry: &Entry<'_>, live: &LiveKey, nonce: &str) -> Decision {
    let held =
        inputs.options.held.iter().find(|held| held.nonce == nonce && live.mask.as_ref() == Some(&held.mask));
    let Some(held) = held else {
        return Decision::Blocked(BlockedReason::CreationUnfinished { created_at: live.created_at });
    };
    match commit(inputs, entry, live) {
        Ok(commit) => Decision::Change(Box::new(Change {
            address: entry.desired.address.clone(),
            place: Some(entry.desired.place.clone()),
            action: Action::Deliver,
            before: Some(snapshot(live)),
            fields: entry.fields.clone(),
            written_scopes: entry.desired.written_scopes.clone(),
            reason: Some(Reason::Unfinished { issued_at: held.issued_at }),
            request: Request::Deliver { id: live.id.clone(), held: held.clone(), commit },
            running_key: false,
        })),
        Err(reason) => Decision::Blocked(reason),
    }
}

fn decide_create(inputs: &Inputs<'_>, entry: &Entry<'_>) -> Decision {
    let desired = entry.desired;
    if let Some(unproven) = guards::unproven(desired, &entry.ids, inputs) {
        return Decision::Blocked(BlockedReason::AbsenceUnproven(unproven));
    }
    let blank = LiveKey::blank(desired.kind, &desired.address.name);
    let commit = match commit(inputs, entry, &blank) {
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
        reason: None,
        request: Request::Create { body: Box::new(body), commit },
        running_key: false,
    }))
}

/// Where a new secret goes and how the key will be marked; refused before anything is created.
fn commit(inputs: &Inputs<'_>, entry: &Entry<'_>, live: &LiveKey) -> Result<Commit, BlockedReason> {
    let desired = entry.desired;
    let mut deliveries = Vec::new();
    if inputs.desired.folder.is_none() && !desired.deliver_to.is_empty() {
        let error = "file sinks lie beside the keys file, and standard input has no folder".to_owned();
        return Err(BlockedReason::BadTarget { error });
    }
    for name in &desired.deliver_to {
        let Some(sink) = inputs.desired.sinks.get(name) else { continue };
        let Sink::File { template } = sink;
        let id = desired.id.as_ref();
        let target = sink_path(template, &desired.address, id)
            .map_err(|error| BlockedReason::BadTarget { error: error.to_string() })?;
        deliveries.push(Delivery { sink: Some(name.clone()), target });
    }
    if let Some(path) = &inputs.options.secrets_file {
        deliveries.push(Delivery { sink: None, target: path.clone() });
    }
    if deliveries.is_empty() {
        return Err(BlockedReason::NowhereToDeliver);
    }
    let description = match &desired.spec.description {
        Setting::Set(text) => text.clone(),
        Setting::Clear => String::new(),
        Setting::Unmanaged => live.description.clone(),
    };
    let mark =
        Mark { new: None, ..marks::wanted(inputs.desired.managed_by.as_deref(), desired, &entry.ids, live) };
    // The longest mark that this key can come to carry, so that the commit cannot fail for want of room.
    let longest = Mark {
        id: Some("00000000".to_owned()),
        secret: crate::model::CommittedSecret::new(
            &crate::model::Mask::of_live("00*****000".to_owned()),
            inputs.now,
            None,
        ),
        to: deliveries.iter().map(Delivery::hash).collect(),
        ..mark.clone()
    };
    // One PUT commits the secret and changes whatever else differs by then, which for a new key is nothing.
    let fields = if live.id.as_str().is_empty() {
        KeyUpdate::default()
    } else {
        KeyUpdate { description: None, ..request::update_of(&entry.fields, live) }
    };
    let commit = Commit { fields: Box::new(fields), description, mark, deliveries };
    let whole = longest.append_to(&commit.description);
    if whole.chars().count() > DESCRIPTION_LIMIT {
        return Err(BlockedReason::NoRoomForMark {
            text: commit.description.chars().count(),
            mark: longest.to_string().chars().count(),
            managed: desired.spec.description.is_managed(),
        });
    }
    Ok(commit)
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

/// The owner in the key's mark, if it is not the owner of these files.
fn other_owner(inputs: &Inputs<'_>, live: &LiveKey) -> Option<String> {
    let by = live.mark.as_ref()?.by.as_ref()?;
    (Some(by) != inputs.desired.managed_by.as_ref()).then(|| by.clone())
}

fn snapshot(live: &LiveKey) -> KeySnapshot {
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

/// The keys in no file, and the deletions that prune would make of them.
fn unmentioned_keys(inputs: &Inputs<'_>, diff: &Diff<'_>) -> (Vec<UnmentionedKey>, Vec<Change>) {
    let mut labels: BTreeMap<&WorkspaceId, &str> =
        inputs.live.names.known_workspaces.iter().map(|(slug, id)| (id, slug.as_str())).collect();
    labels.extend(diff.entries.iter().filter_map(|entry| {
        Some((entry.ids.workspace.as_ref()?, entry.desired.address.workspace.as_deref()?))
    }));
    let emails: BTreeMap<&UserId, &str> =
        inputs.live.names.users.iter().map(|(email, id)| (id, email.as_str())).collect();
    let owner = inputs.desired.managed_by.as_ref();
    let mut keys = Vec::new();
    let mut changes = Vec::new();
    for live in &diff.unmentioned {
        let workspace = live
            .workspace
            .as_ref()
            .map(|id| labels.get(id).map_or_else(|| id.to_string(), |label| (*label).to_owned()));
        let user = live.user.as_ref().filter(|_| live.kind == Some(KeyKind::WorkspaceUser));
        let address = KeyAddress {
            workspace,
            user: user.map(|id| emails.get(id).map_or_else(|| id.to_string(), |email| (*email).to_owned())),
            name: live.name.clone(),
        };
        let ours = live.mark.as_ref().filter(|mark| mark.by.is_some() && mark.by.as_ref() == owner);
        let prunable = ours.is_some_and(|mark| !mark.keep && mark.new.is_none())
            && !live.created_automatically
            && !inputs.running.could_be(&live.id);
        if prunable && let Some(by) = owner {
            changes.push(deletion(address.clone(), live, Reason::Pruned { by: by.clone() }));
        }
        keys.push(UnmentionedKey { id: live.id.clone(), address, prunable });
    }
    keys.sort_by(|a, b| a.address.cmp(&b.address).then_with(|| a.id.cmp(&b.id)));
    (keys, changes)
}

/// Whether the key's mark says that this very secret was delivered and committed: its slot only stayed
/// behind because a run was cut off.
pub fn is_committed(held: &HeldSecret, live: &Live) -> bool {
    live.keys.get(&held.id).is_some_and(|key| key.has_committed(&held.mask))
}

fn notes(inputs: &Inputs<'_>, changes: &[Change]) -> Vec<Note> {
    let live = inputs.live;
    let mut notes = Vec::new();
    if live.clock_skew_seconds.abs() > NOTABLE_SKEW_SECONDS {
        notes.push(Note::ClockSkew { seconds: live.clock_skew_seconds });
    }
    if live.completeness != Completeness::Complete {
        notes.push(Note::ListUnstable);
    }
    if inputs.running.candidates.len() != 1 {
        notes.push(Note::RunningKeyUncertain { candidates: inputs.running.candidates.len() });
    }
    let delivered: Vec<&str> = changes
        .iter()
        .filter_map(|change| match &change.request {
            Request::Deliver { held, .. } => Some(held.nonce.as_str()),
            Request::Create { .. } | Request::Update { .. } | Request::Delete { .. } => None,
        })
        .collect();
    let idle = |held: &&HeldSecret| !delivered.contains(&held.nonce.as_str()) && !is_committed(held, live);
    notes.extend(inputs.options.held.iter().filter(idle).cloned().map(Note::HeldWithoutKey));
    notes.extend(live.oddities.iter().cloned().map(Note::UnknownToThisVersion));
    notes
}
