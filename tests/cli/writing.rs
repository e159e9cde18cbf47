//! Updates and deletes when the service misbehaves: the report is true, and a second run converges.

use std::time::{Duration, Instant};

use serde_json::{Value, json};

use crate::harness::{ALPHA, BETA, DELETE, DOOMED, GAMMA, Rehearsal, UPDATES, assert_true, change, fate};
use crate::switches::is_set;

const LIST: &str = "/api-keys?";

/// One apply of three updates and a delete while a fault is at work, and whether its report is true.
fn apply(fault: Value, unheard: usize, code: i32) -> (Rehearsal, Value) {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{DELETE}"));
    let before = rehearsal.keys();
    rehearsal.forget_requests();
    rehearsal.fault(fault);
    let report = rehearsal.apply(&[]).expect(code).json();
    assert_eq!(report["exit_code"], code);
    // The test looks at the keys without being disturbed.
    rehearsal.clear_faults();
    assert_true(&report, &rehearsal, &before, unheard);
    (rehearsal, report)
}

fn repairs(report: &Value, address: &str) -> Vec<(String, u64)> {
    let repairs = change(report, address)["repairs"].as_array().unwrap();
    repairs
        .iter()
        .map(|repair| (repair["code"].as_str().unwrap().to_owned(), repair["times"].as_u64().unwrap()))
        .collect()
}

fn retried(times: u64) -> Vec<(String, u64)> {
    vec![("retried".to_owned(), times)]
}

#[test]
fn a_busy_service_gets_the_update_again_after_the_time_that_it_named() {
    let begun = Instant::now();
    let fault = json!({"method": "PUT", "path_contains": ALPHA,
        "then": {"status": 429, "headers": {"Retry-After": "1"}}});
    let (rehearsal, report) = apply(fault, 0, 0);
    assert!(begun.elapsed() >= Duration::from_secs(1), "Retry-After was not obeyed");
    assert_eq!(fate(&report, "prod/alpha"), "done/confirmed");
    assert_eq!(repairs(&report, "prod/alpha"), retried(1));
    rehearsal.converges();
}

#[test]
fn an_update_that_fails_once_is_sent_again() {
    let fault = json!({"method": "PUT", "path_contains": ALPHA, "then": {"status": 500}});
    let (rehearsal, report) = apply(fault, 0, 0);
    assert_eq!(repairs(&report, "prod/alpha"), retried(1));
    assert_eq!(report["totals"]["done"], 4);
    rehearsal.converges();
}

#[test]
fn an_update_that_meets_a_broken_gateway_is_unknown_and_the_others_are_done() {
    let fault = json!({"method": "PUT", "path_contains": BETA, "times": 99,
        "then": {"status": 502, "body": "<html>Bad Gateway nginx</html>"}});
    let (rehearsal, report) = apply(fault, 0, 3);
    assert_eq!(fate(&report, "prod/beta"), "unknown/not-visible-yet");
    let failure = &change(&report, "prod/beta")["failure"];
    assert_eq!(failure["message"], "the key was not updated");
    assert!(failure["causes"][0].as_str().unwrap().contains("answered 502"), "{failure:#}");
    assert!(!failure.to_string().contains("nginx"));
    assert_eq!(fate(&report, "prod/alpha"), "done/confirmed");
    assert_eq!(fate(&report, "organisation/gamma"), "done/confirmed");
    assert_eq!(fate(&report, "prod/doomed"), "not-attempted/null", "deletes wait");
    rehearsal.converges();
    assert!(rehearsal.named("doomed").is_empty());
}

#[test]
fn an_answer_that_is_cut_off_does_not_count_and_the_update_is_sent_again() {
    let fault = json!({"method": "PUT", "path_contains": ALPHA, "then": {"truncate_body": 1}});
    let (rehearsal, report) = apply(fault, 0, 0);
    assert_eq!(repairs(&report, "prod/alpha"), retried(1));
    rehearsal.converges();
}

#[test]
fn a_dropped_connection_before_or_after_the_effect_is_the_same_to_an_update() {
    for effect in ["drop_before", "drop_after"] {
        let fault = json!({"method": "PUT", "path_contains": ALPHA, "then": {effect: true}});
        let (rehearsal, report) = apply(fault, 0, 0);
        assert_eq!(fate(&report, "prod/alpha"), "done/confirmed", "{effect}");
        assert_eq!(repairs(&report, "prod/alpha"), retried(1), "{effect}");
        rehearsal.converges();
    }
}

