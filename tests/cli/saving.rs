//! Saved plans: what was reviewed is applied, what moved is named, what is half done is finished.

use std::fs;

use serde_json::{Value, json};

use crate::harness::{
    ALPHA, BETA, CREATE, DELETE, DOOMED, Ended, FRESH, Folder, HEAD, Rehearsal, SEED, UPDATES,
};

/// An organisation with these entries, and its plan in `plan.json`.
fn planned(keys: &str, more: &[&str]) -> Rehearsal {
    let rehearsal = Rehearsal::of(keys);
    save(&rehearsal, more);
    rehearsal
}

fn save(rehearsal: &Rehearsal, more: &[&str]) -> Ended {
    let ended = rehearsal.run(&[&["plan", "--out", "plan.json"], more].concat()).expect(0);
    rehearsal.forget_requests();
    ended
}

fn apply(rehearsal: &Rehearsal, more: &[&str]) -> Ended {
    let mut args = vec!["apply", "plan.json", "--retry-for", "2s"];
    if !more.contains(&"--verify-for") {
        args.extend(["--verify-for", "4s"]);
    }
    args.extend(more);
    rehearsal.run(&args)
}

fn saved(rehearsal: &Rehearsal) -> Value {
    serde_json::from_str(&rehearsal.folder.read("plan.json")).unwrap()
}

/// Refused, and nothing was written; with the error as a document.
fn refused(rehearsal: &Rehearsal, more: &[&str]) -> (Ended, Value) {
    let text = apply(rehearsal, more).expect(4);
    let error = apply(rehearsal, &[more, &["--format", "json"]].concat()).expect(4).json();
    assert_eq!(rehearsal.writes().len(), 0, "{:?}", rehearsal.writes());
    text.says("refused: ");
    text.says("nothing was written");
    (text, error["error"].clone())
}

fn details(error: &Value) -> Vec<(&str, &str)> {
    let details = error["details"].as_array().unwrap();
    details
        .iter()
        .map(|one| (one["what"].as_str().unwrap(), one["address"].as_str().unwrap_or_default()))
        .collect()
}

#[test]
fn a_saved_plan_is_shown_as_it_was_and_applied_without_being_asked() {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{CREATE}{DELETE}"));
    let plan = save(&rehearsal, &[]);
    plan.says("Apply exactly this: portkey-sync apply plan.json");
    // Far from any key, file or service.
    let elsewhere = Folder::new();
    elsewhere.write("plan.json", &rehearsal.folder.read("plan.json"));
    assert_eq!(elsewhere.run(&["show", "plan.json"]).expect(0).stdout, plan.stdout);
    let document = elsewhere.run(&["show", "plan.json", "--format", "json"]).expect(0).json();
    assert_eq!(document["changes"].as_array().unwrap().len(), 5);
    assert_eq!(document["digest"], saved(&rehearsal)["digest"]);

    let ended = apply(&rehearsal, &[]).expect(0);
    ended.says("still holds: 5 changes, 6 writes");
    assert!(rehearsal.opens(&rehearsal.folder.read(FRESH)));
    rehearsal.converges();
    // Once more: there is nothing left of it.
    rehearsal.forget_requests();
    let again = apply(&rehearsal, &[]).expect(0);
    again.says("nothing is left to do");
    again.says("already done  update: prod/alpha");
    again.says("already done  delete: prod/doomed");
    assert!(rehearsal.writes().is_empty());
}

