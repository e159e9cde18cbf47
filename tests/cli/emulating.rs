//! `portkey-sync emulator`: what a user sees of it, and rehearsals seeded from keys files.

use std::io::{BufRead, BufReader, Read};
use std::process::{Child, Command, Stdio};

use crate::harness::{Folder, run};

/// An emulator that runs as a process of its own.
struct Served {
    child: Child,
    base_url: String,
}

impl Served {
    /// Starts one on a free port, and waits until it listens.
    fn start(folder: &Folder, more: &[&str]) -> Self {
        let mut args =
            vec!["emulator", "--listen", "127.0.0.1:0", "--admin-key", "rehearsal-secret-000000000adm"];
        args.extend(more);
        let mut command = folder.command(&args);
        command.stdout(Stdio::piped()).stderr(Stdio::piped()).stdin(Stdio::null());
        let mut child = command.spawn().unwrap();
        let mut line = String::new();
        BufReader::new(child.stdout.take().unwrap()).read_line(&mut line).unwrap();
        let base_url = line.trim().strip_prefix("listening on ").expect(&line).to_owned();
        Self { child, base_url }
    }

    fn run(&self, folder: &Folder, args: &[&str]) -> crate::harness::Ended {
        let mut command = folder.command(args);
        command.env("PORTKEY_BASE_URL", &self.base_url);
        command.env("PORTKEY_ADMIN_API_KEY", "rehearsal-secret-000000000adm");
        run(command, "")
    }

    /// Ends it as a container is ended, and returns what it said.
    fn end(mut self) -> String {
        let id = self.child.id().to_string();
        // The shell's own: a small machine has no program of that name.
        let ended = Command::new("sh").args(["-c", &format!("kill -TERM {id}")]).status();
        assert!(ended.unwrap().success());
        assert_eq!(self.child.wait().unwrap().code(), Some(0));
        let mut said = String::new();
        self.child.stderr.take().unwrap().read_to_string(&mut said).unwrap();
        said
    }
}

/// Keys of every type with every field, by slug and by UUID, twice the same name.
const FULL: &str = "
version: 1
managed_by: platform
organisation: a1b2c3d4-e5f6-4a5b-8c7d-9e0f1a2b3c4d
workspaces: {prod: ws-prod-1a2b3c}
keys:
  - name: full
    workspace_id: prod
    description: Everything
    scopes: [completions.write, prompts.render]
    rate_limits: [{type: requests, unit: rpm, value: 100}, {type: tokens, unit: rpd, value: 5000}]
    usage_limits: {type: cost, credit_limit: 500.5, alert_threshold: 400, periodic_reset: monthly}
    metadata: {team: a, stage: null}
    config_id: pc-routing-9f8e
    allow_config_override: false
    alert_emails: [a@example.com]
    expires_at: 2040-06-30T00:00:00Z
    rotation_policy: {rotation_period_days: 90, key_transition_period_ms: 3600000}
    protected: true
  - {name: bare, workspace_id: prod, scopes: [logs.view], description: null, metadata: null, usage_limits: null}
  - {name: elsewhere, workspace_id: 7d1f2c0e-4b0e-4b8e-9a55-0000000000aa, scopes: [logs.view]}
  - {name: person, type: workspace-user, workspace_id: prod, user_id: ada@example.com, scopes: [completions.write]}
  - {name: other, type: workspace-user, workspace_id: prod, user_id: 7d1f2c0e-4b0e-4b8e-9a55-0000000000bb,
     scopes: [completions.write]}
  - {name: ci, type: organisation-service, scopes: [workspaces.list]}
  - {name: twin, workspace_id: prod, scopes: [logs.view], id: 7d1f2c0e-4b0e-4b8e-9a55-0000000000c1}
  - {name: twin, workspace_id: prod, scopes: [logs.list], id: 7d1f2c0e-4b0e-4b8e-9a55-0000000000c2}
  - {name: gone, workspace_id: prod, absent: true}
";

#[test]
fn a_keys_file_is_a_seed_from_which_it_has_nothing_to_do() {
    for owner in ["managed_by: platform\n", ""] {
        let folder = Folder::new();
        folder.write("keys.yaml", &FULL.replace("managed_by: platform\n", owner));
        let plan = folder.run(&["plan", "--emulator", "--seed", "keys.yaml", "--detailed-exitcode"]);
        assert_eq!(plan.code, 0, "{}", plan.said());
    }
}

#[test]
fn a_change_to_a_keys_file_is_rehearsed_against_the_file_before_it() {
    let folder = Folder::new();
    folder.write("main.yaml", FULL);
    folder.write("keys.yaml", &FULL.replace("value: 100}", "value: 200}"));
    let plan =
        folder.run(&["plan", "--emulator", "--seed", "main.yaml", "--format", "json"]).expect(0).json();
    assert_eq!(plan["counts"]["changes"], 1, "{plan}");
    assert_eq!(plan["changes"][0]["address"], "prod/full");
    folder.run(&["apply", "--emulator", "--yes"]).expect(0);
    folder.run(&["plan", "--emulator", "--detailed-exitcode"]).expect(0);
}

