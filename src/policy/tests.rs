//! A file in, what its policies say out.

use super::*;
use crate::desired::{FileArgument, Loaded, PolicyArgument, load_with, parse_str};

/// The moment at which all is judged here.
const NOW: &str = "2026-12-01T00:00:00Z";

fn now() -> Timestamp {
    NOW.parse().unwrap()
}

/// A file with this policy and these keys.
fn file(policy: &str, keys: &str) -> String {
    format!(
        "version: 1\n\
         workspaces: {{payments: ws-payments}}\n\
         sinks: {{dir: {{file: \"secrets/{{workspace}}/{{name}}\"}}}}\n\
         policy:\n  {policy}\n\
         keys: [{keys}]\n"
    )
}

fn read(text: &str) -> Loaded {
    let loaded = parse_str("k.yaml", text);
    assert!(loaded.desired.is_some(), "{text}\n{:?}", loaded.diagnostics);
    loaded
}

fn judged_at(text: &str, now: Timestamp) -> Vec<Finding> {
    check(read(text).desired.as_ref().unwrap(), &Workspaces::default(), now)
}

/// Code, severity and place of what stands.
fn standing(policy: &str, keys: &str) -> Vec<(&'static str, Severity, usize)> {
    let findings = judged_at(&file(policy, keys), now());
    let standing = findings.iter().filter(|finding| finding.stands());
    standing.map(|finding| (finding.code, finding.severity, finding.place.line)).collect()
}

/// What the diagnostics say, one line each with hints.
fn said(loaded: &Loaded) -> String {
    let mut out = String::new();
    for diagnostic in &loaded.diagnostics {
        let place = diagnostic.primary.as_ref().map(|label| {
            let text = loaded
                .sources
                .get(label.span.source)
                .unwrap()
                .text
                .get(label.span.start..label.span.end)
                .unwrap();
            let place = loaded.sources.place(label.span);
            format!("{}:{} `{text}` {}", place.line, place.column, label.text)
        });
        out += &format!(
            "{:?} {} {}: {}\n",
            diagnostic.severity,
            diagnostic.code,
            place.unwrap_or_default(),
            diagnostic.message
        );
        for label in &diagnostic.secondary {
            out += &format!("  {} {}\n", loaded.sources.place(label.span), label.text);
        }
        for hint in &diagnostic.hints {
            out += &format!("  hint: {hint}\n");
        }
    }
    out
}

const PLAIN: &str = "{name: a, workspace_id: payments, scopes: [completions.write]}";

#[test]
fn every_rule_is_broken_by_its_failing_example_and_kept_by_its_passing_one() {
    assert!(rules().is_sorted_by(|a, b| a.name < b.name));
    assert_eq!(rules().len(), RuleId::ALL.len());
    for rule in rules() {
        let policy = format!("rules: {{{}}}", rule.example);
        let codes =
            |keys: &str| standing(&policy, keys).into_iter().map(|(code, ..)| code).collect::<Vec<_>>();
        assert_eq!(codes(rule.failing), [rule.code], "{} is to be broken by {}", rule.name, rule.failing);
        assert_eq!(
            codes(rule.passing),
            Vec::<&str>::new(),
            "{} is to be kept by {}",
            rule.name,
            rule.passing
        );
        assert_eq!(rule.code, format!("policy-{}", rule.name));
        assert!(rule.example.starts_with(rule.name));
        assert_eq!(rule.id.name(), rule.name);
    }
}

#[test]
fn a_rule_is_found_by_its_name_and_by_the_code_of_its_findings() {
    assert_eq!(explain_rule("no-unlimited").unwrap().id, RuleId::NoUnlimited);
    assert_eq!(explain_rule("policy-no-unlimited").unwrap().id, RuleId::NoUnlimited);
    assert!(explain_rule("policy-").is_none());
    let settings: Vec<_> = explain_rule("secret-age").unwrap().settings().map(|(name, _)| name).collect();
    assert_eq!(settings, ["longest"]);
}

