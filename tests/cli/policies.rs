//! Rules for keys: where they stop a run, where they only speak, and where nobody asks them.

use crate::harness::{Folder, Rehearsal};

/// Keeps no rule about limits.
const ALPHA_KEY: &str =
    "  - {name: alpha, workspace_id: prod, scopes: [completions.write, prompts.render]}\n";
const BETA_KEY: &str = "  - {name: beta, workspace_id: prod, scopes: [completions.write, logs.write], usage_limits: {credit_limit: 5}}\n";
const POLICY: &str = "version: 1\nrules: {limits-required: error}\n";
const WARNING: &str = "version: 1\nrules: {limits-required: warning}\n";

/// Two keys, of which the first breaks the rule of the policy file.
fn rehearsal(policy: &str) -> Rehearsal {
    let rehearsal = Rehearsal::of(&format!("{ALPHA_KEY}{BETA_KEY}"));
    rehearsal.folder.write("policy.yaml", policy);
    rehearsal
}

fn folder(root: &str) -> Folder {
    let folder = Folder::new();
    folder.write("keys.yaml", root);
    folder
}

#[test]
fn validate_shows_what_breaks_a_rule_with_a_caret_and_fails() {
    let root = "version: 1\nkeys:\n  - {name: ci, type: organisation-service, scopes: [workspaces.list], expires_at: null}\n\
        policy: {rules: {expiry-required: error, description-pattern: {severity: warning, pattern: '.'}}}\n";
    let ended = folder(root).run(&["validate"]).expect(1);
    insta::assert_snapshot!(ended.stderr);
    assert_eq!(ended.stdout, "");
    let json = folder(root).run(&["validate", "--format", "json"]).expect(1).json();
    let codes: Vec<_> = json["diagnostics"].as_array().unwrap().iter().map(|d| &d["code"]).collect();
    assert_eq!(codes, ["policy-description-pattern", "policy-expiry-required"]);
}

#[test]
fn validate_passes_with_warnings_and_counts_exceptions() {
    let root = "version: 1\nkeys: [{name: ci, type: organisation-service, scopes: [workspaces.list]}]\n\
        policy: {rules: {expiry-required: warning}}\n";
    folder(root).run(&["validate"]).expect(0).says("warning[policy-expiry-required]");
    let day = jiff::Timestamp::now() + jiff::SignedDuration::from_hours(24 * 30);
    let root = root.replace(
        "{rules: {expiry-required: warning}}",
        &format!("{{rules: {{expiry-required: error}}, waivers: [{{rule: expiry-required, key: organisation/ci, reason: r, until: \"{day}\"}}]}}"),
    );
    let ended = folder(&root).run(&["validate"]).expect(0);
    assert_eq!(
        (ended.stdout.as_str(), ended.stderr.as_str()),
        ("keys.yaml is valid: 1 key, 1 exception from a rule\n", "")
    );
}

#[test]
fn a_plan_is_refused_and_apply_writes_nothing() {
    let rehearsal = rehearsal(POLICY);
    let plan = rehearsal.run(&["plan", "--policy", "policy.yaml"]).expect(4);
    plan.says("refused: 1 key breaks `limits-required` of policy.yaml");
    plan.says("`prod/alpha` has neither a budget nor a rate limit (keys.yaml:7)");
    let json = rehearsal.apply(&["--policy", "policy.yaml"]).expect(4).json();
    assert_eq!(json["refusals"][0]["code"], "policy-limits-required", "{json:#}");
    assert_eq!(rehearsal.writes().len(), 0);
    // Without the file nothing is in the way.
    rehearsal.run(&["plan"]).expect(0);
}