#[test]
fn a_seeded_key_has_its_delivered_secret_and_its_reset_behind_it() {
    let keys = "version: 1
managed_by: platform
workspaces: {prod: ws-prod-1a2b3c}
sinks:
  vault: {file: 'secrets/{name}'}
keys:
  - name: delivered
    workspace_id: prod
    scopes: [completions.write]
    secret: {deliver_to: [vault], rotate_after: 2025-02-01}
  - name: reset
    workspace_id: prod
    scopes: [completions.write]
    usage_limits: {type: cost, credit_limit: 10}
    usage_reset_after: 2026-03-01T00:00:00Z
  - name: later
    workspace_id: prod
    scopes: [completions.write]
    usage_limits: {type: cost, credit_limit: 10}
    usage_reset_after: 2199-03-01T00:00:00Z
";
    let folder = Folder::new();
    folder.write("main.yaml", keys);
    folder.write(
        "keys.yaml",
        &keys.replace(
            "credit_limit: 10}\n    usage_reset_after: 2026",
            "credit_limit: 20}\n    usage_reset_after: 2026",
        ),
    );
    let plan =
        folder.run(&["plan", "--emulator", "--seed", "main.yaml", "--format", "json"]).expect(0).json();
    assert_eq!(plan["counts"]["changes"], 1, "{plan:#}");
    assert_eq!(plan["changes"][0]["address"], "prod/reset");
    assert_eq!(plan["changes"][0]["action"], "update");
    assert_eq!(plan["blocked"], serde_json::json!([]));
}

#[test]
fn what_import_writes_is_a_seed_that_holds_the_same() {
    let folder = Folder::new();
    let seed = format!("{}/examples/organisation.yaml", env!("CARGO_MANIFEST_DIR"));
    let first = Served::start(&folder, &["--seed", &seed]);
    let imported = first.run(&folder, &["import", "--include-automatic"]).expect(0).stdout;
    first.end();
    folder.write("keys.yaml", &imported);
    let second = Served::start(&folder, &["--seed", "keys.yaml"]);
    let plan = second.run(&folder, &["plan", "--detailed-exitcode"]);
    assert_eq!(plan.code, 0, "{}\n{imported}", plan.said());
    second.end();
}

#[test]
fn a_keys_file_with_mistakes_is_no_seed_and_says_where_they_are() {
    let folder = Folder::new();
    folder.write("keys.yaml", FULL);
    folder.write(
        "seed.yaml",
        "version: 1\nkeys:\n  - {name: k, workspace_id: ws-a, scopes: [completion.write], colour: red}\n",
    );
    let ended = folder.run(&["plan", "--emulator", "--seed", "seed.yaml"]).expect(1);
    ended.says("colour");
    ended.says("seed.yaml:3");
    ended.says("the keys file `seed.yaml` cannot be a seed");
    folder.write("seed.yaml", "version: 1\nkeys: [\n");
    folder.run(&["plan", "--emulator", "--seed", "seed.yaml"]).expect(1).says("seed.yaml:");
    folder.write("seed.yaml", "keys:\n  - {name: k, type: workspace-service, scopes: []}\n");
    let ended = folder.run(&["plan", "--emulator", "--seed", "seed.yaml"]).expect(1);
    ended.says("needs a `workspace`");
    folder.write("seed.yaml", "keyz: []\n");
    let ended = folder.run(&["plan", "--emulator", "--seed", "seed.yaml"]).expect(1);
    ended.says("a keys file has `version: 1` at its top");
    folder
        .run(&["plan", "--emulator", "--seed", "nowhere.yaml"])
        .expect(1)
        .says("`nowhere.yaml` cannot be read");
}

#[test]
fn a_seed_that_would_not_be_used_is_wrong_usage() {
    let folder = Folder::new();
    folder.write("keys.yaml", FULL);
    folder.run(&["plan", "--emulator"]);
    let ended = folder.run(&["plan", "--emulator", "--seed", "keys.yaml"]).expect(64);
    ended.says("the seed `keys.yaml` would not be used");
    ended.says("another work folder with --work-dir, or delete .portkey-sync/emulator.json");
    let other = ["plan", "--emulator", "--seed", "keys.yaml", "--work-dir", "other", "--detailed-exitcode"];
    folder.run(&other).expect(0);

    Served::start(&folder, &["--state", "state.json"]).end();
    folder
        .run(&["emulator", "--listen", "127.0.0.1:0", "--state", "state.json", "--seed", "keys.yaml"])
        .expect(64)
        .says("add --reset to start from the seed");
    let said = Served::start(&folder, &["--state", "state.json", "--seed", "keys.yaml", "--reset"]).end();
    assert!(said.contains("2 workspaces, 2 users and 9 keys, kept in state.json"), "{said}");
    let said = Served::start(&folder, &["--state", "state.json"]).end();
    assert!(said.contains("9 keys, as state.json has it"), "{said}");
}

