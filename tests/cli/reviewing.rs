//! What a reviewer is told: risks, what is this change and what is drift, and from where the base is read.

use std::process::Command;

use serde_json::{Value, json};

use crate::harness::{ALPHA, Ended, Folder, HEAD, Rehearsal, UPDATES, change, has};

const AS_SEEDED: &str = "
  - {name: alpha, workspace_id: prod, scopes: [completions.write]}
  - {name: beta, workspace_id: prod, scopes: [completions.write]}
";

fn keys_file(keys: &str) -> String {
    format!("{HEAD}{keys}")
}

fn git(folder: &Folder, args: &[&str]) {
    let mut command = Command::new("git");
    command.args(["-c", "user.name=t", "-c", "user.email=t@t.example", "-c", "init.defaultBranch=main"]);
    command.args(args).current_dir(folder.path()).env("HOME", folder.path());
    let output = command.output().unwrap();
    assert!(output.status.success(), "git {args:?}: {}", String::from_utf8_lossy(&output.stderr));
}

/// Commits all there is.
fn commit(folder: &Folder) {
    if !folder.exists(".git") {
        git(folder, &["init", "-q"]);
    }
    git(folder, &["add", "-A"]);
    git(folder, &["commit", "-q", "-m", "as it was"]);
}

/// An organisation whose file was applied and committed; then somebody changed alpha by hand.
fn drifted(before: &str, now: &str) -> Rehearsal {
    let rehearsal = Rehearsal::of(before);
    rehearsal.apply(&[]).expect(0);
    commit(&rehearsal.folder);
    rehearsal.put(ALPHA, &json!({"rate_limits": [{"type": "requests", "unit": "rpm", "value": 1000}]}));
    rehearsal.folder.write("keys.yaml", &keys_file(now));
    rehearsal
}

const LIMITED: &str = "
  - {name: alpha, workspace_id: prod, scopes: [completions.write], rate_limits: [{type: requests, unit: rpm, value: 100}]}
  - {name: beta, workspace_id: prod, scopes: [completions.write]}
";
const LIMITED_AND_MORE: &str = "
  - {name: alpha, workspace_id: prod, scopes: [completions.write, logs.view], rate_limits: [{type: requests, unit: rpm, value: 100}]}
  - {name: beta, workspace_id: prod, scopes: [completions.write], expires_at: 2030-01-01}
";

fn fields(plan: &Value, address: &str) -> Vec<String> {
    let fields = change(plan, address)["fields"].as_array().unwrap();
    fields.iter().map(|field| format!("{}:{}", field["field"], field["cause"]).replace('"', "")).collect()
}

fn plan(rehearsal: &Rehearsal, more: &[&str]) -> Ended {
    let mut args = vec!["plan", "--format", "json"];
    args.extend(more);
    rehearsal.run(&args)
}

#[test]
fn a_risk_that_is_denied_refuses_the_plan_and_the_apply_and_names_it() {
    let rehearsal = Rehearsal::of(UPDATES);
    let plan = plan(&rehearsal, &["--deny-risk", "deleted,gains-read"]).expect(4).json();
    assert_eq!(plan["refusals"][0]["code"], "denied-risk");
    assert_eq!(
        plan["refusals"][0]["details"],
        json!(["organisation/gamma: gains-read, by its scopes", "prod/alpha: gains-read, by its scopes"])
    );
    rehearsal.run(&["apply", "--yes", "--deny-risk", "gains-write"]).expect(4).says("gains-write");
    assert!(rehearsal.writes().is_empty());
    rehearsal.run(&["apply", "--yes", "--deny-risk", "deleted", "--deny-risk", "replaced"]).expect(0);
}

#[test]
fn an_unknown_risk_is_answered_with_the_nearest() {
    let ended = Folder::new().run(&["plan", "--deny-risk", "mint-keys"]).expect(64);
    ended.says("mints-keys");
}

