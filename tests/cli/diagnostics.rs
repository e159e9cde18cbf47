//! For every code a file that gets it and a file that shows how it is right: `tests/diagnostics/CODE/fails` and `passes`.

use std::collections::{BTreeMap, BTreeSet};
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use portkey_sync::desired::{EXPLANATIONS, Explanation};
use portkey_sync::plan::Risk;
use portkey_sync::policy;

use crate::harness::Folder;

fn examples() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics")
}

/// What is said about a folder's files; several at its top are several root files.
fn codes_of(folder: &Path) -> BTreeSet<String> {
    let files = if folder.join("more.yaml").exists() { folder.to_owned() } else { folder.join("keys.yaml") };
    let document = Folder::new().run(&["validate", "--format", "json", "-f", files.to_str().unwrap()]).json();
    let diagnostics = document["diagnostics"].as_array().unwrap();
    diagnostics.iter().map(|diagnostic| diagnostic["code"].as_str().unwrap().to_owned()).collect()
}

/// What would not be kept in a repository: nothing at all, 64 MiB, a thousand mistakes, a date that is not far away.
fn made(code: &str) -> Option<Folder> {
    let folder = Folder::new();
    match code {
        "unreadable" => {}
        "too-large" => {
            std::fs::File::create(folder.join("keys.yaml")).unwrap().set_len(64 * 1024 * 1024 + 1).unwrap();
        }
        "too-many-errors" => {
            folder.write("keys.yaml", &format!("version: 1\nkeys:\n{}", "  - {nam: a}\n".repeat(1_000)));
        }
        "policy-waiver-unused" => {
            let until = (Timestamp::now() + SignedDuration::from_hours(48)).strftime("%Y-%m-%d");
            folder.write(
                "keys.yaml",
                &format!(
                    "version: 1\npolicy:\n  rules: {{expiry-required: error}}\n  waivers: [{{rule: expiry-required, \
                     key: pay/nobody, reason: vendor, until: {until}}}]\nkeys: []\n"
                ),
            );
        }
        _ => return None,
    }
    Some(folder)
}

#[test]
fn every_code_has_a_file_that_gets_it() {
    for Explanation { code, .. } in EXPLANATIONS {
        let made = made(code);
        let stored = examples().join(code).join("fails");
        let codes = codes_of(made.as_ref().map_or(&stored, |folder| folder.path()));
        assert!(codes.contains(*code), "{code}: {codes:?}");
    }
}

#[test]
fn every_code_has_a_file_that_is_right() {
    for Explanation { code, .. } in EXPLANATIONS {
        let stored = examples().join(code).join("passes");
        assert!(stored.is_dir(), "{code}");
        let codes = codes_of(&stored);
        assert!(codes.is_empty(), "{code}: {codes:?}");
    }
}

#[test]
fn every_folder_of_examples_is_for_a_code() {
    for entry in std::fs::read_dir(examples()).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(EXPLANATIONS.iter().any(|known| known.code == name), "tests/diagnostics/{name}");
    }
}

/// Where the words of a kind are told, and how each stands there.
fn reference(kind: &str, name: &str) -> Option<(&'static str, String)> {
    match kind {
        "diagnostic" => Some(("docs/diagnostics.md", format!("| `{name}` |"))),
        "rule" => Some(("docs/policy.md", format!("### `{name}`\n"))),
        "risk" => Some(("docs/review.md", format!("| `{name}` |"))),
        "exit-code" => Some(("README.md", format!("| {name} |"))),
        "blocked" | "refusal" | "note" => Some(("docs/json.md", format!("`{name}`"))),
        "cause" => Some(("docs/review.md", format!("| {} |", name.replace('-', " ")))),
        "rule-set" => Some(("docs/policy.md", format!("`{name}`"))),
        // Of fields and scopes there are too many for this; their pages are made from the tables.
        "field" | "scope" => None,
        other => panic!("where is {other} told?"),
    }
}

#[test]
fn every_word_of_a_plan_a_policy_and_a_diagnostic_is_explained_and_has_its_place_in_the_reference() {
    let folder = Folder::new();
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let all = folder.run(&["explain", "--format", "json"]).expect(0).json();
    let topics = all["topics"].as_array().unwrap();
    let mut names: BTreeMap<&str, BTreeSet<String>> = BTreeMap::new();
    for topic in topics {
        let (kind, name) = (topic["kind"].as_str().unwrap(), topic["name"].as_str().unwrap());
        names.entry(kind).or_default().insert(name.to_owned());
        let Some((page, entry)) = reference(kind, name) else { continue };
        let text = std::fs::read_to_string(root.join(page)).unwrap();
        assert!(text.contains(&entry), "{page} has no entry {entry:?}");
    }
    // None is missing: what there is comes from the types.
    let named = |words: &mut dyn Iterator<Item = String>| words.collect::<BTreeSet<String>>();
    assert_eq!(names["diagnostic"], named(&mut EXPLANATIONS.iter().map(|known| known.code.to_owned())));
    assert_eq!(names["rule"], named(&mut policy::rules().iter().map(|rule| rule.name.to_owned())));
    assert_eq!(names["risk"], named(&mut Risk::ALL.iter().map(Risk::to_string)));
    let codes = ["0", "1", "2", "3", "4", "64", "130"].map(str::to_owned);
    assert_eq!(names["exit-code"], BTreeSet::from(codes));
    // A finding has a code of its own, which leads to the rule.
    let json = std::fs::read_to_string(root.join("docs/json.md")).unwrap();
    for rule in policy::rules() {
        let found = folder.run(&["explain", rule.code, "--format", "json"]).expect(0).json();
        assert_eq!(found["topics"][0]["name"], rule.name);
        assert!(json.contains(&format!("`{}`", rule.code)), "docs/json.md lacks {}", rule.code);
    }
}
