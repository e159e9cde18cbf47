//! The layering of `src/`: which module may name which.
//!
//! A table and a scan of the text. Comments and tests within `src/` do not count.

#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

use std::collections::{BTreeMap, BTreeSet};
use std::fs;
use std::path::{Path, PathBuf};

/// Each module of the library and the modules that it may name.
const MAY_SEE: &[(&str, &[&str])] = &[
    ("killpoint", &[]),
    ("escape", &[]),
    ("model", &[]),
    ("diagnostic", &[]),
    ("emulator", &[]),
    ("scopes", &["model"]),
    ("api", &["model", "escape", "killpoint"]),
    ("handoff", &["model"]),
    ("secrets", &["model", "handoff", "killpoint"]),
    ("desired", &["model", "diagnostic", "scopes", "secrets"]),
    ("policy", &["model", "diagnostic", "scopes", "desired"]),
    ("live", &["model", "api"]),
    ("diff", &["model", "diagnostic", "desired", "live"]),
    ("inventory", &["model", "diagnostic", "scopes", "desired", "live", "diff"]),
    ("plan", &["model", "diagnostic", "scopes", "desired", "policy", "live", "diff", "handoff"]),
    ("saved_plan", &["model", "diagnostic", "escape", "desired", "policy", "diff", "handoff", "plan"]),
    ("report", &["model", "plan"]),
    ("apply", &["model", "api", "live", "diff", "plan", "report", "secrets", "handoff"]),
    (
        "render",
        &[
            "model",
            "diagnostic",
            "escape",
            "scopes",
            "desired",
            "policy",
            "diff",
            "plan",
            "report",
            "handoff",
            "inventory",
            "saved_plan",
        ],
    ),
    ("import", &["model", "diagnostic", "escape", "scopes", "desired", "live"]),
    (
        "cli",
        &[
            "model",
            "diagnostic",
            "escape",
            "scopes",
            "desired",
            "policy",
            "api",
            "live",
            "diff",
            "plan",
            "saved_plan",
            "report",
            "apply",
            "secrets",
            "handoff",
            "render",
            "import",
            "inventory",
            "emulator",
        ],
    ),
];

/// Who computes only: no clock, no file, no network, no chance.
const PURE: &[&str] = &[
    "model",
    "escape",
    "scopes",
    "handoff",
    "policy",
    "diff",
    "plan",
    "saved_plan",
    "report",
    "render",
    "import",
    "inventory",
];

/// What would make a module impure.
const IMPURE: &[&str] = &[
    "std::fs",
    "std::env",
    "std::net",
    "std::process",
    "tokio::",
    "reqwest",
    "rand::",
    "tempfile",
    "Timestamp::now",
    "SystemTime",
    "Instant::now",
];

/// Longest file, tests aside.
const MAX_LINES: usize = 650;

struct Source {
    /// Beneath `src/`.
    path: PathBuf,
    /// Without comments and tests.
    lines: Vec<String>,
}

impl Source {
    /// The module of the library that this file belongs to; none for `lib.rs` and `main.rs`.
    fn module(&self) -> Option<String> {
        let first = self.path.components().next().unwrap();
        let name = Path::new(first.as_os_str()).file_stem().unwrap().to_str().unwrap().to_owned();
        (!matches!(name.as_str(), "lib" | "main")).then_some(name)
    }

    /// How often `super::` stands before a name of the library's root.
    fn depth(&self) -> usize {
        let folders = self.path.components().count() - 1;
        let is_folder = self.path.file_name().is_some_and(|name| name == "mod.rs");
        if is_folder { folders } else { folders + 1 }
    }
}

fn sources() -> Vec<Source> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR")).join("src");
    let mut folders = vec![root.clone()];
    let mut sources = Vec::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
                continue;
            }
            let name = path.file_name().unwrap().to_str().unwrap();
            let of_tests = path.parent().is_some_and(|folder| folder.ends_with("tests"));
            let is_test = name.ends_with("tests.rs") || name.starts_with("test_") || of_tests;
            if path.extension().is_some_and(|extension| extension == "rs") && !is_test {
                let text = fs::read_to_string(&path).unwrap();
                let path = path.strip_prefix(&root).unwrap().to_owned();
                sources.push(Source { path, lines: code_of(&text) });
            }
        }
    }
    sources.sort_by(|a, b| a.path.cmp(&b.path));
    sources
}

/// The lines before the tests, without comments.
fn code_of(text: &str) -> Vec<String> {
    let lines: Vec<&str> = text.lines().collect();
    let tests = lines
        .windows(2)
        .position(|pair| pair[0] == "#[cfg(test)]" && pair[1].starts_with("mod ") && pair[1].ends_with('{'))
        .unwrap_or(lines.len());
    lines[..tests].iter().map(|line| line.split("//").next().unwrap_or_default().to_owned()).collect()
}

