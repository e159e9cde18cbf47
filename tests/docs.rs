//! Documents that must be true: the README's commands and outputs, links, the changelog's version.
//!
//! `UPDATE=1 cargo test --test docs` writes the README's outputs anew.

#![expect(
    clippy::unwrap_used,
    clippy::string_slice,
    clippy::indexing_slicing,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Output};

use portkey_sync::desired::parse_str;
use portkey_sync::emulator::{Seed, Switch, Switches};
use portkey_sync::plan::{Cause, Risk};
use portkey_sync::policy::{self, RULE_SETS, RuleInfo, RuleSet};

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

fn read(name: &str) -> String {
    fs::read_to_string(root().join(name)).unwrap()
}

/// The program as a stranger runs it: nothing of ours in the environment, 100 columns, no terminal.
fn portkey_sync(arguments: &str, folder: &Path) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_portkey-sync"));
    for name in ["PORTKEY_ADMIN_API_KEY", "PORTKEY_API_KEY", "PORTKEY_BASE_URL", "PORTKEY_SYNC_WORK_DIR"] {
        command.env_remove(name);
    }
    command.args(arguments.split_whitespace()).env("COLUMNS", "100").current_dir(folder).output().unwrap()
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).unwrap()
}

/// The block of text behind a marker in the README.
fn block(readme: &str, marker: &str) -> String {
    let (_, rest) = readme.split_once(&format!("<!-- {marker}")).expect(marker);
    let (_, rest) = rest.split_once("```text\n").unwrap();
    rest.split_once("```").unwrap().0.to_owned()
}

/// Compares a block of the README with what the program says now.
fn holds(marker: &str, now: &str) {
    let mut readme = read("README.md");
    if std::env::var_os("UPDATE").is_some() {
        let written = block(&readme, marker);
        let at = readme.find(&format!("<!-- {marker}")).unwrap();
        let at = at + readme[at..].find("```text\n").unwrap() + "```text\n".len();
        readme.replace_range(at..at + written.len(), now);
        fs::write(root().join("README.md"), &readme).unwrap();
    }
    assert_eq!(without_times(&block(&readme, marker)), without_times(now), "UPDATE=1 writes the README anew");
}

/// How long it took is another matter each time.
fn without_times(text: &str) -> String {
    let lines = text.lines().map(|line| match line.strip_prefix("Done in ") {
        Some(rest) => format!("Done in …{}", &rest[rest.find(':').unwrap()..]),
        None => line.to_owned(),
    });
    lines.collect::<Vec<_>>().join("\n")
}

/// The program's arguments in a command of the README.
fn arguments<'r>(readme: &'r str, prefix: &str) -> &'r str {
    readme.lines().find_map(|line| line.strip_prefix(prefix)).expect(prefix)
}

#[test]
fn the_first_command_does_the_main_job_and_then_has_nothing_to_do() {
    let readme = read("README.md");
    let arguments = arguments(&readme, "cargo run -q -- ");
    let folder = tempfile::tempdir().unwrap();
    fs::copy(root().join("keys.yaml"), folder.path().join("keys.yaml")).unwrap();

    let first = portkey_sync(arguments, folder.path());
    assert_eq!(first.status.code(), Some(0), "{}", text(&first.stderr));
    holds("quickstart", &text(&first.stdout));

    let second = portkey_sync(arguments, folder.path());
    assert_eq!(second.status.code(), Some(0), "{}", text(&second.stderr));
    assert!(text(&second.stdout).starts_with("No changes."), "{}", text(&second.stdout));
}

#[test]
fn the_mistakes_of_the_readme_are_told_like_that() {
    let output = portkey_sync("validate -f examples/mistakes.yaml", root());
    assert_eq!(output.status.code(), Some(1));
    holds("diagnostic", &text(&output.stderr));
}

#[test]
fn the_second_command_is_what_the_gate_runs() {
    let readme = read("README.md");
    let command = format!("cargo test{}", arguments(&readme, "cargo test"));
    assert!(read(".ci/run").lines().any(|line| line == command), "`{command}` is not in .ci/run");
}

