//! The schema and the manual of codes agree with what is written down.

use std::fmt::Write as _;
use std::path::Path;

use super::*;

/// Compares a generated file with the one in `docs/`; `UPDATE=1` writes it.
fn same_as_docs(name: &str, generated: &str) {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
    if std::env::var_os("UPDATE").is_some() {
        std::fs::create_dir_all(path.parent().unwrap()).unwrap();
        std::fs::write(&path, generated).unwrap();
    }
    let written = std::fs::read_to_string(&path).unwrap_or_default();
    assert!(written == generated, "docs/{name} is not what the code says; run this test with UPDATE=1");
}

#[test]
fn the_schema_in_the_manual_is_the_one_of_the_code() {
    same_as_docs("keys.schema.json", &format!("{:#}\n", schema()));
}

#[test]
fn the_codes_in_the_manual_are_those_of_the_code() {
    let mut page = String::from(
        "# Diagnostics\n\nWhat `portkey-sync validate` and every other command can say about the keys files. \
         A code is stable: it is never given another meaning.\n\n\
         | code | meaning | example | remedy |\n|---|---|---|---|\n",
    );
    for Explanation { code, meaning, example, remedy } in EXPLANATIONS {
        let example = if example.is_empty() { String::new() } else { format!("`{example}`") };
        let example = example.replace('|', "\\|");
        writeln!(page, "| `{code}` | {meaning} | {example} | {remedy} |").unwrap();
    }
    same_as_docs("diagnostics.md", &page);
}

#[test]
fn codes_are_sorted_and_explained() {
    let codes: Vec<_> = EXPLANATIONS.iter().map(|explanation| explanation.code).collect();
    assert!(codes.is_sorted_by(|a, b| a < b));
    assert!(explain("scope-not-for-type").is_some_and(|explanation| explanation.meaning.contains("type")));
    assert_eq!(explain("nonsense"), None);
}

/// Every code, and no other, is in one of the snapshots of these tests.
#[test]
fn every_code_has_a_test() {
    let tests = [
        include_str!("fences.rs"),
        include_str!("keys.rs"),
        include_str!("merging.rs"),
        include_str!("reading.rs"),
        include_str!("top.rs"),
    ]
    .concat();
    let untested: Vec<_> = EXPLANATIONS
        .iter()
        .map(|explanation| explanation.code)
        .filter(|code| !tests.contains(code))
        .collect();
    assert_eq!(untested, Vec::<&str>::new());
}

#[test]
fn the_schema_accepts_what_the_reader_accepts() {
    let validator = jsonschema::validator_for(&schema()).unwrap();
    let fine = serde_json::json!({
        "version": 1,
        "workspaces": {"pay": "ws-pay"},
        "include": [{"files": "teams/*.yaml", "scopes": ["inference"]}],
        "templates": {"t": {"scopes": ["logs.view"], "secret": {"deliver_to": ["dir"]}}},
        "keys": [{"name": "a", "expires_at": "2027-01-01", "metadata": {"a": null}, "rate_limits": null,
                  "rotation_policy": {"rotation_period": "weekly", "key_transition_period": "24h"}}],
    });
    assert!(
        validator.is_valid(&fine),
        "{:?}",
        validator.iter_errors(&fine).map(|e| e.to_string()).collect::<Vec<_>>()
    );
    for wrong in [
        serde_json::json!({"version": 2}),
        serde_json::json!({"keys": null}),
        serde_json::json!({"keys": [{"nam": "a"}]}),
        serde_json::json!({"keys": [{"name": "a", "metadata": {"a": 1}}]}),
        serde_json::json!({"defaults": {"name": "a"}}),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}
