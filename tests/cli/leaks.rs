//! No secret is shown anywhere, however much is logged and whatever fails.

use serde_json::{Value, json};

use crate::harness::{CREATE, DELETE, Ended, Folder, Rehearsal, SEED, UPDATES, Underway, run};

/// Every run, loud, in every format.
const FORMATS: [[&str; 5]; 3] = [
    ["--format", "json", "-vvv", "--log-format", "json"],
    ["--format", "json", "-vvv", "--log-format", "text"],
    ["--format", "text", "-vvv", "--log-format", "text"],
];

fn search(rehearsal: &Rehearsal, runs: &[Ended]) {
    let mut secrets = rehearsal.secrets();
    secrets.push(rehearsal.admin_key().to_owned());
    assert!(secrets.len() > 4);
    for ended in runs {
        for secret in &secrets {
            assert!(!ended.said().contains(secret.as_str()), "a secret is in\n{}", ended.said());
        }
    }
    let is_home = |name: &str| {
        name.starts_with("secrets/") || name.starts_with(".portkey-sync/") || name == "new.jsonl"
    };
    for (name, content) in rehearsal.folder.files().into_iter().filter(|(name, _)| !is_home(name)) {
        let content = String::from_utf8_lossy(&content);
        for secret in &secrets {
            assert!(!content.contains(secret.as_str()), "a secret is in {name}");
        }
    }
}

#[test]
fn no_run_that_works_shows_a_secret() {
    for format in FORMATS {
        let rehearsal = Rehearsal::of(&format!("{UPDATES}{CREATE}{DELETE}"));
        let runs = [
            rehearsal.run(&[&["validate"][..], &format[..]].concat()).expect(0),
            rehearsal.run(&[&["plan"][..], &format[..]].concat()).expect(0),
            rehearsal
                .run(&[&["apply", "--yes", "--secrets-file", "new.jsonl"][..], &format[..]].concat())
                .expect(0),
            rehearsal.run(&[&["plan"][..], &format[..]].concat()).expect(0),
            rehearsal.run(&["import", "-vvv", "-o", "imported.yaml"]).expect(0),
            rehearsal.run(&["import", "--log-format", "json", "-vvv"]).expect(0),
        ];
        assert!(runs[2].stderr.contains("request"), "it is loud\n{}", runs[2].stderr);
        assert_eq!(rehearsal.folder.read("new.jsonl").lines().count(), 1);
        search(&rehearsal, &runs);
    }
}

#[cfg(unix)]
#[test]
fn no_rotation_shows_a_secret_not_to_the_program_that_takes_it_either() {
    use std::os::unix::fs::PermissionsExt;
    let key = "  - {name: fresh, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [store, dir]}}\n";
    for format in FORMATS {
        let rehearsal = Rehearsal::of(key);
        let file = rehearsal.folder.read("keys.yaml");
        let file = file.replace("sinks: {", "sinks: {store: {command: [./store.sh, \"{name}\"]}, ");
        rehearsal.folder.write("keys.yaml", &file);
        // What others can see of the program, and of the one that started it.
        let script = "#!/bin/sh\ncat > secrets/stored\ncat /proc/$$/cmdline /proc/$$/environ /proc/$PPID/cmdline > seen\n";
        rehearsal.folder.write("store.sh", script);
        rehearsal.folder.write("secrets/.keep", "");
        let executable = std::fs::Permissions::from_mode(0o755);
        std::fs::set_permissions(rehearsal.folder.join("store.sh"), executable).unwrap();
        let allowed = ["--yes", "--allow-command", "./store.sh"];
        let first = rehearsal.run(&[&["apply"][..], &allowed, &format].concat()).expect(0);
        let plan = rehearsal.run(&[&["plan"][..], &format].concat()).expect(0);
        let second = rehearsal.run(&[&["rotate", "fresh"][..], &allowed, &format].concat()).expect(0);
        assert!(rehearsal.opens(&rehearsal.folder.read("secrets/stored")));
        assert!(!rehearsal.folder.read("seen").is_empty());
        search(&rehearsal, &[first, plan, second]);
        let journal = rehearsal.folder.read(".portkey-sync/journal.jsonl");
        assert!(rehearsal.secrets().iter().all(|secret| !journal.contains(secret.as_str())));
    }
}

