//! One field of one key, before and after.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use crate::model::{ConfigId, Mark, RateLimit, RotationPolicy, UsageLimits};

/// What `before` and `after` mean: the live value and the value once the change is applied.
#[derive(Clone, Debug, PartialEq)]
#[expect(
    clippy::large_enum_variant,
    reason = "a plan holds few of them, and boxes would show in every match"
)]
pub enum FieldChange {
    /// `name`.
    Name {
        /// Live.
        before: String,
        /// Wanted.
        after: String,
    },
    /// `description`, without the mark.
    Description {
        /// Live.
        before: String,
        /// Wanted; empty to clear.
        after: String,
    },
    /// `scopes`, as a set.
    Scopes {
        /// In the file and not live, in the order of the file.
        added: Vec<String>,
        /// Live and not in the file, sorted.
        dropped: Vec<String>,
        /// The whole list, in the order of the file.
        after: Vec<String>,
    },
    /// `rate_limits`.
    RateLimits {
        /// Live.
        before: Vec<RateLimit>,
        /// Wanted.
        after: Vec<RateLimit>,
    },
    /// `usage_limits`, whole.
    UsageLimits {
        /// Live.
        before: Option<UsageLimits>,
        /// Wanted.
        after: Option<UsageLimits>,
    },
    /// `metadata`, the whole map.
    Metadata {
        /// Live.
        before: BTreeMap<String, Value>,
        /// Live with the managed entries set or taken away.
        after: BTreeMap<String, Value>,
    },
    /// `config_id`.
    ConfigId {
        /// Live.
        before: Option<ConfigId>,
        /// Wanted.
        after: Option<ConfigId>,
        /// As the file writes it: a slug, if it does.
        written: Option<String>,
    },
    /// `allow_config_override`.
    AllowConfigOverride {
        /// Live.
        before: bool,
        /// Wanted.
        after: bool,
    },
    /// `alert_emails`, as a set.
    AlertEmails {
        /// Live.
        before: BTreeSet<String>,
        /// Wanted.
        after: BTreeSet<String>,
    },
    /// `expires_at`; `None` is never.
    ExpiresAt {
        /// Live.
        before: Option<Timestamp>,
        /// Wanted.
        after: Option<Timestamp>,
    },
    /// `rotation_policy`, whole.
    RotationPolicy {
        /// Live.
        before: Option<RotationPolicy>,
        /// Wanted.
        after: Option<RotationPolicy>,
    },
    /// The mark at the end of the description.
    Mark {
        /// Live.
        before: Option<Mark>,
        /// Wanted.
        after: Mark,
    },
}

impl FieldChange {
    /// The field's name in the file; a mark lives in `description`.
    pub fn field(&self) -> &'static str {
        match self {
            Self::Name { .. } => "name",
            Self::Description { .. } | Self::Mark { .. } => "description",
            Self::Scopes { .. } => "scopes",
            Self::RateLimits { .. } => "rate_limits",
            Self::UsageLimits { .. } => "usage_limits",
            Self::Metadata { .. } => "metadata",
            Self::ConfigId { .. } => "config_id",
            Self::AllowConfigOverride { .. } => "allow_config_override",
            Self::AlertEmails { .. } => "alert_emails",
            Self::ExpiresAt { .. } => "expires_at",
            Self::RotationPolicy { .. } => "rotation_policy",
        }
    }
}
