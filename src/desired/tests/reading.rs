//! From bytes to a tree: what is no YAML, what is YAML to some, and what is too much.

use std::fs;
use std::time::{Duration, Instant};

use super::*;

const FINE: &str = "version: 1\nkeys: []\n";

fn load_bytes(bytes: &[u8]) -> String {
    say(&load(&[FileArgument::Stdin], &mut &*bytes))
}

#[test]
fn no_keys_are_said_explicitly() {
    assert_eq!(check(FINE), "");
    insta::assert_snapshot!(check("version: 1\nkeys:\n"), @r#"
k.yaml:2:1 error wrong-type: `keys` must be a list, not nothing
  hint: write `keys: []` if there are no keys
"#);
    insta::assert_snapshot!(check("version: 1\nkeys: null\n"), @r#"
k.yaml:2:7 error wrong-type: `keys` must be a list, not nothing
  hint: write `keys: []` if there are no keys
"#);
    insta::assert_snapshot!(check("version: 1\nkeys: {}\n"), @r"k.yaml:2:7 error wrong-type: `keys` must be a list, not a map");
    insta::assert_snapshot!(check("version: 1\n"), @r#"
k.yaml error missing-field: a keys file needs `keys`
  hint: write `keys: []` if there are no keys
"#);
}

#[test]
fn a_file_that_says_nothing_is_an_error() {
    for empty in ["", "\n\n", "# only a comment\n", "---\n", "--- # x\n...\n"] {
        assert_eq!(
            check(empty),
            "k.yaml:1:1 error empty-file: the file is empty\n  hint: write `version: 1` and `keys: []` if there are no keys\n",
            "{empty:?}"
        );
    }
    insta::assert_snapshot!(check("- a\n- b\n"), @r#"
k.yaml:1:1 error wrong-type: a keys file must be a map
  hint: start with `version: 1`, then `keys:` and a list
"#);
    insta::assert_snapshot!(check("just text"), @r#"
k.yaml:1:1 error wrong-type: a keys file must be a map
  hint: start with `version: 1`, then `keys:` and a list
"#);
}

#[test]
fn text_must_be_text() {
    insta::assert_snapshot!(load_bytes(b"version: 1\n# \xff\nkeys: []\n"), @r#"
<stdin> error not-text: line 2 is not UTF-8 text
  hint: save the file as UTF-8
"#);
    insta::assert_snapshot!(load_bytes(b"version: 1\nkeys: [\0]\n"), @r#"
<stdin>:2:8 error not-text: the file holds a NUL character
  hint: save the file as UTF-8 text
"#);
    insta::assert_snapshot!(load_bytes(b"\xff\xfev\0e\0"), @r#"
<stdin> error not-text: line 1 is not UTF-8 text
  hint: save the file as UTF-8
"#);
}

#[test]
fn a_byte_order_mark_is_skipped_and_moves_no_place() {
    insta::assert_snapshot!(load_bytes("\u{feff}version: 2\nkeys: []\n".as_bytes()), @r"<stdin>:1:10 error invalid-value: `version` must be 1");
    insta::assert_snapshot!(check("\u{feff}version: 1\nkeys: []\n"), @"");
}

#[test]
fn windows_line_ends_are_fine_and_places_are_right() {
    insta::assert_snapshot!(check("version: 1\r\nkeys:\r\n  - name: a\r\n    worskpace_id: ws-x\r\n    scopes: [logs.view]\r\n"), @r#"
k.yaml:4:5 error unknown-field: a key has no field `worskpace_id`
  hint: did you mean `workspace_id`?
"#);
}

#[test]
fn tabs_cannot_indent() {
    insta::assert_snapshot!(check("version: 1\nkeys:\n\t- name: a\n"), @r#"
k.yaml:3:1 error yaml-syntax: YAML does not allow a tab as indentation
  hint: indent with spaces
"#);
    insta::assert_snapshot!(check("version: 1\nkeys:\n  - name: a\n\t  scopes: [logs.view]\n"), @r#"
k.yaml:4:1 error yaml-syntax: YAML does not allow a tab as indentation
  hint: indent with spaces
"#);
    insta::assert_snapshot!(check("version: 1\ndefaults:\n\tdescription: a\n"), @r#"
k.yaml:3:1 error yaml-syntax: YAML does not allow a tab as indentation
  hint: indent with spaces
"#);
}

#[test]
fn what_is_no_yaml_has_its_place() {
    insta::assert_snapshot!(check("version: 1\nkeys: [\n"), @r"k.yaml:2:7 error yaml-syntax: this is not YAML: unclosed bracket '['");
    insta::assert_snapshot!(check("version: 1\nkeys: []]\n"), @r"k.yaml:2:9 error yaml-syntax: this is not YAML: misplaced bracket");
    insta::assert_snapshot!(check("version: 1\nmanaged_by: \"a\nkeys: []\n"), @r"k.yaml:2:13 error yaml-syntax: this is not YAML: unclosed quote");
    insta::assert_snapshot!(check("version: 1\nmanaged_by: a: b\nkeys: []\n"), @r"k.yaml:2:14 error yaml-syntax: this is not YAML: mapping values are not allowed in this context");
    insta::assert_snapshot!(check("version: 1\nmanaged_by: *owner\nkeys: []\n"), @r#"
k.yaml:2:13 error yaml-syntax: this alias has no anchor before it
  hint: text that starts with `*` goes in quotes
"#);
    insta::assert_snapshot!(check("version: 1\n? [a, b]\n: c\nkeys: []\n"), @r"k.yaml:2:3 error yaml-syntax: the name of a field must be plain text");
}

#[test]
fn one_file_is_one_document() {
    insta::assert_snapshot!(check("version: 1\nkeys: []\n---\nversion: 1\n"), @r#"
k.yaml:3:1 error several-documents: a second YAML document starts here, and a keys file is one document
  hint: remove the `---`, or put the documents into files of their own
"#);
    assert_eq!(check("---\nversion: 1\nkeys: []\n...\n"), "");
}

#[test]
fn a_field_stands_once() {
    insta::assert_snapshot!(check("version: 1\nkeys: []\nkeys: []\n"), @r#"
k.yaml:3:1 error duplicate-yaml-key: `keys` stands twice in this map
  k.yaml:2:1 first here
  hint: remove one of them
"#);
    insta::assert_snapshot!(check_key("name: a, name: b, workspace_id: pay, scopes: [inference]"), @r#"
k.yaml:5:18 error duplicate-yaml-key: `name` stands twice in this map
  k.yaml:5:9 first here
  hint: remove one of them
"#);
    insta::assert_snapshot!(check_key("name: a, workspace_id: pay, scopes: [inference], metadata: {x: a, 'x': b}"), @r#"
k.yaml:5:75 error duplicate-yaml-key: `x` stands twice in this map
  k.yaml:5:69 first here
  hint: remove one of them
"#);
}

#[test]
fn merge_keys_and_tags_are_named_with_what_to_do_instead() {
    insta::assert_snapshot!(check_key("<<: {scopes: [inference]}, name: a, workspace_id: pay, scopes: [inference]"), @r#"
k.yaml:5:9 error merge-key: YAML merge keys (`<<`) are not supported
  hint: put the shared fields under `templates:` and write `template: NAME` in the key
"#);
    insta::assert_snapshot!(check_key("name: !!str 5, workspace_id: pay, scopes: !set [inference]"), @r#"
k.yaml:5:21 error wrong-type: `name` must be text, not a number
  hint: write `"5"` in quotes
k.yaml:5:21 error yaml-tag: the tag `!!str` means nothing here
  hint: remove it; text that looks like something else goes in quotes
k.yaml:5:56 error yaml-tag: the tag `!set` means nothing here
  hint: remove it; text that looks like something else goes in quotes
"#);
}

#[test]
fn anchors_work() {
    let yaml = "version: 1\nkeys:\n  - {name: a, workspace_id: ws-x, scopes: &s [logs.view]}\n  - {name: b, workspace_id: ws-x, scopes: *s}\n";
    assert_eq!(check(yaml), "");
    assert_eq!(parse_str("k", yaml).desired.unwrap().keys[1].spec.scopes, Some(vec!["logs.view".to_owned()]));
    insta::assert_snapshot!(check("version: 1\ndefaults: &a {description: *a}\nkeys: []\n"), @r"k.yaml:2:28 error yaml-syntax: this alias stands for something that holds it");
}

#[test]
fn words_that_are_booleans_to_some_need_quotes() {
    insta::assert_snapshot!(check_key("name: no, workspace_id: pay, scopes: [on], description: off"), @r#"
k.yaml:5:15 error ambiguous-scalar: `name` must be text, and some YAML tools read `no` as false
  hint: write `"no"` in quotes
k.yaml:5:47 error ambiguous-scalar: an entry of `scopes` must be text, and some YAML tools read `on` as true
  hint: write `"on"` in quotes
k.yaml:5:65 error ambiguous-scalar: `description` must be text, and some YAML tools read `off` as false
  hint: write `"off"` in quotes
"#);
    insta::assert_snapshot!(check_key("name: 'no', workspace_id: pay, scopes: [inference], protected: yes, allow_config_override: 'true'"), @r#"
k.yaml:5:72 error ambiguous-scalar: `protected` must be `true` or `false`, not `yes`
  hint: write `true`
k.yaml:5:100 error wrong-type: `allow_config_override` must be `true` or `false`, not text
  hint: write `true` without quotes
"#);
    insta::assert_snapshot!(check_key("name: true, workspace_id: pay, scopes: [inference], metadata: {y: a, on: b}"), @r#"
k.yaml:5:15 error wrong-type: `name` must be text, not a boolean
  hint: write `"true"` in quotes
k.yaml:5:78 error ambiguous-scalar: an entry of `metadata` must be text, and some YAML tools read `on` as true
  hint: write `"on"` in quotes
"#);
    insta::assert_snapshot!(check("version: 1\nworkspaces: {no: ws-norway}\nkeys: []\n"), @r#"
k.yaml:2:14 error ambiguous-scalar: an entry of `workspaces` must be text, and some YAML tools read `no` as false
  hint: write `"no"` in quotes
"#);
}

#[test]
fn numbers_are_written_plainly() {
    for (written, plain) in [
        ("1_000", "1000"),
        ("0o17", "15"),
        ("1e3", "1000"),
        ("012", "12"),
        ("1:30", "90"),
        ("0x1F", "31"),
        ("+5", "5"),
    ] {
        let said = check_key(&format!(
            "name: a, workspace_id: pay, scopes: [inference], rate_limits: [{{type: requests, unit: rpm, value: {written}}}]"
        ));
        assert!(
            said.contains(&format!("ambiguous-scalar: `value` must be a whole number, not `{written}`"))
                && said.contains(&format!("hint: write `{plain}`")),
            "{said}"
        );
    }
    insta::assert_snapshot!(check_key("name: 012, workspace_id: pay, scopes: [inference], description: 1:30"), @r#"
k.yaml:5:15 error ambiguous-scalar: `name` must be text, and some YAML tools read `012` as a number
  hint: write `"012"` in quotes
k.yaml:5:73 error ambiguous-scalar: `description` must be text, and some YAML tools read `1:30` as a number
  hint: write `"1:30"` in quotes
"#);
    insta::assert_snapshot!(check_key("name: 2025, workspace_id: pay, scopes: [inference], usage_limits: {credit_limit: .inf}"), @r#"
k.yaml:5:15 error wrong-type: `name` must be text, not a number
  hint: write `"2025"` in quotes
k.yaml:5:90 error ambiguous-scalar: `credit_limit` must be a number, not `.inf`
  hint: write `null` if there is to be no limit
"#);
    insta::assert_snapshot!(check_key("name: a, workspace_id: pay, scopes: [inference], usage_limits: {credit_limit: '5', alert_threshold: -1, periodic_reset_days: 400}"), @r#"
k.yaml:5:87 error wrong-type: `credit_limit` must be a number, not text
  hint: write `5` without quotes
k.yaml:5:109 error invalid-value: `alert_threshold` must be at least 1
  hint: write `null` if there is to be no limit
k.yaml:5:134 error invalid-value: `periodic_reset_days` must be at most 365
"#);
    insta::assert_snapshot!(check_key("name: a, workspace_id: pay, scopes: [inference], rate_limits: [{type: requests, unit: rpm, value: -1}, {type: tokens, unit: rpm, value: 99999999999999999999}, {type: tokens, unit: rps, value: 1.5}]"), @r#"
k.yaml:5:107 error invalid-value: `value` must be at least 0
k.yaml:5:145 error invalid-value: `value` must be at most 9007199254740991
k.yaml:5:201 error wrong-type: `value` must be a whole number, not `1.5`
"#);
}

#[test]
fn null_is_not_text() {
    insta::assert_snapshot!(check_key("name: ~, workspace_id: pay, scopes: [inference]"), @r#"
k.yaml:5:15 error wrong-type: `name` must be text, not nothing
  hint: give it a value or remove it
"#);
    insta::assert_snapshot!(check_key("name: a, workspace_id: pay, scopes: null"), @r#"
k.yaml:5:45 error wrong-type: `scopes` must be a list, as in `[a, b]`, not nothing
  hint: give it a value or remove it
"#);
    insta::assert_snapshot!(check_key("name: a, workspace_id: pay, scopes: [~, ''], id:"), @r#"
k.yaml:5:46 error wrong-type: an entry of `scopes` must be text, not nothing
  hint: give it a value or remove it
k.yaml:5:49 error invalid-value: an entry of `scopes` must not be empty
k.yaml:5:54 error wrong-type: `id` must be text, not nothing
  hint: give it a value or remove it
"#);
}

#[test]
fn aliases_cannot_multiply() {
    let mut bomb = String::from("version: 1\na0: &a0 [x, x, x, x, x, x, x, x, x, x]\n");
    for level in 1..30 {
        let before = level - 1;
        let items = vec![format!("*a{before}"); 10].join(", ");
        bomb.push_str(&format!("a{level}: &a{level} [{items}]\n"));
    }
    bomb.push_str("keys: []\n");
    insta::assert_snapshot!(check(&bomb), @r#"
k.yaml:6:9 error too-complex: anchors and aliases repeat more than 200000 values
  hint: use `templates`, `defaults` and `scope_sets` instead of YAML anchors
"#);
    // One long text, repeated: few values, much memory.
    let long =
        format!("version: 1\na: &a {}\nb: [{}]\nkeys: []\n", "x".repeat(1_000_000), "*a, ".repeat(5_000));
    insta::assert_snapshot!(check(&long), @r#"
k.yaml:3:25 error too-complex: anchors and aliases repeat more than 200000 values
  hint: use `templates`, `defaults` and `scope_sets` instead of YAML anchors
"#);
}

#[test]
fn nesting_is_bounded() {
    insta::assert_snapshot!(check(&"[".repeat(10_000)), @r"k.yaml:1:65 error too-deep: lists and maps are nested more than 64 levels deep");
    insta::assert_snapshot!(check(&"{a: ".repeat(10_000)), @r"k.yaml:1:257 error too-deep: lists and maps are nested more than 64 levels deep");
    insta::assert_snapshot!(check(&"- ".repeat(10_000)), @r"k.yaml:1:129 error too-deep: lists and maps are nested more than 64 levels deep");
    let mut chain = String::from("version: 1\na0: &a0 [x]\n");
    for level in 1..2_000 {
        chain.push_str(&format!("a{level}: &a{level} [*a{}]\n", level - 1));
    }
    insta::assert_snapshot!(check(&chain), @r#"
k.yaml:448:14 error too-complex: anchors and aliases repeat more than 200000 values
  hint: use `templates`, `defaults` and `scope_sets` instead of YAML anchors
"#);
}

#[test]
fn a_file_with_a_thousand_mistakes_shows_the_first_thousand() {
    let keys = "  - {name: a, nam: b}\n".repeat(20_000);
    let loaded = parse_str("k.yaml", &format!("version: 1\nkeys:\n{keys}"));
    assert_eq!(loaded.diagnostics.len(), 1_001);
    let last = loaded.diagnostics.last().unwrap();
    assert_eq!((last.code, last.file.as_str()), ("too-many-errors", "k.yaml"));
}

#[test]
fn input_above_the_limit_is_refused_before_it_is_parsed() {
    let folder = tempfile::tempdir().unwrap();
    let path = folder.path().join("keys.yaml");
    let file = fs::File::create(&path).unwrap();
    file.set_len(64 * 1024 * 1024 + 1).unwrap();
    let started = Instant::now();
    let loaded = load(&[FileArgument::Path(path)], &mut std::io::empty());
    assert!(started.elapsed() < Duration::from_secs(1));
    assert_eq!(loaded.diagnostics[0].message, "the keys files hold more than 64 MiB");

    let endless = &mut std::io::repeat(b'#');
    let loaded = load(&[FileArgument::Stdin], endless);
    assert_eq!(loaded.diagnostics[0].message, "the keys files hold more than 64 MiB");
    assert_eq!(loaded.diagnostics.len(), 1);
}

#[test]
fn the_limit_counts_all_files_together() {
    let folder = tempfile::tempdir().unwrap();
    for name in ["a.yaml", "b.yaml"] {
        let file = fs::File::create(folder.path().join(name)).unwrap();
        file.set_len(40 * 1024 * 1024).unwrap();
    }
    let loaded = load(&[FileArgument::Path(folder.path().to_owned())], &mut std::io::empty());
    let codes: Vec<_> = loaded.diagnostics.iter().map(|d| d.code).collect();
    assert_eq!(codes, ["not-text", "too-large"]);
}

#[test]
fn a_file_that_is_not_there_says_what_to_do() {
    let said = say(&load(&[FileArgument::Path("no/keys.yaml".into())], &mut std::io::empty()));
    insta::assert_snapshot!(said, @r#"
no/keys.yaml error unreadable: cannot be read: No such file or directory (os error 2)
  hint: name the keys file with `-f`
"#);
    let folder = tempfile::tempdir().unwrap();
    let loaded = load(&[FileArgument::Path(folder.path().to_owned())], &mut std::io::empty());
    assert_eq!(loaded.diagnostics[0].message, "the folder holds no `*.yaml` and no `*.yml`");
}