#[test]
fn a_base_tells_this_change_from_drift_field_by_field() {
    if !has("git") {
        return;
    }
    let rehearsal = drifted(LIMITED, LIMITED_AND_MORE);
    let plan = plan(&rehearsal, &["--base-ref", "HEAD"]).expect(0).json();
    assert_eq!(fields(&plan, "prod/alpha"), ["scopes:this-change", "rate_limits:drift"]);
    assert_eq!(change(&plan, "prod/alpha")["cause"], "mixed");
    assert_eq!(fields(&plan, "prod/beta"), ["expires_at:this-change"]);
    assert_eq!(change(&plan, "prod/beta")["cause"], "this-change");
    let text = rehearsal.run(&["plan", "--base-ref", "HEAD"]).expect(0);
    text.says("this change and drift, keys.yaml:");
    text.says("1000 -> 100 requests per minute (drift)");
}

#[test]
fn a_file_is_a_base_as_well_as_a_revision_is() {
    if !has("git") {
        return;
    }
    let rehearsal = drifted(LIMITED, LIMITED_AND_MORE);
    rehearsal.folder.write("before.yaml", &keys_file(LIMITED));
    let by_file = plan(&rehearsal, &["--base", "before.yaml"]).expect(0).json();
    let by_rev = plan(&rehearsal, &["--base-ref", "HEAD"]).expect(0).json();
    assert_eq!(by_file["changes"], by_rev["changes"]);
}

#[test]
fn only_what_changed_is_applied_and_drift_stays_as_it_was_shown() {
    if !has("git") {
        return;
    }
    let rehearsal = drifted(LIMITED, LIMITED_AND_MORE);
    let args = ["--base-ref", "HEAD", "--only-changed"];
    let shown = plan(&rehearsal, &args).expect(0).json();
    assert_eq!(fields(&shown, "prod/alpha"), ["scopes:this-change"]);
    assert_eq!(shown["left_out"], json!({"keys": 0, "fields": 1}));
    let digest = shown["digest"].as_str().unwrap();
    let report = rehearsal.apply(&[&args[..], &["--expect-plan", digest]].concat()).expect(0).json();
    assert_eq!(report["totals"]["done"], 2);
    let alpha = &rehearsal.named("alpha")[0];
    assert_eq!(alpha["rate_limits"][0]["value"], 1000);
    assert!(alpha["scopes"].as_array().unwrap().contains(&json!("logs.view")));
    // Nothing but drift is left, and without the option it is set right.
    let after = plan(&rehearsal, &args).expect(0).json();
    assert_eq!(after["changes"], json!([]));
    assert_eq!(after["left_out"], json!({"keys": 1, "fields": 1}));
    rehearsal
        .run(&["plan", "--base-ref", "HEAD", "--only-changed"])
        .expect(0)
        .says("1 key with nothing but drift");
    rehearsal.converges();
    assert_eq!(rehearsal.named("alpha")[0]["rate_limits"][0]["value"], 100);
}

#[test]
fn the_command_that_applies_the_plan_has_the_same_base() {
    if !has("git") {
        return;
    }
    let rehearsal = drifted(LIMITED, LIMITED_AND_MORE);
    let args = ["plan", "--base-ref", "HEAD", "--only-changed", "--deny-risk", "deleted"];
    let ended = rehearsal.run(&args).expect(0);
    ended.says("--base-ref HEAD --only-changed --deny-risk deleted");
}

#[test]
fn only_what_changed_needs_a_base() {
    Folder::new().run(&["plan", "--only-changed"]).expect(64).says("--base");
    let folder = Folder::new();
    folder.run(&["plan", "--base", "a.yaml", "--base-ref", "HEAD"]).expect(64).says("cannot be used with");
}

#[test]
fn a_base_with_errors_is_said_with_its_place_and_the_plan_has_no_causes() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.folder.write("before.yaml", "version: 1\nkeys:\n- {name: alpha}\n- {nmae: beta}\n");
    let ended = plan(&rehearsal, &["--base", "before.yaml"]).expect(0);
    ended.says("before.yaml:4:");
    ended.says("warning: the base has errors");
    assert_eq!(ended.json()["changes"][0]["cause"], Value::Null);
    let ended = plan(&rehearsal, &["--base", "before.yaml", "--only-changed"]).expect(1);
    ended.says("what this change does cannot be told");
}

