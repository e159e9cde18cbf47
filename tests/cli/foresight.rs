//! What a plan tells of other days and of the running key's scopes, and what `explain permissions` says of files.

use serde_json::Value;

use crate::harness::{CREATE, DELETE, Folder, Rehearsal, SEED, UPDATES, run};

/// The usual organisation with a running key that holds these scopes.
fn with_scopes(scopes: &[String], keys: &str) -> Rehearsal {
    let admin = format!(
        "  - {{name: ci, type: organisation-service, admin: true, created_at: 2026-01-05T00:00:00Z, scopes: [{}]}}\n",
        scopes.join(", ")
    );
    Rehearsal::with_seed(&format!("{SEED}{admin}"), keys)
}

/// The scopes of an entry that `explain permissions` prints.
fn scopes_of(entry: &str, said: &str) -> Vec<String> {
    let (_, rest) = said.split_once(&format!("  - name: {entry}\n")).unwrap();
    let lines = rest.lines().skip(2).map_while(|line| line.strip_prefix("      - "));
    lines.map(str::to_owned).collect()
}

fn all() -> String {
    format!("{UPDATES}{CREATE}{DELETE}")
}

#[test]
fn a_key_with_the_least_scopes_plans_and_one_with_those_of_apply_applies() {
    let explained = {
        let folder = Folder::new();
        folder.write("keys.yaml", &format!("{}{}", crate::harness::HEAD, all()));
        // No key and no service: nothing of this needs any.
        folder.run(&["explain", "permissions"]).expect(0).stdout
    };
    let plan = scopes_of("ci-plan", &explained);
    let apply = scopes_of("ci-apply", &explained);
    assert!(
        plan.len() >= 3 && plan.iter().all(|scope| scope.rsplit('.').next() == Some("list")),
        "{explained}"
    );

    let planning = with_scopes(&plan, &all());
    planning.run(&["plan"]).expect(0).says("5 changes");
    let refused = planning.apply(&[]).expect(4);
    assert_eq!(refused.json()["refusals"][0]["code"], "missing-scopes");
    assert!(planning.requests().iter().all(|request| request.method == "GET"));

    with_scopes(&apply, &all()).apply(&[]).expect(0);
}

#[test]
fn a_missing_scope_is_named_before_the_first_write_with_the_keys_that_need_it() {
    let scopes: Vec<String> = [
        "organisation_service_api_keys.list",
        "organisation_service_api_keys.update",
        "workspace_service_api_keys.list",
        "workspace_user_api_keys.list",
        "workspaces.list",
    ]
    .map(str::to_owned)
    .into();
    let rehearsal = with_scopes(&scopes, UPDATES);
    let refused = rehearsal.run(&["apply", "--yes"]).expect(4);
    refused.says("refused: the running key `ci` lacks 1 scope that this plan needs");
    refused.says("workspace_service_api_keys.update   for prod/alpha, prod/beta");
    assert!(rehearsal.requests().iter().all(|request| request.method == "GET"));
    // A plan is not refused, and does not nag.
    let planned = rehearsal.run(&["plan"]).expect(0);
    assert!(
        !planned.said().contains("lacks") && !planned.said().contains("cannot apply"),
        "{}",
        planned.said()
    );
    rehearsal.run(&["plan", "-v"]).expect(0).says("`ci` cannot apply this");
    // What it may do, it does.
    rehearsal.run(&["apply", "--yes", "--target", "gamma"]).expect(0);
}

#[test]
fn a_pipeline_whose_key_could_write_is_warned() {
    let rehearsal = Rehearsal::of(UPDATES);
    let mut command = rehearsal.command(&["plan"]);
    command.env("CI", "true");
    run(command, "").expect(0).says("can change keys, which a plan does not need");
    let planned = rehearsal.run(&["plan"]).expect(0);
    assert!(!planned.said().contains("pipeline"), "{}", planned.said());
}

#[test]
fn a_plan_of_another_moment_says_so_and_offers_nothing_to_apply() {
    let keys =
        "  - {name: alpha, workspace_id: prod, scopes: [completions.write], usage_reset_after: 2099-01-01}\n";
    let rehearsal = Rehearsal::of(keys);
    let later = rehearsal.run(&["plan", "--at", "2099-01-02"]).expect(0);
    assert!(later.stdout.starts_with("another moment: as of 2099-01-02T00:00:00Z, in "), "{}", later.stdout);
    later.says("usage set to 0");
    assert!(!later.stdout.contains("--expect-plan"), "{}", later.stdout);
    rehearsal.run(&["plan", "--at", "2098-12-31T23:59:59Z"]).expect(0).says("usage is set to 0 in 0 minutes");
    assert!(rehearsal.run(&["plan", "--at", "2001-01-01"]).expect(0).stdout.contains("ago, and not of now"));
    let json = rehearsal.run(&["plan", "--at", "+1d", "--format", "json"]).expect(0).json();
    assert_ne!(json["now"], json["read_at"]);
    for wrong in ["tomorrow", "+", "+x", "2026-13-01", "20260101", ""] {
        rehearsal.run(&["plan", "--at", wrong]).expect(64);
    }
    rehearsal.run(&["plan", "--at", "+99999999w"]).expect(64);
    rehearsal.run(&["apply", "--at", "2099-01-02"]).expect(64);
}

#[test]
fn what_is_coming_up_is_told_as_far_ahead_as_asked() {
    let keys = "  - {name: alpha, workspace_id: prod, scopes: [completions.write], expires_at: 2099-01-01}\n";
    let rehearsal = Rehearsal::of(keys);
    let at = ["plan", "--at", "2098-12-24", "--format", "json"];
    let coming = |more: &[&str]| -> Value {
        let args: Vec<&str> = at.iter().chain(more).copied().collect();
        rehearsal.run(&args).expect(0).json()["coming_up"].clone()
    };
    let expected =
        serde_json::json!([{"address": "prod/alpha", "what": "expires", "at": "2099-01-01T00:00:00Z"}]);
    assert_eq!(coming(&[]), expected);
    assert_eq!(coming(&["--coming-up", "7d"]), serde_json::json!([]));
    assert_eq!(coming(&["--coming-up", "8d"]), expected);
    assert_eq!(coming(&["--coming-up", "0d"]), serde_json::json!([]));
}
