//! One row of the API as a [`LiveKey`]: here the vendor's many ways to say "unset" end.

use std::collections::BTreeSet;

use super::LiveKey;
use crate::api::{CreationMode, KeyRow};
use crate::model::{Mark, RotationPolicy, Setting, UsageLimits};

/// Whether rows carry `rotation_policy` at all: unproven, so one row that has it decides for all
/// (portkey-api.md 2.1 and 11).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum RotationPolicyInRows {
    Carried,
    NotKnown,
}

/// Normalises one row and notes what this version does not know.
pub(super) fn live_key(
    row: KeyRow,
    rotation: RotationPolicyInRows,
    oddities: &mut BTreeSet<String>,
) -> LiveKey {
    for field in &row.unknown_fields {
        oddities.insert(format!("keys have a field `{field}`"));
    }
    for unknown in &row.unknown_values {
        oddities.insert(format!("the field `{}` of a key holds {}", unknown.field, unknown.value));
    }
    let shows_last_reset = row.carries("last_reset_at");
    let (description, mark) = Mark::split(row.description.as_deref().unwrap_or_default(), &row.id);
    let mut rate_limits = row.rate_limits.unwrap_or_default();
    rate_limits.sort();
    LiveKey {
        name: row.name.unwrap_or_default(),
        kind: row.kind,
        workspace: row.workspace_id,
        user: row.user_id,
        status: row.status.map_or_else(|| "unknown".to_owned(), |status| status.to_string()),
        created_automatically: row.creation_mode == Some(CreationMode::Auto),
        created_at: row.created_at,
        last_updated_at: row.last_updated_at,
        last_reset_at: row.last_reset_at,
        shows_last_reset,
        mask: row.mask,
        description,
        mark,
        scopes: row.scopes.unwrap_or_default().into_iter().collect(),
        rate_limits,
        usage_limits: row.usage_limits.filter(|limits| *limits != UsageLimits::default()),
        metadata: row.metadata.unwrap_or_default(),
        config_id: row.config_id,
        allow_config_override: row.allow_config_override.unwrap_or(true),
        alert_emails: row.alert_emails.unwrap_or_default().into_iter().collect(),
        expires_at: row.expires_at,
        rotation_policy: rotation_policy(row.rotation_policy, rotation),
        id: row.id,
    }
}

fn rotation_policy(
    policy: Option<RotationPolicy>,
    rotation: RotationPolicyInRows,
) -> Setting<RotationPolicy> {
    match (policy, rotation) {
        (Some(policy), _) if policy == RotationPolicy::default() => Setting::Clear,
        (Some(policy), _) => Setting::Set(policy),
        (None, RotationPolicyInRows::Carried) => Setting::Clear,
        (None, RotationPolicyInRows::NotKnown) => Setting::Unmanaged,
    }
}