#[test]
fn a_base_that_cannot_be_read_is_refused_where_a_risk_is_denied() {
    let folder = Folder::new();
    folder.write("keys.yaml", &keys_file(AS_SEEDED));
    let denied = ["--deny-risk", "mints-keys"];
    let validate = |base: [&str; 2], more: &[&str], code: i32| {
        folder.run(&[&["validate"], &base[..], more].concat()).expect(code).says("error: ");
    };
    validate(["--base", "nofile.yaml"], &[], 1);
    validate(["--base", "nofile.yaml"], &denied, 4);
    if has("git") {
        commit(&folder);
        validate(["--base-ref", "HEAD~9"], &[], 1);
        validate(["--base-ref", "HEAD~9"], &denied, 4);
        // What is to be left out of a list is no revision.
        let ended = folder.run(&["validate", "--base-ref", "^HEAD"]).expect(1);
        ended.says("`^HEAD` cannot name a revision");
        ended.says("name a branch, a tag or a commit");
    }
}

#[test]
fn files_that_a_revision_includes_are_read_from_that_revision() {
    if !has("git") {
        return;
    }
    let folder = Folder::new();
    let root = "version: 1\nworkspaces: {prod: ws-prod-1a2b3c}\ninclude: [{files: 'teams/*.yaml', workspaces: [prod]}]\n";
    folder.write("infra/keys.yaml", root);
    let team = |scopes: &str| format!("keys:\n- {{name: a, workspace_id: prod, scopes: [{scopes}]}}\n");
    folder.write("infra/teams/one.yaml", &team("completions.write"));
    folder.write("infra/teams/two.yaml", &team("completions.write").replace("name: a", "name: b"));
    commit(&folder);
    // What the working tree has since then, and has no longer, is not looked at.
    folder.write("infra/teams/one.yaml", &team("completions.write, workspace_service_api_keys.create"));
    std::fs::remove_file(folder.join("infra/teams/two.yaml")).unwrap();
    folder.write("infra/teams/three.yaml", &team("logs.view").replace("name: a", "name: c"));
    for file in
        ["infra/keys.yaml", "infra/../infra/keys.yaml", folder.join("infra/keys.yaml").to_str().unwrap()]
    {
        let args = ["validate", "-f", file, "--base-ref", "HEAD", "--format", "json"];
        let review = folder.run(&args).expect(0).json()["review"].clone();
        let changes: Vec<String> = review["changes"]
            .as_array()
            .unwrap()
            .iter()
            .map(|change| format!("{} {}", change["action"], change["address"]).replace('"', ""))
            .collect();
        assert_eq!(changes, ["update prod/a", "create prod/c"]);
        assert_eq!(review["dropped"], json!(["prod/b"]));
        assert_eq!(review["changes"][0]["risks"], json!([{"risk": "mints-keys", "field": "scopes"}]));
    }
}

#[test]
fn a_folder_of_keys_files_is_read_from_the_revision_as_well() {
    if !has("git") {
        return;
    }
    let folder = Folder::new();
    folder.write("keys/one.yaml", &keys_file(AS_SEEDED));
    commit(&folder);
    folder.write(
        "keys/one.yaml",
        &keys_file("  - {name: alpha, workspace_id: prod, scopes: [completions.write]}\n"),
    );
    let ended = folder.run(&["validate", "-f", "keys", "--base-ref", "HEAD"]).expect(0);
    ended.says("1 key is in no file any more, and deleted by --prune only: prod/beta");
    let args = ["validate", "-f", "keys", "--base-ref", "HEAD", "--prune", "--deny-risk", "deleted"];
    folder.run(&args).expect(4).says("prod/beta: deleted");
}

