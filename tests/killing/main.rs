//! A run that creates, rotates and updates, killed at each of its points in turn and repeated until it is done.
//!
//! However it was killed, there is one key per entry, what was delivered works, and the plan is empty. A sample runs
//! with the other tests; `PORTKEY_SYNC_KILL_EVERY=1` takes every point.

#![expect(clippy::unwrap_used, clippy::panic, clippy::indexing_slicing, reason = "a failed test panics")]

mod site;

use std::sync::Mutex;
use std::sync::atomic::{AtomicUsize, Ordering};

use serde_json::json;
use site::{Site, Story};

/// Which points are tried: the first, and each one that lies this far behind.
fn stride() -> usize {
    std::env::var("PORTKEY_SYNC_KILL_EVERY").ok().and_then(|text| text.parse().ok()).unwrap_or(41)
}

/// Runs each number on one of a few threads: a run mostly waits.
fn side_by_side(numbers: &[usize], work: impl Fn(usize) + Sync) {
    let next = AtomicUsize::new(0);
    let failed = Mutex::new(Vec::new());
    std::thread::scope(|scope| {
        for _ in 0..4 {
            scope.spawn(|| {
                while let Some(number) = numbers.get(next.fetch_add(1, Ordering::SeqCst)) {
                    let run = std::panic::AssertUnwindSafe(|| work(*number));
                    if std::panic::catch_unwind(run).is_err() {
                        failed.lock().unwrap().push(*number);
                    }
                }
            });
        }
    });
    let mut failed = failed.into_inner().unwrap();
    failed.sort_unstable();
    assert_eq!(failed, Vec::<usize>::new(), "killed at these points, it did not come to its end");
}

#[test]
fn killed_anywhere_it_comes_to_the_same_end() {
    let story = Story::new();
    let points = story.points();
    let tried: Vec<usize> = (1..=points.len()).step_by(stride()).collect();
    println!("{} points, of which {} are tried, with the disk kept", points.len(), tried.len());
    side_by_side(&tried, |number| {
        let site = Site::of(&story);
        site.killed_at(number);
        site.finish();
        // Between a program's end and the note of it nobody can tell whether it ran.
        let name = points.get(number - 1).map_or("", String::as_str);
        site.check(matches!(name, "sink: after a delivery" | "journal: before a line"));
    });
}

#[test]
fn killed_anywhere_with_its_disk_it_comes_to_the_same_end() {
    let story = Story::new();
    let points = story.points();
    let tried: Vec<usize> = (1..=points.len()).step_by(stride()).collect();
    println!("{} points, of which {} are tried, with the disk lost", points.len(), tried.len());
    side_by_side(&tried, |number| {
        let site = Site::of(&story);
        site.killed_at(number);
        site.lose_the_disk();
        site.advance("45m");
        site.finish();
        site.check(true);
    });
}

#[test]
fn killed_again_and_again_side_by_side_it_comes_to_the_same_end() {
    let story = Story::new();
    side_by_side(&[0, 1, 2, 3], |seed| {
        let site = Site::of(&story);
        // Points that differ from seed to seed and from run to run.
        for run in 0..3 {
            site.killed_at_with(17 + 53 * seed + 31 * run, "8");
        }
        site.finish();
        site.check(true);
    });
}

#[test]
fn whatever_befalls_a_call_it_comes_to_the_same_end() {
    let story = Story::new();
    let calls = story.calls();
    let faults = [
        ("drop before", json!({"drop_before": true})),
        ("drop after", json!({"drop_after": true})),
        ("502 without effect", json!({"status": 502})),
        ("502 after the effect", json!({"status_after": 502, "envelope": "html"})),
        ("reset after", json!({"reset_after": true})),
        ("cut body", json!({"truncate_body": 12})),
        ("too slow", json!({"delay_ms": 4000})),
    ];
    let all: Vec<usize> = (0..calls.len() * faults.len()).step_by(stride().div_ceil(4)).collect();
    println!("{} calls, {} kinds of faults, {} tried", calls.len(), faults.len(), all.len());
    side_by_side(&all, |number| {
        let (call, (name, then)) = (&calls[number / faults.len()], &faults[number % faults.len()]);
        let site = Site::of(&story);
        site.fault(call, then);
        site.apply("1");
        assert!(!site.is_armed(), "{name} at {call:?} met no call");
        site.clear_faults();
        site.finish();
        site.check(true);
    });
}

#[test]
fn two_runs_at_once_leave_one_key_per_entry() {
    let story = Story::new();
    let seeds = std::env::var("PORTKEY_SYNC_PAIRS").ok().and_then(|text| text.parse().ok()).unwrap_or(6);
    side_by_side(&(0..seeds).collect::<Vec<_>>(), |seed| {
        let site = Site::of(&story);
        site.two_at_once(seed);
        site.advance("45m");
        site.finish();
        site.check(true);
    });
}
