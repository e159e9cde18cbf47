//! A dozen plans and half as many sets of complaints in every format, as files in `snapshots/`.
//!
//! `INSTA_UPDATE=always cargo test --lib golden` writes them anew; read what `git diff` then says.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use super::samples::*;
use super::text::tests::hostile::{EVIL, evil_plan};
use super::{Paths, github, gitlab, json as json_format, markdown, sarif, text};
use crate::desired::{Loaded, parse_str};
use crate::diff::FieldChange;
use crate::plan::{Beside, Cause, Causes, Change, Plan, Reason, Review};
use crate::report::Event;

/// Plans by name, each with the risks that a real one would have.
pub(super) fn plans() -> Vec<(&'static str, Plan)> {
    let of = |changes: Vec<Change>| {
        let mut plan = Plan { changes, ..empty_plan() };
        assess(&mut plan);
        plan
    };
    vec![
        ("nothing", empty_plan()),
        ("story", story()),
        ("everything", full_plan()),
        ("blocked", Plan { blocked: all_blocked(), ..empty_plan() }),
        ("refused", Plan { refusals: all_refusals(), ..of(vec![delete("ws-a/x", Reason::DeclaredAbsent)]) }),
        ("notes", Plan { notes: all_notes(), ..empty_plan() }),
        ("creates", of((1..4).map(|n| create(&format!("ws-a/new-{n}"), 10 * n)).collect())),
        ("alike", of((1..40).map(|n| widened(&format!("ws-{}/key-{n:02}", n % 3), n)).collect())),
        ("every-field", of(vec![update("ws-a/x", 3, all_fields())])),
        ("drift", Plan { has_base: true, ..of(drift()) }),
        ("waiting", Plan { waiting: vec![waiting("ws-a/soon", 7)], ..of(vec![reset("ws-a/now", 3)]) }),
        ("prunable", Plan { unmentioned: vec![unmentioned("ws-a/left", true)], ..empty_plan() }),
        ("hostile", evil_plan()),
        ("another-moment", Plan { now: time("2026-12-17T10:04:31Z"), ..of(drift()) }),
    ]
}

fn widened(to: &str, line: usize) -> Change {
    let scopes = FieldChange::Scopes {
        added: vec!["logs.export".to_owned()],
        dropped: Vec::new(),
        after: vec!["completions.write".to_owned(), "logs.export".to_owned()],
    };
    update(to, line, vec![scopes])
}

