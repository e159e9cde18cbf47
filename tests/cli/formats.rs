//! The formats in which commands answer, over the whole program.

use std::io::{BufRead, BufReader};
use std::process::Stdio;

use serde_json::Value;

use crate::harness::{CREATE, DELETE, Folder, Rehearsal, UPDATES};

const WRONG: &str = "version: 1\nkeys:\n  - {name: ci, type: organisation-service, scopes: [logs.veiw]}\n";

fn lines(stdout: &str) -> Vec<Value> {
    stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect()
}

fn types(lines: &[Value]) -> Vec<&str> {
    lines.iter().map(|line| line["type"].as_str().unwrap()).collect()
}

/// A folder that is a repository as far as the root goes, with wrong files further down.
fn repository() -> Folder {
    let folder = Folder::new();
    folder.write(".git", "gitdir: elsewhere\n");
    folder.write("infra/keys.yaml", WRONG);
    folder
}

#[test]
fn validate_answers_in_the_formats_of_the_forges_and_keeps_its_exit_code() {
    let folder = repository();
    for (format, holds) in [
        ("sarif", "\"uri\": \"infra/keys.yaml\""),
        (
            "github",
            "::error file=infra/keys.yaml,line=3,col=53,endLine=3,endColumn=61,title=portkey-sync%3A unknown-scope::",
        ),
        ("gitlab", "\"path\": \"infra/keys.yaml\""),
        ("json", "\"file\": \"infra/keys.yaml\""),
    ] {
        let ended = folder.run(&["validate", "-f", "infra/keys.yaml", "--format", format]).expect(1);
        assert!(ended.stdout.contains(holds), "{format}: {}", ended.stdout);
        assert_eq!(ended.stderr, "", "{format}");
    }
}

#[test]
fn paths_lead_from_the_repositorys_root_wherever_the_program_runs() {
    let folder = repository();
    let mut command = folder.command(&["validate", "--format", "gitlab"]);
    command.current_dir(folder.join("infra"));
    let report: Value = serde_json::from_slice(&command.output().unwrap().stdout).unwrap();
    assert_eq!(report[0]["location"]["path"], "infra/keys.yaml");
    assert_eq!(report[0]["location"]["lines"]["begin"], 3);
}

#[test]
fn valid_files_have_an_empty_report_in_each_format() {
    let folder = Folder::new();
    folder.write("keys.yaml", &WRONG.replace("veiw", "view"));
    let run = |format: &str| folder.run(&["validate", "--format", format]).expect(0).stdout;
    assert_eq!(run("gitlab"), "[]\n");
    assert_eq!(run("github"), "");
    let log: Value = serde_json::from_str(&run("sarif")).unwrap();
    assert_eq!(log["runs"][0]["results"], Value::Array(Vec::new()));
}

#[test]
fn each_command_takes_only_formats_that_it_can_answer_in() {
    let folder = Folder::new();
    for (command, format) in [
        ("validate", "markdown"),
        ("validate", "jsonl"),
        ("plan", "jsonl"),
        ("apply", "sarif"),
        ("apply", "markdown"),
    ] {
        folder.run(&[command, "--format", format]).expect(64).says("possible values");
    }
}

#[test]
fn a_plan_is_a_comment_with_a_marker_or_annotations_at_its_entries() {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{CREATE}{DELETE}"));
    let comment = rehearsal.run(&["plan", "--format", "markdown"]).expect(0).stdout;
    assert!(
        comment.starts_with("<!-- portkey-sync:plan a1b2c3d4 keys.yaml -->\n### portkey-sync: 5 changes"),
        "{comment}"
    );
    assert!(comment.contains("| delete | `prod/doomed` | **cannot be undone**"), "{comment}");
    assert!(comment.contains("apply") && comment.contains("--expect-plan"), "{comment}");
    let annotations = rehearsal.run(&["plan", "--format", "github"]).expect(0).stdout;
    assert!(annotations.lines().all(|line| line.starts_with("::")), "{annotations}");
    let delete = annotations.lines().find(|line| line.contains("delete prod/doomed")).unwrap();
    assert!(delete.starts_with("::warning file=keys.yaml,line="), "{annotations}");
}

#[test]
fn a_plan_is_a_log_for_code_scanning_or_a_report_of_code_quality_also_when_it_was_saved() {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{CREATE}{DELETE}"));
    rehearsal.run(&["plan", "--out", "plan.json"]).expect(0);
    let both = |format: &str| {
        let planned = rehearsal.run(&["plan", "--format", format]).expect(0).json();
        let shown = rehearsal.folder.run(&["show", "plan.json", "--format", format]).expect(0).json();
        assert_eq!(planned, shown, "{format}");
        planned
    };
    let log = both("sarif");
    let results = log["runs"][0]["results"].as_array().unwrap();
    let deleted = results.iter().find(|result| result["ruleId"] == "deleted").unwrap();
    let text = deleted["message"]["text"].as_str().unwrap();
    assert!(text.starts_with("delete prod/doomed: cannot be undone"), "{text}");
    assert_eq!(deleted["level"], "warning");
    assert!(deleted["locations"][0]["physicalLocation"]["region"]["startLine"].is_u64(), "{deleted}");
    let report = both("gitlab");
    let deleted = report.as_array().unwrap().iter().find(|issue| issue["check_name"] == "deleted").unwrap();
    assert_eq!((&deleted["severity"], &deleted["location"]["path"]), (&"minor".into(), &"keys.yaml".into()));
}