#[test]
fn the_page_of_the_emulator_has_the_table_of_its_switches() {
    let mut table = "| switch | settings | stands for |\n|---|---|---|\n".to_owned();
    for Switch { name, settings, fact } in Switches::TABLE {
        let settings = settings
            .iter()
            .enumerate()
            .map(|(at, setting)| if at == 0 { format!("**`{setting}`**") } else { format!("`{setting}`") });
        let settings = settings.collect::<Vec<_>>().join(", ");
        table += &format!("| `{name}` | {settings} | {fact} |\n");
    }
    let page = read("docs/emulator.md");
    assert!(page.contains(&format!("\n{table}\n")), "docs/emulator.md lacks this table:\n{table}");
    let (_, rest) = page.split_once("## Switches").unwrap();
    let seed = rest.split_once("```yaml\n").and_then(|(_, rest)| rest.split_once("```")).unwrap().0;
    Seed::from_yaml_str(seed).unwrap_or_else(|error| panic!("{error:?}"));
}

/// What the page of policies says about each rule and set.
fn rules_and_sets() -> String {
    let mut page = "\n## The rules\n\n\
        Each may have, besides its own settings, `severity`, `types` (only keys of these types) and `workspaces` (only keys in these workspaces). \
        The examples are judged as of 2026-12-01.\n"
        .to_owned();
    for rule in policy::rules() {
        let RuleInfo { name, code, meaning, example, failing, passing, remedy, .. } = rule;
        page += &format!("\n### `{name}`\n\n{meaning}\n\n");
        for (setting, doc) in rule.settings() {
            page += &format!("- `{setting}`: {doc}\n");
        }
        if rule.settings().next().is_some() {
            page.push('\n');
        }
        page += &format!(
            "```yaml\nrules:\n  {example}\nkeys:\n  # {code}\n  - {failing}\n  # kept\n  - {passing}\n```\n\n{remedy}\n"
        );
    }
    page += "\n## The sets\n";
    for RuleSet { name, meaning, rules } in RULE_SETS {
        page += &format!("\n### `{name}`\n\n{meaning}\n\n```yaml\n{rules}```\n");
    }
    page
}

#[test]
fn the_page_of_policies_tells_every_rule_and_set() {
    let page = read("docs/policy.md");
    let marker = "<!-- From here on: written by UPDATE=1 cargo test --test docs policies -->\n";
    let (prose, told) = page.split_once(marker).unwrap();
    let now = rules_and_sets();
    if std::env::var_os("UPDATE").is_some() {
        fs::write(root().join("docs/policy.md"), format!("{prose}{marker}{now}")).unwrap();
        return;
    }
    assert!(told == now, "docs/policy.md is not what the code says; run this test with UPDATE=1");
}

#[test]
fn the_files_on_the_page_of_policies_keep_their_own_rules() {
    let page = read("docs/policy.md");
    let mut blocks = page.split("```yaml\n").skip(1).map(|rest| rest.split_once("```").unwrap().0);
    let (keys, policy_file) = (blocks.next().unwrap(), blocks.next().unwrap());
    let now = "2026-12-01T00:00:00Z".parse().unwrap();
    let mut loaded = parse_str("keys.yaml", keys);
    assert!(loaded.desired.is_some(), "{:?}", loaded.diagnostics);
    let judged = policy::judge(&mut loaded, now);
    assert_eq!((judged.errors, judged.waived), (0, 1), "{:?}", loaded.diagnostics);
    assert_eq!(loaded.diagnostics, []);

    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("policy.yaml"), policy_file).unwrap();
    fs::write(folder.path().join("keys.yaml"), "version: 1\nkeys: []\n").unwrap();
    let output = portkey_sync("validate --format json --policy policy.yaml", folder.path());
    // The waiver is for a key that is not there, and ends one day; nothing else may be wrong.
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let codes: Vec<_> = said["diagnostics"].as_array().unwrap().iter().map(|d| d["code"].clone()).collect();
    assert!(codes.iter().all(|code| code.as_str().unwrap().starts_with("policy-waiver-")), "{said:#}");
}