#[test]
fn a_waiver_in_the_keys_file_does_not_lift_the_refusal() {
    let rehearsal = rehearsal(POLICY);
    let keys = rehearsal.folder.read("keys.yaml");
    let own = "policy:\n  rules: {limits-required: off}\n  waivers: [{rule: limits-required, key: prod/alpha, reason: r, until: 2099-01-01}]\n";
    rehearsal.folder.write("keys.yaml", &keys.replace("keys:\n", &format!("{own}keys:\n")));
    let json = rehearsal.apply(&["--policy", "policy.yaml"]).expect(4).json();
    let codes: Vec<_> = json["refusals"].as_array().unwrap().iter().map(|r| r["code"].clone()).collect();
    assert!(codes.contains(&"policy-limits-required".into()), "{codes:?}");
    assert_eq!(rehearsal.writes().len(), 0);
}

#[test]
fn warnings_are_notes_and_the_next_command_names_the_policy() {
    let rehearsal = rehearsal(WARNING);
    let plan = rehearsal.run(&["plan", "--policy", "policy.yaml"]).expect(0);
    plan.says("note: 1 key breaks `limits-required` of policy.yaml");
    plan.says("--policy policy.yaml --expect-plan");
    let json = rehearsal.run(&["plan", "--policy", "policy.yaml", "--format", "json"]).expect(0).json();
    assert_eq!(json["notes"][0]["code"], "policy-limits-required", "{json:#}");
    rehearsal.apply(&["--policy", "policy.yaml"]).expect(0);
}

#[test]
fn a_plan_for_some_keys_is_judged_by_those() {
    let rehearsal = rehearsal(POLICY);
    rehearsal.run(&["plan", "--policy", "policy.yaml", "--target", "alpha"]).expect(4);
    rehearsal.run(&["plan", "--policy", "policy.yaml", "--target", "beta"]).expect(0);
}

#[test]
fn a_leaked_key_is_replaced_and_ended_whatever_a_policy_says() {
    let key =
        "  - {name: fresh, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [dir]}}\n";
    let rehearsal = Rehearsal::of(key);
    rehearsal.apply(&[]).expect(0);
    let keys = rehearsal.folder.read("keys.yaml");
    for policy in
        ["{rules: {limits-required: error}}", "{rules: {name-pattern: {pattern: '['}, nonsense: 1}}"]
    {
        rehearsal.folder.write("keys.yaml", &format!("{keys}policy: {policy}\n"));
        rehearsal.folder.write("policy.yaml", "not: [a policy");
        assert_ne!(rehearsal.apply(&[]).code, 0, "the policy is in force");
        rehearsal.run(&["rotate", "fresh", "--yes", "--policy", "policy.yaml"]).expect(0);
        rehearsal.advance("48h");
    }
    rehearsal.run(&["revoke", "fresh", "--yes", "--policy", "policy.yaml"]).expect(0);
    assert_eq!(rehearsal.sent("POST", "/rotate").len(), 2);
}

#[test]
fn a_policy_file_that_is_not_there_or_not_right_stops_everything_that_asks_it() {
    let rehearsal = rehearsal("version: 1\nrules: {limits-requried: error}\n");
    for command in ["validate", "plan"] {
        rehearsal
            .run(&[command, "--policy", "policy.yaml"])
            .expect(1)
            .says("did you mean `limits-required`?");
        rehearsal.run(&[command, "--policy", "gone.yaml"]).expect(1).says("gone.yaml");
    }
    rehearsal.apply(&["--policy", "gone.yaml"]).expect(1);
    assert_eq!(rehearsal.writes().len(), 0);
}

#[test]
fn the_schema_of_a_policy_file_takes_one_and_no_keys_file() {
    let schema = Folder::new().run(&["schema", "policy"]).expect(0).json();
    let published = include_str!("../../docs/policy.schema.json");
    assert_eq!(schema, serde_json::from_str::<serde_json::Value>(published).unwrap());
    let validator = jsonschema::validator_for(&schema).unwrap();
    assert!(
        validator.is_valid(
            &serde_json::json!({"version": 1, "use": ["strict"], "rules": {"no-unlimited": "off"}})
        )
    );
    for wrong in [
        serde_json::json!({"use": ["strict"]}),
        serde_json::json!({"version": 1, "keys": []}),
        serde_json::json!({"version": 1, "policy": {}}),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}
