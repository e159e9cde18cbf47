//! How keys read: the shapes of portkey-api.md 2.3, quirks included.

use std::collections::HashSet;

use serde_json::{Map, Value, json};

use super::{
    clock::written,
    secret::mask,
    switches::{
        AmountsInAnswers, RotationPolicyInRows, ScopesInAnswers, Switches, UnsetAlertEmails,
        UnsetAllowConfigOverride, UnsetDescription, UnsetMetadata, UnsetRateLimits, UnsetUsageType,
        UserKeysInAnswers,
    },
    world::{Defaults, Key, Kind, RotationPolicy, Status, World},
};

/// The object that a GET by id answers.
pub(super) fn object(key: &Key, world: &World) -> Value {
    let mut object = common(key, world);
    let next_reset = key.usage_limits.as_ref().and_then(|limits| limits.next_usage_reset_at);
    object.insert("next_usage_reset_at".into(), next_reset.map(written).into());
    if let Some(Value::Object(defaults)) = object.get_mut("defaults") {
        // A plain boolean here: false also where the top-level field is null.
        let allowed = key.defaults.as_ref().is_some_and(|defaults| defaults.allow_config_override);
        defaults.insert("allow_config_override".into(), allowed.into());
    }
    if let Some(policy) = &key.rotation_policy {
        object.insert("rotation_policy".into(), show_policy(policy));
    }
    Value::Object(object)
}

/// The thinner object in a list.
pub(super) fn row(key: &Key, world: &World) -> Value {
    let mut object = common(key, world);
    let shown = world.switches.rotation_policy_in_rows == RotationPolicyInRows::Shown;
    if let Some(policy) = key.rotation_policy.as_ref().filter(|_| shown) {
        object.insert("rotation_policy".into(), show_policy(policy));
    }
    Value::Object(object)
}

fn common(key: &Key, world: &World) -> Map<String, Value> {
    let World { organisation, switches, .. } = world;
    let mut object = Map::new();
    let mut put = |name: &str, value: Value| object.insert(name.to_owned(), value);
    put("id", key.id.as_str().into());
    put("key", show_secret(key, switches).into());
    put("name", key.name.as_str().into());
    put("description", show_description(key, switches));
    put("type", key.kind.name().into());
    put("organisation_id", organisation.id.as_str().into());
    put("workspace_id", key.workspace_id.clone().into());
    put("user_id", key.user_id.clone().into());
    put("status", json!(key.status));
    put("created_at", written(key.created_at).into());
    put("last_updated_at", written(key.last_updated_at).into());
    put("creation_mode", json!(key.creation_mode));
    put("rate_limits", show_rate_limits(key, switches));
    put("usage_limits", show_usage_limits(key, switches));
    put("reset_usage", Value::Null);
    put("expires_at", key.expires_at.map(written).into());
    put("last_reset_at", key.last_reset_at.map(written).into());
    put("alert_emails", show_alert_emails(key, switches));
    put("expiry_enforced", u8::from(world.enforces_expiry(key)).into());
    put("allow_config_override", show_override(key, switches));
    put("api_key_defaults_id", key.defaults.as_ref().map(|row| row.id.as_str()).into());
    put("scopes", json!(show_scopes(key, switches)));
    put("defaults", show_defaults(key.defaults.as_ref(), switches));
    put("object", "api-key".into());
    object
}

fn show_secret(key: &Key, switches: &Switches) -> String {
    match switches.user_keys_in_answers {
        UserKeysInAnswers::Raw if key.kind == Kind::WorkspaceUser => key.secret.clone(),
        UserKeysInAnswers::Raw | UserKeysInAnswers::Masked => mask(&key.secret),
    }
}

fn show_scopes<'a>(key: &'a Key, switches: &Switches) -> Vec<&'a str> {
    let mut scopes: Vec<&str> = key.scopes.iter().map(String::as_str).collect();
    match switches.scopes_in_answers {
        ScopesInAnswers::AsWritten => {}
        ScopesInAnswers::Distinct => {
            let mut seen = HashSet::new();
            scopes.retain(|scope| seen.insert(*scope));
        }
        ScopesInAnswers::Sorted => {
            scopes.sort_unstable();
            scopes.dedup();
        }
    }
    scopes
}

