//! Bodies of requests, made from what differs.

use crate::diff::FieldChange;
use crate::live::LiveKey;
use crate::model::{
    DefaultsPatch, KeyUpdate, RotationPolicy, RotationPolicyPatch, UsageLimits, UsageLimitsPatch, UsageType,
};

/// The one PUT that makes these changes: only the fields that differ, explicit nulls where something
/// is cleared, complete objects where the API replaces objects.
pub(super) fn update_of(changes: &[FieldChange], live: &LiveKey) -> KeyUpdate {
    let mut body = KeyUpdate::default();
    let mut text = None;
    let mut mark = None;
    for change in changes {
        match change {
            FieldChange::Name { after, .. } => body.name = Some(after.clone()),
            FieldChange::Description { after, .. } => text = Some(after.clone()),
            FieldChange::Mark { after, .. } => mark = Some(after.clone()),
            FieldChange::Scopes { after, .. } => body.scopes = Some(after.clone()),
            FieldChange::RateLimits { after, .. } => {
                body.rate_limits = Some((!after.is_empty()).then(|| after.clone()));
            }
            FieldChange::UsageLimits { before, after } => {
                body.usage_limits = Some(after.as_ref().map(|after| usage_limits(before.as_ref(), after)));
            }
            FieldChange::Metadata { after, .. } => {
                defaults(&mut body).metadata = Some(after.clone());
            }
            FieldChange::ConfigId { after, .. } => defaults(&mut body).config_id = Some(after.clone()),
            FieldChange::AllowConfigOverride { after, .. } => {
                defaults(&mut body).allow_config_override = Some(*after);
            }
            FieldChange::AlertEmails { after, .. } => {
                body.alert_emails = Some((!after.is_empty()).then(|| after.iter().cloned().collect()));
            }
            FieldChange::ExpiresAt { after, .. } => body.expires_at = Some(*after),
            FieldChange::RotationPolicy { before, after } => {
                body.rotation_policy =
                    Some(after.as_ref().map(|after| rotation_policy(before.as_ref(), after)));
            }
        }
    }
    // Text and mark share one field: whichever of them does not change is sent as it is.
    if text.is_some() || mark.is_some() {
        let text = text.unwrap_or_else(|| live.description.clone());
        let mark = mark.or_else(|| live.mark.clone()).unwrap_or_default();
        body.description = Some(mark.append_to(&text));
    }
    body
}

fn defaults(body: &mut KeyUpdate) -> &mut DefaultsPatch {
    body.defaults.get_or_insert_with(DefaultsPatch::default)
}

/// The value, or an explicit null where the live key has one and the file has none, or nothing.
fn or_null<T: Clone>(before: Option<&T>, after: Option<&T>) -> Option<Option<T>> {
    match (before, after) {
        (_, Some(after)) => Some(Some(after.clone())),
        (Some(_), None) => Some(None),
        (None, None) => None,
    }
}

fn usage_limits(before: Option<&UsageLimits>, after: &UsageLimits) -> UsageLimitsPatch {
    let unset = UsageLimits::default();
    let before = before.unwrap_or(&unset);
    // An absent type means cost, so it is said only where the live key counts something else.
    let kind = match (&before.kind, &after.kind) {
        (_, Some(kind)) => Some(kind.clone()),
        (Some(live), None) if *live != UsageType::Cost => Some(UsageType::Cost),
        (_, None) => None,
    };
    UsageLimitsPatch {
        kind,
        credit_limit: or_null(before.credit_limit.as_ref(), after.credit_limit.as_ref()),
        alert_threshold: or_null(before.alert_threshold.as_ref(), after.alert_threshold.as_ref()),
        periodic_reset: or_null(before.periodic_reset.as_ref(), after.periodic_reset.as_ref()),
        periodic_reset_days: or_null(before.periodic_reset_days.as_ref(), after.periodic_reset_days.as_ref()),
    }
}

fn rotation_policy(before: Option<&RotationPolicy>, after: &RotationPolicy) -> RotationPolicyPatch {
    let unset = RotationPolicy::default();
    let before = before.unwrap_or(&unset);
    // A live next_rotation_at beside a period is computed by the service, so its absence from the
    // file asks for nothing; without a period it was somebody's explicit date and is cleared.
    let computed = before.rotation_period.is_some() || before.rotation_period_days.is_some();
    let explicit = before.next_rotation_at.as_ref().filter(|_| !computed);
    let transition = match (before.key_transition_period_ms, after.key_transition_period_ms) {
        (_, Some(ms)) => Some(ms),
        (Some(live), None) if live != after.effective_transition_ms() => {
            Some(after.effective_transition_ms())
        }
        (_, None) => None,
    };
    RotationPolicyPatch {
        rotation_period: or_null(before.rotation_period.as_ref(), after.rotation_period.as_ref()),
        rotation_period_days: or_null(
            before.rotation_period_days.as_ref(),
            after.rotation_period_days.as_ref(),
        ),
        next_rotation_at: or_null(explicit, after.next_rotation_at.as_ref()),
        key_transition_period_ms: transition,
    }
}
