//! Where new secrets go, what is refused before one exists, and how a run that died is finished.

use std::fs;
use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{CREATE, FRESH, HEAD, Rehearsal, Underway, assert_true, change, fate, has, run};

fn refused_before_the_post(rehearsal: &Rehearsal, why: &str) {
    let before = rehearsal.keys();
    rehearsal.forget_requests();
    let ended = rehearsal.run(&["apply", "--yes"]).expect(1);
    ended.says("the key was not created, since `dir` could not take its secret");
    ended.says(why);
    assert!(rehearsal.sent("POST", "").is_empty());
    assert_eq!(rehearsal.keys(), before);
    assert_eq!(rehearsal.folder.escrow(), Vec::<String>::new());
}

#[test]
fn a_file_where_a_folder_should_be_is_seen_before_the_key_is_created() {
    let rehearsal = Rehearsal::of(CREATE);
    rehearsal.folder.write("secrets", "in the way");
    refused_before_the_post(&rehearsal, "cannot be written");
    assert_eq!(rehearsal.folder.read("secrets"), "in the way");
    fs::remove_file(rehearsal.folder.join("secrets")).unwrap();
    rehearsal.converges();
}

#[test]
fn a_folder_where_the_file_should_be_is_seen_before_the_key_is_created() {
    let rehearsal = Rehearsal::of(CREATE);
    fs::create_dir_all(rehearsal.folder.join(FRESH)).unwrap();
    refused_before_the_post(&rehearsal, "cannot be written");
    fs::remove_dir(rehearsal.folder.join(FRESH)).unwrap();
    rehearsal.converges();
}

#[cfg(unix)]
#[test]
fn a_linked_folder_is_not_followed() {
    let rehearsal = Rehearsal::of(CREATE);
    let elsewhere = tempfile::tempdir().unwrap();
    std::os::unix::fs::symlink(elsewhere.path(), rehearsal.folder.join("secrets")).unwrap();
    refused_before_the_post(&rehearsal, "is a symbolic link, and secrets do not follow links");
    assert_eq!(fs::read_dir(elsewhere.path()).unwrap().count(), 0);
}

#[test]
fn a_file_that_git_tracks_is_not_given_a_secret() {
    if !has("git") {
        return;
    }
    let rehearsal = Rehearsal::of(CREATE);
    rehearsal.folder.write(FRESH, "old");
    for args in [["init", "-q"], ["add", FRESH]] {
        let ended = Command::new("git").args(args).current_dir(rehearsal.folder.path()).status();
        assert!(ended.unwrap().success());
    }
    refused_before_the_post(&rehearsal, "is tracked by git: the next commit would publish the secret");
    assert_eq!(rehearsal.folder.read(FRESH), "old");
}

#[test]
fn a_key_with_nowhere_to_go_is_not_created() {
    let rehearsal = Rehearsal::of("  - {name: fresh, workspace_id: prod, scopes: [completions.write]}\n");
    let ended = rehearsal.run(&["apply", "--yes"]).expect(4);
    ended.says("its new secret would have nowhere to go");
    ended.says("--secrets-file PATH");
    assert!(rehearsal.writes().is_empty());
    rehearsal.run(&["plan"]).expect(4).says("nowhere to go");
}

#[test]
fn keys_files_from_standard_input_have_no_folder_for_secrets() {
    let rehearsal = Rehearsal::of(CREATE);
    let ended = run(rehearsal.command(&["apply", "--yes", "-f", "-"]), &format!("{HEAD}{CREATE}")).expect(4);
    ended.says("standard input has no folder");
    assert!(rehearsal.writes().is_empty());
}

#[test]
fn a_secrets_file_gets_a_line_of_json_and_is_private() {
    let rehearsal = Rehearsal::of(
        "  - {name: one, workspace_id: prod, scopes: [completions.write]}
  - {name: two, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [dir]}}\n",
    );
    let report = rehearsal.apply(&["--secrets-file", "new.jsonl"]).expect(0).json();
    let lines: Vec<Value> =
        rehearsal.folder.read("new.jsonl").lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    assert_eq!(lines.len(), 2);
    for line in &lines {
        assert!(rehearsal.opens(line["key"].as_str().unwrap()));
        let address = line["address"].as_str().unwrap();
        assert_eq!(change(&report, address)["id"], line["id"]);
        if address == "prod/two" {
            assert_eq!(line["key"], rehearsal.folder.read("secrets/prod/two"));
        }
    }
    #[cfg(unix)]
    {
        use std::os::unix::fs::PermissionsExt;
        let mode = fs::metadata(rehearsal.folder.join("new.jsonl")).unwrap().permissions().mode();
        assert_eq!(mode & 0o777, 0o600);
    }
}

#[test]
fn a_delivered_key_that_cannot_be_committed_is_finished_by_the_next_run() {
    let rehearsal = Rehearsal::of(CREATE);
    let before = rehearsal.keys();
    rehearsal.forget_requests();
    rehearsal.fault(json!({"method": "PUT", "times": 99, "then": {"status": 500}}));
    let report = rehearsal.apply(&[]).expect(3).json();
    rehearsal.clear_faults();
    // A 500 may have had its effect; reading back shows that it had none.
    assert_eq!(fate(&report, "prod/fresh"), "unknown/not-visible-yet");
    let failure = &change(&report, "prod/fresh")["failure"];
    assert_eq!(failure["changed_something"], true);
    assert!(failure["hints"].to_string().contains("run the same command again"), "{failure:#}");
    let secret = rehearsal.folder.read(FRESH);
    assert!(rehearsal.opens(&secret), "it is delivered all the same");
    let held = rehearsal.folder.held();
    assert_eq!(held.len(), 1);
    assert!(failure["facts"].to_string().contains(&held[0]), "{failure:#}");
    assert_true(&report, &rehearsal, &before, 0);

    rehearsal.forget_requests();
    // Somebody has lost the file in between.
    fs::remove_file(rehearsal.folder.join(FRESH)).unwrap();
    let plan = rehearsal.run(&["plan", "--format", "json"]).expect(0).json();
    assert_eq!(plan["changes"][0]["action"], "deliver");
    let report = rehearsal.apply(&[]).expect(0).json();
    assert_eq!(fate(&report, "prod/fresh"), "done/confirmed");
    assert!(rehearsal.sent("POST", "").is_empty());
    assert_eq!(rehearsal.sent("PUT", "").len(), 1);
    assert_eq!(rehearsal.folder.read(FRESH), secret, "the same secret again");
    assert_eq!(rehearsal.folder.escrow(), Vec::<String>::new());
    rehearsal.converges();
}

