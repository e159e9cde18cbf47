//! Secrets that reached this machine and could not go on: other sinks get them, an encrypted escrow keeps them, and a
//! disk that is full or read-only loses none.

use std::fs;
use std::path::Path;
use std::process::Command;

use age::secrecy::ExposeSecret;
use age::x25519::Identity;

use crate::harness::{FRESH, Rehearsal, SEED, run};

const BOTH: &str = "  - {name: fresh, workspace_id: prod, scopes: [completions.write], secret: {deliver_to: [store, dir]}}\n";

/// Allows the program that stands in for a store.
const APPLY: [&str; 4] = ["apply", "--yes", "--allow-command", "./store.sh"];

fn script(rehearsal: &Rehearsal, text: &str) {
    use std::os::unix::fs::PermissionsExt;
    rehearsal.folder.write("store.sh", &format!("#!/bin/sh\n{text}\n"));
    let executable = fs::Permissions::from_mode(0o755);
    fs::set_permissions(rehearsal.folder.join("store.sh"), executable).unwrap();
}

/// A key for two sinks, the first of which is a program.
fn with_store(root: &str) -> Rehearsal {
    let rehearsal = Rehearsal::of(BOTH);
    let file = rehearsal.folder.read("keys.yaml");
    let file = file.replace("sinks: {", &format!("{root}sinks: {{store: {{command: [./store.sh]}}, "));
    rehearsal.folder.write("keys.yaml", &file);
    script(&rehearsal, "cat > /dev/null; exit 1");
    rehearsal
}

#[test]
fn a_sink_that_fails_keeps_the_secret_from_no_other_sink_and_is_tried_again_alone() {
    let rehearsal = with_store("");
    let ended = rehearsal.run(&APPLY).expect(3);
    ended.says("`store` did not take it");
    ended.says("it was delivered to `dir`");
    let secret = rehearsal.folder.read(FRESH);
    assert!(rehearsal.opens(&secret));

    script(&rehearsal, "cat > got");
    rehearsal.forget_requests();
    rehearsal.run(&APPLY).expect(0);
    assert_eq!(rehearsal.folder.read("got"), secret, "the same secret, and no other one");
    assert!(rehearsal.sent("POST", "").is_empty());
    assert_eq!(rehearsal.folder.escrow(), Vec::<String>::new());
}

#[test]
fn what_an_earlier_run_had_still_to_empty_is_emptied_and_said() {
    let rehearsal = with_store("");
    rehearsal.run(&APPLY).expect(3);
    let slots = rehearsal.folder.held();
    let [slot] = slots.as_slice() else { panic!("{slots:?}") };
    let content = rehearsal.folder.read(slot);
    script(&rehearsal, "cat > got");
    rehearsal.run(&APPLY).expect(0);
    assert_eq!(rehearsal.folder.escrow(), Vec::<String>::new());

    // As a run leaves it that ends between the commit and this.
    rehearsal.folder.write(slot, &content);
    let permissions = std::os::unix::fs::PermissionsExt::from_mode(0o600);
    fs::set_permissions(rehearsal.folder.join(slot), permissions).unwrap();
    rehearsal.forget_requests();
    let ended = rehearsal.run(&APPLY).expect(0);
    ended.says("an earlier run delivered the secret of prod/fresh and ended before it was done");
    assert_eq!(rehearsal.folder.escrow(), Vec::<String>::new());
    assert!(rehearsal.writes().is_empty());
}

