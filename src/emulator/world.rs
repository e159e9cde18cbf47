//! What the emulated organisation holds.
//!
//! No I/O. Times are passed in.

use std::{
    cmp::Reverse,
    collections::{BTreeMap, HashMap},
};

use jiff::{SignedDuration, Timestamp};
use serde::{Deserialize, Deserializer, Serialize, Serializer};
use serde_json::{Map, Number, Value};

use super::{
    Error,
    audit::AuditLog,
    permissions,
    rate_windows::RateWindows,
    rules::{Feature, Settings},
    secret::new_secret,
    switches::Switches,
};

/// Everything that survives a restart, the clock aside.
#[derive(Serialize, Deserialize)]
pub(super) struct World {
    pub(super) organisation: Organisation,
    pub(super) workspaces: Vec<Workspace>,
    pub(super) users: Vec<User>,
    pub(super) configs: Vec<Config>,
    pub(super) keys: Keys,
    #[serde(default)]
    pub(super) audit: AuditLog,
    /// Forgotten when the emulator ends.
    #[serde(skip)]
    pub(super) rate_windows: RateWindows,
    /// Every secret ever issued, oldest first, those of deleted keys included.
    pub(super) issued: Vec<Issued>,
    /// The id of the key that `Running::admin_key` tells of.
    pub(super) admin: Option<String>,
    /// States from before there were switches have none.
    #[serde(default)]
    pub(super) switches: Switches,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Organisation {
    pub(super) id: String,
    pub(super) name: String,
    #[serde(default)]
    pub(super) settings: Settings,
    /// What the metadata of every key has to fit.
    #[serde(default)]
    pub(super) metadata_schema: Option<Value>,
    /// Keys are made for users who join.
    #[serde(default)]
    pub(super) auto_user_keys: bool,
    /// Nobody has these scopes, whatever a key says.
    #[serde(default)]
    pub(super) withheld_scopes: Vec<String>,
    #[serde(default)]
    pub(super) plan_lacks: Vec<Feature>,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Workspace {
    pub(super) id: String,
    pub(super) slug: String,
    pub(super) name: String,
    /// An emoji that stands before the name.
    #[serde(default)]
    pub(super) icon: Option<String>,
    pub(super) description: Option<String>,
    pub(super) defaults: Option<Value>,
    #[serde(default)]
    pub(super) usage_limits: Option<Value>,
    #[serde(default)]
    pub(super) rate_limits: Option<Value>,
    #[serde(default)]
    pub(super) settings: Settings,
    /// What the metadata of its keys has to fit.
    #[serde(default)]
    pub(super) metadata_schema: Option<Value>,
    pub(super) status: WorkspaceStatus,
    pub(super) is_default: bool,
    pub(super) created_at: Timestamp,
    /// None: as it was created.
    #[serde(default)]
    pub(super) last_updated_at: Option<Timestamp>,
}

#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum WorkspaceStatus {
    Active,
    Archived,
}

#[derive(Serialize, Deserialize)]
pub(super) struct User {
    pub(super) id: String,
    pub(super) email: String,
    pub(super) first_name: String,
    pub(super) last_name: String,
    pub(super) role: String,
    pub(super) created_at: Timestamp,
}

#[derive(Clone, Serialize, Deserialize)]
pub(super) struct Config {
    pub(super) id: String,
    pub(super) slug: String,
    pub(super) name: String,
    pub(super) workspace_id: String,
    pub(super) content: Value,
    pub(super) version_id: String,
    pub(super) created_at: Timestamp,
}

#[derive(Serialize, Deserialize)]
pub(super) struct Issued {
    pub(super) key_id: String,
    pub(super) secret: String,
}

/// The three types of key.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "kebab-case")]
pub(super) enum Kind {
    OrganisationService,
    WorkspaceService,
    WorkspaceUser,
}

impl Kind {
    /// As `type` reads.
    pub(super) fn name(self) -> &'static str {
        match self {
            Self::OrganisationService => "organisation-service",
            Self::WorkspaceService => "workspace-service",
            Self::WorkspaceUser => "workspace-user",
        }
    }

    /// The group of the scopes that manage keys of this type.
    pub(super) fn scope_group(self) -> &'static str {
        match self {
            Self::OrganisationService => "organisation_service_api_keys",
            Self::WorkspaceService => "workspace_service_api_keys",
            Self::WorkspaceUser => "workspace_user_api_keys",
        }
    }
}

