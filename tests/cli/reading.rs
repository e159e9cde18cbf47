//! Reading what is live, when the service misbehaves: what cannot be read is not guessed.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use serde_json::json;

use crate::harness::{ALPHA, CREATE, Rehearsal, SEED, UPDATES, assert_true, change, fate};
use crate::switches::is_set;

const LIST: &str = "/api-keys?";
const FIRST_PAGE: &str = "/api-keys?page_size=100&current_page=0";

fn plan(rehearsal: &Rehearsal) -> crate::harness::Ended {
    rehearsal.run(&["plan", "--format", "json", "--retry-for", "2s"])
}

#[test]
fn a_busy_service_is_asked_again_after_the_time_that_it_named() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.fault(json!({"method": "GET", "path_contains": LIST,
        "then": {"status": 429, "headers": {"Retry-After": "1"}}}));
    let begun = Instant::now();
    let plan = plan(&rehearsal).expect(0).json();
    assert!(begun.elapsed() >= Duration::from_secs(1), "Retry-After was not obeyed");
    assert_eq!(plan["counts"]["update"], 3);
    assert_eq!(rehearsal.sent("GET", LIST).len(), 2);
}

#[test]
fn a_service_that_is_busy_for_longer_than_we_may_wait_is_not_waited_for() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.fault(json!({"method": "GET", "path_contains": LIST,
        "then": {"status": 429, "headers": {"Retry-After": "3600"}}}));
    let ended = rehearsal.apply(&[]).expect(1);
    let error = &ended.json()["error"];
    assert_eq!(error["code"], "call-failed");
    assert!(error.to_string().contains("3600 s"), "{error}");
    assert_eq!(rehearsal.sent("GET", LIST).len(), 1);
    assert!(rehearsal.writes().is_empty());
    rehearsal.converges();
}

#[test]
fn an_error_that_passes_is_no_error() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.fault(json!({"method": "GET", "path_contains": LIST, "then": {"status": 500}}));
    rehearsal.apply(&[]).expect(0);
    rehearsal.converges();
}

#[test]
fn a_proxys_error_page_is_named_and_not_repeated() {
    let rehearsal = Rehearsal::of(UPDATES);
    let body = "<html><body><h1>502 Bad Gateway</h1><hr>nginx/1.25</body></html>";
    rehearsal.fault(json!({"method": "GET", "path_contains": LIST, "times": 99,
        "then": {"status": 502, "body": body}}));
    // The first pause is less than a second, but not by much.
    let ended = rehearsal.run(&["apply", "--yes", "--retry-for", "2s"]).expect(1);
    ended.says("error: the live keys could not be read");
    ended.says("answered 502");
    ended.says("attempts)");
    ended.says("trouble at the service or on the way to it");
    assert!(!ended.said().contains("nginx"), "{}", ended.said());
    assert!(rehearsal.writes().is_empty());
    rehearsal.converges();
}

#[test]
fn nobody_at_the_base_url_is_said_with_the_remedy() {
    let rehearsal = Rehearsal::of(UPDATES);
    let port = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap().port();
    let url = format!("http://127.0.0.1:{port}/v1");
    let ended = rehearsal.run(&["apply", "--yes", "--base-url", &url, "--retry-for", "1s"]).expect(1);
    ended.says("did not reach the service");
    ended.says("hint: check the base URL");
    assert!(rehearsal.requests().is_empty());
}

#[test]
fn a_page_that_is_cut_off_is_read_again() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.fault(json!({"method": "GET", "path_contains": LIST, "then": {"truncate_body": 40}}));
    rehearsal.apply(&[]).expect(0);
    rehearsal.converges();
}

#[test]
fn a_page_that_is_always_cut_off_is_no_page() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal
        .fault(json!({"method": "GET", "path_contains": LIST, "times": 99, "then": {"truncate_body": 40}}));
    let ended = rehearsal.apply(&[]).expect(1);
    assert!(ended.json()["error"]["causes"].to_string().contains("answered 200, but"), "{ended:?}");
    assert!(rehearsal.writes().is_empty());
    rehearsal.converges();
}

/// More keys than fit on a page.
fn two_pages() -> String {
    let mut seed = SEED.to_owned();
    for n in 0..120 {
        seed.push_str(&format!(
            "  - {{name: other-{n}, type: workspace-service, workspace: ws-prod-1a2b3c, \
             scopes: [completions.write], created_at: 2026-02-01T00:00:00Z}}\n"
        ));
    }
    seed
}

#[test]
fn without_one_of_its_pages_there_is_no_list() {
    let rehearsal = Rehearsal::with_seed(&two_pages(), UPDATES);
    rehearsal.fault(json!({"path_contains": "/api-keys?page_size=100&current_page=1", "times": 99, "then": {"status": 503}}));
    let ended = rehearsal.apply(&[]).expect(1);
    assert_eq!(ended.json()["error"]["message"], "the live keys could not be read");
    assert!(ended.stdout.contains("current_page=1"), "{}", ended.stdout);
    assert!(rehearsal.writes().is_empty());
}

#[test]
fn a_row_that_moves_to_another_page_meanwhile_is_read_again() {
    let rehearsal = Rehearsal::with_seed(&two_pages(), &format!("{UPDATES}{CREATE}"));
    // The first row of the second page has moved to the first page, after that was read.
    rehearsal.fault(
        json!({"path_contains": "/api-keys?page_size=100&current_page=1", "then": {"hide_row": true}}),
    );
    let report = rehearsal.apply(&[]).expect(0).json();
    assert_eq!(fate(&report, "prod/fresh"), "done/confirmed");
    assert_eq!(rehearsal.named("fresh").len(), 1);
}

