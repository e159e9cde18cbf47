//! The note on a merge request, and the jobs of the example as they stand there.

use std::fs;

use serde_json::json;

use crate::harness::{Program, Runner, root, yaml};
use crate::keys::Site;
use crate::review::{committed, files};

const MARKER: &str = "<!-- portkey-sync:plan acme keys.yaml -->";

fn note(runner: &Runner, plan: &str, token: &str) -> (i32, String) {
    runner.file("plan.md", plan);
    let mut command = runner.command("bash");
    command.arg(root().join("scripts/ci/gitlab-note.sh")).arg("plan.md");
    command.env("CI_API_V4_URL", "https://gitlab.example.com/api/v4").env("CI_PROJECT_ID", "3");
    command.env("CI_MERGE_REQUEST_IID", "12").env("GITLAB_NOTE_TOKEN", token);
    let output = command.output().unwrap();
    (output.status.code().unwrap(), String::from_utf8(output.stderr).unwrap())
}

pub(crate) fn a_merge_request_has_one_note_that_is_kept_up_to_date() {
    let runner = Runner::new(Program::StandIn);
    // More than a page of others' words, one of them with our marker.
    let others: Vec<_> = (1..=120)
        .map(|id| json!({"id": id, "author": {"id": 8}, "body": format!("{MARKER}\n{id}")}))
        .collect();
    runner.put("things.json", &json!(others).to_string());
    for plan in ["one \"plan\"", "another\nplan"] {
        assert_eq!(note(&runner, &format!("{MARKER}\n{plan}"), "note-token").0, 0);
        let notes = runner.things();
        assert_eq!(notes.len(), 121);
        assert_eq!(notes[..120], others[..]);
        assert_eq!(notes[120]["body"], format!("{MARKER}\n{plan}"));
    }
    assert!(!runner.got("curl-calls").contains("note-token"), "the token stands in an argument");
}

pub(crate) fn a_note_that_cannot_be_written_is_said_and_hides_nothing() {
    let runner = Runner::new(Program::StandIn);
    let (code, said) = note(&runner, &format!("{MARKER}\nx"), "a-wrong-token");
    assert_eq!((code, said.contains("the token is not accepted")), (0, true), "{said}");
    let (code, said) = note(&runner, &format!("{MARKER}\nx"), "");
    assert_eq!((code, said.contains("GITLAB_NOTE_TOKEN is not set")), (0, true), "{said}");
    let (code, said) = note(&runner, "no marker", "note-token");
    assert_eq!((code, said.contains("does not begin with its marker")), (0, true), "{said}");
    assert!(runner.things().is_empty());
}

/// Runs the script of a job as GitLab's runner does, and says how it ended.
fn job(site: &Site, base: &str, name: &str) -> Option<i32> {
    let jobs = yaml(&root().join("examples/ci/gitlab/.gitlab-ci.yml"));
    let mut lines = Vec::new();
    for item in jobs[name]["script"].as_sequence().unwrap() {
        // A list within the list is an anchor's, which GitLab makes flat.
        match item.as_sequence() {
            Some(inner) => lines.extend(inner.iter().map(|line| line.as_str().unwrap())),
            None => lines.push(item.as_str().unwrap()),
        }
    }
    let script = lines.join("\n");
    let in_image = "/usr/local/share/portkey-sync/";
    let here = format!("{}/", root().join("scripts/ci").display());
    let program = site.program(&[]);
    let key = program.get_envs().find(|(name, _)| *name == "PORTKEY_ADMIN_API_KEY").unwrap().1.unwrap();
    let mut command = site.runner.command("bash");
    command.args(["-eo", "pipefail", "-c", &script.replace(in_image, &here)]);
    let url = program.get_envs().find(|(name, _)| *name == "PORTKEY_BASE_URL").unwrap().1.unwrap();
    command.env("PORTKEY_PLAN_KEY", key).env("PORTKEY_APPLY_KEY", key).env("PORTKEY_BASE_URL", url);
    command.env("CI_MERGE_REQUEST_DIFF_BASE_SHA", base).env("GITLAB_NOTE_TOKEN", "note-token");
    command.env("CI_API_V4_URL", "https://gitlab.example.com/api/v4").env("CI_PROJECT_ID", "3");
    command.env("CI_MERGE_REQUEST_IID", "12");
    command.output().unwrap().status.code()
}

pub(crate) fn the_jobs_do_as_written_what_they_are_for() {
    let (site, base) = committed();
    let read = |name: &str| fs::read_to_string(site.runner.checkout.path().join(name)).unwrap();
    let report = || serde_json::from_str::<serde_json::Value>(&read("gl-code-quality-report.json")).unwrap();
    let note = || {
        let notes = site.runner.things();
        assert_eq!(notes.len(), 1, "{notes:?}");
        notes[0]["body"].as_str().unwrap().to_owned()
    };

    site.runner.file("keys.yaml", &files("logs.veiw"));
    assert_eq!(job(&site, &base, "portkey-validate"), Some(1));
    assert_eq!(report()[0]["location"]["path"], "keys.yaml");
    assert_eq!(job(&site, &base, "portkey-plan"), Some(1));
    assert!(note().starts_with("<!-- portkey-sync:plan invalid keys.yaml -->"), "{}", note());

    site.runner.file("keys.yaml", &files("completions.write, workspace_service_api_keys.create"));
    assert_eq!(job(&site, &base, "portkey-plan"), Some(4));
    assert!(note().contains("mints-keys") && !read("plan.json").is_empty(), "{}", note());

    site.runner.file("keys.yaml", &files("completions.write, prompts.render"));
    assert_eq!(job(&site, &base, "portkey-validate"), Some(0));
    // No complaint, and what there is to look at.
    let said: Vec<_> = report().as_array().unwrap().iter().map(|issue| issue["check_name"].clone()).collect();
    assert_eq!(said, ["gains-read"]);
    assert_eq!(job(&site, &base, "portkey-plan"), Some(0));
    let plan: serde_json::Value = serde_json::from_str(&read("plan.json")).unwrap();
    assert!(note().contains(plan["digest"].as_str().unwrap()), "{}", note());
    assert_eq!(site.writes(), Vec::<String>::new());

    for (name, code) in
        [("portkey-drift", 2), ("portkey-plan-merged", 0), ("portkey-apply", 0), ("portkey-drift", 0)]
    {
        assert_eq!(job(&site, &base, name), Some(code), "{name}");
    }
    assert_eq!(site.writes().len(), 1);
}
