//! What a later reading of a key says about a change that was made to it.

use jiff::Timestamp;

use super::FieldChange;
use super::compare::{compare_rotation_policy, compare_usage_limits};
use crate::live::LiveKey;
use crate::model::Setting;

/// What became of one changed field.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Seen {
    /// As wanted.
    Wanted,
    /// As it was before.
    Unchanged,
    /// Neither.
    Different,
}

/// Reads one field of a change in a later state of its key.
pub fn seen(change: &FieldChange, live: &LiveKey, now: Timestamp) -> Seen {
    let (wanted, unchanged) = match change {
        FieldChange::Name { before, after } => (live.name == *after, live.name == *before),
        FieldChange::Description { before, after } => {
            (live.description == *after, live.description == *before)
        }
        FieldChange::Mark { before, after } => {
            let mark = live.mark.clone().unwrap_or_default();
            (mark == *after, mark == before.clone().unwrap_or_default())
        }
        FieldChange::Scopes { added, dropped, after } => {
            let has = |scope: &String| live.scopes.contains(scope);
            let wanted = live.scopes.len() == after.len() && after.iter().all(has);
            (wanted, !added.iter().any(has) && dropped.iter().all(has))
        }
        FieldChange::RateLimits { before, after } => {
            (live.rate_limits == *after, live.rate_limits == *before)
        }
        FieldChange::UsageLimits { before, after } => {
            (compare_usage_limits(after.as_ref(), live).is_none(), live.usage_limits == *before)
        }
        FieldChange::Metadata { before, after } => {
            // Only the managed entries: the service may inject others from an organisation's schema.
            let mut managed =
                before.keys().chain(after.keys()).filter(|name| before.get(*name) != after.get(*name));
            (managed.all(|name| live.metadata.get(name) == after.get(name)), live.metadata == *before)
        }
        FieldChange::ConfigId { before, after, .. } => (live.config_id == *after, live.config_id == *before),
        FieldChange::AllowConfigOverride { before, after } => {
            (live.allow_config_override == *after, live.allow_config_override == *before)
        }
        FieldChange::AlertEmails { before, after } => {
            (live.alert_emails == *after, live.alert_emails == *before)
        }
        FieldChange::ExpiresAt { before, after } => (live.expires_at == *after, live.expires_at == *before),
        FieldChange::RotationPolicy { before, after } => {
            let known = live.rotation_policy.is_managed();
            let live_policy = match &live.rotation_policy {
                Setting::Set(policy) => Some(policy),
                Setting::Clear | Setting::Unmanaged => None,
            };
            let wanted = known && compare_rotation_policy(after.as_ref(), live, now).is_none();
            (wanted, !known || live_policy == before.as_ref())
        }
    };
    if wanted {
        Seen::Wanted
    } else if unchanged {
        Seen::Unchanged
    } else {
        Seen::Different
    }
}
