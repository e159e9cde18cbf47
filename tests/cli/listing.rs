//! `list` and `show`, and the questions of an auditor.

use std::fs;
use std::path::Path;

use portkey_sync::emulator::{Options, Seed, Switches};
use serde_json::Value;

use crate::harness::{Ended, Folder, Rehearsal};

/// An organisation in November 2026 in which each question has an answer of its own.
const SEED: &str = r#"
clock: 2026-11-22T10:00:00Z
organisation: {id: a1b2c3d4-e5f6-4a5b-8c7d-9e0f1a2b3c4d, name: Acme}
workspaces:
  - {slug: ws-prod-1a2b3c, name: Production}
users:
  - {email: ada@example.com, first_name: Ada, role: owner}
keys:
  - {name: admin, type: organisation-service, admin: true, created_at: 2026-11-01T00:00:00Z,
     expires_at: 2027-06-01T00:00:00Z, usage_limits: {credit_limit: 5}, rate_limits: [],
     scopes: [organisation_service_api_keys.list, workspace_service_api_keys.list, workspace_user_api_keys.list,
              workspace_service_api_keys.create, workspaces.list, organisation_users.list, logs.list]}
  - {name: minter, type: workspace-service, workspace: ws-prod-1a2b3c, created_at: 2026-11-01T00:00:00Z,
     scopes: [workspace_service_api_keys.create, workspace_service_api_keys.list], expires_at: 2026-12-01T00:00:00Z,
     usage_limits: {credit_limit: 10}, rate_limits: [{type: requests, unit: rpm, value: 5}]}
  - {name: forever, type: workspace-service, workspace: ws-prod-1a2b3c, created_at: 2026-11-01T00:00:00Z,
     scopes: [completions.write], usage_limits: {credit_limit: 10}}
  - {name: free, type: workspace-service, workspace: ws-prod-1a2b3c, created_at: 2026-11-01T00:00:00Z,
     scopes: [completions.write, logs.view], expires_at: 2027-01-01T00:00:00Z, rate_limits: [{type: requests, unit: rpm, value: 0}]}
  - {name: old, id: 0aaaaaaa-0000-4000-8000-000000000001, type: workspace-service, workspace: ws-prod-1a2b3c,
     created_at: 2026-01-01T00:00:00Z, scopes: [completions.write], expires_at: 2027-01-01T00:00:00Z,
     usage_limits: {credit_limit: 10}}
  - {name: renewed, id: 0bbbbbbb-0000-4000-8000-000000000002, type: workspace-service, workspace: ws-prod-1a2b3c,
     created_at: 2026-01-01T00:00:00Z, scopes: [completions.write], expires_at: 2027-01-01T00:00:00Z,
     secret: pkAAAAAAAAAAAAAAAAAAAAAAAxyz, usage_limits: {credit_limit: 10},
     description: "Renewed [portkey-sync by=platform id=0bbbbbbb secret=pk.xyz@20261121T100000Z+48h keep]"}
  - {name: "=cmd|' /C calc'!A1", type: workspace-user, workspace: ws-prod-1a2b3c, user: ada@example.com,
     created_at: 2026-11-01T00:00:00Z, scopes: [completions.write], expires_at: 2027-01-01T00:00:00Z,
     usage_limits: {credit_limit: 10}}
"#;

/// All keys of the seed that somebody reviewed.
const KEYS: &str = "
  - name: admin
    type: organisation-service
    scopes: [organisation_service_api_keys.list, workspace_service_api_keys.list, workspace_user_api_keys.list,
             workspace_service_api_keys.create, workspaces.list, organisation_users.list, logs.list]
  - {name: minter, workspace_id: prod, scopes: [workspace_service_api_keys.create, workspace_service_api_keys.list]}
  - {name: forever, workspace_id: prod, scopes: [completions.write]}
  - {name: free, workspace_id: prod, scopes: [completions.write]}
  - {name: old, workspace_id: prod, scopes: [completions.write]}
  - {name: renewed, workspace_id: prod, scopes: [completions.write], protected: true}
";

fn rehearsal() -> Rehearsal {
    Rehearsal::with_seed(SEED, KEYS)
}

/// The first column of CSV.
fn addresses(ended: &Ended) -> Vec<String> {
    ended.stdout.lines().skip(1).filter_map(|line| line.split(',').next().map(str::to_owned)).collect()
}

