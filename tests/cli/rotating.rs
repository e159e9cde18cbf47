//! New secrets for keys that are there: asked for, due, changed outside, by hand; and sinks that do not take them.

use std::fs;

use serde_json::json;

use crate::harness::{FRESH, Rehearsal, Underway};
use crate::interrupting::signal;
use crate::switches::switches;

const KEY: &str =
    "  - {name: fresh, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [dir]}}\n";

fn with(secret: &str) -> String {
    KEY.replace("deliver_to: [dir]", &format!("deliver_to: [dir], {secret}"))
}

/// A key that this program created and delivered.
fn delivered() -> Rehearsal {
    let rehearsal = Rehearsal::of(KEY);
    rehearsal.apply(&[]).expect(0);
    rehearsal
}

fn now_says(rehearsal: &Rehearsal, secret: &str) {
    let file = rehearsal.folder.read("keys.yaml");
    let start = file.find("  - {name: fresh").unwrap();
    rehearsal.folder.write("keys.yaml", &format!("{}{}", file.split_at(start).0, with(secret)));
}

fn id(rehearsal: &Rehearsal) -> String {
    rehearsal.named("fresh")[0]["id"].as_str().unwrap().to_owned()
}

fn rotate_by_hand(rehearsal: &Rehearsal) -> String {
    let path = format!("/v1/api-keys/{}/rotate", id(rehearsal));
    let (status, answer) = rehearsal.admin(reqwest::Method::POST, &path, &json!({}));
    assert_eq!(status, 200, "{answer}");
    answer["key"].as_str().unwrap().to_owned()
}

fn rotations(rehearsal: &Rehearsal) -> usize {
    rehearsal.sent("POST", "/rotate").len()
}

#[test]
fn a_date_rotates_once_and_the_previous_secret_outlives_the_delivery() {
    let rehearsal = delivered();
    let before = rehearsal.folder.read(FRESH);
    rehearsal.advance("24h");
    now_says(&rehearsal, "rotate_after: 2020-01-01");
    rehearsal.run(&["plan"]).expect(0).says("No changes");
    let date = rehearsal.time();
    rehearsal.advance("1h");
    now_says(&rehearsal, &format!("rotate_after: {date}, transition: 2h"));
    rehearsal.run(&["plan"]).expect(0).says("rotate_after");
    rehearsal.forget_requests();
    rehearsal.run(&["apply", "--yes"]).expect(0).says("secret replaced, secret delivered");
    let after = rehearsal.folder.read(FRESH);
    assert!(after != before && rehearsal.opens(&after) && rehearsal.opens(&before));
    assert_eq!(rehearsal.writes().len(), 2, "one POST and the PUT that commits");
    rehearsal.converges();
    // Due again while the previous secret is still alive: that waits.
    let again = rehearsal.time();
    rehearsal.advance("30m");
    now_says(&rehearsal, &format!("rotate_after: {again}, transition: 2h"));
    rehearsal.forget_requests();
    rehearsal.run(&["apply", "--yes"]).expect(0).says("Coming up");
    assert_eq!(rotations(&rehearsal), 0);
    rehearsal.advance("2h");
    rehearsal.run(&["apply", "--yes"]).expect(0);
    assert_eq!(rotations(&rehearsal), 1);
    rehearsal.converges();
}

#[test]
fn somebody_rotates_by_hand_and_the_sink_gets_a_live_secret_again() {
    let rehearsal = delivered();
    rotate_by_hand(&rehearsal);
    rehearsal.run(&["plan"]).expect(0).says("somebody else has replaced it");
    // Refused as long as that transition lasts, with what to do.
    let refused = rehearsal.run(&["apply", "--yes"]);
    refused.says("if an earlier secret is still in its transition");
    assert_eq!(refused.code, 1);
    rehearsal.advance("31m");
    rehearsal.run(&["apply", "--yes"]).expect(0);
    assert!(rehearsal.opens(&rehearsal.folder.read(FRESH)));
    rehearsal.converges();
}

