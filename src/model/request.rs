//! The bodies of writes, as the Admin API takes them. The plan shows what it will send by showing these.
//!
//! A field of `None` is left out and stays unchanged; `Some(None)` is an explicit `null` and clears.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::Serialize;
use serde_json::Value;

use super::{
    Amount, ConfigId, KeyKind, PeriodicReset, RateLimit, RotationPeriod, UsageType, UserId, WorkspaceId,
};

/// The body of `PUT /api-keys/{id}`: only the fields that differ.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct KeyUpdate {
    /// A new name.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub name: Option<String>,
    /// The text with the mark at its end; `""` clears (null is unproven, portkey-api.md 3).
    #[serde(skip_serializing_if = "Option::is_none")]
    pub description: Option<String>,
    /// The whole list, in the order of the file.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub scopes: Option<Vec<String>>,
    /// The whole list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rate_limits: Option<Option<Vec<RateLimit>>>,
    /// The whole object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub usage_limits: Option<Option<UsageLimitsPatch>>,
    /// Sub-fields are independent of each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub defaults: Option<DefaultsPatch>,
    /// The whole list.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_emails: Option<Option<Vec<String>>>,
    /// When the key stops working.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<Option<Timestamp>>,
    /// The whole object.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_policy: Option<Option<RotationPolicyPatch>>,
    /// `true` sets the counters to 0 once; never stored.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub reset_usage: Option<bool>,
}

/// `usage_limits` in a request: complete, with a null for what the live key has and the file has not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct UsageLimitsPatch {
    /// See [`super::UsageLimits`].
    #[serde(rename = "type", skip_serializing_if = "Option::is_none")]
    pub kind: Option<UsageType>,
    /// See [`super::UsageLimits`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub credit_limit: Option<Option<Amount>>,
    /// See [`super::UsageLimits`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub alert_threshold: Option<Option<Amount>>,
    /// See [`super::UsageLimits`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub periodic_reset: Option<Option<PeriodicReset>>,
    /// See [`super::UsageLimits`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub periodic_reset_days: Option<Option<u32>>,
}

/// `defaults` in a request.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct DefaultsPatch {
    /// The whole resulting map; `{}` removes all. Entries that the file does not manage are sent as
    /// they came, whatever their type.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub metadata: Option<BTreeMap<String, Value>>,
    /// The bound config.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub config_id: Option<Option<ConfigId>>,
    /// Whether requests may bring a config of their own.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub allow_config_override: Option<bool>,
}

/// `rotation_policy` in a request: complete, with a null for what the live key has and the file has not.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
pub struct RotationPolicyPatch {
    /// See [`super::RotationPolicy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_period: Option<Option<RotationPeriod>>,
    /// See [`super::RotationPolicy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub rotation_period_days: Option<Option<u32>>,
    /// See [`super::RotationPolicy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub next_rotation_at: Option<Option<Timestamp>>,
    /// See [`super::RotationPolicy`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub key_transition_period_ms: Option<u64>,
}

/// The body of `POST /api-keys/{type}/{sub-type}`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct KeyCreate {
    /// Decides the path, not the body.
    #[serde(skip)]
    pub kind: KeyKind,
    /// Where the key belongs; `None` for organisation keys.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub workspace_id: Option<WorkspaceId>,
    /// Who owns a user key.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub user_id: Option<UserId>,
    /// Everything else, in the same shape as an update.
    #[serde(flatten)]
    pub fields: KeyUpdate,
}

impl KeyUpdate {
    /// Whether there is nothing to send.
    pub fn is_empty(&self) -> bool {
        *self == Self::default()
    }
}