/// The words of a command as a shell reads them, quotes taken off.
fn words(line: &str) -> Vec<String> {
    line.split_whitespace().skip(1).map(|word| word.trim_matches('\'').to_owned()).collect()
}

const HOSTILE: &str = "prod/ada@example.com/=cmd|' /C calc'!A1";

#[test]
fn a_misspelt_word_is_not_answered_with_nobody() {
    let rehearsal = rehearsal();
    let refused = |args: &[&str], hint: &str| {
        let ended = rehearsal.run(&[&["list"], args].concat()).expect(64);
        ended.says(hint);
    };
    refused(&["--workspace", "pord"], "did you mean `prod`?");
    refused(&["--workspace", "WS-PROD-1A2B3C"], "did you mean `ws-prod-1a2b3c`?");
    refused(&["--status", "Active"], "did you mean `active`?");
    refused(&["--status", "foo"], "no status is called `foo`");
    let ended = rehearsal.run(&["list", "--owner", "nobody-of-that-name"]).expect(0);
    ended.says("warning: no mark of a live key names the owner `nobody-of-that-name`");
    rehearsal.run(&["list", "--status", "exhausted"]).expect(0);
}

#[test]
fn the_auditors_questions_are_answered_by_one_line_each() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/auditing.md")).unwrap();
    let lines: Vec<&str> = page.lines().filter(|line| line.starts_with("portkey-sync ")).collect();
    let expected: [(&str, &[&str]); 5] = [
        ("portkey-sync list --can mints-keys", &["organisation/admin", "prod/minter"]),
        ("portkey-sync list --no-expiry", &["prod/forever"]),
        ("portkey-sync list --unmanaged", &[HOSTILE]),
        ("portkey-sync list --no-budget", &["prod/free"]),
        ("portkey-sync list --secret-older-than 90d", &["prod/old"]),
    ];
    assert_eq!(lines, expected.map(|(line, _)| line));
    let rehearsal = rehearsal();
    for (line, answer) in expected {
        let words = words(line);
        let mut args: Vec<&str> = words.iter().map(String::as_str).collect();
        args.extend(["--format", "csv"]);
        assert_eq!(addresses(&rehearsal.run(&args).expect(0)), answer, "{line}");
        assert_eq!(rehearsal.run(&args).stderr, "", "{line}");
    }
}

#[test]
fn every_command_of_the_page_on_auditing_runs() {
    let page = fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/auditing.md")).unwrap();
    let rehearsal = rehearsal();
    let keys = rehearsal.folder.read("keys.yaml");
    rehearsal
        .folder
        .write("keys.yaml", &keys.replace("{prod: ", "{payments: ").replace("id: prod", "id: payments"));
    let commands: Vec<&str> = page
        .split('`')
        .filter(|text| text.starts_with("portkey-sync list ") && !text.contains('\n'))
        .collect();
    assert!(commands.len() >= 6, "{commands:?}");
    for command in commands {
        let words = words(command);
        rehearsal.run(&words.iter().map(String::as_str).collect::<Vec<_>>()).expect(0);
    }
}

#[test]
fn filters_combine_and_values_of_one_option_add_up() {
    let rehearsal = rehearsal();
    let list = |args: &[&str]| {
        let mut all = vec!["list", "--format", "csv"];
        all.extend(args);
        addresses(&rehearsal.run(&all).expect(0))
    };
    assert_eq!(list(&[]).len(), 7);
    assert_eq!(list(&["--managed"]).len(), 6);
    assert_eq!(list(&["--expires-within", "30d"]), ["prod/minter"]);
    assert!(list(&["--expires-within", "8d"]).is_empty());
    assert!(list(&["--expired"]).is_empty());
    assert_eq!(list(&["--no-rate-limit", "--can", "logs.*"]), ["organisation/admin", "prod/free"]);
    assert_eq!(list(&["--workspace", "organisation"]), ["organisation/admin"]);
    assert_eq!(list(&["--workspace", "ws-prod-1a2b3c", "--type", "workspace-user"]), [HOSTILE]);
    assert_eq!(list(&["--type", "workspace-user", "--type", "organisation-service"]).len(), 2);
    assert_eq!(list(&["--owner", "platform"]), ["prod/renewed"]);
    assert_eq!(list(&["--owner", "nobody"]), [""; 0]);
    assert_eq!(list(&["--status", "active"]).len(), 7);
}