/// One change of each cause, and one of two.
fn drift() -> Vec<Change> {
    let expiry = FieldChange::ExpiresAt { before: Some(time("2026-12-31T00:00:00Z")), after: None };
    let limits = FieldChange::RateLimits { before: vec![per_minute(1000)], after: vec![per_minute(100)] };
    let unlimited = FieldChange::RateLimits { before: vec![per_minute(1000)], after: Vec::new() };
    let causes = |fields: &[(&'static str, Cause)]| Causes { fields: fields.iter().copied().collect() };
    vec![
        Change {
            causes: causes(&[("rate_limits", Cause::Drift)]),
            ..update("ws-a/a-long-time-ago", 2, vec![unlimited.clone()])
        },
        Change {
            causes: causes(&[("expires_at", Cause::ThisChange), ("rate_limits", Cause::Drift)]),
            ..update("ws-a/a-mixture", 4, vec![expiry.clone(), unlimited])
        },
        Change {
            causes: causes(&[("expires_at", Cause::ThisChange), ("rate_limits", Cause::Drift)]),
            ..update("ws-a/both", 3, vec![expiry.clone(), limits.clone()])
        },
        Change {
            causes: causes(&[("rate_limits", Cause::Drift)]),
            ..update("ws-a/by-hand", 5, vec![limits])
        },
        Change {
            causes: causes(&[("expires_at", Cause::ThisChange)]),
            ..update("ws-a/by-review", 7, vec![expiry])
        },
        Change { causes: causes(&[("usage_reset_after", Cause::Due)]), ..reset("ws-a/due", 9) },
    ]
}

/// Keys files by name, with what is wrong with each.
pub(super) fn complaints() -> Vec<(&'static str, Loaded)> {
    let key =
        |rest: &str| format!("version: 1\nkeys:\n  - {{name: ci, type: organisation-service, {rest}}}\n");
    // YAML takes no raw control characters, but it takes this.
    let escaped = |c: char| {
        if c.is_ascii() && !c.is_control() { String::from(c) } else { format!("\\u{:04x}", u32::from(c)) }
    };
    let evil = EVIL.replace('\\', "\\\\").chars().map(escaped).collect::<String>();
    let evil = format!("\"{evil}\"");
    vec![
        ("valid", parse_str("keys.yaml", &key("scopes: [logs.view]"))),
        ("mistakes", parse_str("teams/../keys.yaml", include_str!("../../examples/mistakes.yaml"))),
        ("warning", parse_str("keys.yaml", &key("scopes: [logs.view, logs.view]"))),
        ("empty", parse_str("./infra/keys.yaml", "")),
        ("syntax", parse_str("keys.yaml", "version: 1\nkeys: [\n")),
        (
            "two-lines",
            parse_str("keys.yaml", "version: 1\nkeys:\n  - name: é\n    scope:\n      - a\n    scopes: 5\n"),
        ),
        ("policy", {
            let policy = "version: 1\npolicy: {rules: {expiry-required: error, limits-required: warning}}\n";
            let mut loaded =
                parse_str("keys.yaml", &key("scopes: [logs.view]").replace("version: 1\n", policy));
            crate::policy::judge(&mut loaded, time("2026-11-22T10:00:00Z"));
            loaded
        }),
        (
            "hostile",
            parse_str(
                "a,b: %0A::x\u{202e}.yaml",
                &format!(
                    "version: 1\n{evil}: 5\nkeys: [{{name: {evil}, {evil}: 1, scopes: [{evil}], template: {evil}}}]\n"
                ),
            ),
        ),
    ]
}

pub(super) fn paths() -> Paths {
    Paths { current: "/repo".into(), root: "/repo".into() }
}

/// Everything that can be said of a plan, by the ending of its file.
pub(super) fn formats_of_plan(plan: &Plan) -> BTreeMap<&'static str, String> {
    let sets = scope_sets();
    let context = context(&sets);
    BTreeMap::from([
        ("txt", text::plan(plan, &context, &PLAIN)),
        ("json", json_format::plan(plan)),
        ("md", markdown::plan(plan, &context, "keys.yaml", markdown::GITHUB_LIMIT)),
        ("sarif", sarif::plan(plan, &context, "keys.yaml", &paths())),
        ("github", github::plan(plan, &context, &paths())),
        ("gitlab", gitlab::plan(plan, &context, "keys.yaml", &paths())),
    ])
}

/// The same for what is wrong with files.
pub(super) fn formats_of_complaints(loaded: &Loaded) -> BTreeMap<&'static str, String> {
    let Loaded { diagnostics, sources, .. } = loaded;
    let name = diagnostics.first().map_or("keys.yaml", |diagnostic| diagnostic.file.as_str());
    BTreeMap::from([
        ("txt", text::diagnostics(diagnostics, sources, &PLAIN)),
        ("json", json_format::diagnostics(diagnostics, sources)),
        ("jsonl", json_format::lines::diagnostics(diagnostics, sources, 1)),
        ("md", markdown::diagnostics(diagnostics, sources, name, name, markdown::GITHUB_LIMIT)),
        ("sarif", sarif::diagnostics(diagnostics, sources, &paths())),
        ("github", github::diagnostics(diagnostics, sources, &paths())),
        ("gitlab", gitlab::diagnostics(diagnostics, sources, &paths())),
    ])
}