#[test]
fn the_page_of_reviews_has_the_tables_of_risks_and_causes() {
    let page = read("docs/review.md");
    let mut table = "| risk | when a change has it | ask |\n|---|---|---|\n".to_owned();
    for risk in Risk::ALL {
        table += &format!("| `{risk}` | {} | {} |\n", risk.meaning(), risk.question());
    }
    assert!(page.contains(&format!("\n{table}\n")), "docs/review.md lacks this table:\n{table}");
    for cause in Cause::ALL {
        let row = format!("| {} | {} |\n", cause.word().replace('-', " "), cause.meaning());
        assert!(page.contains(&row), "docs/review.md lacks this row: {row}");
    }
}

/// The words that `explain` lists of a kind, or the names that stand in a schema's list of words.
fn explained(kind: &str) -> Vec<String> {
    let output = portkey_sync(&format!("explain {kind} --format json"), root());
    let said: serde_json::Value = serde_json::from_slice(&output.stdout).unwrap();
    let topics = said["topics"].as_array().unwrap();
    topics.iter().map(|topic| topic["name"].as_str().unwrap().to_owned()).collect()
}

/// The words of a published type, or those of the documents that a schema allows.
fn published(schema: &str, name: &str) -> Vec<String> {
    let schema: serde_json::Value =
        serde_json::from_str(&read(&format!("docs/{schema}.schema.json"))).unwrap();
    let (of, word): (_, fn(&serde_json::Value) -> &serde_json::Value) = match name {
        "" => (&schema, |one| &one["properties"]["type"]["const"]),
        name => (&schema["$defs"][name], |one| &one["const"]),
    };
    of["oneOf"].as_array().unwrap().iter().map(|one| word(one).as_str().unwrap().to_owned()).collect()
}

/// Whether a text could be a code.
fn is_code(text: &str) -> bool {
    text.starts_with(|c: char| c.is_ascii_lowercase())
        && text.chars().all(|c| c.is_ascii_lowercase() || c == '-')
}

/// The codes that a function answers, by the text of it.
fn codes_in(function: &str) -> Vec<String> {
    let source = read("src/render/words/mod.rs");
    let (_, rest) = source.split_once(&format!("fn {function}(")).expect(function);
    let body = rest.split_once("\n}\n").unwrap().0;
    let mut codes: Vec<String> =
        body.split('"').skip(1).step_by(2).filter(|text| is_code(text)).map(str::to_owned).collect();
    codes.dedup();
    codes
}

/// The codes of errors that end a command, by the text of `cli`.
fn codes_of_errors() -> Vec<String> {
    let mut codes = std::collections::BTreeSet::new();
    for entry in fs::read_dir(root().join("src/cli")).unwrap() {
        let source = fs::read_to_string(entry.unwrap().path()).unwrap();
        let source = source.split("#[cfg(test)]").next().unwrap();
        for lead in [".code(\"", "code: \""] {
            let found = source.split(lead).skip(1).filter_map(|rest| rest.split('"').next());
            codes.extend(found.filter(|text| is_code(text)).map(str::to_owned));
        }
    }
    codes.into_iter().collect()
}