#[test]
fn what_files_change_since_their_base_is_in_every_forges_format() {
    let folder = Folder::new();
    let key = |scopes: &str| {
        format!("version: 1\nkeys:\n  - {{name: ci, type: organisation-service, scopes: [{scopes}]}}\n")
    };
    folder.write("base.yaml", &key("logs.view"));
    folder.write("keys.yaml", &key("logs.view, workspace_service_api_keys.create"));
    let run =
        |format: &str| folder.run(&["validate", "--base", "base.yaml", "--format", format]).expect(0).stdout;
    for format in ["sarif", "github", "gitlab"] {
        assert!(
            run(format).contains("can mint keys: + workspace_service_api_keys.create"),
            "{}",
            run(format)
        );
    }
}

#[test]
fn the_comments_of_two_folders_differ_by_their_first_line() {
    let rehearsal = Rehearsal::of(UPDATES);
    std::fs::create_dir(rehearsal.folder.join(".git")).unwrap();
    let keys = rehearsal.folder.read("keys.yaml");
    let first = |folder: &str, text: &str, code: i32| -> String {
        rehearsal.folder.write(&format!("{folder}/keys.yaml"), text);
        let mut command = rehearsal.command(&["plan", "--format", "markdown"]);
        command.current_dir(rehearsal.folder.join(folder));
        crate::harness::run(command, "").expect(code).stdout.lines().next().unwrap().to_owned()
    };
    for folder in ["a", "teams/b"] {
        assert_eq!(
            first(folder, &keys, 0),
            format!("<!-- portkey-sync:plan a1b2c3d4 {folder}/keys.yaml -->")
        );
        assert_eq!(
            first(folder, "version: 2", 1),
            format!("<!-- portkey-sync:plan invalid {folder}/keys.yaml -->")
        );
    }
}

#[test]
fn wrong_files_are_told_in_the_plans_own_format() {
    let folder = repository();
    let plan =
        |format: &str| folder.run(&["plan", "-f", "infra/keys.yaml", "--format", format]).expect(1).stdout;
    assert!(plan("markdown").starts_with("<!-- portkey-sync:plan invalid infra/keys.yaml -->\n"));
    assert!(plan("github").starts_with("::error file=infra/keys.yaml,line=3,"));
    assert_eq!(
        lines(&folder.run(&["apply", "-f", "infra/keys.yaml", "--format", "jsonl"]).expect(1).stdout)[0]["type"],
        "invalid"
    );
}

#[test]
fn an_apply_is_told_line_by_line_and_ends_with_its_report() {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{CREATE}{DELETE}"));
    let ended = rehearsal.run(&["apply", "--yes", "--format", "jsonl"]);
    let lines = lines(&ended.stdout);
    let types = types(&lines);
    assert_eq!(types[0], "plan");
    let of = |kind: &str| types.iter().filter(|word| **word == kind).count();
    assert_eq!((of("started"), of("finished"), of("report")), (5, 5, 1), "{types:?}");
    assert_eq!(types[types.len() - 2..], ["verified", "report"]);
    let report = lines.last().unwrap();
    assert_eq!(report["exit_code"], ended.code);
    assert_eq!(report["report"]["digest"], lines[0]["digest"]);
    assert!(lines.iter().all(|line| line["format_version"] == 1));
    // A change starts before it is over, and what is said of it then is in the report.
    for change in report["report"]["changes"].as_array().unwrap() {
        let at = |kind: &str| {
            lines.iter().position(|line| {
                line["type"] == kind
                    && (line["address"] == change["address"]
                        || line["change"]["address"] == change["address"])
            })
        };
        assert!(at("started").unwrap() < at("finished").unwrap());
        assert_eq!(lines[at("finished").unwrap()]["change"]["outcome"], change["outcome"]);
    }
    assert!(
        lines
            .iter()
            .filter(|line| line["type"] == "finished")
            .enumerate()
            .all(|(n, line)| line["done"] == n + 1)
    );
}

#[test]
fn an_apply_with_nothing_to_do_still_has_a_plan_and_a_report() {
    let rehearsal = Rehearsal::of(
        "  - {name: alpha, workspace_id: prod, scopes: [completions.write], unmanaged: [description]}\n",
    );
    rehearsal.run(&["apply", "--yes"]);
    let ended = rehearsal.run(&["apply", "--yes", "--format", "jsonl"]).expect(0);
    let lines = lines(&ended.stdout);
    assert_eq!(types(&lines), ["plan", "verified", "report"]);
    assert_eq!(lines[2]["exit_code"], 0);
}

