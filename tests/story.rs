//! The story of `examples/review`: its script is run as a person runs it, and its README shows what it says.
//!
//! `UPDATE=1 cargo test --test story` writes the README's outputs anew.

#![cfg(unix)]
#![expect(
    clippy::unwrap_used,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

use std::collections::BTreeMap;
use std::fs;
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::LazyLock;

use regex::Regex;
use serde_json::Value;
use tempfile::TempDir;

/// One command of the story.
struct Step {
    name: String,
    /// As it was typed, without the prompt.
    command: String,
    said: String,
    code: i32,
    /// What the emulator has seen, whatever came of it.
    writes: usize,
    /// All of it, as the README shows it.
    shown: String,
}

struct Story {
    steps: Vec<Step>,
    folder: TempDir,
}

static STORY: LazyLock<Story> = LazyLock::new(tell);

fn story_folder() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("examples/review")
}

/// The script, with nothing of the machine's own environment.
fn script(home: &Path) -> Command {
    let mut bash = Command::new("bash");
    bash.arg(story_folder().join("story.sh")).env_clear();
    bash.env("PATH", std::env::var_os("PATH").unwrap()).env("HOME", home).env("COLUMNS", "100");
    bash.env("PORTKEY_SYNC", env!("CARGO_BIN_EXE_portkey-sync"));
    bash
}

fn tell() -> Story {
    let folder = tempfile::tempdir().unwrap();
    let output = script(folder.path()).arg(folder.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success(), "{said}\n{}", String::from_utf8_lossy(&output.stderr));
    Story { steps: said.split("== ").skip(1).map(step).collect(), folder }
}

fn step(text: &str) -> Step {
    let (name, shown) = text.split_once('\n').unwrap();
    let (command, rest) = shown.strip_prefix("$ ").unwrap().split_once('\n').unwrap();
    let (said, ended) = rest.trim_end().rsplit_once('\n').unwrap();
    let ended = ended.strip_prefix("(exit code: ").and_then(|ended| ended.strip_suffix(')')).unwrap();
    let (code, writes) = ended.split_once("; writes: ").unwrap();
    Step {
        name: name.to_owned(),
        command: command.to_owned(),
        said: said.to_owned(),
        code: code.parse().unwrap(),
        writes: writes.parse().unwrap(),
        shown: shown.to_owned(),
    }
}

impl Story {
    fn step(&self, name: &str) -> &Step {
        self.steps.iter().find(|step| step.name == name).expect(name)
    }

    /// A saved plan of the story, as JSON.
    fn plan(&self, file: &str) -> Value {
        let mut show = Command::new(env!("CARGO_BIN_EXE_portkey-sync"));
        show.args(["show", file, "--format", "json"]).current_dir(self.folder.path().join("repository"));
        serde_json::from_slice(&show.output().unwrap().stdout).unwrap()
    }
}

impl Step {
    fn says(&self, text: &str) -> &Self {
        // Paragraphs are wrapped, so that the words matter and not the line ends.
        let words = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        assert!(words(&self.said).contains(&words(text)), "{text:?} is not in\n{}", self.said);
        self
    }

    fn ends(&self, code: i32, writes: usize) -> &Self {
        assert_eq!((self.code, self.writes), (code, writes), "{}", self.shown);
        self
    }
}

/// What each change of a plan is called: action, cause, risks.
fn labels(plan: &Value) -> BTreeMap<String, String> {
    let changes = plan["changes"].as_array().unwrap();
    let label = |change: &Value| {
        let risks = change["risks"].as_array().unwrap().iter().map(|risk| risk["risk"].as_str().unwrap());
        let words = [change["action"].as_str().unwrap(), change["cause"].as_str().unwrap()];
        (
            change["address"].as_str().unwrap().to_owned(),
            words.into_iter().chain(risks).collect::<Vec<_>>().join(" "),
        )
    };
    changes.iter().map(label).collect()
}

fn expected<'s>(labels: &[(&'s str, &'s str)]) -> BTreeMap<String, String> {
    labels.iter().map(|(address, label)| ((*address).to_owned(), (*label).to_owned())).collect()
}