/// Statuses that a key was seen with (portkey-api.md 7).
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Status {
    Active,
    Exhausted,
    Expired,
}

/// How a key came to be.
#[derive(Clone, Copy, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum CreationMode {
    Ui,
    Api,
    Auto,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Key {
    pub(super) id: String,
    pub(super) name: String,
    pub(super) description: Option<String>,
    pub(super) kind: Kind,
    pub(super) workspace_id: Option<String>,
    pub(super) user_id: Option<String>,
    pub(super) status: Status,
    pub(super) created_at: Timestamp,
    pub(super) last_updated_at: Timestamp,
    pub(super) creation_mode: CreationMode,
    pub(super) scopes: Vec<String>,
    pub(super) rate_limits: Option<Vec<RateLimit>>,
    pub(super) usage_limits: Option<UsageLimits>,
    pub(super) usage: f64,
    /// People were told that the usage is past the threshold; it leaks into `usage_limits`.
    #[serde(default)]
    pub(super) threshold_alert_sent: bool,
    pub(super) last_reset_at: Option<Timestamp>,
    pub(super) alert_emails: Option<Vec<String>>,
    pub(super) expires_at: Option<Timestamp>,
    pub(super) defaults: Option<Defaults>,
    pub(super) rotation_policy: Option<RotationPolicy>,
    /// The worker has told people that the key expired; it leaks into `usage_limits`.
    pub(super) expired_alert_sent: bool,
    pub(super) secret: String,
    pub(super) previous: Option<Previous>,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RateLimit {
    #[serde(rename = "type")]
    pub(super) kind: String,
    pub(super) unit: String,
    pub(super) value: u64,
}

#[derive(Clone, Default, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct UsageLimits {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) credit_limit: Option<Number>,
    #[serde(rename = "type", default, skip_serializing_if = "Option::is_none")]
    pub(super) kind: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) alert_threshold: Option<Number>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) periodic_reset: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) periodic_reset_days: Option<u16>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub(super) next_usage_reset_at: Option<Timestamp>,
}

/// The row behind `defaults`; once written it stays (truth table in portkey-api.md 2.3).
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Defaults {
    pub(super) id: String,
    pub(super) metadata: Option<Map<String, Value>>,
    pub(super) config_id: Option<String>,
    pub(super) allow_config_override: bool,
}

#[derive(Clone, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct RotationPolicy {
    #[serde(default)]
    pub(super) rotation_period: Option<String>,
    #[serde(default)]
    pub(super) rotation_period_days: Option<u16>,
    #[serde(default)]
    pub(super) next_rotation_at: Option<Timestamp>,
    #[serde(default = "shortest_transition")]
    pub(super) key_transition_period_ms: i64,
}

/// The least and the default transition (portkey-api.md 4).
pub(super) const SHORTEST_TRANSITION_MS: i64 = 1_800_000;

fn shortest_transition() -> i64 {
    SHORTEST_TRANSITION_MS
}

/// A rotated-out secret and until when it is accepted.
#[derive(Clone, PartialEq, Serialize, Deserialize)]
pub(super) struct Previous {
    pub(super) secret: String,
    pub(super) until: Timestamp,
}

impl Key {
    /// Whether a caller with this secret is let in now, as far as the secret goes.
    pub(super) fn accepts(&self, secret: &str, now: Timestamp) -> bool {
        self.secret == secret
            || self
                .previous
                .as_ref()
                .is_some_and(|previous| previous.secret == secret && now < previous.until)
    }

    pub(super) fn has_expired(&self, now: Timestamp) -> bool {
        self.expires_at.is_some_and(|at| at <= now)
    }

    pub(super) fn in_transition(&self, now: Timestamp) -> bool {
        self.previous.as_ref().is_some_and(|previous| now < previous.until)
    }

    /// Whether the usage has reached the credit limit. A missing limit, or one of 0, limits nothing (portkey-api.md
    /// 2.4).
    pub(super) fn is_used_up(&self) -> bool {
        let limit = self.usage_limits.as_ref().and_then(|limits| limits.credit_limit.as_ref()?.as_f64());
        limit.is_some_and(|limit| limit > 0.0 && self.usage >= limit)
    }

