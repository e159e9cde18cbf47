//! What the author of a pull request commits beside the keys file is neither followed, believed nor run.

use std::ffi::OsString;
use std::fs;
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::Path;

use serde_json::{Value, json};

use crate::harness::{ALPHA, CREATE, FRESH, Folder, Rehearsal, run};

/// A key that is there, that nobody has marked, and whose secret is to be delivered.
const ADOPTED: &str =
    "  - {name: alpha, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [dir]}}\n";

const SLOT: &str = ".portkey-sync/escrow/evilevilevil.json";
const JOURNAL: &str = ".portkey-sync/journal.jsonl";

fn git(folder: &Folder, args: &[&str]) {
    let mut command = std::process::Command::new("git");
    let ended = command.args(args).current_dir(folder.path()).env("HOME", folder.path()).status();
    assert!(ended.unwrap().success(), "git {args:?}");
}

/// A secret of the author's choice with the mask that everybody can see.
fn fitting(mask: &str) -> String {
    let (head, tail) = mask.split_once('*').unwrap();
    format!("{head}evilevilevilevil{}", tail.trim_matches('*'))
}

/// Plants a slot for the secret of alpha.
fn plant(rehearsal: &Rehearsal, sent_at: &str) {
    let mask = rehearsal.keys()[ALPHA]["key"].as_str().unwrap().to_owned();
    let slot = json!({
        "portkey_sync_escrow": 2, "nonce": "evilevilevil", "address": "prod/alpha", "sent_at": sent_at,
        "lease_seconds": 999_999_999, "id": ALPHA, "secret": fitting(&mask),
    });
    rehearsal.folder.write(SLOT, &slot.to_string());
}

/// Plants the journal's line for it.
fn plant_line(rehearsal: &Rehearsal) {
    let line = json!({
        "v": 1, "at": "2026-01-01T00:00:00Z", "run": "evil", "nonce": "evilevilevil", "event": "create",
        "address": "prod/alpha",
    });
    rehearsal.folder.write(JOURNAL, &format!("{line}\n"));
}

/// What the plan does with alpha; `deliver` is the planted secret on its way.
fn does(rehearsal: &Rehearsal) -> (String, String) {
    let ended = rehearsal.run(&["plan", "--format", "json"]);
    let plan: Value = ended.json();
    (plan["changes"].to_string(), ended.stderr)
}

#[test]
fn a_planted_slot_is_not_used_unless_the_journal_says_that_a_run_made_it() {
    let rehearsal = Rehearsal::of(ADOPTED);
    plant(&rehearsal, &rehearsal.time());
    let (changes, said) = does(&rehearsal);
    assert!(!changes.contains("deliver\""), "{changes}");
    assert!(said.contains("evilevilevil.json") && said.contains("no run has made it"), "{said}");
    rehearsal.apply(&[]);
    assert!(!rehearsal.folder.exists("secrets/prod/alpha") && rehearsal.folder.exists(SLOT));
    // The slot is one that would be used: with its line it is.
    plant_line(&rehearsal);
    let (changes, _) = does(&rehearsal);
    assert!(changes.contains("deliver\""), "{changes}");
}

#[test]
fn a_slot_neither_prolongs_its_own_lease_nor_comes_from_the_future() {
    let rehearsal = Rehearsal::of(ADOPTED);
    plant_line(&rehearsal);
    plant(&rehearsal, &rehearsal.time());
    rehearsal.advance("11m");
    let (changes, _) = does(&rehearsal);
    assert!(!changes.contains("deliver\""), "{changes}");
    plant(&rehearsal, "9999-01-01T00:00:00Z");
    let (changes, said) = does(&rehearsal);
    assert!(!changes.contains("deliver\""), "{changes}");
    assert!(said.contains("later than the service's clock"), "{said}");
}