#[test]
fn a_check_without_any_key_shows_the_risks_of_the_pull_request_and_nothing_of_the_drift() {
    let check = STORY.step("check").ends(0, 0);
    assert_eq!(check.command, "env -u PORTKEY_ADMIN_API_KEY portkey-sync validate --base-ref main");
    check.says("scopes + logs.export ! gains-read");
    check.says("usage_limits credit_limit 300 -> 2000 USD ! limit-loosened");
    check.says("+ create refunds").says("3 changes 1 create, 2 update").says("2 risks");
    assert!(!check.said.contains("nightly-eval"), "{}", check.said);
}

#[test]
fn the_comment_tells_this_change_from_older_drift_and_says_what_is_risky() {
    let comment = STORY.step("comment").ends(0, 0);
    assert_eq!(
        labels(&STORY.plan("plan.json")),
        expected(&[
            ("payments/checkout", "update this-change gains-read"),
            ("payments/ledger-batch", "update this-change limit-loosened"),
            ("payments/refunds", "create this-change"),
            ("research/nightly-eval", "update drift"),
        ])
    );
    comment.says("### portkey-sync: 4 changes to organisation a1b2c3d4, 2 to look at");
    let (look_at, rest) =
        comment.said.split_once("**Older drift, which apply sets right as well.**").unwrap();
    let rows: Vec<&str> = look_at.lines().filter(|line| line.starts_with("| update |")).collect();
    assert_eq!(
        rows,
        [
            "| update | `payments/checkout` | **can see more** (`+ logs.export`) | this change |",
            "| update | `payments/ledger-batch` | **a limit gets looser** (`credit_limit 300 -> 2000 USD`) | this change |",
        ]
    );
    let (drift, all) = rest.split_once("<details>").unwrap();
    assert!(
        drift.contains("`research/nightly-eval`: `rate_limits: 1000 -> 100 requests per minute`"),
        "{drift}"
    );
    for name in ["checkout", "ledger-batch", "refunds"] {
        assert!(!drift.contains(name), "{drift}");
    }
    let line_of = |address: &str| all.lines().find(|line| line.contains(address)).unwrap();
    assert!(line_of("payments/checkout").ends_with("this change"), "{all}");
    assert!(line_of("payments/ledger-batch").ends_with("this change"), "{all}");
    assert!(
        line_of("payments/refunds").contains(" create, ")
            && line_of("payments/refunds").ends_with("this change")
    );
    assert!(line_of("research/nightly-eval").ends_with("drift"), "{all}");
}

#[test]
fn a_live_edit_refuses_the_saved_plan_and_is_named_and_nothing_is_written() {
    let refused = STORY.step("refused").ends(4, 0);
    refused.says(
        "changed payments/ledger-batch update: usage_limits credit_limit 900 -> 2000 USD (reviewed: credit_limit 300 -> 2000 USD)",
    );
    refused.says("the same 3 changes").says("nothing was written");
    for name in ["checkout", "refunds", "nightly-eval"] {
        assert!(!refused.said.contains(name), "only what moved is named: {}", refused.said);
    }
}

#[test]
fn the_plan_made_anew_is_applied_and_leaves_nothing_to_do() {
    STORY.step("again").ends(0, 0).says("usage_limits credit_limit 900 -> 2000 USD");
    // The labels are those of the pull request, though it is on main by now.
    assert_eq!(labels(&STORY.plan("again.json")), labels(&STORY.plan("plan.json")));
    STORY.step("applied").ends(0, 5).says("4 changes, 5 writes, all confirmed by reading back");
    assert!(STORY.folder.path().join("repository/secrets/payments/refunds").exists());
    STORY.step("empty").ends(0, 0).says("No changes. 4 keys");
}

