//! The service's clock.

use std::time::{Duration, Instant, SystemTime};

use jiff::{SignedDuration, Timestamp};

/// Tells the service's time: the `Date` of one answer, carried on by this machine's monotonic
/// clock, so that nothing depends on how this machine's wall clock is set.
///
/// A `Date` counts whole seconds and is as old as its way here, so the clock may be late by a second or so.
#[derive(Clone, Copy, Debug)]
pub struct ServerClock {
    at: Timestamp,
    local: Timestamp,
    since: Instant,
}

impl ServerClock {
    /// Starts the clock at the `Date` of an answer that has just come in.
    pub fn start(at: Timestamp) -> Self {
        Self { at, local: Timestamp::now(), since: Instant::now() }
    }

    /// What the service's clock shows now.
    pub fn now(&self) -> Timestamp {
        self.at.checked_add(self.since.elapsed()).unwrap_or(Timestamp::MAX)
    }

    /// How far the service's clock was ahead of this machine's when the answer came in.
    pub fn skew(&self) -> SignedDuration {
        self.at.duration_since(self.local)
    }
}

/// Reads an HTTP date.
pub(super) fn http_date(text: &str) -> Option<Timestamp> {
    let time: SystemTime = httpdate::parse_http_date(text).ok()?;
    Timestamp::try_from(time).ok()
}

/// Reads `Retry-After`: seconds, or an HTTP date as seen from the answer's own `Date`.
pub(super) fn retry_after(text: &str, answered_at: Option<Timestamp>) -> Option<Duration> {
    let text = text.trim();
    if !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit()) {
        // More seconds than fit are still a wait, and longer than anybody's deadline.
        return Some(Duration::from_secs(text.parse().unwrap_or(u64::MAX)));
    }
    let until = http_date(text)?;
    let wait = until.duration_since(answered_at.unwrap_or_else(Timestamp::now));
    Some(Duration::try_from(wait).unwrap_or(Duration::ZERO))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_clock_runs_on_from_the_date_of_an_answer() {
        let at: Timestamp = "2031-05-06T07:08:09Z".parse().unwrap();
        let clock = ServerClock::start(at);
        let now = clock.now();
        assert!(now >= at);
        assert!(now.duration_since(at) < SignedDuration::from_secs(60));
        let ahead = at.duration_since(Timestamp::now());
        assert!((clock.skew() - ahead).abs() < SignedDuration::from_secs(60));
    }

    #[test]
    fn an_http_date_is_read_in_its_three_forms() {
        let expected: Timestamp = "1994-11-06T08:49:37Z".parse().unwrap();
        for text in
            ["Sun, 06 Nov 1994 08:49:37 GMT", "Sunday, 06-Nov-94 08:49:37 GMT", "Sun Nov  6 08:49:37 1994"]
        {
            assert_eq!(http_date(text), Some(expected), "{text}");
        }
        assert_eq!(http_date("yesterday"), None);
    }

    #[test]
    fn retry_after_is_read_as_seconds_or_as_a_date() {
        let at = http_date("Sun, 06 Nov 1994 08:49:37 GMT");
        assert_eq!(retry_after("120", None), Some(Duration::from_mins(2)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:50:07 GMT", at), Some(Duration::from_secs(30)));
        assert_eq!(retry_after("Sun, 06 Nov 1994 08:40:00 GMT", at), Some(Duration::ZERO));
        assert_eq!(retry_after("99999999999999999999999", None), Some(Duration::from_secs(u64::MAX)));
        for text in ["", "-1", "soon", "1.5"] {
            assert_eq!(retry_after(text, at), None, "{text}");
        }
    }
}