#[test]
fn it_says_how_to_talk_to_it_unless_the_key_was_given() {
    let folder = Folder::new();
    let said = Served::start(&folder, &[]).end();
    assert!(said.contains("It holds 1 workspace, 1 user and 1 key, forgotten when it ends."), "{said}");
    assert!(!said.contains("export"), "{said}");

    let mut command = folder.command(&["emulator", "--listen", "127.0.0.1:0"]);
    command.stdout(Stdio::piped()).stderr(Stdio::piped());
    let mut child = command.spawn().unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines().map(Result::unwrap);
    let url =
        lines.find_map(|line| line.strip_prefix("export PORTKEY_BASE_URL=").map(str::to_owned)).unwrap();
    let key =
        lines.find_map(|line| line.strip_prefix("export PORTKEY_ADMIN_API_KEY=").map(str::to_owned)).unwrap();
    let mut import = folder.command(&["import"]);
    import.env("PORTKEY_BASE_URL", url).env("PORTKEY_ADMIN_API_KEY", key);
    run(import, "").expect(0);
    child.kill().unwrap();
    child.wait().unwrap();
}

#[test]
fn each_request_is_one_line_with_its_caller_and_the_reason_of_a_refusal() {
    let folder = Folder::new();
    folder
        .write("faults.yaml", "[{name: \"slow \\a\", path_contains: current_page=0, then: {delay_ms: 1}}]\n");
    folder.write("seed.yaml", "
clock: 2026-11-23T09:00:00Z
workspaces: [{slug: ws-a, name: A}]
keys:
  - {name: ci, type: organisation-service, secret: ci-secret-0000000000000ci, scopes: [workspace_service_api_keys.list]}
  - {name: old, type: workspace-service, workspace: ws-a, scopes: [], expires_at: 2026-11-22T00:00:00Z}
");
    let served = Served::start(&folder, &["--seed", "seed.yaml", "--faults", "faults.yaml"]);
    served.run(&folder, &["plan", "-f", "/dev/null"]);
    let mut import = folder.command(&["import"]);
    import
        .env("PORTKEY_BASE_URL", &served.base_url)
        .env("PORTKEY_ADMIN_API_KEY", "ci-secret-0000000000000ci");
    run(import, "");
    let said = served.end();
    let line = said.lines().find(|line| line.contains("by ci")).expect(&said);
    assert!(line.starts_with("09:00:0"), "{line}");
    assert!(said.contains("GET    /v1/api-keys?"), "{said}");
    assert!(said.contains("403 AB03") && said.contains("by ci: needs workspaces.list"), "{said}");
    assert!(said.contains("worker old: marked as expired"), "{said}");
    assert!(said.contains("[slow \u{fffd}: delay_ms]") && !said.contains('\u{7}'), "{said}");
    assert!(!said.contains("secret-00"), "{said}");

    let quiet = Served::start(&folder, &["--quiet"]);
    quiet.run(&folder, &["import"]).expect(0);
    assert_eq!(quiet.end(), "");
    let json = Served::start(&folder, &["--log-format", "json"]);
    json.run(&folder, &["import"]).expect(0);
    let said = json.end();
    let line = said.lines().find(|line| line.contains("GET    /v1/api-keys")).expect(&said);
    let line: serde_json::Value = serde_json::from_str(line).unwrap();
    assert_eq!(line["target"], "emulator");
}

#[test]
fn what_keeps_it_from_starting_comes_with_a_remedy() {
    let folder = Folder::new();
    let served = Served::start(&folder, &["--state", "state.json"]);
    let port = served.base_url.strip_prefix("http://").unwrap().strip_suffix("/v1").unwrap().to_owned();
    let start = |args: &[&str]| folder.run(&[&["emulator"], args].concat()).expect(1);
    start(&["--listen", &port]).says("choose a free port with --listen 127.0.0.1:0");
    start(&["--listen", "127.0.0.1:0", "--state", "state.json"]).says("end the other emulator");
    start(&["--listen", "0.0.0.0:0"]).says("--allow-non-loopback");
    served.end();
    folder.write("state.json", "{");
    start(&["--listen", "127.0.0.1:0", "--state", "state.json"]).says("add --reset");
    folder.write("faults.yaml", "[{then: {}}]");
    start(&["--listen", "127.0.0.1:0", "--faults", "faults.yaml"])
        .says("faults.yaml: fault 1: `then` names no effect");
}
