//! Portkey's background jobs, driven by the virtual clock: marking expired keys, periodic usage resets, scheduled
//! rotations.
//!
//! They run at the start of each request and catch up on whatever fell due since the last one, each event at the
//! moment it was due.

use jiff::{SignedDuration, Timestamp};

use super::{
    clock, log,
    secret::new_secret,
    switches::WeeklyUsageReset,
    world::{Key, RotationPolicy, Status, UsageLimits, World},
};

/// A key was seen marked 10 minutes and 10 seconds after it expired (portkey-api.md 7).
const EXPIRY_IS_MARKED_AFTER: SignedDuration = SignedDuration::from_mins(10);

/// A clock set far ahead must not make one key rotate for ever.
const MOST_EVENTS_PER_KEY: usize = 10_000;

impl World {
    /// Does what the workers would have done by now. Says whether anything changed.
    pub(super) fn catch_up(&mut self, now: Timestamp) -> bool {
        if self.keys.idle_until.is_none_or(|until| now < until) {
            return false;
        }
        let due: Vec<Key> = self.keys.iter().filter(|key| key.is_due(now)).cloned().collect();
        let changed = !due.is_empty();
        let weekly = self.switches.weekly_usage_reset;
        for mut key in due {
            for _ in 0..MOST_EVENTS_PER_KEY {
                if !key.is_due(now) {
                    break;
                }
                let at = key.due().unwrap_or(now);
                if let Some(secret) = key.next_event(weekly) {
                    self.note_issued(&key.id, &secret);
                    self.audit.note_rotation(&key, None, at);
                }
            }
            self.keys.put(key);
        }
        self.keys.idle_until = self.keys.iter().filter_map(Key::due).min();
        changed
    }
}

impl Key {
    /// When a worker next has something to do for this key.
    pub(super) fn due(&self) -> Option<Timestamp> {
        [self.expiry_due(), self.reset_due(), self.rotation_due()].into_iter().flatten().min()
    }

    fn is_due(&self, now: Timestamp) -> bool {
        self.due().is_some_and(|due| due <= now)
    }

    fn expiry_due(&self) -> Option<Timestamp> {
        if self.status == Status::Expired {
            return None;
        }
        self.expires_at?.saturating_add(EXPIRY_IS_MARKED_AFTER).ok()
    }

    fn reset_due(&self) -> Option<Timestamp> {
        self.usage_limits.as_ref()?.next_usage_reset_at
    }

    /// A rotation waits for the end of the transition before it: there are never three live secrets. One that was asked
    /// for on a date that is past happens when it is asked for, lest its transition be over before it begins.
    fn rotation_due(&self) -> Option<Timestamp> {
        if self.status == Status::Expired {
            return None;
        }
        let next = self.rotation_policy.as_ref()?.next_rotation_at?;
        let next = next.max(self.last_updated_at);
        Some(self.previous.as_ref().map_or(next, |previous| next.max(previous.until)))
    }

    /// Does the earliest thing that is due. Returns the secret that it issued, if any.
    fn next_event(&mut self, weekly: WeeklyUsageReset) -> Option<String> {
        let at = self.due()?;
        // Background jobs move the date of the last update (portkey-api.md 2.3).
        self.last_updated_at = self.last_updated_at.max(clock::whole_second(at));
        if self.expiry_due() == Some(at) {
            self.status = Status::Expired;
            self.expired_alert_sent = true;
            log::say_event(at, &self.name, "marked as expired");
            return None;
        }
        if self.reset_due() == Some(at) {
            self.reset_usage(at);
            if let Some(limits) = &mut self.usage_limits {
                limits.next_usage_reset_at = limits.next_after(at, weekly);
            }
            log::say_event(at, &self.name, "usage reset");
            return None;
        }
        let transition = self.rotation_policy.as_ref()?.key_transition_period_ms;
        let secret = new_secret();
        self.rotate(secret.clone(), at, transition);
        log::say_event(at, &self.name, "rotated; nobody is told the new secret");
        Some(secret)
    }

    /// Usage back to zero, an exhausted key back to active.
    pub(super) fn reset_usage(&mut self, at: Timestamp) {
        self.usage = 0.0;
        self.threshold_alert_sent = false;
        self.last_reset_at = Some(clock::whole_second(at));
        if self.status == Status::Exhausted {
            self.status = Status::Active;
        }
    }
}

impl UsageLimits {
    /// The reset after `at`, if the usage is reset periodically.
    pub(super) fn next_after(&self, at: Timestamp, weekly: WeeklyUsageReset) -> Option<Timestamp> {
        match (self.periodic_reset.as_deref(), self.periodic_reset_days) {
            (Some("weekly"), _) => match weekly {
                WeeklyUsageReset::Sunday => clock::next_sunday(at),
                WeeklyUsageReset::Monday => clock::next_monday(at),
            },
            (Some(_), _) => clock::next_month(at),
            (None, Some(days)) => clock::in_days(at, days),
            (None, None) => None,
        }
    }
}

impl RotationPolicy {
    /// The rotation after `at`; none if the policy named a single date.
    pub(super) fn next_after(&self, at: Timestamp) -> Option<Timestamp> {
        match (self.rotation_period.as_deref(), self.rotation_period_days) {
            (Some("weekly"), _) => clock::next_monday(at),
            (Some(_), _) => clock::next_month(at),
            (None, Some(days)) => clock::in_days(at, days),
            (None, None) => None,
        }
    }
}