#[test]
fn a_run_that_is_killed_before_its_commit_is_finished_by_the_next_one() {
    let rehearsal = Rehearsal::of(CREATE);
    rehearsal.fault(json!({"method": "PUT", "then": {"delay_ms": 20000, "drop_before": true}}));
    let underway = Underway::start(rehearsal.command(&["apply", "--yes"]));
    rehearsal.wait_until("the commit is on its way", |rehearsal| rehearsal.pending_faults() == 0);
    underway.kill();
    assert_eq!(rehearsal.folder.held().len(), 1);
    assert_eq!(rehearsal.named("fresh").len(), 1);

    rehearsal.forget_requests();
    fs::remove_dir_all(rehearsal.folder.join("secrets")).unwrap();
    let report = rehearsal.apply(&[]).expect(0).json();
    assert_eq!(change(&report, "prod/fresh")["action"], "deliver");
    assert!(rehearsal.sent("POST", "").is_empty());
    assert!(rehearsal.opens(&rehearsal.folder.read(FRESH)));
    rehearsal.converges();
}

#[test]
fn a_commit_whose_every_answer_is_lost_is_found_done() {
    let rehearsal = Rehearsal::of(CREATE);
    let before = rehearsal.keys();
    rehearsal.forget_requests();
    rehearsal.fault(json!({"method": "PUT", "times": 99, "then": {"drop_after": true}}));
    let report = rehearsal.apply(&[]).expect(0).json();
    rehearsal.clear_faults();
    assert_eq!(fate(&report, "prod/fresh"), "done/confirmed");
    assert_true(&report, &rehearsal, &before, 1);
    assert_eq!(rehearsal.folder.escrow(), Vec::<String>::new());
    rehearsal.converges();
}

#[test]
fn a_secret_that_was_committed_does_not_stay_in_the_escrow() {
    let rehearsal = Rehearsal::of(CREATE);
    // The answers are lost, and after the plan nobody can look whether the key is finished.
    rehearsal.fault(json!({"method": "PUT", "times": 99, "then": {"drop_after": true}}));
    let list = json!({"method": "GET", "path_contains": "/api-keys?", "skip": 2, "times": 99, "then": {"status": 500}});
    rehearsal.fault(list);
    rehearsal.apply(&[]).expect(3);
    rehearsal.clear_faults();
    assert_eq!(rehearsal.folder.held().len(), 1);
    rehearsal.forget_requests();
    let plan = rehearsal.run(&["plan"]).expect(0);
    plan.says("No changes");
    assert_eq!(rehearsal.folder.held().len(), 1, "a plan touches nothing");
    let apply = rehearsal.run(&["apply", "--yes"]).expect(0);
    apply.says("No changes");
    assert!(rehearsal.writes().is_empty());
    assert_eq!(rehearsal.folder.escrow(), Vec::<String>::new());
    rehearsal.converges();
}

#[test]
fn a_run_that_is_killed_while_it_asks_for_the_key_leaves_nothing_to_finish() {
    let rehearsal = Rehearsal::of(CREATE);
    rehearsal.fault(json!({"method": "POST", "then": {"delay_ms": 20000, "drop_before": true}}));
    let underway = Underway::start(rehearsal.command(&["apply", "--yes"]));
    rehearsal.wait_until("the create is on its way", |rehearsal| rehearsal.pending_faults() == 0);
    underway.kill();
    assert_eq!(rehearsal.folder.escrow().len(), 1, "the slot is there before the call");
    assert_eq!(rehearsal.folder.held(), Vec::<String>::new());
    rehearsal.converges();
    assert_eq!(rehearsal.named("fresh").len(), 1);
}

#[test]
fn the_escrow_of_another_place_does_not_finish_our_key() {
    let rehearsal = Rehearsal::of(CREATE);
    rehearsal.fault(json!({"method": "PUT", "times": 99, "then": {"status": 500}}));
    rehearsal.apply(&[]).expect(3);
    rehearsal.clear_faults();
    rehearsal.forget_requests();
    let ended = rehearsal.run(&["apply", "--yes", "--work-dir", "elsewhere"]).expect(4);
    ended.says("has not finished it");
    assert!(rehearsal.writes().is_empty());
    rehearsal.converges();
}

#[test]
fn an_escrow_that_cannot_be_written_stops_every_create_before_its_post() {
    let rehearsal = Rehearsal::of(CREATE);
    rehearsal.folder.write(".portkey-sync", "in the way");
    let ended = rehearsal.run(&["apply", "--yes"]).expect(1);
    ended.says("`.portkey-sync` cannot be locked");
    assert!(rehearsal.sent("POST", "").is_empty());
    fs::remove_file(rehearsal.folder.join(".portkey-sync")).unwrap();
    rehearsal.converges();
}
