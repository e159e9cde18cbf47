//! From a change to its risks.
//!
//! Where two states cannot be compared, the change counts as loosening: a reviewer can wave it through. What a
//! change takes away or tightens is no risk; the diff itself shows it. Of a *new* key, reading and writing are
//! what it is for, and having no budget is a matter of policy: only scopes that administer or mint, and limits
//! that limit nothing, are risks of a create.

use std::collections::{BTreeMap, BTreeSet};

use jiff::{SignedDuration, Timestamp};

use super::{At, Risk, RiskAt};
use crate::diff::FieldChange;
use crate::handoff::Why;
use crate::model::{
    Amount, Delivery, PeriodicReset, RateLimit, RateLimitType, RateLimitUnit, RotationPeriod, RotationPolicy,
    UsageLimits,
};
use crate::plan::{Action, Change, Reason, Request};
use crate::scopes::{Privilege, privilege};

/// Writes down the risks of every change of a plan that is made for `now`.
pub fn assess(changes: &mut [Change], now: Timestamp) {
    let going: BTreeSet<String> = changes
        .iter()
        .filter(|change| change.action == Action::Delete && change.reason != Some(Reason::LeftOver))
        .map(|change| change.address.name.clone())
        .collect();
    for change in changes {
        change.risks = of_change(change, now);
        let is_told = change.risks.iter().any(|found| found.risk == Risk::Replaced);
        if change.action == Action::Create && !is_told && going.contains(&change.address.name) {
            change.risks.push(RiskAt { risk: Risk::Replaced, at: At::Key });
        }
    }
}

/// How many changes have each risk.
pub(in crate::plan) fn count(changes: &[Change]) -> BTreeMap<Risk, usize> {
    let mut counts = BTreeMap::new();
    for change in changes {
        let risks: BTreeSet<Risk> = change.risks.iter().map(|found| found.risk).collect();
        for risk in risks {
            *counts.entry(risk).or_default() += 1;
        }
    }
    counts
}

/// The risks of one change by itself, in the order of its fields, each once for each field.
pub(super) fn of_change(change: &Change, now: Timestamp) -> Vec<RiskAt> {
    let is_new = change.action == Action::Create;
    let mut found = Vec::new();
    for field in &change.fields {
        let risks = if is_new { of_new(field) } else { of_field(field, now) };
        found.extend(risks.into_iter().map(|risk| RiskAt { risk, at: At::Field(field.field()) }));
    }
    found.extend(of_request(change));
    if let Some(reason) = &change.reason {
        let (risks, at) = of_reason(reason);
        found.extend(risks.iter().map(|risk| RiskAt { risk: *risk, at }));
    }
    found
}

fn of_reason(reason: &Reason) -> (&'static [Risk], At) {
    match reason {
        Reason::UsageResetDue { .. } => (&[Risk::LimitLoosened], At::Usage),
        // Nobody has the secret of a key that was being created when its run stopped.
        Reason::Rotation(Why::Unfinished) => (&[], At::Transition),
        Reason::Rotation(
            Why::ChangedOutside | Why::NewSink | Why::Due(_) | Why::TooOld | Why::First | Why::Asked,
        ) => (&[Risk::SecretEnds], At::Transition),
        // Whoever lets the new key be made has agreed to the end of the former one, in a later run.
        Reason::Replaces { .. } => (&[Risk::Replaced, Risk::Deleted], At::Key),
        Reason::DeclaredAbsent | Reason::Pruned { .. } | Reason::Replaced { .. } => {
            (&[Risk::Deleted], At::Key)
        }
        // Nobody has ever had the secret of a left-over key.
        Reason::LeftOver | Reason::Unfinished { .. } | Reason::RenamedOutside | Reason::Accepted => {
            (&[], At::Key)
        }
    }
}

fn of_request(change: &Change) -> Option<RiskAt> {
    match &change.request {
        Request::Rotate { commit, .. } => {
            let mark = change.before.as_ref().and_then(|key| key.mark.as_ref());
            let known = |delivery: &Delivery| mark.is_some_and(|mark| mark.to.contains(&delivery.hash()));
            let elsewhere = commit.deliveries.iter().any(|delivery| !known(delivery));
            elsewhere.then_some(RiskAt { risk: Risk::DeliversElsewhere, at: At::Deliveries })
        }
        // A new key's secret has not been anywhere.
        Request::Create { .. }
        | Request::Deliver { .. }
        | Request::Update { .. }
        | Request::Delete { .. } => None,
    }
}