#[test]
fn an_update_whose_every_answer_is_lost_is_found_done_by_reading_back() {
    let fault = json!({"method": "PUT", "path_contains": ALPHA, "times": 99, "then": {"drop_after": true}});
    let (rehearsal, report) = apply(fault, 1, 3);
    assert_eq!(fate(&report, "prod/alpha"), "done/confirmed");
    assert_eq!(fate(&report, "prod/doomed"), "not-attempted/null", "it was in doubt when the deletes came");
    rehearsal.converges();
}

#[test]
fn an_update_that_never_arrives_is_unknown() {
    let fault = json!({"method": "PUT", "path_contains": ALPHA, "times": 99, "then": {"drop_before": true}});
    let (rehearsal, report) = apply(fault, 0, 3);
    assert_eq!(fate(&report, "prod/alpha"), "unknown/not-visible-yet");
    rehearsal.converges();
}

#[test]
fn a_403_is_given_all_its_meanings_and_stops_nobody_else() {
    let fault = json!({"method": "PUT", "path_contains": BETA, "times": 99, "then": {"status": 403}});
    let (rehearsal, report) = apply(fault, 0, 3);
    assert_eq!(fate(&report, "prod/beta"), "failed/null");
    let failure = &change(&report, "prod/beta")["failure"];
    assert_eq!(failure["changed_something"], false);
    for meaning in ["it is gone", "belongs to another workspace", "lacks a scope"] {
        assert!(failure["causes"][1].as_str().unwrap().contains(meaning), "{failure:#}");
    }
    assert_eq!(rehearsal.sent("PUT", BETA).len(), 1, "a plain no is final");
    assert_eq!(report["totals"]["done"], 2);
    rehearsal.converges();
}

#[test]
fn a_403_is_given_all_its_meanings_in_text_as_well() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.fault(json!({"method": "PUT", "path_contains": BETA, "then": {"status": 403}}));
    let ended = rehearsal.run(&["apply", "--yes"]).expect(3);
    ended.says("`prod/beta`: the key was not updated");
    ended.says("answered 403 AB03");
    ended.says("it is gone, it belongs to another workspace, the API key lacks a scope");
    ended.says("2 done, 1 failed; 2 of 3 writes made (exit code 3)");
}

#[test]
fn a_failure_of_everything_that_changed_nothing_ends_with_1() {
    let rehearsal = Rehearsal::of(UPDATES);
    let before = rehearsal.keys();
    rehearsal.fault(json!({"method": "PUT", "times": 99, "then": {"status": 403}}));
    let report = rehearsal.apply(&[]).expect(1).json();
    assert_eq!(report["totals"]["failed"], 3);
    assert_eq!(report["totals"]["writes"], 0);
    assert_eq!(rehearsal.keys(), before);
    rehearsal.converges();
}

#[test]
fn a_rejected_api_key_stops_everything_that_has_not_begun() {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{DELETE}"));
    let before = rehearsal.keys();
    rehearsal.forget_requests();
    rehearsal.fault(json!({"method": "PUT", "skip": 1, "times": 99, "then": {"status": 401}}));
    let report = rehearsal.apply(&["--concurrency", "1"]).expect(3).json();
    rehearsal.clear_faults();
    assert_eq!(rehearsal.sent("PUT", "").len(), 2, "one that worked and one that did not");
    assert!(rehearsal.sent("DELETE", "").is_empty());
    let totals = &report["totals"];
    assert_eq!(
        (&totals["done"], &totals["failed"], &totals["not_attempted"]),
        (&json!(1), &json!(1), &json!(2))
    );
    assert_true(&report, &rehearsal, &before, 0);
    rehearsal.converges();
}

#[test]
fn a_delete_whose_answer_is_lost_counts_as_done() {
    let fault = json!({"method": "DELETE", "path_contains": DOOMED, "then": {"drop_after": true}});
    let (rehearsal, report) = apply(fault, 1, 0);
    assert_eq!(fate(&report, "prod/doomed"), "done/confirmed");
    assert_eq!(rehearsal.sent("DELETE", DOOMED).len(), 2);
    rehearsal.converges();
}

#[test]
fn a_key_that_is_no_longer_the_one_that_was_planned_is_not_deleted() {
    let fault = json!({"method": "GET", "path_contains": DOOMED,
        "then": {"edit": {"key": DOOMED, "body": {"name": "reborn"}}}});
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{DELETE}"));
    rehearsal.fault(fault);
    let report = rehearsal.apply(&[]).expect(3).json();
    assert_eq!(fate(&report, "prod/doomed"), "moved/null");
    assert_eq!(change(&report, "prod/doomed")["because"], "its name");
    assert!(rehearsal.sent("DELETE", "").is_empty());
    assert_eq!(rehearsal.named("reborn").len(), 1);
}

