//! How much of the organisation a plan talks about.

use std::path::Path;

use crate::model::KeyId;
use crate::plan::{LeftOut, Plan, UnmentionedKey};
use crate::render::Verbosity;
use crate::render::samples::*;
use crate::render::text::{self, Extent, PlanContext};

/// A plan without changes, and so many keys that `--prune` would delete.
fn prunable(n: usize) -> Plan {
    let unmentioned = |n: usize| UnmentionedKey {
        address: address(&format!(
            "payments/an-old-key-with-a-rather-long-name-that-was-cut-to-be-shown-{n}"
        )),
        id: KeyId::new(format!("id-{n}")),
        prunable: true,
    };
    Plan { unmentioned: (1..=n).map(unmentioned).collect(), ..empty_plan() }
}

#[test]
fn many_keys_that_prune_would_delete_are_three_and_a_number() {
    let sets = scope_sets();
    let text = text::plan(&prunable(225), &context(&sets), &PLAIN);
    assert!(text.contains("--prune would delete 225 keys:") && text.contains("and 222 more (-v)"), "{text}");
    assert!(text.lines().count() < 10, "{text}");
    assert!(
        text.contains("payments/an-old-key-with-a-rather-long-name-that-was-cut-to-be-shown-3 and"),
        "{text}"
    );
    let verbose = PlanContext { verbosity: Verbosity::Verbose, ..context(&sets) };
    let text = text::plan(&prunable(225), &verbose, &PLAIN);
    assert!(
        text.contains("payments/an-old-key-with-a-rather-long-name-that-was-cut-to-be-shown-225"),
        "{text}"
    );
}

#[test]
fn what_only_changed_keeps_back_is_not_offered_again() {
    let sets = scope_sets();
    let context = PlanContext { extent: Extent::EntriesAndRest, ..context(&sets) };
    let plan = Plan { left_out: LeftOut { keys: 1, fields: 0 }, ..prunable(1) };
    let text = text::plan(&plan, &context, &PLAIN);
    assert!(text.contains("left out by --only-changed: 1 deletion by --prune"), "{text}");
    assert!(!text.contains("would delete"), "{text}");
}

#[test]
fn a_plan_of_named_keys_says_that_it_looked_at_no_others() {
    let sets = scope_sets();
    let plan = Plan { changes: story().changes, declared: 35, in_sync: 0, ..prunable(4) };
    let context = PlanContext { extent: Extent::Named { entries: 1, by: "--target" }, ..context(&sets) };
    let text = text::plan(&plan, &context, &PLAIN);
    assert!(text.contains("not looked at  34 entries (--target)"), "{text}");
    assert!(!text.contains("0 keys are as declared") && !text.contains("--prune would"), "{text}");
}

#[test]
fn a_sink_is_told_as_seen_from_the_working_folder() {
    let sets = scope_sets();
    let context = PlanContext { folder: Path::new("team"), ..context(&sets) };
    let text = text::plan(&story(), &context, &PLAIN);
    assert!(text.contains("team/secrets/"), "{text}");
}
