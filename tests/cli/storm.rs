//! Everything goes wrong at once, by chance: afterwards, without faults, all is as the file says and nothing is lost.

use portkey_sync::emulator::{FaultScript, Options, Seed};
use serde_json::json;

use crate::harness::{CREATE, DELETE, FRESH, Folder, Rehearsal, SEED, UPDATES};
use crate::switches::kept_of_quickstart;

/// How often the program is run against the storm, and after it.
const RUNS_IN_THE_STORM: usize = 3;
const RUNS_AFTER_IT: usize = 3;
/// How many storms there are at a time.
const LANES: usize = 3;

fn storm(seed: u64) -> FaultScript {
    let script = json!({"seed": seed, "faults": [
        {"name": "unreachable", "probability": 0.08, "then": {"drop_before": true}},
        {"name": "reset", "probability": 0.05, "then": {"reset_before": true}},
        {"name": "refused", "probability": 0.03, "then": {"refuse_connections": 1}},
        {"name": "lost", "probability": 0.08, "then": {"drop_after": true}},
        {"name": "lost by a reset", "probability": 0.05, "then": {"reset_after": true}},
        {"name": "proxy", "probability": 0.05, "then": {"status": 502, "envelope": "html"}},
        {"name": "proxy after the effect", "probability": 0.05, "then": {"status_after": 504, "envelope": "html"}},
        {"name": "busy", "probability": 0.05, "then": {"status": 429}},
        {"name": "cut short", "probability": 0.05, "then": {"truncate_body": 20}},
        {"name": "garbage", "probability": 0.05, "then": {"garbage_body": true}},
        {"name": "repeated row", "method": "GET", "probability": 0.1, "then": {"duplicate_row": true}},
        {"name": "missing row", "method": "GET", "probability": 0.1, "then": {"hide_row": true}},
        {"name": "lag", "method": "POST", "probability": 0.3, "then": {"stale_reads": 4}},
        {"name": "lag of others", "method": "PUT", "probability": 0.1, "then": {"stale_reads": 2}},
    ]});
    FaultScript::from_yaml_str(&script.to_string()).unwrap()
}

fn weather(seed: u64) {
    let options =
        Options { seed: Some(Seed::from_yaml_str(SEED).unwrap()), faults: storm(seed), ..Options::default() };
    let rehearsal = Rehearsal::with(options, &format!("{UPDATES}{CREATE}{DELETE}"));
    let mut said = Vec::new();
    let mut apply = |patience: &str| {
        let args = ["apply", "--yes", "--retry-for", patience, "--verify-for", patience, "--format", "json"];
        let ended = rehearsal.run(&args);
        let code = ended.code;
        assert!([0, 1, 3, 4].contains(&code), "seed {seed}: {ended:?}");
        said.push(ended.said());
        code
    };
    for _ in 0..RUNS_IN_THE_STORM {
        apply("1s");
    }
    rehearsal.clear_faults();
    // Past all that a run may have to wait for: a late effect, another run's grace, a transition.
    let settled = (0..RUNS_AFTER_IT).any(|_| {
        rehearsal.advance("45m");
        apply("5s") == 0 && rehearsal.run(&["plan", "--detailed-exitcode"]).code == 0
    });
    assert!(settled, "seed {seed}: {said:#?}");

    let keys = rehearsal.keys();
    let mut names: Vec<&str> = keys.values().map(|key| key["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["admin", "alpha", "beta", "fresh", "gamma"], "seed {seed}: {said:#?}");
    // What was delivered is the secret of the key that is there, and it opens the data plane.
    let secret = rehearsal.folder.read(FRESH);
    assert!(rehearsal.opens(secret.trim_end()), "seed {seed}: {said:#?}");
    // A secret that was replaced before anybody had it is taken out of the escrow by the next run.
    rehearsal.advance("45m");
    rehearsal.apply(&[]).expect(0);
    assert!(rehearsal.folder.held().is_empty(), "seed {seed}: nothing waits any more");
}

#[test]
fn after_a_storm_all_is_as_the_file_says_and_the_secret_is_delivered() {
    let seeds = std::env::var("PORTKEY_SYNC_STORMS").map_or(6, |count| count.parse().unwrap());
    std::thread::scope(|scope| {
        for first in (0..).take(LANES) {
            scope.spawn(move || (first..seeds).step_by(LANES).for_each(weather));
        }
    });
    println!("{seeds} storms");
}

#[test]
fn under_each_example_of_faults_nothing_is_lost() {
    let root = std::path::Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut examples = 0;
    for entry in std::fs::read_dir(root.join("examples/faults")).unwrap() {
        let script = entry.unwrap().path().display().to_string();
        let folder = Folder::new();
        folder.write("keys.yaml", &std::fs::read_to_string(root.join("keys.yaml")).unwrap());
        let stormy = folder.run(&["apply", "--emulator", "--yes", "--faults", &script]);
        assert!([0, 3].contains(&stormy.code), "{script}: {}", stormy.said());
        let calm = folder.run(&["apply", "--emulator", "--yes"]);
        let expected = if kept_of_quickstart().is_empty() { [0, 0] } else { [0, 3] };
        assert!(expected.contains(&calm.code), "{script}: {}\n{}", stormy.said(), calm.said());
        assert!(folder.held().is_empty(), "{script}");
        examples += 1;
    }
    assert_eq!(examples, 4);
}