#[test]
fn the_page_about_json_has_every_code() {
    let of_approvals = ["bad-saved-plan", "other-files", "other-organisation", "other-plan", "other-version"];
    let mut refusals = explained("refusals");
    let mut notes = explained("notes");
    // A policy's findings have the codes of its rules; a scope that is missing is told either way.
    refusals.retain(|code| {
        code != "policy" && (code == of_approvals[2] || !of_approvals.contains(&code.as_str()))
    });
    notes.push("missing-scopes".to_owned());
    notes.sort();
    let mut policies: Vec<String> = policy::rules().iter().map(|rule| rule.code.to_owned()).collect();
    policies.extend(explained("diagnostics").into_iter().filter(|code| code.starts_with("policy-waiver-")));
    policies.sort();
    policies.dedup();
    let mut others = codes_of_errors();
    others.retain(|code| !of_approvals.contains(&code.as_str()));
    assert!(others.len() > 5 && others.contains(&"usage".to_owned()), "{others:?}");

    let rows = [
        ("`blocked[].code`", explained("blocked")),
        ("`refusals[].code`, of a plan", refusals),
        ("`error.code`, of an approval that does not hold", of_approvals.map(str::to_owned).into()),
        ("`notes[].code`", notes),
        ("the same two, from [policies](policy.md)", policies),
        ("`changes[].reason.code`", codes_in("reason")),
        ("the same for a rotation, and `waiting[].why`", codes_in("rotation_code")),
        ("`coming_up[].what`", codes_in("event")),
        ("`changes[].repairs[].code`, of a report", codes_in("repair")),
        ("`error.code`, of other errors", others),
    ];
    let mut table = "| where | codes |\n|---|---|\n".to_owned();
    for (place, codes) in rows {
        assert!(codes.len() > 4, "{place}: {codes:?}");
        let codes: Vec<String> = codes.iter().map(|code| format!("`{code}`")).collect();
        table += &format!("| {place} | {} |\n", codes.join(", "));
    }
    let page = read("docs/json.md");
    let (before, _) = page.split_once("| where | codes |\n").unwrap();
    let now = format!("{before}{table}");
    if std::env::var_os("UPDATE").is_some() {
        fs::write(root().join("docs/json.md"), now).unwrap();
        return;
    }
    assert!(page == now, "docs/json.md does not end with this table; UPDATE=1 writes it anew:\n{table}");
}

#[test]
fn the_page_about_json_has_every_word_of_the_documents() {
    let page = read("docs/json.md");
    let first_cells = |head: &str| -> Vec<String> {
        let (_, rest) = page.split_once(head).expect(head);
        let rows = rest.lines().skip(2).take_while(|line| line.starts_with("| "));
        let cells = rows.filter_map(|row| row.trim_start_matches("| ").split(" | ").next());
        let mut words: Vec<String> =
            cells.flat_map(|cell| cell.split('`').skip(1).step_by(2)).map(str::to_owned).collect();
        words.sort();
        words
    };
    for (head, mut words) in [
        ("| action | calls |", published("plan", "ActionWord")),
        ("| `outcome` | means |", published("report", "OutcomeWord")),
        ("| `type` | says |", published("events", "")),
    ] {
        words.sort();
        assert_eq!(first_cells(head), words, "{head}");
    }
    for word in published("report", "VerdictWord").iter().chain(&published("error", "WhatMoved")) {
        assert!(page.contains(&format!("`{word}`")), "docs/json.md does not name `{word}`");
    }
}

#[test]
fn the_page_about_json_has_every_command_that_writes_it() {
    let page = read("docs/json.md");
    let (_, rest) = page.split_once("| document | written by | schema |\n").unwrap();
    let table = rest.split_once("\n\n").unwrap().0;
    let mut seen = 0;
    for command in text(&portkey_sync("--help", root()).stdout).lines().filter_map(command_of_the_list) {
        let help = text(&portkey_sync(&format!("{command} --help"), root()).stdout);
        let Some((_, formats)) = help.split_once("--format <FORMAT>") else { continue };
        let formats = formats.split("\n  -").next().unwrap();
        if formats.contains("json") {
            assert!(
                table.contains(&format!("`{command}")),
                "docs/json.md does not say what `{command}` writes"
            );
            seen += 1;
        }
    }
    assert!(seen >= 8, "{seen}");
}

/// The command that a line of the program's help is about.
fn command_of_the_list(line: &str) -> Option<&str> {
    let (word, about) = line.strip_prefix("  ")?.split_once("  ")?;
    (is_code(word) && !about.is_empty()).then_some(word)
}

#[test]
fn the_keys_file_of_the_readme_is_valid() {
    let readme = read("README.md");
    let (_, rest) = readme.split_once("```yaml\n").unwrap();
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("keys.yaml"), rest.split_once("```").unwrap().0).unwrap();
    let output = portkey_sync("validate", folder.path());
    assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
}

