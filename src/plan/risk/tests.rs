//! One `check`: what a change does to which field, and its risks as words.

use std::collections::BTreeSet;
use std::path::PathBuf;

use jiff::Timestamp;

use super::judge::of_change;
use super::*;
use crate::diff::FieldChange;
use crate::handoff::Why;
use crate::model::{
    Amount, ConfigId, Delivery, KeyAddress, KeyCreate, KeyId, KeyKind, KeyUpdate, Mark, PeriodicReset,
    RateLimit, RateLimitType, RateLimitUnit, RotationPeriod, RotationPolicy, Target, UsageLimits, UsageType,
};
use crate::plan::{Action, Causes, Change, Commit, KeySnapshot, Reason, Request};

const NOW: &str = "2026-11-22T10:00:00Z";

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn named(name: &str) -> KeyAddress {
    KeyAddress { workspace: Some("w".to_owned()), user: None, name: name.to_owned() }
}

fn update(fields: Vec<FieldChange>) -> Change {
    Change {
        address: named("a"),
        place: None,
        action: Action::Update,
        before: Some(KeySnapshot {
            id: KeyId::new("1"),
            name: "a".to_owned(),
            mask: None,
            mark: None,
            status: "active".to_owned(),
            last_updated_at: None,
            expires_at: None,
        }),
        fields,
        written_scopes: Vec::new(),
        reason: None,
        request: Request::Update { id: KeyId::new("1"), body: Box::default() },
        running_key: false,
        risks: Vec::new(),
        causes: Causes::default(),
    }
}

fn sink(name: &str) -> Delivery {
    let target = Target::File { path: PathBuf::from(name), recipients: Vec::new() };
    Delivery { sink: Some(name.to_owned()), target }
}

fn commit(deliveries: &[&str]) -> Commit {
    Commit {
        fields: Box::default(),
        description: String::new(),
        mark: Mark::default(),
        deliveries: deliveries.iter().map(|name| sink(name)).collect(),
        transition: None,
        prove: false,
    }
}

fn create(fields: Vec<FieldChange>) -> Change {
    let body = KeyCreate {
        kind: KeyKind::WorkspaceService,
        workspace_id: None,
        user_id: None,
        fields: KeyUpdate::default(),
    };
    Change {
        action: Action::Create,
        before: None,
        request: Request::Create { body: Box::new(body), commit: commit(&["one"]) },
        ..update(fields)
    }
}

/// A rotation of a key whose secret is in `had`, to `gets`.
fn rotate(why: Why, had: &[&str], gets: &[&str]) -> Change {
    let mut change = update(Vec::new());
    change.action = Action::Rotate;
    change.reason = Some(Reason::Rotation(why));
    let to: Vec<String> = had.iter().map(|name| sink(name).hash()).collect();
    change.before.as_mut().unwrap().mark = Some(Mark { to, ..Mark::default() });
    let id = KeyId::new("1");
    change.request = Request::Rotate { id, first: Box::default(), transition: None, commit: commit(gets) };
    change
}

fn delete(reason: Reason) -> Change {
    Change {
        action: Action::Delete,
        reason: Some(reason),
        request: Request::Delete { id: KeyId::new("1") },
        ..update(Vec::new())
    }
}

/// The risks as `field word`, or the word alone for the key as a whole.
#[track_caller]
#[expect(clippy::needless_pass_by_value, reason = "every caller makes it in place")]
fn check(change: Change, expected: &[&str]) {
    let found: Vec<String> = of_change(&change, at(NOW))
        .iter()
        .map(|found| match found.at.field() {
            Some(field) => format!("{field} {}", found.risk),
            None => found.risk.to_string(),
        })
        .collect();
    assert_eq!(found, expected);
}

fn scopes(added: &[&str], dropped: &[&str]) -> FieldChange {
    let texts = |names: &[&str]| names.iter().map(|name| (*name).to_owned()).collect::<Vec<_>>();
    FieldChange::Scopes { added: texts(added), dropped: texts(dropped), after: texts(added) }
}