/// Every line of an apply.
pub(super) fn stream(plan: &Plan) -> String {
    let report = mixed_report(plan);
    let total = report.changes.len();
    let mut out = json_format::lines::plan(plan);
    for (index, change) in report.changes.iter().enumerate() {
        let started = Event::Started { address: &change.address, action: change.action };
        out.push_str(&json_format::lines::event(&started, index, total));
        out.push_str(&json_format::lines::event(&Event::Finished { report: change }, index + 1, total));
    }
    out.push_str(&json_format::lines::event(&Event::Verifying { open: 3 }, total, total));
    out.push_str(&json_format::lines::verified(&report));
    out.push_str(&json_format::lines::report(&report, plan, 3));
    out
}

fn golden(name: &str, text: &str) {
    // The same for every version that says the same.
    let text = text.replace(&format!("\"{}\"", env!("CARGO_PKG_VERSION")), "\"VERSION\"");
    let mut settings = insta::Settings::clone_current();
    settings.set_prepend_module_to_snapshot(false);
    settings.set_omit_expression(true);
    settings.bind(|| insta::assert_snapshot!(name.to_owned(), text));
}

#[test]
fn a_dozen_plans_look_like_this_in_every_format() {
    for (name, plan) in plans() {
        for (format, text) in formats_of_plan(&plan) {
            golden(&format!("plan-{name}.{format}"), &text);
        }
    }
}

#[test]
fn a_plan_of_another_moment_says_so_in_every_format_and_is_offered_in_none() {
    let (_, plan) = plans().into_iter().find(|(name, _)| *name == "another-moment").unwrap();
    for (format, text) in formats_of_plan(&plan) {
        if format == "json" {
            // Programs compare `now` with `read_at`.
            continue;
        }
        assert!(text.contains("as of 2026-12-17T10:04:31Z, in 25 days"), "{format}: {text}");
        assert!(text.contains("no plan to apply"), "{format}: {text}");
        for offer in ["--expect-plan", "apply --", &plan.digest()] {
            assert!(!text.contains(offer), "{format}: {text}");
        }
    }
}

#[test]
fn what_there_is_to_look_at_says_its_cause_and_what_has_drifted_comes_last() {
    let (_, plan) = plans().into_iter().find(|(name, _)| *name == "drift").unwrap();
    let formats = formats_of_plan(&plan);
    let at = |format: &str, text: &str| {
        formats[format].find(text).unwrap_or_else(|| panic!("{format} lacks {text}: {}", formats[format]))
    };
    let rows = [
        "`ws-a/both` | **never expires** (`2026-12-31T00:00:00Z -> never`) | this change |",
        "`ws-a/due` | **a limit gets looser** (its usage is set to 0) | due |",
        "`ws-a/a-long-time-ago` | **a limit is gone** (`- 1000 requests per minute`) | drift |",
    ]
    .map(|row| at("md", row));
    assert!(rows.is_sorted(), "{}", formats["md"]);
    at("md", "**a limit is gone**, drift (`- 1000 requests per minute`) | this change and drift |");
    for format in ["github", "sarif", "gitlab"] {
        let both = at(format, "never expires (this change): ");
        let due = at(format, "a limit gets looser (due): ");
        let drift = formats[format].rfind("a limit is gone (drift): ").unwrap();
        assert!(both < due && due < drift, "{format}: {}", formats[format]);
    }
}

#[test]
fn complaints_look_like_this_in_every_format() {
    for (name, loaded) in complaints() {
        for (format, text) in formats_of_complaints(&loaded) {
            golden(&format!("complaints-{name}.{format}"), &text);
        }
    }
}

#[test]
fn an_apply_as_it_goes_looks_like_this() {
    golden("apply-story.jsonl", &stream(&story()));
    golden("apply-refused.jsonl", &json_format::lines::refused(&full_plan(), 4));
    golden("apply-error.jsonl", &json_format::lines::error("usage", "no", &["because".to_owned()], &[], 64));
}

