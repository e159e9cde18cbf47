//! Who can do what: every live key beside its entry in the files, and the questions that can be asked of them.
//!
//! Invariants: pure; reads only; a question that the service does not answer for certain is answered on the
//! safe side, and the answer says so.

mod allows;
mod filter;
mod sight;
#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::desired::{Desired, DesiredKey, Presence};
use crate::diff::{FieldChange, Found, diff};
use crate::live::{Live, LiveKey};
use crate::model::{KeyAddress, KeyKind, Mark, Mask, UserId, WorkspaceId};

pub use allows::Allows;
pub use filter::{Filter, Mention, ScopePattern, ScopePatternError, UnknownWord};
pub use sight::{Sight, sight};

/// How things are called that keys name by their ids, as far as the caller may list them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Directory {
    /// Slugs by UUID.
    pub workspaces: BTreeMap<WorkspaceId, String>,
    /// E-mails by id.
    pub users: BTreeMap<UserId, String>,
}

/// One live key and what is known about it.
#[derive(Clone, Debug)]
pub struct Holding<'a> {
    /// With the files' alias of its workspace where there is one, else the slug or UUID.
    pub address: KeyAddress,
    /// Its workspace's slug, where it is known.
    pub slug: Option<String>,
    /// The key.
    pub key: &'a LiveKey,
    /// The entry that mentions it.
    pub entry: Option<Mentioned<'a>>,
    /// When its secret was issued.
    pub issued: Issued,
}

/// How an entry of the files mentions a live key.
#[derive(Clone, Debug)]
pub struct Mentioned<'a> {
    /// The entry.
    pub desired: &'a DesiredKey,
    /// Whether it means this very key; else it could mean another one as well, and a person must say.
    pub certain: bool,
    /// What differs from the entry.
    pub fields: Vec<FieldChange>,
}

impl Mentioned<'_> {
    /// Whether the entry wants the key to go.
    pub fn is_to_go(&self) -> bool {
        match self.desired.presence {
            Presence::Absent => true,
            Presence::Present => false,
        }
    }
}

/// When a secret was issued. Portkey does not tell when a key was rotated last (portkey-api.md 4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Issued {
    /// Then: our mark has it, for the secret that is live.
    At(Timestamp),
    /// Then or later: the key was created then, or the secret in our mark was replaced by another one since.
    NotBefore(Timestamp),
    /// Nothing is known.
    Unknown,
}

impl Issued {
    fn of(key: &LiveKey) -> Self {
        let committed = key.mark.as_ref().and_then(|mark| mark.secret.as_ref());
        match (committed, &key.mask, key.created_at) {
            (Some(secret), Some(mask), _) if key.has_committed(mask) => Self::At(secret.issued_at),
            (Some(secret), _, _) => Self::NotBefore(secret.issued_at),
            (None, _, Some(created_at)) => Self::NotBefore(created_at),
            (None, _, None) => Self::Unknown,
        }
    }

    /// The earliest time at which it can have been issued.
    pub fn earliest(self) -> Option<Timestamp> {
        match self {
            Self::At(at) | Self::NotBefore(at) => Some(at),
            Self::Unknown => None,
        }
    }
}

impl Holding<'_> {
    /// Who manages the key, as its mark says.
    pub fn owner(&self) -> Option<&str> {
        self.key.mark.as_ref()?.by.as_deref()
    }

    /// Until when the secret before the live one works; known only of a rotation that our mark tells of.
    pub fn previous_until(&self) -> Option<Timestamp> {
        let mask: &Mask = self.key.mask.as_ref()?;
        let mark: &Mark = self.key.mark.as_ref().filter(|_| self.key.has_committed(mask))?;
        let secret = mark.secret.as_ref()?;
        secret.issued_at.checked_add(secret.transition_length()?).ok()
    }

    /// Whether a limit on its usage is enforced: no limit and 0 are not (portkey-api.md 2.4).
    pub fn has_budget(&self) -> bool {
        let limit = self.key.usage_limits.as_ref().and_then(|limits| limits.credit_limit);
        limit.is_some_and(|limit| limit > crate::model::Amount::ZERO)
    }

    /// Whether a rate limit is enforced: the gateway skips one of 0 (portkey-api.md 2.4).
    pub fn is_rate_limited(&self) -> bool {
        self.key.rate_limits.iter().any(|limit| limit.value > 0)
    }
}

/// Every live key, by address, then id.
pub fn inventory<'a>(desired: &'a Desired, live: &'a Live, directory: &Directory) -> Vec<Holding<'a>> {
    let diff = diff(desired, live, live.now);
    let mut slugs: BTreeMap<&WorkspaceId, &str> =
        live.names.known_workspaces.iter().map(|(slug, id)| (id, slug.as_str())).collect();
    slugs.extend(directory.workspaces.iter().map(|(id, slug)| (id, slug.as_str())));
    let mut labels = BTreeMap::new();
    let mut entries = BTreeMap::new();
    for entry in &diff.entries {
        if let (Some(id), Some(label)) = (&entry.ids.workspace, &entry.desired.address.workspace) {
            labels.insert(id.clone(), label.clone());
        }
        let certain = matches!(entry.found, Found::Key { .. });
        for key in entry.found.claims() {
            let fields = if certain { entry.fields.clone() } else { Vec::new() };
            let mentioned = Mentioned { desired: entry.desired, certain, fields };
            entries.entry(key.id.clone()).or_insert(mentioned);
        }
    }
    let mut emails: BTreeMap<&UserId, &str> =
        live.names.users.iter().map(|(email, id)| (id, email.as_str())).collect();
    emails.extend(directory.users.iter().map(|(id, email)| (id, email.as_str())));

    let mut holdings: Vec<Holding<'a>> =
        live.keys
            .values()
            .map(|key| {
                let slug = key.workspace.as_ref().and_then(|id| slugs.get(id)).map(|slug| (*slug).to_owned());
                let workspace = key.workspace.as_ref().map(|id| {
                    labels.get(id).cloned().or_else(|| slug.clone()).unwrap_or_else(|| id.to_string())
                });
                let user = key.user.as_ref().filter(|_| key.kind == Some(KeyKind::WorkspaceUser));
                let user =
                    user.map(|id| emails.get(id).map_or_else(|| id.to_string(), |mail| (*mail).to_owned()));
                Holding {
                    address: KeyAddress { workspace, user, name: key.name.clone() },
                    slug,
                    key,
                    entry: entries.remove(&key.id),
                    issued: Issued::of(key),
                }
            })
            .collect();
    holdings.sort_by(|a, b| a.address.cmp(&b.address).then_with(|| a.key.id.cmp(&b.key.id)));
    holdings
}

/// The keys that a word can mean: an id, an address or a tail of it, or the address of the entry that means one.
pub fn find<'h, 'a>(holdings: &'h [Holding<'a>], word: &str) -> Vec<&'h Holding<'a>> {
    let by_id: Vec<_> = holdings.iter().filter(|holding| holding.key.id.as_str() == word).collect();
    if !by_id.is_empty() {
        return by_id;
    }
    let exact: Vec<_> = holdings.iter().filter(|holding| holding.address.to_string() == word).collect();
    if !exact.is_empty() {
        return exact;
    }
    let has_tail = |holding: &&Holding<'_>| {
        let entry = holding.entry.as_ref().map(|entry| &entry.desired.address);
        holding.address.has_tail(word) || entry.is_some_and(|address| address.has_tail(word))
    };
    holdings.iter().filter(has_tail).collect()
}