#[test]
fn a_plan_from_a_key_that_may_only_read_is_applied_with_another() {
    let seed = format!(
        "{SEED}  - {{name: reader, type: organisation-service, scopes: [organisation_service_api_keys.list, \
         organisation_service_api_keys.read, workspace_service_api_keys.list, workspace_service_api_keys.read, \
         workspace_user_api_keys.list, workspaces.list, workspaces.read]}}\n"
    );
    let rehearsal = Rehearsal::with_seed(&seed, UPDATES);
    let id = rehearsal.named("reader")[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/api-keys/{id}/rotate");
    let (status, answer) = rehearsal.admin(reqwest::Method::POST, &path, &json!({}));
    assert_eq!(status, 200, "{answer}");
    let mut command = rehearsal.command(&["plan", "--out", "plan.json"]);
    command.env("PORTKEY_ADMIN_API_KEY", answer["key"].as_str().unwrap());
    crate::harness::run(command, "").expect(0);
    apply(&rehearsal, &[]).expect(0);
    rehearsal.converges();
}

#[test]
fn an_edit_of_a_live_key_in_between_is_named_and_refused_until_somebody_looks_again() {
    let keys = format!("{UPDATES}{CREATE}").replace(
        "scopes: [completions.write, logs.write]}",
        "scopes: [completions.write, logs.write], rate_limits: [{type: requests, unit: rpm, value: 100}]}",
    );
    let rehearsal = planned(&keys, &[]);
    let limit = |value: u64| json!({"rate_limits": [{"type": "requests", "unit": "rpm", "value": value}]});
    rehearsal.put(BETA, &limit(900));
    rehearsal.forget_requests();
    let (text, error) = refused(&rehearsal, &[]);
    text.says("changed     prod/beta");
    text.says("900 -> 100 requests per minute");
    text.says("the same  3 changes");
    text.says("look again with: portkey-sync plan --out plan.json");
    assert_eq!(error["code"], "other-plan");
    assert_eq!(details(&error), [("changed", "prod/beta"), ("same", "")]);
    save(&rehearsal, &[]);
    apply(&rehearsal, &[]).expect(0);
    rehearsal.converges();
}

#[test]
fn a_change_that_nobody_reviewed_is_named_and_refused() {
    let keys = format!("{UPDATES}{}", "  - {name: doomed, workspace_id: prod, scopes: [logs.view]}\n");
    let rehearsal = Rehearsal::of(&keys);
    rehearsal.run(&["apply", "--yes", "--target", "doomed"]).expect(0);
    save(&rehearsal, &[]);
    rehearsal.put(DOOMED, &json!({"scopes": ["logs.view", "completions.write"]}));
    rehearsal.forget_requests();
    let (text, error) = refused(&rehearsal, &[]);
    text.says("added     prod/doomed");
    text.says("- completions.write");
    assert_eq!(details(&error), [("added", "prod/doomed"), ("same", "")]);
    // What a person sets right by hand needs no new plan.
    rehearsal.put(DOOMED, &json!({"scopes": ["logs.view"]}));
    apply(&rehearsal, &[]).expect(0);
    rehearsal.converges();
}

#[test]
fn what_is_live_already_is_skipped_and_said() {
    let rehearsal = planned(UPDATES, &[]);
    let plan = saved(&rehearsal);
    let description = plan["plan"]["changes"]
        .as_array()
        .unwrap()
        .iter()
        .find(|change| change["address"]["name"] == "alpha")
        .unwrap()["request"]["update"]["body"]["description"]
        .clone();
    rehearsal
        .put(ALPHA, &json!({"scopes": ["completions.write", "prompts.render"], "description": description}));
    // A part of a change, too: the rest of it was reviewed as well.
    rehearsal.put(BETA, &json!({"scopes": ["completions.write", "logs.write"]}));
    rehearsal.forget_requests();
    let ended = apply(&rehearsal, &[]).expect(0);
    ended.says("2 of 3 changes left");
    ended.says("already done  update: prod/alpha");
    assert_eq!(rehearsal.writes().len(), 2);
    rehearsal.converges();
}

#[test]
fn an_approved_digest_is_all_or_nothing_beside_the_file_too() {
    let rehearsal = planned(UPDATES, &[]);
    let digest = saved(&rehearsal)["digest"].as_str().unwrap().to_owned();
    let (text, error) = refused(&rehearsal, &["--expect-plan", "0123456789abcdef"]);
    text.says("is not the plan that was approved");
    assert_eq!(error["code"], "other-plan");
    rehearsal.run(&["apply", "--yes", "--target", "alpha"]).expect(0);
    rehearsal.forget_requests();
    let (text, error) = refused(&rehearsal, &["--expect-plan", &digest]);
    text.says("gone      prod/alpha");
    text.says("update: nothing is left to do");
    assert_eq!(details(&error), [("gone", "prod/alpha"), ("same", "")]);
    apply(&rehearsal, &[]).expect(0);
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);

    let rehearsal = planned(UPDATES, &[]);
    let digest = saved(&rehearsal)["digest"].as_str().unwrap().to_owned();
    apply(&rehearsal, &["--expect-plan", &digest]).expect(0);
    rehearsal.converges();
}

