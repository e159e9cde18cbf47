//! What a change of the files does, from the two files alone: no key, no network.
//!
//! The base stands in for the live keys: each of its entries is taken for a key that is exactly so. What the base does
//! not manage is not known, so a field that the files begin to manage counts as set where nothing was. A key that
//! the files no longer mention is left alone by apply, so it is no change, but it is named. A date that the files set
//! counts as come.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Action, Causes, Change, Commit, KeySnapshot, Prune, Reason, Refusal, Request, Risk, guards, request,
    risk, secret,
};
use crate::desired::{Desired, DesiredKey, KeySpec, Presence, SecretSpec};
use crate::diagnostic::Place;
use crate::diff::{FieldChange, Ids, compare};
use crate::handoff::Why;
use crate::live::LiveKey;
use crate::model::{ConfigId, Delivery, KeyAddress, KeyCreate, KeyId, Mark, Setting, UserId, WorkspaceId};

/// The changes from one state of the files to another.
#[derive(Clone, Debug)]
pub struct Review {
    /// Sorted by address.
    pub changes: Vec<Change>,
    /// What the base mentions and the files do not: only `--prune` deletes it.
    pub dropped: Vec<KeyAddress>,
    /// What else moved, which decides which key is meant and what may become of it, but not what a key is.
    pub beside: Vec<Beside>,
    /// Risks that the caller does not accept.
    pub refusal: Option<Refusal>,
}

/// Fields of an entry, or of the root, whose effect only the live keys can tell.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Beside {
    /// The entry; none for the root file.
    pub address: Option<KeyAddress>,
    /// Where it stands now.
    pub place: Option<Place>,
    /// Names as in the file.
    pub fields: Vec<&'static str>,
}

impl Review {
    /// How many changes have each risk.
    pub fn risks(&self) -> BTreeMap<Risk, usize> {
        risk::count(&self.changes)
    }
}

/// Compares two states of the files.
pub fn review(
    base: &Desired,
    desired: &Desired,
    prune: Prune,
    deny: &std::collections::BTreeSet<Risk>,
    now: Timestamp,
) -> Review {
    let mut changes = Vec::new();
    let mut known = Vec::new();
    let mut beside: Vec<Beside> = of_the_root(base, desired).into_iter().collect();
    for key in &desired.keys {
        let before = former(base, key);
        known.extend(before.map(|before| &before.address));
        if let Some(before) = before.filter(|before| before.presence == key.presence) {
            beside.extend(of_the_entry(before, key));
        }
        changes.extend(replaced(before, key));
        changes.extend(match (before.filter(|before| before.presence == Presence::Present), key.presence) {
            (Some(before), Presence::Present) => update(base, desired, before, key, now),
            (Some(before), Presence::Absent) => Some(delete(before, key, Reason::DeclaredAbsent)),
            (None, Presence::Present) => Some(create(desired, key, now)),
            (None, Presence::Absent) => None,
        });
    }
    let mut dropped = Vec::new();
    for key in base.keys.iter().filter(|key| key.presence == Presence::Present) {
        if known.contains(&&key.address) {
            continue;
        }
        match (prune, &base.managed_by) {
            (Prune::Delete, Some(by)) if !key.protected => {
                let mut change = delete(key, key, Reason::Pruned { by: by.clone() });
                change.place = None;
                changes.push(change);
            }
            (Prune::Delete | Prune::List, _) => dropped.push(key.address.clone()),
        }
    }
    changes.sort_by(|a, b| a.address.cmp(&b.address));
    risk::assess(&mut changes, now);
    let refusal = guards::denied_risks(&changes, deny);
    Review { changes, dropped, beside, refusal }
}

/// The deletion that a new `replaces` asks for.
fn replaced(before: Option<&DesiredKey>, key: &DesiredKey) -> Option<Change> {
    let id = key.replaces.as_ref()?;
    if before.is_some_and(|before| before.replaces.as_ref() == Some(id)) {
        return None;
    }
    let mut snapshot = snapshot(key, &as_live(key, Vec::new()));
    snapshot.id = id.clone();
    let reason = Reason::Replaced { by: KeyId::new("") };
    Some(Change { action: Action::Delete, before: Some(snapshot), reason: Some(reason), ..change(key) })
}

