//! Which live key an entry of the file means.
//!
//! A pin wins, then the address, then the former name, then our mark with this address's hash. Names
//! are not unique on Portkey (portkey-api.md 2.2), so several candidates are a finding, not a choice.

use std::collections::{BTreeMap, BTreeSet};

use crate::desired::{Desired, DesiredKey, Presence};
use crate::diagnostic::Place;
use crate::live::{Live, LiveKey, Names};
use crate::model::{ConfigId, KeyId, KeyKind, Setting, UserId, WorkspaceId, address_hash};

/// The names in an entry, as ids.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ids {
    /// The workspace.
    pub workspace: Option<WorkspaceId>,
    /// The owner.
    pub user: Option<UserId>,
    /// The config.
    pub config: Option<ConfigId>,
}

/// What the service has for an entry.
#[derive(Clone, Debug)]
pub enum Found<'a> {
    /// One key.
    Key {
        /// The key.
        live: &'a LiveKey,
        /// How it was recognised.
        how: Identified,
    },
    /// None that can be seen.
    Missing,
    /// Several keys with this name; only a pin can tell.
    Ambiguous(Vec<&'a LiveKey>),
    /// The pinned id is not there.
    PinMissing,
    /// A workspace, user or config that does not exist.
    Unresolved(UnresolvedName),
    /// Another entry means the same live key.
    ClaimedTwice {
        /// The key.
        live: &'a LiveKey,
        /// The other entry.
        other: Place,
    },
    /// To be absent; our mark for it is on a key that bears another name by now.
    RenamedOutside(&'a LiveKey),
    /// The pinned key differs in what cannot be changed.
    Immutable {
        /// The key.
        live: &'a LiveKey,
        /// `type`, `workspace_id` or `user_id`.
        field: &'static str,
        /// Live.
        before: String,
        /// Wanted.
        after: String,
    },
}

/// How a live key was recognised.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Identified {
    /// By its id.
    ByPin,
    /// By kind, workspace, user and name.
    ByName,
    /// By `renamed_from`.
    ByFormerName,
    /// By our mark: somebody renamed it.
    ByMark,
}

/// A name that stands for nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum UnresolvedName {
    /// A workspace slug.
    Workspace(String),
    /// A user's e-mail.
    User(String),
    /// A config slug.
    Config(String),
}

impl<'a> Found<'a> {
    /// The live keys that this entry lays a hand on.
    pub fn claims(&self) -> impl Iterator<Item = &'a LiveKey> {
        let (one, several): (Option<&'a LiveKey>, &[&'a LiveKey]) = match self {
            Self::Key { live, .. }
            | Self::ClaimedTwice { live, .. }
            | Self::RenamedOutside(live)
            | Self::Immutable { live, .. } => (Some(live), &[]),
            Self::Ambiguous(several) => (None, several),
            Self::Missing | Self::PinMissing | Self::Unresolved(_) => (None, &[]),
        };
        one.into_iter().chain(several.to_vec())
    }
}

/// Whether text is an id already: the documentation's examples are not valid UUIDs, so only the
/// outline counts (36 characters with dashes at the usual places).
fn is_id(text: &str) -> bool {
    text.len() == 36
        && text
            .char_indices()
            .all(|(at, c)| if matches!(at, 8 | 13 | 18 | 23) { c == '-' } else { c.is_ascii_alphanumeric() })
}

impl Names {
    /// The names that these files use and whose ids are needed.
    pub fn used_by(desired: &Desired) -> Self {
        let mut names = Self::default();
        for key in &desired.keys {
            names.workspaces.extend(key.workspace.iter().filter(|text| !is_id(text)).cloned());
            names.users.extend(key.user.iter().filter(|text| text.contains('@')).cloned());
            if let (Setting::Set(config), Presence::Present) = (&key.spec.config_id, key.presence)
                && !is_id(config)
            {
                names.configs.insert((key.workspace.clone(), config.clone()));
            }
        }
        names
    }
}

