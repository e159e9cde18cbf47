//! What a change of the files does, from the two files alone: no key, no network.
//!
//! The base stands in for the live keys: each of its entries is taken for a key that is exactly so. What the base does
//! not manage is not known, so a field that the files begin to manage counts as set where nothing was. A key that
//! the files no longer mention is left alone by apply, so it is no change, but it is named. A date that the files set
//! counts as come. Where only the live keys can tell which key an entry means, that is said, and no denied risk can be
//! ruled out.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde_json::Value;

use super::{
    Action, Causes, Change, Commit, KeySnapshot, Prune, Reason, Refusal, Request, Risk, guards, request, risk,
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
    let mut doubts = Vec::new();
    for key in &desired.keys {
        let Former { before, doubtful } = former(base, desired, key);
        known.extend(before.map(|before| &before.address));
        let mut fields = match before.filter(|before| before.presence == key.presence) {
            Some(before) => of_the_entry(before, key),
            None => Vec::new(),
        };
        if let Some(field) = doubtful {
            doubts.push((&key.address, field));
            if !fields.contains(&field) {
                fields.insert(0, field);
            }
        }
        if !fields.is_empty() {
            let place = Some(key.place.clone());
            beside.push(Beside { address: Some(key.address.clone()), place, fields });
        }
        let replacing = replacing(base, before, key);
        known.extend(replacing.iter().filter_map(|it| it.former).map(|former| &former.address));
        let change = match (before.filter(|before| before.presence == Presence::Present), key.presence) {
            (Some(before), Presence::Present) => update(base, desired, before, key, now),
            // A key that the base does not mention may have been nothing yet.
            (None, Presence::Present) if doubtful.is_some() => {
                update(base, desired, &nothing_of(key), key, now)
            }
            (None, Presence::Present) => {
                let reason = replacing.as_ref().map(Replacing::reason);
                Some(Change { reason, ..create(desired, key, now) })
            }
            (Some(before), Presence::Absent) => Some(delete(before, key, Reason::DeclaredAbsent)),
            (None, Presence::Absent) if before.is_some() => None,
            (None, Presence::Absent) => Some(delete(key, key, Reason::DeclaredAbsent)),
        };
        let is_told = matches!(&change, Some(Change { reason: Some(Reason::Replaces { .. }), .. }));
        changes.extend(change);
        changes.extend(replacing.filter(|_| !is_told).map(|it| it.deletion(key)));
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
    let refusal = guards::denied_risks(&changes, &doubts, deny);
    Review { changes, dropped, beside, refusal }
}

/// The key in whose place an entry comes, and what the base says of it.
struct Replacing<'a> {
    id: &'a KeyId,
    former: Option<&'a DesiredKey>,
}

/// What a new `replaces` asks for.
fn replacing<'a>(
    base: &'a Desired,
    before: Option<&DesiredKey>,
    key: &'a DesiredKey,
) -> Option<Replacing<'a>> {
    let id = key.replaces.as_ref()?;
    let is_new = before.and_then(|before| before.replaces.as_ref()).is_none_or(|before| !same_id(before, id));
    let is_it = |other: &&DesiredKey| other.id.as_ref().is_some_and(|it| same_id(it, id));
    is_new.then(|| Replacing { id, former: base.keys.iter().find(is_it) })
}

impl Replacing<'_> {
    fn reason(&self) -> Reason {
        let name = self.former.map(|former| former.address.name.clone()).unwrap_or_default();
        Reason::Replaces { id: self.id.clone(), name }
    }

    /// The deletion, for a key that is there already. A key that no file calls by a name goes by its id.
    fn deletion(&self, key: &DesiredKey) -> Change {
        let mut change = delete(key, key, Reason::Replaced { by: KeyId::new("") });
        change.address = match self.former {
            Some(former) => former.address.clone(),
            None => KeyAddress { name: self.id.to_string(), ..key.address.clone() },
        };
        change.before = change.before.map(|before| KeySnapshot { id: self.id.clone(), ..before });
        change
    }
}

/// What of an entry is not compared field by field. Every field is named, so that none is forgotten.
fn of_the_entry(before: &DesiredKey, key: &DesiredKey) -> Vec<&'static str> {
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
    moved.into_iter().filter(|(_, moved)| *moved).map(|(name, _)| name).collect()
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

/// What the base has of a key.
struct Former<'a> {
    /// Its entry, or one that may be its.
    before: Option<&'a DesiredKey>,
    /// The field for which this may be a live key of which the base says nothing, or says it elsewhere.
    doubtful: Option<&'static str>,
}