/// A schema of ours, or a file of `tests/schemas`.
fn schema(name: &str) -> Value {
    if let Some((_, schema)) = json_format::schemas().into_iter().find(|(known, _)| *known == name) {
        return schema;
    }
    let path = format!("{}/tests/schemas/{name}", env!("CARGO_MANIFEST_DIR"));
    let text = std::fs::read_to_string(path).unwrap();
    // The committee's pattern for languages is no regular expression: one bracket too many.
    serde_json::from_str(&text.replace("-[a-zA-Z]{2}]?$", "-[a-zA-Z]{2}$")).unwrap()
}

fn assert_valid(validator: &jsonschema::Validator, name: &str, text: &str) {
    let document: Value = serde_json::from_str(text).unwrap();
    let errors: Vec<String> =
        validator.iter_errors(&document).map(|error| format!("{}: {error}", error.instance_path())).collect();
    assert_eq!(errors, Vec::<String>::new(), "{name}: {text}");
}

#[test]
fn every_machine_readable_format_holds_to_its_schema() {
    let validator = |name| jsonschema::validator_for(&schema(name)).unwrap();
    let sarif = validator("sarif-2.1.0.schema.json");
    let gitlab = validator("gitlab-code-quality.schema.json");
    let plan_schema = validator("plan.schema.json");
    let report_schema = validator("report.schema.json");
    let events = validator("events.schema.json");
    for (name, plan) in plans() {
        let formats = formats_of_plan(&plan);
        assert_valid(&plan_schema, name, &formats["json"]);
        assert_valid(&sarif, name, &formats["sarif"]);
        assert_valid(&gitlab, name, &formats["gitlab"]);
        assert_valid(&report_schema, name, &json_format::report(&mixed_report_of(&plan), &plan, 3));
        let lines = json_format::lines::plan(&plan) + &json_format::lines::refused(&plan, 4);
        lines.lines().for_each(|line| assert_valid(&events, name, line));
    }
    stream(&story()).lines().for_each(|line| assert_valid(&events, "story", line));
    assert_valid(&events, "error", &json_format::lines::error("usage", "no", &[], &[], 64));
    let diagnostics = validator("diagnostics.schema.json");
    for (name, loaded) in complaints() {
        let formats = formats_of_complaints(&loaded);
        assert_valid(&diagnostics, name, &formats["json"]);
        assert_valid(&events, name, &formats["jsonl"]);
        assert_valid(&sarif, name, &formats["sarif"]);
        assert_valid(&gitlab, name, &formats["gitlab"]);
    }
}

/// A report of a plan of any length.
fn mixed_report_of(plan: &Plan) -> crate::report::Report {
    if plan.changes.len() < 5 { report(plan) } else { mixed_report(plan) }
}

#[test]
fn the_schemas_refuse_what_does_not_hold_to_them() {
    let mut log: Value = serde_json::from_str(&formats_of_complaints(&complaints()[1].1)["sarif"]).unwrap();
    log["runs"][0]["results"][0]["locations"][0]["physicalLocation"]["region"]["startLine"] = json!(0);
    assert!(!jsonschema::is_valid(&schema("sarif-2.1.0.schema.json"), &log));
    for wrong in [
        json!({"format_version": 1, "type": "no-such-event"}),
        json!({"format_version": 1, "type": "verifying"}),
        json!({"format_version": 2, "type": "verifying", "open": 1}),
        json!({"type": "verifying", "open": 1}),
    ] {
        assert!(!jsonschema::is_valid(&schema("events.schema.json"), &wrong), "{wrong}");
    }
    assert!(!jsonschema::is_valid(
        &schema("gitlab-code-quality.schema.json"),
        &json!([{"description": "x"}])
    ));
}

