//! The fields of one live key, as a keys file writes them.

use std::collections::BTreeMap;

use serde::Serialize;
use serde_yaml::{Mapping, Value};

use crate::live::LiveKey;
use crate::model::{ConfigId, RotationPolicy, Setting, UsageLimits};
use crate::scopes::{Standing, standing};

/// Whether a scope needs a line in `known_scopes`.
pub(super) fn is_unknown(scope: &str) -> bool {
    standing(scope) == Standing::Unknown
}

/// What is set, and comments on what cannot be said.
pub(super) fn fields(key: &LiveKey, configs: &BTreeMap<ConfigId, String>) -> (Mapping, Vec<String>) {
    let mut fields = Mapping::new();
    let mut comments = Vec::new();
    let mut put = |name: &str, value: Value| {
        fields.insert(name.into(), value);
    };
    if !key.description.is_empty() {
        put("description", key.description.as_str().into());
    }
    if !key.scopes.is_empty() {
        put("scopes", value(&key.scopes));
    }
    if !key.rate_limits.is_empty() {
        put("rate_limits", value(&key.rate_limits));
    }
    if let Some(limits) = &key.usage_limits {
        put("usage_limits", Value::Mapping(usage_limits(limits)));
    }
    if !key.metadata.is_empty() {
        let mut metadata = Mapping::new();
        for (name, entry) in &key.metadata {
            match entry.as_str() {
                Some(text) => {
                    metadata.insert(name.as_str().into(), text.into());
                }
                None => comments.push(format!("metadata.{name} is not managed here: it is no text")),
            }
        }
        if !metadata.is_empty() {
            put("metadata", Value::Mapping(metadata));
        }
    }
    if let Some(config) = &key.config_id {
        put("config_id", configs.get(config).map_or(config.as_str(), String::as_str).into());
    }
    if !key.allow_config_override {
        put("allow_config_override", false.into());
    }
    if !key.alert_emails.is_empty() {
        put("alert_emails", value(&key.alert_emails));
    }
    if let Some(at) = key.expires_at {
        put("expires_at", at.to_string().into());
    }
    if let Setting::Set(policy) = &key.rotation_policy {
        put("rotation_policy", Value::Mapping(rotation_policy(policy)));
    }
    (fields, comments)
}

fn value<T: Serialize>(of: &T) -> Value {
    serde_yaml::to_value(of).unwrap_or(Value::Null)
}

fn usage_limits(limits: &UsageLimits) -> Mapping {
    let UsageLimits { credit_limit, kind, alert_threshold, periodic_reset, periodic_reset_days } = limits;
    let pairs = [
        ("type", kind.as_ref().map(value)),
        ("credit_limit", credit_limit.as_ref().map(value)),
        ("alert_threshold", alert_threshold.as_ref().map(value)),
        ("periodic_reset", periodic_reset.as_ref().map(value)),
        ("periodic_reset_days", periodic_reset_days.as_ref().map(value)),
    ];
    mapping(pairs)
}

fn rotation_policy(policy: &RotationPolicy) -> Mapping {
    let RotationPolicy { rotation_period, rotation_period_days, next_rotation_at, key_transition_period_ms } =
        policy;
    // Beside a period the next date is the service's own, and moves.
    let scheduled = rotation_period.is_some() || rotation_period_days.is_some();
    let pairs = [
        ("rotation_period", rotation_period.as_ref().map(value)),
        ("rotation_period_days", rotation_period_days.as_ref().map(value)),
        ("next_rotation_at", next_rotation_at.filter(|_| !scheduled).map(|at| Value::from(at.to_string()))),
        ("key_transition_period_ms", key_transition_period_ms.as_ref().map(value)),
    ];
    mapping(pairs)
}

fn mapping<const N: usize>(pairs: [(&str, Option<Value>); N]) -> Mapping {
    pairs.into_iter().filter_map(|(name, value)| Some((name.into(), value?))).collect()
}