/// What a new key has.
fn of_new(field: &FieldChange) -> Vec<Risk> {
    match field {
        FieldChange::Scopes { added, dropped: _, after: _ } => gained(added)
            .into_iter()
            .filter(|risk| !matches!(risk, Risk::GainsRead | Risk::GainsWrite))
            .collect(),
        FieldChange::RateLimits { before: _, after } => {
            if after.iter().any(|limit| limit.value == 0) {
                vec![Risk::Unlimited]
            } else {
                Vec::new()
            }
        }
        FieldChange::RotationPolicy { before: _, after } => {
            if after.is_some() {
                vec![Risk::SecretEnds]
            } else {
                Vec::new()
            }
        }
        FieldChange::Name { .. }
        | FieldChange::Description { .. }
        | FieldChange::UsageLimits { .. }
        | FieldChange::Metadata { .. }
        | FieldChange::ConfigId { .. }
        | FieldChange::AllowConfigOverride { .. }
        | FieldChange::AlertEmails { .. }
        | FieldChange::ExpiresAt { .. }
        | FieldChange::Mark { .. } => Vec::new(),
    }
}

/// What changes of a live key.
fn of_field(field: &FieldChange, now: Timestamp) -> Vec<Risk> {
    match field {
        FieldChange::Scopes { added, dropped: _, after: _ } => gained(added),
        FieldChange::RateLimits { before, after } => rate_limits(before, after),
        FieldChange::UsageLimits { before, after } => {
            usage_limits(before.as_ref(), after.as_ref()).into_iter().collect()
        }
        FieldChange::AllowConfigOverride { before: _, after } => {
            if *after {
                vec![Risk::LimitLoosened]
            } else {
                Vec::new()
            }
        }
        FieldChange::ExpiresAt { before, after } => expiry(*before, *after, now).into_iter().collect(),
        FieldChange::RotationPolicy { before, after } => {
            rotation_policy(before.as_ref(), after.as_ref(), now)
        }
        // What a config holds is not seen, so another one cannot be compared with it.
        FieldChange::ConfigId { before, after: _, written: _ } => {
            if before.is_some() {
                vec![Risk::LimitLoosened]
            } else {
                Vec::new()
            }
        }
        FieldChange::Name { before: _, after: _ }
        | FieldChange::Description { before: _, after: _ }
        | FieldChange::Metadata { before: _, after: _ }
        | FieldChange::AlertEmails { before: _, after: _ }
        | FieldChange::Mark { before: _, after: _ } => Vec::new(),
    }
}

fn gained(added: &[String]) -> Vec<Risk> {
    let classes: BTreeSet<Privilege> = added.iter().map(|scope| privilege(scope)).collect();
    let risk = |class| match class {
        Privilege::Reads => Risk::GainsRead,
        Privilege::Writes => Risk::GainsWrite,
        Privilege::Administers => Risk::GainsAdmin,
        Privilege::MintsKeys => Risk::MintsKeys,
    };
    classes.into_iter().map(risk).collect()
}

/// What a window allows; nothing stands for "as much as one likes".
type Windows<'a> = BTreeMap<(&'a RateLimitType, &'a RateLimitUnit), u64>;

/// The tightest value for each type and unit; 0 limits nothing.
fn windows(limits: &[RateLimit]) -> Windows<'_> {
    let mut windows = Windows::new();
    for RateLimit { kind, unit, value } in limits.iter().filter(|limit| limit.value > 0) {
        let tightest = windows.entry((kind, unit)).or_insert(*value);
        *tightest = (*tightest).min(*value);
    }
    windows
}

fn rate_limits(before: &[RateLimit], after: &[RateLimit]) -> Vec<Risk> {
    let mut risks = BTreeSet::new();
    let was_unlimited = |limit: &RateLimit| before.iter().any(|before| before == limit);
    let (held, holds) = (windows(before), windows(after));
    for limit in after.iter().filter(|limit| limit.value == 0) {
        if !was_unlimited(limit) {
            risks.insert(Risk::Unlimited);
        }
    }
    for ((kind, unit), before) in &held {
        match holds.get(&(*kind, *unit)) {
            Some(after) if after > before => {
                risks.insert(Risk::LimitLoosened);
            }
            Some(_) => {}
            None if after.iter().any(|limit| (&limit.kind, &limit.unit) == (*kind, *unit)) => {}
            None => {
                risks.insert(Risk::LimitRemoved);
            }
        }
    }
    risks.into_iter().collect()
}

