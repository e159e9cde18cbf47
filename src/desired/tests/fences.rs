//! Included files and the fences around them.

use std::fs;

use super::*;

/// What is said about `keys.yaml` with these files beside it.
fn included(root: &str, files: &[(&str, &str)]) -> String {
    let (said, _) = loaded(root, files);
    said
}

fn loaded(root: &str, files: &[(&str, &str)]) -> (String, Option<Desired>) {
    let folder = tempfile::tempdir().unwrap();
    let inside = folder.path().join("inside");
    fs::create_dir_all(inside.join("teams")).unwrap();
    fs::write(inside.join("keys.yaml"), root).unwrap();
    for (name, text) in files {
        let path = inside.join(name);
        fs::create_dir_all(path.parent().unwrap()).unwrap();
        fs::write(path, text).unwrap();
    }
    #[cfg(unix)]
    {
        fs::write(folder.path().join("secret.yaml"), "keys: []\n").unwrap();
        std::os::unix::fs::symlink("../../secret.yaml", inside.join("teams/link.yaml")).unwrap();
    }
    let loaded = load(&[FileArgument::Path(inside.join("keys.yaml"))], &mut std::io::empty());
    (say(&loaded).replace(&format!("{}/", inside.display()), ""), loaded.desired)
}

const ROOT: &str = "version: 1
workspaces: {pay: ws-pay, research: ws-res}
scope_sets: {inference: [completions.write]}
templates: {service: {scopes: [inference], workspace_id: pay}}
defaults: {description: ours}
include:
  - {files: teams/a*.yaml, workspaces: [pay], scopes: [inference, logs.write], types: [workspace-service]}
";

#[test]
fn included_keys_inherit_from_the_root_and_from_their_own_file() {
    let (said, desired) = loaded(
        ROOT,
        &[(
            "teams/a.yaml",
            "defaults: {alert_emails: [a@b.cd]}\ntemplates: {own: {scopes: [logs.write]}}\nkeys:\n  - {name: a, template: service}\n  - {name: b, template: own, workspace_id: pay}\n",
        )],
    );
    assert_eq!(said, "");
    let desired = desired.unwrap();
    assert!(desired.complete);
    let key = &desired.keys[1];
    assert_eq!(key.spec.description, Setting::Set("ours".to_owned()));
    assert_eq!(key.spec.scopes, Some(vec!["logs.write".to_owned()]));
    assert!(key.spec.alert_emails.is_managed());
}