/// The ids for an entry's names.
pub fn ids_of(key: &DesiredKey, live: &Live) -> Result<Ids, UnresolvedName> {
    let workspace = key
        .workspace
        .as_ref()
        .map(|text| {
            let resolved = live.names.workspaces.get(text).cloned();
            resolved
                .or_else(|| is_id(text).then(|| WorkspaceId::new(text.to_ascii_lowercase())))
                .ok_or_else(|| UnresolvedName::Workspace(text.clone()))
        })
        .transpose()?;
    let user = key
        .user
        .as_ref()
        .map(|text| {
            let resolved = live.names.users.get(text).cloned();
            resolved
                .or_else(|| (!text.contains('@')).then(|| UserId::new(text)))
                .ok_or_else(|| UnresolvedName::User(text.clone()))
        })
        .transpose()?;
    let config = match (&key.spec.config_id, key.presence) {
        (Setting::Set(text), Presence::Present) => {
            let resolved = live.names.configs.get(&(key.workspace.clone(), text.clone())).cloned();
            Some(
                resolved
                    .or_else(|| is_id(text).then(|| ConfigId::new(text.to_ascii_lowercase())))
                    .ok_or_else(|| UnresolvedName::Config(text.clone()))?,
            )
        }
        _ => None,
    };
    Ok(Ids { workspace, user, config })
}

type ByName<'a> = BTreeMap<(KeyKind, Option<WorkspaceId>, Option<UserId>, String), Vec<&'a LiveKey>>;

/// Finds the live key for each entry, in the order of the file's keys.
pub fn pair<'a>(desired: &'a Desired, live: &'a Live) -> Vec<(&'a DesiredKey, Ids, Found<'a>)> {
    let pinned: BTreeSet<&KeyId> =
        desired.keys.iter().filter_map(|key| pinned_key(key, live)).map(|key| &key.id).collect();
    let free = || live.keys.values().filter(|key| !pinned.contains(&key.id));
    let mut by_name: ByName<'a> = BTreeMap::new();
    let mut by_hash: BTreeMap<&str, Vec<&LiveKey>> = BTreeMap::new();
    for key in free() {
        if let Some(kind) = key.kind {
            let user = key.user.as_ref().filter(|_| kind == KeyKind::WorkspaceUser);
            let place = (kind, key.workspace.clone(), user.cloned(), key.name.clone());
            by_name.entry(place).or_default().push(key);
        }
        // Only a key that really bears another name now can have been renamed: hashes are short.
        if let Some(mark) = &key.mark
            && mark.by.is_some()
            && mark.by == desired.managed_by
            && let Some(hash) = &mark.at
            && let Some(kind) = key.kind
            && *hash != address_hash(kind, key.workspace.as_ref(), key.user.as_ref(), &key.name)
        {
            by_hash.entry(hash).or_default().push(key);
        }
    }

    let mut pairs: Vec<_> = desired
        .keys
        .iter()
        .map(|key| match ids_of(key, live) {
            Ok(ids) => {
                let found = find(key, &ids, live, &by_name, &by_hash);
                (key, ids, found)
            }
            Err(name) => (key, Ids::default(), Found::Unresolved(name)),
        })
        .collect();
    refuse_double_claims(&mut pairs);
    refuse_replaced_claims(&mut pairs, live);
    pairs
}

fn find<'a>(
    key: &DesiredKey,
    ids: &Ids,
    live: &'a Live,
    by_name: &ByName<'a>,
    by_hash: &BTreeMap<&str, Vec<&'a LiveKey>>,
) -> Found<'a> {
    if key.id.is_some() {
        return match pinned_key(key, live) {
            Some(found) => check_immutable(key, ids, found),
            None => Found::PinMissing,
        };
    }
    // A key is not the one that it replaces, whatever their names.
    let replaced = key.replaces.as_ref().and_then(|id| live.key(id));
    let named = |name: &str| -> Vec<&'a LiveKey> {
        let named = named(by_name, key.kind, ids, name).iter().copied();
        named.filter(|live| replaced.is_none_or(|replaced| replaced.id != live.id)).collect()
    };
    match named(&key.address.name).as_slice() {
        [] => {}
        [live] => return Found::Key { live, how: Identified::ByName },
        several => return Found::Ambiguous(several.to_vec()),
    }
    if let Setting::Set(former) = &key.renamed_from {
        match named(former).as_slice() {
            [] => {}
            [live] => return Found::Key { live, how: Identified::ByFormerName },
            several => return Found::Ambiguous(several.to_vec()),
        }
    }
    let hash = address_hash(key.kind, ids.workspace.as_ref(), ids.user.as_ref(), &key.address.name);
    let is_replaced = |live: &LiveKey| replaced.is_some_and(|replaced| replaced.id == live.id);
    match by_hash.get(hash.as_str()).map_or(&[][..], Vec::as_slice) {
        [live] if is_replaced(live) => Found::Missing,
        [live] if live.kind == Some(key.kind) && live.workspace == ids.workspace => match key.presence {
            Presence::Present => Found::Key { live, how: Identified::ByMark },
            Presence::Absent => Found::RenamedOutside(live),
        },
        _ => Found::Missing,
    }
}

