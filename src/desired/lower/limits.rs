//! Rate limits, budgets and rotation schedules of a merged key.

use super::{Key, duration_in_words};
use crate::desired::check::{Entry, Kind, Map, Value};
use crate::desired::codes;
use crate::desired::complaints::Complaints;
use crate::diagnostic::{Diagnostic, Span};
use crate::model::{
    Amount, DEFAULT_TRANSITION_MS, PeriodicReset, RateLimit, RateLimitType, RateLimitUnit, RotationPeriod,
    RotationPolicy, Setting, UsageLimits, UsageType,
};

const DAY_MS: u64 = 86_400_000;

/// The rate limits of a list; `[]` clears.
pub(super) fn rate_limits(value: &Value, out: &mut Complaints) -> Setting<Vec<RateLimit>> {
    let mut limits: Vec<RateLimit> = Vec::new();
    let mut places: Vec<Span> = Vec::new();
    for item in value.list() {
        let Some(fields) = item.map() else { continue };
        let (Some(kind), Some(unit), Some(entry)) =
            (text(fields, "type"), text(fields, "unit"), fields.get("value"))
        else {
            continue;
        };
        let Kind::Integer(number) = entry.value.kind else { continue };
        let limit =
            RateLimit { kind: RateLimitType::parse(kind), unit: RateLimitUnit::parse(unit), value: number };
        if number == 0 {
            out.push(
                Diagnostic::warning(
                    codes::UNLIMITED_RATE_LIMIT,
                    entry.value.span,
                    "the gateway skips a limit of 0, so this allows everything",
                )
                .hint("write a limit above 0; to block a key, set `expires_at`"),
            );
        }
        if limit.unit == RateLimitUnit::PerWeek
            && let Some(unit) = fields.get("unit")
        {
            out.push(
                Diagnostic::warning(
                    codes::WEEKLY_RATE_LIMIT,
                    unit.value.span,
                    "gateways before spring 2026 do not know `rpw`",
                )
                .hint("use `rpd` unless all your gateways are newer"),
            );
        }
        let same = limits.iter().position(|other| (&other.kind, &other.unit) == (&limit.kind, &limit.unit));
        if let Some(first) = same.and_then(|index| places.get(index)) {
            out.push(
                Diagnostic::error(
                    codes::DUPLICATE_RATE_LIMIT,
                    item.span,
                    format!("there are two limits on `{kind}` per `{unit}`"),
                )
                .also(*first, "the other is here")
                .hint("keep one of them"),
            );
            continue;
        }
        limits.push(limit);
        places.push(item.span);
    }
    if limits.is_empty() { Setting::Clear } else { Setting::Set(limits) }
}

/// The budget; one that says nothing clears.
pub(super) fn usage_limits(
    key: &Key<'_>,
    entry: &Entry,
    fields: &Map,
    out: &mut Complaints,
) -> Setting<UsageLimits> {
    let limits = UsageLimits {
        credit_limit: amount(fields, "credit_limit"),
        kind: text(fields, "type").map(UsageType::parse),
        alert_threshold: amount(fields, "alert_threshold"),
        periodic_reset: text(fields, "periodic_reset").map(PeriodicReset::parse),
        periodic_reset_days: small(fields, "periodic_reset_days"),
    };
    let limit_is_invalid = fields.get("credit_limit").is_some_and(|entry| entry.value.is_invalid());
    if let (Some(alert), Some(place)) = (limits.alert_threshold, fields.get("alert_threshold")) {
        match (limits.credit_limit, fields.get("credit_limit")) {
            (Some(limit), Some(limit_place)) if alert > limit => {
                let diagnostic = key
                    .blame(
                        codes::ALERT_ABOVE_LIMIT,
                        place,
                        format!("`alert_threshold` {alert} is above `credit_limit` {limit}"),
                    )
                    .also(limit_place.value.span, key.origin("the limit", limit_place));
                out.push(diagnostic.hint(format!("write at most {limit}, or raise the limit")));
            }
            (None, _) if !limit_is_invalid => out.push(
                key.blame(
                    codes::ALERT_WITHOUT_LIMIT,
                    place,
                    "`alert_threshold` has no `credit_limit` to warn about",
                )
                .hint("add `credit_limit`, or write `alert_threshold: null`"),
            ),
            _ => {}
        }
    } else if limits.credit_limit.is_none() && !limit_is_invalid {
        out.push(
            Diagnostic::warning(
                codes::NO_EFFECT,
                entry.name,
                "`usage_limits` without `credit_limit` limits nothing",
            )
            .hint("add `credit_limit`, or write `usage_limits: null`"),
        );
    }
    if limits == UsageLimits::default() { Setting::Clear } else { Setting::Set(limits) }
}

