//! One plan, in whatever order it is asked for, from however many files, on whichever machine.

use std::fmt::Write;

use proptest::prelude::*;
use serde_json::{Value, json};

use super::tests::{NOW, lines, row, runner};
use super::*;
use crate::desired::{FileArgument, load};

/// What every root file begins with.
const HEAD: &str = "version: 1\n";

/// What stands once, in the file that is read first or last.
const DEFINITIONS: &[&str] = &[
    "managed_by: platform",
    "sinks: {dir: {file: \"secrets/{workspace}/{name}\"}, dotenv: {env_file: .env.keys, variable: \"KEY_{name}\"}}",
    "scope_sets: {inference: [completions.write, prompts.render]}",
];

/// Entries of which each does something else, field by field.
const ENTRIES: &[&[&str]] = &[
    &[
        "name: alpha",
        "scopes: [inference, logs.view]",
        "usage_limits: {credit_limit: 10, periodic_reset: monthly}",
    ],
    &[
        "name: beta",
        "scopes: [completions.write]",
        "expires_at: 2027-01-01",
        "metadata: {team: a, env: prod}",
        "alert_emails: [a@example.com, b@example.com]",
    ],
    &["name: fresh", "scopes: [inference]", "secret: {deliver_to: [dir, dotenv]}"],
    &["name: gone", "absent: true"],
    &["name: due", "scopes: [completions.write]", "usage_reset_after: 2026-11-20T00:00:00Z"],
    &["name: same", "scopes: [completions.write]"],
    &[
        "name: limited",
        "scopes: [completions.write]",
        "rate_limits: [{type: requests, unit: rpm, value: 5}, {type: tokens, unit: rph, value: 7}]",
    ],
];

/// The live keys; nobody's file mentions the last one.
const LIVE: &[&str] = &["alpha", "beta", "gone", "due", "same", "limited", "stranger"];

/// In how many files it stands, and in which order they are named.
#[derive(Clone, Copy, Debug)]
enum Files {
    One,
    Two,
    TwoTheOtherWayRound,
    Included,
}

#[derive(Clone, Debug)]
struct Order {
    entries: Vec<usize>,
    rows: Vec<usize>,
    definitions: Vec<usize>,
    /// By how many places the fields of each entry are moved on.
    turn: usize,
    files: Files,
    /// How many entries stand in the first file, if there are two.
    cut: usize,
}

fn order() -> impl Strategy<Value = Order> {
    let shuffled = |n: usize| Just((0..n).collect::<Vec<_>>()).prop_shuffle();
    let files = prop_oneof![
        Just(Files::One),
        Just(Files::Two),
        Just(Files::TwoTheOtherWayRound),
        Just(Files::Included)
    ];
    (
        shuffled(ENTRIES.len()),
        shuffled(LIVE.len()),
        shuffled(DEFINITIONS.len()),
        0_usize..5,
        files,
        0..=ENTRIES.len(),
    )
        .prop_map(|(entries, rows, definitions, turn, files, cut)| Order {
            entries,
            rows,
            definitions,
            turn,
            files,
            cut,
        })
}

fn as_written() -> Order {
    Order {
        entries: (0..ENTRIES.len()).collect(),
        rows: (0..LIVE.len()).collect(),
        definitions: (0..DEFINITIONS.len()).collect(),
        turn: 0,
        files: Files::One,
        cut: 0,
    }
}

impl Order {
    fn definitions(&self) -> String {
        self.definitions.iter().fold(String::new(), |text, &at| text + DEFINITIONS[at] + "\n")
    }

    fn keys(&self, entries: &[usize]) -> String {
        let mut text = if entries.is_empty() { "keys: []\n".to_owned() } else { "keys:\n".to_owned() };
        for &at in entries {
            let mut fields = ENTRIES[at].to_vec();
            fields.push("workspace_id: 5d0c1f0a-7a3e-4a52-9d55-0b6f7e1a2b3c");
            let turn = self.turn % fields.len();
            fields.rotate_left(turn);
            writeln!(text, "  - {{{}}}", fields.join(", ")).unwrap();
        }
        text
    }

    /// The plan, from files in a folder of their own.
    fn plan(&self) -> Plan {
        let folder = tempfile::tempdir().unwrap();
        let write = |name: &str, text: &str| {
            let path = folder.path().join(name);
            std::fs::create_dir_all(path.parent().unwrap()).unwrap();
            std::fs::write(&path, text).unwrap();
            path
        };
        let (first, second) = self.entries.split_at(self.cut.min(self.entries.len()));
        let whole = format!("{HEAD}{}", self.definitions());
        let files = match self.files {
            Files::One => vec![write("keys.yaml", &(whole + &self.keys(&self.entries)))],
            Files::Two | Files::TwoTheOtherWayRound => {
                let one = write("one.yaml", &(whole + &self.keys(first)));
                let two = write("two.yaml", &format!("{HEAD}{}", self.keys(second)));
                if matches!(self.files, Files::Two) { vec![one, two] } else { vec![two, one] }
            }
            Files::Included => {
                write("teams/z.yaml", &self.keys(first));
                write("teams/a.yaml", &self.keys(second));
                vec![write("keys.yaml", &(whole + "include: [{files: \"teams/*.yaml\"}]\nkeys: []\n"))]
            }
        };
        let files: Vec<FileArgument> = files.into_iter().map(FileArgument::from).collect();
        let loaded = load(&files, &mut std::io::empty());
        let desired = loaded.desired.unwrap_or_else(|| panic!("{:?}", loaded.diagnostics));
        let mut rows: Vec<Value> = self.rows.iter().map(|&at| row(LIVE[at], json!({}))).collect();
        // The key that runs stands anywhere.
        rows.insert(self.turn % rows.len(), runner());
        let live = Live::from_rows(rows, NOW);
        let running = RunningKey::recognise(&live, &Mask::of_live("ru*****ner".to_owned()));
        let options = PlanOptions { max_deletes: Some(5), ..PlanOptions::default() };
        plan(&Inputs {
            desired: &desired,
            live: &live,
            running: &running,
            now: NOW.parse().unwrap(),
            options: &options,
        })
    }
}

#[test]
fn each_entry_does_something_and_is_in_the_digest() {
    let whole = as_written();
    let plan = whole.plan();
    assert_eq!(plan.changes.len(), ENTRIES.len(), "{:?}", lines(&plan));
    assert_eq!((plan.blocked.len(), plan.refusals.len()), (0, 0), "{:?}", lines(&plan));
    for (at, entry) in ENTRIES.iter().enumerate() {
        let mut less = whole.clone();
        less.entries.remove(at);
        assert_ne!(less.plan().digest(), plan.digest(), "{}", entry[0]);
    }
}

proptest! {
    #![proptest_config(ProptestConfig { cases: 64, failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn the_order_of_files_entries_fields_and_rows_is_not_in_the_digest(order in order()) {
        let (expected, found) = (as_written().plan(), order.plan());
        prop_assert_eq!(found.digest(), expected.digest(), "{:?} is not {:?}", lines(&found), lines(&expected));
    }
}