    /// Whether the usage has reached the threshold of alerts.
    pub(super) fn is_past_threshold(&self) -> bool {
        let threshold =
            self.usage_limits.as_ref().and_then(|limits| limits.alert_threshold.as_ref()?.as_f64());
        threshold.is_some_and(|threshold| self.usage >= threshold)
    }

    /// Puts a new secret in force; the present one lives on until the transition ends.
    pub(super) fn rotate(&mut self, secret: String, now: Timestamp, transition_ms: i64) -> Timestamp {
        let until = now.saturating_add(SignedDuration::from_millis(transition_ms)).unwrap_or(Timestamp::MAX);
        let outgoing = std::mem::replace(&mut self.secret, secret);
        self.previous = Some(Previous { secret: outgoing, until });
        if let Some(policy) = &mut self.rotation_policy {
            policy.next_rotation_at = policy.next_after(now);
        }
        until
    }
}

impl Workspace {
    /// The config that new keys of users are bound to, as slug or UUID.
    pub(super) fn usual_config(&self) -> Option<&str> {
        self.defaults.as_ref()?.get("user_api_key_config")?.as_str()
    }
}

impl World {
    /// A workspace by slug or UUID; both are accepted wherever one is named.
    pub(super) fn workspace(&self, slug_or_id: &str) -> Option<&Workspace> {
        self.workspaces.iter().find(|workspace| workspace.id == slug_or_id || workspace.slug == slug_or_id)
    }

    pub(super) fn config(&self, slug_or_id: &str) -> Option<&Config> {
        self.configs.iter().find(|config| config.id == slug_or_id || config.slug == slug_or_id)
    }

    /// Whether a key is bound to the config, or new keys of a workspace are (portkey-api.md 3).
    pub(super) fn is_config_used(&self, config: &Config) -> bool {
        let bound =
            |key: &Key| key.defaults.as_ref().is_some_and(|row| row.config_id.as_ref() == Some(&config.id));
        let usual = |workspace: &Workspace| {
            workspace.usual_config().is_some_and(|named| named == config.id || named == config.slug)
        };
        self.keys.iter().any(bound) || self.workspaces.iter().any(usual)
    }

    /// Remembers a secret for `/_emulator/secrets`.
    pub(super) fn note_issued(&mut self, key_id: &str, secret: &str) {
        self.issued.push(Issued { key_id: key_id.to_owned(), secret: secret.to_owned() });
    }

    /// Sees to it that an administrative key exists: the one marked so, else the one that has the given secret, else a
    /// new one. Gives it the given secret, if there is one, and returns what it has.
    pub(super) fn ensure_admin(&mut self, secret: Option<&str>, now: Timestamp) -> Result<String, Error> {
        let marked = self.admin.as_ref().and_then(|id| self.keys.get(id));
        let holder = secret.and_then(|secret| self.keys.by_secret(secret));
        if let (Some(marked), Some(holder)) = (marked, holder)
            && marked.id != holder.id
        {
            return Err(Error::AdminKeyTaken { name: holder.name.clone() });
        }
        let mut key = marked.or(holder).cloned().unwrap_or_else(|| self.new_admin(now));
        if let Some(secret) = secret {
            secret.clone_into(&mut key.secret);
        }
        if !self.issued.iter().any(|issued| issued.secret == key.secret) {
            self.note_issued(&key.id, &key.secret);
        }
        self.admin = Some(key.id.clone());
        let secret = key.secret.clone();
        self.keys.put(key);
        Ok(secret)
    }

    fn new_admin(&self, now: Timestamp) -> Key {
        let id = super::seed::derived_id(&format!("{}/admin key", self.organisation.id));
        Key {
            name: "admin".to_owned(),
            description: Some("The emulator's administrative key".to_owned()),
            creation_mode: CreationMode::Ui,
            scopes: permissions::admin_scopes(),
            ..Key::blank(id, Kind::OrganisationService, now)
        }
    }
}