#[test]
fn the_table_says_how_old_a_secret_is_at_most() {
    let listed = rehearsal().run(&["list", "--workspace", "prod", "--managed"]).expect(0);
    let line = |name: &str| listed.stdout.lines().find(|line| line.starts_with(name)).unwrap().to_owned();
    assert!(line("prod/old").contains("at most 325 days"), "{}", listed.stdout);
    assert!(
        line("prod/renewed").contains("  24 hours          platform    keys.yaml:16"),
        "{}",
        listed.stdout
    );
    assert!(line("prod/free").contains("none    0 rpm (unlimited)"), "{}", listed.stdout);
    assert!(line("prod/forever").contains("never"), "{}", listed.stdout);
    assert!(line("prod/old").contains("keys.yaml:"), "{}", listed.stdout);
    listed.says("5 of 7 live keys");
}

#[test]
fn nothing_found_is_no_failure_and_an_empty_table() {
    let listed = rehearsal().run(&["list", "--expired"]).expect(0);
    assert_eq!(listed.stdout, "");
    listed.says("none of 7 live keys is like that");
    let json = rehearsal().run(&["list", "--expired", "--format", "json"]).expect(0).json();
    assert_eq!(json["keys"], Value::Array(Vec::new()));
    assert_eq!(json["live"], 7);
    assert_eq!(json["sight"]["whole"], true);
}

#[test]
fn a_spreadsheet_finds_no_formula_and_a_terminal_no_command() {
    let seed = SEED
        .replace("=cmd|' /C calc'!A1", "+1,\\\"x\\\"\\e[2J")
        .replace("by=platform id=0bbbbbbb", "by==HYPERLINK(1) id=0bbbbbbb");
    let rehearsal = Rehearsal::with_seed(&seed, KEYS);
    let csv = rehearsal.run(&["list", "--format", "csv"]).expect(0).stdout;
    assert!(csv.contains("\r\n\"prod/ada@example.com/+1,\"\"x\"\"\\u{1b}[2J\","), "{csv}");
    assert!(csv.contains(",'=HYPERLINK(1),"), "{csv}");
    let table = rehearsal.run(&["list"]).expect(0).stdout;
    let json = rehearsal.run(&["list", "--unmanaged", "--format", "json"]).expect(0);
    assert!([&csv, &table, &json.stdout].iter().all(|text| !text.contains('\u{1b}')));
    assert_eq!(json.json()["keys"][0]["name"], "+1,\"x\"\u{1b}[2J");
}

#[test]
fn a_misspelt_scope_is_an_error_and_not_nobody() {
    let listed = rehearsal().run(&["list", "--can", "completions.wirte"]).expect(64);
    listed.says("no scope is called `completions.wirte`");
    listed.says("did you mean `completions.write`?");
    let listed = rehearsal().run(&["list", "--can", "completion*.wirte", "--format", "json"]).expect(64);
    assert_eq!(listed.json()["error"]["code"], "usage");
    rehearsal().run(&["list", "--type", "workspace"]).expect(64).says("workspace-user");
}

#[test]
fn list_needs_no_keys_file_but_unmanaged_does() {
    let rehearsal = rehearsal();
    fs::remove_file(rehearsal.folder.join("keys.yaml")).unwrap();
    let listed = rehearsal.run(&["list", "--can", "*_api_keys.create", "--format", "csv"]).expect(0);
    assert_eq!(addresses(&listed), ["organisation/admin", "ws-prod-1a2b3c/minter"]);
    rehearsal.run(&["list", "--unmanaged"]).expect(64).says("--unmanaged needs keys files");
    rehearsal.run(&["list", "-f", "other.yaml"]).expect(1);
}

