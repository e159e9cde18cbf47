//! Reading `policy:` and policy files: shapes, settings, patterns, names.

use std::io::Write as _;

use super::*;
use crate::diagnostic::Severity::{Error, Warning};

/// What is said about a file with this policy.
fn check_policy(policy: &str) -> String {
    check(&with_policy(policy))
}

fn with_policy(policy: &str) -> String {
    format!("version: 1\nworkspaces: {{pay: ws-pay}}\nkeys: []\npolicy:\n  {policy}\n")
}

fn the_policy(policy: &str) -> Policy {
    let loaded = parse_str("k.yaml", &with_policy(policy));
    let Some(desired) = &loaded.desired else { panic!("{}", say(&loaded)) };
    desired.policies.first().expect("a policy").clone()
}

/// What is said about this policy file beside fine keys, and what was read.
fn load_policy_file(policy: &str, root: &str) -> Loaded {
    let folder = tempfile::tempdir().unwrap();
    let path = |name: &str, text: &str| {
        let path = folder.path().join(name);
        std::fs::File::create(&path).unwrap().write_all(text.as_bytes()).unwrap();
        path
    };
    let keys = path("keys.yaml", root);
    let policy = path("policy.yaml", policy);
    load_with(&[FileArgument::Path(keys)], PolicyArgument::InRootAnd(&policy), &mut std::io::empty())
}

/// Without the folder, which differs each time.
fn say_of_policy_file(policy: &str) -> String {
    let loaded = load_policy_file(policy, "version: 1\nworkspaces: {pay: ws-pay}\nkeys: []\n");
    let said = say(&loaded);
    said.lines()
        .map(|line| line.rsplit_once('/').map_or(line.to_owned(), |(_, rest)| rest.to_owned()) + "\n")
        .collect()
}

#[test]
fn an_empty_policy_has_no_rules() {
    assert_eq!(check_policy("{}"), "");
    assert_eq!(the_policy("{rules: {}, waivers: [], use: []}").rules, []);
}

#[test]
fn a_rule_is_a_word_or_a_map_and_off_needs_no_quotes() {
    let policy =
        the_policy("{use: [strict], rules: {no-unlimited: warning, expiry-within: off, secret-age: off}}");
    let rules: Vec<_> = policy.rules.iter().map(|rule| (rule.demand.rule().name(), rule.severity)).collect();
    assert_eq!(
        rules,
        [
            ("alert-email-required", Error),
            ("description-pattern", Error),
            ("expiry-required", Error),
            ("limits-required", Error),
            ("mints-keys-only", Error),
            ("no-unlimited", Warning),
        ]
    );
}

#[test]
fn a_rule_overrides_a_set_setting_by_setting() {
    let policy =
        the_policy("{use: [recommended], rules: {expiry-required: error, limits-required: {limits: both}}}");
    let rule = |id: RuleId| policy.rules.iter().find(|rule| rule.demand.rule() == id).unwrap();
    let expiry = rule(RuleId::ExpiryRequired);
    assert_eq!(expiry.severity, Error);
    assert_eq!(expiry.kinds, Some([KeyKind::WorkspaceUser].into()), "the set's types stay");
    let limits = rule(RuleId::LimitsRequired);
    assert_eq!(limits.severity, Warning, "the set's severity stays");
    assert_eq!(limits.demand, Demand::Limits(Limits::Both));
}

#[test]
fn of_several_sets_the_last_has_the_say() {
    let severity = |policy: &str| {
        let policy = the_policy(policy);
        policy.rules.iter().find(|rule| rule.demand == Demand::Expiry).unwrap().severity
    };
    assert_eq!(severity("{use: [recommended, strict]}"), Error);
    assert_eq!(severity("{use: [strict, recommended]}"), Warning);
}

#[test]
fn every_set_is_read_without_a_complaint() {
    for set in RULE_SETS {
        assert_eq!(check_policy(&format!("{{use: [{}]}}", set.name)), "");
        assert_eq!(the_policy(&format!("{{use: [{}]}}", set.name)).rules.len(), set.rules.lines().count());
        // What the manual shows can be pasted.
        let pasted = set.rules.lines().map(|line| format!("    {line}\n")).collect::<String>();
        assert_eq!(
            the_policy(&format!("rules:\n{pasted}")).rules,
            the_policy(&format!("use: [{}]", set.name)).rules
        );
    }
}