#[test]
fn a_revision_without_the_files_makes_everything_this_change() {
    if !has("git") {
        return;
    }
    let folder = Folder::new();
    folder.write("README", "nothing yet");
    commit(&folder);
    folder.write("keys.yaml", &keys_file(AS_SEEDED));
    let ended = folder.run(&["validate", "--base-ref", "HEAD"]).expect(0);
    ended.says("HEAD has none of the keys files, so everything is this change");
    ended.says("2 changes 2 create");
}

#[test]
fn a_revision_that_is_not_there_is_said_with_the_remedy() {
    if !has("git") {
        return;
    }
    let folder = Folder::new();
    folder.write("keys.yaml", &keys_file(AS_SEEDED));
    let refused = |rev: &str| folder.run(&["validate", &format!("--base-ref={rev}")]).expect(1);
    refused("HEAD").says("is not in a git repository");
    commit(&folder);
    let ended = refused("origin/main");
    ended.says("there is no revision `origin/main`");
    ended.says("git fetch");
    refused("--output=x").says("cannot name a revision");
    refused("HEAD:keys.yaml").says("there is no revision");
    refused("").says("cannot name a revision");
    let ended = folder.run(&["validate", "-f", "keys.yaml", "-f", "/etc/hostname", "--base-ref", "HEAD"]);
    ended.says("lies outside of the repository");
    assert!(!folder.exists("x"));
}

#[test]
fn a_shallow_clone_is_told_how_to_get_its_history() {
    if !has("git") {
        return;
    }
    let folder = Folder::new();
    folder.write("keys.yaml", &keys_file(AS_SEEDED));
    commit(&folder);
    folder.write("keys.yaml", &keys_file(LIMITED));
    commit(&folder);
    let source = format!("file://{}", folder.path().display());
    git(&folder, &["clone", "-q", "--depth", "1", &source, "clone"]);
    let ended = folder.run(&["validate", "-f", "clone/keys.yaml", "--base-ref", "HEAD~1"]).expect(1);
    ended.says("fetch-depth: 0");
}

#[test]
fn nothing_that_a_hostile_repository_configures_is_run() {
    if !has("git") {
        return;
    }
    let folder = Folder::new();
    folder.write("keys.yaml", &keys_file(AS_SEEDED));
    folder.write(".gitattributes", "*.yaml filter=evil diff=evil\n");
    commit(&folder);
    let evil = "touch OWNED; false";
    let settings = [
        "core.fsmonitor",
        "core.pager",
        "core.sshCommand",
        "core.askPass",
        "core.editor",
        "credential.helper",
        "diff.external",
        "diff.evil.textconv",
        "filter.evil.smudge",
        "filter.evil.clean",
        "filter.evil.process",
        "pager.cat-file",
        "pager.ls-tree",
        "pager.rev-parse",
        "alias.cat-file",
        "alias.ls-tree",
        "alias.rev-parse",
    ];
    for setting in settings {
        let value = if setting.starts_with("alias") { format!("!{evil}") } else { evil.to_owned() };
        git(&folder, &["config", setting, &value]);
    }
    folder.write(".git/hooks/post-index-change", &format!("#!/bin/sh\n{evil}\n"));
    // A program of that name in the working folder is not git.
    folder.write("git", &format!("#!/bin/sh\n{evil}\n"));
    let mut command = folder.command(&["validate", "--base-ref", "HEAD"]);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!(".:{path}"));
    // What points git elsewhere is not heeded.
    command.env("GIT_DIR", "/nonexistent").env("GIT_CONFIG_COUNT", "1");
    command
        .env("GIT_CONFIG_KEY_0", "core.pager")
        .env("GIT_CONFIG_VALUE_0", evil)
        .env("GIT_EXTERNAL_DIFF", evil);
    crate::harness::run(command, "").expect(0).says("asks for what HEAD asks for");
    assert!(!folder.exists("OWNED"));
}