fn per_minute(value: u64) -> RateLimit {
    RateLimit { kind: RateLimitType::Requests, unit: RateLimitUnit::PerMinute, value }
}

fn per_day(value: u64) -> RateLimit {
    RateLimit { unit: RateLimitUnit::PerDay, ..per_minute(value) }
}

fn rates(before: &[RateLimit], after: &[RateLimit]) -> FieldChange {
    FieldChange::RateLimits { before: before.to_vec(), after: after.to_vec() }
}

fn budget(limit: f64) -> UsageLimits {
    UsageLimits { credit_limit: Amount::new(limit), ..UsageLimits::default() }
}

fn monthly(limit: f64) -> UsageLimits {
    UsageLimits { periodic_reset: Some(PeriodicReset::Monthly), ..budget(limit) }
}

fn every(days: u32, limit: f64) -> UsageLimits {
    UsageLimits { periodic_reset_days: Some(days), ..budget(limit) }
}

fn usage(before: Option<UsageLimits>, after: Option<UsageLimits>) -> Change {
    update(vec![FieldChange::UsageLimits { before, after }])
}

fn expires(before: Option<&str>, after: Option<&str>) -> Change {
    update(vec![FieldChange::ExpiresAt { before: before.map(at), after: after.map(at) }])
}

#[test]
fn every_word_is_there_once_and_says_something() {
    let words: BTreeSet<&str> = Risk::ALL.map(Risk::word).into();
    assert_eq!(words.len(), Risk::ALL.len());
    for risk in Risk::ALL {
        assert_eq!(Risk::parse(risk.word()), Some(risk));
        assert!(risk.meaning().ends_with('.'), "{risk}");
        assert!(risk.question().contains('?'), "{risk}");
    }
    assert!(Risk::ALL.is_sorted());
    assert_eq!(Risk::parse("gains"), None);
}

#[test]
fn a_live_key_that_gains_scopes_has_a_risk_for_each_class_of_them() {
    check(update(vec![scopes(&["logs.export"], &[])]), &["scopes gains-read"]);
    check(update(vec![scopes(&["completions.write"], &[])]), &["scopes gains-write"]);
    check(update(vec![scopes(&["workspace_users.create"], &[])]), &["scopes gains-admin"]);
    check(update(vec![scopes(&["workspace_user_api_keys.update"], &[])]), &["scopes mints-keys"]);
    check(
        update(vec![scopes(&["workspace_user_api_keys.update", "logs.list", "logs.view"], &["logs.write"])]),
        &["scopes gains-read", "scopes mints-keys"],
    );
    check(update(vec![scopes(&["newer_than_we_are"], &[])]), &["scopes mints-keys"]);
}

#[test]
fn a_scope_that_is_lost_is_no_risk() {
    check(update(vec![scopes(&[], &["workspace_user_api_keys.update"])]), &[]);
}

#[test]
fn a_new_key_that_only_reads_and_writes_is_no_risk_and_one_that_rules_is() {
    check(create(vec![scopes(&["logs.list", "completions.write"], &[])]), &[]);
    check(
        create(vec![scopes(&["policies.update", "workspace_service_api_keys.create"], &[])]),
        &["scopes gains-admin", "scopes mints-keys"],
    );
}

#[test]
fn a_new_key_with_limits_that_limit_nothing_is_a_risk_and_one_without_limits_is_a_matter_of_policy() {
    check(create(vec![rates(&[], &[per_minute(0)])]), &["rate_limits unlimited"]);
    check(create(vec![rates(&[], &[per_minute(1)])]), &[]);
    check(create(Vec::new()), &[]);
    let fields = vec![
        FieldChange::UsageLimits { before: None, after: Some(budget(1e9)) },
        FieldChange::ExpiresAt { before: None, after: Some(at("2099-01-01T00:00:00Z")) },
    ];
    check(create(fields), &[]);
}