/// What of an entry is not compared field by field. Every field is named, so that none is forgotten.
fn of_the_entry(before: &DesiredKey, key: &DesiredKey) -> Option<Beside> {
    let DesiredKey {
        // Who it is: the two are paired by these.
        address: _,
        kind: _,
        workspace: _,
        user: _,
        presence: _,
        // Where it stands, and how it is written.
        place: _,
        written_scopes: _,
        field_places: _,
        inherited: _,
        // Compared, and shown as a change.
        spec: _,
        usage_reset_after: _,
        replaces: _,
        id,
        renamed_from,
        protected,
        secret,
    } = key;
    let SecretSpec {
        // Shown as a change.
        deliver_to: _,
        rotate_after: _,
        transition,
        max_age,
        until,
        delivered,
        first_rotate,
        verify,
    } = secret;
    let moved = [
        ("id", *id != before.id),
        ("renamed_from", *renamed_from != before.renamed_from),
        ("protected", *protected != before.protected),
        ("secret.transition", *transition != before.secret.transition),
        ("secret.max_age", *max_age != before.secret.max_age),
        ("secret.until", *until != before.secret.until),
        ("secret.delivered", *delivered != before.secret.delivered),
        ("secret.first", *first_rotate != before.secret.first_rotate),
        ("secret.verify", *verify != before.secret.verify),
    ];
    let fields: Vec<_> = moved.into_iter().filter(|(_, moved)| *moved).map(|(name, _)| name).collect();
    (!fields.is_empty()).then(|| Beside {
        address: Some(key.address.clone()),
        place: Some(key.place.clone()),
        fields,
    })
}

/// What of the root holds for all keys.
fn of_the_root(base: &Desired, desired: &Desired) -> Option<Beside> {
    let moved = [
        ("organisation", base.organisation != desired.organisation),
        ("managed_by", base.managed_by != desired.managed_by),
        ("sinks", base.sinks != desired.sinks),
        ("escrow", base.escrow_recipients != desired.escrow_recipients),
    ];
    let fields: Vec<_> = moved.into_iter().filter(|(_, moved)| *moved).map(|(name, _)| name).collect();
    (!fields.is_empty()).then_some(Beside { address: None, place: None, fields })
}

/// What the base calls this key: by its pin, its address, or its former name.
fn former<'a>(base: &'a Desired, key: &DesiredKey) -> Option<&'a DesiredKey> {
    let alike = |other: &&DesiredKey| {
        other.kind == key.kind && other.workspace == key.workspace && other.user == key.user
    };
    let by_pin = || base.keys.iter().find(|other| key.id.is_some() && other.id == key.id);
    let by_name = |name: &str| {
        let name = name.to_owned();
        base.keys.iter().filter(alike).find(move |other| other.address.name == name)
    };
    by_pin()
        .or_else(|| by_name(&key.address.name))
        .or_else(|| key.renamed_from.value().and_then(|name| by_name(name)))
}

/// The entry as a key that is exactly so.
fn as_live(key: &DesiredKey, to: Vec<String>) -> LiveKey {
    let KeySpec {
        description,
        scopes,
        rate_limits,
        usage_limits,
        metadata,
        config_id,
        allow_config_override,
        alert_emails,
        expires_at,
        rotation_policy,
    } = &key.spec;
    let mut limits = rate_limits.value().cloned().unwrap_or_default();
    limits.sort();
    let metadata = metadata.value().into_iter().flatten();
    let metadata = metadata.filter_map(|(name, value)| Some((name.clone(), Value::String(value.clone()?))));
    LiveKey {
        description: description.value().cloned().unwrap_or_default(),
        scopes: scopes.iter().flatten().cloned().collect(),
        rate_limits: limits,
        usage_limits: usage_limits.value().cloned(),
        metadata: metadata.collect(),
        config_id: config_id.value().map(ConfigId::new),
        allow_config_override: allow_config_override.value().copied().unwrap_or(true),
        alert_emails: alert_emails.value().cloned().unwrap_or_default(),
        expires_at: expires_at.value().copied(),
        rotation_policy: match rotation_policy {
            Setting::Set(policy) => Setting::Set(policy.clone()),
            Setting::Clear | Setting::Unmanaged => Setting::Clear,
        },
        mark: Some(Mark { to, ..Mark::default() }),
        ..LiveKey::blank(key.kind, &key.address.name)
    }
}

