//! What a plan says of the days to come, and of another moment than now.

use crate::model::KeyAddress;
use crate::plan::{Coming, Event, LeastScopes, Note, Plan, Purpose};
use crate::render::samples::*;
use crate::render::text::{self, PlanContext};
use crate::render::{Style, Verbosity};

fn coming(to: &str, what: Event, at: &str) -> Coming {
    Coming { at: time(at), address: address(to), what }
}

fn show(plan: &Plan) -> String {
    text::plan(plan, &context(&scope_sets()), &PLAIN)
}

#[test]
fn an_empty_plan_ends_with_what_is_coming_up() {
    let plan = Plan {
        waiting: vec![waiting("ws-a/fraud-scoring", 12)],
        coming_up: vec![
            // What waits is not told twice.
            coming("ws-a/fraud-scoring", Event::UsageReset, "2026-12-01T12:00:00Z"),
            coming("ws-a/search-index", Event::Expires, "2026-12-05T00:00:00Z"),
        ],
        ..empty_plan()
    };
    insta::assert_snapshot!(show(&plan), @"
    No changes. 52 keys in keys.yaml match organisation a1b2c3d4; 0 live keys are in no file.
    Coming up: ws-a/fraud-scoring has its usage set to 0 in 9 days (2026-12-01T12:00:00Z);
    ws-a/search-index expires in 12 days (2026-12-05T00:00:00Z).
    ");
}

#[test]
fn a_plan_with_changes_says_it_in_its_summary() {
    let plan = Plan {
        coming_up: vec![
            coming("ws-a/search-index", Event::RotationDue, "2026-12-01T00:00:00Z"),
            coming("ws-a/ledger", Event::ScheduledRotation, "2026-12-01T00:00:00Z"),
            coming("ws-a/checkout", Event::PreviousSecretEnds, "2026-11-22T12:00:00Z"),
        ],
        ..story()
    };
    let shown = show(&plan);
    let at = shown
        .find("coming up      ws-a/search-index is due to rotate in 8 days")
        .unwrap_or_else(|| panic!("{shown}"));
    assert!(at < shown.find("Nothing was written.").unwrap());
}

#[test]
fn a_thousand_things_to_come_are_folded_and_v_unfolds_them() {
    let all =
        (0..1_000).map(|n| coming(&format!("ws-a/k{n}"), Event::Expires, "2026-12-01T00:00:00Z")).collect();
    let plan = Plan { coming_up: all, ..empty_plan() };
    let shown = show(&plan);
    assert!(shown.contains("and 990 more (-v)"), "{shown}");
    assert!(shown.lines().count() < 20, "{shown}");
    let sets = scope_sets();
    let verbose = PlanContext { verbosity: Verbosity::Verbose, ..context(&sets) };
    assert!(text::plan(&plan, &verbose, &PLAIN).contains("ws-a/k999 expires"));
}

#[test]
fn a_plan_of_another_moment_says_so_first_and_offers_nothing_to_apply() {
    let plan = Plan { now: time("2026-12-24T00:00:00Z"), ..story() };
    let shown = show(&plan);
    assert!(
        shown.starts_with("another moment: as of 2026-12-24T00:00:00Z, in 31 days, and not of now"),
        "{shown}"
    );
    assert!(!shown.contains("Apply exactly this"), "{shown}");
    assert!(shown.ends_with("This is no plan to apply; that of now: portkey-sync plan\n"), "{shown}");
    let past = show(&Plan { now: time("2026-11-12T10:04:31Z"), ..empty_plan() });
    assert!(past.starts_with("another moment: as of 2026-11-12T10:04:31Z, 10 days ago"), "{past}");
}

#[test]
fn that_a_key_which_plans_cannot_write_is_told_to_those_who_ask_for_more() {
    let missing = all_notes().into_iter().find(|note| matches!(note, Note::MissingScopes { .. })).unwrap();
    let plan = Plan { notes: vec![missing], ..story() };
    assert!(!show(&plan).contains("cannot apply"));
    let sets = scope_sets();
    let verbose = PlanContext { verbosity: Verbosity::Verbose, ..context(&sets) };
    let shown = text::plan(&plan, &verbose, &PLAIN);
    assert!(shown.contains("`ci-plan` cannot apply this"), "{shown}");
    assert!(
        shown.contains("workspace_service_api_keys.update   for ws-a/a, ws-a/b, ws-a/c and 2 more"),
        "{shown}"
    );
}

#[test]
fn a_hostile_name_that_comes_up_acts_on_nothing() {
    let evil = KeyAddress {
        workspace: Some("ws".to_owned()),
        user: None,
        name: "x\u{1b}[2J\n::set-output name=a::b\u{202e}".to_owned(),
    };
    let plan = Plan {
        coming_up: vec![Coming { at: time("2026-12-01T00:00:00Z"), address: evil, what: Event::Expires }],
        ..empty_plan()
    };
    let shown = show(&plan);
    assert!(!shown.contains(['\u{1b}', '\u{202e}']), "{shown:?}");
    assert!(shown.lines().all(|line| !line.starts_with("::")), "{shown}");
}

#[test]
fn the_least_scopes_are_told_with_what_they_are_for_and_as_entries() {
    let mut least = LeastScopes::default();
    least.plan.entry("workspaces.list".to_owned()).or_default().insert(Purpose::WorkspaceNames);
    let style = Style { color: false, width: 100 };
    let shown = text::permissions(&least, "keys.yaml", &style);
    assert!(
        shown.starts_with(
            "To plan keys.yaml, a key needs 1 scope:\n  workspaces.list  workspaces by their slugs\n"
        ),
        "{shown}"
    );
    assert!(shown.contains("To apply it, no more."), "{shown}");
    assert!(shown.contains(
        "  - name: ci-plan\n    type: organisation-service\n    scopes:\n      - workspaces.list\n"
    ));
}
