//! Budgets and rate limits, in the units that people use.

use std::collections::BTreeMap;

use super::fields::{arrow, none, word};
use crate::model::{Amount, RateLimit, RateLimitType, RateLimitUnit, UsageLimits, UsageType};
use crate::render::layout::Role;
use crate::render::{Style, escape};

/// `100 requests per minute`.
pub(super) fn rate_limit(limit: &RateLimit) -> String {
    format!("{} {}", limit_value(limit.value), limit_unit(limit, limit.value))
}

/// The gateway takes 0 for "no limit" (portkey-api.md 2.4), which nobody would guess.
fn limit_value(value: u64) -> String {
    if value == 0 { "0 (unlimited)".to_owned() } else { value.to_string() }
}

fn limit_unit(limit: &RateLimit, value: u64) -> String {
    let what = match (&limit.kind, value) {
        (RateLimitType::Requests, 1) => "request".to_owned(),
        (RateLimitType::Tokens, 1) => "token".to_owned(),
        (kind, _) => escape(kind.as_str()),
    };
    let per = match &limit.unit {
        RateLimitUnit::PerSecond => "second",
        RateLimitUnit::PerMinute => "minute",
        RateLimitUnit::PerHour => "hour",
        RateLimitUnit::PerDay => "day",
        RateLimitUnit::PerWeek => "week",
        RateLimitUnit::Other(unit) => &escape(unit),
    };
    format!("{what} per {per}")
}

/// One line for each type and unit that differs.
pub(super) fn rate_limits(before: &[RateLimit], after: &[RateLimit], style: &Style) -> Vec<String> {
    let mut windows: BTreeMap<_, (Vec<&RateLimit>, Vec<&RateLimit>)> = BTreeMap::new();
    for limit in before {
        windows.entry((&limit.kind, &limit.unit)).or_default().0.push(limit);
    }
    for limit in after {
        windows.entry((&limit.kind, &limit.unit)).or_default().1.push(limit);
    }
    let mut lines = Vec::new();
    for (before, after) in windows.into_values().filter(|(before, after)| before != after) {
        if let ([before], [after]) = (before.as_slice(), after.as_slice()) {
            lines.push(arrow(
                &limit_value(before.value),
                &limit_value(after.value),
                &limit_unit(after, after.value),
                style,
            ));
            continue;
        }
        let sign = style.paint(Role::Added, "+");
        lines.extend(after.into_iter().map(|limit| format!("{sign} {}", rate_limit(limit))));
        let sign = style.paint(Role::Removed, "-");
        lines.extend(before.into_iter().map(|limit| format!("{sign} {}", rate_limit(limit))));
    }
    lines
}

/// `500 USD monthly, alert at 400 USD`.
pub(super) fn usage(limits: Option<&UsageLimits>) -> String {
    let Some(limits) = limits else { return none() };
    let mut text = budget(limits);
    if let Some(threshold) = limits.alert_threshold {
        text.push_str(&format!(", alert at {threshold} {}", unit(&limits.effective_kind())));
    }
    text
}

/// `500 USD monthly`.
pub(super) fn budget(limits: &UsageLimits) -> String {
    let UsageLimits { credit_limit, kind: _, alert_threshold: _, periodic_reset, periodic_reset_days } =
        limits;
    let unit = unit(&limits.effective_kind());
    let mut text = match credit_limit {
        Some(limit) => format!("{limit} {unit}"),
        None => format!("no limit in {unit}"),
    };
    if let Some(period) = periodic_reset {
        text.push_str(&format!(" {}", escape(period.as_str())));
    }
    if let Some(count) = periodic_reset_days {
        text.push_str(&format!(" every {}", days(*count)));
    }
    text
}

/// The sub-fields that differ.
pub(super) fn usage_limits(
    before: Option<&UsageLimits>,
    after: Option<&UsageLimits>,
    style: &Style,
) -> Vec<String> {
    let (Some(before), Some(after)) = (before, after) else {
        return vec![arrow(&usage(before), &usage(after), "", style)];
    };
    let UsageLimits { credit_limit, kind: _, alert_threshold, periodic_reset, periodic_reset_days } = after;
    let kinds = (before.effective_kind(), after.effective_kind());
    let mut lines = Vec::new();
    if kinds.0 != kinds.1 {
        let types = arrow(&escape(kinds.0.as_str()), &escape(kinds.1.as_str()), "", style);
        lines.push(format!("type {types}"));
    }
    let amounts = [
        ("credit_limit", before.credit_limit, *credit_limit),
        ("alert_threshold", before.alert_threshold, *alert_threshold),
    ];
    for (name, before, after) in amounts.into_iter().filter(|(_, before, after)| before != after) {
        lines.push(format!("{name} {}", amount_change(before, after, &kinds, style)));
    }
    if before.periodic_reset != *periodic_reset {
        let change = arrow(&word(before.periodic_reset.as_ref()), &word(periodic_reset.as_ref()), "", style);
        lines.push(format!("periodic_reset {change}"));
    }
    if before.periodic_reset_days != *periodic_reset_days {
        let change = arrow(&word(before.periodic_reset_days), &word(*periodic_reset_days), "", style);
        lines.push(format!("periodic_reset_days {change}"));
    }
    lines
}

/// The unit stands once, behind, if both amounts have it.
fn amount_change(
    before: Option<Amount>,
    after: Option<Amount>,
    kinds: &(UsageType, UsageType),
    style: &Style,
) -> String {
    match (before, after) {
        (Some(before), Some(after)) if kinds.0 == kinds.1 => {
            arrow(&before.to_string(), &after.to_string(), &unit(&kinds.1), style)
        }
        (before, after) => {
            let with_unit = |amount: Option<Amount>, kind| {
                amount.map_or_else(none, |amount| format!("{amount} {}", unit(kind)))
            };
            arrow(&with_unit(before, &kinds.0), &with_unit(after, &kinds.1), "", style)
        }
    }
}

fn unit(kind: &UsageType) -> String {
    match kind {
        UsageType::Cost => "USD".to_owned(),
        UsageType::Tokens => "tokens".to_owned(),
        UsageType::Other(kind) => escape(kind),
    }
}

/// `1 day`, `30 days`.
pub(super) fn days(n: u32) -> String {
    if n == 1 { "1 day".to_owned() } else { format!("{n} days") }
}