#[test]
fn what_an_earlier_run_delivered_is_not_said_to_be_delivered_again() {
    let rehearsal = with_store("");
    let file = rehearsal.folder.read("keys.yaml");
    let file = file.replace("[store, dir]", "[store, other]");
    let file = file.replace("sinks: {", "sinks: {other: {command: [./store.sh, again]}, ");
    rehearsal.folder.write("keys.yaml", &file);
    script(&rehearsal, "cat > /dev/null; echo $1 >> calls; test -z $1");
    rehearsal.run(&APPLY).expect(3).says("1 secret delivered to ./store.sh.");
    // Again, and nothing is delivered.
    let ended = rehearsal.run(&APPLY).expect(3);
    ended.says("Delivered by an earlier run, and not again: ./store.sh.");
    ended.says("it had been delivered before to `store`");
    assert!(!ended.said().contains("1 secret delivered"), "{}", ended.said());
    script(&rehearsal, "cat > /dev/null; echo $1 >> calls");
    let mut args = APPLY.to_vec();
    args.extend(["--format", "json"]);
    let report = rehearsal.run(&args).expect(0).json();
    let change = &report["changes"][0];
    let sinks = |field: &str| {
        let places = change[field].as_array().unwrap().iter();
        places.map(|place| place["sink"].as_str().unwrap().to_owned()).collect::<Vec<_>>()
    };
    assert_eq!(
        (sinks("delivered"), sinks("delivered_before")),
        (vec!["other".to_owned()], vec!["store".to_owned()])
    );
    assert_eq!(rehearsal.folder.read("calls"), "\nagain\nagain\nagain\n");
}

#[test]
fn several_sinks_that_fail_are_all_named() {
    let rehearsal = with_store("");
    let file = rehearsal.folder.read("keys.yaml");
    let file = file.replace("[store, dir]", "[store, other]");
    let file = file.replace("sinks: {", "sinks: {other: {command: [./store.sh, again]}, ");
    rehearsal.folder.write("keys.yaml", &file);
    let ended = rehearsal.run(&APPLY).expect(3);
    ended.says("`store` did not take it");
    ended.says("`other` did not take it either: `./store.sh` ended with 1");
}

#[test]
fn an_encrypted_escrow_goes_on_with_its_identity_and_is_a_rescue_copy_without() {
    let identity = Identity::generate();
    for has_identity in [true, false] {
        let rehearsal = with_store(&format!("escrow: {{age: [{}]}}\n", identity.to_public()));
        rehearsal.folder.write("key.txt", identity.to_string().expose_secret());
        rehearsal.run(&APPLY).expect(3).says("encrypted to 1 recipient");
        let secret = rehearsal.folder.read(FRESH);
        let slots = rehearsal.folder.escrow();
        let slot = rehearsal.folder.read(&slots[0]);
        assert!(!slot.contains(&secret) && slot.contains("BEGIN AGE ENCRYPTED FILE"));

        script(&rehearsal, "cat > got");
        rehearsal.forget_requests();
        if has_identity {
            rehearsal.run(&[&APPLY[..], &["--age-identity", "key.txt"]].concat()).expect(0);
            assert_eq!(rehearsal.folder.read("got"), secret);
            assert!(rehearsal.sent("POST", "").is_empty(), "nothing was issued again");
        } else {
            rehearsal.run(&["plan"]).expect(0).says("with --age-identity PATH this run would deliver it");
            rehearsal.run(&APPLY).expect(0);
            assert_ne!(rehearsal.folder.read("got"), secret);
        }
        assert!(rehearsal.opens(&rehearsal.folder.read("got")));
        assert_eq!(rehearsal.folder.read("got"), rehearsal.folder.read(FRESH));
        rehearsal.advance("45m");
        rehearsal.run(&APPLY).expect(0);
        assert_eq!(rehearsal.folder.escrow(), Vec::<String>::new());
    }
}

#[test]
fn a_file_without_an_identity_is_told_before_anything_is_done() {
    let rehearsal = with_store("");
    rehearsal.folder.write("key.txt", "AGE-SECRET-KEY-1NONSENSE\n");
    rehearsal.forget_requests();
    let ended = rehearsal.run(&["apply", "--yes", "--age-identity", "key.txt"]).expect(1);
    ended.says("`key.txt` holds no identity");
    assert!(!ended.said().contains("NONSENSE"));
    assert!(rehearsal.writes().is_empty());
}