#[test]
fn a_fingerprint_stays_when_its_line_moves_and_tells_equal_lines_apart() {
    let fingerprints = |text: &str| -> Vec<String> {
        let loaded = parse_str("keys.yaml", text);
        let log: Value = serde_json::from_str(&formats_of_complaints(&loaded)["sarif"]).unwrap();
        let results = log["runs"][0]["results"].as_array().unwrap();
        let print = |result: &Value| result["partialFingerprints"]["primaryLocationLineHash"].to_string();
        results.iter().map(print).collect()
    };
    let entry =
        |name: &str| format!("  - name: {name}\n    type: organisation-service\n    scopes: [logs.veiw]\n");
    let one = fingerprints(&format!("version: 1\nkeys:\n{}", entry("a")));
    let moved = fingerprints(&format!("# moved\nversion: 1\n\n\nkeys:\n{}", entry("a")));
    assert_eq!((one.len(), &one), (1, &moved));
    let two = fingerprints(&format!("version: 1\nkeys:\n{}{}", entry("a"), entry("b")));
    assert_eq!(two.len(), 2);
    assert_ne!(two[0], two[1]);
    assert!(two.contains(&one[0]), "{two:?}");
    let other = fingerprints(&format!("version: 1\nkeys:\n{}", entry("a").replace("veiw", "viwe")));
    assert_ne!(one, other);
}

#[test]
fn every_code_is_a_rule_with_help() {
    let of_policy = crate::desired::rules().iter().map(|rule| rule.code);
    let codes = crate::desired::EXPLANATIONS.iter().map(|explanation| explanation.code).chain(of_policy);
    let diagnostics: Vec<_> =
        codes.map(|code| crate::diagnostic::Diagnostic::about(code, "keys.yaml", "wrong")).collect();
    let log = sarif::diagnostics(&diagnostics, &crate::diagnostic::Sources::default(), &paths());
    let log: Value = serde_json::from_str(&log).unwrap();
    let rules = log["runs"][0]["tool"]["driver"]["rules"].as_array().unwrap();
    assert_eq!(rules.len(), diagnostics.len());
    for rule in rules {
        for text in ["shortDescription", "fullDescription", "help"] {
            assert!(rule[text]["text"].as_str().is_some_and(|text| !text.is_empty()), "{rule}");
        }
    }
}

#[test]
fn a_region_of_sarif_has_the_second_place_and_counts_characters() {
    let complaints = complaints();
    let (_, loaded) = complaints.iter().find(|(name, _)| *name == "mistakes").unwrap();
    let log: Value = serde_json::from_str(&formats_of_complaints(loaded)["sarif"]).unwrap();
    let run = &log["runs"][0];
    assert_eq!(run["columnKind"], "unicodeCodePoints");
    let result = &run["results"][0];
    let physical = &result["locations"][0]["physicalLocation"];
    assert_eq!(physical["artifactLocation"], json!({"uri": "keys.yaml", "uriBaseId": "%SRCROOT%"}));
    assert_eq!(physical["region"], json!({"startLine": 8, "startColumn": 14, "endLine": 8, "endColumn": 31}));
    assert_eq!(result["relatedLocations"][0]["physicalLocation"]["region"]["startLine"], 5);
    let rules = run["tool"]["driver"]["rules"].as_array().unwrap();
    for result in run["results"].as_array().unwrap() {
        let rule = &rules[usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap()];
        assert_eq!(rule["id"], result["ruleId"]);
        assert!(!rule["help"]["text"].as_str().unwrap().is_empty());
    }
}

/// The results of a log, each with its rule.
fn results_of(log: &str) -> Vec<(Value, Value)> {
    let log: Value = serde_json::from_str(log).unwrap();
    let run = &log["runs"][0];
    let rule = |result: &Value| {
        let index = usize::try_from(result["ruleIndex"].as_u64().unwrap()).unwrap();
        run["tool"]["driver"]["rules"][index].clone()
    };
    run["results"].as_array().unwrap().iter().map(|result| (result.clone(), rule(result))).collect()
}