/// The live keys in whose place others come.
pub fn replaced(desired: &Desired, live: &Live) -> BTreeSet<KeyId> {
    desired.keys.iter().filter_map(|key| Some(live.key(key.replaces.as_ref()?)?.id.clone())).collect()
}

/// The live key that an entry is pinned to.
fn pinned_key<'a>(key: &DesiredKey, live: &'a Live) -> Option<&'a LiveKey> {
    live.key(key.id.as_ref()?)
}

/// The live keys that bear a name.
fn named<'m, 'a>(by_name: &'m ByName<'a>, kind: KeyKind, ids: &Ids, name: &str) -> &'m [&'a LiveKey] {
    by_name
        .get(&(kind, ids.workspace.clone(), ids.user.clone(), name.to_owned()))
        .map_or(&[][..], Vec::as_slice)
}

fn check_immutable<'a>(key: &DesiredKey, ids: &Ids, live: &'a LiveKey) -> Found<'a> {
    let differs = |field, before: Option<&str>, after: Option<&str>| {
        (before != after).then(|| Found::Immutable {
            live,
            field,
            before: before.unwrap_or("none").to_owned(),
            after: after.unwrap_or("none").to_owned(),
        })
    };
    let user = (key.kind == KeyKind::WorkspaceUser).then(|| {
        differs("user_id", live.user.as_ref().map(UserId::as_str), ids.user.as_ref().map(UserId::as_str))
    });
    differs("type", live.kind.map(KeyKind::as_str), Some(key.kind.as_str()))
        .or_else(|| {
            let text = |id: &Option<WorkspaceId>| id.as_ref().map(|id| id.as_str().to_owned());
            differs("workspace_id", text(&live.workspace).as_deref(), text(&ids.workspace).as_deref())
        })
        .or(user.flatten())
        .unwrap_or(Found::Key { live, how: Identified::ByPin })
}

/// Two entries that mean one live key: neither is right, and a person must say which.
fn refuse_double_claims(pairs: &mut [(&DesiredKey, Ids, Found<'_>)]) {
    let mut places: BTreeMap<KeyId, Vec<Place>> = BTreeMap::new();
    for (key, _, found) in pairs.iter() {
        if let Found::Key { live, .. } = found {
            places.entry(live.id.clone()).or_default().push(key.place.clone());
        }
    }
    for (key, _, found) in pairs {
        if let Found::Key { live, .. } = found
            && let Some(other) =
                places.get(&live.id).and_then(|places| places.iter().find(|place| **place != key.place))
        {
            *found = Found::ClaimedTwice { live, other: other.clone() };
        }
    }
}

/// A key that another entry means is not to be replaced: that entry wants it to stay.
fn refuse_replaced_claims<'a>(pairs: &mut [(&DesiredKey, Ids, Found<'a>)], live: &'a Live) {
    let claimed: BTreeMap<KeyId, Place> = pairs
        .iter()
        .flat_map(|(key, _, found)| found.claims().map(|live| (live.id.clone(), key.place.clone())))
        .collect();
    for (key, _, found) in pairs {
        if let Some(former) = key.replaces.as_ref().and_then(|id| live.key(id))
            && let Some(other) = claimed.get(&former.id)
        {
            *found = Found::ClaimedTwice { live: former, other: other.clone() };
        }
    }
}

/// The keys whose list row does not tell what the file manages.
pub fn needs_hydration(desired: &Desired, live: &Live) -> BTreeSet<KeyId> {
    pair(desired, live)
        .into_iter()
        .filter(|(key, _, _)| key.spec.rotation_policy.is_managed())
        .filter_map(|(_, _, found)| match found {
            Found::Key { live, .. } if !live.rotation_policy.is_managed() => Some(live.id.clone()),
            _ => None,
        })
        .collect()
}
