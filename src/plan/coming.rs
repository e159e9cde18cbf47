//! What is coming up: what will happen to keys of the files within some days, if nobody does anything.
//!
//! No part of what apply does, and so no part of the digest.

use std::collections::BTreeSet;

use jiff::{SignedDuration, Timestamp};

use super::{Action, Change, Inputs};
use crate::desired::{DesiredKey, Presence};
use crate::diff::{Diff, Found};
use crate::live::LiveKey;
use crate::model::{CommittedSecret, KeyAddress};

/// Something that will happen to a key.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Coming {
    /// When.
    pub at: Timestamp,
    /// To which key.
    pub address: KeyAddress,
    /// What.
    pub what: Event,
}

/// What will happen.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Event {
    /// The key stops working.
    Expires,
    /// `secret.rotate_after` or `secret.max_age`: the next apply after that rotates it.
    RotationDue,
    /// Portkey's own schedule rotates it, and delivers the new secret to nobody.
    ScheduledRotation,
    /// `usage_reset_after`: the next apply after that resets the usage.
    UsageReset,
    /// The secret before the live one stops working.
    PreviousSecretEnds,
}

/// What is coming up, the first thing first. A key whose secret is replaced by this plan is not told twice.
pub(super) fn coming_up(
    inputs: &Inputs<'_>,
    diff: &Diff<'_>,
    changes: &[Change],
    is_chosen: &dyn Fn(&KeyAddress) -> bool,
) -> Vec<Coming> {
    let renewed: BTreeSet<&KeyAddress> = changes
        .iter()
        .filter(|change| match change.action {
            Action::Create | Action::Deliver | Action::Rotate | Action::Delete => true,
            Action::Adopt | Action::Update | Action::ResetUsage => false,
        })
        .map(|change| &change.address)
        .collect();
    let Ok(until) = inputs.now.checked_add(inputs.options.coming_up) else { return Vec::new() };
    let mut found: Vec<Coming> = Vec::new();
    for entry in &diff.entries {
        let desired = entry.desired;
        if desired.presence == Presence::Absent || !is_chosen(&desired.address) {
            continue;
        }
        let live = match &entry.found {
            Found::Key { live, .. } => Some(*live),
            Found::Missing => None,
            // Nobody knows which key is meant, so nobody knows what will happen to it.
            Found::Ambiguous(_)
            | Found::PinMissing
            | Found::Unresolved(_)
            | Found::ClaimedTwice { .. }
            | Found::RenamedOutside(_)
            | Found::Immutable { .. } => continue,
        };
        let is_renewed = renewed.contains(&desired.address);
        found.extend(
            events(desired, live, is_renewed)
                .into_iter()
                .filter_map(|(what, at)| Some((what, at?)))
                .filter(|(_, at)| inputs.now < *at && *at <= until)
                .map(|(what, at)| Coming { at, address: desired.address.clone(), what }),
        );
    }
    found.sort();
    found.dedup();
    found
}

/// Everything that has a date, as it is once this plan is applied.
fn events(desired: &DesiredKey, live: Option<&LiveKey>, is_renewed: bool) -> [(Event, Option<Timestamp>); 6] {
    let secret = live.and_then(|live| {
        let mask = live.mask.as_ref().filter(|mask| live.has_committed(mask) && !is_renewed)?;
        live.mark.as_ref().filter(|_| mask.ends().is_some())?.secret.as_ref()
    });
    let after = |length: Option<SignedDuration>| -> Option<Timestamp> {
        let secret: &CommittedSecret = secret?;
        secret.issued_at.checked_add(length?).ok()
    };
    let expires = desired.spec.expires_at.wanted().map(Option::<&Timestamp>::copied);
    let policy = match desired.spec.rotation_policy.wanted() {
        Some(None) => None,
        Some(Some(policy)) if policy.next_rotation_at.is_some() => policy.next_rotation_at,
        Some(Some(_)) | None => {
            live.and_then(|live| live.rotation_policy.value()).and_then(|policy| policy.next_rotation_at)
        }
    };
    [
        (Event::Expires, expires.unwrap_or_else(|| live.and_then(|live| live.expires_at))),
        (Event::RotationDue, desired.secret.rotate_after),
        (Event::RotationDue, after(desired.secret.max_age)),
        (Event::ScheduledRotation, policy),
        (Event::UsageReset, desired.usage_reset_after),
        (Event::PreviousSecretEnds, after(secret.and_then(CommittedSecret::transition_length))),
    ]
}