impl Key {
    /// A key with a new secret and nothing set, made through the API.
    pub(super) fn blank(id: String, kind: Kind, now: Timestamp) -> Self {
        Self {
            id,
            name: String::new(),
            description: None,
            kind,
            workspace_id: None,
            user_id: None,
            status: Status::Active,
            created_at: now,
            last_updated_at: now,
            creation_mode: CreationMode::Api,
            scopes: Vec::new(),
            rate_limits: None,
            usage_limits: None,
            usage: 0.0,
            threshold_alert_sent: false,
            last_reset_at: None,
            alert_emails: None,
            expires_at: None,
            defaults: None,
            rotation_policy: None,
            expired_alert_sent: false,
            secret: new_secret(),
            previous: None,
        }
    }
}

/// Where a key stands in the list: newest first, then by id. Live order of equal dates is not known; the id makes it
/// stable.
type Place = (Reverse<Timestamp>, String);

/// The keys, in list order and found by id and by secret.
#[derive(Clone, Default)]
pub(super) struct Keys {
    ordered: BTreeMap<Place, Key>,
    created: HashMap<String, Timestamp>,
    by_secret: HashMap<String, String>,
    /// The key that the latest write touched, as it was before: what a stale read shows.
    latest: Option<(String, Option<Key>)>,
    /// No worker has anything to do before this; none: never.
    pub(super) idle_until: Option<Timestamp>,
}

impl Keys {
    pub(super) fn get(&self, id: &str) -> Option<&Key> {
        self.ordered.get(&self.place(id)?)
    }

    /// The key whose current or previous secret this is.
    pub(super) fn by_secret(&self, secret: &str) -> Option<&Key> {
        self.get(self.by_secret.get(secret)?)
    }

    pub(super) fn len(&self) -> usize {
        self.ordered.len()
    }

    /// All keys in list order.
    pub(super) fn iter(&self) -> impl Iterator<Item = &Key> {
        self.ordered.values()
    }

    /// The ids of the keys that this holds for.
    pub(super) fn ids(&self, holds: impl Fn(&Key) -> bool) -> Vec<String> {
        self.iter().filter(|key| holds(key)).map(|key| key.id.clone()).collect()
    }

    /// Stores a key, new or changed, as a write that a stale read does not see.
    pub(super) fn write(&mut self, key: Key) {
        let id = key.id.clone();
        let before = self.put(key);
        self.latest = Some((id, before));
    }

    /// Deletes a key, as a write that a stale read does not see.
    pub(super) fn erase(&mut self, id: &str) {
        let before = self.remove(id);
        self.latest = Some((id.to_owned(), before));
    }

    /// Exchanges the key of the latest write with what it was before; twice is no change.
    pub(super) fn swap_latest(&mut self) {
        if let Some((id, other)) = self.latest.take() {
            let present = match other {
                Some(key) => self.put(key),
                None => self.remove(&id),
            };
            self.latest = Some((id, present));
        }
    }

    /// Stores a key and returns what it replaces.
    pub(super) fn put(&mut self, key: Key) -> Option<Key> {
        let before = self.remove(&key.id);
        if let Some(due) = key.due() {
            self.idle_until = Some(self.idle_until.map_or(due, |until| until.min(due)));
        }
        self.by_secret.insert(key.secret.clone(), key.id.clone());
        if let Some(previous) = &key.previous {
            self.by_secret.insert(previous.secret.clone(), key.id.clone());
        }
        self.created.insert(key.id.clone(), key.created_at);
        self.ordered.insert((Reverse(key.created_at), key.id.clone()), key);
        before
    }

    fn remove(&mut self, id: &str) -> Option<Key> {
        let key = self.ordered.remove(&self.place(id)?)?;
        self.created.remove(id);
        self.by_secret.remove(&key.secret);
        if let Some(previous) = &key.previous {
            self.by_secret.remove(&previous.secret);
        }
        Some(key)
    }

    fn place(&self, id: &str) -> Option<Place> {
        Some((Reverse(*self.created.get(id)?), id.to_owned()))
    }
}

impl FromIterator<Key> for Keys {
    fn from_iter<I: IntoIterator<Item = Key>>(keys: I) -> Self {
        let mut all = Self::default();
        for key in keys {
            all.put(key);
        }
        all
    }
}

impl Serialize for Keys {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(self.iter())
    }
}

impl<'de> Deserialize<'de> for Keys {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        Ok(Vec::<Key>::deserialize(deserializer)?.into_iter().collect())
    }
}
