//! Live state: what the service holds, read once and normalised once.
//!
//! Everything that the service may answer for "unset" is one value here, computed and bookkeeping
//! fields are gone, and no secret was ever let in. Invariants: this module knows nothing of keys files;
//! it is given a [`ReadApi`](crate::api::ReadApi), which cannot write.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::model::{
    ConfigId, KeyId, KeyKind, Mark, Mask, OrganisationId, RateLimit, RotationPolicy, Setting, UsageLimits,
    UserId, WorkspaceId,
};

mod normalise;
mod refresh;

pub use refresh::{RefreshError, all_pages, hydrate, look_for, refresh};

/// The live keys and what is known about how well they were seen.
#[derive(Clone, Debug, PartialEq)]
pub struct Live {
    /// The organisation that the keys say they belong to.
    pub organisation: Option<OrganisationId>,
    /// Every key that the caller can see, by id.
    pub keys: BTreeMap<KeyId, LiveKey>,
    /// Whether every page came and they agreed with each other.
    pub completeness: Completeness,
    /// The server's time when the first answer came.
    pub now: Timestamp,
    /// The server's time less this machine's, in whole seconds.
    pub clock_skew_seconds: i64,
    /// Names of the file, resolved to ids.
    pub names: ResolvedNames,
    /// Keys whose object could not be read, with the failed call.
    pub unreadable: BTreeMap<KeyId, String>,
    /// Fields and values that this version does not know, each once, for people.
    pub oddities: BTreeSet<String>,
}

/// Whether the list of keys can prove that a key does not exist.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Completeness {
    /// Every page came, and `total` was the same on all and equals the number of distinct ids.
    Complete,
    /// Pages and totals did not agree, three times.
    Unstable {
        /// What the pages said last.
        total: u64,
        /// How many distinct keys they held.
        seen: u64,
    },
}

/// The names whose ids are needed.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Names {
    /// Slugs of workspaces.
    pub workspaces: BTreeSet<String>,
    /// E-mails of users.
    pub users: BTreeSet<String>,
    /// Slugs of configs, with the workspace (slug or UUID) in which each is looked for.
    pub configs: BTreeSet<(Option<String>, String)>,
}

/// What [`Names`] stand for; a name that is not here does not exist.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ResolvedNames {
    /// Slug to UUID.
    pub workspaces: BTreeMap<String, WorkspaceId>,
    /// E-mail to id.
    pub users: BTreeMap<String, UserId>,
    /// Workspace and slug to UUID.
    pub configs: BTreeMap<(Option<String>, String), ConfigId>,
    /// Every slug of a workspace that was seen on the way, for suggestions.
    pub known_workspaces: BTreeMap<String, WorkspaceId>,
}

/// One live key.
#[derive(Clone, Debug, PartialEq)]
pub struct LiveKey {
    /// Its id.
    pub id: KeyId,
    /// Its name; not unique.
    pub name: String,
    /// Its kind; `None` for a kind that this version does not know.
    pub kind: Option<KeyKind>,
    /// Where it belongs; `None` for organisation keys.
    pub workspace: Option<WorkspaceId>,
    /// Who owns it; `None` for service keys.
    pub user: Option<UserId>,
    /// `active`, `exhausted`, `expired`, or a word newer than this version.
    pub status: String,
    /// Whether Portkey made it by itself when a user joined (`creation_mode: auto`).
    pub created_automatically: bool,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// When it was changed last, by anybody, background workers included.
    pub last_updated_at: Option<Timestamp>,
    /// When its usage was reset last.
    pub last_reset_at: Option<Timestamp>,
    /// Whether the service says so at all: backends before 1.13 do not (portkey-api.md 2.3).
    pub shows_last_reset: bool,
    /// What is shown of its secret.
    pub mask: Option<Mask>,
    /// The text that people wrote; the mark is taken off.
    pub description: String,
    /// The mark, if it was written for this key.
    pub mark: Option<Mark>,
    /// As a set: the order means nothing.
    pub scopes: BTreeSet<String>,
    /// Sorted by type and unit; `[]` and null are the same.
    pub rate_limits: Vec<RateLimit>,
    /// Without bookkeeping; an object of pure bookkeeping is `None`.
    pub usage_limits: Option<UsageLimits>,
    /// Empty for null and `{}`.
    pub metadata: BTreeMap<String, Value>,
    /// The bound config.
    pub config_id: Option<ConfigId>,
    /// From the top-level field, where null and 1 are both "yes" (portkey-api.md 2.3).
    pub allow_config_override: bool,
    /// Empty for null and `[]`.
    pub alert_emails: BTreeSet<String>,
    /// `None` is never.
    pub expires_at: Option<Timestamp>,
    /// `Unmanaged` stands for "not known": list rows may not carry it (portkey-api.md 2.1).
    pub rotation_policy: Setting<RotationPolicy>,
}

