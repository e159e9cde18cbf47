//! Everything goes wrong at once, by chance: afterwards, without faults, all is as the file says and nothing is lost.

use portkey_sync::emulator::{FaultScript, Options, Seed};
use serde_json::json;

use crate::harness::{CREATE, DELETE, FRESH, Rehearsal, SEED, UPDATES};

/// How often the program is run against the storm, and after it.
const RUNS_IN_THE_STORM: usize = 3;
const RUNS_AFTER_IT: usize = 3;

fn storm(seed: u64) -> FaultScript {
    let script = json!({"seed": seed, "faults": [
        {"name": "unreachable", "probability": 0.08, "then": {"drop_before": true}},
        {"name": "reset", "probability": 0.05, "then": {"reset_before": true}},
        {"name": "refused", "probability": 0.03, "then": {"refuse_connections": 1}},
        {"name": "lost", "probability": 0.08, "then": {"drop_after": true}},
        {"name": "lost by a reset", "probability": 0.05, "then": {"reset_after": true}},
        {"name": "proxy", "probability": 0.05, "then": {"status": 502, "envelope": "html"}},
        {"name": "busy", "probability": 0.05, "then": {"status": 429}},
        {"name": "cut short", "probability": 0.05, "then": {"truncate_body": 20}},
        {"name": "garbage", "probability": 0.05, "then": {"garbage_body": true}},
        {"name": "lagging", "method": "PUT", "probability": 0.1, "then": {"stale_reads": 2}},
        {"name": "repeated row", "method": "GET", "probability": 0.1, "then": {"duplicate_row": true}},
        {"name": "missing row", "method": "GET", "probability": 0.1, "then": {"hide_row": true}},
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
    let calm = (0..RUNS_AFTER_IT).any(|_| apply("5s") == 0);
    assert!(calm, "seed {seed}: {said:#?}");

    rehearsal.run(&["plan", "--detailed-exitcode"]).expect(0);
    let keys = rehearsal.keys();
    let mut names: Vec<&str> = keys.values().map(|key| key["name"].as_str().unwrap()).collect();
    names.sort_unstable();
    assert_eq!(names, ["admin", "alpha", "beta", "fresh", "gamma"], "seed {seed}: {said:#?}");
    // What was delivered is the secret of the key that is there, and it opens the data plane.
    let secret = rehearsal.folder.read(FRESH);
    assert!(rehearsal.opens(secret.trim_end()), "seed {seed}: {said:#?}");
    assert!(rehearsal.folder.held().is_empty(), "seed {seed}: nothing waits any more");
}

#[test]
fn after_a_storm_all_is_as_the_file_says_and_the_secret_is_delivered() {
    let seeds = std::env::var("PORTKEY_SYNC_STORMS").map_or(6, |count| count.parse().unwrap());
    std::thread::scope(|scope| {
        for lane in 0..3 {
            scope.spawn(move || (lane..seeds).step_by(3).for_each(weather));
        }
    });
    println!("{seeds} storms");
}
