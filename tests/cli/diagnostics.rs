//! For every code a file that gets it and a file that shows how it is right: `tests/diagnostics/CODE/fails` and `passes`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use jiff::{SignedDuration, Timestamp};
use portkey_sync::desired::{EXPLANATIONS, Explanation};

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