#[test]
fn no_run_that_fails_shows_a_secret() {
    let faults = [
        json!({"method": "POST", "then": {"drop_after": true}}),
        json!({"method": "POST", "then": {"truncate_body": 80}}),
        json!({"method": "POST", "then": {"status": 502, "body": "<html>no</html>"}}),
        json!({"method": "PUT", "times": 99, "then": {"status": 500}}),
        json!({"method": "PUT", "times": 99, "then": {"status": 401}}),
        json!({"method": "GET", "times": 99, "then": {"truncate_body": 90}}),
        json!({"method": "GET", "then": {"drop_before": true}}),
    ];
    for (fault, format) in faults.into_iter().zip(FORMATS.into_iter().cycle()) {
        let rehearsal = Rehearsal::of(&format!("{UPDATES}{CREATE}"));
        rehearsal.fault(fault);
        let runs = [
            rehearsal.run(&[&["apply", "--yes", "--retry-for", "1s"][..], &format[..]].concat()),
            rehearsal.run(&[&["plan", "--retry-for", "1s"][..], &format[..]].concat()),
            rehearsal.run(&["import", "-vvv", "--retry-for", "1s"]),
        ];
        search(&rehearsal, &runs);
    }
}

#[test]
fn a_proxys_error_around_the_answer_of_a_create_or_a_rotation_does_not_show_the_new_secret() {
    let rotated = "  - {name: alpha, workspace_id: prod, id: aaaaaaaa-0000-4000-8000-000000000001, secret: {deliver_to: [dir]}}\n";
    for body in
        ["{\"id\":\"k\",\"key\":\"new-secr", "\"the answer was new-secr", "upstream said key=new-secr"]
    {
        for (keys, command) in [(CREATE, &["apply"][..]), (rotated, &["rotate", "alpha"][..])] {
            for format in FORMATS {
                let rehearsal = Rehearsal::of(keys);
                rehearsal.fault(json!({"method": "POST", "times": 99,
                    "then": {"status_after": 502, "body": body, "content_type": "application/json"}}));
                let ended = rehearsal.run(&[command, &["--yes", "--retry-for", "1s"], &format[..]].concat());
                assert_ne!(ended.code, 0, "{}", ended.said());
                ended.says("answered 502");
                assert!(!ended.said().contains("new-secr"), "{}", ended.said());
                search(&rehearsal, &[ended]);
            }
        }
    }
}

#[test]
fn a_service_that_repeats_the_api_key_in_an_error_does_not_make_us_repeat_it() {
    let rehearsal = Rehearsal::of(UPDATES);
    let admin = rehearsal.admin_key();
    let said = format!("key {admin} is not welcome");
    rehearsal.fault(json!({"method": "GET", "times": 99, "then": {"status": 401,
        "body": {"success": false, "data": {"message": said, "errorCode": "AB05"}}}}));
    let runs = FORMATS.map(|format| rehearsal.run(&[&["plan"][..], &format[..]].concat()).expect(1));
    assert!(runs[2].said().contains("401 AB05"));
    search(&rehearsal, &runs);
}

#[test]
fn an_api_key_from_a_file_is_not_shown_either() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.folder.write("secrets/admin", &format!("{}\n", rehearsal.admin_key()));
    let mut command = rehearsal.command(&["apply", "--yes", "-vvv", "--api-key-file", "secrets/admin"]);
    command.env_remove("PORTKEY_ADMIN_API_KEY");
    let ended = run(command, "").expect(0);
    search(&rehearsal, &[ended]);
}

#[cfg(target_os = "linux")]
#[test]
fn nothing_secret_stands_in_the_arguments_of_a_process() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.fault(json!({"method": "PUT", "times": 3, "then": {"delay_ms": 400}}));
    let underway = Underway::start(rehearsal.command(&["apply", "--yes"]));
    rehearsal.wait_until("an update is on its way", |rehearsal| rehearsal.pending_faults() < 1);
    let arguments = std::fs::read(format!("/proc/{}/cmdline", underway.id())).unwrap();
    assert!(!String::from_utf8_lossy(&arguments).contains(rehearsal.admin_key()));
    underway.wait().expect(0);
}

