//! Ctrl-C, and the question before an apply.
#![cfg(unix)]

use std::process::Command;
use std::time::{Duration, Instant};

use portkey_sync::emulator::{Options, Seed};
use serde_json::json;

use crate::harness::{Rehearsal, SEED, UPDATES, Underway, assert_true};

pub(crate) fn signal(underway: &Underway, name: &str) {
    let ended = Command::new("sh").args(["-c", &format!("kill -{name} {}", underway.id())]).status();
    assert!(ended.unwrap().success());
}

/// Many keys to update, and a service that takes its time.
fn slow() -> Rehearsal {
    let (mut seed, mut keys) = (SEED.to_owned(), String::new());
    for n in 0..30 {
        seed.push_str(&format!(
            "  - {{name: slow-{n}, type: workspace-service, workspace: ws-prod-1a2b3c, \
             scopes: [completions.write], created_at: 2026-02-01T00:00:00Z}}\n"
        ));
        keys.push_str(&format!("  - {{name: slow-{n}, workspace_id: prod, scopes: [logs.write]}}\n"));
    }
    let seed = Some(Seed::from_yaml_str(&seed).unwrap());
    Rehearsal::with(Options { seed, latency: Duration::from_millis(100), ..Options::default() }, &keys)
}

#[test]
fn an_interrupted_apply_finishes_what_is_in_flight_and_reports() {
    for name in ["INT", "TERM"] {
        let rehearsal = slow();
        let before = rehearsal.keys();
        rehearsal.forget_requests();
        let args = ["apply", "--yes", "--format", "json", "--concurrency", "2"];
        let underway = Underway::start(rehearsal.command(&args));
        rehearsal.wait_until("a write was made", |rehearsal| !rehearsal.writes().is_empty());
        signal(&underway, name);
        let ended = underway.wait().expect(3);
        ended.says("interrupted: calls in flight are finished");
        let report = ended.json();
        assert_eq!(report["interrupted"], true);
        let done = report["totals"]["done"].as_u64().unwrap();
        assert!((1..30).contains(&done), "{report:#}");
        assert_eq!(report["totals"]["not_attempted"], 30 - done);
        assert_true(&report, &rehearsal, &before, 0);
        rehearsal.converges();
    }
}

#[test]
fn an_apply_that_is_interrupted_before_any_write_ends_with_130() {
    let rehearsal = Rehearsal::of(UPDATES);
    let before = rehearsal.keys();
    rehearsal.fault(json!({"method": "PUT", "then": {"delay_ms": 500, "status": 403}}));
    let underway = Underway::start(rehearsal.command(&["apply", "--yes", "--concurrency", "1"]));
    rehearsal.wait_until("the first update is on its way", |rehearsal| rehearsal.pending_faults() == 0);
    signal(&underway, "INT");
    underway.wait().expect(130).says("1 failed, 2 not attempted; 0 of 3 writes made (exit code 130)");
    assert_eq!(rehearsal.keys(), before);
    rehearsal.converges();
}

#[test]
fn who_interrupts_twice_does_not_wait() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.fault(json!({"method": "PUT", "times": 3, "then": {"delay_ms": 20000, "drop_before": true}}));
    let underway = Underway::start(rehearsal.command(&["apply", "--yes"]));
    rehearsal.wait_until("the updates are on their way", |rehearsal| rehearsal.pending_faults() == 0);
    signal(&underway, "INT");
    let begun = Instant::now();
    // The second one is only told from the first if that was taken.
    std::thread::sleep(Duration::from_millis(200));
    signal(&underway, "INT");
    underway.wait().expect(3);
    assert!(begun.elapsed() < Duration::from_secs(10), "it waited for the calls in flight");
    rehearsal.converges();
}

/// Runs on a terminal of its own and types something; `None` where there is no `script` to make one.
#[cfg(target_os = "linux")]
fn on_a_terminal(rehearsal: &Rehearsal, args: &str, typed: &str) -> Option<(i32, String)> {
    let program = format!("{} {args}", env!("CARGO_BIN_EXE_portkey-sync"));
    let mut command = Command::new("script");
    command.args(["-qefc", &program, "/dev/null"]).current_dir(rehearsal.folder.path());
    command.env_remove("NO_COLOR").env("TERM", "xterm");
    command.env("PORTKEY_BASE_URL", rehearsal.base_url());
    command.env("PORTKEY_ADMIN_API_KEY", rehearsal.admin_key());
    if !crate::harness::has("script") {
        return None;
    }
    let ended = crate::harness::run(command, typed);
    Some((ended.code, ended.stdout))
}

#[cfg(target_os = "linux")]
#[test]
fn a_person_is_asked_and_only_yes_goes_on() {
    for typed in ["no\n", "y\n", "\n"] {
        let rehearsal = Rehearsal::of(UPDATES);
        let Some((code, said)) = on_a_terminal(&rehearsal, "apply", typed) else { return };
        assert_eq!(code, 1, "{said}");
        assert!(said.contains("Apply 3 changes to organisation a1b2c3d4?"), "{said}");
        assert!(said.contains("declined"), "{said}");
        assert!(rehearsal.writes().is_empty());
    }
    let rehearsal = Rehearsal::of(UPDATES);
    let Some((code, said)) = on_a_terminal(&rehearsal, "apply", "yes\n") else { return };
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("all confirmed by reading back"), "{said}");
    assert!(said.contains('\u{1b}'), "a terminal sees colour");
    rehearsal.converges();
}

#[cfg(target_os = "linux")]
#[test]
fn a_plan_without_changes_asks_nobody() {
    let rehearsal = Rehearsal::of("  - {name: alpha, workspace_id: prod, scopes: [completions.write]}\n");
    rehearsal.apply(&[]).expect(0);
    let Some((code, said)) = on_a_terminal(&rehearsal, "apply", "") else { return };
    assert_eq!(code, 0, "{said}");
    assert!(said.contains("No changes"), "{said}");
}
