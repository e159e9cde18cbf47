use crate::diff::FieldChange;
use crate::plan::{Change, Plan};
use crate::render::markdown::{self, GITHUB_LIMIT, GITLAB_LIMIT};
use crate::render::samples::*;

fn show(plan: &Plan, limit: usize) -> String {
    let mut plan = plan.clone();
    assess(&mut plan);
    markdown::plan(&plan, &context(&scope_sets()), "keys.yaml", limit)
}

/// Changes of which no two are equal, each with a risk.
fn many(n: usize) -> Plan {
    let change = |n: usize| {
        let fields = vec![
            FieldChange::UsageLimits {
                before: Some(budget(500.0)),
                after: Some(budget(501.0 + f64::from(u16::try_from(n).unwrap()))),
            },
            FieldChange::Description { before: format!("before {n}"), after: format!("after {n}") },
        ];
        Change { ..update(&format!("ws-{:02}/key-{n:04}", n % 20), n, fields) }
    };
    Plan { changes: (1..=n).map(change).collect(), ..empty_plan() }
}

#[test]
fn a_plan_of_two_thousand_changes_fits_and_says_what_it_leaves_out() {
    let shown = show(&many(2_000), GITHUB_LIMIT);
    assert!(shown.chars().count() < 65_536, "{}", shown.chars().count());
    assert!(shown.len() > GITHUB_LIMIT / 2, "the room is used: {}", shown.len());
    let listed = shown.lines().filter(|line| line.contains("update, keys.yaml:")).count();
    let rows = shown.lines().filter(|line| line.starts_with("| update |")).count();
    assert!(listed > 50 && rows > 50, "{listed} {rows}");
    let left_out = 2_000 - listed;
    assert!(
        shown
            .contains(&format!("**{left_out} of the 2000 changes are not listed here: {left_out} update.**")),
        "{shown}"
    );
    assert!(
        shown.contains(&format!("**{} more keys to look at are not in this table.**", 2_000 - rows)),
        "{shown}"
    );
    assert!(shown.contains("limit-loosened 2000"), "{shown}");
    assert!(
        shown.contains("### portkey-sync: 2000 changes to organisation a1b2c3d4, 2000 to look at"),
        "{shown}"
    );
    assert!(shown.contains("Plan `"), "what comes next is still there");
}

#[test]
fn two_thousand_changes_of_keys_with_long_names_fit_as_well() {
    let mut plan = many(2_000);
    for (n, change) in plan.changes.iter_mut().enumerate() {
        // Each character is longer still once it is escaped.
        change.address = address(&format!("ws-{n}-{}/key-{n}-{}", "é|`&".repeat(25), "<@_é".repeat(25)));
    }
    let shown = show(&plan, GITHUB_LIMIT);
    assert!(shown.len() < 65_536, "{}", shown.len());
    let listed = shown.lines().filter(|line| line.contains("update, keys.yaml:")).count();
    let rows = shown.lines().filter(|line| line.starts_with("| update |")).count();
    assert!(listed > 10 && rows > 10, "{listed} {rows}");
    for left_out in [
        format!("**{} of the 2000 changes are not listed here", 2_000 - listed),
        format!("**{} more keys to look at are not in this table.**", 2_000 - rows),
    ] {
        assert!(shown.contains(&left_out), "{left_out}");
    }
}

#[test]
fn a_cut_comment_ends_its_fence_and_its_table() {
    for n in [100, 500, 1_000, 1_999, 3_000] {
        let shown = show(&many(n), GITHUB_LIMIT);
        assert_eq!(shown.lines().filter(|line| line.starts_with("```")).count() % 2, 0);
        let rows = shown.lines().filter(|line| line.starts_with('|'));
        assert!(rows.clone().all(|row| row.ends_with(" |") || row.ends_with("---|")));
        assert_eq!(shown.matches("<details>").count(), 1);
        assert_eq!(shown.matches("</details>").count(), 1);
    }
}

#[test]
fn a_forge_with_more_room_gets_all_of_it() {
    let shown = show(&many(2_000), GITLAB_LIMIT);
    assert!(shown.len() < GITLAB_LIMIT);
    assert!(!shown.contains("not listed here") && !shown.contains("not in this table"));
    assert_eq!(shown.lines().filter(|line| line.contains("update, keys.yaml:")).count(), 2_000);
}

#[test]
fn the_first_line_finds_the_comment_again() {
    let first = |plan: &Plan| show(plan, GITHUB_LIMIT).lines().next().unwrap().to_owned();
    assert_eq!(first(&story()), "<!-- portkey-sync:plan a1b2c3d4 keys.yaml -->");
    assert_eq!(first(&story()), first(&empty_plan()));
}

#[test]
fn a_risk_is_said_in_plain_words_with_what_stands_there() {
    let shown = show(&story(), GITHUB_LIMIT);
    let row = shown.lines().find(|line| line.contains("ws-payments/checkout`")).unwrap();
    assert_eq!(
        row,
        "| update | `ws-payments/checkout` | **can mint keys** (`+ workspace_service_api_keys.create`, `- logs.list`); \
         **a limit gets looser** (`credit_limit 500 -> 2000 USD`); **never expires** (`2026-12-31T00:00:00Z -> never`) |"
    );
}

#[test]
fn every_risk_has_plain_words_of_its_own() {
    let words: std::collections::BTreeSet<&str> =
        crate::plan::Risk::ALL.into_iter().map(crate::render::words::risk).collect();
    assert_eq!(words.len(), crate::plan::Risk::ALL.len());
}