impl LiveKey {
    /// A key with nothing set: what a create is compared with.
    pub fn blank(kind: KeyKind, name: &str) -> Self {
        Self {
            id: KeyId::new(""),
            name: name.to_owned(),
            kind: Some(kind),
            workspace: None,
            user: None,
            status: "active".to_owned(),
            created_automatically: false,
            created_at: None,
            last_updated_at: None,
            last_reset_at: None,
            shows_last_reset: true,
            mask: None,
            description: String::new(),
            mark: None,
            scopes: BTreeSet::new(),
            rate_limits: Vec::new(),
            usage_limits: None,
            metadata: BTreeMap::new(),
            config_id: None,
            allow_config_override: true,
            alert_emails: BTreeSet::new(),
            expires_at: None,
            rotation_policy: Setting::Clear,
        }
    }

    /// Whether the mark says that the secret with this mask was delivered.
    pub fn has_committed(&self, mask: &Mask) -> bool {
        let mark = self.mark.as_ref().filter(|mark| mark.new.is_none());
        let committed = mark.and_then(|mark| mark.secret.as_ref());
        committed.is_some_and(|secret| secret.is(mask))
    }

    /// Whether the key may do this.
    pub fn holds(&self, scope: &str) -> bool {
        self.scopes.contains(scope)
    }
}

/// Which live key the tool runs with.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RunningKey {
    /// Every key that could be it; all of them are treated as it.
    pub candidates: BTreeSet<KeyId>,
    /// Whether it is among them for certain: by its mask, or because the caller said so.
    pub recognised: bool,
}

/// The caller named a key that cannot be the running one.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum SelfError {
    /// No such key.
    #[error("no live key has the id `{id}`")]
    NotThere {
        /// What was named.
        id: KeyId,
    },
    /// The running key is another one.
    #[error("the key `{id}` shows `{shown}`, and the running key is `{running}`")]
    OtherMask {
        /// What was named.
        id: KeyId,
        /// Its mask.
        shown: Mask,
        /// Ours.
        running: Mask,
    },
}

impl RunningKey {
    /// Recognises the running key by its mask (no public endpoint returns its id, portkey-api.md 7).
    ///
    /// Where no key shows that mask, the caller may be running with a previous secret in transition:
    /// then every key that manages keys, and every key with a mask of unknown shape, could be it.
    pub fn recognise(live: &Live, mask: &Mask) -> Self {
        let ids = |fits: &dyn Fn(&LiveKey) -> bool| -> BTreeSet<KeyId> {
            live.keys.values().filter(|key| fits(key)).map(|key| key.id.clone()).collect()
        };
        let by_mask = ids(&|key| key.mask.as_ref() == Some(mask));
        if !by_mask.is_empty() {
            return Self { candidates: by_mask, recognised: true };
        }
        let candidates = ids(&|key| {
            key.mask.as_ref().and_then(Mask::ends).is_none()
                || key.scopes.iter().any(|scope| scope.contains("_api_keys."))
        });
        Self { candidates, recognised: false }
    }

    /// Takes the caller's word for which key it is, unless the masks say otherwise.
    pub fn told(live: &Live, mask: &Mask, id: &KeyId) -> Result<Self, SelfError> {
        let Some(key) = live.keys.get(id) else {
            return Err(SelfError::NotThere { id: id.clone() });
        };
        let recognised = Self::recognise(live, mask);
        match &key.mask {
            Some(shown) if recognised.recognised && !recognised.could_be(id) => {
                Err(SelfError::OtherMask { id: id.clone(), shown: shown.clone(), running: mask.clone() })
            }
            _ => Ok(Self { candidates: BTreeSet::from([id.clone()]), recognised: true }),
        }
    }

    /// Whether this key could be the running one.
    pub fn could_be(&self, id: &KeyId) -> bool {
        self.candidates.contains(id)
    }

    /// The key, if exactly one could be it.
    pub fn only<'a>(&self, live: &'a Live) -> Option<&'a LiveKey> {
        match self.candidates.len() {
            1 => self.candidates.first().and_then(|id| live.keys.get(id)),
            _ => None,
        }
    }
}

impl Live {
    /// The key with this id, as somebody wrote it: UUIDs mean the same in capitals.
    pub fn key(&self, id: &KeyId) -> Option<&LiveKey> {
        self.keys.get(id).or_else(|| self.keys.get(&KeyId::new(id.as_str().to_ascii_lowercase())))
    }
}

#[cfg(test)]
impl Live {
    /// A live side from rows as the API shows them, for tests of what comes after.
    pub(crate) fn from_rows(rows: Vec<Value>, now: &str) -> Self {
        let rows: Vec<_> = rows.into_iter().map(|row| crate::api::KeyRow::from_json(row).unwrap()).collect();
        let mut oddities = BTreeSet::new();
        let organisation = rows.iter().find_map(|row| row.organisation_id.clone());
        let carried = normalise::RotationPolicyInRows::Carried;
        let keys = rows
            .into_iter()
            .map(|row| (row.id.clone(), normalise::live_key(row, carried, &mut oddities)))
            .collect();
        Self {
            organisation,
            keys,
            completeness: Completeness::Complete,
            now: now.parse().unwrap(),
            clock_skew_seconds: 0,
            names: ResolvedNames::default(),
            unreadable: BTreeMap::new(),
            oddities,
        }
    }
}