#[test]
fn a_partial_apply_is_resumed_with_the_same_plan() {
    let rehearsal = planned(&format!("{UPDATES}{CREATE}{DELETE}"), &[]);
    rehearsal
        .fault(json!({"method": "PUT", "path_contains": BETA, "times": "always", "then": {"status": 403}}));
    apply(&rehearsal, &[]).expect(3);
    rehearsal.clear_faults();
    rehearsal.forget_requests();
    let ended = apply(&rehearsal, &[]).expect(0);
    ended.says("2 of 5 changes left, 2 writes");
    ended.says("already done  create: prod/fresh");
    assert_eq!(rehearsal.writes().len(), 2, "the update that failed and the delete that waited for it");
    rehearsal.converges();
}

#[test]
fn a_create_that_was_not_committed_is_finished_under_its_approval() {
    let rehearsal = planned(&format!("{UPDATES}{CREATE}"), &[]);
    rehearsal.fault(json!({"method": "PUT", "times": "always", "then": {"status": 500}}));
    apply(&rehearsal, &[]).expect(3);
    rehearsal.clear_faults();
    assert_eq!(rehearsal.folder.held().len(), 1);
    let ended = apply(&rehearsal, &["--format", "json"]).expect(0);
    let changes = ended.json()["changes"].as_array().unwrap().clone();
    assert!(changes.iter().any(|change| change["action"] == "deliver"), "{changes:#?}");
    assert_eq!(rehearsal.named("fresh").len(), 1);
    rehearsal.converges();
}

#[test]
fn a_create_whose_secret_was_lost_is_finished_under_its_approval() {
    let rehearsal = planned(CREATE, &[]);
    let post = json!({"path_contains": "/api-keys/workspace/service",
        "then": {"drop_after": true, "stale_reads": 20}});
    rehearsal.fault(post);
    apply(&rehearsal, &["--verify-for", "0s"]).expect(3);
    rehearsal.clear_faults();
    apply(&rehearsal, &[]).expect(0);
    assert_eq!(rehearsal.named("fresh").len(), 1);
    rehearsal.converges();
}

#[test]
fn somebody_elses_key_at_the_address_of_a_create_is_not_covered_by_its_approval() {
    let rehearsal = planned(CREATE, &[]);
    let body = json!({"name": "fresh", "workspace_id": "ws-prod-1a2b3c", "scopes": ["logs.view"]});
    let (status, answer) = rehearsal.admin(reqwest::Method::POST, "/v1/api-keys/workspace/service", &body);
    assert_eq!(status, 200, "{answer}");
    rehearsal.forget_requests();
    let (text, error) = refused(&rehearsal, &[]);
    text.says("the live key is ");
    assert_eq!(details(&error)[0], ("changed", "prod/fresh"));
}