#[test]
fn a_work_folder_in_which_git_tracks_something_is_refused() {
    let rehearsal = Rehearsal::of(&format!("{ADOPTED}{CREATE}"));
    plant(&rehearsal, &rehearsal.time());
    plant_line(&rehearsal);
    git(&rehearsal.folder, &["init", "-q"]);
    rehearsal.run(&["plan"]).says("prod/alpha");
    git(&rehearsal.folder, &["add", "-f", JOURNAL]);
    rehearsal.forget_requests();
    for args in [&["plan"][..], &["apply", "--yes"], &["plan", "--emulator"]] {
        let ended = rehearsal.run(args).expect(4);
        ended.says("git tracks files in the work folder `.portkey-sync`");
        ended.says("git rm -r");
    }
    assert!(rehearsal.writes().is_empty() && !rehearsal.folder.exists("secrets"));
    assert!(!rehearsal.folder.exists(".portkey-sync/lock"));
    rehearsal.apply(&["--work-dir", "another"]);
    assert!(rehearsal.folder.exists(FRESH));
}

#[test]
fn a_work_folder_that_is_a_link_is_refused() {
    let rehearsal = Rehearsal::of(CREATE);
    fs::create_dir(rehearsal.folder.join("elsewhere")).unwrap();
    symlink("elsewhere", rehearsal.folder.join(".portkey-sync")).unwrap();
    for args in [&["plan"][..], &["apply", "--yes"]] {
        rehearsal.run(args).expect(4).says("the work folder `.portkey-sync` is a symbolic link");
    }
    assert_eq!(fs::read_dir(rehearsal.folder.join("elsewhere")).unwrap().count(), 0);
}

#[test]
fn nothing_is_written_through_a_link_in_the_work_folder() {
    for name in ["journal.jsonl", ".gitignore", "lock"] {
        let rehearsal = Rehearsal::of(CREATE);
        fs::create_dir(rehearsal.folder.join(".portkey-sync")).unwrap();
        symlink("../home/bashrc", rehearsal.folder.join(".portkey-sync").join(name)).unwrap();
        fs::create_dir(rehearsal.folder.join("home")).unwrap();
        rehearsal.apply(&[]);
        assert!(!rehearsal.folder.exists("home/bashrc"), "{name}");
        if name != ".gitignore" {
            assert!(rehearsal.sent("POST", "").is_empty(), "{name}");
        }
    }
}

/// A program that writes down what it sees of the environment before it is git.
fn spy(folder: &Folder) -> OsString {
    let path = std::env::var_os("PATH").unwrap();
    let real = std::env::split_paths(&path).map(|folder| folder.join("git")).find(|git| git.is_file());
    let log = folder.join("seen.log");
    let script =
        format!("#!/bin/sh\nenv >> '{}'\nexec '{}' \"$@\"\n", log.display(), real.unwrap().display());
    executable(&folder.join("spy/git"), &script);
    std::env::join_paths(std::iter::once(folder.join("spy")).chain(std::env::split_paths(&path))).unwrap()
}

fn executable(path: &Path, script: &str) {
    fs::create_dir_all(path.parent().unwrap()).unwrap();
    fs::write(path, script).unwrap();
    fs::set_permissions(path, fs::Permissions::from_mode(0o755)).unwrap();
}

#[test]
fn git_sees_no_key_of_ours_whatever_it_is_asked() {
    let rehearsal = Rehearsal::of(CREATE);
    git(&rehearsal.folder, &["init", "-q"]);
    git(&rehearsal.folder, &["add", "keys.yaml"]);
    git(
        &rehearsal.folder,
        &["-c", "user.name=t", "-c", "user.email=t@t.example", "commit", "-q", "-m", "one"],
    );
    let path = spy(&rehearsal.folder);
    for args in [&["plan", "--base-ref", "HEAD"][..], &["apply", "--yes"]] {
        let log = rehearsal.folder.join("seen.log");
        drop(fs::remove_file(&log));
        let mut command = rehearsal.command(args);
        command.env("PATH", &path).env("PORTKEY_API_KEY", "another-key").env("GH_TOKEN", "token");
        run(command, "").expect(0);
        let seen = fs::read_to_string(&log).unwrap();
        assert!(seen.contains("GIT_TERMINAL_PROMPT=0") && seen.contains("HOME="), "{args:?}\n{seen}");
        for hidden in ["PORTKEY", "GH_TOKEN", rehearsal.admin_key()] {
            assert!(!seen.contains(hidden), "{args:?}: {hidden}\n{seen}");
        }
    }
}

