//! Creates when the service misbehaves: never a second key, never a secret that nobody has.

use std::collections::BTreeMap;

use serde_json::{Value, json};

use crate::harness::{CREATE, FRESH, Rehearsal, assert_true, change, fate};

const POST: &str = "/api-keys/workspace/service";

fn apply(fault: Value, unheard: usize, code: i32) -> (Rehearsal, Value) {
    let rehearsal = Rehearsal::of(CREATE);
    let before = rehearsal.keys();
    rehearsal.forget_requests();
    rehearsal.fault(fault);
    let report = rehearsal.apply(&[]).expect(code).json();
    assert_eq!(report["exit_code"], code);
    rehearsal.clear_faults();
    assert_true(&report, &rehearsal, &before, unheard);
    (rehearsal, report)
}

fn repairs(report: &Value) -> Vec<&str> {
    let repairs = change(report, "prod/fresh")["repairs"].as_array().unwrap();
    repairs.iter().map(|repair| repair["code"].as_str().unwrap()).collect()
}

#[test]
fn a_key_is_created_with_one_post_and_finished_with_one_put() {
    let (rehearsal, report) = apply(json!({"method": "TRACE", "then": {"status": 500}}), 0, 0);
    assert_eq!(fate(&report, "prod/fresh"), "done/confirmed");
    let writes: Vec<String> = rehearsal.writes().into_iter().map(|seen| seen.method).collect();
    assert_eq!(writes, ["POST", "PUT"]);
    let key = &rehearsal.named("fresh")[0];
    let description = key["description"].as_str().unwrap();
    assert!(description.contains("by=platform") && description.contains("secret="), "{description}");
    assert!(!description.contains("new="), "{description}");
    assert!(rehearsal.opens(&rehearsal.folder.read(FRESH)));
    assert_eq!(rehearsal.folder.escrow(), Vec::<String>::new());
    rehearsal.converges();
}

#[test]
fn a_create_whose_answer_is_lost_is_found_by_its_nonce_and_rotated_once() {
    for fault in [json!({"drop_after": true}), json!({"truncate_body": 30})] {
        let (rehearsal, report) = apply(json!({"path_contains": POST, "then": fault}), 1, 0);
        assert_eq!(fate(&report, "prod/fresh"), "done/confirmed");
        assert_eq!(repairs(&report), ["found-by-nonce", "rotated-to-recover"]);
        assert_eq!(rehearsal.sent("POST", POST).len(), 1, "a create is never sent again");
        assert_eq!(rehearsal.sent("POST", "/rotate").len(), 1);
        assert_eq!(rehearsal.named("fresh").len(), 1);
        assert!(rehearsal.opens(&rehearsal.folder.read(FRESH)));
        rehearsal.converges();
    }
}

#[test]
fn a_create_that_may_not_have_arrived_is_looked_for_and_not_repeated() {
    for fault in [json!({"drop_before": true}), json!({"status": 500}), json!({"status": 502})] {
        let (rehearsal, report) = apply(json!({"path_contains": POST, "then": fault}), 0, 3);
        assert!(fate(&report, "prod/fresh").starts_with("unknown/"), "{fault}: {report:#}");
        let failure = change(&report, "prod/fresh")["failure"].to_string();
        assert!(failure.contains("whether the key was created is not known"), "{failure}");
        assert!(failure.contains("the list does not show it"), "{failure}");
        assert_eq!(rehearsal.sent("POST", "").len(), 1);
        assert!(rehearsal.named("fresh").is_empty());
        assert_eq!(rehearsal.folder.held(), Vec::<String>::new());
        // The next run knows that it is not there, and creates it once.
        rehearsal.converges();
        assert_eq!(rehearsal.named("fresh").len(), 1);
    }
}

#[test]
fn a_create_that_meets_a_busy_service_is_sent_again_and_happens_once() {
    let fault = json!({"path_contains": POST, "then": {"status": 429, "headers": {"Retry-After": "1"}}});
    let (rehearsal, report) = apply(fault, 0, 0);
    assert_eq!(repairs(&report), ["retried"]);
    assert_eq!(rehearsal.sent("POST", POST).len(), 2);
    assert_eq!(rehearsal.named("fresh").len(), 1);
    rehearsal.converges();
}