#[cfg(unix)]
#[test]
fn a_link_is_followed_within_the_revision_and_never_out_of_it() {
    if !has("git") {
        return;
    }
    let folder = Folder::new();
    folder.write("real/keys.yaml", &keys_file(AS_SEEDED));
    std::os::unix::fs::symlink("real/keys.yaml", folder.join("keys.yaml")).unwrap();
    std::os::unix::fs::symlink("/etc/hostname", folder.join("out.yaml")).unwrap();
    commit(&folder);
    folder.run(&["validate", "--base-ref", "HEAD"]).expect(0).says("asks for what HEAD asks for");
    std::fs::remove_file(folder.join("out.yaml")).unwrap();
    folder.write("out.yaml", &keys_file(AS_SEEDED));
    let ended = folder.run(&["validate", "-f", "out.yaml", "--base-ref", "HEAD"]).expect(0);
    ended.says("HEAD:out.yaml");
    ended.says("the base has errors");
}

#[test]
fn a_check_of_two_files_needs_neither_key_nor_network() {
    let folder = Folder::new();
    folder.write("before.yaml", &keys_file(LIMITED));
    folder.write("keys.yaml", &keys_file(LIMITED_AND_MORE));
    let ended = folder.run(&["validate", "--base", "before.yaml"]).expect(0);
    ended.says("keys.yaml is valid: 2 keys");
    ended.says("What keys.yaml changes since before.yaml:");
    ended.says("+ logs.view");
    ended.says("! gains-read");
    ended.says("2 changes 2 update");
    folder.run(&["validate", "--base", "before.yaml", "--deny-risk", "gains-read"]).expect(4);
    folder.run(&["validate", "--base", "before.yaml", "--deny-risk", "mints-keys"]).expect(0);
    // A base that cannot be read allows nothing.
    folder.write("before.yaml", "version: 1\nkeys: [{}]\n");
    folder.run(&["validate", "--base", "before.yaml"]).expect(0).says("the base has errors");
    folder.run(&["validate", "--base", "before.yaml", "--deny-risk", "mints-keys"]).expect(4);
}

#[test]
fn a_command_on_keys_by_name_has_no_base() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal
        .run(&["revoke", "alpha", "--yes", "--base-ref", "HEAD"])
        .expect(64)
        .says("hint: --base-ref is for validate, plan, apply");
}

#[test]
fn a_check_sees_what_decides_which_key_is_meant() {
    let folder = Folder::new();
    let id = "183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2";
    folder.write("keys.yaml", &keys_file(AS_SEEDED));
    commit(&folder);
    let check = |from: &str, to: &str, more: &[&str]| {
        folder.write("keys.yaml", &keys_file(AS_SEEDED).replace(from, to));
        folder.run(&[&["validate", "--base-ref", "main"][..], more].concat())
    };
    check("name: alpha", "name: alpha", &[]).expect(0).says("asks for what main asks for");
    let replaced = check("name: alpha", &format!("name: alpha, replaces: {id}"), &["--deny-risk", "deleted"]);
    replaced.expect(4).says("! deleted");
    let moved = check("name: alpha", &format!("name: alpha, id: {id}, protected: true"), &[]).expect(0);
    moved.says("`id`, `protected` of prod/alpha differ");
    assert!(!moved.said().contains("asks for what"), "{}", moved.said());
    check("managed_by: platform", "managed_by: others", &[]).expect(0).says("`managed_by` of the root file");
    let json =
        check("name: alpha", &format!("name: alpha, id: {id}"), &["--format", "json"]).expect(0).json();
    assert_eq!(json["review"]["beside"][0]["fields"], json!(["id"]));
}

const UUID: &str = "b30b420b-910d-4811-b29a-cc1abf7037d0";

/// What `validate` says of two states of the keys, with these options.
fn checked(before: &str, after: &str, more: &[&str]) -> Ended {
    let folder = Folder::new();
    folder.write("before.yaml", &keys_file(before));
    folder.write("keys.yaml", &keys_file(after));
    folder.run(&[&["validate", "--base", "before.yaml"], more].concat())
}