#[test]
fn somebody_rotates_by_hand_and_stores_it_and_nothing_is_rotated() {
    let rehearsal = delivered();
    let secret = rotate_by_hand(&rehearsal);
    rehearsal.folder.write(FRESH, &secret);
    rehearsal.forget_requests();
    rehearsal.run(&["apply", "--yes"]).expect(0).says("the sinks have the live secret");
    assert_eq!(rotations(&rehearsal), 0);
    rehearsal.converges();
}

#[test]
fn accept_takes_the_word_of_a_person() {
    let rehearsal = delivered();
    rotate_by_hand(&rehearsal);
    rehearsal.forget_requests();
    rehearsal.run(&["rotate", "fresh", "--accept", "--yes"]).expect(0);
    assert_eq!(rotations(&rehearsal), 0);
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}

#[test]
fn rotate_works_for_one_key_while_the_entry_of_another_is_broken() {
    let rehearsal = delivered();
    let before = rehearsal.folder.read(FRESH);
    let file = rehearsal.folder.read("keys.yaml");
    rehearsal
        .folder
        .write("keys.yaml", &format!("{file}  - {{name: broken, workspace_id: prod, scops: [x]}}\n"));
    rehearsal.run(&["apply", "--yes"]).expect(1);
    let ended = rehearsal.run(&["rotate", "fresh", "--yes"]).expect(0);
    ended.says("you asked for it");
    ended.says("1 error in the files is no obstacle to this");
    assert_ne!(rehearsal.folder.read(FRESH), before);
    assert!(rehearsal.opens(&rehearsal.folder.read(FRESH)));
    // At once a second time is too early.
    rehearsal.forget_requests();
    rehearsal
        .run(&["rotate", "fresh", "--yes"])
        .expect(4)
        .says("Portkey refuses another secret for `prod/fresh`");
    assert_eq!(rotations(&rehearsal), 0);
    rehearsal.run(&["rotate", "nobody", "--yes"]).expect(1);
}

#[test]
fn revoke_ends_a_key_and_apply_takes_it_back_if_the_file_says_so() {
    let rehearsal = delivered();
    let secret = rehearsal.folder.read(FRESH);
    rehearsal.run(&["revoke", "fresh", "--yes"]).expect(0);
    rehearsal.advance("1m");
    assert!(!rehearsal.opens(&secret));
    rehearsal.run(&["revoke", "fresh", "--yes", "--self", "nobody"]).expect(64);
}

#[test]
fn a_key_made_by_hand_is_a_question_with_three_answers() {
    let make = || {
        let rehearsal = Rehearsal::of(KEY);
        let body =
            json!({"name": "fresh", "workspace_id": "ws-prod-1a2b3c", "scopes": ["completions.write"]});
        let (status, answer) =
            rehearsal.admin(reqwest::Method::POST, "/v1/api-keys/workspace/service", &body);
        assert_eq!(status, 200, "{answer}");
        (rehearsal, answer["key"].as_str().unwrap().to_owned())
    };
    let (rehearsal, secret) = make();
    let asked = rehearsal.run(&["plan"]).expect(4);
    asked.says("do the sinks have this key's secret?");
    let mask = format!("{}*****{}", secret.get(..2).unwrap(), secret.get(secret.len() - 3..).unwrap());
    asked.says(&mask);
    now_says(&rehearsal, &format!("delivered: \"{mask}\""));
    rehearsal.run(&["apply", "--yes"]).expect(0);
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);

    let (rehearsal, _) = make();
    now_says(&rehearsal, "delivered: \"zz*****zzz\"");
    rehearsal.run(&["plan"]).expect(4).says("but the live secret is");

    let (rehearsal, _) = make();
    now_says(&rehearsal, "first: rotate");
    rehearsal.run(&["apply", "--yes"]).expect(0).says("gets a new secret");
    rehearsal.advance("16m");
    rehearsal.run(&["apply", "--yes"]).expect(0);
    assert!(rehearsal.opens(&rehearsal.folder.read(FRESH)));
    rehearsal.converges();

    let (rehearsal, secret) = make();
    rehearsal.folder.write(FRESH, &secret);
    rehearsal.run(&["apply", "--yes"]).expect(0).says("the sinks have the live secret");
    rehearsal.converges();
}