#[test]
fn text_of_the_service_cannot_play_with_the_terminal() {
    let seed = format!(
        "{SEED}  - {{name: \"evil\\e[2J\\n::error::boo\", type: organisation-service, scopes: [workspaces.list]}}\n"
    );
    let rehearsal = Rehearsal::with_seed(&seed, UPDATES);
    for ended in [rehearsal.run(&["plan", "-v"]).expect(0), rehearsal.run(&["import"]).expect(0)] {
        assert!(!ended.said().contains('\u{1b}'), "{}", ended.said());
        assert!(ended.said().contains("evil"), "{}", ended.said());
        assert!(!ended.said().lines().any(|line| line.starts_with("::")), "{}", ended.said());
    }
}

#[test]
fn an_id_of_the_service_cannot_play_with_the_terminal_in_a_warning() {
    let evil = r#""evil\e[31m\n::error::boo ##[add-mask]x""#;
    let seed = format!(
        "{SEED}  - {{id: {evil}, name: evil, type: organisation-service, scopes: [workspaces.list]}}\n"
    );
    let rehearsal = Rehearsal::with_seed(&seed, UPDATES);
    rehearsal.fault(json!({"method": "GET", "path_contains": "evil", "times": 99, "then": {"status": 403}}));
    let ended = rehearsal.run(&["import"]).expect(0);
    ended.says("warning: the rotation policy of evil");
    assert!(!ended.said().contains('\u{1b}'), "{}", ended.said());
    assert!(!ended.said().lines().any(|line| line.starts_with("::")), "{}", ended.said());
    assert!(!ended.said().contains("##["), "{}", ended.said());
}

#[cfg(unix)]
#[test]
fn the_name_of_a_committed_file_cannot_play_with_the_terminal_in_a_log() {
    let name = "x\n::error::pwn\u{1b}[31m ##[add-mask]a \u{202e}.json";
    for log in ["text", "json"] {
        let rehearsal = Rehearsal::of(UPDATES);
        rehearsal.folder.write(&format!(".portkey-sync/escrow/{name}"), "not a slot");
        let ended = rehearsal.run(&["plan", "--log-format", log]).expect(0);
        assert!(ended.stderr.contains("pwn"), "{}", ended.stderr);
        assert!(!ended.said().contains(['\u{1b}', '\u{202e}']), "{}", ended.said());
        assert!(!ended.said().lines().any(|line| line.starts_with("::")), "{}", ended.said());
        assert!(!ended.said().contains("##["), "{}", ended.said());
    }
}

#[test]
fn a_line_of_a_keys_file_is_no_command_to_a_ci_system_in_any_format() {
    let folder = Folder::new();
    for command in ["##vso[task.setvariable variable=X]evil", "##[add-mask]x", "::error::x"] {
        let unknown_field = format!("version: 1\nkeys:\n- {{name: a, \"{command}\": 1}} # {command}\n");
        let broken = format!("version: 1\nkeys: [\n\n{command}: '{command}\n");
        for file in [unknown_field, broken] {
            folder.write("keys.yaml", &file);
            let runs = ["text", "json", "sarif", "gitlab"]
                .map(|format| folder.run(&["validate", "--format", format]))
                .into_iter()
                .chain([folder.run(&["plan", "--emulator"])]);
            for ended in runs {
                let said = ended.expect(1).said();
                assert!(!said.contains("##[") && !said.contains("##vso"), "{said}");
                assert!(!said.lines().any(|line| line.trim_start().starts_with("::")), "{said}");
            }
        }
    }
}

#[test]
fn the_embedded_emulator_shows_no_secret_either() {
    let folder = Folder::new();
    folder.write("keys.yaml", include_str!("../../keys.yaml"));
    let runs = [
        folder.run(&["plan", "--emulator", "-vvv"]).expect(0),
        folder
            .run(&["apply", "--emulator", "--yes", "-vvv", "--log-format", "json"])
            .expect_all_but_what_is_kept(),
        folder.run(&["import", "--emulator", "-vvv"]).expect(0),
    ];
    let state: Value = serde_json::from_str(&folder.read(".portkey-sync/emulator.json")).unwrap();
    let issued = state["world"]["issued"].as_array().unwrap();
    assert!(issued.len() > 40);
    for secret in issued.iter().map(|issued| issued["secret"].as_str().unwrap()) {
        assert!(runs.iter().all(|ended| !ended.said().contains(secret)), "a secret was shown");
    }
}