/// Whether any denied risk refuses it, because only the live keys tell which key is meant.
fn is_doubted(before: &str, after: &str, field: &str) -> Ended {
    let deny = ["--deny-risk", "unlimited"];
    let ended = checked(before, after, &deny).expect(4);
    ended.says(&format!("unlimited cannot be ruled out, because by its {field} it may be another key"));
    let ended = checked(before, after, &[]).expect(0);
    ended.says(&format!("`{field}`"));
    ended.says("depends on the live keys");
    ended
}

#[test]
fn a_live_key_is_not_made_new_by_writing_its_names_otherwise() {
    let budget = |limit: u32, more: &str| {
        format!("- {{scopes: [completions.write], usage_limits: {{credit_limit: {limit}}}, {more}}}\n")
    };
    let before = budget(500, "name: checkout, workspace_id: prod");
    let loosened = |more: &str, field: &str| {
        is_doubted(&before, &budget(5000, more), field).says("! limit-loosened");
    };
    loosened(&format!("name: checkout, workspace_id: {UUID}"), "workspace_id");
    loosened(&format!("name: other, renamed_from: checkout, workspace_id: {UUID}"), "workspace_id");
    loosened(&format!("name: checkout, workspace_id: prod, id: {UUID}"), "id");
    // A pin is never a create: the key that bears it is there, and may have had nothing.
    let pinned = budget(5000, &format!("name: checkout2, workspace_id: prod, id: {UUID}"));
    let ended = is_doubted(&before, &pinned, "id");
    ended.says("~ update");
    ended.says("! gains-write");
    let renamed = budget(5000, "name: checkout2, workspace_id: prod, renamed_from: spike");
    is_doubted(&before, &renamed, "renamed_from");
    let user = |user: &str, limit: u32| {
        budget(limit, &format!("type: workspace-user, name: u, workspace_id: prod, user_id: {user}"))
    };
    is_doubted(&user("a@b.example", 5), &user(UUID, 50), "user_id").says("! limit-loosened");
    // Other letters of the same name need no live key to be seen through.
    let deny = ["--deny-risk", "limit-loosened"];
    checked(&user("a@b.example", 5), &user("A@b.example", 50), &deny).expect(4).says("by its usage_limits");
    let in_capitals = |limit, id: &str| budget(limit, &format!("name: c, workspace_id: {id}"));
    let capitals = UUID.to_uppercase();
    checked(&in_capitals(5, UUID), &in_capitals(50, &capitals), &deny).expect(4).says("by its usage_limits");
}

#[test]
fn a_new_key_is_no_doubt_and_an_entry_that_deletes_what_no_base_mentions_is_told() {
    let before = "- {name: checkout, workspace_id: prod, scopes: [completions.write]}\n";
    let all = ["--deny-risk", "gains-read,gains-write,limit-loosened,limit-removed,expiry-removed,deleted"];
    let more = |entry: &str| format!("{before}{entry}");
    let new = more("- {name: fresh, workspace_id: prod, scopes: [completions.write]}\n");
    checked(before, &new, &all).expect(0).says("1 create");
    // The same name elsewhere is another key, as long as the former one has its entry.
    let twin = more(&format!("- {{name: checkout, workspace_id: {UUID}, scopes: [completions.write]}}\n"));
    checked(before, &twin, &all).expect(0).says("1 create");
    let absent = more("- {name: spike, workspace_id: prod, absent: true}\n");
    checked(before, &absent, &all).expect(4).says("prod/spike: deleted");
    checked(&absent, &absent, &all).expect(0);
}

