//! What stands at the top of the root files.

use std::fs;

use super::*;

fn load_files(files: &[(&str, &str)]) -> String {
    let folder = tempfile::tempdir().unwrap();
    for (name, text) in files {
        fs::write(folder.path().join(name), text).unwrap();
    }
    let loaded = load(&[FileArgument::Path(folder.path().to_owned())], &mut std::io::empty());
    say(&loaded).replace(&format!("{}/", folder.path().display()), "")
}

#[test]
fn the_version_is_one() {
    insta::assert_snapshot!(check("keys: []\n"), @r#"
k.yaml error missing-field: a keys file needs `version`
  hint: write `version: 1` at the top
"#);
    insta::assert_snapshot!(check("version: 2\nkeys: []\n"), @r"k.yaml:1:10 error invalid-value: `version` must be 1");
    insta::assert_snapshot!(check("version: '1'\nkeys: []\n"), @r#"
k.yaml:1:10 error wrong-type: `version` must be a whole number, not text
  hint: write `1` without quotes
"#);
}

#[test]
fn fields_at_the_top_are_known() {
    insta::assert_snapshot!(check("version: 1\norganization: x\nkey: []\nwibble: 1\nkeys: []\n"), @r#"
k.yaml:2:1 error unknown-field: a keys file has no field `organization`
  hint: write `organisation`
k.yaml:3:1 error unknown-field: a keys file has no field `key`
  hint: did you mean `keys`?
k.yaml:4:1 error unknown-field: a keys file has no field `wibble`
  hint: the fields are `version`, `organisation`, `managed_by`, `workspaces`, `scope_sets`, `known_scopes`, `sinks`, `escrow`, `include`, `templates`, `defaults`, `keys`, `policy`
"#);
}

#[test]
fn the_owner_is_one_word() {
    insta::assert_snapshot!(check("version: 1\nmanaged_by: the platform\nkeys: []\n"), @r"k.yaml:2:13 error invalid-value: `managed_by` must be one word without `[`, `]`, `=` and `,`");
    insta::assert_snapshot!(check("version: 1\nmanaged_by: 'a=b'\nkeys: []\n"), @r"k.yaml:2:13 error invalid-value: `managed_by` must be one word without `[`, `]`, `=` and `,`");
}

#[test]
fn declarations_are_checked() {
    insta::assert_snapshot!(check("version: 1
workspaces: {a b: ws-x, organisation: ws-y, c: [x]}
scope_sets: {empty: [], nested: [other], other: [logs.veiw], dotted.name: [logs.view]}
known_scopes: [brand.new, word]
keys: []
"), @r#"
k.yaml:2:14 error invalid-value: `a b` may have the letters a to z, digits, `-` and `_` only
k.yaml:2:25 error invalid-value: a workspace cannot be called `organisation`
  hint: `organisation/NAME` is the address of the organisation's own keys
k.yaml:2:48 error wrong-type: `c` must be text, not a list
k.yaml:3:21 error empty-scopes: the scope set `empty` is empty
  hint: list its scopes or remove it
k.yaml:3:34 error unknown-scope: the scope set `nested` holds `other`, which is no scope
  hint: sets hold scopes only, such as `completions.write`, and no other sets
k.yaml:3:50 error unknown-scope: there is no scope `logs.veiw`
  hint: did you mean `logs.view`?
k.yaml:3:62 error invalid-value: `dotted.name` may have the letters a to z, digits, `-` and `_` only
k.yaml:4:27 error invalid-value: `word` is no name of a scope
  hint: a scope has a dot, as in `completions.write`
"#);
    assert_eq!(
        check(
            "version: 1\nknown_scopes: [brand.new]\nkeys: [{name: a, workspace_id: ws-x, scopes: [brand.new]}]"
        ),
        ""
    );
}

#[test]
fn sinks_are_checked() {
    insta::assert_snapshot!(check("version: 1
sinks:
  gh: {command: [gh, secret, set], env: [GH_TOKEN]}
  env: {env_file: .env, variable: KEY}
  secure: {file: a, age: [age1xyz]}
  nothing: {}
  both: {file: a, command: [b]}
  up: {file: ../a}
  root: {file: /a}
  who: {file: \"{nam}\"}
keys: []
"), @r#"
k.yaml:5:27 error invalid-value: this is no recipient
  hint: write `age1…`, `ssh-ed25519 …` or `ssh-rsa …`, the public half of a pair
k.yaml:6:3 error missing-field: the sink `nothing` needs `file`, `env_file` or `command`
  hint: add one, as in `file: "secrets/{workspace}/{name}"`
k.yaml:7:19 error exclusive-fields: `file` and `command` exclude each other
  k.yaml:7:10 the other is here
  hint: keep one of them
k.yaml:8:14 error invalid-sink-path: `file` must be a path beneath the folder of the keys file, without `..`, as in `secrets/{workspace}/{name}`
k.yaml:9:16 error invalid-sink-path: `file` must be a path beneath the folder of the keys file, without `..`, as in `secrets/{workspace}/{name}`
k.yaml:10:15 error invalid-sink-path: `file` has the unknown placeholder `{nam}`; there are `{workspace}`, `{user}`, `{name}` and `{id}`
"#);
}

#[test]
fn no_sink_may_see_a_credential_of_ours_however_it_is_spelled() {
    insta::assert_snapshot!(check("version: 1
sinks:
  gh: {command: [gh], env: [GH_TOKEN, PORTKEY_ADMIN_API_KEY, Portkey_Api_Key]}
  op: {command: [op], env: [PORTKEY_EMULATOR_ADMIN_KEY, PORTKEY_SYNC_AGE_IDENTITY, PORTKEY_BASE_URL]}
keys: []
"), @r"
k.yaml:3:39 error invalid-value: `PORTKEY_ADMIN_API_KEY` is for portkey-sync alone, and no sink's program gets it
  hint: remove it; the program gets the new secret on standard input
k.yaml:3:62 error invalid-value: `Portkey_Api_Key` is for portkey-sync alone, and no sink's program gets it
  hint: remove it; the program gets the new secret on standard input
k.yaml:4:29 error invalid-value: `PORTKEY_EMULATOR_ADMIN_KEY` is for portkey-sync alone, and no sink's program gets it
  hint: remove it; the program gets the new secret on standard input
k.yaml:4:57 error invalid-value: `PORTKEY_SYNC_AGE_IDENTITY` is for portkey-sync alone, and no sink's program gets it
  hint: remove it; the program gets the new secret on standard input
");
}

#[test]
fn several_files_are_one_root() {
    let said = load_files(&[
        ("a.yaml", "version: 1\nworkspaces: {pay: ws-pay}\nmanaged_by: us\nkeys: []\n"),
        ("b.yml", "managed_by: us\nkeys: [{name: a, workspace_id: pay, scopes: [logs.view]}]\n"),
        ("ignored.txt", "nothing"),
    ]);
    assert_eq!(said, "");
}

#[test]
fn defaults_are_for_the_keys_of_their_own_file() {
    let said = load_files(&[
        ("a.yaml", "version: 1\ndefaults: {workspace_id: ws-x}\nkeys: [{name: a, scopes: [logs.view]}]\n"),
        ("b.yaml", "keys: [{name: b, scopes: [logs.view]}]\n"),
    ]);
    insta::assert_snapshot!(said, @r#"
b.yaml:1:15 error missing-field: `b` needs `workspace_id`
  hint: add `workspace_id:`, or write `type: organisation-service` if the key belongs to the organisation
"#);
}

#[test]
fn two_files_cannot_say_different_things() {
    let said = load_files(&[
        (
            "a.yaml",
            "version: 1\nmanaged_by: a\nworkspaces: {x: ws-x}\nscope_sets: {s: [logs.view]}\nsinks: {d: {file: a}}\ntemplates: {t: {}}\nkeys: []\n",
        ),
        (
            "b.yaml",
            "version: 1\nmanaged_by: b\nworkspaces: {x: ws-x}\nscope_sets: {s: [logs.list]}\nsinks: {d: {file: b}}\ntemplates: {t: {}}\nkeys: []\n",
        ),
    ]);
    insta::assert_snapshot!(said, @r#"
b.yaml:2:13 error conflicting-definitions: `managed_by` is `b` here and `a` elsewhere
  a.yaml:2:13 the other is here
  hint: keep one of them
b.yaml:3:14 error conflicting-definitions: the workspace `x` is defined twice
  a.yaml:3:14 first here
  hint: keep one of them
b.yaml:4:14 error conflicting-definitions: the scope set `s` is defined twice
  a.yaml:4:14 first here
  hint: keep one of them
b.yaml:5:9 error conflicting-definitions: the sink `d` is defined twice
  a.yaml:5:9 first here
  hint: keep one of them
b.yaml:6:13 error conflicting-definitions: the template `t` is defined twice
  a.yaml:6:13 first here
  hint: keep one of them
"#);
}

#[test]
fn a_file_is_given_once() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    fs::write(&path, "version: 1\nkeys: []\n").unwrap();
    let twice = [FileArgument::Path(path.clone()), FileArgument::Path(path)];
    let loaded = load(&twice, &mut std::io::empty());
    let codes: Vec<_> = loaded.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["file-twice"]);
}

#[test]
fn no_file_at_all_is_an_error() {
    let loaded = load(&[], &mut std::io::empty());
    assert_eq!((loaded.desired, loaded.diagnostics.len()), (None, 1));
}

#[test]
fn standard_input_has_no_folder_and_is_never_complete() {
    let loaded =
        load(&[FileArgument::from(std::path::PathBuf::from("-"))], &mut "version: 1\nkeys: []\n".as_bytes());
    let desired = loaded.desired.unwrap();
    assert_eq!((desired.folder, desired.complete), (None, false));
}