#[test]
fn a_delete_waits_until_all_else_has_succeeded() {
    let fault = json!({"method": "PUT", "path_contains": GAMMA, "times": 99, "then": {"status": 400}});
    let (rehearsal, report) = apply(fault, 0, 3);
    assert_eq!(fate(&report, "prod/doomed"), "not-attempted/null");
    assert!(rehearsal.sent("DELETE", "").is_empty());
    assert!(rehearsal.keys().contains_key(DOOMED));
    rehearsal.converges();
}

const ONE: &str = "  - {name: alpha, workspace_id: prod, scopes: [completions.write, prompts.render]}\n";

#[test]
fn reads_that_lag_behind_are_waited_for() {
    let rehearsal = Rehearsal::of(ONE);
    let before = rehearsal.keys();
    rehearsal.forget_requests();
    rehearsal.fault(json!({"method": "PUT", "then": {"stale_reads": 2}}));
    let report = rehearsal.apply(&[]).expect(0).json();
    assert_eq!(fate(&report, "prod/alpha"), "done/confirmed");
    assert_eq!(report["verifications"], 3, "two that were stale, and one that was not");
    assert_true(&report, &rehearsal, &before, 0);
    rehearsal.converges();
}

#[test]
fn what_stays_invisible_is_a_warning_and_no_failure() {
    let rehearsal = Rehearsal::of(ONE);
    rehearsal.fault(json!({"method": "PUT", "then": {"stale_reads": 2}}));
    let ended = rehearsal.run(&["apply", "--yes", "--verify-for", "0s"]).expect(0);
    ended.says("warning: the service took 1 change that the list does not show yet: prod/alpha");
    rehearsal.converges();
}

#[test]
fn a_change_by_somebody_else_right_after_ours_is_seen() {
    let rehearsal = Rehearsal::of(ONE);
    let before = rehearsal.keys();
    rehearsal.forget_requests();
    // Times count whole seconds: only what is later than that can be told from our own write.
    rehearsal.fault(json!({"method": "GET", "path_contains": LIST, "skip": 1, "then": {"delay_ms": 2200,
        "edit": {"key": ALPHA, "body": {"scopes": ["completions.write", "logs.view"]}}}}));
    let report = rehearsal.apply(&[]).expect(3).json();
    // Whose change it was is told by its time, where that moves.
    let verdict = if is_set("last-updated-at", "stays") { "overridden" } else { "overwritten" };
    assert_eq!(fate(&report, "prod/alpha"), format!("done/{verdict}"));
    assert_eq!(change(&report, "prod/alpha")["verdict_fields"], json!(["scopes"]));
    assert_eq!(report["totals"][verdict], 1);
    assert_true(&report, &rehearsal, &before, 0);
    assert_eq!(rehearsal.sent("PUT", ALPHA).len(), 1, "nothing is sent twice");
    rehearsal.converges();
}

#[test]
fn a_value_that_the_service_keeps_is_said_and_not_fought_over() {
    let rehearsal = Rehearsal::of(ONE);
    // It touches the key, answers `{}`, and keeps its own value.
    rehearsal.fault(json!({"method": "PUT", "then": {"status": 200, "body": {},
        "edit": {"key": ALPHA, "body": {"rate_limits": [{"type": "requests", "unit": "rpm", "value": 5}]}}}}));
    let ended = rehearsal.run(&["apply", "--yes", "--verify-for", "300ms"]);
    if is_set("last-updated-at", "stays") {
        // Then nothing tells this from a write that is not visible yet.
        ended.expect(0).says("the service took 1 change that the list does not show yet: prod/alpha");
    } else {
        let ended = ended.expect(3);
        ended.says("`prod/alpha`: the service took the call but keeps its own value of");
        ended.says("nothing is sent twice");
    }
    assert_eq!(rehearsal.sent("PUT", ALPHA).len(), 1);
    rehearsal.converges();
}

#[test]
fn a_write_that_leaves_no_trace_is_called_invisible() {
    let rehearsal = Rehearsal::of(ONE);
    rehearsal.fault(json!({"method": "PUT", "then": {"status": 200, "body": {}}}));
    let report = rehearsal.apply(&["--verify-for", "300ms"]).expect(0).json();
    assert_eq!(fate(&report, "prod/alpha"), "done/not-visible-yet");
    rehearsal.converges();
}

#[test]
fn two_hundred_and_a_failure_inside_is_a_failure() {
    let rehearsal = Rehearsal::of(ONE);
    rehearsal.fault(json!({"method": "PUT", "times": 9, "then": {"status": 200,
        "body": {"success": false, "data": {"message": "not today", "errorCode": "AB01"}}}}));
    let report = rehearsal.apply(&[]).expect(3).json();
    assert_eq!(fate(&report, "prod/alpha"), "unknown/not-visible-yet");
    assert!(report.to_string().contains("not today"));
    rehearsal.converges();
}
