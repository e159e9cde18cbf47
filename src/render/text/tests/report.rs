use std::path::Path;

use crate::plan::Plan;
use crate::render::Style;
use crate::render::samples::*;
use crate::render::text;
use crate::report::Event;

#[test]
fn a_run_without_trouble_ends_in_two_lines() {
    let plan = Plan { blocked: Vec::new(), ..story() };
    insta::assert_snapshot!(text::report(&report(&plan), &plan, Some(0), Path::new("."), &PLAIN), @"
    Done in 3.1 s: 9 changes, 10 writes, all confirmed by reading back.
    2 secrets delivered to secrets/ws-payments/checkout-eu, secrets/ws-payments/ledger-batch.
    ");
}

#[test]
fn a_run_that_left_something_to_a_person_says_so_beside_its_exit_code() {
    let plan = story();
    insta::assert_snapshot!(text::report(&report(&plan), &plan, Some(3), Path::new("."), &PLAIN), @"
    Done in 3.1 s: 9 changes, 10 writes, all confirmed by reading back.
    2 secrets delivered to secrets/ws-payments/checkout-eu, secrets/ws-payments/ledger-batch.
    1 key is blocked and needs a person: ws-research/gateway-probe (exit code 3)
    ");
}

#[test]
fn a_run_with_every_trouble_says_each_of_them() {
    let plan = story();
    let mut report = mixed_report(&plan);
    report.interrupted = true;
    report.verification_error = Some("GET /api-keys: connection reset".to_owned());
    insta::assert_snapshot!(text::report(&report, &plan, Some(3), Path::new("."), &PLAIN), @"
    error: 2 keys: the key was not updated
      caused by: PUT /api-keys/183f answered 403 (AB03): forbidden

      organisation/ci-plan, organisation/siem-export

    error: `ws-payments/checkout-eu`: the key was created, but its secret was not delivered to `dir`
      caused by: could not write secrets/ws-payments/checkout-eu
      caused by: permission denied

      its secret lies in .portkey-sync/escrow/k7m2

    hint: make the folder writable
    hint: then run the same command again: it delivers this secret and creates nothing

    error: `ws-payments/ledger-batch`: whether it was delivered is not known
      caused by: PUT /api-keys/183f answered 403 (AB03): forbidden

    warning: `ws-research/nightly-eval` was left alone: its secret is no longer what the plan saw
    hint: plan again and look at what moved

    not attempted: ws-research/spike-2025 (deletes wait until all else has succeeded)

    warning: the service took 1 change that the list does not show yet: organisation/backstage
    hint: reads may lag behind writes; a later `portkey-sync plan` shows whether it arrived
    warning: `ws-payments/checkout`: the service took the call but keeps its own value of usage_limits;
             nothing is sent twice
    warning: `ws-research/search-index`: somebody has changed usage since

    note: `ws-payments/checkout-eu`: the answer to the create was lost; the key was found by its nonce
    note: `ws-payments/checkout-eu`: the first secret was lost with that answer; the key was given
          another one
    note: 3 requests were sent again for 2 calls, after errors that pass

    error: what was written could not be read back
      caused by: GET /api-keys: connection reset

    hint: run `portkey-sync plan`: it shows whatever is not as the files say

    interrupted; the calls that were in flight were finished first
    1 done, 1 overwritten, 1 overridden by the server, 3 failed, 1 unknown, 1 moved, 1 not attempted, 1
    blocked; 3 of 10 writes made (exit code 3)
    ");
}

#[test]
fn each_finished_change_is_one_line_in_a_log() {
    let plan = story();
    let lines: Vec<String> = [report(&plan), mixed_report(&plan)]
        .iter()
        .flat_map(|report| report.changes.iter().enumerate())
        .filter_map(|(n, report)| {
            text::event_line(&Event::Finished { report }, &plan, n + 1, text::EventLayout::of(&plan), &PLAIN)
        })
        .collect();
    insta::assert_snapshot!(lines.join("\n"), @"
    1/9 done      organisation/backstage        adopted                                      96 ms
    2/9 done      organisation/ci-plan          adopted                                      96 ms
    3/9 done      organisation/siem-export      adopted                                      96 ms
    4/9 done      ws-payments/checkout          updated scopes, usage_limits, expires_at     96 ms
    5/9 done      ws-payments/checkout-eu       created 5c1e7f90, secret delivered           96 ms
    6/9 done      ws-payments/ledger-batch      secret of an earlier run delivered           96 ms
    7/9 done      ws-research/nightly-eval      updated rate_limits                          96 ms
    8/9 done      ws-research/search-index      usage set to 0                               96 ms
    9/9 done      ws-research/spike-2025        deleted                                      96 ms
    1/9 done      organisation/backstage        adopted                                      96 ms
    2/9 failed    organisation/ci-plan          the key was not updated                      96 ms
    3/9 failed    organisation/siem-export      the key was not updated                      96 ms
    4/9 done      ws-payments/checkout          updated scopes, usage_limits, expires_at     96 ms
    5/9 failed    ws-payments/checkout-eu       the key was created, but its secret was not delivered to `dir`     96 ms
    6/9 unknown   ws-payments/ledger-batch      whether it was delivered is not known        96 ms
    7/9 moved     ws-research/nightly-eval      its secret is not as planned                 96 ms
    8/9 done      ws-research/search-index      usage set to 0                               96 ms
    9/9 skipped   ws-research/spike-2025        deletes wait until all else has succeeded
    ");
}

#[test]
fn reading_back_is_said_and_starting_is_not() {
    let plan = story();
    let started = Event::Started { address: &plan.changes[0].address, action: plan.changes[0].action };
    assert_eq!(text::event_line(&started, &plan, 0, text::EventLayout::of(&plan), &PLAIN), None);
    insta::assert_snapshot!(text::event_line(&Event::Verifying { open: 2 }, &plan, 9, text::EventLayout::of(&plan), &PLAIN).unwrap(), @"reading back   2 changes");
}

#[test]
fn colour_changes_nothing_but_colour() {
    let plan = story();
    let report = mixed_report(&plan);
    let [plain, coloured] = [false, true].map(|color| {
        let style = Style { color, width: 80 };
        let mut all = text::report(&report, &plan, Some(3), Path::new("."), &style);
        for change in &report.changes {
            all.extend(text::event_line(
                &Event::Finished { report: change },
                &plan,
                1,
                text::EventLayout::of(&plan),
                &style,
            ));
        }
        all
    });
    assert_ne!(plain, coloured);
    assert_eq!(plain, crate::render::layout::strip(&coloured));
}

#[test]
fn an_error_is_followed_by_what_it_came_of_and_what_to_do() {
    let failure = not_delivered();
    let shown = text::failure(&failure.message, &failure.causes, &failure.facts, &failure.hints, &PLAIN);
    insta::assert_snapshot!(shown, @"
    error: the key was created, but its secret was not delivered to `dir`
      caused by: could not write secrets/ws-payments/checkout-eu
      caused by: permission denied

      its secret lies in .portkey-sync/escrow/k7m2

    hint: make the folder writable
    hint: then run the same command again: it delivers this secret and creates nothing
    ");
    assert_eq!(text::failure("no", &[], &[], &[], &PLAIN), "error: no\n");
}