#[test]
fn a_create_that_is_refused_leaves_nothing_behind() {
    let fault = json!({"path_contains": POST, "then": {"status": 403}});
    let (rehearsal, report) = apply(fault, 0, 1);
    assert_eq!(fate(&report, "prod/fresh"), "failed/null");
    assert_eq!(rehearsal.folder.escrow(), Vec::<String>::new());
    assert!(!rehearsal.folder.exists(FRESH));
    rehearsal.converges();
}

#[test]
fn a_key_that_was_created_unseen_is_not_created_again() {
    let rehearsal = Rehearsal::of(CREATE);
    // The answer is lost, and the list does not show the key either, as long as this run looks.
    rehearsal.fault(json!({"path_contains": POST, "then": {"drop_after": true, "stale_reads": 20}}));
    let report = rehearsal.apply(&["--verify-for", "0s"]).expect(3).json();
    assert!(fate(&report, "prod/fresh").starts_with("unknown/"), "{report:#}");
    rehearsal.clear_faults();
    assert_eq!(rehearsal.named("fresh").len(), 1);

    rehearsal.forget_requests();
    // Our own slot shows that it is ours, so nobody is waited for; nobody has its secret, so it gets another one.
    let again = rehearsal.run(&["apply", "--yes"]).expect(0);
    again.says("a run that created it was interrupted, and its secret is lost");
    assert_eq!(rehearsal.named("fresh").len(), 1);
    assert!(rehearsal.opens(&rehearsal.folder.read(FRESH)));
    rehearsal.converges();
}

#[test]
fn a_lost_secret_that_cannot_be_replaced_is_named_with_the_way_out() {
    let rehearsal = Rehearsal::of(CREATE);
    let before = rehearsal.keys();
    rehearsal.forget_requests();
    rehearsal.fault(json!({"path_contains": POST, "then": {"drop_after": true}}));
    rehearsal.fault(json!({"path_contains": "/rotate", "then": {"status": 403}}));
    let report = rehearsal.apply(&[]).expect(3).json();
    rehearsal.clear_faults();
    assert_eq!(fate(&report, "prod/fresh"), "unknown/not-visible-yet");
    let failure = &change(&report, "prod/fresh")["failure"];
    assert_eq!(failure["changed_something"], true);
    let id = rehearsal.named("fresh")[0]["id"].as_str().unwrap().to_owned();
    assert!(failure["facts"].to_string().contains(&id), "{failure:#}");
    assert!(failure["hints"].to_string().contains("run the same command again"), "{failure:#}");
    assert_true(&report, &rehearsal, &before, 1);
    assert_eq!(rehearsal.named("fresh").len(), 1);
    rehearsal.converges();
}

#[test]
fn many_creates_side_by_side_get_a_secret_each() {
    let keys: String = (0..12)
        .map(|n| {
            format!(
                "  - {{name: svc-{n}, workspace_id: prod, scopes: [completions.write], \
                 secret: {{deliver_to: [dir]}}}}\n"
            )
        })
        .collect();
    let rehearsal = Rehearsal::of(&keys);
    rehearsal.fault(json!({"path_contains": POST, "skip": 3, "times": 2, "then": {"drop_after": true}}));
    rehearsal.apply(&[]).expect(0);
    let secrets: BTreeMap<String, Vec<u8>> =
        rehearsal.folder.files().into_iter().filter(|(name, _)| name.starts_with("secrets/")).collect();
    assert_eq!(secrets.len(), 12);
    let distinct: std::collections::BTreeSet<_> = secrets.values().collect();
    assert_eq!(distinct.len(), 12);
    rehearsal.converges();
}

#[test]
fn a_key_that_a_lagging_list_does_not_show_is_not_created_twice() {
    let rehearsal = Rehearsal::of(CREATE);
    rehearsal.fault(json!({"method": "PUT", "times": "always", "then": {"status": 500}}));
    rehearsal.apply(&[]).expect(3);
    assert_eq!(rehearsal.folder.held().len(), 1, "created and delivered, not committed");
    rehearsal.clear_faults();

    // The list is of before the create and does not contradict itself; only a look by id tells.
    rehearsal.fault(json!({"method": "GET", "path_contains": "/api-keys?", "then": {"stale_reads": 1}}));
    let report = rehearsal.apply(&[]).expect(0).json();
    assert_eq!(change(&report, "prod/fresh")["action"], "deliver");
    assert_eq!(rehearsal.named("fresh").len(), 1);
    assert!(rehearsal.opens(rehearsal.folder.read(FRESH).trim_end()));
}