#[test]
fn a_plan_that_was_applied_in_part_goes_on_with_the_rest_only() {
    assert_eq!(
        labels(&STORY.plan("back.json")),
        expected(&[
            ("payments/checkout", "update this-change"),
            ("payments/ledger-batch", "update this-change")
        ])
    );
    let (partial, resumed) = (STORY.step("partial"), STORY.step("resumed"));
    partial.ends(3, 2).says("payments/ledger-batch updated usage_limits");
    partial.says("error: `payments/checkout`: the key was not updated").says("1 of 2 writes made");
    assert_eq!(partial.command, resumed.command);
    resumed.ends(0, 1).says("1 of 2 changes left, 1 write");
    resumed.says("already done update: payments/ledger-batch").says("payments/checkout updated scopes");
    STORY
        .step("last")
        .ends(0, 0)
        .says("No changes. 3 keys")
        .says("--prune would delete 1 key: payments/refunds");
}

#[test]
fn without_a_folder_the_script_leaves_nothing_behind() {
    let temporary = tempfile::tempdir().unwrap();
    let output = script(temporary.path()).env("TMPDIR", temporary.path()).output().unwrap();
    assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    assert_eq!(fs::read_dir(temporary.path()).unwrap().count(), 0);
}

#[test]
fn a_step_that_ends_otherwise_than_it_should_ends_the_script() {
    let temporary = tempfile::tempdir().unwrap();
    let stand_in = temporary.path().join("portkey-sync");
    let real = env!("CARGO_BIN_EXE_portkey-sync");
    // It does all but refuse.
    let text = format!("#!/bin/sh\n[ \"$2\" != plan.json ] || exit 0\nexec {real} \"$@\"\n");
    fs::write(&stand_in, text).unwrap();
    fs::set_permissions(&stand_in, fs::Permissions::from_mode(0o755)).unwrap();
    let output = script(temporary.path()).env("PORTKEY_SYNC", &stand_in).output().unwrap();
    let said = String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(1), "{said}");
    assert!(said.contains("step refused should end with 4 after 0 writes"), "{said}");
}

/// What is another each time: dates, times, ids, and in which order changes are done that are made at once.
fn settled(shown: &str) -> String {
    let mask = |text: String, pattern: &str, to: &str| {
        Regex::new(pattern).unwrap().replace_all(&text, to).into_owned()
    };
    let text = mask(shown.to_owned(), r"\d{4}-\d\d-\d\d[T ]\d\d:\d\d(:\d\dZ)?", "DATE");
    let text = mask(text, r"(?m)\s+\d+(\.\d+)? m?s$", " TIME");
    let text = mask(text, r"Done in \d+(\.\d+)? m?s", "Done in TIME");
    let text = mask(text, r"created [0-9a-f]{8}", "created ID");
    let text = mask(text, r"(?m)^\d+/(\d+) ", "N/$1 ");
    let is_progress = |line: &&str| line.starts_with("N/");
    // How often it looks again is a matter of time as well.
    let mut lines: Vec<&str> = text.lines().filter(|line| !line.starts_with("reading back ")).collect();
    let from = lines.iter().position(is_progress).unwrap_or(0);
    let to = lines.iter().rposition(is_progress).map_or(0, |last| last + 1);
    lines[from..to].sort_unstable();
    lines.join("\n")
}

#[test]
fn the_readme_shows_the_steps_in_their_order_as_the_script_runs_them() {
    let path = story_folder().join("README.md");
    let mut readme = fs::read_to_string(&path).unwrap();
    let mut at = 0;
    for step in &STORY.steps {
        let marker = format!("<!-- step: {} -->\n````text\n", step.name);
        let from = readme[at..].find(&marker).map(|found| at + found + marker.len());
        let from = from.unwrap_or_else(|| panic!("the README lacks, or lacks in this place:\n{marker}"));
        let to = from + readme[from..].find("````").unwrap();
        let block = readme[from..to].to_owned();
        if std::env::var_os("UPDATE").is_some() {
            readme.replace_range(from..to, &step.shown);
        } else {
            assert_eq!(settled(&block), settled(&step.shown), "UPDATE=1 writes the README anew");
        }
        at = from;
    }
    assert_eq!(readme.matches("<!-- step: ").count(), STORY.steps.len());
    if std::env::var_os("UPDATE").is_some() {
        fs::write(&path, readme).unwrap();
    }
}
