//! What one key, or two keys together, can get wrong.

use super::*;

const FINE: &str = "name: a, workspace_id: pay, scopes: [inference]";

/// What is said about an otherwise fine key with these fields.
fn with(fields: &str) -> String {
    check_key(&format!("{FINE}, {fields}"))
}

#[test]
fn unknown_fields_are_answered_with_the_nearest_or_with_what_to_do_instead() {
    insta::assert_snapshot!(check_key("name: a, workspace: pay, scope: [inference], organization: x"), @r#"
k.yaml:5:18 error unknown-field: a key has no field `workspace`
  hint: write `workspace_id`
k.yaml:5:34 error unknown-field: a key has no field `scope`
  hint: write `scopes`
k.yaml:5:54 error unknown-field: a key has no field `organization`
  hint: remove it; `organisation` stands at the top of the file
"#);
    insta::assert_snapshot!(with("defaults: {metadata: {a: b}}, key: abc, status: active, created_at: x"), @r#"
k.yaml:5:58 error unknown-field: a key has no field `defaults`
  hint: write `metadata`, `config_id` and `allow_config_override` directly in the key
k.yaml:5:88 error unknown-field: a key has no field `key`
  hint: remove it; Portkey makes the secret, and a file in git must not hold one
k.yaml:5:98 error unknown-field: a key has no field `status`
  hint: remove it; Portkey computes it. To end a key, set `expires_at`
k.yaml:5:114 error unknown-field: a key has no field `created_at`
  hint: remove it; Portkey computes it
"#);
    insta::assert_snapshot!(with("next_usage_reset_at: x, reset_usage: true, descripton: x, wibble: x"), @r#"
k.yaml:5:58 error unknown-field: a key has no field `next_usage_reset_at`
  hint: remove it; Portkey computes it from `usage_limits`
k.yaml:5:82 error unknown-field: a key has no field `reset_usage`
  hint: write `usage_reset_after` with the present time; it acts once
k.yaml:5:101 error unknown-field: a key has no field `descripton`
  hint: did you mean `description`?
k.yaml:5:116 error unknown-field: a key has no field `wibble`
  hint: the fields are `name`, `type`, `workspace_id`, `user_id`, `template`, `id`, `renamed_from`, `replaces`, `absent`, `protected`, `description`, `scopes`, `rate_limits`, `usage_limits`, `metadata`, `config_id`, `allow_config_override`, `alert_emails`, `expires_at`, `rotation_policy`, `unmanaged`, `usage_reset_after`, `secret`
"#);
    insta::assert_snapshot!(with("usage_limits: {credit_limit: 5, current_usage: 2, credit_limt: 5}"), @r#"
k.yaml:5:90 error unknown-field: `usage_limits` has no field `current_usage`
  hint: remove it; Portkey computes it
k.yaml:5:108 error unknown-field: `usage_limits` has no field `credit_limt`
  hint: did you mean `credit_limit`?
"#);
}

#[test]
fn a_key_needs_a_name_a_workspace_and_scopes() {
    insta::assert_snapshot!(check_key("workspace_id: pay, scopes: [inference]"), @r#"
k.yaml:5:8 error missing-field: a key needs `name`
  hint: add it, as in `name: "checkout"`
"#);
    insta::assert_snapshot!(check_key("name: a"), @r#"
k.yaml:5:15 error missing-field: `a` needs `scopes`
  hint: list what the key may do; only a key pinned by `id` may leave its scopes unmanaged
k.yaml:5:15 error missing-field: `a` needs `workspace_id`
  hint: add `workspace_id:`, or write `type: organisation-service` if the key belongs to the organisation
"#);
    insta::assert_snapshot!(check_key("name: a, workspace_id: pay, scopes: []"), @r#"
k.yaml:5:45 error empty-scopes: a key needs at least one scope
  hint: list what the key may do, or leave the field out for a key pinned by `id`
"#);
    assert_eq!(check_key("name: a, workspace_id: pay, id: 5c1e7f90"), "");
}

#[test]
fn a_value_has_its_type() {
    insta::assert_snapshot!(check_key("name: [a], workspace_id: {}, scopes: logs.view"), @r#"
k.yaml:5:15 error wrong-type: `name` must be text, not a list
k.yaml:5:34 error wrong-type: `workspace_id` must be text, not a map
k.yaml:5:46 error wrong-type: `scopes` must be a list, not `logs.view`
  hint: write `[logs.view]`
"#);
    insta::assert_snapshot!(with("rate_limits: {type: requests}, usage_limits: [], protected: 1, expires_at: []"), @r#"
k.yaml:5:71 error wrong-type: `rate_limits` must be a list, as in `[a, b]`, not a map
k.yaml:5:103 error wrong-type: `usage_limits` must be a map, as in `{a: 1}`, not a list
k.yaml:5:118 error wrong-type: `protected` must be `true` or `false`, not `1`
k.yaml:5:133 error wrong-type: `expires_at` must be a time, not a list
"#);
    insta::assert_snapshot!(check(&file_with("just-a-name")), @r"k.yaml:5:8 error wrong-type: an entry of `keys` must be a map, as in `{a: 1}`, not `just-a-name`");
}

#[test]
fn names_have_one_to_a_hundred_characters() {
    insta::assert_snapshot!(check_key("name: '', workspace_id: pay, scopes: [inference]"), @r"k.yaml:5:15 error invalid-value: `name` must not be empty");
    insta::assert_snapshot!(check_key(&format!("name: {}, workspace_id: pay, scopes: [inference]", "x".repeat(101))), @r"k.yaml:5:15 error invalid-value: `name` has 101 characters, and at most 100 are allowed");
    insta::assert_snapshot!(check_key("name: \"a\\eb\", workspace_id: pay, scopes: [inference]"), @r"k.yaml:5:15 error invalid-value: `name` has the control character U+001B");
}

#[test]
fn a_description_has_two_hundred_characters_and_none_of_our_marks() {
    insta::assert_snapshot!(with(&format!("description: {}", "é".repeat(201))), @r"k.yaml:5:71 error invalid-value: `description` has 201 characters, and at most 200 are allowed");
    insta::assert_snapshot!(with("description: 'a [portkey-sync by=me]'"), @r#"
k.yaml:5:71 error mark-in-description: `[portkey-sync …]` in a description is where portkey-sync keeps its own notes
  hint: remove the bracket; the live key keeps its own
"#);
}

#[test]
fn scopes_are_known() {
    insta::assert_snapshot!(check_key("name: a, workspace_id: pay, scopes: [logs.veiw, inferense, zebra, a.b]"), @r#"
k.yaml:5:46 error unknown-scope: there is no scope `logs.veiw`
  hint: did you mean `logs.view`?
k.yaml:5:57 error unknown-scope-set: there is no scope set `inferense`
  hint: did you mean `inference`?
k.yaml:5:68 error unknown-scope-set: there is no scope set `zebra`
  hint: define it at the top of the root file: `scope_sets: {zebra: […]}`; a single scope has a dot
k.yaml:5:75 error unknown-scope: there is no scope `a.b`
  hint: if Portkey has it, add it: `known_scopes: [a.b]`
"#);
    insta::assert_snapshot!(check_key("name: a, workspace_id: pay, scopes: [logs.read, logs.view, logs.view]"), @r#"
k.yaml:5:46 warning unlisted-scope: `logs.read` is not in Portkey's documented list of scopes
  hint: check that it works; `known_scopes: [logs.read]` silences this
k.yaml:5:68 warning duplicate-scope: `logs.view` is listed twice
  hint: remove one of them
"#);
}

#[test]
fn scopes_fit_the_type() {
    insta::assert_snapshot!(check_key("name: a, type: organisation-service, scopes: [inference]"), @r#"
k.yaml:5:55 error scope-not-for-type: an organisation-service key cannot hold `completions.write`
  ^ only workspace keys can
  k.yaml:3:26 it is in the scope set `inference`
  k.yaml:5:24 its type is here
  hint: write `type: workspace-service` in `a` (line 5), or remove the scope
"#);
    insta::assert_snapshot!(check_key("name: a, workspace_id: pay, scopes: [audit_logs.list]"), @r#"
k.yaml:5:46 error scope-not-for-type: a workspace-service key cannot hold `audit_logs.list`
  ^ only organisation keys can
  hint: remove the scope from `a` (line 5)
"#);
    insta::assert_snapshot!(check_key("name: a, type: workspace-user, user_id: u, workspace_id: pay, scopes: [workspace_user_api_keys.list]"), @r#"
k.yaml:5:80 error scope-not-for-type: a workspace-user key cannot hold `workspace_user_api_keys.list`
  ^ only service keys can
  k.yaml:5:24 its type is here
  hint: remove the scope from `a` (line 5)
"#);
}

#[test]
fn workspaces_are_declared_or_look_like_one() {
    insta::assert_snapshot!(check_key("name: a, workspace_id: reserach, scopes: [inference]"), @r#"
k.yaml:5:32 error unknown-workspace: there is no workspace `reserach`
  hint: did you mean `research`?
"#);
    insta::assert_snapshot!(check_key("name: a, workspace_id: elsewhere, scopes: [inference]"), @r#"
k.yaml:5:32 error unknown-workspace: there is no workspace `elsewhere`
  hint: declare it at the top of the root file: `workspaces: {elsewhere: ws-…}`, or write its slug or UUID
"#);
    for fine in ["pay", "ws-anything", "zzzzzzzz-2c51-4a7e-9d0b-51b6c1d0a9e2"] {
        assert_eq!(check_key(&format!("name: a, workspace_id: {fine}, scopes: [inference]")), "");
    }
    let key = the_key(&file_with("{name: a, workspace_id: ws-pay, scopes: [inference]}"));
    assert_eq!(key.address.to_string(), "pay/a");
}

#[test]
fn workspaces_and_owners_fit_the_type() {
    insta::assert_snapshot!(check_key("name: a, type: organisation-service, workspace_id: pay, scopes: [workspaces.list]"), @r#"
k.yaml:5:60 error workspace-not-for-type: an organisation-service key has no workspace
  k.yaml:5:24 its type is here
  hint: remove `workspace_id`, or write `type: workspace-service`
"#);
    insta::assert_snapshot!(check_key("name: a, type: workspace-user, workspace_id: pay, scopes: [inference]"), @r#"
k.yaml:5:15 error missing-field: `a` needs `user_id`
  k.yaml:5:24 its type is here
  hint: add the owner's e-mail address or id: `user_id: ann@example.com`
"#);
    insta::assert_snapshot!(with("user_id: ann@example.com"), @r#"
k.yaml:5:67 error user-not-for-type: a workspace-service key has no owner
  hint: remove `user_id`, or write `type: workspace-user`
"#);
    insta::assert_snapshot!(with("user_id: ann@example, type: workspace-user"), @r"k.yaml:5:67 error invalid-value: `user_id` is no e-mail address as in `ann@example.com`");
    insta::assert_snapshot!(with("type: workspace"), @r#"
k.yaml:5:64 error invalid-value: `type` cannot be `workspace`
  hint: write one of `workspace-service`, `workspace-user`, `organisation-service`
"#);
    insta::assert_snapshot!(check("version: 1\ndefaults: {workspace_id: ws-x}\nkeys: [{name: a, type: organisation-service, scopes: [workspaces.list]}]"), @r#"
k.yaml:2:26 error workspace-not-for-type: an organisation-service key has no workspace
  k.yaml:3:15 `a` inherits it from these `defaults`
  k.yaml:3:24 its type is here
  hint: write `workspace_id: null` in `a`
"#);
}

#[test]
fn rate_limits_are_checked() {
    insta::assert_snapshot!(with("rate_limits: [{type: request, unit: rpx, value: 1, limit: 2}]"), @r#"
k.yaml:5:79 error invalid-value: `type` cannot be `request`
  hint: did you mean `requests`?
k.yaml:5:94 error invalid-value: `unit` cannot be `rpx`
  hint: did you mean `rpd`?
k.yaml:5:109 error unknown-field: a rate limit has no field `limit`
  hint: write `value`
"#);
    insta::assert_snapshot!(with("rate_limits: [{type: requests, unit: rpm, value: 1}, {type: requests, unit: rpm, value: 2}]"), @r#"
k.yaml:5:111 error duplicate-rate-limit: there are two limits on `requests` per `rpm`
  k.yaml:5:72 the other is here
  hint: keep one of them
"#);
    insta::assert_snapshot!(with("rate_limits: [{type: requests, unit: rpw, value: 0}]"), @r#"
k.yaml:5:95 warning weekly-rate-limit: gateways before spring 2026 do not know `rpw`
  hint: use `rpd` unless all your gateways are newer
k.yaml:5:107 warning unlimited-rate-limit: the gateway skips a limit of 0, so this allows everything
  hint: write a limit above 0; to block a key, set `expires_at`
"#);
    insta::assert_snapshot!(with("rate_limits: [{type: requests}]"), @r#"
k.yaml:5:72 error missing-field: a rate limit needs `unit`
  hint: add `unit:`
k.yaml:5:72 error missing-field: a rate limit needs `value`
  hint: add `value:`
"#);
    let key = the_key(&file_with("{name: a, workspace_id: pay, scopes: [inference], rate_limits: []}"));
    assert_eq!(key.spec.rate_limits, Setting::Clear);
}

#[test]
fn budgets_are_checked() {
    insta::assert_snapshot!(with("usage_limits: {credit_limit: 0}"), @r#"
k.yaml:5:87 error invalid-value: `credit_limit` must be at least 1
  hint: write `null` if there is to be no limit
"#);
    insta::assert_snapshot!(with("usage_limits: {credit_limit: 10.5, alert_threshold: 11}"), @r#"
k.yaml:5:110 error alert-above-limit: `alert_threshold` 11 is above `credit_limit` 10.5
  k.yaml:5:87 the limit is here
  hint: write at most 10.5, or raise the limit
"#);
    insta::assert_snapshot!(with("usage_limits: {alert_threshold: 11}"), @r#"
k.yaml:5:90 error alert-without-limit: `alert_threshold` has no `credit_limit` to warn about
  hint: add `credit_limit`, or write `alert_threshold: null`
"#);
    insta::assert_snapshot!(with("usage_limits: {credit_limit: 1, periodic_reset: daily, type: money}"), @r#"
k.yaml:5:106 error invalid-value: `periodic_reset` cannot be `daily`
  hint: write one of `weekly`, `monthly`
k.yaml:5:119 error invalid-value: `type` cannot be `money`
  hint: write one of `cost`, `tokens`
"#);
    insta::assert_snapshot!(with("usage_limits: {credit_limit: 1, periodic_reset: weekly, periodic_reset_days: 7}"), @r#"
k.yaml:5:114 error exclusive-fields: `periodic_reset` and `periodic_reset_days` exclude each other
  k.yaml:5:90 the other is here
  hint: keep one of them
"#);
    insta::assert_snapshot!(with("usage_limits: {credit_limit: 1, periodic_reset_days: 0}"), @r"k.yaml:5:111 error invalid-value: `periodic_reset_days` must be at least 1");
    insta::assert_snapshot!(with("usage_limits: {}"), @r#"
k.yaml:5:58 warning no-effect: `usage_limits` without `credit_limit` limits nothing
  hint: add `credit_limit`, or write `usage_limits: null`
"#);
    assert_eq!(with("usage_limits: {credit_limit: 1, periodic_reset: null, periodic_reset_days: 7}"), "");
}

#[test]
fn metadata_values_are_text() {
    insta::assert_snapshot!(with("metadata: {a: 1, b: true, c: null, d: [x], e: ''}"), @r#"
k.yaml:5:72 error wrong-type: `a` must be text, not a number
  hint: write `"1"` in quotes
k.yaml:5:78 error wrong-type: `b` must be text, not a boolean
  hint: write `"true"` in quotes
k.yaml:5:96 error wrong-type: `d` must be text, not a list
"#);
    insta::assert_snapshot!(with("metadata: {}"), @r#"
k.yaml:5:58 warning no-effect: `metadata: {}` manages nothing
  hint: write `metadata: null` to remove all, or remove the field
"#);
}

#[test]
fn mail_addresses_are_plausible() {
    insta::assert_snapshot!(with("alert_emails: [ops, ops@example.com, a@b]"), @r#"
k.yaml:5:73 error invalid-value: an entry of `alert_emails` is no e-mail address as in `ann@example.com`
k.yaml:5:95 error invalid-value: an entry of `alert_emails` is no e-mail address as in `ann@example.com`
"#);
}

#[test]
fn times_have_a_zone() {
    insta::assert_snapshot!(with("expires_at: 2027-06-30T00:00:00, usage_reset_after: 2027-02-30"), @r#"
k.yaml:5:70 error invalid-value: `expires_at` has no time zone: write `2027-06-30T00:00:00Z` for UTC
k.yaml:5:110 error invalid-value: `usage_reset_after` is no date of the calendar
"#);
    insta::assert_snapshot!(with("expires_at: next year"), @r"k.yaml:5:70 error invalid-value: `expires_at` must be a time as in `2027-06-30T00:00:00Z` or a date as in `2027-06-30`");
    let key =
        the_key(&file_with("{name: a, workspace_id: pay, scopes: [inference], expires_at: 2027-06-30}"));
    assert_eq!(key.spec.expires_at.value().unwrap().to_string(), "2027-06-30T00:00:00Z");
}

#[test]
fn rotation_policies_are_checked() {
    let user = "name: a, type: workspace-user, user_id: u, workspace_id: pay, scopes: [inference], rotation_policy: ";
    let policy = |fields: &str| check_key(&format!("{user}{{{fields}}}"));
    assert_eq!(policy("rotation_period: weekly, key_transition_period: 6d"), "");
    insta::assert_snapshot!(policy("key_transition_period: 1h"), @r#"
k.yaml:5:109 error empty-rotation-policy: `rotation_policy` says neither how often nor when to rotate
  hint: add `rotation_period: monthly`, `rotation_period_days` or `next_rotation_at`
"#);
    insta::assert_snapshot!(policy("rotation_period: weekly, rotation_period_days: 7"), @r#"
k.yaml:5:135 error exclusive-fields: `rotation_period` and `rotation_period_days` exclude each other
  k.yaml:5:110 the other is here
  hint: keep one of them
"#);
    insta::assert_snapshot!(policy("rotation_period: weekly, next_rotation_at: 2027-01-01"), @r#"
k.yaml:5:153 error rotation-conflict: `next_rotation_at` and `rotation_period` exclude each other
  k.yaml:5:127 `rotation_period` is here
  hint: keep one of them, and write `null` for an inherited other
"#);
    insta::assert_snapshot!(policy("rotation_period: weekly, key_transition_period: 29m"), @r#"
k.yaml:5:158 error rotation-transition: a transition of 29m is too short
  hint: Portkey wants at least `30m`
"#);
    insta::assert_snapshot!(policy("rotation_period: monthly, key_transition_period_ms: 2419200000"), @r#"
k.yaml:5:162 error rotation-transition: a transition of 28d does not end before the next rotation, 28 days later
  hint: write less than `28d`
"#);
    insta::assert_snapshot!(policy("rotation_period_days: 3, key_transition_period: 1h, key_transition_period_ms: 1"), @r#"
k.yaml:5:162 error exclusive-fields: `key_transition_period` and `key_transition_period_ms` exclude each other
  k.yaml:5:135 the other is here
  hint: keep one of them
"#);
    insta::assert_snapshot!(policy("rotation_period_days: 3, key_transition_period: 90"), @r"k.yaml:5:158 error invalid-value: `key_transition_period` must be a duration as in `30m`, `24h` or `90d`");
    insta::assert_snapshot!(with("rotation_policy: {rotation_period: weekly}"), @r#"
k.yaml:5:58 warning rotation-undelivered: Portkey's own rotation shows the new secret to nobody, and a service key has no owner who would look
  hint: leave the rotation to whoever can deliver the secret
"#);
    insta::assert_snapshot!(with("rotation_policy: {rotation_period: weekly}, secret: {deliver_to: [dir]}"), @r#"
k.yaml:5:75 error rotation-undelivered: `rotation_policy` rotates without delivering, so what `deliver_to` stored would go stale
  k.yaml:5:123 `deliver_to` is here
  hint: remove `rotation_policy` (`rotation_policy: null` drops an inherited one), or `deliver_to`
"#);
}

#[test]
fn an_absent_key_has_nothing_but_its_identity() {
    assert_eq!(check_key("name: a, workspace_id: pay, absent: true"), "");
    insta::assert_snapshot!(check_key("name: a, workspace_id: pay, absent: true, protected: true, description: x, scopes: [inference]"), @r#"
k.yaml:5:51 error absent-protected: a protected key cannot be asked to be absent
  k.yaml:5:37 `absent` is here
  hint: remove one of the two
k.yaml:5:68 error absent-manages: a key that is to be absent cannot have `description`
  hint: remove the field, or remove `absent: true`
k.yaml:5:84 error absent-manages: a key that is to be absent cannot have `scopes`
  hint: remove the field, or remove `absent: true`
"#);
    let key = the_key(
        "version: 1\ndefaults: {workspace_id: ws-x, description: d}\nkeys: [{name: a, absent: true}]",
    );
    assert_eq!((key.presence, key.spec), (Presence::Absent, KeySpec::default()));
}

#[test]
fn wishes_for_a_secret_are_checked() {
    insta::assert_snapshot!(with("secret: {rotate_after: 2027-01-01, max_age: 90d, transition: 24h, delivered: 'ab*****xyz', first: rotate, until: 2027-01-01, verify: true}"), @"");
    insta::assert_snapshot!(with("secret: {max_age: ninety, first: never}"), @r#"
k.yaml:5:76 error invalid-value: `max_age` must be a duration as in `30m`, `24h` or `90d`
k.yaml:5:91 error invalid-value: `first` cannot be `never`
  hint: write one of `rotate`
"#);
    insta::assert_snapshot!(with("secret: {max_age: 1h, transition: 2h, delivered: abcdefghijklmnop}"), @r#"
k.yaml:5:76 error invalid-value: `max_age` must be longer than the transition
  hint: a secret cannot be replaced while the one before it still lives
k.yaml:5:107 error invalid-value: `delivered` must be a mask, as in `ab*****xyz`
  hint: copy it from Portkey's console or from the plan; a file in git must not hold a secret
"#);
    insta::assert_snapshot!(with("secret: {transition: 10m}"), @r#"
k.yaml:5:79 error invalid-value: `transition` must be at least 30 minutes
  hint: Portkey lets the previous secret live that long; write `30m` or more
"#);
}

#[test]
fn sinks_are_declared() {
    insta::assert_snapshot!(with("secret: {deliver_to: [dri, elsewhere]}"), @r#"
k.yaml:5:80 error unknown-sink: there is no sink `dri`
  hint: did you mean `dir`?
k.yaml:5:85 error unknown-sink: there is no sink `elsewhere`
  hint: declare it at the top of the root file: `sinks: {elsewhere: {file: "secrets/{workspace}/{name}"}}`
"#);
}

#[test]
fn a_file_that_is_one_secret_has_no_lines_of_others() {
    insta::assert_snapshot!(check("version: 1
sinks: {whole: {file: secrets/key}, lines: {env_file: Secrets/key, variable: \"KEY_{name}\"}}
keys:
  - {name: a, workspace_id: ws-x, scopes: [logs.view], secret: {deliver_to: [lines]}}
  - {name: b, workspace_id: ws-x, scopes: [logs.view], secret: {deliver_to: [lines]}}
  - {name: c, workspace_id: ws-x, scopes: [logs.view], secret: {deliver_to: [whole]}}
"), @"
    k.yaml:6:12 error same-target: `ws-x/c` delivers into `secrets/key`, and `ws-x/a` into `Secrets/key (KEY_A)`, which is the same file
      k.yaml:4:12 the other is here
      k.yaml:2:9 the sink `whole` is here
      hint: use placeholders that tell them apart, as in `secrets/{workspace}/{name}`
    ");
    insta::assert_snapshot!(check("version: 1
sinks: {whole: {file: secrets/key}, lines: {env_file: secrets/key, variable: \"KEY_{name}\"}}
keys:
  - {name: a, workspace_id: ws-x, scopes: [logs.view], secret: {deliver_to: [whole, lines]}}
"), @"
    k.yaml:4:12 error same-target: `ws-x/a` delivers into `secrets/key (KEY_A)` and into `secrets/key`, which is the same file
      k.yaml:4:12 the other is here
      k.yaml:2:37 the sink `lines` is here
      hint: use placeholders that tell them apart, as in `secrets/{workspace}/{name}`
    ");
}

#[test]
fn secrets_do_not_share_a_file() {
    insta::assert_snapshot!(check("version: 1
sinks: {one: {file: secrets/key}, two: {file: \"secrets/{name}\"}}
keys:
  - {name: a, workspace_id: ws-x, scopes: [logs.view], secret: {deliver_to: [one, two]}}
  - {name: b, workspace_id: ws-x, scopes: [logs.view], secret: {deliver_to: [one]}}
  - {name: key, workspace_id: ws-x, scopes: [logs.view], secret: {deliver_to: [two]}}
"), @r#"
k.yaml:5:12 error same-target: `ws-x/b` and `ws-x/a` both deliver into `secrets/key`
  k.yaml:4:12 the other is here
  k.yaml:2:9 the sink `one` is here
  hint: use placeholders that tell them apart, as in `secrets/{workspace}/{name}`
k.yaml:6:12 error same-target: `ws-x/key` and `ws-x/a` both deliver into `secrets/key`
  k.yaml:4:12 the other is here
  k.yaml:2:35 the sink `two` is here
  hint: use placeholders that tell them apart, as in `secrets/{workspace}/{name}`
"#);
    insta::assert_snapshot!(check("version: 1
sinks: {two: {file: \"secrets/{user}/{name}\"}}
keys:
  - {name: a/b, workspace_id: ws-x, scopes: [logs.view], secret: {deliver_to: [two]}}
  - {name: a/b, type: workspace-user, user_id: u, workspace_id: ws-x, scopes: [logs.view], secret: {deliver_to: [two]}}
"), @r#"
k.yaml:4:12 error invalid-sink-path: the sink `two` has no target for `ws-x/a/b`: `{user}` has no value for this key
  k.yaml:4:80 it is to deliver here
  k.yaml:2:9 the sink `two` is here
  hint: use other placeholders, or deliver this key elsewhere
k.yaml:5:12 error invalid-sink-path: the sink `two` has no target for `ws-x/u/a/b`: `a/b` cannot be a part of a path
  k.yaml:5:114 it is to deliver here
  k.yaml:2:9 the sink `two` is here
  hint: use other placeholders, or deliver this key elsewhere
"#);
}

#[test]
fn an_address_is_one_key_unless_pins_tell_them_apart() {
    let keys = |one: &str, two: &str| {
        check(&format!(
            "version: 1\nworkspaces: {{x: ws-x}}\nkeys:\n  - {{name: a, workspace_id: ws-x, scopes: [logs.view]{one}}}\n  \
             - {{name: a, workspace_id: x, scopes: [logs.view]{two}}}\n"
        ))
    };
    insta::assert_snapshot!(keys("", ""), @r#"
k.yaml:5:12 error duplicate-address: `x/a` is described twice
  k.yaml:4:12 first here
  hint: remove or rename one; if there are two live keys of this name, pin each with its `id`
"#);
    insta::assert_snapshot!(keys(", id: i1", ""), @r#"
k.yaml:5:12 error duplicate-address: `x/a` is described twice
  k.yaml:4:12 first here
  hint: remove or rename one; if there are two live keys of this name, pin each with its `id`
"#);
    insta::assert_snapshot!(keys(", id: i1", ", id: i1"), @r#"
k.yaml:5:57 error duplicate-id: two entries are pinned to `i1`
  k.yaml:4:60 first here
  hint: remove one of the entries or correct its `id`
"#);
    assert_eq!(keys(", id: i1", ", id: i2"), "");
}

#[test]
fn a_former_name_is_used_once() {
    insta::assert_snapshot!(check("version: 1
defaults: {workspace_id: ws-x, scopes: [logs.view]}
keys:
  - {name: old}
  - {name: b, renamed_from: old}
  - {name: c, renamed_from: gone}
  - {name: d, renamed_from: gone}
  - {name: e, renamed_from: e}
"), @r#"
k.yaml:5:29 error duplicate-address: `ws-x/old` would become this key, and is another entry's as well
  k.yaml:4:12 the other is here
  hint: keep `renamed_from` where the rename is, and remove the former entry
k.yaml:7:29 error duplicate-address: `ws-x/gone` would become this key, and is another entry's as well
  k.yaml:6:29 the other is here
  hint: keep `renamed_from` where the rename is, and remove the former entry
k.yaml:8:29 error invalid-value: `renamed_from` is the key's present name
  hint: write the former name, or remove it once the rename is applied
"#);
    let swap = "version: 1\ndefaults: {workspace_id: ws-x, scopes: [logs.view]}\n\
                keys: [{name: a, renamed_from: b}, {name: b, renamed_from: a}]";
    assert_eq!(check(swap), "");
}

#[test]
fn a_key_that_is_replaced_has_no_other_entry_in_whatever_letters() {
    let file = |first: &str, second: &str| {
        check(&format!(
            "version: 1\nkeys:\n- {{name: a, workspace_id: ws-x, scopes: [logs.view], {first}}}\n- {{name: b, workspace_id: ws-x, scopes: [logs.view], {second}}}\n"
        ))
    };
    let (small, large) = ("183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2", "183F497A-2C51-4A7E-9D0B-51B6C1D0A9E2");
    for (first, second) in [
        (format!("id: {small}"), format!("replaces: {large}")),
        (format!("replaces: {small}"), format!("replaces: {large}")),
        (format!("id: {small}"), format!("id: {large}")),
    ] {
        assert!(file(&first, &second).contains("duplicate-id"), "{first} {second}");
    }
    assert!(file(&format!("id: {small}"), "replaces: 9b02c7de-60f4-4d3f-8a61-0f2d7be3c1aa").is_empty());
    assert!(file(&format!("id: {small}, replaces: {large}"), "").contains("exclusive-fields"));
}
