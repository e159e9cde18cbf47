//! The note on a merge request.

use serde_json::json;

use crate::harness::{Program, Runner, root};

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

#[test]
fn a_merge_request_has_one_note_that_is_kept_up_to_date() {
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

#[test]
fn a_note_that_cannot_be_written_is_said_and_hides_nothing() {
    let runner = Runner::new(Program::StandIn);
    let (code, said) = note(&runner, &format!("{MARKER}\nx"), "a-wrong-token");
    assert_eq!((code, said.contains("the token is not accepted")), (0, true), "{said}");
    let (code, said) = note(&runner, &format!("{MARKER}\nx"), "");
    assert_eq!((code, said.contains("GITLAB_NOTE_TOKEN is not set")), (0, true), "{said}");
    let (code, said) = note(&runner, "no marker", "note-token");
    assert_eq!((code, said.contains("does not begin with its marker")), (0, true), "{said}");
    assert!(runner.things().is_empty());
}