/// The names that stand behind `prefix` in the code, as in `crate::api` or `crate::{api, model}`.
fn named_behind(code: &str, prefix: &str) -> BTreeSet<String> {
    let mut names = BTreeSet::new();
    let is_name = |c: char| c.is_alphanumeric() || c == '_';
    for (at, _) in code.match_indices(prefix) {
        // `super::super::x` is no `super::x`.
        if code[..at].ends_with(|c: char| is_name(c) || c == ':') {
            continue;
        }
        let rest = &code[at + prefix.len()..];
        if let Some(group) = rest.strip_prefix('{') {
            let mut depth = 0;
            let mut item = String::new();
            for c in group.chars() {
                match c {
                    '}' if depth == 0 => break,
                    '{' => depth += 1,
                    '}' => depth -= 1,
                    ',' if depth == 0 => {
                        names.insert(std::mem::take(&mut item));
                        continue;
                    }
                    _ => {}
                }
                if depth == 0 {
                    item.push(c);
                }
            }
            names.insert(item);
        } else {
            names.insert(rest.chars().take_while(|c| is_name(*c)).collect());
        }
    }
    names
        .into_iter()
        .map(|name| name.trim().chars().take_while(|c| is_name(*c)).collect::<String>())
        .filter(|name| !name.is_empty())
        .collect()
}

/// Which modules each module names, and in which file.
fn edges(sources: &[Source]) -> BTreeMap<String, BTreeMap<String, PathBuf>> {
    let modules: BTreeSet<String> = sources.iter().filter_map(Source::module).collect();
    let mut edges: BTreeMap<String, BTreeMap<String, PathBuf>> = BTreeMap::new();
    for source in sources {
        let Some(module) = source.module() else { continue };
        let code = source.lines.join("\n");
        let named = named_behind(&code, "crate::")
            .into_iter()
            .chain(named_behind(&code, &"super::".repeat(source.depth())));
        let seen = edges.entry(module.clone()).or_default();
        for name in named.filter(|name| *name != module && modules.contains(name)) {
            seen.entry(name).or_insert_with(|| source.path.clone());
        }
    }
    edges
}

#[test]
fn a_module_names_only_the_modules_beneath_it() {
    let table: BTreeMap<&str, &[&str]> = MAY_SEE.iter().copied().collect();
    let mut trespasses = Vec::new();
    for (module, seen) in edges(&sources()) {
        let Some(allowed) = table.get(module.as_str()) else {
            trespasses.push(format!("`{module}` is not in the table of this test"));
            continue;
        };
        for (other, path) in seen {
            if !allowed.contains(&other.as_str()) {
                trespasses.push(format!("`{module}` names `{other}` in src/{}", path.display()));
            }
        }
    }
    assert!(trespasses.is_empty(), "{trespasses:#?}");
}

#[test]
fn the_scan_sees_what_is_there() {
    let edges = edges(&sources());
    for (module, other) in [
        ("cli", "apply"),
        ("apply", "plan"),
        ("plan", "diff"),
        ("diff", "live"),
        ("live", "api"),
        ("api", "model"),
    ] {
        assert!(edges[module].contains_key(other), "`{module}` surely names `{other}`");
    }
    let groups = "use crate::{api::{self, Reader}, model};\nfn f() { crate::plan::plan() } super::super::x";
    assert_eq!(named_behind(groups, "crate::"), ["api", "model", "plan"].map(str::to_owned).into());
    assert_eq!(named_behind(groups, "super::super::"), ["x".to_owned()].into());
    assert!(named_behind(groups, "super::").contains("super"));
}

#[test]
fn no_module_reaches_itself_through_others() {
    let rank: BTreeMap<&str, usize> =
        MAY_SEE.iter().enumerate().map(|(rank, (module, _))| (*module, rank)).collect();
    for (module, allowed) in MAY_SEE {
        for other in *allowed {
            assert!(
                rank[other] < rank[module],
                "the table lets `{module}` name `{other}`, which stands above it"
            );
        }
    }
}

#[test]
fn the_modules_that_decide_have_no_clock_and_touch_nothing() {
    let mut found = Vec::new();
    for source in sources() {
        if source.module().is_some_and(|module| PURE.contains(&module.as_str())) {
            // `live` holds the functions that read beside its types.
            let of_live = named_behind(&source.lines.join("\n"), "crate::live::");
            for reader in ["refresh", "hydrate", "all_pages"] {
                assert!(!of_live.contains(reader), "`live::{reader}` in src/{}", source.path.display());
            }
            for (line, number) in source.lines.iter().zip(1..) {
                found.extend(
                    IMPURE
                        .iter()
                        .filter(|word| line.contains(**word))
                        .map(|word| format!("`{word}` in src/{}:{number}", source.path.display())),
                );
            }
        }
    }
    assert!(found.is_empty(), "{found:#?}");
}

#[test]
fn the_program_is_the_library_s_command_line_and_nothing_else() {
    let main = sources().into_iter().find(|source| source.path == Path::new("main.rs")).unwrap();
    let code = main.lines.join("\n");
    assert_eq!(named_behind(&code, "portkey_sync::"), ["cli".to_owned()].into());
}

#[test]
fn no_file_is_too_long_to_be_read_at_a_sitting() {
    let long: Vec<String> = sources()
        .iter()
        .filter(|source| source.lines.len() > MAX_LINES)
        .map(|source| format!("src/{} has {} lines", source.path.display(), source.lines.len()))
        .collect();
    assert!(long.is_empty(), "{long:#?}");
}
