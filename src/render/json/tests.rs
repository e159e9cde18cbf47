use std::path::PathBuf;

use serde_json::{Value, json};

use super::*;
use crate::diagnostic::{Label, Severity, Source, Span};
use crate::plan::{Beside, Change, Plan, Review};
use crate::render::samples::{all_fields, create, empty_plan, full_plan, mixed_report, reset, story, update};

fn read(text: &str) -> Value {
    assert!(text.ends_with("}\n"));
    serde_json::from_str(text).unwrap()
}

/// Set this variable to write the schemas to `docs/` instead of comparing them.
const UPDATE: &str = "UPDATE";

#[test]
fn the_published_schemas_are_those_of_the_code() {
    for (name, schema) in schemas() {
        let path = PathBuf::from(env!("CARGO_MANIFEST_DIR")).join("docs").join(name);
        let text = pretty(&schema);
        if std::env::var_os(UPDATE).is_some() {
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
        } else {
            let published = std::fs::read_to_string(&path).unwrap_or_default();
            assert!(published == text, "docs/{name} is out of date: run this test with {UPDATE}=1");
        }
    }
}

#[test]
fn every_code_is_documented() {
    let docs = include_str!("../../../docs/json.md");
    let plan_ = full_plan();
    let document = read(&plan(&plan_));
    for list in ["blocked", "refusals", "notes"] {
        for item in document[list].as_array().unwrap() {
            let code = item["code"].as_str().unwrap();
            assert!(docs.contains(&format!("`{code}`")), "docs/json.md does not know `{code}`");
        }
    }
    for rule in crate::policy::rules() {
        assert!(docs.contains(&format!("`{}`", rule.code)), "docs/json.md does not know `{}`", rule.code);
    }
}

fn assert_valid(name: &str, document: &Value) {
    let (_, schema) = schemas().into_iter().find(|(schema, _)| *schema == name).unwrap();
    let validator = jsonschema::validator_for(&schema).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new(), "{name}");
}

fn sample_diagnostics() -> String {
    let mut sources = Sources::default();
    let source = sources.add(Source { name: "keys.yaml".to_owned(), text: "a: é\nb: 2\n".to_owned() });
    let label = |start, end| Label { span: Span { source, start, end }, text: "here".to_owned() };
    let placed = Diagnostic {
        code: "some-code",
        severity: Severity::Error,
        message: "something is wrong".to_owned(),
        file: "keys.yaml".to_owned(),
        primary: Some(label(3, 5)),
        secondary: vec![label(6, 10)],
        hints: vec!["mend it".to_owned()],
    };
    let whole = Diagnostic {
        severity: Severity::Warning,
        primary: None,
        secondary: Vec::new(),
        hints: Vec::new(),
        ..placed.clone()
    };
    diagnostics(&[placed, whole], &sources)
}

#[test]
fn every_document_holds_to_its_schema() {
    for plan_ in [empty_plan(), story(), full_plan()] {
        assert_valid("plan.schema.json", &read(&plan(&plan_)));
    }
    for plan_ in [story(), full_plan()] {
        assert_valid("report.schema.json", &read(&report(&mixed_report(&plan_), &plan_, 3)));
    }
    assert_valid("error.schema.json", &read(&error("usage", "no", &[], &["yes".to_owned()], 64)));
    assert_valid("diagnostics.schema.json", &read(&sample_diagnostics()));
    assert_valid("explain.schema.json", &read(&topics(&crate::render::explain::fields())));
}

#[test]
fn a_review_holds_to_the_schema_of_diagnostics_and_is_null_without_a_base() {
    let mut plan_ = full_plan();
    crate::render::samples::assess(&mut plan_);
    let refusal = plan_.refusals.pop();
    let dropped = vec![plan_.blocked[0].address.clone()];
    let beside = vec![Beside { address: dropped.first().cloned(), place: None, fields: vec!["id"] }];
    let review = Review { changes: plan_.changes, dropped, beside, refusal };
    let document = read(&reviewed(&[], &Sources::default(), Some(&review)));
    assert_valid("diagnostics.schema.json", &document);
    assert_eq!(document["review"]["refusals"][0]["code"], "denied-risk");
    assert_eq!(document["review"]["dropped"][0], "ws-payments/key-01");
    assert_eq!(read(&diagnostics(&[], &Sources::default()))["review"], Value::Null);
}

