//! The hand-off of secrets, checked as a model: every order of events, up to a number of mishaps, over the very
//! code that `plan` and `apply` drive.
//!
//! Two runs on two machines, one key, one sink; processes die with their disk kept or lost, answers are lost,
//! effects come late, sinks fail, a person rotates by hand or wipes the mark, time passes. Times are ages in steps
//! of five minutes, so the states are finite and the search ends by itself.

#![expect(clippy::unwrap_used, clippy::indexing_slicing, reason = "a failed test panics")]

mod search;
mod world;

use portkey_sync::handoff::Rules;
use search::{GIVEN_UP, Limits, search};
use world::Start;

/// How many mishaps: with none, one and two there are about 0.4, 5 and 50 million worlds.
fn limits() -> Limits {
    let mishaps = std::env::var("PORTKEY_SYNC_MISHAPS").ok().and_then(|text| text.parse().ok());
    Limits { mishaps: mishaps.unwrap_or(0), states: usize::MAX }
}

#[test]
fn no_order_of_events_loses_a_secret_or_leaves_a_second_key() {
    for start in Start::ALL {
        match search(start, &Rules::ALL, limits()) {
            Ok(count) => println!(
                "{start:?}: {} states, {} at rest; no duplicate key, no dead secret in the sink, no needless rotation, \
                 and a way to the end from each",
                count.states, count.at_rest
            ),
            Err(finding) => panic!("{start:?}: {finding}"),
        }
    }
}

/// A rule and a change that leaves it out.
type Without = (&'static str, fn(&mut Rules));

#[test]
fn each_rule_is_needed() {
    let rules: [Without; 9] = [
        ("escrow", |rules| rules.escrow = false),
        ("look", |rules| rules.look = false),
        ("settle", |rules| rules.settle = false),
        ("lease", |rules| rules.lease = false),
        ("grace", |rules| rules.grace = false),
        ("late_effect", |rules| rules.late_effect = false),
        ("leftovers", |rules| rules.leftovers = false),
        ("changed_outside", |rules| rules.changed_outside = false),
        ("ask", |rules| rules.ask = false),
    ];
    let mut unneeded = Vec::new();
    for (name, leave_out) in rules {
        let mut without = Rules::ALL;
        leave_out(&mut without);
        let found = (0..=2).flat_map(|mishaps| Start::ALL.map(|start| (start, mishaps))).find_map(
            |(start, mishaps)| {
                let finding = search(start, &without, Limits { mishaps, states: 150_000 }).err()?;
                (finding.what != GIVEN_UP).then_some((start, mishaps, finding))
            },
        );
        match found {
            Some((start, mishaps, finding)) => {
                println!("without {name}: {} ({start:?}, {mishaps} mishaps)", finding.what);
            }
            None => unneeded.push(name),
        }
    }
    assert_eq!(unneeded, Vec::<&str>::new(), "these rules can be left out and nothing happens");
}