/// The same command by a shell that lets no file grow beyond 32 blocks, as a full disk does.
fn on_a_full_disk(command: &Command) -> Command {
    let mut limited = Command::new("sh");
    let limit = "trap '' XFSZ; ulimit -f 32; exec \"$0\" \"$@\"";
    limited.args(["-c", limit]).arg(command.get_program()).args(command.get_args());
    limited.env_clear().envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    limited.current_dir(command.get_current_dir().unwrap());
    limited
}

#[test]
fn a_sink_on_a_full_disk_leaves_the_secret_in_the_escrow_and_its_other_lines_alone() {
    let rehearsal = Rehearsal::of(&BOTH.replace("[store, dir]", "[env]"));
    let file = rehearsal.folder.read("keys.yaml");
    let sink = "sinks: {env: {env_file: secrets.env, variable: \"{name}\"}, ";
    rehearsal.folder.write("keys.yaml", &file.replace("sinks: {", sink));
    let full = "# a line of a file that has no room left\n".repeat(2000);
    rehearsal.folder.write("secrets.env", &full);

    let command = on_a_full_disk(&rehearsal.command(&["apply", "--yes"]));
    let ended = run(command, "").expect(3);
    ended.says("`env` did not take it");
    ended.says("File too large");
    assert_eq!(rehearsal.folder.read("secrets.env"), full);
    assert_eq!(rehearsal.folder.held().len(), 1);

    rehearsal.forget_requests();
    rehearsal.run(&["apply", "--yes"]).expect(0);
    assert!(rehearsal.sent("POST", "").is_empty());
    let text = rehearsal.folder.read("secrets.env");
    let line = text.lines().find_map(|line| line.strip_prefix("FRESH=")).unwrap();
    assert!(rehearsal.opens(line));
    assert!(text.starts_with(&full));
}

#[test]
fn an_import_onto_a_full_disk_leaves_no_half_file_that_a_later_run_would_take_for_a_whole_one() {
    let many: String = (0..500)
        .map(|n| format!("  - {{name: key-{n}, type: organisation-service, scopes: [workspaces.list]}}\n"))
        .collect();
    let rehearsal = Rehearsal::with_seed(&format!("{SEED}{many}"), "");
    let import = rehearsal.command(&["import", "-o", "imported.yaml"]);
    run(on_a_full_disk(&import), "").expect(1).says("`imported.yaml` cannot be written");
    assert_eq!(rehearsal.folder.files().into_keys().collect::<Vec<_>>(), ["keys.yaml"]);
    run(import, "").expect(0);
    assert!(rehearsal.folder.read("imported.yaml").len() > 32 * 1024);
}

/// The same command by somebody for whom permissions count: root may write anywhere.
#[cfg(target_os = "linux")]
fn as_nobody(rehearsal: &Rehearsal, args: &[&str]) -> Command {
    use std::os::unix::fs::{MetadataExt, chown};
    use std::os::unix::process::CommandExt;
    const NOBODY: u32 = 65534;
    fn give(path: &Path) {
        chown(path, Some(NOBODY), Some(NOBODY)).unwrap();
        if path.is_dir() {
            for entry in fs::read_dir(path).unwrap() {
                give(&entry.unwrap().path());
            }
        }
    }
    let command = rehearsal.command(args);
    if fs::metadata("/proc/self").unwrap().uid() != 0 {
        return command;
    }
    // Nobody may not be let into the folder of the program. Another process copies it: a program that starts in
    // another test just then would inherit our open file, and a file that is open for writing cannot be run.
    let copy = rehearsal.folder.join("portkey-sync");
    assert!(Command::new("cp").arg(command.get_program()).arg(&copy).status().unwrap().success());
    give(rehearsal.folder.path());
    let mut other = Command::new(copy);
    other.args(args).uid(NOBODY).gid(NOBODY).current_dir(rehearsal.folder.path()).env_clear();
    other.envs(command.get_envs().filter_map(|(name, value)| Some((name, value?))));
    other
}