#[test]
fn a_schema_refuses_what_is_not_of_this_version() {
    let mut document = read(&plan(&story()));
    document["format_version"] = json!(2);
    let schema = &schemas()[0].1;
    assert!(!jsonschema::is_valid(schema, &document));
}

#[test]
fn an_update_is_exactly_one_put() {
    let document = read(&plan(&Plan { changes: vec![reset("ws-a/x", 3)], ..empty_plan() }));
    assert_eq!(
        document["changes"][0]["calls"],
        json!([{
            "method": "PUT",
            "path": "/api-keys/183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2",
            "body": {"reset_usage": true},
        }])
    );
    assert_eq!(document["changes"][0]["action"], "reset-usage");
    assert_eq!(document["changes"][0]["reason"]["code"], "usage-reset-due");
    assert_eq!(document["writes"], json!({"post": 0, "put": 1, "delete": 0, "total": 1}));
}

#[test]
fn a_create_is_a_post_and_the_put_that_commits_with_placeholders() {
    let document = read(&plan(&Plan { changes: vec![create("ws-a/new", 3)], ..empty_plan() }));
    let change = &document["changes"][0];
    assert_eq!(change["calls"][0]["method"], "POST");
    assert_eq!(change["calls"][0]["path"], "/api-keys/workspace/service");
    assert_eq!(change["calls"][0]["body"]["description"], "Checkout, Europe [portkey-sync new=<nonce>]");
    assert_eq!(change["calls"][1]["path"], "/api-keys/{id}");
    assert_eq!(
        change["calls"][1]["body"],
        json!({"description":
            "Checkout, Europe [portkey-sync by=platform id=<id> at=a1b2c3 secret=<secret> to=680699]"})
    );
    assert_eq!(change["calls"].as_array().unwrap().len(), 2);
    assert_eq!(change["deliver_to"], json!([{"sink": "dir", "target": "secrets/ws-a/new"}]));
    assert_eq!(change["fields"][1]["before"], Value::Null);
}