/// What the base calls this key: by its pin, its address, or its former name.
///
/// Whoever writes the files must not make a live key look new, or like another one, by naming it otherwise: by a pin
/// or a former name that the base does not have, by the UUID of a workspace for its slug, by the id of a user for an
/// e-mail. What the base says of such a key is compared if it says anything, and it is told that only the live keys
/// can tell.
fn former<'a>(base: &'a Desired, desired: &Desired, key: &DesiredKey) -> Former<'a> {
    let known = |before| Former { before: Some(before), doubtful: None };
    if let Some(id) = &key.id
        && let Some(before) =
            base.keys.iter().find(|other| other.id.as_ref().is_some_and(|it| same_id(it, id)))
    {
        return known(before);
    }
    // The live key that bears the id may be any, whatever the base has under this name.
    let pinned_anew = key.id.is_some().then_some("id");
    let names = [Some(&key.address.name), key.renamed_from.value()];
    let named = |wanted: Alike| {
        names.into_iter().flatten().find_map(|name| {
            base.keys.iter().find(|other| other.address.name == *name && alike(other, key) == wanted)
        })
    };
    if let Some(before) = named(Alike::Same) {
        return Former { before: Some(before), doubtful: pinned_anew };
    }
    // What still has an entry of its own is that entry's key.
    let has_own = |before: &DesiredKey| {
        let same = |other: &DesiredKey| {
            other.address.name == before.address.name && alike(other, before) == Alike::Same
        };
        desired.keys.iter().any(same)
    };
    if let Some(before) = named(Alike::Possibly).filter(|before| !has_own(before)) {
        let by_user = names_alike(before.workspace.as_deref(), key.workspace.as_deref()) == Alike::Same;
        let field = if by_user { "user_id" } else { "workspace_id" };
        return Former { before: Some(before), doubtful: pinned_anew.or(Some(field)) };
    }
    let renamed = key.renamed_from.value().map(|_| "renamed_from");
    Former { before: None, doubtful: pinned_anew.or(renamed) }
}

fn same_id(one: &KeyId, other: &KeyId) -> bool {
    one.as_str().eq_ignore_ascii_case(other.as_str())
}

/// Whether two names mean one thing.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Alike {
    /// They do.
    Same,
    /// They may: one is an id and the other is not.
    Possibly,
    /// They do not.
    Not,
}

/// Whether two entries are of one type, workspace and user.
fn alike(one: &DesiredKey, other: &DesiredKey) -> Alike {
    if one.kind != other.kind {
        return Alike::Not;
    }
    let workspaces = names_alike(one.workspace.as_deref(), other.workspace.as_deref());
    workspaces.max(names_alike(one.user.as_deref(), other.user.as_deref()))
}

/// Whether two slugs or UUIDs, or two e-mails or ids, are one's.
fn names_alike(one: Option<&str>, other: Option<&str>) -> Alike {
    let is_id = |text: &str| !text.starts_with("ws-") && !text.contains('@');
    match (one, other) {
        (None, None) => Alike::Same,
        (Some(one), Some(other)) if one.eq_ignore_ascii_case(other) => Alike::Same,
        (Some(one), Some(other)) if is_id(one) != is_id(other) => Alike::Possibly,
        (_, _) => Alike::Not,
    }
}

/// The entry, as if it said nothing of its key.
fn nothing_of(key: &DesiredKey) -> DesiredKey {
    DesiredKey {
        spec: KeySpec::default(),
        usage_reset_after: None,
        secret: SecretSpec::default(),
        ..key.clone()
    }
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

/// Where the secret goes. The id of a live key cannot be told from the files, so a word stands for it.
fn deliveries(desired: &Desired, key: &DesiredKey, id: Option<&KeyId>) -> Vec<Delivery> {
    let unknown = KeyId::new("ID");
    let names = key.secret.deliver_to.iter();
    names
        .filter_map(|name| {
            let target = desired.sinks.get(name)?.target(&key.address, id.or(Some(&unknown)));
            Some(Delivery { sink: Some(name.clone()), target: target.ok()? })
        })
        .collect()
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
    let pin = key.id.as_ref().or(before.id.as_ref());
    let mut had: Vec<String> = deliveries(base, before, pin).iter().map(Delivery::hash).collect();
    let gets = deliveries(desired, key, pin);
    // It is for keys whose secret nobody here has delivered yet.
    let first = key.secret.first_rotate && !before.secret.first_rotate && !gets.is_empty();
    if first {
        had.clear();
    }
    let live = as_live(before, had.clone());
    let fields: Vec<FieldChange> = compare(key, &ids(key), &live, now);
    let new_sink = gets.iter().any(|delivery| !had.contains(&delivery.hash()));
    let rotates = match key.secret.rotate_after {
        Some(date) if before.secret.rotate_after != Some(date) => Some(Why::Due(date)),
        _ if first => Some(Why::First),
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
    let request =
        Request::Create { body: Box::new(body), commit: commit(deliveries(desired, key, key.id.as_ref())) };
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