#[test]
fn a_new_sink_gets_a_new_secret_and_the_others_too() {
    let rehearsal = delivered();
    let file = rehearsal.folder.read("keys.yaml");
    let file = file.replace("deliver_to: [dir]", "deliver_to: [dir, env]");
    let file = file.replace("sinks: {", "sinks: {env: {env_file: all.env, variable: \"{name}\"}, ");
    rehearsal.folder.write("keys.yaml", &file);
    rehearsal.run(&["apply", "--yes"]).expect(0).says("a sink of the file does not have it");
    let secret = rehearsal.folder.read(FRESH);
    assert_eq!(rehearsal.folder.read("all.env"), format!("FRESH={secret}\n"));
    rehearsal.converges();
}

#[cfg(unix)]
#[test]
fn programs_that_are_missing_forbidden_failing_or_slow_leave_the_secret_in_the_escrow() {
    use std::os::unix::fs::PermissionsExt;
    let keys =
        "  - {name: fresh, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [store]}}\n";
    let rehearsal = Rehearsal::of(keys);
    let file = rehearsal.folder.read("keys.yaml");
    let sink =
        "sinks: {store: {command: [./store.sh, \"{workspace}/{name}\"], env: [VISIBLE], timeout: 1s}, ";
    rehearsal.folder.write("keys.yaml", &file.replace("sinks: {", sink));
    let script = |text: &str| {
        rehearsal.folder.write("store.sh", &format!("#!/bin/sh\n{text}\n"));
        fs::set_permissions(rehearsal.folder.join("store.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    };
    let apply = || {
        let mut command = rehearsal.command(&["apply", "--yes", "--allow-command", "./store.sh"]);
        command.env("VISIBLE", "yes").env("HIDDEN", "no");
        crate::harness::run(command, "")
    };
    rehearsal.run(&["apply", "--yes"]).expect(1).says("is not allowed here");
    apply().expect(1).says("there is no program `./store.sh`");
    assert!(rehearsal.named("fresh").is_empty(), "nothing is created before the sinks are known to be there");
    script("cat > /dev/null; echo the vault is sealed >&2; exit 7");
    apply().expect(3).says("ended with 7: the vault is sealed");
    assert_eq!(rehearsal.folder.held().len(), 1);
    script("sleep 30");
    apply().expect(3).says("took longer than 1s and was killed");
    script(
        "cat > got; env | grep -E 'VISIBLE|HIDDEN|PORTKEY' > seen; cat /proc/$$/cmdline > line; echo $1 >> calls",
    );
    apply().expect(0);
    let secret = rehearsal.folder.read("got");
    assert!(rehearsal.opens(&secret));
    assert_eq!(rehearsal.folder.read("seen"), "VISIBLE=yes\n");
    assert!(!rehearsal.folder.read("line").contains(&secret));
    assert_eq!(rehearsal.folder.read("calls"), "prod/fresh\n");
    assert_eq!(rehearsal.folder.escrow(), Vec::<String>::new());
    assert!(!rehearsal.folder.read(".portkey-sync/journal.jsonl").contains(&secret));
    apply().expect(0).says("No changes");
    assert_eq!(rehearsal.named("fresh").len(), 1);
}

#[test]
fn a_second_run_in_the_same_folder_is_turned_away() {
    let rehearsal = delivered();
    let lock = fs::File::create(rehearsal.folder.join(".portkey-sync/lock")).unwrap();
    lock.lock().unwrap();
    let ended = rehearsal.run(&["apply", "--yes"]).expect(4);
    ended.says("another run is using `.portkey-sync`");
    drop(lock);
    rehearsal.converges();
}

#[test]
fn a_new_secret_can_be_tried_before_it_counts() {
    let rehearsal = Rehearsal::of(&with("verify: true"));
    rehearsal.forget_requests();
    rehearsal.run(&["apply", "--yes"]).expect(0);
    assert_eq!(rehearsal.sent("GET", "/models").len(), 1);
    rehearsal.converges();
}

#[test]
fn a_year_of_max_age_rotates_on_the_right_days_and_never_within_a_transition() {
    let rehearsal = Rehearsal::of(&with("max_age: 30d, transition: 24h"));
    rehearsal.apply(&[]).expect(0);
    let mut secrets = vec![rehearsal.folder.read(FRESH)];
    let mut days = Vec::new();
    // With other settings of the emulator two turns are enough.
    let last = if switches().is_some() { 65 } else { 365 };
    for day in 1..=last {
        rehearsal.advance("24h");
        rehearsal.run(&["apply", "--yes", "--verify-for", "0s"]).expect(0);
        let secret = rehearsal.folder.read(FRESH);
        assert!(rehearsal.opens(&secret), "day {day}");
        if secrets.last() != Some(&secret) {
            assert!(
                rehearsal.opens(secrets.last().unwrap()),
                "the one before outlives its successor's delivery"
            );
            days.push(day);
            secrets.push(secret);
        }
    }
    let expected: Vec<i32> = (1..=last / 30).map(|n| n * 30).collect();
    assert_eq!(days, expected);
}

#[test]
fn the_running_key_is_rotated_last_and_the_run_goes_on_with_the_new_secret() {
    let rehearsal = Rehearsal::of(KEY);
    let scopes = rehearsal.named("admin")[0]["scopes"].clone();
    let file = rehearsal.folder.read("keys.yaml");
    let own = "type: organisation-service, secret: {deliver_to: [dir], first: rotate}";
    rehearsal.folder.write("keys.yaml", &format!("{file}  - {{name: admin, {own}, scopes: {scopes}}}\n"));
    rehearsal.advance("1h");
    let ended = rehearsal.run(&["apply", "--yes", "--format", "json"]).expect(0).json();
    assert_eq!(ended["changes"].as_array().unwrap().len(), 2);
    let secret = rehearsal.folder.read("secrets/organisation/admin");
    let requests = rehearsal.requests();
    assert!(requests.iter().rev().take_while(|request| !request.path.ends_with("/rotate")).count() >= 2);
    assert_eq!(rehearsal.keys_seen_by(&secret).len(), rehearsal.keys().len());
}

#[test]
fn portkeys_own_schedule_is_found_out_and_the_sink_gets_a_live_secret_again() {
    let rehearsal = delivered();
    let before = rehearsal.folder.read(FRESH);
    let policy =
        json!({"rotation_policy": {"rotation_period": "weekly", "key_transition_period_ms": 1_800_000}});
    rehearsal.put(&id(&rehearsal), &policy);
    rehearsal.advance("192h");
    assert!(!rehearsal.opens(&before), "nobody was told");
    rehearsal.run(&["plan"]).expect(0).says("somebody else has replaced it");
    rehearsal.run(&["apply", "--yes"]).expect(0);
    assert!(rehearsal.opens(&rehearsal.folder.read(FRESH)));
    rehearsal.converges();
}

#[cfg(unix)]
#[test]
fn a_sink_that_fails_on_the_third_key_leaves_one_key_to_finish() {
    use std::os::unix::fs::PermissionsExt;
    let keys: String = (0..5)
        .map(|n| {
            format!(
                "  - {{name: svc-{n}, workspace_id: prod, scopes: [completions.write], secret: {{deliver_to: [store]}}}}\n"
            )
        })
        .collect();
    let rehearsal = Rehearsal::of(&keys);
    let file = rehearsal.folder.read("keys.yaml");
    let file = file.replace("sinks: {", "sinks: {store: {command: [./store.sh, \"{name}\"]}, ");
    rehearsal.folder.write("keys.yaml", &file);
    let script = "#!/bin/sh\ncat > got-$1\necho x >> calls\ntest $(wc -l < calls) -ne 3\n";
    rehearsal.folder.write("store.sh", script);
    fs::set_permissions(rehearsal.folder.join("store.sh"), fs::Permissions::from_mode(0o755)).unwrap();
    let args = ["apply", "--yes", "--allow-command", "./store.sh", "--concurrency", "1"];
    let ended = rehearsal.run(&args).expect(3);
    ended.says("did not take it");
    assert_eq!(rehearsal.folder.held().len(), 1);
    assert_eq!(rehearsal.folder.read("calls").lines().count(), 5, "the others do not wait for it");
    rehearsal.run(&args).expect(0);
    assert_eq!(rehearsal.folder.read("calls").lines().count(), 6, "only what failed is tried again");
    assert_eq!(rehearsal.folder.held(), Vec::<String>::new());
    for n in 0..5 {
        assert!(rehearsal.opens(&rehearsal.folder.read(&format!("got-svc-{n}"))));
    }
}

#[test]
fn wait_sits_out_the_rest_of_a_transition() {
    let rehearsal = delivered();
    rehearsal.run(&["rotate", "fresh", "--yes"]).expect(0);
    let second = rehearsal.folder.read(FRESH);
    rehearsal.advance("1785s");
    let early = rehearsal.run(&["rotate", "fresh", "--yes"]).expect(4);
    early.says("nothing was rotated: Portkey refuses another secret for `prod/fresh` until");
    early.says("portkey-sync revoke prod/fresh");
    assert_eq!(rehearsal.folder.read(FRESH), second);
    rehearsal.run(&["rotate", "fresh", "--yes", "--wait"]).expect(0).says("waiting until");
    assert_ne!(rehearsal.folder.read(FRESH), second);
    rehearsal.converges();
}

/// Nothing is sent before the transition is over that a lost answer may have begun, and `--wait` sits it out.
fn waits_for_its_transition(rehearsal: &Rehearsal) {
    rehearsal.clear_faults();
    rehearsal.advance("3m");
    rehearsal.run(&["plan"]).expect(0).says("gets a new secret");
    rehearsal.forget_requests();
    rehearsal.run(&["apply", "--yes"]).expect(0).says("gets a new secret");
    assert_eq!(rotations(rehearsal), 0);
    rehearsal.advance("1605s");
    rehearsal.run(&["apply", "--yes", "--wait"]).expect(0).says("waiting until");
    assert_eq!(rotations(rehearsal), 1);
    rehearsal.converges();
}

#[test]
fn a_first_rotation_whose_answer_is_lost_waits_for_its_transition() {
    let rehearsal = Rehearsal::of(KEY);
    let file = rehearsal.folder.read("keys.yaml");
    rehearsal.folder.write("keys.yaml", &file.replace("secret: {deliver_to: [dir]}", "expires_at: null"));
    rehearsal.apply(&["--secrets-file", "by-hand"]).expect(0);
    let (by_hand, body) = (id(&rehearsal), json!({"description": ""}));
    rehearsal.put(&by_hand, &body);
    rehearsal.advance("24h");
    now_says(&rehearsal, "first: rotate");
    rehearsal.fault(json!({"path_contains": "/rotate", "then": {"drop_after": true}}));
    rehearsal.run(&["apply", "--yes"]).expect(3).says("run this again after");
    waits_for_its_transition(&rehearsal);
}

#[test]
fn a_create_whose_recovery_is_lost_too_waits_for_the_transition_of_that() {
    let rehearsal = Rehearsal::of(KEY);
    rehearsal.fault(json!({"path_contains": "/workspace/service", "then": {"drop_after": true}}));
    rehearsal.fault(json!({"path_contains": "/rotate", "then": {"drop_after": true}}));
    let ended = rehearsal.run(&["apply", "--yes"]).expect(3);
    ended.says("run this again after");
    ended.says("nobody has its secret");
    waits_for_its_transition(&rehearsal);
}

/// A key that is due when its transition is over, in some seconds, and another one that can be made at once.
fn due_soon() -> Rehearsal {
    let rehearsal = delivered();
    rehearsal.run(&["rotate", "fresh", "--yes"]).expect(0);
    rehearsal.advance("10s");
    now_says(&rehearsal, &format!("rotate_after: {}", rehearsal.time()));
    let file = rehearsal.folder.read("keys.yaml");
    rehearsal.folder.write("keys.yaml", &format!("{file}{}", KEY.replace("fresh", "other")));
    rehearsal.forget_requests();
    rehearsal.advance("1775s");
    rehearsal
}

#[test]
fn wait_does_at_once_what_need_not_wait_and_lets_go_of_the_lock() {
    let rehearsal = due_soon();
    let before = rehearsal.folder.read(FRESH);
    let waiting = Underway::start(rehearsal.command(&["apply", "--yes", "--wait", "--format", "jsonl"]));
    rehearsal.wait_until("the other key is made", |rehearsal| !rehearsal.named("other").is_empty());
    rehearsal.wait_until("the lock is free", |rehearsal| {
        rehearsal.run(&["apply", "--yes", "--target", "other"]).code == 0
    });
    let ended = waiting.wait().expect(0);
    ended.says("for prod/fresh");
    assert_ne!(rehearsal.folder.read(FRESH), before);
    assert_eq!(rotations(&rehearsal), 1);
    let lines: Vec<serde_json::Value> =
        ended.stdout.lines().map(|line| serde_json::from_str(line).unwrap()).collect();
    let rounds = |event: &str| lines.iter().filter(|line| line["type"] == event).count();
    assert_eq!((rounds("plan"), rounds("report")), (2, 2), "{}", ended.stdout);
    rehearsal.converges();
}

#[test]
fn what_is_told_in_one_document_waits_as_a_whole() {
    let rehearsal = due_soon();
    let ended = rehearsal.run(&["apply", "--yes", "--wait", "--format", "json"]).expect(0);
    assert!(ended.stderr.contains("waiting until"), "{}", ended.stderr);
    assert_eq!(ended.json()["changes"].as_array().unwrap().len(), 2);
    rehearsal.converges();
}

#[test]
fn what_was_done_before_a_wait_is_not_denied_by_how_the_rest_ends() {
    let rehearsal = due_soon();
    let waiting = Underway::start(rehearsal.command(&["apply", "--yes", "--wait"]));
    rehearsal.wait_until("the other key is made", |rehearsal| !rehearsal.named("other").is_empty());
    rehearsal.wait_until("the lock is free", |rehearsal| {
        rehearsal.run(&["apply", "--yes", "--target", "other"]).code == 0
    });
    rehearsal.fault(json!({"method": "GET", "times": "always", "then": {"status": 403}}));
    waiting.wait().expect(3);
}

#[test]
fn a_wait_can_be_interrupted() {
    let rehearsal = due_soon();
    let before = rehearsal.folder.read(FRESH);
    let waiting = Underway::start(rehearsal.command(&["apply", "--yes", "--wait"]));
    rehearsal.wait_until("the other key is made", |rehearsal| !rehearsal.named("other").is_empty());
    rehearsal.wait_until("the lock is free", |rehearsal| {
        rehearsal.run(&["apply", "--yes", "--target", "other"]).code == 0
    });
    signal(&waiting, "INT");
    waiting.wait().expect(3).says("interrupted; what waits is left for another run");
    assert_eq!(rehearsal.folder.read(FRESH), before);
}

#[test]
fn until_holds_a_rotation_back() {
    let rehearsal = delivered();
    rotate_by_hand(&rehearsal);
    now_says(&rehearsal, "until: 2099-01-01");
    rehearsal.forget_requests();
    rehearsal.run(&["apply", "--yes"]).expect(0).says("2099-01-01");
    assert_eq!(rotations(&rehearsal), 0);
}

#[test]
fn a_key_that_moves_to_another_workspace_is_replaced_and_its_former_key_goes_a_transition_later() {
    let rehearsal = delivered();
    let (former, before) = (id(&rehearsal), rehearsal.folder.read(FRESH));
    let (status, answer) =
        rehearsal.admin(reqwest::Method::POST, "/v1/admin/workspaces", &json!({"name": "Research"}));
    assert_eq!(status, 200, "{answer}");
    let file = rehearsal.folder.read("keys.yaml");
    let file =
        file.replace("workspaces: {", &format!("workspaces: {{lab: {}, ", answer["id"].as_str().unwrap()));
    let file =
        file.replace("workspace_id: prod, scopes", &format!("workspace_id: lab, replaces: {former}, scopes"));
    rehearsal.folder.write("keys.yaml", &file);

    let ended = rehearsal.run(&["apply", "--yes"]).expect(0);
    ended.says("it comes in the place of `fresh`");
    ended.says("! replaced");
    let after = rehearsal.folder.read("secrets/lab/fresh");
    assert!(rehearsal.opens(&before) && rehearsal.opens(&after), "both work for a while");
    rehearsal.run(&["apply", "--yes"]).expect(0).says("the former key of lab/fresh, is deleted");
    assert_eq!(rehearsal.named("fresh").len(), 2);

    rehearsal.advance("31m");
    rehearsal.run(&["apply", "--yes"]).expect(0);
    assert!(!rehearsal.opens(&before) && rehearsal.opens(&after));
    assert_eq!(rehearsal.named("fresh").len(), 1);
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
}

#[test]
fn a_rotation_by_hand_changes_nothing_else_and_shows_nothing_else() {
    let rehearsal = delivered();
    let file = rehearsal.folder.read("keys.yaml");
    let file = file
        .replace("scopes: [completions.write]", "scopes: [completions.write, logs.view], description: other");
    rehearsal.folder.write("keys.yaml", &file);
    rehearsal.advance("1h");
    let args = ["rotate", "fresh", "--yes", "--deny-risk", "gains-read", "--format", "json"];
    let report = rehearsal.run(&args).expect(0).json();
    assert_eq!(report["changes"][0]["verdict"], "confirmed");
    let key = &rehearsal.named("fresh")[0];
    assert_eq!(key["scopes"], json!(["completions.write"]));
    assert!(!key["description"].as_str().unwrap().contains("other"));
    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(2).says("logs.view");
}

#[test]
fn a_key_that_is_revoked_against_its_file_is_said_to_come_back() {
    let rehearsal = Rehearsal::of(&KEY.replace("scopes:", "expires_at: null, scopes:"));
    rehearsal.apply(&[]).expect(0);
    let ended = rehearsal.run(&["revoke", "fresh", "--yes"]).expect(0);
    ended.says("the next apply lets the key work again");
    rehearsal.forget_requests();
    rehearsal.run(&["revoke", "fresh", "--yes"]).expect(0);
    assert!(rehearsal.writes().is_empty(), "what has ended is not ended again");
}

#[cfg(unix)]
#[test]
fn a_secrets_file_that_is_something_else_is_refused_before_a_secret_exists() {
    use std::os::unix::fs::PermissionsExt;
    let rehearsal = delivered();
    rehearsal.advance("1h");
    let path = rehearsal.folder.join("keys.yaml");
    fs::set_permissions(path, fs::Permissions::from_mode(0o600)).unwrap();
    let before = rehearsal.folder.read("keys.yaml");
    rehearsal.forget_requests();
    let ended = rehearsal.run(&["rotate", "fresh", "--yes", "--secrets-file", "keys.yaml"]).expect(1);
    ended.says("is there, and is no file of secrets");
    assert_eq!(rehearsal.folder.read("keys.yaml"), before);
    assert_eq!(rotations(&rehearsal), 0);
    rehearsal.run(&["rotate", "fresh", "--yes", "--secrets-file", "new.jsonl"]).expect(0);
    rehearsal.advance("1h");
    rehearsal.run(&["rotate", "fresh", "--yes", "--secrets-file", "new.jsonl"]).expect(0);
    assert_eq!(rehearsal.folder.read("new.jsonl").lines().count(), 2);
}
