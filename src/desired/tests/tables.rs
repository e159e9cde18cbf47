//! The schema and the manual of codes agree with what is written down.

use std::fmt::Write as _;
use std::path::Path;

use super::super::fields::ROOT;
use super::super::key_fields::KEY;
use super::super::manual::{inside, shape};
use super::super::rules::{ANY_RULE, RULES, WAIVER};
use super::super::table::Table;
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
    same_as_docs("policy.schema.json", &format!("{:#}\n", policy_schema()));
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

fn section(page: &mut String, title: &str, table: &Table) {
    write!(page, "\n## {title}\n\n| field | value | meaning |\n|---|---|---|\n").unwrap();
    for field in table.allowed() {
        let required = if field.required { " Required." } else { "" };
        let example = if field.example.is_empty() {
            String::new()
        } else {
            format!(" Example: `{}`", field.example.replace('|', "\\|"))
        };
        let name = field.name;
        writeln!(page, "| `{name}` | {} | {}{required}{example} |", shape(&field.shape), field.doc).unwrap();
    }
}

/// The maps that a table's fields hold, in order, each once.
fn nested(table: &'static Table) -> Vec<&'static Table> {
    table.fields.iter().filter_map(|field| inside(&field.shape)).collect()
}

#[test]
fn the_fields_in_the_manual_are_those_of_the_code() {
    let mut page = String::from(
        "# The keys file\n\n\
         Version 1. The README tells the rules; this page lists every field. Field names are the API's own.\n\n\
         - A field that is left out is not managed; `null` clears it; a value sets it.\n\
         - `defaults`, then the template, then the key: maps merge field by field, lists replace. Of two fields that \
         exclude each other, the nearer one drops the other.\n\
         - Times are RFC 3339, as in `2027-06-30T12:00:00Z`; a bare date is midnight UTC. Durations are written `30m`, `24h`, `90d`.\n\
         - What looks like a boolean or a number to some YAML tools (`no`, `on`, `1_000`, `0o17`) is refused where it could be misread.\n\
         - `-f` may be given several times and may name a folder; `-f -` is standard input.\n",
    );
    section(&mut page, "The file", &ROOT);
    section(&mut page, "A key", &KEY);
    for table in nested(&KEY) {
        section(&mut page, &title(table), table);
    }
    for table in nested(&ROOT).into_iter().filter(|table| !table.heritable_only) {
        section(&mut page, &title(table), table);
    }
    section(&mut page, "A rule of a policy", &Table { fields: ANY_RULE, ..RULES });
    section(&mut page, "A waiver", &WAIVER);
    page.push_str("\n[policy.md](policy.md) tells what each rule demands and which other settings it has.\n");
    let heritable: Vec<_> =
        KEY.fields.iter().filter(|field| field.heritable).map(|field| format!("`{}`", field.name)).collect();
    write!(page, "\n## `defaults` and templates\n\nMay hold {}.\n", heritable.join(", ")).unwrap();
    same_as_docs("keys-file.md", &page);
}

fn title(table: &Table) -> String {
    let what = table.what;
    format!("{}{}", what.chars().next().unwrap().to_uppercase(), what.chars().skip(1).collect::<String>())
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
        include_str!("policy.rs"),
        include_str!("../../policy/tests.rs"),
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
        "policy": {"use": ["strict"], "rules": {"no-unlimited": "off", "expiry-within": {"longest": "90d"}},
                   "waivers": [{"rule": "no-unlimited", "key": "pay/a", "reason": "why", "until": "2027-03-01"}]},
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
        serde_json::json!({"policy": {"rules": {"no-such-rule": "error"}}}),
        serde_json::json!({"policy": {"rules": {"expiry-within": {"pattern": "a"}}}}),
        serde_json::json!({"policy": {"waivers": [{"rule": "no-unlimited", "key": "pay/a", "until": "2027-03-01"}]}}),
    ] {
        assert!(!validator.is_valid(&wrong), "{wrong}");
    }
}

/// Fields whose value is a flag, a word of a list or a nested map say it all by that.
#[test]
fn every_field_that_takes_free_text_has_an_example_that_is_one() {
    use super::super::table::Shape;
    fn is_free(shape: &Shape) -> bool {
        match shape {
            Shape::Text(_) | Shape::Instant | Shape::Duration | Shape::Amount | Shape::MapOf(..) => true,
            Shape::List(inner) | Shape::OneOrMore(inner) | Shape::OrNull(inner) => is_free(inner),
            Shape::Bool
            | Shape::Integer(..)
            | Shape::Choice(_)
            | Shape::Fields(_)
            | Shape::WordOr(..)
            | Shape::Keys => false,
        }
    }
    let nested = [&ROOT, &KEY].into_iter().flat_map(nested).filter(|table| !table.heritable_only);
    let tables = [&ROOT, &KEY].into_iter().chain(nested);
    for field in tables.flat_map(|table| table.fields) {
        let name = field.name;
        assert!(field.doc.len() > 20 && field.doc.ends_with('.'), "{name}: {}", field.doc);
        let planned = matches!(name, "replaces" | "policy");
        assert!(
            !field.example.is_empty() || !is_free(&field.shape) || planned,
            "{name} of {} has no example",
            field.doc
        );
        let example = serde_json::from_str::<serde_json::Value>(field.example);
        assert!(field.example.is_empty() || example.is_ok(), "{name}: {}", field.example);
    }
}

#[test]
fn every_example_in_the_schema_is_valid_by_it() {
    fn check(schema: &serde_json::Value, checked: &mut usize) {
        for example in schema["examples"].as_array().into_iter().flatten() {
            let errors: Vec<String> = jsonschema::validator_for(schema)
                .unwrap()
                .iter_errors(example)
                .map(|error| error.to_string())
                .collect();
            assert_eq!(errors, Vec::<String>::new(), "{example}: {}", schema["description"]);
            *checked += 1;
        }
        match schema {
            serde_json::Value::Object(fields) => fields.values().for_each(|value| check(value, checked)),
            serde_json::Value::Array(items) => items.iter().for_each(|value| check(value, checked)),
            _ => {}
        }
    }
    let mut checked = 0;
    check(&schema(), &mut checked);
    assert!(checked > 80, "{checked}");
}