#[cfg(unix)]
#[test]
fn a_rotation_that_could_not_be_delivered_is_finished_under_its_approval() {
    use std::os::unix::fs::PermissionsExt;
    let keys =
        "  - {name: fresh, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [store]}}\n";
    let rehearsal = Rehearsal::of(keys);
    let file = rehearsal.folder.read("keys.yaml");
    let file = file.replace("sinks: {", "sinks: {store: {command: [./store.sh]}, ");
    rehearsal.folder.write("keys.yaml", &file);
    let script = |text: &str| {
        rehearsal.folder.write("store.sh", &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(rehearsal.folder.join("store.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let allowed = ["--allow-command", "./store.sh"];
    script("cat > got");
    rehearsal.run(&[&["apply", "--yes"], &allowed[..]].concat()).expect(0);
    rehearsal.advance("48h");
    let due = rehearsal.time();
    rehearsal.advance("1h");
    rehearsal
        .folder
        .write("keys.yaml", &file.replace("[store]}", &format!("[store], rotate_after: {due}}}")));
    save(&rehearsal, &[]).says("apply plan.json --allow-command ./store.sh");
    // The file cannot allow what whoever applies it does not.
    apply(&rehearsal, &[]).expect(1).says("is not allowed here");
    script("cat > /dev/null; exit 7");
    apply(&rehearsal, &allowed).expect(3);
    assert_eq!(rehearsal.folder.held().len(), 1);
    script("cat > got");
    rehearsal.forget_requests();
    apply(&rehearsal, &allowed).expect(0);
    assert_eq!(rehearsal.sent("POST", "/rotate").len(), 0, "it is delivered, and not rotated again");
    assert!(rehearsal.opens(&rehearsal.folder.read("got")));
    // Done is done: the same plan rotates nothing a second time, however late.
    rehearsal.advance("48h");
    rehearsal.forget_requests();
    apply(&rehearsal, &allowed).expect(0).says("already done  rotate: prod/fresh");
    assert!(rehearsal.writes().is_empty());
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}

#[test]
fn a_secret_that_somebody_replaced_in_between_is_not_rotated_on_an_old_approval() {
    let rehearsal = Rehearsal::of(CREATE);
    rehearsal.apply(&[]).expect(0);
    rehearsal.advance("48h");
    let due = rehearsal.time();
    rehearsal.advance("1h");
    let file = rehearsal.folder.read("keys.yaml");
    rehearsal.folder.write("keys.yaml", &file.replace("[dir]}", &format!("[dir], rotate_after: {due}}}")));
    save(&rehearsal, &[]);
    let id = rehearsal.named("fresh")[0]["id"].as_str().unwrap().to_owned();
    let path = format!("/v1/api-keys/{id}/rotate");
    let (status, answer) = rehearsal.admin(reqwest::Method::POST, &path, &json!({}));
    assert_eq!(status, 200, "{answer}");
    rehearsal.forget_requests();
    let (text, error) = refused(&rehearsal, &[]);
    text.says("changed     prod/fresh");
    text.says("its secret is ");
    assert_eq!(details(&error), [("changed", "prod/fresh"), ("same", "")]);
}

#[test]
fn what_became_due_after_the_review_is_left_for_later() {
    let secrets = "
  - {name: old, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [dir], max_age: 30d}}
  - {name: dated, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [dir]}}
  - {name: alpha, workspace_id: prod, scopes: [completions.write]}
";
    let rehearsal = Rehearsal::of(secrets);
    rehearsal.apply(&[]).expect(0);
    rehearsal.advance("24h");
    let now = rehearsal.time();
    let soon = format!("{}T23:59:59Z", now.split_once('T').unwrap().0);
    let file = rehearsal.folder.read("keys.yaml");
    let file = file.replace(
        "{name: dated, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [dir]}}",
        &format!(
            "{{name: dated, workspace_id: prod, scopes: [completions.write, logs.write], \
             secret: {{deliver_to: [dir], rotate_after: {soon}}}}}"
        ),
    );
    let file = file.replace(
        "{name: alpha, workspace_id: prod, scopes: [completions.write]}",
        &format!("{{name: alpha, workspace_id: prod, scopes: [logs.write], usage_reset_after: {soon}}}"),
    );
    rehearsal.folder.write("keys.yaml", &file);
    save(&rehearsal, &[]);
    // By now both secrets are due, and the usage too.
    rehearsal.advance("960h");
    rehearsal.forget_requests();
    let ended = apply(&rehearsal, &["-v"]).expect(0);
    ended.says("still holds: 2 changes, 2 writes");
    ended.says("in a later plan (due since ");
    assert_eq!(rehearsal.sent("POST", "").len(), 0, "no secret is replaced");
    assert_eq!(rehearsal.writes().len(), 2);
    let plan = rehearsal.run(&["plan", "--format", "json"]).expect(0).json();
    let actions: Vec<&str> =
        plan["changes"].as_array().unwrap().iter().map(|change| change["action"].as_str().unwrap()).collect();
    assert_eq!(actions, ["reset-usage", "rotate", "rotate"]);
}

#[test]
fn rotations_over_the_limit_stay_over_it_when_the_plan_is_resumed() {
    let keys: String = (0..4)
        .map(|n| {
            format!(
                "  - {{name: svc-{n}, workspace_id: prod, scopes: [completions.write], \
                 secret: {{deliver_to: [dir], max_age: 30d}}}}\n"
            )
        })
        .collect();
    let rehearsal = Rehearsal::of(&keys);
    rehearsal.apply(&[]).expect(0);
    rehearsal.advance("960h");
    save(&rehearsal, &["--max-rotations", "2"]);
    apply(&rehearsal, &[]).expect(0);
    assert_eq!(rehearsal.sent("POST", "/rotate").len(), 2);
    rehearsal.forget_requests();
    apply(&rehearsal, &[]).expect(0).says("nothing is left to do");
    assert_eq!(rehearsal.writes().len(), 0, "the other two were not in this plan");
}

#[test]
fn files_that_say_something_else_are_refused_by_name_and_reformatting_says_nothing_else() {
    let rehearsal = planned(&format!("{UPDATES}{CREATE}"), &[]);
    let file = rehearsal.folder.read("keys.yaml");
    let edited = file
        .replace("[completions.write, logs.write]", "[completions.write, logs.view]")
        .replace("managed_by: platform", "managed_by: somebody")
        .replace("name: fresh", "name: fresher");
    rehearsal.folder.write("keys.yaml", &edited);
    let (text, error) = refused(&rehearsal, &[]);
    text.says("the keys files do not say what they said");
    assert_eq!(error["code"], "other-files");
    assert_eq!(
        details(&error),
        [("added", "prod/fresher"), ("gone", "prod/fresh"), ("changed", "prod/beta"), ("changed", "")]
    );
    // A sink that takes the secret elsewhere is another meaning of the keys that use it.
    rehearsal.folder.write("keys.yaml", &file.replace("secrets/{workspace}", "elsewhere/{workspace}"));
    assert_eq!(details(&refused(&rehearsal, &[]).1), [("changed", "prod/fresh")]);
    let reformatted = format!(
        "# A comment.\n{}",
        file.replace("[completions.write, prompts.render]", "[prompts.render, completions.write]").replace(
            "  - {name: alpha, workspace_id: prod,",
            "\n  - {workspace_id: prod,   name: \"alpha\","
        )
    );
    assert_ne!(reformatted, file);
    rehearsal.folder.write("other.yaml", &reformatted);
    fs::remove_file(rehearsal.folder.join("keys.yaml")).unwrap();
    apply(&rehearsal, &["-f", "other.yaml"]).expect(0);
}

#[test]
fn the_files_of_the_plan_are_read_again_unless_others_are_named() {
    let rehearsal = Rehearsal::of("[]\n");
    fs::remove_file(rehearsal.folder.join("keys.yaml")).unwrap();
    rehearsal.folder.write("team.yaml", &format!("{HEAD}{UPDATES}"));
    save(&rehearsal, &["-f", "team.yaml"]);
    apply(&rehearsal, &[]).expect(0);
    assert_eq!(rehearsal.writes().len(), 3);
}

#[test]
fn the_plan_of_another_organisation_is_refused() {
    let rehearsal = planned(UPDATES, &[]);
    let other = SEED.replace("a1b2c3d4-e5f6-4a5b-8c7d-9e0f1a2b3c4d", "ffffffff-e5f6-4a5b-8c7d-9e0f1a2b3c4d");
    let stranger = Rehearsal::with_seed(&other, UPDATES);
    stranger.folder.write("plan.json", &rehearsal.folder.read("plan.json"));
    let (text, error) = refused(&stranger, &[]);
    text.says("the plan is for the organisation `a1b2c3d4-");
    assert_eq!(error["code"], "other-organisation");
}

/// The file with something changed and a checksum that fits again.
fn forged(text: &str, from: &str, to: &str) -> String {
    use sha2::{Digest, Sha256};
    assert!(text.contains(from), "{from}");
    let checksum = serde_json::from_str::<Value>(text).unwrap()["checksum"].as_str().unwrap().to_owned();
    let text = text.replacen(&checksum, "", 1).replacen(from, to, 1);
    let sum: String = Sha256::digest(text.as_bytes()).iter().map(|byte| format!("{byte:02x}")).collect();
    text.replacen("\"checksum\": \"\"", &format!("\"checksum\": \"{sum}\""), 1)
}

#[test]
fn a_file_that_is_in_doubt_is_refused_and_says_why() {
    let rehearsal = planned(UPDATES, &[]);
    let good = rehearsal.folder.read("plan.json");
    assert_eq!(forged(&good, "alpha", "alpha"), good);
    let version = env!("CARGO_PKG_VERSION");
    let half = good.get(..good.len() / 2).unwrap().to_owned();
    let deep = "[".repeat(100_000);
    for (text, code, says) in [
        (String::new(), "bad-saved-plan", "no JSON document"),
        (half, "bad-saved-plan", "no JSON document, or not a whole one"),
        (deep, "bad-saved-plan", "no JSON document"),
        ("\u{1b}[31m{}".to_owned(), "bad-saved-plan", "no JSON document"),
        ("{}".to_owned(), "bad-saved-plan", "it is no saved plan"),
        (rehearsal.run(&["plan", "--format", "json"]).stdout, "bad-saved-plan", "it is no saved plan"),
        (good.replace("prompts.render", "prompts.delete"), "bad-saved-plan", "it was changed since"),
        (good.replace("\"prune\": false", "\"prune\": true"), "bad-saved-plan", "it was changed since"),
        (good.replace("  \"", " \""), "bad-saved-plan", "it was changed since"),
        (forged(&good, "prompts.render", "prompts.delete"), "bad-saved-plan", "as the digest of this plan"),
        (forged(&good, "\"prune\": false", "\"prune\": 7"), "bad-saved-plan", "what no plan can hold"),
        (forged(&good, "\"prune\"", "\"purge\": 1, \"prune\""), "bad-saved-plan", "what no plan can hold"),
        (
            forged(&good, "\"format_version\": 1", "\"format_version\": 2"),
            "other-version",
            "format version 2",
        ),
        (forged(&good, version, "99.0.0"), "other-version", "made by portkey-sync 99.0.0"),
    ] {
        rehearsal.folder.write("plan.json", &text);
        rehearsal.forget_requests();
        let (ended, error) = refused(&rehearsal, &[]);
        ended.says(says);
        // A file that `--out` would not replace is not named there.
        let is_plan = text.is_empty() || text.starts_with("{\n  \"kind\"");
        let again =
            if is_plan { "plan again: portkey-sync plan --out plan.json" } else { "plan --out NAME.json" };
        ended.says(again);
        assert_eq!(error["code"], code, "{says}");
        assert!(rehearsal.requests().len() <= 1, "nothing is asked of the service");
        rehearsal.run(&["show", "plan.json"]).expect(4).says(says);
    }
    let big = fs::File::create(rehearsal.folder.join("plan.json")).unwrap();
    big.set_len((64 << 20) + 1).unwrap();
    apply(&rehearsal, &[]).expect(4).says("more than 64 MiB");
    fs::remove_file(rehearsal.folder.join("plan.json")).unwrap();
    apply(&rehearsal, &[]).expect(1).says("the saved plan `plan.json` cannot be read");
    rehearsal.run(&["show", "plan.json"]).expect(1).says("make one: portkey-sync plan --out plan.json");
    let ended = rehearsal.run(&["plan", "--out", "no/such/folder/plan.json"]).expect(1);
    ended.says("could not be saved");
    ended.says("there is no folder `no/such/folder`");
    assert!(!ended.said().contains(".tmp"), "{}", ended.said());
    assert!(!rehearsal.folder.exists("no"));
}

#[test]
fn a_keys_file_is_not_taken_for_a_plan_and_never_replaced_by_one() {
    let rehearsal = Rehearsal::of(UPDATES);
    let file = rehearsal.folder.read("keys.yaml");
    rehearsal.run(&["apply", "keys.yaml"]).expect(4).says("a keys file is named with -f");
    rehearsal.run(&["plan", "--out", "keys.yaml"]).expect(64).says("the name of a saved plan ends in .json");
    for name in ["-", ".", "plan"] {
        rehearsal.run(&["plan", "--out", name]).expect(64);
    }
    rehearsal.folder.write("other.json", "{}");
    rehearsal
        .run(&["plan", "--out", "other.json"])
        .expect(1)
        .says("`other.json` is there, and is no saved plan");
    let shown = rehearsal.run(&["show", "other.json"]).expect(4);
    shown.says("portkey-sync plan --out NAME.json");
    assert!(!shown.said().contains("nothing was written"), "{}", shown.said());
    fs::remove_file(rehearsal.folder.join("other.json")).unwrap();
    assert_eq!(rehearsal.folder.read("keys.yaml"), file);
    // An earlier plan is replaced, and so is a file that holds nothing.
    rehearsal.folder.write("plan.json", "");
    save(&rehearsal, &["--target", "alpha"]);
    save(&rehearsal, &[]);
    assert!(saved(&rehearsal)["options"]["targets"].as_array().unwrap().is_empty());
    let left: Vec<String> = rehearsal.folder.files().into_keys().collect();
    assert_eq!(left, ["keys.yaml", "plan.json"]);
}

#[test]
fn prune_and_the_limits_are_those_of_the_plan() {
    let rehearsal = Rehearsal::of(&format!(
        "{UPDATES}{}",
        "  - {name: doomed, workspace_id: prod, scopes: [logs.view]}\n"
    ));
    rehearsal.apply(&[]).expect(0);
    rehearsal.folder.write("keys.yaml", &format!("{HEAD}{UPDATES}"));
    rehearsal.run(&["plan", "--out", "plan.json", "--prune", "--max-deletes", "0"]).expect(4);
    // What the plan says of itself, apply says too.
    rehearsal.forget_requests();
    apply(&rehearsal, &["--prune"]).expect(4);
    rehearsal.run(&["show", "plan.json"]).expect(0).says("apply would refuse");
    assert!(rehearsal.writes().is_empty());
    save(&rehearsal, &[]);
    for option in
        [&["--prune"][..], &["--target", "alpha"], &["--only-changed", "--base", "x"], &["--assume-complete"]]
    {
        apply(&rehearsal, option).expect(64).says("shapes a plan, and the saved one has its shape");
    }
    save(&rehearsal, &["--prune"]);
    apply(&rehearsal, &["--prune"]).expect(0);
    assert!(rehearsal.named("doomed").is_empty());
    // A plan without prune does not delete, even if another one would.
    rehearsal.converges();
}

#[test]
fn what_goes_beyond_the_keys_files_is_said_by_whoever_applies_and_not_by_the_plan_alone() {
    let rehearsal = Rehearsal::of(&format!(
        "{CREATE}{}",
        "  - {name: doomed, workspace_id: prod, scopes: [logs.view]}\n"
    ));
    rehearsal.apply(&[]).expect(0);
    rehearsal.folder.write("keys.yaml", &format!("{HEAD}{CREATE}{}", CREATE.replace("fresh", "other")));
    let elsewhere = rehearsal.folder.join("new.jsonl").display().to_string();
    let save_and_show = |options: &[&str]| {
        let saved = rehearsal.run(&[&["plan", "--out", "plan.json"][..], options].concat()).expect(0);
        (saved, rehearsal.run(&["show", "plan.json"]).expect(0))
    };
    let both = save_and_show(&["--prune", "--secrets-file", &elsewhere]);
    let command = format!("apply plan.json --prune --secrets-file {elsewhere}");
    both.0.says(&command);
    both.1.says(&command);
    rehearsal.forget_requests();
    apply(&rehearsal, &[]).expect(64).says("if that is meant: --prune");
    let unsaid = apply(&rehearsal, &["--prune"]).expect(64);
    unsaid.says(&format!("if that is meant: --secrets-file {elsewhere}"));
    apply(&rehearsal, &["--prune", "--secrets-file", "other.jsonl"]).expect(64);
    assert!(rehearsal.writes().is_empty() && !rehearsal.folder.exists("new.jsonl"));
    // As it is named from here.
    apply(&rehearsal, &["--prune", "--secrets-file", "./new.jsonl"]).expect(0);
    assert!(rehearsal.named("doomed").is_empty() && rehearsal.folder.exists("new.jsonl"));
    save(&rehearsal, &[]);
    apply(&rehearsal, &["--secrets-file", "a.jsonl"]).expect(64).says("shapes a plan");
}

#[test]
fn no_secret_is_in_a_saved_plan() {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{CREATE}{DELETE}"));
    rehearsal.fault(json!({"method": "PUT", "times": "always", "then": {"status": 500}}));
    rehearsal.apply(&[]).expect(3);
    rehearsal.clear_faults();
    save(&rehearsal, &["--secrets-file", "new.jsonl"]);
    let text = rehearsal.folder.read("plan.json");
    let mut secrets = rehearsal.secrets();
    secrets.push(rehearsal.admin_key().to_owned());
    assert!(secrets.len() > 4 && text.contains("\"deliver\""));
    for secret in secrets {
        assert!(!text.contains(&secret));
    }
}

#[test]
fn whoever_applies_a_plan_can_be_stricter_than_whoever_made_it() {
    let rehearsal = Rehearsal::of(UPDATES);
    save(&rehearsal, &[]);
    rehearsal.forget_requests();
    let denied = rehearsal.run(&["apply", "plan.json", "--deny-risk", "gains-read,gains-write"]).expect(4);
    denied.says("gains-");
    rehearsal.run(&["apply", "plan.json", "--max-changes", "1"]).expect(4).says("changes");
    assert!(rehearsal.writes().is_empty());
    rehearsal.run(&["apply", "plan.json", "--max-changes", "100"]).expect(0);
}
