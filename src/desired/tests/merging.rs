//! Defaults, templates, keys: what a merged key is.

use proptest::prelude::*;

use super::*;

const DESIGN: &str = r#"
version: 1
organisation: a1b2c3d4
managed_by: platform
workspaces: {payments: ws-prod-1a2b3c, research: ws-res-77c0de}
scope_sets: {inference: [completions.write, prompts.render]}
known_scopes: []
sinks:
  dir: {file: "secrets/{workspace}/{name}"}
templates:
  service:
    scopes: [inference, logs.write]
    usage_limits: {type: cost, credit_limit: 500, alert_threshold: 400, periodic_reset: monthly}
    secret: {deliver_to: [dir]}
defaults: {alert_emails: [platform@example.com]}
keys:
  - name: checkout
    workspace_id: payments
    template: service
    id: 183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2
    renamed_from: checkout-old
    description: Checkout service, production
    rate_limits: [{type: requests, unit: rpm, value: 100}]
    usage_limits: {credit_limit: 2000}
    metadata: {team: payments, environment: prod}
    config_id: pc-routing-9f8e
    allow_config_override: false
    expires_at: 2027-06-30T00:00:00Z
    unmanaged: [alert_emails]
    protected: true
    usage_reset_after: 2026-11-22T10:00:00Z
  - {name: nightly, type: workspace-user, workspace_id: research, user_id: someone@example.com, scopes: [inference]}
  - {name: spike-2025, workspace_id: research, absent: true}
policy: {}
"#;

