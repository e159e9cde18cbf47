//! What helps a person at a keyboard or in an editor: `explain`, `fmt`, completions, the way over from Terraform.

use serde_json::json;

use crate::harness::{ALPHA, BETA, Ended, Folder, GAMMA, Rehearsal, run};

const STATE: &str = include_str!("../tfstate/terraform.tfstate");

#[test]
fn a_word_is_explained_without_any_connection() {
    let folder = Folder::new();
    folder.run(&["explain"]).expect(0).says("exit-codes");
    folder.run(&["explain", "completions.write"]).expect(0).says("workspace-service, workspace-user");
    let two = folder.run(&["explain", "usage_limits.credit_limit", "4"]).expect(0);
    two.says("field usage_limits.credit_limit");
    two.says("exit-code 4");
    assert!(folder.run(&["explain", "scopes"]).expect(0).stdout.lines().count() >= 139);
    let missed = folder.run(&["explain", "completion.write"]).expect(1);
    missed.says("error: nothing is known about `completion.write`");
    missed.says("hint: did you mean `completions.write`?");
    let json = folder.run(&["explain", "scope-not-for-type", "--format", "json"]).expect(0).json();
    assert_eq!(json["topics"][0]["kind"], "diagnostic");
    let error = folder.run(&["explain", "nothing-of-that-name", "--format", "json"]).expect(1).json();
    assert_eq!(error["error"]["code"], "unknown-topic");
    let hostile = folder.run(&["explain", "\u{1b}[31mred"]).expect(1);
    assert!(!hostile.said().contains('\u{1b}'));
}

#[test]
fn permissions_are_asked_for_alone_as_they_are_about_all_keys_of_the_files() {
    let folder = Folder::new();
    for words in [["permissions", "logs.view"], ["checkout", "permissions"]] {
        let refused = folder.run(&["explain", words[0], words[1]]).expect(64);
        refused.says("error: `permissions` is asked for alone");
        refused.says("hint: the least scopes for your files: portkey-sync explain permissions -f keys.yaml");
    }
    let json = folder.run(&["explain", "permissions", "4", "--format", "json"]).expect(64).json();
    assert_eq!(json["error"]["code"], "usage");
    assert_eq!(json["exit_code"], 64);
}

#[test]
fn an_exit_code_a_cause_and_a_set_of_rules_are_explained() {
    let folder = Folder::new();
    let codes = folder.run(&["explain", "3", "4"]).expect(0);
    assert_eq!(codes.stdout.matches("  what to do  ").count(), 2, "{}", codes.stdout);
    folder.run(&["explain", "this-change", "this change"]).expect(0).says("cause this-change");
    folder
        .run(&["explain", "strict"])
        .expect(0)
        .says("  secret-age            {severity: error, longest: 90d}");
    folder.run(&["explain", "other-plan"]).expect(0).says("refusal other-plan");
}

#[test]
fn every_topic_of_every_list_is_explained() {
    let folder = Folder::new();
    let all = folder.run(&["explain", "--format", "json"]).expect(0).json();
    let names: Vec<String> = all["topics"]
        .as_array()
        .unwrap()
        .iter()
        .map(|topic| topic["name"].as_str().unwrap().to_owned())
        .collect();
    assert!(names.len() > 250, "{}", names.len());
    let mut words = vec!["explain", "--format", "json", "keys.scopes"];
    words.extend(names.iter().map(String::as_str));
    let found = folder.run(&words).expect(0).json();
    let found = found["topics"].as_array().unwrap().len();
    assert!(found >= names.len(), "{found} of {}", names.len());
}

const LOOSE: &str = "version:  1\nworkspaces: {prod: ws-prod-1a2b3c }\n\n\nkeys:\n  - workspace_id: prod\n    name: a  # the name\n    scopes: [ logs.view ]\n";
const TIGHT: &str = "version: 1\nworkspaces: {prod: ws-prod-1a2b3c}\n\nkeys:\n  - name: a  # the name\n    workspace_id: prod\n    scopes: [logs.view]\n";

#[test]
fn a_file_is_formatted_in_place_and_once() {
    let folder = Folder::new();
    folder.write("keys.yaml", LOOSE);
    folder.write("other/a.yaml", TIGHT);
    let check = folder.run(&["fmt", "--check", "keys.yaml", "other"]).expect(1);
    check.says("--- keys.yaml");
    check.says("-version:  1");
    check.says("1 of 2 files would be formatted");
    assert_eq!(folder.read("keys.yaml"), LOOSE, "--check writes nothing");
    folder.run(&["fmt"]).expect(0).says("1 of 1 file formatted");
    assert_eq!(folder.read("keys.yaml"), TIGHT);
    let again = folder.run(&["fmt", "--check"]).expect(0);
    assert_eq!(again.stdout, "");
    assert_eq!(folder.files().len(), 2, "nothing is left beside the file");
}