#[test]
fn every_keys_file_of_the_repository_is_valid_but_the_one_with_mistakes() {
    fn keys_files(folder: &Path, found: &mut Vec<PathBuf>) {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                keys_files(&path, found);
            } else if fs::read_to_string(&path)
                .is_ok_and(|text| text.lines().any(|line| line == "version: 1"))
            {
                found.push(path);
            }
        }
    }
    let mut files = vec![root().join("keys.yaml")];
    keys_files(&root().join("examples"), &mut files);
    assert!(files.len() >= 2);
    for file in files.iter().filter(|file| !file.ends_with("mistakes.yaml")) {
        let output = portkey_sync(&format!("validate -f {}", file.display()), root());
        assert_eq!(output.status.code(), Some(0), "{}", text(&output.stderr));
    }
}

#[test]
fn links_lead_to_files_that_are_there() {
    let mut documents = ["README.md", "CONTRIBUTING.md", "CHANGELOG.md", "examples/review/README.md"]
        .map(str::to_owned)
        .to_vec();
    for entry in fs::read_dir(root().join("docs")).unwrap() {
        let name = entry.unwrap().file_name().into_string().unwrap();
        if Path::new(&name).extension().is_some_and(|extension| extension == "md") {
            documents.push(format!("docs/{name}"));
        }
    }
    for document in documents {
        let content = read(&document);
        let folder = root().join(&document);
        let folder = folder.parent().unwrap();
        for link in content.split("](").skip(1).filter_map(|rest| rest.split(')').next()) {
            let target = link.split('#').next().unwrap();
            if target.is_empty() || target.contains("://") {
                continue;
            }
            assert!(folder.join(target).exists(), "{document} links to {target}");
        }
    }
}

#[test]
fn every_option_that_the_documents_name_exists() {
    let mut help = text(&portkey_sync("--help", root()).stdout);
    for command in [
        "validate",
        "plan",
        "apply",
        "show",
        "rotate",
        "revoke",
        "import",
        "list",
        "show",
        "explain",
        "fmt",
        "emulator",
        "schema",
        "completions",
        "man",
    ] {
        help += &text(&portkey_sync(&format!("{command} --help"), root()).stdout);
    }
    for document in [
        "README.md",
        "docs/auditing.md",
        "docs/ci.md",
        "docs/emulator.md",
        "docs/json.md",
        "docs/formats.md",
        "docs/diagnostics.md",
        "docs/keys-file.md",
        "docs/commands.md",
        "docs/from-terraform.md",
        "docs/from-console.md",
        "docs/from-scripts.md",
        "docs/editors.md",
        "docs/review.md",
        "docs/saved-plans.md",
        "docs/policy.md",
        "docs/secrets.md",
    ] {
        let content = read(document);
        // What other programs take is not ours.
        let content = [
            "--repo",
            "--target ci",
            "--persona",
            "--offline",
            "gh run download RUN --name portkey-escrow --dir",
        ]
        .iter()
        .fold(content, |content, others| content.replace(others, ""));
        let ours = content.split("cargo ").map(|part| part.split_once('\n').map_or("", |(_, rest)| rest));
        for word in ours.flat_map(|part| part.split(|c: char| !(c.is_ascii_alphanumeric() || c == '-'))) {
            if word.starts_with("--") && word.len() > 3 && !word.starts_with("---") {
                assert!(help.contains(word), "{document} names {word}, which no command has");
            }
        }
    }
}

/// The lines of a page's shell blocks that run the program, without comments.
fn commands_of(page: &str) -> Vec<String> {
    let page = read(page);
    let blocks = page.split("```sh\n").skip(1).filter_map(|rest| rest.split("```").next());
    blocks
        .flat_map(str::lines)
        .filter_map(|line| line.split(" #").next().unwrap().trim().strip_prefix("portkey-sync "))
        .map(|line| line.split(['>', '|']).next().unwrap().trim().to_owned())
        .collect()
}

const WAYS_OVER: [&str; 3] = ["docs/from-console.md", "docs/from-terraform.md", "docs/from-scripts.md"];