#[test]
fn keys_that_may_be_missing_are_said_to_be() {
    let rehearsal = {
        let seed = Seed::from_yaml_str(
            r"
workspaces: [{slug: ws-prod-1a2b3c, name: Production}]
keys:
  - {name: auditor, type: organisation-service, admin: true, scopes: [organisation_service_api_keys.list, workspaces.list]}
  - {name: alpha, type: workspace-service, workspace: ws-prod-1a2b3c, scopes: [completions.write]}
",
        );
        // Where Portkey refuses such a key the list, there is nothing to say of it.
        let switches = Some(Switches::default());
        Rehearsal::with(Options { seed: Some(seed.unwrap()), switches, ..Options::default() }, "  []\n")
    };
    fs::remove_file(rehearsal.folder.join("keys.yaml")).unwrap();
    let listed = rehearsal.run(&["list", "--quiet"]).expect(0);
    listed.says("workspace-service keys and workspace-user keys may be missing");
    let json = rehearsal.run(&["list", "--format", "json"]).expect(0).json();
    assert_eq!(json["sight"]["whole"], false);
}

#[test]
fn the_thousandth_key_is_listed() {
    let mut seed = SEED.to_owned();
    for n in 0..1_000 {
        seed += &format!(
            "  - {{name: key-{n:04}, type: workspace-service, workspace: ws-prod-1a2b3c, scopes: [completions.write], \
             usage_limits: {{credit_limit: 10}}}}\n"
        );
    }
    let rehearsal = Rehearsal::with_seed(&seed, KEYS);
    let listed = rehearsal.run(&["list", "--unmanaged", "--format", "csv"]).expect(0);
    let addresses = addresses(&listed);
    assert_eq!(addresses.len(), 1_001);
    // Keys of users stand behind the workspace's own.
    assert_eq!((addresses[999].as_str(), addresses[1_000].as_str()), ("prod/key-0999", HOSTILE));
    assert!(addresses[..1_000].is_sorted());
}

#[test]
fn one_key_is_shown_with_its_mark_its_secret_and_its_entry() {
    let rehearsal = rehearsal();
    let shown = rehearsal.run(&["show", "renewed"]).expect(0);
    shown.says("by=: managed by `platform`");
    shown.says("keep: protected from deletion");
    shown.says("issued 2026-11-21T10:00:00Z, 24 hours ago");
    shown.says("previous secret works until 2026-11-23T10:00:00Z");
    shown.says("may call completions.write");
    let shown = rehearsal.run(&["show", "prod/free"]).expect(0);
    shown.says("apply would change scopes - logs.view");
    shown.says("usage_limits none");
    let json =
        rehearsal.run(&["show", "0aaaaaaa-0000-4000-8000-000000000001", "--format", "json"]).expect(0).json();
    assert_eq!(json["key"]["address"], "prod/old");
    assert_eq!(json["key"]["secret"]["not_issued_before"], "2026-01-01T00:00:00Z");
    assert_eq!(json["differences"], Value::Array(Vec::new()));
    rehearsal.run(&["show", "renewd"]).expect(64).says("did you mean `renewed`?");
}

#[test]
fn of_two_keys_with_one_name_show_names_both() {
    let twin = "  - {name: old, id: 0ccccccc-0000-4000-8000-000000000003, type: organisation-service, scopes: [logs.view]}\n";
    let rehearsal = Rehearsal::with_seed(&format!("{SEED}{twin}"), KEYS);
    let shown = rehearsal.run(&["show", "old"]).expect(64);
    shown.says("`old` can mean 2 live keys");
    shown.says("organisation/old 0ccccccc-0000-4000-8000-000000000003");
    rehearsal.run(&["show", "organisation/old"]).expect(0).says("file in no file");
}

#[test]
fn published_documents_fit_their_schemas() {
    let rehearsal = rehearsal();
    for (of, args) in [("list", vec!["list"]), ("show", vec!["show", "renewed"])] {
        let schema = Folder::new().run(&["schema", of]).expect(0).json();
        let mut args = args;
        args.extend(["--format", "json"]);
        let document = rehearsal.run(&args).expect(0).json();
        let errors: Vec<String> = jsonschema::validator_for(&schema)
            .unwrap()
            .iter_errors(&document)
            .map(|error| error.to_string())
            .collect();
        assert!(errors.is_empty(), "{of}: {errors:?}");
    }
}

#[test]
fn list_and_show_write_nothing() {
    let rehearsal = rehearsal();
    rehearsal.run(&["list"]).expect(0);
    rehearsal.run(&["show", "old"]).expect(0);
    assert!(rehearsal.requests().iter().all(|request| request.method == "GET"));
}

#[test]
fn verbose_lists_the_scopes_themselves() {
    rehearsal().run(&["list", "-v"]).expect(0).says("completions.write, logs.view");
}