#[test]
fn what_demands_is_broken_by_a_field_left_out_and_what_forbids_is_kept() {
    let pinned = "{name: a, workspace_id: payments, id: 183f497a}";
    let broken: Vec<_> = rules()
        .iter()
        .filter(|rule| {
            !standing(
                &format!("rules: {{{}}}", rule.example.replace("workspace-user", "workspace-service")),
                pinned,
            )
            .is_empty()
        })
        .map(|rule| rule.name)
        .collect();
    assert_eq!(
        broken,
        [
            "alert-email-required",
            "description-pattern",
            "expiry-required",
            "expiry-within",
            "limits-required",
            "secret-age"
        ]
    );
}

#[test]
fn a_key_that_is_to_be_absent_is_not_judged() {
    assert_eq!(standing("{use: [strict]}", "{name: a, workspace_id: payments, absent: true}"), []);
}

#[test]
fn a_finding_stands_at_the_field_or_at_the_name_of_the_key() {
    let policy = "rules: {expiry-within: {longest: 90d}}";
    let finding = &judged_at(
        &file(policy, "{name: a, workspace_id: payments, scopes: [completions.write], expires_at: null}"),
        now(),
    )[0];
    assert_eq!((finding.place.line, finding.place.column), (6, 71));
    let finding = &judged_at(&file(policy, PLAIN), now())[0];
    assert_eq!((finding.place.line, finding.place.column), (6, 9));
    assert_eq!(finding.inherited_by, None);
}

