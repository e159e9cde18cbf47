use std::collections::BTreeSet;

use crate::desired::parse_str;
use crate::plan::{Cause, Causes, LeftOut, Plan, Prune, Reason, Risk, review};
use crate::render::Verbosity;
use crate::render::samples::*;
use crate::render::text::{self, ReviewContext};

fn show(mut plan: Plan) -> String {
    assess(&mut plan);
    text::plan(&plan, &context(&scope_sets()), &PLAIN)
}

#[test]
fn a_change_says_what_it_comes_of_and_each_field_where_that_is_mixed() {
    let mut changes = vec![
        update(
            "ws-a/mixed",
            7,
            all_fields().into_iter().filter(|field| field.field() != "metadata").take(5).collect(),
        ),
        create("ws-a/new", 12),
        delete("ws-a/old", Reason::DeclaredAbsent),
        reset("ws-a/spent", 20),
    ];
    changes[0].causes.fields = all_fields().iter().map(|field| (field.field(), Cause::ThisChange)).collect();
    changes[0].causes.fields.insert("rate_limits", Cause::Drift);
    changes[1].causes = Causes::whole(Cause::ThisChange);
    changes[2].causes = Causes::whole(Cause::Drift);
    changes[3].causes = Causes::whole(Cause::Due);
    let plan = Plan { changes, left_out: LeftOut { keys: 1, fields: 2 }, ..empty_plan() };
    insta::assert_snapshot!(show(plan), @r#"
organisation a1b2c3d4, read with key `ci-plan`: 60 live keys, 52 in keys.yaml

ws-a
  ~ update   mixed                                                this change and drift, keys.yaml:7
      name            checkout-old -> checkout
      description     "Checkout" -> "Checkout, production"
      scopes          + completions.write, logs.write, prompts.render  ! gains-read, gains-write
                      - logs.list
      rate_limits     1000 -> 0 (unlimited) requests per minute (drift)  ! limit-removed, unlimited
                      - 5 tokens per day
                      + 1 token per rpq
      usage_limits    credit_limit 500 -> 2000 USD                ! limit-loosened
                      alert_threshold 400 USD -> none
                      periodic_reset monthly -> none
                      periodic_reset_days none -> 30

  + create   new                                                  this change, keys.yaml:12
      description     "Checkout, Europe"
      scopes          inference (completions.write, prompts.render), logs.write
      rate_limits     100 requests per minute
      usage_limits    500 USD monthly, alert at 400 USD
      metadata        environment=prod, team="payments and more"
      expires_at      2027-06-30T00:00:00Z
      deliver_to      dir: secrets/ws-a/new

  - delete   old                                                  drift
      the file says `absent: true`; expired 2026-01-31T00:00:00Z  ! deleted
        9b02c7de-60f4-4d3f-8a61-0f2d7be3c1aa   Xk*****7Qz   last changed 2026-11-20T16:02:11Z

  < reset    spent                                                due, keys.yaml:20
      usage           set to 0, as usage_reset_after 2026-11-22T10:00:00Z asks  ! limit-loosened
                      (it counts since 2026-11-01T00:00:00Z)

4 changes      1 create, 1 update, 1 reset, 1 delete
7 risks        gains-read, gains-write, limit-loosened 2, limit-removed, unlimited, deleted
left out       1 key with nothing but drift, 2 fields that drifted (--only-changed)
5 writes       1 POST, 3 PUT, 1 DELETE; then reads to verify
left alone     52 keys are as declared
Nothing was written. Apply exactly this: portkey-sync apply --prune --expect-plan 7f3a9c2e41d05b88
"#);
}

#[test]
fn two_states_of_the_files_read_as_a_review() {
    let keys = |keys: &str| {
        let text = format!("version: 1\nmanaged_by: us\nworkspaces: {{w: ws-1}}\nkeys:\n{keys}");
        parse_str("keys.yaml", &text).desired.unwrap()
    };
    let base = keys(
        "- {name: a, workspace_id: w, scopes: [logs.view], usage_limits: {credit_limit: 5}}
- {name: b, workspace_id: w, scopes: [logs.view]}
- {name: c, workspace_id: w, scopes: [logs.view]}
- {name: d, workspace_id: w, scopes: [logs.view]}\n",
    );
    let head = keys(
        "- {name: a, workspace_id: w, scopes: [logs.view, logs.export], usage_limits: {credit_limit: 9}}
- {name: b2, renamed_from: b, workspace_id: w, scopes: [logs.view], usage_reset_after: 2026-11-22}
- {name: c, workspace_id: w, absent: true}
- {name: e, workspace_id: w, scopes: [workspace_service_api_keys.create]}\n",
    );
    let context = ReviewContext {
        scope_sets: &scope_sets(),
        files: "keys.yaml",
        base: "origin/main",
        verbosity: Verbosity::Verbose,
    };
    let deny = BTreeSet::from([Risk::Deleted]);
    let show = |before, after| {
        let found = review(before, after, Prune::List, &deny, time("2026-11-22T10:00:00Z"));
        text::review(&found, &context, &PLAIN)
    };
    insta::assert_snapshot!(show(&base, &head), @"
    What keys.yaml changes since origin/main:

    w
      ~ update   a                                                              keys.yaml:5
          scopes          + logs.export                                         ! gains-read
          usage_limits    credit_limit 5 -> 9 USD                               ! limit-loosened

      ~ update   b2                                                             keys.yaml:6
          name            b -> b2
          usage           set to 0, as usage_reset_after 2026-11-22T00:00:00Z asks  ! limit-loosened

      - delete   c                                                              keys.yaml:7
          the file says `absent: true`                                          ! deleted

      + create   e                                                              keys.yaml:8
          scopes          workspace_service_api_keys.create                     ! mints-keys

    4 changes      1 create, 2 update, 1 delete
    5 risks        gains-read, mints-keys, limit-loosened 2, deleted
    1 key          is in no file any more, and deleted by --prune only: w/d
    also           `renamed_from` of w/b2 differs; what that does depends on the live keys

    refused: 1 risk that --deny-risk does not allow: deleted
      w/c: deleted
    hint: change the files, or let somebody who may accept the risk apply them without that word
    ");
    insta::assert_snapshot!(show(&base, &base), @"keys.yaml asks for what origin/main asks for.");
}
