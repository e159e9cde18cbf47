//! The virtual clock: real time plus an offset that a test may move, and the calendar of Portkey's workers.
//!
//! It sets every date that the emulator writes and the `Date` header of every answer.

use std::time::{SystemTime, UNIX_EPOCH};

use jiff::{SignedDuration, Span, Timestamp, ToSpan, civil::Date, tz::TimeZone};
use serde::{Deserialize, Serialize};

/// Real time plus an offset.
#[derive(Clone, Copy, Default, Serialize, Deserialize)]
pub(super) struct Clock {
    offset: SignedDuration,
}

impl Clock {
    /// A clock that shows `start` now and runs on at the real rate.
    pub(super) fn starting_at(start: Timestamp) -> Self {
        Self { offset: start.duration_since(Timestamp::now()) }
    }

    pub(super) fn now(self) -> Timestamp {
        // Beyond the years that exist the clock stands still rather than fails.
        Timestamp::now().saturating_add(self.offset).unwrap_or(Timestamp::MAX)
    }

    /// Moves the clock by a human duration such as `31m`, `24h` or `90d`.
    pub(super) fn advance(&mut self, by: &str) -> Result<(), jiff::Error> {
        let span: Span = by.parse()?;
        // Days and months have a length only on a calendar, so the sum goes through a zoned value.
        let then = self.now().to_zoned_datetime(TimeZone::UTC).checked_add(span)?;
        *self = Self::starting_at(then.timestamp());
        Ok(())
    }
}

/// As Portkey writes an instant: `2026-03-02T16:36:52.000Z` (observed: portkey-api.md 2.3).
pub(super) fn written(at: Timestamp) -> String {
    at.strftime("%Y-%m-%dT%H:%M:%S%.3fZ").to_string()
}

/// As the `Date` header writes an instant.
pub(super) fn http_date(at: Timestamp) -> String {
    // The header knows no time before 1970.
    let at = SystemTime::try_from(at).unwrap_or(UNIX_EPOCH).max(UNIX_EPOCH);
    httpdate::fmt_http_date(at)
}

/// Portkey keeps whole seconds (observed: portkey-api.md 2.3).
pub(super) fn whole_second(at: Timestamp) -> Timestamp {
    Timestamp::from_second(at.as_second()).unwrap_or(at)
}

/// Midnight UTC of the day of `at`.
pub(super) fn midnight(at: Timestamp) -> Option<Timestamp> {
    at_midnight(date_of(at))
}

/// Midnight UTC at or after `at`.
pub(super) fn midnight_from(at: Timestamp) -> Option<Timestamp> {
    let midnight = midnight(at)?;
    if midnight == at { Some(at) } else { in_days(at, 1) }
}

/// The next Monday, midnight UTC: weekly rotations (portkey-api.md 4).
pub(super) fn next_monday(after: Timestamp) -> Option<Timestamp> {
    let date = date_of(after);
    let gone = date.weekday().to_monday_zero_offset();
    later(date, (7 - i64::from(gone)).days())
}

/// The next Sunday, midnight UTC: weekly usage resets (portkey-api.md 2.4).
pub(super) fn next_sunday(after: Timestamp) -> Option<Timestamp> {
    let date = date_of(after);
    let gone = date.weekday().to_sunday_zero_offset();
    later(date, (7 - i64::from(gone)).days())
}

/// The first of the next month, midnight UTC.
pub(super) fn next_month(after: Timestamp) -> Option<Timestamp> {
    later(date_of(after).first_of_month(), 1.month())
}

/// Midnight UTC, `days` days on.
pub(super) fn in_days(after: Timestamp, days: u16) -> Option<Timestamp> {
    later(date_of(after), i64::from(days).days())
}

fn date_of(at: Timestamp) -> Date {
    at.to_zoned_datetime(TimeZone::UTC).date()
}

fn later(date: Date, by: Span) -> Option<Timestamp> {
    at_midnight(date.checked_add(by).ok()?)
}

fn at_midnight(date: Date) -> Option<Timestamp> {
    date.to_zoned_datetime(TimeZone::UTC).ok().map(|midnight| midnight.timestamp())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn check(next: fn(Timestamp) -> Option<Timestamp>, after: &str, expect: &str) {
        let next = next(after.parse().unwrap()).unwrap();
        assert_eq!(next, expect.parse().unwrap(), "after {after}");
    }

    #[test]
    fn the_calendar_of_the_workers_is_utc_midnight() {
        check(next_monday, "2026-11-22T23:59:59Z", "2026-11-23T00:00:00Z");
        check(next_monday, "2026-11-23T00:00:00Z", "2026-11-30T00:00:00Z");
        check(next_sunday, "2026-11-22T10:00:00Z", "2026-11-29T00:00:00Z");
        check(next_month, "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z");
        check(midnight_from, "2026-12-31T23:00:00Z", "2027-01-01T00:00:00Z");
        check(midnight_from, "2026-12-31T00:00:00Z", "2026-12-31T00:00:00Z");
        check(midnight, "2026-12-31T23:00:00Z", "2026-12-31T00:00:00Z");
        check(|at| in_days(at, 30), "2026-12-31T23:00:00Z", "2027-01-30T00:00:00Z");
    }

    #[test]
    fn instants_are_written_with_three_decimals() {
        assert_eq!(written("2026-03-02T16:36:52Z".parse().unwrap()), "2026-03-02T16:36:52.000Z");
    }

    #[test]
    fn the_clock_advances_by_days_too() {
        let mut clock = Clock::starting_at("2026-01-01T00:00:00Z".parse().unwrap());
        clock.advance("90d").unwrap();
        let now = clock.now();
        assert!(written(now).starts_with("2026-04-01T00:00:0"), "{now}");
        assert!(clock.advance("a while").is_err());
    }
}