#[test]
fn a_plan_lists_as_many_writes_as_it_counts() {
    for plan_ in [empty_plan(), story(), full_plan()] {
        let document = read(&plan(&plan_));
        let calls: usize = document["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| change["calls"].as_array().unwrap().len())
            .sum();
        assert_eq!(calls, plan_.writes().total());
    }
}

#[test]
fn fields_say_before_and_after_in_the_words_of_the_file() {
    let changes = vec![Change { ..update("ws-a/x", 3, all_fields()) }];
    let document = read(&plan(&Plan { changes, ..empty_plan() }));
    let field = |name: &str| {
        let fields = document["changes"][0]["fields"].as_array().unwrap();
        fields.iter().find(|field| field["field"] == name).unwrap().clone()
    };
    assert_eq!(field("scopes")["before"], json!(["logs.list"]));
    assert_eq!(
        field("expires_at"),
        json!({"field": "expires_at", "before": "2026-12-31T00:00:00Z", "after": null, "cause": null})
    );
    assert_eq!(field("usage_limits")["after"]["credit_limit"], json!(2000));
    assert_eq!(field("mark")["after"], "[portkey-sync by=platform keep]");
}

#[test]
fn a_change_says_its_risks_with_the_field_of_each_and_the_plan_counts_them() {
    let document = read(&plan(&story()));
    assert_eq!(
        document["changes"][3]["risks"],
        json!([
            {"risk": "mints-keys", "field": "scopes"},
            {"risk": "limit-loosened", "field": "usage_limits"},
            {"risk": "expiry-removed", "field": "expires_at"},
        ])
    );
    assert_eq!(document["changes"][4]["risks"], json!([]));
    assert_eq!(document["changes"][8]["risks"], json!([{"risk": "deleted", "field": null}]));
    assert_eq!(
        document["risks"],
        json!([
            {"risk": "mints-keys", "changes": 1},
            {"risk": "limit-loosened", "changes": 2},
            {"risk": "expiry-removed", "changes": 1},
            {"risk": "deleted", "changes": 1},
        ])
    );
}

#[test]
fn a_report_says_what_became_of_each_change() {
    let plan_ = story();
    let document = read(&report(&mixed_report(&plan_), &plan_, 3));
    let words = |field: &str| -> Vec<String> {
        let changes = document["changes"].as_array().unwrap();
        changes.iter().map(|change| change[field].as_str().unwrap_or("-").to_owned()).collect()
    };
    insta::assert_snapshot!(words("outcome").join(" "), @"done failed failed done failed unknown moved done not-attempted");
    insta::assert_snapshot!(words("verdict").join(" "), @"not-visible-yet - - overridden - - - overwritten -");
    assert_eq!(document["totals"]["done"], 1);
    assert_eq!(document["totals"]["planned_writes"], 10);
    assert_eq!(document["changes"][4]["failure"]["changed_something"], true);
    assert_eq!(document["changes"][4]["repairs"][0]["code"], "found-by-nonce");
    assert_eq!(document["exit_code"], 3);
}

#[test]
fn a_diagnostic_counts_lines_and_characters_from_one() {
    let document = read(&sample_diagnostics());
    assert_eq!(document["valid"], false);
    let first = &document["diagnostics"][0];
    assert_eq!(
        [&first["line"], &first["column"], &first["end_line"], &first["end_column"]],
        [&json!(1), &json!(4), &json!(1), &json!(5)]
    );
    assert_eq!(first["related"][0]["line"], 2);
    assert_eq!(document["diagnostics"][1]["line"], Value::Null);
    assert_eq!(read(&diagnostics(&[], &Sources::default()))["valid"], true);
}

#[test]
fn names_come_through_as_they_are() {
    let name = "a\u{1b}[31m\n\u{202e}\"x";
    let document = read(&plan(&Plan { changes: vec![reset(&format!("ws/{name}"), 3)], ..empty_plan() }));
    assert_eq!(document["changes"][0]["name"], name);
}

fn rotate(to: &str, line: usize) -> Change {
    let created = create(to, line);
    let crate::plan::Request::Create { commit, .. } = created.request else { unreachable!() };
    let before = crate::render::samples::snapshot(&created.address.name);
    let first = crate::model::KeyUpdate {
        rate_limits: Some(None),
        expires_at: Some(None),
        alert_emails: Some(Some(vec!["a@example.com".to_owned()])),
        ..crate::model::KeyUpdate::default()
    };
    Change {
        action: Action::Rotate,
        request: crate::plan::Request::Rotate {
            id: before.id.clone(),
            first: Box::new(first),
            transition: Some(jiff::SignedDuration::from_mins(90)),
            commit: crate::plan::Commit { transition: Some("90m".to_owned()), prove: true, ..commit },
        },
        before: Some(before),
        fields: Vec::new(),
        reason: Some(crate::plan::Reason::Rotation(crate::handoff::Why::Due(crate::render::samples::time(
            "2026-11-22T10:00:00Z",
        )))),
        ..created
    }
}

#[test]
fn a_saved_plan_holds_to_its_schema_and_is_read_back_as_it_was() {
    use crate::saved_plan::{FilesMeaning, SavedOptions, SavedPlan};

    let turning = Plan { changes: vec![rotate("ws-zeta/turning", 130)], ..story() };
    for plan in [empty_plan(), story(), full_plan(), turning] {
        // What only the run that made it could use is left out.
        let saved = SavedPlan::new(plan.clone(), SavedOptions::default(), FilesMeaning::default());
        let text = saved.to_json();
        assert_valid("saved-plan.schema.json", &read(&text));
        let back = SavedPlan::parse(&text).unwrap();
        assert_eq!(back, saved);
        assert_eq!(back.plan.digest(), plan.digest());
        assert_eq!(super::plan(&back.plan), super::plan(&plan));
        assert_eq!(back.to_json(), text);
    }
}