#[test]
fn rate_limits_are_compared_by_type_and_unit() {
    let rates = |before: &[RateLimit], after: &[RateLimit]| update(vec![rates(before, after)]);
    check(rates(&[per_minute(100)], &[per_minute(101)]), &["rate_limits limit-loosened"]);
    check(rates(&[per_minute(100)], &[per_minute(99)]), &[]);
    check(rates(&[per_minute(100)], &[]), &["rate_limits limit-removed"]);
    // Another window is no substitute that could be judged.
    check(rates(&[per_minute(100)], &[per_day(1)]), &["rate_limits limit-removed"]);
    check(rates(&[per_minute(100)], &[per_minute(100), per_day(1)]), &[]);
    check(
        rates(&[per_minute(100), per_day(5)], &[per_minute(200)]),
        &["rate_limits limit-loosened", "rate_limits limit-removed"],
    );
    let tokens = RateLimit { kind: RateLimitType::Tokens, ..per_minute(100) };
    check(rates(&[per_minute(100)], &[tokens]), &["rate_limits limit-removed"]);
}

#[test]
fn a_rate_limit_of_zero_limits_nothing() {
    let rates = |before: &[RateLimit], after: &[RateLimit]| update(vec![rates(before, after)]);
    check(rates(&[per_minute(100)], &[per_minute(0)]), &["rate_limits unlimited"]);
    check(rates(&[], &[per_minute(0)]), &["rate_limits unlimited"]);
    check(rates(&[per_minute(0)], &[per_minute(0), per_day(3)]), &[]);
    check(rates(&[per_minute(0)], &[per_minute(7)]), &[]);
    check(rates(&[per_minute(0)], &[]), &[]);
}

#[test]
fn of_several_live_limits_for_one_window_the_tightest_holds() {
    let change = rates(&[per_minute(10), per_minute(500)], &[per_minute(500)]);
    check(update(vec![change]), &["rate_limits limit-loosened"]);
}

#[test]
fn a_budget_that_grows_is_loosened_and_one_that_goes_is_removed() {
    let loosened = &["usage_limits limit-loosened"];
    let removed = &["usage_limits limit-removed"];
    check(usage(Some(budget(10.0)), Some(budget(10.5))), loosened);
    check(usage(Some(budget(10.0)), Some(budget(9.0))), &[]);
    check(usage(Some(budget(10.0)), None), removed);
    check(usage(Some(budget(10.0)), Some(UsageLimits { credit_limit: None, ..monthly(1.0) })), removed);
    // Portkey enforces no budget of 0.
    check(usage(Some(budget(10.0)), Some(budget(0.0))), removed);
    check(usage(Some(budget(0.0)), Some(budget(10.0))), &[]);
    check(usage(None, Some(budget(1e9))), &[]);
}

#[test]
fn a_budget_of_another_kind_cannot_be_compared_and_counts_as_loosened() {
    let tokens = UsageLimits { kind: Some(UsageType::Tokens), ..budget(1.0) };
    check(usage(Some(budget(500.0)), Some(tokens)), &["usage_limits limit-loosened"]);
    let said = UsageLimits { kind: Some(UsageType::Cost), ..budget(5.0) };
    check(usage(Some(budget(5.0)), Some(UsageLimits { alert_threshold: Amount::new(1.0), ..said })), &[]);
}

#[test]
fn a_budget_that_may_start_anew_sooner_is_loosened() {
    let loosened = &["usage_limits limit-loosened"];
    check(usage(Some(budget(10.0)), Some(monthly(10.0))), loosened);
    check(usage(Some(monthly(10.0)), Some(budget(10.0))), &[]);
    check(usage(Some(monthly(10.0)), Some(every(7, 10.0))), loosened);
    check(usage(Some(monthly(10.0)), Some(every(30, 10.0))), loosened);
    check(usage(Some(monthly(10.0)), Some(every(31, 10.0))), &[]);
    check(usage(Some(every(28, 10.0)), Some(monthly(10.0))), &[]);
    check(usage(Some(every(29, 10.0)), Some(monthly(10.0))), loosened);
    check(usage(Some(monthly(10.0)), Some(monthly(9.0))), &[]);
    let strange =
        UsageLimits { periodic_reset: Some(PeriodicReset::Other("by moon".to_owned())), ..budget(10.0) };
    check(usage(Some(every(1, 10.0)), Some(strange)), loosened);
}