#[test]
fn the_commands_of_the_ways_over_lead_to_an_empty_plan() {
    for page in WAYS_OVER {
        let folder = tempfile::tempdir().unwrap();
        let all = text(&portkey_sync("import --emulator", folder.path()).stdout);
        let ids = all.lines().filter_map(|line| line.trim().strip_prefix("id: ")).take(3);
        let instance = |id: &str| format!("{{\"attributes\": {{\"id\": \"{id}\", \"key\": \"a-secret\"}}}}");
        let instances: Vec<String> = ids.map(instance).collect();
        assert_eq!(instances.len(), 3, "{all}");
        let state = format!(
            "{{\"version\": 4, \"resources\": [{{\"mode\": \"managed\", \"type\": \"portkey_api_key\", \"name\": \"a\", \
             \"instances\": [{}]}}]}}",
            instances.join(", ")
        );
        fs::write(folder.path().join("terraform.tfstate"), state).unwrap();
        let mut said = String::new();
        for command in commands_of(page) {
            let is_offline = ["fmt", "validate"].iter().any(|name| command.starts_with(name));
            let emulator = if is_offline { "" } else { " --emulator" };
            let output = portkey_sync(&format!("{command}{emulator}"), folder.path());
            said = text(&output.stdout);
            assert_eq!(output.status.code(), Some(0), "{page}: {command}\n{said}{}", text(&output.stderr));
        }
        assert!(said.starts_with("No changes."), "{page}: {said}");
    }
}

#[test]
fn every_command_of_the_pages_for_people_is_a_command_line() {
    for page in
        WAYS_OVER.iter().chain(&["docs/editors.md", "docs/commands.md", "docs/sinks.md", "docs/secrets.md"])
    {
        for command in commands_of(page) {
            let command = command.trim_end_matches(')');
            let output = portkey_sync(&format!("{command} --help"), root());
            assert_eq!(output.status.code(), Some(0), "{page}: {command}\n{}", text(&output.stderr));
        }
    }
}

#[test]
fn the_keys_files_of_the_pages_for_people_are_valid() {
    for page in WAYS_OVER.iter().chain(&["docs/editors.md"]) {
        for file in read(page).split("```yaml\n").skip(1).filter_map(|rest| rest.split("```").next()) {
            let folder = tempfile::tempdir().unwrap();
            fs::write(folder.path().join("keys.yaml"), file).unwrap();
            let output = portkey_sync("validate", folder.path());
            assert_eq!(output.status.code(), Some(0), "{page}: {}", text(&output.stderr));
        }
    }
}

#[test]
fn the_keys_files_of_the_repository_are_in_their_canonical_form() {
    let output = portkey_sync("fmt --check keys.yaml", root());
    assert_eq!(output.status.code(), Some(0), "{}{}", text(&output.stdout), text(&output.stderr));
}

#[test]
fn the_changelog_knows_this_version() {
    assert!(read("CHANGELOG.md").contains(&format!("\n## {}", env!("CARGO_PKG_VERSION"))));
}

/// The rows of a page by their heading, each as what stands first in it, with the cells behind that.
fn rows_by_heading(page: &str, with_bullets: bool) -> Vec<(String, String, Vec<String>)> {
    let mut heading = String::new();
    let mut rows = Vec::new();
    let mut in_head = false;
    for line in page.lines() {
        if let Some(named) = line.strip_prefix("##") {
            named.trim_start_matches('#').trim().clone_into(&mut heading);
        } else if let Some(row) = line.strip_prefix("| ") {
            let mut cells = row.trim_end_matches('|').split(" | ").map(|cell| cell.trim().to_owned());
            let first = cells.next().unwrap();
            if in_head {
                rows.push((heading.clone(), first, cells.collect()));
            }
            continue;
        } else if line.starts_with("|--") {
            in_head = true;
            continue;
        } else if let Some(bullet) = line.strip_prefix("- ").filter(|_| with_bullets) {
            rows.push((heading.clone(), bullet.to_owned(), Vec::new()));
        }
        in_head = false;
    }
    rows
}

/// All the code that can hold a test.
fn code() -> String {
    let mut folders = vec![root().join("tests"), root().join("src")];
    let mut code = String::new();
    while let Some(folder) = folders.pop() {
        for entry in fs::read_dir(folder).unwrap() {
            let path = entry.unwrap().path();
            if path.is_dir() {
                folders.push(path);
            } else if path.extension().is_some_and(|extension| extension == "rs") {
                code.push_str(&fs::read_to_string(path).unwrap());
            }
        }
    }
    code
}