#[cfg(target_os = "linux")]
#[test]
fn a_read_only_folder_is_seen_before_the_key_is_created() {
    use std::os::unix::fs::PermissionsExt;
    let rehearsal = Rehearsal::of(&BOTH.replace("[store, dir]", "[dir]"));
    rehearsal.folder.write("secrets/prod/.keep", "");
    let folder = rehearsal.folder.join("secrets/prod");
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o500)).unwrap();
    let ended = run(as_nobody(&rehearsal, &["apply", "--yes"]), "").expect(1);
    ended.says("the key was not created, since `dir` could not take its secret");
    ended.says("Permission denied");
    assert!(rehearsal.sent("POST", "").is_empty());
    fs::set_permissions(&folder, fs::Permissions::from_mode(0o700)).unwrap();
    run(as_nobody(&rehearsal, &["apply", "--yes"]), "").expect(0);
    assert!(rehearsal.opens(&rehearsal.folder.read(FRESH)));
}

/// The file without its entries.
fn without_entries(rehearsal: &Rehearsal) -> String {
    let file = rehearsal.folder.read("keys.yaml");
    file.split_at(file.find("  - {name: fresh").unwrap()).0.to_owned()
}

#[test]
fn a_held_secret_whose_entry_is_gone_is_named_with_what_to_do() {
    let rehearsal = with_store("");
    rehearsal.run(&APPLY).expect(3);
    let slot = rehearsal.folder.escrow().remove(0);
    let slot = Path::new(&slot).file_name().unwrap().to_str().unwrap();
    let plain = "  - {name: fresh, workspace_id: prod, scopes: [completions.write]}\n";
    let other = "  - {name: other, workspace_id: prod, absent: true}\n";
    let whole = rehearsal.folder.read("keys.yaml");
    let rest = without_entries(&rehearsal);
    for (entry, code) in [(other, 0), (plain, 4)] {
        rehearsal.folder.write("keys.yaml", &format!("{rest}{entry}"));
        for args in [["plan"].as_slice(), &APPLY] {
            let ended = rehearsal.run(args);
            assert!(ended.code == code || args[0] == "plan", "{}", ended.said());
            // Long lines are broken, so only words are looked for.
            for word in ["prod/fresh", slot, "deliver_to", "live"] {
                ended.says(word);
            }
        }
    }
    let plan = rehearsal.run(&["plan", "--format", "json"]).json();
    assert_eq!(plan["notes"][0]["code"], "held-without-key", "{plan:#}");
    rehearsal.folder.write("keys.yaml", &whole);
    let plan = rehearsal.run(&["plan", "--format", "json"]).expect(0).json();
    assert!(!plan["notes"].to_string().contains("held-without-key"), "{plan:#}");
}

#[test]
fn a_held_secret_goes_before_everything_that_is_new() {
    let rehearsal = with_store("");
    let file = rehearsal.folder.read("keys.yaml").replace("name: fresh", "name: zz");
    rehearsal.folder.write("keys.yaml", &file);
    rehearsal.run(&APPLY).expect(3);
    script(&rehearsal, "cat > got");
    let new = BOTH.replace("[store, dir]", "[dir]");
    let more = new.replace("name: fresh", "name: aa") + &new.replace("name: fresh", "name: bb");
    rehearsal.folder.write("keys.yaml", &format!("{file}{more}"));
    rehearsal.forget_requests();
    rehearsal.run(&[&APPLY[..], &["--concurrency", "8"]].concat()).expect(0);
    let writes: Vec<String> = rehearsal.writes().into_iter().map(|seen| seen.method).collect();
    assert_eq!(writes, ["PUT", "POST", "POST", "PUT", "PUT"]);
    assert_eq!(rehearsal.folder.read("got"), rehearsal.folder.read("secrets/prod/zz"));
}