#[test]
fn an_inherited_mistake_shows_both_places() {
    let text = "version: 1\nworkspaces: {payments: ws-payments}\npolicy: {rules: {no-unlimited: error}}\n\
        templates:\n  t:\n    scopes: [completions.write]\n    rate_limits: [{type: requests, unit: rpm, value: 0}]\n\
        keys:\n  - {name: a, workspace_id: payments, template: t}\n";
    let mut loaded = read(text);
    assert_eq!(judge(&mut loaded, now()), Judged { errors: 1, waived: 0 });
    insta::assert_snapshot!(said(&loaded), @r#"
Error policy-no-unlimited 7:5 `rate_limits` : the limit of `payments/a` on requests (rpm) is 0, which means unlimited
  k.yaml:9 `payments/a` inherits it
  hint: write a limit above 0, or remove the entry
Warning unlimited-rate-limit 7:54 `0` : the gateway skips a limit of 0, so this allows everything
  hint: write a limit above 0; to block a key, set `expires_at`
"#);
}

#[test]
fn the_end_of_a_key_may_be_exactly_so_far_away_and_no_second_more() {
    let key = |end: &str| {
        format!("{{name: a, workspace_id: payments, scopes: [completions.write], expires_at: \"{end}\"}}")
    };
    let codes = |end: &str| standing("rules: {expiry-within: {longest: 90d}}", &key(end)).len();
    assert_eq!(codes("2027-03-01T00:00:00Z"), 0);
    assert_eq!(codes("2027-03-01T00:00:01Z"), 1);
    assert_eq!(codes("2020-01-01"), 0, "what has ended has not too long to live");
}

#[test]
fn what_the_remedy_of_a_late_end_says_keeps_the_rule() {
    let policy = "rules: {expiry-within: {longest: 36h}}";
    let key = |end: &str| {
        format!("{{name: a, workspace_id: payments, scopes: [completions.write], expires_at: {end}}}")
    };
    let finding = &judged_at(&file(policy, &key("2029-01-01")), now())[0];
    assert_eq!(finding.remedy, "write `expires_at: 2026-12-02` or sooner");
    assert_eq!(standing(policy, &key("2026-12-02")), []);
}

#[test]
fn a_secret_is_replaced_by_its_age_or_by_portkeys_schedule() {
    let codes = |fields: &str| {
        let key = format!(
            "{{name: a, type: workspace-user, user_id: a@example.com, workspace_id: payments, scopes: [completions.write], {fields}}}"
        );
        standing("rules: {secret-age: {longest: 31d}}", &key).len()
    };
    assert_eq!(codes("rotation_policy: {rotation_period: monthly}"), 0);
    assert_eq!(codes("rotation_policy: {rotation_period_days: 31}"), 0);
    assert_eq!(codes("rotation_policy: {rotation_period_days: 32}"), 1);
    assert_eq!(codes("rotation_policy: {next_rotation_at: 2026-12-10}"), 1, "once is not a schedule");
    assert_eq!(codes("secret: {max_age: 31d, deliver_to: [dir]}"), 0);
    assert_eq!(codes("secret: {deliver_to: [dir]}"), 1);
    assert_eq!(codes("secret: {max_age: 32d, deliver_to: [dir]}"), 1);
}

#[test]
fn a_secret_that_is_in_fact_not_replaced_breaks_the_rule() {
    let said = |fields: &str| {
        let key = format!(
            "{{name: a, type: workspace-user, user_id: a@example.com, workspace_id: payments, scopes: [completions.write], {fields}}}"
        );
        let findings = judged_at(&file("rules: {secret-age: {longest: 90d}}", &key), now());
        findings.into_iter().map(|finding| finding.message).collect::<Vec<_>>().join("\n")
    };
    let no_sink = said("secret: {max_age: 30d}");
    assert!(no_sink.contains("no `deliver_to`"), "{no_sink}");
    let held = said("secret: {max_age: 30d, until: 2099-01-01, deliver_to: [dir]}");
    assert!(held.contains("not replaced before 2099-01-01T00:00:00Z (`until`)"), "{held}");
    let next = said("rotation_policy: {rotation_period_days: 30, next_rotation_at: 2099-01-01}");
    assert!(next.contains("not replaced before 2099-01-01T00:00:00Z (`next_rotation_at`)"), "{next}");
    // Times as far away as a secret may be old are kept, and no second more.
    for (time, expected) in [("2027-03-01T00:00:00Z", true), ("2027-03-01T00:00:01Z", false)] {
        let held = said(&format!("secret: {{max_age: 30d, until: {time}, deliver_to: [dir]}}"));
        let next = said(&format!("rotation_policy: {{rotation_period_days: 30, next_rotation_at: {time}}}"));
        assert_eq!((held.is_empty(), next.is_empty()), (expected, expected), "{held}{next}");
    }
}

#[test]
fn a_limit_of_zero_is_no_limit() {
    let codes = |rule: &str, fields: &str| {
        let key = format!("{{name: a, workspace_id: payments, scopes: [completions.write], {fields}}}");
        standing(&format!("rules: {{limits-required: {rule}}}"), &key).len()
    };
    let (zero, rate) = (
        "rate_limits: [{type: requests, unit: rpm, value: 0}]",
        "rate_limits: [{type: requests, unit: rpm, value: 1}]",
    );
    let budget = "usage_limits: {credit_limit: 5}";
    assert_eq!((codes("error", zero), codes("error", rate), codes("error", budget)), (1, 0, 0));
    assert_eq!((codes("{limits: both}", rate), codes("{limits: both}", budget)), (1, 1));
    assert_eq!(codes("{limits: both}", &format!("{rate}, {budget}")), 0);
    assert_eq!((codes("{limits: rate}", rate), codes("{limits: rate}", budget)), (0, 1));
    assert_eq!(codes("error", "usage_limits: {periodic_reset: weekly}"), 1, "a reset is no budget");
}

#[test]
fn organisation_keys_need_limits_only_if_the_rule_says_so() {
    let key = "{name: ci, type: organisation-service, scopes: [workspaces.list]}";
    assert_eq!(standing("rules: {limits-required: error}", key), []);
    assert_eq!(standing("rules: {limits-required: {types: [organisation-service]}}", key).len(), 1);
}

#[test]
fn a_rule_is_for_its_types_and_workspaces_only() {
    let other = "{name: a, workspace_id: ws-research, scopes: [completions.write]}";
    for (policy, payments, research) in [
        ("{}", 1, 1),
        ("{types: [workspace-user]}", 0, 0),
        ("{workspaces: [payments]}", 1, 0),
        ("{workspaces: [ws-payments]}", 1, 0),
        ("{workspaces: ['ws-r*']}", 0, 1),
        ("{workspaces: ['ws-r*', payments], types: [workspace-service]}", 1, 1),
    ] {
        let policy = format!("rules: {{expiry-required: {policy}}}");
        assert_eq!(
            (standing(&policy, PLAIN).len(), standing(&policy, other).len()),
            (payments, research),
            "{policy}"
        );
    }
    let organisation = "{name: ci, type: organisation-service, scopes: [workspaces.list]}";
    assert_eq!(standing("rules: {expiry-required: {workspaces: ['*']}}", organisation), []);
}

#[test]
fn a_rule_for_a_slug_is_not_escaped_by_writing_the_uuid() {
    let by_uuid =
        "{name: a, workspace_id: 183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2, scopes: [completions.write]}";
    assert_eq!(standing("rules: {expiry-required: {workspaces: [ws-payments]}}", by_uuid).len(), 1);
    assert_eq!(
        standing("rules: {expiry-required: {workspaces: ['{ws-a,ws-b}', 'ws-p*']}}", by_uuid).len(),
        1
    );
    // Another UUID beside the slug says nothing about this one.
    let both = "rules: {expiry-required: {workspaces: [ws-payments, 999f497a-2c51-4a7e-9d0b-51b6c1d0a9e2]}}";
    assert_eq!(standing(both, by_uuid).len(), 1);
    let by_slug = "{name: a, workspace_id: ws-other, scopes: [completions.write]}";
    assert_eq!(standing(both, by_slug).len(), 1, "nor a slug about a UUID");
    let findings = judged_at(&file(both, by_uuid), now());
    assert!(findings[0].remedy.contains("both by slug, or both by UUID"), "{}", findings[0].remedy);
    // In one form, names can be told apart.
    let uuids = "rules: {expiry-required: {workspaces: [999f497a-2c51-4a7e-9d0b-51b6c1d0a9e2]}}";
    assert_eq!(standing(uuids, by_uuid), []);
    assert_eq!(standing("rules: {expiry-required: {workspaces: ['ws-p*']}}", by_slug), []);
    // Patterns have a form as well, or both.
    let pattern = |text: &str| format!("rules: {{expiry-required: {{workspaces: ['{text}']}}}}");
    assert_eq!(standing(&pattern("999f497a-*"), by_uuid), []);
    assert_eq!(standing(&pattern("999f497a-*"), by_slug).len(), 1);
    assert_eq!(standing(&pattern("WS-P*"), by_uuid).len(), 1);
    assert_eq!(standing(&pattern("*-payments"), by_uuid).len(), 1);
    assert_eq!(standing(&pattern("*-payments"), by_slug), []);
}

#[test]
fn a_rule_for_a_workspace_is_not_escaped_by_other_letters() {
    let capitals =
        "{name: a, workspace_id: 183F497A-2C51-4A7E-9D0B-51B6C1D0A9E2, scopes: [completions.write]}";
    let rule = "rules: {expiry-required: {workspaces: [183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2]}}";
    assert_eq!(standing(rule, capitals).len(), 1);
    let small = "{name: a, workspace_id: 183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2, scopes: [completions.write]}";
    let rule = "rules: {expiry-required: {workspaces: [183F497A-2C51-4A7E-9D0B-51B6C1D0A9E2]}}";
    assert_eq!(standing(rule, small).len(), 1);
}

#[test]
fn whoever_knows_both_names_of_a_workspace_judges_by_both() {
    let known = |slug: &str| {
        let id = WorkspaceId::new("183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2");
        Workspaces::known(&BTreeMap::from([(slug.to_owned(), id)]))
    };
    let count = |policy: &str, key: &str, workspaces: &Workspaces| {
        let text = file(&format!("rules: {{expiry-required: {{workspaces: [{policy}]}}}}"), key);
        check(read(&text).desired.as_ref().unwrap(), workspaces, now()).len()
    };
    let by_uuid =
        "{name: a, workspace_id: 183F497A-2c51-4a7e-9d0b-51b6c1d0a9e2, scopes: [completions.write]}";
    let by_slug = "{name: a, workspace_id: ws-payments, scopes: [completions.write]}";
    assert_eq!(count("ws-payments", by_uuid, &known("ws-payments")), 1);
    assert_eq!(count("ws-payments", by_uuid, &known("ws-other")), 0);
    assert_eq!(count("'ws-p*'", by_uuid, &known("ws-payments")), 1);
    let uuid = "183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2";
    assert_eq!(count(uuid, by_slug, &known("ws-payments")), 1);
    assert_eq!(count("999f497a-2c51-4a7e-9d0b-51b6c1d0a9e2", by_slug, &known("ws-payments")), 0);
    assert_eq!(count(uuid, by_slug, &known("ws-other")), 1, "a slug that is not known may be anything");
}

#[test]
fn scopes_are_forbidden_wherever_they_come_from() {
    let text = "version: 1\nworkspaces: {payments: ws-payments}\nscope_sets: {out: [logs.export]}\n\
        policy: {rules: {scopes-forbidden: {scopes: ['logs.*']}}}\n\
        keys: [{name: a, workspace_id: payments, scopes: [completions.write, out]}]\n";
    let findings = judged_at(text, now());
    assert_eq!(findings.len(), 1);
    assert!(findings[0].message.contains("`logs.export`"), "{}", findings[0].message);
}

const WAIVED: &str = "{name: a, workspace_id: payments, scopes: [completions.write]}";

/// A policy whose one rule `a` breaks, with a waiver.
fn waiving(waiver: &str) -> String {
    format!("{{rules: {{expiry-required: error}}, waivers: [{{{waiver}}}]}}")
}

#[test]
fn a_waiver_excepts_its_key_from_its_rule_and_is_told_with_the_finding() {
    let policy = waiving("rule: expiry-required, key: payments/a, reason: vendor, until: 2027-03-01");
    let findings = judged_at(&file(&policy, WAIVED), now());
    assert_eq!(findings.len(), 1);
    assert_eq!(findings[0].waiver.as_ref().unwrap().reason, "vendor");
    let mut loaded = read(&file(&policy, WAIVED));
    assert_eq!(judge(&mut loaded, now()), Judged { errors: 0, waived: 1 });
    assert_eq!(loaded.diagnostics, []);
}

#[test]
fn a_waiver_holds_until_the_very_instant_that_it_names() {
    let policy =
        waiving("rule: expiry-required, key: payments/a, reason: vendor, until: 2026-12-24T12:00:00Z");
    let at = |now: &str| {
        let findings = judged_at(&file(&policy, WAIVED), now.parse().unwrap());
        findings.into_iter().filter(Finding::stands).map(|finding| finding.code).collect::<Vec<_>>()
    };
    assert_eq!(at("2026-12-24T11:59:59Z"), Vec::<&str>::new());
    assert_eq!(at("2026-12-24T12:00:00Z"), ["policy-waiver-expired", "policy-expiry-required"]);
}

#[test]
fn an_ended_waiver_is_an_error_even_if_its_key_keeps_the_rule_now() {
    let policy = waiving("rule: expiry-required, key: payments/a, reason: vendor, until: 2026-11-01");
    let kept = "{name: a, workspace_id: payments, scopes: [completions.write], expires_at: 2027-01-01}";
    assert_eq!(standing(&policy, kept), [("policy-waiver-expired", Severity::Error, 5)]);
}

#[test]
fn a_waiver_may_end_a_leap_year_ahead_and_no_second_later() {
    let codes = |until: &str| {
        let waiver = format!("rule: expiry-required, key: payments/a, reason: vendor, until: \"{until}\"");
        standing(&waiving(&waiver), WAIVED).into_iter().map(|(code, ..)| code).collect::<Vec<_>>()
    };
    assert_eq!(codes("2027-12-02T00:00:00Z"), Vec::<&str>::new());
    assert_eq!(codes("2027-12-02T00:00:01Z"), ["policy-waiver-too-long", "policy-expiry-required"]);
    assert_eq!(codes("9999-12-01"), ["policy-waiver-too-long", "policy-expiry-required"]);
}

#[test]
fn waivers_that_except_nothing_are_told_with_the_reason() {
    let policy = "{rules: {expiry-required: error}, waivers: [\
        {rule: expiry-required, key: payments/kept, reason: r, until: 2027-01-01}, \
        {rule: expiry-required, key: payments/checkuot, reason: r, until: 2027-01-01}, \
        {rule: expiry-required, key: elsewhere/else, reason: r, until: 2027-01-01}, \
        {rule: secret-age, key: payments/kept, reason: r, until: 2027-01-01}, \
        {rule: expiry-required, key: kept, reason: r, until: 2027-01-01}]}";
    let keys = "{name: kept, workspace_id: payments, scopes: [completions.write], expires_at: 2027-01-01}, \
        {name: checkout, workspace_id: payments, scopes: [completions.write], expires_at: 2027-01-01}";
    let mut loaded = read(&file(policy, keys));
    assert_eq!(judge(&mut loaded, now()), Judged { errors: 0, waived: 0 });
    insta::assert_snapshot!(said(&loaded), @r#"
Warning policy-waiver-unused 5:54 `expiry-required` : `expiry-required` is waived for `payments/kept`, which keeps it or is not subject to it
  hint: remove the waiver
Warning policy-waiver-unused 5:129 `expiry-required` : `expiry-required` is waived for `payments/checkuot`, which is in no file
  hint: did you mean `payments/checkout`?
Warning policy-waiver-unused 5:208 `expiry-required` : `expiry-required` is waived for `elsewhere/else`, which is in no file
  hint: write the whole address as plans show it, or remove the waiver
Warning policy-waiver-unused 5:284 `secret-age` : `secret-age` is waived for `payments/kept`, but is not among the rules of this policy
  hint: remove the waiver; a rule can be waived only where it stands, in the policy file or in the keys file
Warning policy-waiver-unused 5:354 `expiry-required` : `expiry-required` is waived for `kept`, which is in no file
  hint: write the whole address as plans show it, or remove the waiver
"#);
}

/// What stands if this policy file is given beside a root file.
fn with_policy_file(policy: &str, root: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("policy.yaml");
    std::fs::write(&path, policy).unwrap();
    let mut stdin = root.as_bytes();
    let loaded = load_with(&[FileArgument::Stdin], PolicyArgument::InRootAnd(&path), &mut stdin);
    assert!(loaded.desired.is_some(), "{:?}", loaded.diagnostics);
    loaded
}

fn standing_with(policy: &str, root: &str) -> Vec<(&'static str, Severity)> {
    let loaded = with_policy_file(policy, root);
    let findings = check(loaded.desired.as_ref().unwrap(), &Workspaces::default(), now());
    findings.into_iter().filter(Finding::stands).map(|finding| (finding.code, finding.severity)).collect()
}

#[test]
fn nothing_in_the_keys_files_loosens_or_waives_a_rule_of_the_policy_file() {
    let policy = "version: 1\nrules: {expiry-required: error, mints-keys-only: {keys: [ws-payments/ci]}}\n";
    let key = "{name: ci, workspace_id: payments, scopes: [workspace_service_api_keys.create]}";
    let refused = [("policy-expiry-required", Severity::Error)];
    for root in [
        "{}",
        "{rules: {expiry-required: off, mints-keys-only: off}}",
        "{rules: {expiry-required: warning, mints-keys-only: {keys: ['**']}}}",
        "{use: [recommended], rules: {expiry-required: {types: [workspace-user]}, mints-keys-only: off, limits-required: off, description-pattern: off}}",
    ] {
        assert_eq!(standing_with(policy, &file(root, key)), refused, "{root}");
    }
    // A waiver beside the keys excepts from the rules beside the keys only.
    let root = "{rules: {expiry-required: error}, waivers: [{rule: expiry-required, key: payments/ci, reason: r, until: 2027-01-01}]}";
    assert_eq!(standing_with(policy, &file(root, key)), refused);
    // Another workspace that is called by the same name is another one.
    let renamed = file("{}", key).replace("payments: ws-payments", "payments: ws-research");
    assert_eq!(
        standing_with(policy, &renamed),
        [("policy-expiry-required", Severity::Error), ("policy-mints-keys-only", Severity::Error)]
    );
}

#[test]
fn the_policy_file_waives_its_own_rules_by_slug() {
    let policy = |key: &str| {
        format!(
            "version: 1\nrules: {{expiry-required: error}}\nwaivers: [{{rule: expiry-required, key: {key}, reason: r, until: 2027-01-01}}]\n"
        )
    };
    assert_eq!(standing_with(&policy("ws-payments/a"), &file("{}", PLAIN)), []);
    let by_alias = standing_with(&policy("payments/a"), &file("{}", PLAIN));
    assert!(by_alias.contains(&("policy-expiry-required", Severity::Error)), "{by_alias:?}");
    assert!(by_alias.contains(&("policy-waiver-unused", Severity::Warning)), "{by_alias:?}");
    // It does not reach into the other policy either.
    let both = file("{rules: {expiry-required: warning}}", PLAIN);
    assert_eq!(
        standing_with(&policy("ws-payments/a"), &both),
        [("policy-expiry-required", Severity::Warning)]
    );
}

#[test]
fn what_both_policies_find_is_said_once_with_the_stricter_word() {
    for (one, other) in [("error", "warning"), ("warning", "error")] {
        let policy = format!("version: 1\nrules: {{expiry-required: {one}}}\n");
        let root = file(&format!("{{rules: {{expiry-required: {other}}}}}"), PLAIN);
        assert_eq!(standing_with(&policy, &root), [("policy-expiry-required", Severity::Error)]);
    }
}

#[test]
fn a_finding_of_the_policy_file_says_whose_rule_it_is() {
    let mut loaded = with_policy_file("version: 1\nrules: {expiry-required: error}\n", &file("{}", PLAIN));
    assert_eq!(judge(&mut loaded, now()).errors, 1);
    let label = &loaded.diagnostics[0].primary.as_ref().unwrap().text;
    assert!(label.starts_with("`expiry-required` in ") && label.ends_with("policy.yaml"), "{label}");
}

#[test]
fn files_with_errors_are_not_judged() {
    let mut loaded = parse_str(
        "k.yaml",
        &file("{use: [strict]}", "{name: a, workspace_id: payments, scopes: [logs.veiw]}"),
    );
    let before = loaded.diagnostics.clone();
    assert_eq!(judge(&mut loaded, now()), Judged::default());
    assert_eq!(loaded.diagnostics, before);
}

#[test]
fn a_flood_of_findings_is_cut_and_counted_whole() {
    let keys: Vec<String> = (0..1_500)
        .map(|n| format!("{{name: k{n}, workspace_id: payments, scopes: [completions.write]}}"))
        .collect();
    let mut loaded = read(&file("rules: {expiry-required: error}", &keys.join(", ")));
    assert_eq!(judge(&mut loaded, now()).errors, 1_500);
    assert_eq!(loaded.diagnostics.len(), 1_001);
    assert_eq!(loaded.diagnostics.last().unwrap().code, "too-many-errors");
}

#[test]
fn hostile_names_and_patterns_are_only_text() {
    let key = "{name: \"a::set-output name=x::$(id) \\u202e`[link](x)@all\", workspace_id: payments, scopes: [completions.write], description: aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa!}";
    let policy = "rules: {description-pattern: {pattern: '^(a+)+$'}, name-pattern: {pattern: '^a$'}}";
    let begun = std::time::Instant::now();
    assert_eq!(standing(policy, key).len(), 2);
    assert!(begun.elapsed() < std::time::Duration::from_secs(5), "matching is linear");
}