#[test]
fn an_alert_that_comes_later_or_never_is_loosened() {
    let alert =
        |at: Option<f64>| Some(UsageLimits { alert_threshold: at.and_then(Amount::new), ..budget(10.0) });
    check(usage(alert(Some(5.0)), alert(Some(6.0))), &["usage_limits limit-loosened"]);
    check(usage(alert(Some(5.0)), alert(None)), &["usage_limits limit-loosened"]);
    check(usage(alert(Some(5.0)), alert(Some(4.0))), &[]);
    check(usage(alert(None), alert(Some(5.0))), &[]);
}

#[test]
fn a_reset_of_the_usage_lets_the_budget_be_spent_again() {
    let reset = Reason::UsageResetDue { after: at(NOW), last: None };
    check(
        Change { action: Action::ResetUsage, reason: Some(reset), ..update(Vec::new()) },
        &["usage_reset_after limit-loosened"],
    );
}

#[test]
fn requests_that_may_leave_the_bound_config_are_loosened() {
    let change = |after: bool| update(vec![FieldChange::AllowConfigOverride { before: !after, after }]);
    check(change(true), &["allow_config_override limit-loosened"]);
    check(change(false), &[]);
}

#[test]
fn a_config_that_is_no_longer_bound_counts_as_loosened_and_one_that_comes_does_not() {
    let change = |before: Option<&str>, after: Option<&str>| {
        let (before, after) = (before.map(ConfigId::new), after.map(ConfigId::new));
        update(vec![FieldChange::ConfigId { before, after, written: None }])
    };
    check(change(Some("a"), None), &["config_id limit-loosened"]);
    check(change(Some("a"), Some("b")), &["config_id limit-loosened"]);
    check(change(None, Some("b")), &[]);
}

#[test]
fn an_expiry_is_extended_or_removed_or_ends_the_secret_at_once() {
    let (soon, late) = (Some("2026-12-01T00:00:00Z"), Some("2027-12-01T00:00:00Z"));
    check(expires(soon, late), &["expires_at expiry-extended"]);
    check(expires(late, soon), &[]);
    check(expires(soon, None), &["expires_at expiry-removed"]);
    check(expires(None, soon), &[]);
    check(expires(None, Some(NOW)), &["expires_at secret-ends"]);
    check(expires(late, Some(NOW)), &["expires_at secret-ends"]);
    check(expires(Some("2026-11-02T00:00:00Z"), Some("2026-11-01T00:00:00Z")), &[]);
}

#[test]
fn a_rotation_ends_a_secret_that_somebody_may_use() {
    check(rotate(Why::TooOld, &["one"], &["one"]), &["transition secret-ends"]);
    check(rotate(Why::Asked, &["one"], &["one"]), &["transition secret-ends"]);
    check(rotate(Why::Unfinished, &["one"], &["one"]), &[]);
}

#[test]
fn a_secret_that_goes_where_the_former_one_did_not_is_delivered_elsewhere() {
    check(
        rotate(Why::NewSink, &["one"], &["one", "two"]),
        &["deliver_to delivers-elsewhere", "transition secret-ends"],
    );
    check(rotate(Why::TooOld, &["one", "two"], &["one"]), &["transition secret-ends"]);
    check(create(Vec::new()), &[]);
}

