//! The words that options take, read with an answer for each one that cannot be.

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::{PossibleValuesParser, TypedValueParser};

use crate::plan::Risk;

const DIGEST_DIGITS: usize = 16;

/// A moment to plan for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Moment {
    At(jiff::Timestamp),
    /// Counted from the server's now.
    After(jiff::SignedDuration),
}

/// `2026-12-24`, `2026-12-24T10:00:00Z`, `+30d`.
pub(super) fn moment(text: &str) -> Result<Moment, String> {
    if let Some(length) = text.strip_prefix('+') {
        return days(length).map(Moment::After);
    }
    if let Ok(at) = text.parse::<jiff::Timestamp>() {
        return Ok(Moment::At(at));
    }
    let midnight = text.parse::<jiff::civil::Date>().ok().filter(|_| text.len() == "2026-12-24".len());
    midnight
        .and_then(|date| jiff::tz::TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).ok())
        .map(Moment::At)
        .ok_or_else(|| format!("`{text}` is no moment such as 2026-12-24, 2026-12-24T10:00:00Z or +30d"))
}

/// One of the words; clap answers another one with the nearest.
pub(super) fn risk() -> impl TypedValueParser<Value = Risk> {
    let parse = |word: String| Risk::parse(&word).ok_or("not a risk");
    PossibleValuesParser::new(Risk::ALL.map(Risk::word)).try_map(parse)
}

/// A file that `show` and `apply` take for a saved plan, which they tell by its name.
pub(super) fn plan_file(text: &str) -> Result<PathBuf, String> {
    let path = PathBuf::from(text);
    if path.extension().is_some_and(|extension| extension == "json") {
        return Ok(path);
    }
    Err("the name of a saved plan ends in .json, as in plan.json".to_owned())
}

/// As the plan prints it.
pub(super) fn digest(text: &str) -> Result<String, String> {
    let is_digit = |c: char| matches!(c, '0'..='9' | 'a'..='f');
    if text.len() == DIGEST_DIGITS && text.chars().all(is_digit) {
        return Ok(text.to_owned());
    }
    Err(format!("a digest has {DIGEST_DIGITS} hex digits, as in 7f3a9c2e41d05b88"))
}

/// `30m` or longer.
pub(super) fn transition(text: &str) -> Result<jiff::SignedDuration, String> {
    let length: jiff::SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is not a duration such as 30m or 24h"))?;
    if length < crate::handoff::TRANSITION {
        return Err("Portkey lets the previous secret live for 30 minutes at least".to_owned());
    }
    Ok(length)
}

/// `12h`, `30d`, `2w`: a length in days, of 24 hours each.
pub(super) fn days(text: &str) -> Result<jiff::SignedDuration, String> {
    let length = text
        .parse::<jiff::Span>()
        .ok()
        .and_then(|span| span.to_duration(jiff::SpanRelativeTo::days_are_24_hours()).ok());
    length
        .filter(|length| !length.is_negative())
        .ok_or_else(|| format!("`{text}` is not a length of time such as 12h, 30d or 2w"))
}

/// `500ms`, `30s`, `2m`, `1h30m`.
pub(super) fn duration(text: &str) -> Result<Duration, String> {
    let duration: jiff::SignedDuration =
        text.parse().map_err(|_| format!("`{text}` is not a duration such as 500ms, 30s or 2m"))?;
    Duration::try_from(duration).map_err(|_| "a duration cannot be negative".to_owned())
}
