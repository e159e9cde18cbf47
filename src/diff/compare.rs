//! One entry of the file against one live key.

use std::collections::BTreeMap;

use jiff::civil::Time;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::Value;

use super::{FieldChange, Ids};
use crate::desired::{DesiredKey, KeySpec};
use crate::live::LiveKey;
use crate::model::{RotationPolicy, Setting, UsageLimits};

/// Every managed field that differs, in the order of the documentation.
pub fn compare(desired: &DesiredKey, ids: &Ids, live: &LiveKey, now: Timestamp) -> Vec<FieldChange> {
    // Destructured whole, so that a new field cannot be forgotten here.
    let KeySpec {
        description,
        scopes,
        rate_limits,
        usage_limits,
        metadata,
        config_id,
        allow_config_override,
        alert_emails,
        expires_at,
        rotation_policy,
    } = &desired.spec;
    [
        compare_name(&desired.address.name, live),
        compare_description(description, live),
        scopes.as_deref().and_then(|wanted| compare_scopes(wanted, live)),
        rate_limits.wanted().and_then(|wanted| {
            let mut after = wanted.cloned().unwrap_or_default();
            after.sort();
            let before = live.rate_limits.clone();
            (before != after).then_some(FieldChange::RateLimits { before, after })
        }),
        usage_limits.wanted().and_then(|wanted| compare_usage_limits(wanted, live)),
        compare_metadata(metadata, live),
        config_id.wanted().and_then(|written| {
            let (before, after) = (live.config_id.clone(), ids.config.clone());
            (before != after).then(|| FieldChange::ConfigId { before, after, written: written.cloned() })
        }),
        allow_config_override.wanted().and_then(|wanted| {
            let (before, after) = (live.allow_config_override, wanted.copied().unwrap_or(true));
            (before != after).then_some(FieldChange::AllowConfigOverride { before, after })
        }),
        alert_emails.wanted().and_then(|wanted| {
            let (before, after) = (live.alert_emails.clone(), wanted.cloned().unwrap_or_default());
            (before != after).then_some(FieldChange::AlertEmails { before, after })
        }),
        expires_at.wanted().and_then(|wanted| {
            let (before, after) = (live.expires_at, wanted.copied());
            (before != after).then_some(FieldChange::ExpiresAt { before, after })
        }),
        rotation_policy.wanted().and_then(|wanted| compare_rotation_policy(wanted, live, now)),
    ]
    .into_iter()
    .flatten()
    .collect()
}

fn compare_name(wanted: &str, live: &LiveKey) -> Option<FieldChange> {
    (live.name != wanted).then(|| FieldChange::Name { before: live.name.clone(), after: wanted.to_owned() })
}

fn compare_description(description: &Setting<String>, live: &LiveKey) -> Option<FieldChange> {
    let after = description.wanted()?.cloned().unwrap_or_default();
    // The file's text has no line break at its end, whatever its style; a live one is none to remove.
    let same = live.description.trim_end_matches(['\n', '\r']) == after;
    (!same).then(|| FieldChange::Description { before: live.description.clone(), after })
}

fn compare_scopes(wanted: &[String], live: &LiveKey) -> Option<FieldChange> {
    let added: Vec<String> = wanted.iter().filter(|scope| !live.scopes.contains(*scope)).cloned().collect();
    let dropped: Vec<String> = live.scopes.iter().filter(|scope| !wanted.contains(scope)).cloned().collect();
    let same = added.is_empty() && dropped.is_empty();
    (!same).then(|| FieldChange::Scopes { added, dropped, after: wanted.to_vec() })
}

pub(super) fn compare_usage_limits(wanted: Option<&UsageLimits>, live: &LiveKey) -> Option<FieldChange> {
    let after = wanted.filter(|limits| **limits != UsageLimits::default()).cloned();
    let before = live.usage_limits.clone();
    let same = match (&before, &after) {
        (None, None) => true,
        (Some(before), Some(after)) => {
            let UsageLimits { credit_limit, kind: _, alert_threshold, periodic_reset, periodic_reset_days } =
                before;
            before.effective_kind() == after.effective_kind()
                && *credit_limit == after.credit_limit
                && *alert_threshold == after.alert_threshold
                && *periodic_reset == after.periodic_reset
                && *periodic_reset_days == after.periodic_reset_days
        }
        (Some(_), None) | (None, Some(_)) => false,
    };
    (!same).then_some(FieldChange::UsageLimits { before, after })
}

fn compare_metadata(
    metadata: &Setting<BTreeMap<String, Option<String>>>,
    live: &LiveKey,
) -> Option<FieldChange> {
    let before = live.metadata.clone();
    let after = match metadata.wanted()? {
        None => BTreeMap::new(),
        Some(entries) => {
            let mut after = before.clone();
            for (name, value) in entries {
                match value {
                    Some(value) => after.insert(name.clone(), Value::String(value.clone())),
                    None => after.remove(name),
                };
            }
            after
        }
    };
    (before != after).then_some(FieldChange::Metadata { before, after })
}

pub(super) fn compare_rotation_policy(
    wanted: Option<&RotationPolicy>,
    live: &LiveKey,
    now: Timestamp,
) -> Option<FieldChange> {
    // A policy that could not be read is not compared; the plan blocks such a key.
    let before = match &live.rotation_policy {
        Setting::Unmanaged => return None,
        Setting::Clear => None,
        Setting::Set(policy) => Some(policy.clone()),
    };
    let same = match (&before, wanted) {
        (None, None) => true,
        (Some(before), Some(after)) => same_rotation_policy(before, after, now),
        // A single rotation whose moment has gone by leaves nothing to ask for.
        (None, Some(after)) => is_spent(after, now),
        (Some(_), None) => false,
    };
    (!same).then(|| FieldChange::RotationPolicy { before, after: wanted.cloned() })
}

fn same_rotation_policy(before: &RotationPolicy, after: &RotationPolicy, now: Timestamp) -> bool {
    let RotationPolicy {
        rotation_period,
        rotation_period_days,
        next_rotation_at,
        key_transition_period_ms: _,
    } = after;
    before.rotation_period == *rotation_period
        && before.rotation_period_days == *rotation_period_days
        && before.effective_transition_ms() == after.effective_transition_ms()
        && next_rotation_at.is_none_or(|wanted| {
            wanted <= now || before.next_rotation_at.is_some_and(|live| same_day(live, wanted))
        })
}

fn is_spent(policy: &RotationPolicy, now: Timestamp) -> bool {
    policy.rotation_period.is_none()
        && policy.rotation_period_days.is_none()
        && policy.next_rotation_at.is_some_and(|at| at <= now)
}

/// Whether `live` is the wanted instant or the midnight UTC to which the service moved it; the
/// documentation does not say in which direction (portkey-api.md 4).
fn same_day(live: Timestamp, wanted: Timestamp) -> bool {
    let midnight = TimeZone::UTC.to_datetime(live).time() == Time::midnight();
    live == wanted || (midnight && live.duration_since(wanted).abs() < SignedDuration::from_hours(24))
}