#[test]
fn whatever_a_plan_has_to_look_at_is_a_rule_with_help() {
    let mut seen = std::collections::BTreeSet::new();
    for (name, plan) in plans() {
        for (result, rule) in results_of(&formats_of_plan(&plan)["sarif"]) {
            assert_eq!(result["ruleId"], rule["id"], "{name}");
            for text in ["shortDescription", "fullDescription", "help"] {
                assert!(rule[text]["text"].as_str().is_some_and(|text| !text.is_empty()), "{name}: {rule}");
            }
            seen.insert(rule["id"].as_str().unwrap().to_owned());
        }
    }
    // One of each kind: a risk, what is blocked, what is refused, a rule of a policy.
    for id in ["mints-keys", "ambiguous", "too-many-deletes", "denied-risk"] {
        assert!(seen.contains(id), "{id} is not in {seen:?}");
    }
}

#[test]
fn what_is_to_look_at_has_its_gravest_risk_for_a_rule_and_stays_the_same_when_its_line_moves() {
    let log = |line| {
        let scopes = FieldChange::Scopes {
            added: vec!["logs.list".to_owned(), "workspace_service_api_keys.create".to_owned()],
            dropped: Vec::new(),
            after: vec!["logs.list".to_owned(), "workspace_service_api_keys.create".to_owned()],
        };
        let expiry = FieldChange::ExpiresAt { before: Some(time("2026-12-31T00:00:00Z")), after: None };
        let mut plan = Plan { changes: vec![update("ws-a/x", line, vec![scopes, expiry])], ..empty_plan() };
        assess(&mut plan);
        results_of(&formats_of_plan(&plan)["sarif"])
    };
    let (here, moved) = (log(3), log(90));
    let rules = |results: &[(Value, Value)]| -> Vec<String> {
        results.iter().map(|(result, _)| result["ruleId"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(rules(&here), ["mints-keys", "expiry-removed"]);
    assert!(here[0].0["message"]["text"].as_str().unwrap().contains("can see more"), "{here:?}");
    let line = |results: &[(Value, Value)]| {
        results[0].0["locations"][0]["physicalLocation"]["region"]["startLine"].clone()
    };
    assert_eq!((line(&here), line(&moved)), (json!(3), json!(90)));
    for ((a, _), (b, _)) in here.iter().zip(&moved) {
        assert_eq!(a["partialFingerprints"], b["partialFingerprints"]);
    }
    assert_ne!(here[0].0["partialFingerprints"], here[1].0["partialFingerprints"]);
}

#[test]
fn a_review_is_in_the_same_log_as_the_complaints() {
    let plan = story();
    let beside = Beside { address: None, place: None, fields: vec!["managed_by"] };
    let review = Review { changes: plan.changes, dropped: Vec::new(), beside: vec![beside], refusal: None };
    let complaints = complaints();
    let (_, loaded) = complaints.iter().find(|(name, _)| *name == "warning").unwrap();
    let said = (loaded.diagnostics.as_slice(), &loaded.sources);
    let sets = scope_sets();
    let log = sarif::reviewed(said, &review, &sets, "keys.yaml", &paths());
    assert_valid(&jsonschema::validator_for(&schema("sarif-2.1.0.schema.json")).unwrap(), "review", &log);
    let results = results_of(&log);
    let has = |id: &str| {
        results.iter().any(|(result, rule)| result["ruleId"] == id && rule["help"]["text"].is_string())
    };
    for id in ["duplicate-scope", "mints-keys", "deleted", "depends-on-live-keys"] {
        assert!(has(id), "{id}: {log}");
    }
    let report = gitlab::reviewed(said, &review, &sets, "keys.yaml", &paths());
    let gitlab_schema = jsonschema::validator_for(&schema("gitlab-code-quality.schema.json")).unwrap();
    assert_valid(&gitlab_schema, "review", &report);
    let report: Value = serde_json::from_str(&report).unwrap();
    assert_eq!(report.as_array().unwrap().len(), results.len());
}