#[test]
fn standard_input_is_formatted_to_standard_output() {
    let folder = Folder::new();
    let ended = run(folder.command(&["fmt", "-"]), LOOSE).expect(0);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), (TIGHT, ""));
    run(folder.command(&["fmt", "--check", "-"]), LOOSE).expect(1).says("--- <stdin>");
}

#[test]
fn a_file_that_cannot_be_formatted_is_left_and_the_others_are_done() {
    let folder = Folder::new();
    folder.write("anchors.yaml", "version:  1\nkeys: &k []\n");
    folder.write("broken.yaml", "version: [\n");
    folder.write("keys.yaml", LOOSE);
    let ended = folder.run(&["fmt", "anchors.yaml", "broken.yaml", "keys.yaml"]).expect(1);
    ended.says("`anchors.yaml` is left as it is: it has anchors");
    ended.says("error[yaml-syntax]");
    assert_eq!(folder.read("anchors.yaml"), "version:  1\nkeys: &k []\n");
    assert_eq!(folder.read("keys.yaml"), TIGHT);
    folder.run(&["fmt", "missing.yaml"]).expect(1).says("`missing.yaml` cannot be read");
}

#[cfg(unix)]
#[test]
fn formatting_keeps_permissions_and_links() {
    use std::os::unix::fs::PermissionsExt;
    let folder = Folder::new();
    folder.write("real.yaml", LOOSE);
    std::fs::set_permissions(folder.join("real.yaml"), std::fs::Permissions::from_mode(0o640)).unwrap();
    std::os::unix::fs::symlink("real.yaml", folder.join("keys.yaml")).unwrap();
    folder.run(&["fmt"]).expect(0);
    assert!(std::fs::symlink_metadata(folder.join("keys.yaml")).unwrap().is_symlink());
    assert_eq!(folder.read("real.yaml"), TIGHT);
    let mode = std::fs::metadata(folder.join("real.yaml")).unwrap().permissions().mode();
    assert_eq!(mode & 0o777, 0o640);
}

/// What bash is told for the last word of a line.
fn completed(folder: &Folder, words: &[&str]) -> Ended {
    let mut command = folder.command(&[&["--", "portkey-sync"], words].concat());
    command.env("PORTKEY_SYNC_COMPLETE", "bash").env("_CLAP_COMPLETE_INDEX", words.len().to_string());
    command.env("_CLAP_COMPLETE_COMP_TYPE", "9").env("_CLAP_COMPLETE_SPACE", "true").env("_CLAP_IFS", "\n");
    run(command, "")
}

#[test]
fn a_shell_is_told_the_addresses_of_the_file() {
    let folder = Folder::new();
    folder.write("keys.yaml", TIGHT);
    folder.write("other.yaml", &TIGHT.replace("name: a ", "name: zebra "));
    for words in [&["plan", "--target", "pr"][..], &["rotate", "prod/"], &["revoke", "prod/"]] {
        assert_eq!(completed(&folder, words).expect(0).stdout.trim(), "prod/a", "{words:?}");
    }
    assert_eq!(completed(&folder, &["-f", "other.yaml", "rotate", "z"]).expect(0).stdout.trim(), "zebra");
    assert_eq!(
        completed(&folder, &["explain", "completions.w"]).expect(0).stdout.trim(),
        "completions.write"
    );
    completed(&folder, &["val"]).expect(0).says("validate");
}

#[test]
fn a_shell_is_told_nothing_where_something_is_wrong() {
    let folder = Folder::new();
    for text in ["keys: [", "\u{0}", ""] {
        folder.write("keys.yaml", text);
        let ended = completed(&folder, &["rotate", "prod/"]).expect(0);
        assert_eq!((ended.stdout.trim(), ended.stderr.as_str()), ("", ""));
    }
    let nowhere = completed(&folder, &["-f", "missing.yaml", "rotate", "prod/"]).expect(0);
    assert_eq!((nowhere.stdout.trim(), nowhere.stderr.as_str()), ("", ""));
}