#[test]
fn near_misses_of_rules_sets_and_settings_are_told() {
    insta::assert_snapshot!(check_policy(
        "{use: [recomended], rules: {expiry-requird: error, secret-age: {longst: 90d}, no-unlimited: eror, \
         expiry-within: {longest: soon}}, waiver: []}"
    ), @r#"
k.yaml:5:10 error invalid-value: an entry of `use` cannot be `recomended`
  hint: did you mean `recommended`?
k.yaml:5:31 error unknown-field: `rules` has no field `expiry-requird`
  hint: did you mean `expiry-required`?
k.yaml:5:67 error unknown-field: `secret-age` has no field `longst`
  hint: did you mean `longest`?
k.yaml:5:95 error invalid-value: `no-unlimited` cannot be `eror`
  hint: did you mean `error`?
k.yaml:5:126 error invalid-value: `longest` must be a duration as in `30m`, `24h` or `90d`
k.yaml:5:134 error unknown-field: `policy` has no field `waiver`
  hint: did you mean `waivers`?
"#);
}

#[test]
fn a_rule_without_its_setting_is_told() {
    insta::assert_snapshot!(check_policy(
        "rules: {expiry-within: error, name-pattern: warning, scopes-forbidden: {types: [workspace-user]}, secret-age: off}"
    ), @r#"
k.yaml:5:11 error missing-field: `expiry-within` needs `longest`
  hint: add it, as in `expiry-within: {longest: 365d}`
k.yaml:5:33 error missing-field: `name-pattern` needs `pattern`
  hint: add it, as in `name-pattern: {pattern: '^[a-z][a-z0-9-]*$'}`
k.yaml:5:56 error missing-field: `scopes-forbidden` needs `scopes`
  hint: add it, as in `scopes-forbidden: {scopes: [logs.export, '*_api_keys.*'], types: [workspace-service]}`
"#);
}

#[test]
fn bad_patterns_are_told_with_their_places() {
    insta::assert_snapshot!(check_policy(
        "rules: {name-pattern: {pattern: '[a-z'}, description-pattern: {pattern: '(\\w{900}){900}'}, \
         mints-keys-only: {keys: ['a[']}, scopes-forbidden: {scopes: ['logs.{']}}"
    ), @r#"
k.yaml:5:35 error invalid-pattern: `pattern` is no regular expression: unclosed character class
k.yaml:5:75 error invalid-pattern: `pattern` is too large a pattern
k.yaml:5:119 error invalid-pattern: the pattern of a key is no pattern: unclosed character class; missing ']'
k.yaml:5:155 error invalid-pattern: the pattern of a scope is no pattern: unclosed alternate group; missing '}' (maybe escape '{' with '[{]'?)
"#);
}

#[test]
fn a_pattern_may_not_look_around() {
    assert!(check_policy("rules: {name-pattern: {pattern: '(?=a)b'}}").contains("invalid-pattern"));
}

#[test]
fn a_typing_mistake_does_not_forbid_nothing() {
    insta::assert_snapshot!(check_policy(
        "rules: {scopes-forbidden: {scopes: [logs.exprot, 'lgos.*', inference, logs.export, '*_api_keys.*']}}"
    ), @r#"
k.yaml:5:39 error unknown-scope: there is no scope `logs.exprot`
  hint: did you mean `logs.export`?
k.yaml:5:52 error unknown-scope: `lgos.*` matches no scope
  hint: write scopes, or patterns of them such as `logs.*`; sets have no meaning here
k.yaml:5:62 error unknown-scope: `inference` matches no scope
  hint: write scopes, or patterns of them such as `logs.*`; sets have no meaning here
"#);
    insta::assert_snapshot!(check_policy("rules: {scopes-forbidden: {scopes: []}}"), @r#"
k.yaml:5:38 error empty-scopes: `scopes` forbids nothing
  hint: list scopes, or write `scopes-forbidden: off`
"#);
    insta::assert_snapshot!(check_policy("rules: {no-unlimited: {workspaces: [pya]}}"), @r#"
k.yaml:5:39 error unknown-workspace: there is no workspace `pya`
  hint: did you mean `pay`?
"#);
}

#[test]
fn a_rule_for_no_key_is_a_mistake() {
    insta::assert_snapshot!(check_policy("rules: {no-unlimited: {types: [], workspaces: []}}"), @r#"
k.yaml:5:33 error invalid-value: `types` is empty, so the rule is for no key
  hint: name some, leave it out, or write `off` for the rule
k.yaml:5:49 error invalid-value: `workspaces` is empty, so the rule is for no key
  hint: name some, leave it out, or write `off` for the rule
"#);
}

#[test]
fn waivers_need_a_rule_a_key_a_reason_and_an_end() {
    insta::assert_snapshot!(check_policy(
        "waivers: [{rule: expiry-requierd, key: pay/a, reason: why, until: 2027-01-01}, {rule: no-unlimited}, \
         {rule: no-unlimited, key: pay/a, reason: '', until: never}]"
    ), @r#"
k.yaml:5:20 error invalid-value: `rule` cannot be `expiry-requierd`
  hint: did you mean `expiry-required`?
k.yaml:5:82 error missing-field: a waiver needs `key`
  hint: add it, as in `key: "payments/checkout"`
k.yaml:5:82 error missing-field: a waiver needs `reason`
  hint: add `reason:`
k.yaml:5:82 error missing-field: a waiver needs `until`
  hint: add it, as in `until: "2027-03-01"`
k.yaml:5:145 error invalid-value: `reason` must not be empty
k.yaml:5:156 error invalid-value: `until` must be a time as in `2027-06-30T00:00:00Z` or a date as in `2027-06-30`
"#);
}

#[test]
fn one_exception_cannot_be_made_twice() {
    insta::assert_snapshot!(check_policy(
        "waivers: [{rule: no-unlimited, key: pay/a, reason: why, until: 2027-01-01}, \
         {rule: no-unlimited, key: pay/a, reason: other, until: 2027-02-01}]"
    ), @r#"
k.yaml:5:86 error conflicting-definitions: `no-unlimited` is waived for `pay/a` twice
  k.yaml:5:20 first here
  hint: keep one of them
"#);
}

#[test]
fn a_policy_file_holds_a_version_and_rules_and_no_names_of_the_keys_files() {
    assert_eq!(say_of_policy_file("version: 1\nuse: [strict]\n"), "");
    insta::assert_snapshot!(say_of_policy_file("rules: {no-unlimited: {workspaces: [pay, ws-pay, 'ws-*']}}\n"), @r#"
policy.yaml:1:1 error missing-field: a policy file needs `version`
  hint: add `version:`
policy.yaml:1:37 error unknown-workspace: `pay` is neither the slug of a workspace nor a UUID
  hint: write the slug (`ws-…`): the names that keys files have for workspaces mean nothing in a policy file, because their authors could change them
"#);
    insta::assert_snapshot!(say_of_policy_file("version: 1\npolicy: {use: [strict]}\nkeys: []\n"), @r#"
policy.yaml:2:1 error unknown-field: a policy file has no field `policy`
  hint: write what stands in it at the top of the file
policy.yaml:3:1 error unknown-field: a policy file has no field `keys`
  hint: remove it; keys stand in keys files
"#);
    insta::assert_snapshot!(say_of_policy_file(""), @r#"
policy.yaml:1:1 error empty-file: the file is empty
  hint: write `version: 1` and `rules: {}` if there are no rules
"#);
    insta::assert_snapshot!(say_of_policy_file("- a\n"), @r#"
policy.yaml:1:1 error wrong-type: a policy file must be a map
  hint: start with `version: 1`, then `rules:` and a map
"#);
}

#[test]
fn a_policy_file_that_is_not_there_is_an_error() {
    let path = std::path::Path::new("/nowhere/policy.yaml");
    let mut stdin = "version: 1\nkeys: []\n".as_bytes();
    let loaded = load_with(&[FileArgument::Stdin], PolicyArgument::InRootAnd(path), &mut stdin);
    assert_eq!(loaded.desired, None);
    assert!(say(&loaded).starts_with("/nowhere/policy.yaml error unreadable"), "{}", say(&loaded));
    assert!(say(&loaded).contains("say where it is with `--policy`"), "{}", say(&loaded));
    assert!(!say(&loaded).contains("`-f`"), "{}", say(&loaded));
}

#[test]
fn the_two_policies_are_kept_apart() {
    let root = "version: 1\nkeys: []\npolicy: {rules: {no-unlimited: off}}\n";
    let loaded = load_policy_file("version: 1\nrules: {no-unlimited: error}\n", root);
    let policies = loaded.desired.unwrap().policies;
    let rules: Vec<usize> = policies.iter().map(|policy| policy.rules.len()).collect();
    assert_eq!(rules, [0, 1]);
    assert!(matches!(&policies[1].origin, Origin::PolicyFile { name } if name.ends_with("policy.yaml")));
}

#[test]
fn an_included_file_cannot_hold_a_policy_and_two_roots_cannot_both() {
    let folder = tempfile::tempdir().unwrap();
    let write = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    write("a.yaml", "version: 1\ninclude: [{files: c.yaml}]\npolicy: {use: [strict]}\n");
    write("b.yaml", "version: 1\nkeys: []\npolicy: {use: [recommended]}\n");
    write("c.yaml", "keys: []\npolicy: {}\n");
    let files = ["a.yaml", "b.yaml"].map(|name| FileArgument::Path(folder.path().join(name)));
    let loaded = load(&files, &mut std::io::empty());
    let codes: Vec<_> = loaded.diagnostics.iter().map(|diagnostic| diagnostic.code).collect();
    assert_eq!(codes, ["conflicting-definitions", "misplaced-field"]);
}

#[test]
fn a_policy_that_is_ignored_is_no_obstacle_however_wrong() {
    let mut stdin =
        "version: 1\nkeys: []\npolicy: {rules: {name-pattern: {pattern: '['}, x: 1}}\n".as_bytes();
    let loaded = load_with(&[FileArgument::Stdin], PolicyArgument::Ignored, &mut stdin);
    assert_eq!(loaded.desired.unwrap().policies, []);
    assert_eq!(loaded.diagnostics, []);
}