#[test]
fn the_file_of_the_manual_is_read_without_a_word() {
    let loaded = parse_str("keys.yaml", DESIGN);
    insta::assert_snapshot!(say(&loaded), @"");
    let desired = loaded.desired.unwrap();
    let addresses: Vec<_> = desired.keys.iter().map(|key| key.address.to_string()).collect();
    assert_eq!(
        addresses,
        ["payments/checkout", "research/spike-2025", "research/someone@example.com/nightly"]
    );
    assert!(desired.complete);
    insta::assert_debug_snapshot!(desired.keys[0].spec, @r#"
KeySpec {
    description: Set(
        "Checkout service, production",
    ),
    scopes: Some(
        [
            "completions.write",
            "prompts.render",
            "logs.write",
        ],
    ),
    rate_limits: Set(
        [
            RateLimit {
                kind: Requests,
                unit: PerMinute,
                value: 100,
            },
        ],
    ),
    usage_limits: Set(
        UsageLimits {
            credit_limit: Some(
                Amount(
                    2000.0,
                ),
            ),
            kind: Some(
                Cost,
            ),
            alert_threshold: Some(
                Amount(
                    400.0,
                ),
            ),
            periodic_reset: Some(
                Monthly,
            ),
            periodic_reset_days: None,
        },
    ),
    metadata: Set(
        {
            "environment": Some(
                "prod",
            ),
            "team": Some(
                "payments",
            ),
        },
    ),
    config_id: Set(
        "pc-routing-9f8e",
    ),
    allow_config_override: Set(
        false,
    ),
    alert_emails: Unmanaged,
    expires_at: Set(
        2027-06-30T00:00:00Z,
    ),
    rotation_policy: Unmanaged,
}
"#);
}

#[test]
fn maps_merge_lists_replace_and_null_clears() {
    let key = the_key(
        r"
version: 1
defaults: {description: d, alert_emails: [a@b.cd], metadata: {a: x, b: x}, expires_at: 2027-01-01}
templates:
  t: {scopes: [logs.view], metadata: {b: y, c: y}, usage_limits: {credit_limit: 5, periodic_reset: weekly}}
keys:
  - name: k
    template: t
    workspace_id: ws-x
    scopes: [logs.list]
    metadata: {c: null, d: z}
    usage_limits: {periodic_reset_days: 7}
    expires_at: null
    alert_emails: []
",
    );
    assert_eq!(key.spec.scopes, Some(vec!["logs.list".to_owned()]));
    let metadata = key.spec.metadata.value().unwrap();
    let metadata: Vec<_> = metadata.iter().map(|(k, v)| (k.as_str(), v.as_deref())).collect();
    assert_eq!(metadata, [("a", Some("x")), ("b", Some("y")), ("c", None), ("d", Some("z"))]);
    let limits = key.spec.usage_limits.value().unwrap();
    assert_eq!(limits.credit_limit.unwrap().to_string(), "5");
    assert_eq!((&limits.periodic_reset, limits.periodic_reset_days), (&None, Some(7)));
    assert_eq!(key.spec.expires_at, Setting::Clear);
    assert_eq!(key.spec.alert_emails, Setting::Clear);
    assert_eq!(key.field_places["description"].to_string(), "k.yaml:3");
    assert_eq!(key.field_places["usage_limits"].to_string(), "k.yaml:12");
}

#[test]
fn a_key_can_opt_out_of_what_it_would_inherit() {
    let key = the_key(
        r"
version: 1
defaults: {workspace_id: ws-x, metadata: {a: x}, usage_limits: {credit_limit: 5}, secret: {deliver_to: []}}
keys: [{name: k, type: organisation-service, workspace_id: null, scopes: [workspaces.list], unmanaged: [metadata], usage_limits: null}]
",
    );
    assert_eq!(key.workspace, None);
    assert_eq!(key.spec.metadata, Setting::Unmanaged);
    assert_eq!(key.spec.usage_limits, Setting::Clear);
}

#[test]
fn the_transition_is_said_in_words_or_in_milliseconds_and_the_nearer_wins() {
    for own in ["key_transition_period: 24h", "key_transition_period_ms: 86400000"] {
        let key = the_key(&format!(
            "version: 1\ndefaults: {{rotation_policy: {{rotation_period: weekly, key_transition_period: 1h}}}}\n\
             keys: [{{name: k, workspace_id: ws-x, scopes: [logs.view], rotation_policy: {{{own}}}}}]"
        ));
        assert_eq!(key.spec.rotation_policy.value().unwrap().key_transition_period_ms, Some(86_400_000));
    }
}

#[test]
fn an_inherited_mistake_is_shown_at_both_places() {
    insta::assert_snapshot!(check("version: 1
defaults: {type: organisation-service}
scope_sets: {inference: [completions.write]}
keys:
  - name: checkout
    scopes: [inference, workspaces.list]
"), @r#"
k.yaml:6:14 error scope-not-for-type: an organisation-service key cannot hold `completions.write`
  ^ only workspace keys can
  k.yaml:3:26 it is in the scope set `inference`
  k.yaml:2:18 `checkout` inherits its type from these `defaults`
  hint: write `type: workspace-service` in `checkout` (line 5), or remove the scope
"#);
    insta::assert_snapshot!(check("version: 1
templates: {t: {scopes: [completions.write], usage_limits: {alert_threshold: 50}}}
keys:
  - {name: a, template: t, type: organisation-service, usage_limits: {credit_limit: 5}}
"), @r#"
k.yaml:2:26 error scope-not-for-type: an organisation-service key cannot hold `completions.write`
  ^ only workspace keys can
  k.yaml:4:12 `a` inherits its scopes from template `t`
  k.yaml:4:34 its type is here
  hint: write `type: workspace-service` in `a` (line 4), or remove the scope
k.yaml:2:78 error alert-above-limit: `alert_threshold` 50 is above `credit_limit` 5
  k.yaml:4:12 `a` inherits it from template `t`
  k.yaml:4:85 the limit is here
  hint: write at most 5, or raise the limit
"#);
}

#[test]
fn a_mistake_in_a_template_is_told_once_however_many_keys_use_it() {
    insta::assert_snapshot!(check("version: 1
templates: {t: {scopes: [logs.veiw], workspace_id: nowhere, expires_at: tomorrow}}
keys: [{name: a, template: t}, {name: b, template: t}]
"), @r#"
k.yaml:2:26 error unknown-scope: there is no scope `logs.veiw`
  hint: did you mean `logs.view`?
k.yaml:2:52 error unknown-workspace: there is no workspace `nowhere`
  hint: declare it at the top of the root file: `workspaces: {nowhere: ws-…}`, or write its slug or UUID
k.yaml:2:73 error invalid-value: `expires_at` must be a time as in `2027-06-30T00:00:00Z` or a date as in `2027-06-30`
"#);
}

#[test]
fn templates_and_defaults_hold_no_names_and_do_not_nest() {
    insta::assert_snapshot!(check("version: 1
defaults: {name: a, id: b, template: t}
templates: {t: {template: u, protected: true, absent: true, renamed_from: x}}
keys: [{name: k, workspace_id: ws-x, template: tt, scopes: [logs.view]}]
"), @r#"
k.yaml:2:12 error misplaced-field: `defaults` cannot hold `name`
  hint: write it in each key
k.yaml:2:21 error misplaced-field: `defaults` cannot hold `id`
  hint: write it in each key
k.yaml:2:28 error misplaced-field: `defaults` cannot hold `template`
  hint: write it in each key
k.yaml:3:17 error misplaced-field: a template cannot hold `template`
  hint: write it in each key
k.yaml:3:30 error misplaced-field: a template cannot hold `protected`
  hint: write it in each key
k.yaml:3:47 error misplaced-field: a template cannot hold `absent`
  hint: write it in each key
k.yaml:3:61 error misplaced-field: a template cannot hold `renamed_from`
  hint: write it in each key
k.yaml:4:48 error unknown-template: there is no template `tt`
  hint: did you mean `t`?
"#);
}

#[test]
fn a_field_is_set_or_unmanaged_but_not_both() {
    insta::assert_snapshot!(check_key("name: k, workspace_id: pay, scopes: [inference], description: a, unmanaged: [description]"), @r#"
k.yaml:5:86 error exclusive-fields: `description` is listed as unmanaged and set as well
  k.yaml:5:58 set here
  hint: keep one of them
"#);
    insta::assert_snapshot!(check_key("name: k, workspace_id: pay, unmanaged: [scopes, nam]"), @r#"
k.yaml:5:15 error missing-field: `k` needs `scopes`
  hint: list what the key may do; only a key pinned by `id` may leave its scopes unmanaged
k.yaml:5:57 error invalid-value: an entry of `unmanaged` cannot be `nam`
  hint: write one of `description`, `scopes`, `rate_limits`, `usage_limits`, `metadata`, `config_id`, `allow_config_override`, `alert_emails`, `expires_at`, `rotation_policy`, `usage_reset_after`, `secret`
"#);
}

#[test]
fn a_block_of_text_loses_its_last_line_break_and_an_empty_one_clears() {
    let yaml = "version: 1\nkeys:\n  - name: k\n    workspace_id: ws-x\n    scopes: [logs.view]\n    description: |\n      two\n      lines\n";
    assert_eq!(the_key(yaml).spec.description, Setting::Set("two\nlines".to_owned()));
    let yaml = file_with("{name: k, workspace_id: pay, scopes: [inference], description: ''}");
    assert_eq!(the_key(&yaml).spec.description, Setting::Clear);
}

/// Fields of a key that can stand in any order, one line each.
const FIELDS: [&str; 9] = [
    "name: k",
    "template: t",
    "workspace_id: pay",
    "scopes: [inference, logs.view]",
    "usage_limits: {periodic_reset_days: 3, credit_limit: 9}",
    "metadata: {b: x, a: y}",
    "rotation_policy: {key_transition_period_ms: 3600000, rotation_period_days: 3}",
    "unmanaged: [alert_emails]",
    "expires_at: 2027-01-01",
];
const TOP: [&str; 6] = [
    "version: 1",
    "workspaces: {pay: ws-pay}",
    "scope_sets: {inference: [completions.write]}",
    "defaults: {alert_emails: [a@b.cd], usage_limits: {periodic_reset: weekly, alert_threshold: 2}}",
    "templates: {t: {metadata: {c: z}, rotation_policy: {key_transition_period: 1h, rotation_period: weekly}}}",
    "KEYS",
];

/// A key without what shows where it stood.
fn without_places(mut key: DesiredKey) -> DesiredKey {
    key.place = Place { file: String::new(), line: 0, column: 0 };
    key.field_places.values_mut().for_each(|place| *place = key.place.clone());
    key
}

proptest! {
    #[test]
    fn the_order_of_fields_changes_nothing(
        fields in Just(FIELDS.to_vec()).prop_shuffle(),
        top in Just(TOP.to_vec()).prop_shuffle(),
    ) {
        let write = |fields: &[&str], top: &[&str]| {
            let keys = format!("keys:\n  - {}", fields.join("\n    "));
            the_key(&top.join("\n").replace("KEYS", &keys))
        };
        prop_assert_eq!(without_places(write(&fields, &top)), without_places(write(&FIELDS, &TOP)));
    }

    #[test]
    fn no_input_makes_the_reader_panic(text in "[-a-z:{}\\[\\],&*!|>'\"%@`#? \n\t0-9~.]{0,80}") {
        let loaded = parse_str("k.yaml", &text);
        let errors = loaded.diagnostics.iter().any(|d| d.severity == crate::diagnostic::Severity::Error);
        prop_assert_eq!(loaded.desired.is_none(), errors);
    }

    #[test]
    fn no_key_makes_lowering_panic(value in "[-a-z:{}\\[\\],&*'\" 0-9~.]{0,30}", field in 0..FIELDS.len()) {
        let name = FIELDS[field].split(':').next().unwrap();
        parse_str("k.yaml", &file_with(&format!("{{name: k, workspace_id: pay, {name}: {value}}}")));
    }
}