#[test]
fn a_schedule_of_portkeys_own_ends_secrets_unseen() {
    let policy = |ms| RotationPolicy {
        rotation_period: Some(RotationPeriod::Monthly),
        key_transition_period_ms: ms,
        ..RotationPolicy::default()
    };
    let change = |before, after| update(vec![FieldChange::RotationPolicy { before, after }]);
    let ends = &["rotation_policy secret-ends"];
    check(change(None, Some(policy(None))), ends);
    check(change(Some(policy(Some(86_400_000))), Some(policy(None))), ends);
    check(change(Some(policy(None)), Some(policy(Some(86_400_000)))), &[]);
    check(change(Some(policy(None)), None), &[]);
    check(create(vec![FieldChange::RotationPolicy { before: None, after: Some(policy(None)) }]), ends);
}

#[test]
fn a_schedule_that_replaces_secrets_sooner_ends_them() {
    let monthly =
        RotationPolicy { rotation_period: Some(RotationPeriod::Monthly), ..RotationPolicy::default() };
    let every = |days| RotationPolicy { rotation_period_days: Some(days), ..RotationPolicy::default() };
    let next = |date: &str, policy: &RotationPolicy| RotationPolicy {
        next_rotation_at: Some(at(date)),
        ..policy.clone()
    };
    let change = |before: &RotationPolicy, after: &RotationPolicy| {
        let (before, after) = (Some(before.clone()), Some(after.clone()));
        update(vec![FieldChange::RotationPolicy { before, after }])
    };
    let ends = &["rotation_policy secret-ends"];
    check(change(&monthly, &every(1)), ends);
    check(change(&monthly, &every(30)), ends);
    check(change(&monthly, &every(31)), &[]);
    check(change(&every(7), &monthly), &[]);
    let (soon, late) = ("2026-12-01T00:00:00Z", "2027-12-01T00:00:00Z");
    check(change(&next(late, &monthly), &next(soon, &monthly)), ends);
    check(change(&next(soon, &monthly), &next(late, &monthly)), &[]);
    check(change(&next(soon, &monthly), &monthly), &[]);
    // Where no date is known, a period is the latest.
    check(change(&monthly, &next(soon, &monthly)), ends);
    check(change(&monthly, &next(late, &monthly)), &[]);
    check(change(&RotationPolicy::default(), &next(late, &monthly)), ends);
}

#[test]
fn a_key_that_goes_away_is_deleted_unless_nobody_ever_had_its_secret() {
    check(delete(Reason::DeclaredAbsent), &["deleted"]);
    check(delete(Reason::Pruned { by: "us".to_owned() }), &["deleted"]);
    check(delete(Reason::LeftOver), &[]);
}

#[test]
fn a_key_that_is_made_while_one_of_its_name_goes_is_replaced() {
    let words = |deleted: Change| {
        let mut changes = [create(Vec::new()), deleted];
        assess(&mut changes, at(NOW));
        changes.map(|change| change.risks.iter().map(|found| found.risk).collect::<Vec<_>>())
    };
    let elsewhere = |name: &str| KeyAddress { workspace: Some("other".to_owned()), ..named(name) };
    let gone = |name: &str| Change { address: elsewhere(name), ..delete(Reason::DeclaredAbsent) };
    assert_eq!(words(gone("a")), [vec![Risk::Replaced], vec![Risk::Deleted]]);
    assert_eq!(words(gone("b")), [vec![], vec![Risk::Deleted]]);
    assert_eq!(words(delete(Reason::LeftOver)), [vec![], vec![]]);
}

#[test]
fn text_and_whereabouts_of_a_key_are_no_risk() {
    let fields = vec![
        FieldChange::Name { before: "a".to_owned(), after: "b".to_owned() },
        FieldChange::Description { before: String::new(), after: "text".to_owned() },
        FieldChange::AlertEmails {
            before: BTreeSet::from(["a@x.example".to_owned()]),
            after: BTreeSet::new(),
        },
        FieldChange::Mark { before: None, after: Mark::default() },
    ];
    check(update(fields), &[]);
}