#[test]
fn refusals_and_errors_are_lines_too() {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{DELETE}"));
    let refused = rehearsal.run(&["apply", "--yes", "--format", "jsonl", "--max-changes", "1"]).expect(4);
    let refused = lines(&refused.stdout);
    assert_eq!(types(&refused), ["plan", "refused"]);
    assert_eq!(refused[1]["refusals"][0]["code"], "too-many-changes");
    assert_eq!(refused[1]["exit_code"], 4);
    let nobody = lines(&rehearsal.run(&["apply", "--format", "jsonl"]).expect(1).stdout);
    assert_eq!(types(&nobody), ["plan", "error"]);
    assert_eq!(nobody[1]["error"]["code"], "nobody-to-ask");
    let usage = lines(&rehearsal.run(&["apply", "--format", "jsonl", "--no-such"]).expect(64).stdout);
    assert_eq!(usage[0]["error"]["code"], "usage");
    assert_eq!(usage[0]["exit_code"], 64);
}

#[test]
fn who_stops_reading_an_apply_does_not_stop_it() {
    let rehearsal = Rehearsal::of(UPDATES);
    let mut command = rehearsal.command(&["apply", "--yes", "--format", "jsonl"]);
    let mut child = command.stdout(Stdio::piped()).stderr(Stdio::null()).spawn().unwrap();
    let mut first = String::new();
    BufReader::new(child.stdout.take().unwrap()).read_line(&mut first).unwrap();
    // The line is there as soon as it is said, and the pipe is closed now.
    assert_eq!(serde_json::from_str::<Value>(&first).unwrap()["type"], "plan");
    assert_eq!(child.wait().unwrap().code(), Some(0));
    rehearsal.converges();
}

#[test]
fn what_the_files_change_is_annotated_at_its_entries_without_any_key() {
    let folder = Folder::new();
    let before = "version: 1\nkeys:\n  - name: ci\n    type: organisation-service\n    scopes: [logs.view]\n";
    folder.write("before.yaml", before);
    folder.write(
        "keys.yaml",
        &before.replace("[logs.view]", "[logs.view, organisation_service_api_keys.create]"),
    );
    let ended = folder.run(&["validate", "--base", "before.yaml", "--format", "github"]).expect(0);
    assert_eq!(
        ended.stdout,
        "::warning file=keys.yaml,line=3,col=5,title=portkey-sync%3A update organisation/ci::can mint keys: + \
         organisation_service_api_keys.create\n"
    );
    let denied = ["validate", "--base", "before.yaml", "--format", "github", "--deny-risk", "mints-keys"];
    folder.run(&denied).expect(4).says("::error title=portkey-sync%3A refused::");
}

#[test]
fn every_published_schema_is_printed_by_the_program_and_named_in_the_page_about_json() {
    let docs = std::path::Path::new(env!("CARGO_MANIFEST_DIR")).join("docs");
    let page = std::fs::read_to_string(docs.join("json.md")).unwrap();
    let folder = Folder::new();
    let mut seen = 0;
    for entry in std::fs::read_dir(&docs).unwrap() {
        let path = entry.unwrap().path();
        let file = path.file_name().unwrap().to_str().unwrap().to_owned();
        let Some(word) = file.strip_suffix(".schema.json") else { continue };
        let printed: Value = folder.run(&["schema", word]).expect(0).json();
        let published: Value = serde_json::from_str(&std::fs::read_to_string(&path).unwrap()).unwrap();
        assert_eq!(printed, published, "{file}");
        // What the program reads is in other pages.
        assert!(
            page.contains(&file) || ["keys", "policy"].contains(&word),
            "docs/json.md does not name {file}"
        );
        seen += 1;
    }
    assert!(seen >= 8, "{seen}");
}

#[test]
fn a_saved_plan_is_shown_as_the_comment_that_the_plan_was() {
    let rehearsal = Rehearsal::of(UPDATES);
    let plan = rehearsal.run(&["plan", "--out", "plan.json", "--format", "markdown"]).expect(0).stdout;
    let shown = rehearsal.folder.run(&["show", "plan.json", "--format", "markdown"]).expect(0).stdout;
    let up_to_the_command = |text: &str| text.split("```sh").next().unwrap().to_owned();
    assert_eq!(up_to_the_command(&shown), up_to_the_command(&plan));
    let lines = lines(&rehearsal.run(&["apply", "plan.json", "--format", "jsonl"]).expect(0).stdout);
    assert_eq!(types(&lines).last(), Some(&"report"));
    rehearsal
        .folder
        .run(&["show", "prod/alpha", "--format", "markdown"])
        .expect(64)
        .says("only a saved plan");
}