#[test]
fn a_row_that_is_on_two_pages_is_one_key() {
    let rehearsal = Rehearsal::with_seed(&two_pages(), &format!("{UPDATES}{CREATE}"));
    rehearsal.fault(json!({"path_contains": FIRST_PAGE, "times": 9, "then": {"duplicate_row": true}}));
    rehearsal.apply(&[]).expect(0);
    assert_eq!(rehearsal.named("fresh").len(), 1);
}

#[test]
fn a_list_that_never_agrees_with_itself_proves_no_absence() {
    let rehearsal = Rehearsal::of(&format!("{UPDATES}{CREATE}"));
    let before = rehearsal.keys();
    rehearsal.forget_requests();
    // The key at the top of the list is the newest, which nobody asked about.
    rehearsal.fault(json!({"path_contains": FIRST_PAGE, "times": 3, "then": {"hide_row": true}}));
    let report = rehearsal.apply(&[]).expect(3).json();
    assert_eq!(fate(&report, "prod/alpha"), "done/confirmed");
    assert!(rehearsal.named("fresh").is_empty());
    assert!(rehearsal.sent("POST", "").is_empty());
    assert_true(&report, &rehearsal, &before, 0);
    rehearsal.converges();
}

#[test]
fn keys_that_the_caller_may_not_list_are_not_taken_for_absent() {
    let scopes = "scopes: [organisation_service_api_keys.list, organisation_service_api_keys.read, \
                  organisation_service_api_keys.update, workspace_service_api_keys.list, \
                  workspace_service_api_keys.create, workspace_service_api_keys.read, \
                  workspace_service_api_keys.update, workspace_user_api_keys.create, workspaces.list, \
                  organisation_users.list]";
    let observer = "observers-secret-000000000obs";
    let seed = format!(
        "{SEED}  - {{name: ci, type: organisation-service, admin: true, {scopes}}}
  - {{name: observer, type: organisation-service, secret: {observer}, scopes: [workspace_user_api_keys.list]}}
  - {{name: laptop, type: workspace-user, workspace: ws-prod-1a2b3c, user: ada@example.com, scopes: [completions.write]}}
"
    );
    let laptop = "  - {name: laptop, type: workspace-user, user_id: ada@example.com, workspace_id: prod, \
                  scopes: [completions.write], secret: {deliver_to: [dir]}}\n";
    let rehearsal = Rehearsal::with_seed(&seed, &format!("{UPDATES}{CREATE}{laptop}"));

    if is_set("missing-list-scope", "forbidden") {
        // Then there is no list at all, and nothing is done.
        rehearsal.run(&["plan"]).expect(1).says("403 AB03");
        rehearsal.run(&["apply", "--yes"]).expect(1).says("the live keys could not be read");
        assert!(rehearsal.writes().is_empty());
        return;
    }
    let plan = plan(&rehearsal).expect(4).json();
    assert_eq!(plan["blocked"][0]["address"], "prod/ada@example.com/laptop");
    assert_eq!(plan["blocked"][0]["code"], "absence-unproven");
    assert!(plan["blocked"].to_string().contains("workspace_user_api_keys.list"), "{plan:#}");
    rehearsal.forget_requests();
    let before = rehearsal.keys();
    let report = rehearsal.apply(&[]).expect(3).json();
    assert_eq!(report["blocked"][0]["address"], "prod/ada@example.com/laptop");
    assert_eq!(report["blocked"][0]["code"], "absence-unproven");
    for done in ["prod/alpha", "prod/beta", "prod/fresh", "organisation/gamma"] {
        assert_eq!(fate(&report, done), "done/confirmed");
    }
    assert!(rehearsal.sent("POST", "/user").is_empty());
    assert_eq!(rehearsal.keys_seen_by(observer).len(), 1, "the one that was there");
    assert_true(&report, &rehearsal, &before, 0);

    // What remains is a person's to settle.
    let again = rehearsal.run(&["apply", "--yes"]).expect(4);
    again.says("ada@example.com/laptop");
    again.says("--assume-complete");
}

#[test]
fn a_workspace_that_cannot_be_resolved_is_said_with_the_way_around() {
    let rehearsal = Rehearsal::of(UPDATES);
    rehearsal.fault(json!({"path_contains": "/admin/workspaces", "times": 9, "then": {"status": 403}}));
    let ended = rehearsal.run(&["plan"]).expect(1);
    ended.says("the workspaces could not be read");
    ended.says("a key without `workspaces.list` can do without");
    ended.says("403 AB03");
}

#[test]
fn a_rejected_api_key_is_said_once_and_nothing_is_asked_again() {
    let rehearsal = Rehearsal::of(UPDATES);
    let mut command = rehearsal.command(&["plan"]);
    command.env("PORTKEY_ADMIN_API_KEY", "not-a-key-of-anybody-at-all");
    let ended = crate::harness::run(command, "").expect(1);
    ended.says("answered 401 AB05");
    ended.says("the API key is wrong, expired or deleted");
    assert_eq!(rehearsal.sent("GET", LIST).len(), 1);
}

#[test]
fn a_list_that_cannot_be_read_back_leaves_the_writes_standing_and_says_so() {
    let rehearsal = Rehearsal::of(UPDATES);
    let before = rehearsal.keys();
    rehearsal.forget_requests();
    rehearsal.fault(
        json!({"method": "GET", "path_contains": LIST, "skip": 1, "times": 99, "then": {"status": 403}}),
    );
    let report = rehearsal.apply(&[]).expect(3).json();
    rehearsal.clear_faults();
    assert!(report["verification_error"].as_str().unwrap().contains("403"), "{report:#}");
    assert_eq!(fate(&report, "prod/alpha"), "done/null");
    assert_eq!(change(&report, "prod/alpha")["id"], ALPHA);
    assert_true(&report, &rehearsal, &before, 0);
    rehearsal.converges();
}