/// Names stand for themselves: no service is asked for their ids.
fn ids(key: &DesiredKey) -> Ids {
    Ids {
        workspace: key.workspace.as_deref().map(WorkspaceId::new),
        user: key.user.as_deref().map(UserId::new),
        config: key.spec.config_id.value().map(ConfigId::new),
    }
}

fn deliveries(desired: &Desired, key: &DesiredKey) -> Vec<Delivery> {
    // Targets that need a folder or a live key's id cannot be told from the files alone.
    secret::sinks(desired, key, key.id.as_ref()).unwrap_or_default()
}

fn commit(deliveries: Vec<Delivery>) -> Commit {
    Commit {
        fields: Box::default(),
        description: String::new(),
        mark: Mark::default(),
        deliveries,
        transition: None,
        prove: false,
    }
}

fn update(
    base: &Desired,
    desired: &Desired,
    before: &DesiredKey,
    key: &DesiredKey,
    now: Timestamp,
) -> Option<Change> {
    let had: Vec<String> = deliveries(base, before).iter().map(Delivery::hash).collect();
    let live = as_live(before, had.clone());
    let fields: Vec<FieldChange> = compare(key, &ids(key), &live, now);
    let gets = deliveries(desired, key);
    let new_sink = !had.is_empty() && gets.iter().any(|delivery| !had.contains(&delivery.hash()));
    let rotates = match key.secret.rotate_after {
        Some(date) if before.secret.rotate_after != Some(date) => Some(Why::Due(date)),
        _ => new_sink.then_some(Why::NewSink),
    };
    let reset = key.usage_reset_after.filter(|date| before.usage_reset_after != Some(*date));
    let id = KeyId::new("");
    let body = Box::new(request::update_of(&fields, &live));
    let (action, reason, request) = match (rotates, reset) {
        (Some(why), _) => {
            let transition = key.secret.transition;
            let request = Request::Rotate { id, first: body, transition, commit: commit(gets) };
            (Action::Rotate, Some(Reason::Rotation(why)), request)
        }
        (None, Some(after)) => {
            let action = if fields.is_empty() { Action::ResetUsage } else { Action::Update };
            let reason = Reason::UsageResetDue { after, last: None };
            (action, Some(reason), Request::Update { id, body })
        }
        (None, None) if fields.is_empty() => return None,
        (None, None) => (Action::Update, None, Request::Update { id, body }),
    };
    Some(Change { action, before: Some(snapshot(before, &live)), fields, reason, request, ..change(key) })
}

fn create(desired: &Desired, key: &DesiredKey, now: Timestamp) -> Change {
    let blank = LiveKey::blank(key.kind, &key.address.name);
    let fields = compare(key, &ids(key), &blank, now);
    let body = KeyCreate {
        kind: key.kind,
        workspace_id: None,
        user_id: None,
        fields: request::update_of(&fields, &blank),
    };
    let request = Request::Create { body: Box::new(body), commit: commit(deliveries(desired, key)) };
    Change { action: Action::Create, fields, request, ..change(key) }
}

fn delete(before: &DesiredKey, key: &DesiredKey, reason: Reason) -> Change {
    Change {
        action: Action::Delete,
        before: Some(snapshot(before, &as_live(before, Vec::new()))),
        reason: Some(reason),
        ..change(key)
    }
}

fn change(key: &DesiredKey) -> Change {
    Change {
        address: key.address.clone(),
        place: Some(key.place.clone()),
        action: Action::Update,
        before: None,
        fields: Vec::new(),
        written_scopes: key.written_scopes.clone(),
        reason: None,
        request: Request::Delete { id: KeyId::new("") },
        running_key: false,
        risks: Vec::new(),
        causes: Causes::default(),
    }
}

fn snapshot(key: &DesiredKey, live: &LiveKey) -> KeySnapshot {
    KeySnapshot {
        id: key.id.clone().unwrap_or_else(|| KeyId::new("")),
        name: key.address.name.clone(),
        mask: None,
        mark: live.mark.clone(),
        status: String::new(),
        last_updated_at: None,
        expires_at: live.expires_at,
    }
}
