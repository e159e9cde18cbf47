use crate::diff::FieldChange;
use crate::plan::{Action, Altered, Change, Difference, Gone, GoneWhy, Moved, Plan, Reason};
use crate::render::samples::*;
use crate::render::{files_moved, moved, text};
use crate::saved_plan::FilesMoved;

fn rate(before: u64) -> FieldChange {
    FieldChange::RateLimits { before: vec![per_minute(before)], after: vec![per_minute(100)] }
}

fn some_moved() -> Moved {
    let budgets = |before, after| FieldChange::UsageLimits { before, after: Some(budget(after)) };
    let reviewed = update("ws-research/nightly-eval", 81, vec![rate(1000)]);
    let now = Change { action: Action::Rotate, ..update("ws-research/nightly-eval", 81, vec![rate(900)]) };
    Moved {
        reviewed: "7f3a9c2e41d05b88".to_owned(),
        now: "c04d17e93ab2f6d1".to_owned(),
        added: vec![
            update("ws-payments/ledger-batch", 58, vec![budgets(None, 900.0)]),
            delete("ws-research/spike-2025", Reason::Pruned { by: "platform".to_owned() }),
        ],
        gone: vec![
            Gone { change: adopt("organisation/ci-plan"), why: GoneWhy::Done },
            Gone { change: reset("ws-research/search-index", 93), why: GoneWhy::Blocked },
        ],
        altered: vec![Altered {
            differences: vec![
                Difference::Secret { before: reviewed.before.clone().unwrap().mask, after: None },
                Difference::Action { before: Action::Update, after: Action::Rotate },
                Difference::Field { before: Some(Box::new(rate(1000))), after: Box::new(rate(900)) },
                Difference::Field { before: None, after: Box::new(budgets(Some(budget(500.0)), 2000.0)) },
                Difference::Cause { before: None, after: Some(Reason::Accepted) },
                Difference::Delivery,
            ],
            reviewed,
            now,
        }],
        same: 7,
    }
}