fn show_description(key: &Key, switches: &Switches) -> Value {
    let text = key.description.clone();
    let is_set = text.as_ref().is_some_and(|text| !text.is_empty());
    match switches.unset_description {
        UnsetDescription::AsEmpty if !is_set => "".into(),
        UnsetDescription::AsNull if !is_set => Value::Null,
        _ => text.into(),
    }
}

fn show_rate_limits(key: &Key, switches: &Switches) -> Value {
    match (&key.rate_limits, switches.unset_rate_limits) {
        (Some(limits), _) => json!(limits),
        (None, UnsetRateLimits::AsEmpty) => json!([]),
        (None, UnsetRateLimits::AsNull) => Value::Null,
    }
}

fn show_alert_emails(key: &Key, switches: &Switches) -> Value {
    match (&key.alert_emails, switches.unset_alert_emails) {
        (Some(emails), _) => json!(emails),
        (None, UnsetAlertEmails::AsNull) => Value::Null,
        (None, UnsetAlertEmails::AsEmpty) => json!([]),
    }
}

/// An integer, not a boolean (portkey-api.md 2.3).
fn show_override(key: &Key, switches: &Switches) -> Value {
    match (&key.defaults, switches.unset_allow_config_override) {
        (Some(row), _) => u8::from(row.allow_config_override).into(),
        (None, UnsetAllowConfigOverride::AsNull) => Value::Null,
        (None, UnsetAllowConfigOverride::AsOne) => 1.into(),
    }
}

fn show_defaults(defaults: Option<&Defaults>, switches: &Switches) -> Value {
    let metadata = match (defaults.and_then(|row| row.metadata.clone()), switches.unset_metadata) {
        (Some(metadata), _) => Value::Object(metadata),
        (None, UnsetMetadata::AsNull) => Value::Null,
        (None, UnsetMetadata::AsEmpty) => json!({}),
    };
    let config_id = defaults.and_then(|row| row.config_id.clone());
    json!({"metadata": metadata, "config_id": config_id})
}

/// The limits, and with them what the server keeps books of: an object of flags alone is possible (portkey-api.md
/// 2.3).
fn show_usage_limits(key: &Key, switches: &Switches) -> Value {
    let mut shown = Map::new();
    if let Some(limits) = &key.usage_limits {
        if let Ok(Value::Object(fields)) = serde_json::to_value(limits) {
            shown = fields;
        }
        if switches.unset_usage_type == UnsetUsageType::AsCost {
            shown.entry("type").or_insert_with(|| "cost".into());
        }
        if switches.amounts_in_answers == AmountsInAnswers::WithFraction {
            for name in ["credit_limit", "alert_threshold"] {
                if let Some(amount) = shown.get_mut(name) {
                    *amount = json!(amount.as_f64());
                }
            }
        }
        if let Some(next) = limits.next_usage_reset_at {
            shown.insert("next_usage_reset_at".into(), written(next).into());
        }
        shown.insert("is_threshold_alerts_sent".into(), key.threshold_alert_sent.into());
        shown.insert("is_exhausted_alerts_sent".into(), (key.status == Status::Exhausted).into());
    }
    if key.expired_alert_sent {
        shown.insert("is_expired_alerts_sent".into(), true.into());
    }
    if shown.is_empty() { Value::Null } else { Value::Object(shown) }
}

fn show_policy(policy: &RotationPolicy) -> Value {
    let mut shown = Map::new();
    if let Some(period) = &policy.rotation_period {
        shown.insert("rotation_period".into(), period.as_str().into());
    }
    if let Some(days) = policy.rotation_period_days {
        shown.insert("rotation_period_days".into(), days.into());
    }
    shown.insert("next_rotation_at".into(), policy.next_rotation_at.map(written).into());
    shown.insert("key_transition_period_ms".into(), policy.key_transition_period_ms.into());
    shown.insert("status".into(), "ACTIVE".into());
    Value::Object(shown)
}