#[test]
fn a_check_sees_where_secrets_are_to_go() {
    let sinks =
        "sinks: {dir: {file: 'secrets/{name}'}, evil: {file: 'evil/{name}'}, ids: {file: 'evil/{id}'}}\n";
    let check = |before: &str, after: &str, code: i32| {
        let folder = Folder::new();
        let file = |secret: &str| {
            let key = format!("- {{name: a, workspace_id: prod, scopes: [completions.write]{secret}}}\n");
            keys_file(&key).replace("sinks: {dir: {file: \"secrets/{workspace}/{name}\"}}\n", sinks)
        };
        folder.write("before.yaml", &file(before));
        folder.write("keys.yaml", &file(after));
        folder.run(&["validate", "--base", "before.yaml"]).expect(0);
        let deny = ["validate", "--base", "before.yaml", "--deny-risk", "delivers-elsewhere,secret-ends"];
        folder.run(&deny).expect(code)
    };
    let dir = ", secret: {deliver_to: [dir]}";
    for (before, after) in [
        ("", ", secret: {deliver_to: [evil]}"),
        (dir, ", secret: {deliver_to: [dir, ids]}"),
        (dir, ", secret: {deliver_to: [dir, evil]}"),
        (dir, ", secret: {deliver_to: [dir], first: rotate}"),
    ] {
        let ended = check(before, after, 4);
        ended.says("prod/a: delivers-elsewhere, by its deliver_to");
        ended.says("prod/a: secret-ends");
    }
    for (before, after) in [
        (dir, dir),
        (dir, ""),
        (", secret: {deliver_to: [ids]}", ", secret: {deliver_to: [ids], verify: true}"),
        (", secret: {deliver_to: [dir], first: rotate}", ", secret: {deliver_to: [dir], first: rotate}"),
    ] {
        check(before, after, 0);
    }
}

#[test]
fn a_key_that_replaces_another_one_is_told_with_the_end_of_the_former_one() {
    let before = "- {name: b, workspace_id: prod, scopes: [completions.write]}\n";
    let after =
        format!("- {{name: b2, workspace_id: prod, scopes: [completions.write], replaces: {UUID}}}\n");
    let ended = checked(before, &after, &[]).expect(0);
    ended.says(&format!("it comes in the place of the key {UUID}, which is deleted in a later run"));
    ended.says("! replaced, deleted");
    ended.says("deleted by --prune or a `replaces` only: prod/b");
    assert!(!ended.said().contains("- delete"), "{}", ended.said());
    checked(before, &after, &["--deny-risk", "deleted"]).expect(4).says("prod/b2: deleted");
    // Where the base knows the id, it knows the name.
    let pinned = before.replace("name: b,", &format!("name: b, id: {UUID},"));
    let ended = checked(&pinned, &after, &[]).expect(0);
    ended.says(&format!("it comes in the place of `b` ({UUID})"));
    assert!(!ended.said().contains("in no file any more"), "{}", ended.said());

    let rehearsal = Rehearsal::of(&format!(
        "- {{name: fresh, workspace_id: prod, scopes: [completions.write], replaces: {ALPHA}, secret: {{deliver_to: [dir]}}}}\n"
    ));
    let plan = rehearsal.run(&["plan"]).expect(0);
    plan.says("it comes in the place of `alpha`");
    plan.says("! replaced, deleted");
    assert!(!plan.said().contains("another key of this name"), "{}", plan.said());
    rehearsal.run(&["plan", "--deny-risk", "deleted"]).expect(4).says("prod/fresh: deleted");
}

#[test]
fn a_tag_that_bears_the_name_of_the_base_is_not_taken_for_it() {
    let folder = Folder::new();
    folder.write("keys.yaml", &keys_file(AS_SEEDED));
    commit(&folder);
    git(&folder, &["tag", "main"]);
    let ended = folder.run(&["validate", "--base-ref", "main"]).expect(1);
    for reference in ["`main` can mean refs/", "refs/tags/main", "refs/heads/main"] {
        ended.says(reference);
    }
    folder.run(&["validate", "--base-ref", "refs/heads/main"]).expect(0);
}

#[test]
fn a_base_that_is_not_there_is_a_failure() {
    let folder = Folder::new();
    folder.write("keys.yaml", &keys_file(AS_SEEDED));
    for command in ["validate", "plan"] {
        folder
            .run(&[command, "--base", "nosuch.yaml"])
            .expect(1)
            .says("the base `nosuch.yaml` cannot be read");
    }
}