#[test]
fn a_refusal_says_what_moved_line_by_line() {
    let hints = ["look again with: portkey-sync plan --prune".to_owned()];
    let message = "this is not the plan that was approved (7f3a9c2e41d05b88, now c04d17e93ab2f6d1)";
    insta::assert_snapshot!(text::refused(message, &[], &moved(&some_moved()), &hints, &PLAIN), @"
    refused: this is not the plan that was approved (7f3a9c2e41d05b88, now c04d17e93ab2f6d1)

      added     ws-payments/ledger-batch    update: usage_limits none -> 900 USD monthly, alert at 400
                                            USD
      added     ws-research/spike-2025      delete: in no file, and its mark says `by=platform`
      changed   ws-research/nightly-eval    rotate: its secret is none (reviewed: Xk*****7Qz); reviewed
                                            as update; rate_limits 900 -> 100 requests per minute
                                            (reviewed: 1000 -> 100 requests per minute); usage_limits
                                            credit_limit 500 -> 2000 USD (not reviewed); cause: the
                                            sinks have the live secret; its mark says so (reviewed: the
                                            fields alone); its secret goes elsewhere
      gone      organisation/ci-plan        adopt: nothing is left to do
      gone      ws-research/search-index    reset: it is blocked: a person must act first
      the same  7 changes

    nothing was written
    hint: look again with: portkey-sync plan --prune
    ");
}

#[test]
fn a_refusal_says_which_entries_of_the_files_moved() {
    let files = FilesMoved {
        settings: true,
        added: vec!["ws-payments/checkout-eu".to_owned()],
        gone: vec!["ws-research/spike-2025".to_owned()],
        changed: vec!["ws-payments/checkout".to_owned()],
    };
    let message = "the keys files do not say what they said when the plan 7f3a9c2e41d05b88 was made";
    insta::assert_snapshot!(text::refused(message, &[], &files_moved(&files), &[], &PLAIN), @"
    refused: the keys files do not say what they said when the plan 7f3a9c2e41d05b88 was made

      added     ws-payments/checkout-eu     its entry is new
      gone      ws-research/spike-2025      its entry is no longer there
      changed   ws-payments/checkout        its entry says something else
      changed   `organisation`, `managed_by` or `escrow` is another

    nothing was written
    ");
}

#[test]
fn a_plan_that_holds_says_what_of_it_is_done() {
    let plan = Plan { blocked: Vec::new(), ..story() };
    let whole = Moved { added: Vec::new(), altered: Vec::new(), gone: Vec::new(), ..some_moved() };
    let partly = Moved { gone: some_moved().gone, ..whole.clone() };
    let rest = Plan { changes: plan.changes.iter().skip(2).cloned().collect(), ..plan.clone() };
    let over = Plan { changes: Vec::new(), ..plan.clone() };
    let at = time("2026-11-22T09:41:07Z");
    let all = [
        text::still_holds(at, &whole, &plan, &PLAIN),
        text::still_holds(at, &partly, &rest, &PLAIN),
        text::still_holds(at, &partly, &over, &PLAIN),
    ];
    insta::assert_snapshot!(all.concat(), @"
    plan 7f3a9c2e41d05b88 of 2026-11-22T09:41:07Z still holds: 9 changes, 10 writes
    plan 7f3a9c2e41d05b88 of 2026-11-22T09:41:07Z still holds: 7 of 9 changes left, 8 writes
      already done  adopt: organisation/ci-plan
      blocked       reset: ws-research/search-index
    plan 7f3a9c2e41d05b88 of 2026-11-22T09:41:07Z still holds: nothing can be done now
      already done  adopt: organisation/ci-plan
      blocked       reset: ws-research/search-index
    ");
}

#[test]
fn of_very_many_lines_the_first_are_shown_and_the_rest_is_counted() {
    let changes = (0..2_000).map(|n| update(&format!("ws/key-{n:04}"), 1, vec![rate(1)])).collect();
    let many = Moved { added: changes, ..some_moved() };
    let shown = text::refused("moved", &[], &moved(&many), &[], &PLAIN);
    assert!(shown.lines().count() < 500, "{}", shown.lines().count());
    assert!(shown.contains("and 1803 more (--format json has them all)"), "{shown}");
    assert!(shown.contains("the same  7 changes"));
}

#[test]
fn text_of_others_does_nothing_to_the_terminal_and_starts_no_line() {
    let hostile = "\u{1b}[31mred\n::set-output name=x::y\u{202e}\r";
    let address = format!("ws/{hostile}");
    let name = |text: &str| FieldChange::Name { before: "a".to_owned(), after: text.to_owned() };
    let all = Moved {
        reviewed: hostile.to_owned(),
        added: vec![update(&address, 1, vec![name(hostile)])],
        gone: vec![Gone { change: adopt(&address), why: GoneWhy::Done }],
        altered: vec![Altered {
            reviewed: adopt(&address),
            now: delete(&address, Reason::Pruned { by: hostile.to_owned() }),
            differences: vec![
                Difference::Key { before: Some(crate::model::KeyId::new(hostile)), after: None },
                Difference::Field { before: Some(Box::new(name(hostile))), after: Box::new(name(hostile)) },
                Difference::Cause { before: None, after: Some(Reason::Pruned { by: hostile.to_owned() }) },
            ],
        }],
        ..some_moved()
    };
    let refused = text::refused(hostile, &[hostile.to_owned()], &moved(&all), &[hostile.to_owned()], &PLAIN);
    let holds = text::still_holds(time("2026-11-22T09:41:07Z"), &all, &story(), &PLAIN);
    for shown in [refused, holds] {
        assert!(!shown.contains(['\u{1b}', '\u{202e}', '\r']), "{shown}");
        assert!(!shown.lines().any(|line| line.trim_start().starts_with("::")), "{shown}");
    }
}
