//! For every code a file that gets it and a file that shows how it is right: `tests/diagnostics/CODE/fails` and `passes`.

use std::collections::BTreeSet;
use std::path::{Path, PathBuf};

use super::*;

fn folder(code: &str, which: &str) -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics").join(code).join(which)
}

/// What is said about a folder's files; several at its top are several root files.
fn codes_of(folder: &Path) -> BTreeSet<&'static str> {
    let argument =
        if folder.join("more.yaml").exists() { folder.to_owned() } else { folder.join("keys.yaml") };
    let loaded = load(&[FileArgument::Path(argument)], &mut std::io::empty());
    loaded.diagnostics.iter().map(|diagnostic| diagnostic.code).collect()
}

/// What would not be kept in a repository: nothing at all, 64 MiB, a thousand mistakes.
fn made(code: &str) -> Option<tempfile::TempDir> {
    let made = tempfile::tempdir().unwrap();
    let file = made.path().join("keys.yaml");
    match code {
        "unreadable" => {}
        "too-large" => std::fs::File::create(file).unwrap().set_len(64 * 1024 * 1024 + 1).unwrap(),
        "too-many-errors" => {
            std::fs::write(file, format!("version: 1\nkeys:\n{}", "  - {nam: a}\n".repeat(1_000))).unwrap();
        }
        _ => return None,
    }
    Some(made)
}

#[test]
fn every_code_has_a_file_that_gets_it() {
    for Explanation { code, .. } in EXPLANATIONS {
        let made = made(code);
        let folder = made.as_ref().map_or_else(|| folder(code, "fails"), |made| made.path().to_owned());
        let codes = codes_of(&folder);
        assert!(codes.contains(code), "{code}: {codes:?}");
    }
}

#[test]
fn every_code_has_a_file_that_is_right() {
    for Explanation { code, .. } in EXPLANATIONS {
        let codes = codes_of(&folder(code, "passes"));
        assert!(codes.is_empty(), "{code}: {codes:?}");
    }
}

#[test]
fn every_example_folder_is_for_a_code() {
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("tests/diagnostics");
    for entry in std::fs::read_dir(folder).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        assert!(EXPLANATIONS.iter().any(|known| known.code == name), "tests/diagnostics/{name}");
    }
}