/// A repository that tracks the file of the sink: no secret may go there.
fn tracking() -> Rehearsal {
    let rehearsal = Rehearsal::of(CREATE);
    rehearsal.folder.write(FRESH, "old");
    git(&rehearsal.folder, &["init", "-q"]);
    git(&rehearsal.folder, &["add", "-f", FRESH]);
    rehearsal
}

#[test]
fn nothing_turns_off_the_look_for_tracked_files() {
    // A repository of its own in the environment.
    let rehearsal = tracking();
    let other = Folder::new();
    git(&other, &["init", "-q"]);
    let mut command = rehearsal.command(&["apply", "--yes"]);
    command.env("GIT_DIR", other.join(".git")).env("GIT_WORK_TREE", rehearsal.folder.path());
    run(command, "").says("is tracked by git");
    assert_eq!(rehearsal.folder.read(FRESH), "old");

    // A folder that looks like a repository without being one.
    let rehearsal = tracking();
    let folder = rehearsal.folder.join("secrets/prod");
    for name in ["objects", "refs"] {
        fs::create_dir(folder.join(name)).unwrap();
    }
    fs::write(folder.join("HEAD"), "ref: refs/heads/main\n").unwrap();
    let config = "[core]\nrepositoryformatversion = 0\nbare = false\nworktree = .\n";
    fs::write(folder.join("config"), config).unwrap();
    rehearsal.run(&["apply", "--yes"]).says("git does not say whether it tracks");
    assert_eq!(rehearsal.folder.read(FRESH), "old");

    // A program of that name in a folder that the `PATH` names relative to the repository.
    let rehearsal = tracking();
    executable(&rehearsal.folder.join("bin/git"), "#!/bin/sh\ntouch ran\nexit 1\n");
    let mut command = rehearsal.command(&["apply", "--yes"]);
    let path = std::env::var("PATH").unwrap();
    command.env("PATH", format!("bin:./bin::{path}"));
    run(command, "").says("is tracked by git");
    assert_eq!(rehearsal.folder.read(FRESH), "old");
    let files = rehearsal.folder.files();
    assert!(!files.keys().any(|name| name.ends_with("ran")), "{:?}", files.keys());
}

#[test]
fn a_sink_s_program_comes_from_no_relative_folder_of_the_path_and_sees_no_key_of_ours() {
    let rehearsal = Rehearsal::of(&CREATE.replace("[dir]", "[store]"));
    let file = rehearsal.folder.read("keys.yaml");
    let with = |sink: &str| {
        rehearsal.folder.write("keys.yaml", &file.replace("sinks: {", &format!("sinks: {{store: {sink}, ")));
    };
    with("{command: [store-it]}");
    executable(&rehearsal.folder.join("bin/store-it"), "#!/bin/sh\ncat > got\nenv > seen\n");
    let apply = |path: &str| {
        let mut command = rehearsal.command(&["apply", "--yes", "--allow-command", "store-it"]);
        command.env("PATH", format!("{path}:{}", std::env::var("PATH").unwrap()));
        command.env("GH_TOKEN", "token").env("PORTKEY_API_KEY", "another-key");
        run(command, "")
    };
    for path in ["bin", "./bin", ":bin"] {
        apply(path).says("there is no program `store-it` on this machine");
    }
    assert!(rehearsal.sent("POST", "").is_empty() && !rehearsal.folder.exists("got"));

    for variable in ["PORTKEY_ADMIN_API_KEY", "portkey_api_key"] {
        with(&format!("{{command: [store-it], env: [GH_TOKEN, {variable}]}}"));
        let ended = apply(rehearsal.folder.join("bin").to_str().unwrap()).expect(1);
        ended.says(&format!("`{variable}` is for portkey-sync alone"));
    }
    with("{command: [store-it], env: [GH_TOKEN]}");
    apply(rehearsal.folder.join("bin").to_str().unwrap()).expect(0);
    let seen = rehearsal.folder.read("seen");
    assert!(seen.contains("GH_TOKEN=token") && !seen.contains("PORTKEY"), "{seen}");
}