fn usage_limits(before: Option<&UsageLimits>, after: Option<&UsageLimits>) -> Option<Risk> {
    let before = before?;
    // A budget of 0 is none (portkey-api.md 2.4).
    let budget = |limits: &UsageLimits| limits.credit_limit.filter(|limit| Some(*limit) != Amount::new(0.0));
    let held = budget(before)?;
    let Some((after, holds)) = after.and_then(|after| Some((after, budget(after)?))) else {
        return Some(Risk::LimitRemoved);
    };
    let UsageLimits { credit_limit: _, kind: _, alert_threshold, periodic_reset: _, periodic_reset_days: _ } =
        after;
    // Dollars and tokens cannot be compared.
    let other_kind = before.effective_kind() != after.effective_kind();
    let alert_later = match (before.alert_threshold, alert_threshold) {
        (None, _) => false,
        (Some(_), None) => true,
        (Some(before), Some(after)) => *after > before,
    };
    let loosened = other_kind || holds > held || resets_sooner(before, after) || alert_later;
    loosened.then_some(Risk::LimitLoosened)
}

/// The shortest and the longest time in days after which something is done again.
type Period = (u32, u32);

const WEEK: Period = (7, 7);
const MONTH: Period = (28, 31);
/// A word that this version does not know.
const ANY_TIME: Period = (0, u32::MAX);

/// After which a budget starts anew; none for never.
fn reset_period(limits: &UsageLimits) -> Option<Period> {
    match (&limits.periodic_reset, limits.periodic_reset_days) {
        (Some(PeriodicReset::Weekly), _) => Some(WEEK),
        (Some(PeriodicReset::Monthly), _) => Some(MONTH),
        (Some(PeriodicReset::Other(_)), _) => Some(ANY_TIME),
        (None, Some(days)) => Some((days, days)),
        (None, None) => None,
    }
}

/// After which Portkey replaces a secret; none for at most once.
fn rotation_period(policy: &RotationPolicy) -> Option<Period> {
    match (&policy.rotation_period, policy.rotation_period_days) {
        (Some(RotationPeriod::Weekly), _) => Some(WEEK),
        (Some(RotationPeriod::Monthly), _) => Some(MONTH),
        (Some(RotationPeriod::Other(_)), _) => Some(ANY_TIME),
        (None, Some(days)) => Some((days, days)),
        (None, None) => None,
    }
}

/// Whether something that is done again may be so sooner, where the two do not say the same.
fn comes_sooner(before: Option<Period>, after: Option<Period>) -> bool {
    match (before, after) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some((_, longest)), Some((shortest, _))) => shortest < longest,
    }
}

fn resets_sooner(before: &UsageLimits, after: &UsageLimits) -> bool {
    let same = before.periodic_reset == after.periodic_reset
        && before.periodic_reset_days == after.periodic_reset_days;
    !same && comes_sooner(reset_period(before), reset_period(after))
}

fn expiry(before: Option<Timestamp>, after: Option<Timestamp>, now: Timestamp) -> Option<Risk> {
    match (before, after) {
        (None, None) => None,
        (Some(_), None) => Some(Risk::ExpiryRemoved),
        (Some(before), Some(after)) if after > before => Some(Risk::ExpiryExtended),
        // A later end is a plan for later; an end that has come is an outage.
        (before, Some(after)) => {
            (after <= now && before.is_none_or(|before| before > now)).then_some(Risk::SecretEnds)
        }
    }
}

/// Portkey's own schedule delivers the new secrets to nobody, so it ends the one that is used: where there was
/// none before, where it comes sooner, or where less time is left to notice.
fn rotation_policy(
    before: Option<&RotationPolicy>,
    after: Option<&RotationPolicy>,
    now: Timestamp,
) -> Vec<Risk> {
    let ends = match (before, after) {
        (_, None) => false,
        (None, Some(_)) => true,
        (Some(before), Some(after)) => {
            transition(after) < transition(before) || rotates_sooner(before, after, now)
        }
    };
    if ends { vec![Risk::SecretEnds] } else { Vec::new() }
}

fn rotates_sooner(before: &RotationPolicy, after: &RotationPolicy, now: Timestamp) -> bool {
    let same = before.rotation_period == after.rotation_period
        && before.rotation_period_days == after.rotation_period_days;
    // Without a date, the next rotation is a whole period away at most.
    let at_the_latest = |(_, longest): Period| {
        now.checked_add(SignedDuration::from_hours(i64::from(longest) * 24)).unwrap_or(Timestamp::MAX)
    };
    let due = before.next_rotation_at.or_else(|| rotation_period(before).map(at_the_latest));
    let date_is_sooner = after.next_rotation_at.is_some_and(|next| due.is_none_or(|due| next < due));
    date_is_sooner || !same && comes_sooner(rotation_period(before), rotation_period(after))
}

fn transition(policy: &RotationPolicy) -> SignedDuration {
    SignedDuration::from_millis(i64::try_from(policy.effective_transition_ms()).unwrap_or(i64::MAX))
}