#[test]
fn the_keys_of_a_terraform_state_are_imported_in_its_order_and_no_others() {
    let rehearsal = Rehearsal::of("");
    rehearsal.folder.write("terraform.tfstate", STATE);
    let ended =
        rehearsal.run(&["import", "--from-tfstate", "terraform.tfstate", "-o", "imported.yaml"]).expect(0);
    ended.says("imported 3 keys; 1 left out");
    ended.says("portkey_api_key.checkout[\"gone\"]");
    let text = rehearsal.folder.read("imported.yaml");
    let at = |what: &str| text.find(what).unwrap_or_else(|| panic!("{what}\n{text}"));
    assert!(at(GAMMA) < at(ALPHA) && at(ALPHA) < at(BETA), "{text}");
    assert!(
        text.contains("# portkey_api_key.gamma\n")
            && text.contains("# module.research.portkey_api_key.batch[0]\n")
    );
    assert!(!text.contains("doomed"), "{text}");
    for said in [&text, &ended.stdout, &ended.stderr] {
        assert!(!said.contains("state-secret"), "{said}");
    }
    rehearsal.run(&["plan", "-f", "imported.yaml"]).expect(0).says("No changes.");
    assert!(rehearsal.writes().is_empty());
    assert!(rehearsal.folder.escrow().is_empty());
}

#[test]
fn what_a_terraform_state_does_not_name_is_warned_of_and_an_id_is_the_same_in_capitals() {
    let rehearsal = Rehearsal::of("");
    let instance = |index: u8, rest: serde_json::Value| {
        let mut instance = json!({"index_key": index});
        instance.as_object_mut().unwrap().extend(rest.as_object().unwrap().clone());
        instance
    };
    let state = |instances: Vec<serde_json::Value>| {
        let resource =
            json!({"mode": "managed", "type": "portkey_api_key", "name": "x", "instances": instances});
        rehearsal.folder.write("s.tfstate", &json!({"version": 4, "resources": [resource]}).to_string());
        rehearsal.run(&["import", "--from-tfstate", "s.tfstate"]).expect(0)
    };
    let lost = || {
        vec![
            instance(0, json!({"attributes": {"id": null}})),
            instance(1, json!({"attributes_flat": {"id": BETA}})),
        ]
    };
    let live = instance(2, json!({"attributes": {"id": ALPHA.to_uppercase()}}));
    let ended = state([lost(), vec![live]].concat());
    ended.says("imported 1 key; 2 left out");
    ended.says(&format!("id: {ALPHA}"));
    let ended = state(lost());
    ended.says("imported 0 keys; 2 left out");
    ended.says("warning: left out: `portkey_api_key.x[0]`: the state has no id for it");
    ended.says("warning: left out: `portkey_api_key.x[1]`: its attributes are in an old form");
}

#[test]
fn a_state_that_cannot_be_read_is_told_before_anything_is_asked() {
    let folder = Folder::new();
    folder.write("old.tfstate", "{\"version\": 3, \"modules\": []}");
    folder.run(&["import", "--from-tfstate", "old.tfstate"]).expect(1).says("only version 4 can be read");
    folder.write("none.tfstate", &json!({"version": 4, "resources": []}).to_string());
    folder.run(&["import", "--from-tfstate", "none.tfstate"]).expect(1).says("terraform state list");
    folder.run(&["import", "--from-tfstate", "missing.tfstate"]).expect(1).says("cannot be read");
    folder.run(&["import", "--from-tfstate", "x", "--unmanaged"]).expect(64);
}

#[test]
fn a_variable_that_is_not_ours_completes_nothing() {
    let folder = Folder::new();
    folder.write("keys.yaml", TIGHT);
    let mut command = folder.command(&["validate"]);
    command.env("COMPLETE", "bash");
    run(command, "").expect(0).says("1 key");
    let mut unknown = folder.command(&["--", "portkey-sync"]);
    unknown.env("PORTKEY_SYNC_COMPLETE", "tcsh");
    run(unknown, "").expect(1).says("tcsh");
}

#[cfg(unix)]
#[test]
fn a_real_bash_completes_an_address() {
    if !crate::harness::has("bash") {
        return;
    }
    let folder = Folder::new();
    folder.write("keys.yaml", TIGHT);
    let program = std::path::Path::new(env!("CARGO_BIN_EXE_portkey-sync")).parent().unwrap().to_owned();
    let script = r#"
        source <(portkey-sync completions bash)
        COMP_WORDS=(portkey-sync rotate prod/) COMP_CWORD=2 COMP_TYPE=9
        _clap_complete_portkey_sync portkey-sync prod/ rotate
        printf '%s\n' "${COMPREPLY[@]}"
    "#;
    let path = format!("{}:{}", program.display(), std::env::var("PATH").unwrap());
    let mut bash = std::process::Command::new("bash");
    let typed = folder.command(&[]);
    bash.args(["-c", script]).current_dir(folder.path()).env_clear();
    bash.envs(typed.get_envs().filter_map(|(name, value)| Some((name, value?)))).env("PATH", path);
    let ended = run(bash, "");
    assert_eq!(ended.stdout.trim(), "prod/a", "{}", ended.stderr);
}
