//! What the service shows of keys, workspaces, users and configs: typed, not yet normalised.

use std::collections::BTreeMap;
use std::fmt;

use jiff::Timestamp;
use serde_json::Value;

use super::wire;
use crate::model::{
    ConfigId, KeyId, KeyKind, Mask, OrganisationId, RateLimit, RotationPolicy, UsageLimits, UserId,
    WorkspaceId,
};

/// A key, from a list or from a get.
///
/// `None` stands for null as well as for absent; [`KeyRow::carries`] tells them apart.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyRow {
    /// Which key.
    pub id: KeyId,
    /// What the service shows of the secret. A raw value never gets this far.
    pub mask: Option<Mask>,
    /// Not unique.
    pub name: Option<String>,
    /// Text and mark; `""` and null both occur.
    pub description: Option<String>,
    /// `None` also for a kind that this version does not know; then it stands in `unknown_values`.
    pub kind: Option<KeyKind>,
    /// Whose key.
    pub organisation_id: Option<OrganisationId>,
    /// Always the UUID, even if a slug was sent.
    pub workspace_id: Option<WorkspaceId>,
    /// The owner of a user key.
    pub user_id: Option<UserId>,
    /// Whether it works.
    pub status: Option<KeyStatus>,
    /// Precise to the second.
    pub created_at: Option<Timestamp>,
    /// Moved by the service's own workers too.
    pub last_updated_at: Option<Timestamp>,
    /// Who made it.
    pub creation_mode: Option<CreationMode>,
    /// `[]` when unset.
    pub rate_limits: Option<Vec<RateLimit>>,
    /// Without the service's bookkeeping; an object of bookkeeping alone becomes the default value.
    pub usage_limits: Option<UsageLimits>,
    /// When the counters were last set to 0.
    pub last_reset_at: Option<Timestamp>,
    /// When they will be; only in a get.
    pub next_usage_reset_at: Option<Timestamp>,
    /// In the order as submitted.
    pub scopes: Option<Vec<String>>,
    /// `defaults.metadata`. A value that is not text is kept as it is, and stands in `unknown_values`.
    pub metadata: Option<BTreeMap<String, Value>>,
    /// `defaults.config_id`, always the UUID.
    pub config_id: Option<ConfigId>,
    /// The field at the top, where there is one: the one in `defaults` reads `false` even when
    /// nothing was ever set (portkey-api.md 2.3).
    pub allow_config_override: Option<bool>,
    /// Who is told about limits and rotations.
    pub alert_emails: Option<Vec<String>>,
    /// When it stops working.
    pub expires_at: Option<Timestamp>,
    /// Portkey's own schedule. Absent when unset, and perhaps from every row of a list.
    pub rotation_policy: Option<RotationPolicy>,
    /// The documented fields that the answer did not have, in the order of [`KeyRow::FIELDS`].
    pub absent: Vec<&'static str>,
    /// Fields that this version does not know, as in `usage_limits.colour`; sorted.
    pub unknown_fields: Vec<String>,
    /// Values that this version does not know.
    pub unknown_values: Vec<UnknownValue>,
}

/// A value that this version does not know, of a field that it knows.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct UnknownValue {
    /// As in `rate_limits[0].unit`.
    pub field: String,
    /// As the service wrote it; shortened, without control characters.
    pub value: String,
}

/// Whether a key works.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum KeyStatus {
    /// It does.
    Active,
    /// Its budget is used up.
    Exhausted,
    /// Its time is over; set by a worker, minutes late (portkey-api.md 7).
    Expired,
    /// Newer than this version.
    Other(String),
}

/// Who made a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum CreationMode {
    /// A person in Portkey's console.
    Ui,
    /// A program.
    Api,
    /// Portkey itself, for a new member.
    Auto,
    /// Newer than this version.
    Other(String),
}

/// A workspace, as far as it is needed to find its UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct WorkspaceRow {
    /// The UUID, as keys carry it.
    pub id: WorkspaceId,
    /// `ws-…`.
    pub slug: Option<String>,
    /// May begin with an icon.
    pub name: Option<String>,
    /// `active` or `archived`.
    pub status: Option<String>,
}

/// A user of the organisation, as far as it is needed to find their id.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct UserRow {
    /// As keys carry it.
    pub id: UserId,
    /// Their address.
    pub email: Option<String>,
    /// Their role in the organisation.
    pub role: Option<String>,
}

/// A config, as far as it is needed to find its UUID.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ConfigRow {
    /// The UUID, as keys carry it.
    pub id: ConfigId,
    /// `pc-…`.
    pub slug: Option<String>,
    /// For people.
    pub name: Option<String>,
    /// Where it belongs.
    pub workspace_id: Option<WorkspaceId>,
    /// `active` or something else.
    pub status: Option<String>,
}

/// A field that does not hold what it is documented to hold.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{}{problem}", if .field.is_empty() { "it ".to_owned() } else { format!("`{field}` ") })]
pub struct MalformedField {
    /// As in `rate_limits[0].value`; empty for the whole.
    pub field: String,
    /// As in `is "tomorrow", not a time`.
    pub problem: String,
}

impl KeyRow {
    /// The documented fields of a key, in the order of portkey-api.md 2.3.
    pub const FIELDS: [&str; 25] = [
        "id",
        "key",
        "name",
        "description",
        "type",
        "organisation_id",
        "workspace_id",
        "user_id",
        "status",
        "created_at",
        "last_updated_at",
        "creation_mode",
        "rate_limits",
        "usage_limits",
        "last_reset_at",
        "next_usage_reset_at",
        "scopes",
        "defaults",
        "defaults.metadata",
        "defaults.config_id",
        "defaults.allow_config_override",
        "allow_config_override",
        "alert_emails",
        "expires_at",
        "rotation_policy",
    ];

    /// Reads a key. The raw secret, if there is one in it, becomes a mask.
    pub fn from_json(json: Value) -> Result<Self, MalformedField> {
        wire::key_row(json)
    }

    /// Whether the answer had this field, be it null; one of [`KeyRow::FIELDS`].
    pub fn carries(&self, field: &str) -> bool {
        !self.absent.contains(&field)
    }
}

impl KeyStatus {
    /// Reads any status.
    pub fn parse(text: &str) -> Self {
        match text {
            "active" => Self::Active,
            "exhausted" => Self::Exhausted,
            "expired" => Self::Expired,
            other => Self::Other(other.to_owned()),
        }
    }

    /// As the service writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Active => "active",
            Self::Exhausted => "exhausted",
            Self::Expired => "expired",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for KeyStatus {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}

impl CreationMode {
    /// Reads any mode.
    pub fn parse(text: &str) -> Self {
        match text {
            "ui" => Self::Ui,
            "api" => Self::Api,
            "auto" => Self::Auto,
            other => Self::Other(other.to_owned()),
        }
    }

    /// As the service writes it.
    pub fn as_str(&self) -> &str {
        match self {
            Self::Ui => "ui",
            Self::Api => "api",
            Self::Auto => "auto",
            Self::Other(text) => text,
        }
    }
}

impl fmt::Display for CreationMode {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