#[test]
fn the_emulators_fidelity_is_told_row_by_row_with_tests_that_exist() {
    let reference = read("docs/portkey-api.md");
    let (_, reference) = reference.split_once("\n## 1. ").unwrap();
    let (reference, _) = reference.split_once("\n## 11. ").unwrap();
    let facts = rows_by_heading(&format!("## 1. {reference}"), true);
    assert!(facts.len() > 180, "{}", facts.len());
    let page = read("docs/emulator-fidelity.md");
    let told = rows_by_heading(&page, false);
    for (n, (fact, row)) in facts.iter().zip(&told).enumerate() {
        assert!(fact.0 == row.0 && fact.1.starts_with(&row.1), "row {n}: {fact:?} is told as {row:?}");
    }
    assert_eq!(facts.len(), told.len());

    let code = code();
    let mut switched = std::collections::BTreeSet::new();
    for (heading, first, cells) in &told {
        let [here, grade, switches, tests] = <[String; 4]>::try_from(cells.clone()).expect(first);
        assert!(grade.starts_with(['D', 'O', 'I']), "{heading}: {first}: {grade}");
        let named = |cell: &str| -> Vec<String> {
            cell.split(", ")
                .filter(|name| *name != "—")
                .map(|name| name.trim_matches('`').to_owned())
                .collect()
        };
        for test in named(&tests) {
            assert!(code.contains(&format!("fn {test}(")), "{heading}: {first}: there is no test {test}");
        }
        assert!(
            !named(&tests).is_empty() || here.starts_with("not emulated"),
            "{heading}: {first} has no test"
        );
        switched.extend(named(&switches));
    }
    let known: std::collections::BTreeSet<String> =
        Switches::TABLE.iter().map(|switch| switch.name.to_owned()).collect();
    assert_eq!(switched, known, "each switch stands for a fact, and each fact's switch is there");
}

#[test]
fn the_threat_model_names_what_holds_each_claim() {
    let page = read("docs/threat-model.md");
    let code = code();
    let named = |text: &str| -> Vec<String> {
        let words = text.split('`').skip(1).step_by(2);
        let is_path = |word: &str| word.starts_with("src/") || word.starts_with("tests/");
        words.filter(|word| is_path(word) || word.matches('_').count() >= 3).map(str::to_owned).collect()
    };
    // Names of variables are in capitals.
    for name in named(&page).iter().filter(|name| name.chars().any(|c| c.is_ascii_lowercase())) {
        if name.contains('/') {
            assert!(root().join(name).exists(), "there is no {name}");
        } else {
            assert!(code.contains(&format!("fn {name}(")), "there is no test {name}");
        }
    }
    let rows: Vec<_> =
        page.lines().filter(|line| line.starts_with("| ") && !line.contains("| held by |")).collect();
    assert!(rows.len() > 30, "{}", rows.len());
    for row in rows {
        let (_, holds) = row.trim_end_matches(" |").rsplit_once(" | ").unwrap();
        assert!(!named(holds).is_empty(), "nothing holds: {row}");
    }
}

#[test]
fn every_age_recipient_that_is_shown_is_one() {
    let mut seen = 0;
    let docs = fs::read_dir(root().join("docs")).unwrap().map(|entry| entry.unwrap().path());
    for path in docs.chain(["README.md", "keys.yaml"].map(|name| root().join(name))) {
        let Ok(page) = fs::read_to_string(&path) else { continue };
        let words = page.split(|c: char| !c.is_ascii_alphanumeric());
        for word in words.filter(|word| word.len() > 20 && word.starts_with("age1")) {
            let parsed = word.parse::<age::x25519::Recipient>();
            assert!(parsed.is_ok(), "{}: {word} is no recipient", path.display());
            seen += 1;
        }
    }
    // The reference, the schema and the page about secrets show some.
    assert!(seen > 5, "{seen}");
}