/// Portkey's own schedule.
pub(super) fn rotation_policy(
    key: &Key<'_>,
    entry: &Entry,
    fields: &Map,
    out: &mut Complaints,
) -> Setting<RotationPolicy> {
    let set = |name: &str| fields.get(name).filter(|entry| !entry.value.is_null());
    let transition = match set("key_transition_period").or_else(|| set("key_transition_period_ms")) {
        Some(Entry { value: Value { kind: Kind::Duration(ms) | Kind::Integer(ms), .. }, .. }) => Some(*ms),
        _ => None,
    };
    let policy = RotationPolicy {
        rotation_period: text(fields, "rotation_period").map(RotationPeriod::parse),
        rotation_period_days: small(fields, "rotation_period_days"),
        next_rotation_at: match set("next_rotation_at").map(|entry| &entry.value.kind) {
            Some(Kind::Instant(instant)) => Some(*instant),
            _ => None,
        },
        key_transition_period_ms: transition,
    };
    if ["rotation_period", "rotation_period_days", "next_rotation_at"]
        .into_iter()
        .all(|name| set(name).is_none())
    {
        out.push(
            key.blame(
                codes::EMPTY_ROTATION_POLICY,
                entry,
                "`rotation_policy` says neither how often nor when to rotate",
            )
            .hint("add `rotation_period: monthly`, `rotation_period_days` or `next_rotation_at`"),
        );
    }
    if let (Some(period), Some(next)) = (set("rotation_period"), set("next_rotation_at")) {
        out.push(
            key.blame(
                codes::ROTATION_CONFLICT,
                next,
                "`next_rotation_at` and `rotation_period` exclude each other",
            )
            .also(period.value.span, key.origin("`rotation_period`", period))
            .hint("keep one of them, and write `null` for an inherited other"),
        );
    }
    let period_days = match (&policy.rotation_period, policy.rotation_period_days) {
        (Some(RotationPeriod::Weekly), _) => Some(7),
        (Some(_), _) => Some(28), // the shortest month
        (None, days) => days.map(u64::from),
    };
    if let (Some(ms), Some(place)) =
        (transition, set("key_transition_period").or_else(|| set("key_transition_period_ms")))
    {
        let shown = duration_in_words(ms);
        if ms < DEFAULT_TRANSITION_MS {
            out.push(
                key.blame(codes::ROTATION_TRANSITION, place, format!("a transition of {shown} is too short"))
                    .hint("Portkey wants at least `30m`"),
            );
        } else if let Some(days) = period_days
            && ms >= days * DAY_MS
        {
            out.push(
                key.blame(
                    codes::ROTATION_TRANSITION,
                    place,
                    format!(
                        "a transition of {shown} does not end before the next rotation, {days} days later"
                    ),
                )
                .hint(format!("write less than `{days}d`")),
            );
        }
    }
    Setting::Set(policy)
}

fn text<'m>(fields: &'m Map, name: &str) -> Option<&'m str> {
    fields.get(name).and_then(|entry| entry.value.text())
}

fn amount(fields: &Map, name: &str) -> Option<Amount> {
    match fields.get(name).map(|entry| &entry.value.kind) {
        Some(Kind::Amount(amount)) => Some(*amount),
        _ => None,
    }
}

fn small(fields: &Map, name: &str) -> Option<u32> {
    match fields.get(name).map(|entry| &entry.value.kind) {
        Some(Kind::Integer(number)) => u32::try_from(*number).ok(),
        _ => None,
    }
}