#[test]
fn a_key_outside_the_fence_is_shown_with_the_fence() {
    let team = "keys:
  - {name: a, workspace_id: research, scopes: [inference, logs.export]}
  - {name: b, type: organisation-service, scopes: [workspaces.list]}
  - {name: c, type: workspace-user, user_id: u, workspace_id: ws-pay, scopes: [logs.write]}
  - {name: d, workspace_id: ws-res, absent: true}
";
    insta::assert_snapshot!(included(ROOT, &[("teams/a.yaml", team)]), @r#"
teams/a.yaml:2:29 error outside-fence: this file may not hold keys of the workspace `research`
  keys.yaml:7:28 this file may hold only these
  hint: change the key, or widen the fence in the root file
teams/a.yaml:2:59 error outside-fence: keys of this file may not hold `logs.export`
  keys.yaml:7:47 this file may hold only these
  hint: change the key, or widen the fence in the root file
teams/a.yaml:3:12 error outside-fence: this file may not hold keys of the organisation
  keys.yaml:7:28 this file may hold only these
  hint: change the key, or widen the fence in the root file
teams/a.yaml:3:21 error outside-fence: this file may not hold organisation-service keys
  keys.yaml:7:80 this file may hold only these
  hint: change the key, or widen the fence in the root file
teams/a.yaml:3:52 error outside-fence: keys of this file may not hold `workspaces.list`
  keys.yaml:7:47 this file may hold only these
  hint: change the key, or widen the fence in the root file
teams/a.yaml:4:21 error outside-fence: this file may not hold workspace-user keys
  keys.yaml:7:80 this file may hold only these
  hint: change the key, or widen the fence in the root file
teams/a.yaml:5:29 error outside-fence: this file may not hold keys of the workspace `research`
  keys.yaml:7:28 this file may hold only these
  hint: change the key, or widen the fence in the root file
"#);
}

#[test]
fn an_included_file_holds_keys_defaults_and_templates_only() {
    let team =
        "version: 1\nsinks: {x: {file: y}}\nknown_scopes: [a.b]\ninclude: []\ntemplates: {service: {}}\n";
    insta::assert_snapshot!(included(ROOT, &[("teams/a.yaml", team)]), @r#"
teams/a.yaml:1:1 error misplaced-field: an included file cannot hold `version`
  hint: write it in the root file
teams/a.yaml:1:1 error missing-field: an included file needs `keys`
  hint: write `keys: []` if it has none
teams/a.yaml:2:1 error misplaced-field: an included file cannot hold `sinks`
  hint: write it in the root file
teams/a.yaml:3:1 error misplaced-field: an included file cannot hold `known_scopes`
  hint: write it in the root file
teams/a.yaml:4:1 error misplaced-field: an included file cannot hold `include`
  hint: write it in the root file
teams/a.yaml:5:13 error conflicting-definitions: the template `service` is defined twice
  keys.yaml:4:13 first here
  hint: keep one of them
"#);
    insta::assert_snapshot!(included(ROOT, &[("teams/a.yaml", "")]), @r#"
teams/a.yaml:1:1 error empty-file: the file is empty
  hint: write `keys: []` if it has none
"#);
    insta::assert_snapshot!(included(ROOT, &[("teams/a.yaml", "keys:\n")]), @r#"
teams/a.yaml:1:1 error wrong-type: `keys` must be a list, not nothing
  hint: write `keys: []` if there are no keys
"#);
}

#[test]
fn a_template_of_one_file_is_unknown_in_another() {
    insta::assert_snapshot!(included(ROOT, &[
        ("teams/a1.yaml", "templates: {own: {}}\nkeys: []\n"),
        ("teams/a2.yaml", "keys: [{name: a, template: own, workspace_id: pay, scopes: [inference]}]\n"),
    ]), @r#"
teams/a2.yaml:1:28 error unknown-template: there is no template `own`
  hint: define it: `templates: {own: {…}}`
"#);
}

#[test]
fn a_pattern_matches_something_and_stays_inside() {
    insta::assert_snapshot!(included("version: 1
include:
  - {files: nowhere/*.yaml}
  - {files: [../secret.yaml, /etc/*.yaml, \"a[\"]}
  - {files: teams/link.yaml}
  - {workspaces: [pya]}
", &[]), @r#"
keys.yaml:3:13 error include-nothing: `nowhere/*.yaml` matches no file
  hint: correct the pattern, or remove it if the files are gone for good
keys.yaml:4:14 error include-outside: `../secret.yaml` must stay beneath the folder of the root file, without `..`
  hint: move the file beneath that folder, or give it with `-f` as well
keys.yaml:4:30 error include-outside: `/etc/*.yaml` must be relative to the folder of the root file, with `/`
  hint: move the file beneath that folder, or give it with `-f` as well
keys.yaml:4:43 error invalid-value: `a[` is no pattern: unclosed character class; missing ']'
keys.yaml:5:13 error include-outside: `teams/link.yaml` finds `teams/link.yaml`, a link that leads out of the folder
  hint: move the file beneath that folder, or give it with `-f` as well
keys.yaml:6:5 error missing-field: an entry of `include` needs `files`
  hint: add it, as in `files: "teams/payments/*.yaml"`
keys.yaml:6:19 error unknown-workspace: there is no workspace `pya`
  hint: declare it at the top of the root file: `workspaces: {pya: ws-…}`, or write its slug or UUID
"#);
}

#[test]
fn a_file_is_included_once() {
    let root = "version: 1\ninclude: [{files: \"teams/a*.yaml\"}, {files: [\"**/ab.yaml\", keys.yaml]}]\n";
    insta::assert_snapshot!(included(root, &[("teams/ab.yaml", "keys: []\n")]), @r#"
keys.yaml:2:46 error file-twice: `teams/ab.yaml` is read twice, before as `teams/ab.yaml`
  hint: let only one argument or `include` entry find it
keys.yaml:2:60 error file-twice: `keys.yaml` is read twice, before as `keys.yaml`
  hint: let only one argument or `include` entry find it
"#);
}

#[test]
fn standard_input_cannot_include() {
    let loaded = load(&[FileArgument::Stdin], &mut ROOT.as_bytes());
    insta::assert_snapshot!(say(&loaded), @r#"
<stdin>:6:1 error misplaced-field: standard input cannot include files, because it lies in no folder
  hint: name the root file with `-f`, or give the other files with `-f` as well
"#);
}

#[test]
fn a_file_behind_a_fence_replaces_no_key() {
    let team = "keys:\n- {name: a, workspace_id: pay, scopes: [inference], replaces: 183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2}\n";
    let said = included(ROOT, &[("teams/a.yaml", team)]);
    assert!(said.contains("outside-fence") && said.contains("may not replace keys"), "{said}");
    let open =
        ROOT.replace(", workspaces: [pay], scopes: [inference, logs.write], types: [workspace-service]", "");
    assert_eq!(included(&open, &[("teams/a.yaml", team)]), "");
}
