use crate::diff::FieldChange;
use crate::plan::{Change, Plan, Reason};
use crate::render::samples::*;
use crate::render::text::{self, Mode, PlanContext};
use crate::render::{Style, Verbosity};

fn show(plan: &Plan) -> String {
    let mut plan = plan.clone();
    assess(&mut plan);
    text::plan(&plan, &context(&scope_sets()), &PLAIN)
}

#[test]
fn the_story_reads_as_a_review() {
    insta::assert_snapshot!(show(&story()), @r#"
organisation a1b2c3d4, read with key `ci-plan`: 60 live keys, 52 in keys.yaml

organisation
  = adopt    backstage, ci-plan, siem-export
      description     + [portkey-sync by=platform] at the end, nothing else

ws-payments
  ~ update   checkout                                                       keys.yaml:27
      scopes          + workspace_service_api_keys.create                   ! mints-keys
                      - logs.list
      usage_limits    credit_limit 500 -> 2000 USD                          ! limit-loosened
      expires_at      2026-12-31T00:00:00Z -> never                         ! expiry-removed

  + create   checkout-eu                                                    keys.yaml:41
      description     "Checkout, Europe"
      scopes          inference (completions.write, prompts.render), logs.write
      rate_limits     100 requests per minute
      usage_limits    500 USD monthly, alert at 400 USD
      metadata        environment=prod, team="payments and more"
      expires_at      2027-06-30T00:00:00Z
      deliver_to      dir: secrets/ws-payments/checkout-eu

  > deliver  ledger-batch                                                   keys.yaml:58
      deliver_to      dir: secrets/ws-payments/ledger-batch
      (an earlier run got this secret at 2026-11-22T09:00:00Z and was interrupted; it is at hand)

ws-research
  . waiting  fraud-scoring                                                  keys.yaml:66
      usage is set to 0 in 9 days (2026-12-01T12:00:00Z)

  ? blocked  gateway-probe                                                  keys.yaml:74
      2 live keys have this name; say which one is meant with `id:`
        183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2   created 2026-03-02   Xk*****7Qz
        9b02c7de-60f4-4d3f-8a61-0f2d7be3c1aa   created 2026-09-14   b8*****Lm2
      hint: add `id: ID` at keys.yaml:74, with one of the ids above

  ~ update   nightly-eval                                                   keys.yaml:81
      rate_limits     1000 -> 100 requests per minute

  < reset    search-index                                                   keys.yaml:93
      usage           set to 0, as usage_reset_after 2026-11-22T10:00:00Z asks  ! limit-loosened
                      (it counts since 2026-11-01T00:00:00Z)

  - delete   spike-2025
      in no file, and its mark says `by=platform`; expired 2026-01-31T00:00:00Z  ! deleted
        9b02c7de-60f4-4d3f-8a61-0f2d7be3c1aa   Xk*****7Qz   last changed 2026-11-20T16:02:11Z

9 changes      1 create, 1 deliver, 2 update, 1 reset, 1 delete, 3 adopt
5 risks        mints-keys, limit-loosened 2, expiry-removed, deleted
1 blocked      the 9 changes do not wait for it
1 waiting      due later; not a failure
10 writes      1 POST, 8 PUT, 1 DELETE; then reads to verify
left alone     44 keys are as declared; 2 live keys are in no file (-v lists them)
               --prune would delete 1 key: ws-research/left
Nothing was written. Apply exactly this: portkey-sync apply --prune --expect-plan 7f3a9c2e41d05b88
"#);
}

#[test]
fn every_kind_of_field_is_shown_in_its_own_words() {
    let change = Change {
        written_scopes: vec!["inference".to_owned(), "logs.write".to_owned()],
        running_key: true,
        ..update("ws-payments/checkout", 27, all_fields())
    };
    insta::assert_snapshot!(show(&Plan { changes: vec![change], ..empty_plan() }), @r#"
    organisation a1b2c3d4, read with key `ci-plan`: 60 live keys, 52 in keys.yaml

    ws-payments
      ~ update   checkout                                                       keys.yaml:27
          name            checkout-old -> checkout
          description     "Checkout" -> "Checkout, production"
          scopes          + inference (completions.write, prompts.render), logs.write
                          - logs.list
                          ! gains-read, gains-write
          rate_limits     1000 -> 0 (unlimited) requests per minute           ! limit-removed, unlimited
                          - 5 tokens per day
                          + 1 token per rpq
          usage_limits    credit_limit 500 -> 2000 USD                          ! limit-loosened
                          alert_threshold 400 USD -> none
                          periodic_reset monthly -> none
                          periodic_reset_days none -> 30
          metadata        - owner=ann
                          routing:
                              "regions": [
                                "eu-west",
                          -     "us-east",
                          +     "us-west",
                                "ap-south"
                              ],
                          + stage="two words"
                          team: research -> payments
                          tier: 5 -> "5"
          config_id       none -> pc-routing-9f8e
          allow_config_override  true -> false
          alert_emails    + c@example.com
                          - a@example.com
          expires_at      2026-12-31T00:00:00Z -> never                         ! expiry-removed
          rotation_policy rotation_period weekly -> monthly
                          key_transition_period 30m -> 24h
          description     [portkey-sync by=platform] -> [portkey-sync by=platform keep] at the end
          (this could be the key that portkey-sync runs with, so it goes last)

    1 change       1 update
    6 risks        gains-read, gains-write, limit-loosened, limit-removed, unlimited, expiry-removed
    1 write        1 PUT; then reads to verify
    left alone     52 keys are as declared
    Nothing was written. Apply exactly this: portkey-sync apply --prune --expect-plan 7f3a9c2e41d05b88
    "#);
}

#[test]
fn a_long_description_is_a_diff_of_lines() {
    let before = "Checkout service.\nOwner: payments\nPager: 1234\nSee the wiki.\n";
    let after = "Checkout service.\nOwner: payments-eu\nPager: 1234\nSee the wiki.";
    let field = FieldChange::Description { before: before.to_owned(), after: after.to_owned() };
    let plan = Plan { changes: vec![update("ws-a/checkout", 3, vec![field])], ..empty_plan() };
    insta::assert_snapshot!(show(&plan), @"
    organisation a1b2c3d4, read with key `ci-plan`: 60 live keys, 52 in keys.yaml

    ws-a
      ~ update   checkout                                                       keys.yaml:3
          description       Checkout service.
                          - Owner: payments
                          + Owner: payments-eu
                            Pager: 1234
                          - See the wiki.
                          + See the wiki. (no newline at the end)

    1 change       1 update
    1 write        1 PUT; then reads to verify
    left alone     52 keys are as declared
    Nothing was written. Apply exactly this: portkey-sync apply --prune --expect-plan 7f3a9c2e41d05b88
    ");
}

#[test]
fn every_reason_for_a_block_says_what_to_do() {
    let plan = Plan { blocked: all_blocked(), ..empty_plan() };
    insta::assert_snapshot!(show(&plan), @"
    organisation a1b2c3d4, read with key `ci-plan`: 60 live keys, 52 in keys.yaml

    ws-payments
      ? blocked  key-01                                                         keys.yaml:74
          2 live keys have this name; say which one is meant with `id:`
            183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2   created 2026-03-02   Xk*****7Qz
            9b02c7de-60f4-4d3f-8a61-0f2d7be3c1aa   created 2026-09-14   b8*****Lm2
          hint: add `id: ID` at keys.yaml:74, with one of the ids above

      ? blocked  key-02                                                         keys.yaml:74
          no live key has the id `183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2`
          hint: correct `id:` at keys.yaml:74, or take it out: the key is then found by its name

      ? blocked  key-03                                                         keys.yaml:74
          the running key sees no workspace `ws-paymnets`
          hint: did you mean `ws-payments` at keys.yaml:74?

      ? blocked  key-04                                                         keys.yaml:74
          the running key sees no user `ann@example.com`
          hint: correct it at keys.yaml:74: `user_id` takes an e-mail or an id

      ? blocked  key-05                                                         keys.yaml:74
          the running key sees no config `pc-x`
          hint: correct it at keys.yaml:74: `config_id` takes a slug or a UUID

      ? blocked  key-06                                                         keys.yaml:74
          whether this key exists is not known, so it is not created: the pages of the list of keys did
          not agree with each other
          hint: plan again once nobody else is changing keys, or pass --assume-complete

      ? blocked  key-07                                                         keys.yaml:74
          whether this key exists is not known, so it is not created: nothing shows that the running key
          may list keys of type workspace-service there
          hint: give the running key the scope `workspace_service_api_keys.list`, or pass
                --assume-complete if it sees them all

      ? blocked  key-08                                                         keys.yaml:74
          `workspace_id` of a key cannot change: live it is `ws-a`, the file says `ws-b`
          hint: put `ws-a` back at keys.yaml:74, or write `replaces:` instead of `id:` there: that makes
                a new key with a new secret, and deletes this one a transition later

      ? blocked  key-09                                                         keys.yaml:74
          it is to replace the key `183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2`, which is not there
          hint: correct `replaces:` at keys.yaml:74, or remove it to make a new key all the same

      ? blocked  key-10                                                         keys.yaml:74
          this entry and the one at keys.yaml:12 mean the same live key,
          183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2
          hint: remove one of the two, or say with `id:` at keys.yaml:74 which key this entry means

      ? blocked  key-11                                                         keys.yaml:74
          its mark says that `research` manages it (`by=research`)
          hint: remove the entry at keys.yaml:74, or let `research` give the key up first

      ? blocked  key-12                                                         keys.yaml:74
          this create and the deletion of `ws-payments/checkout` look like one key renamed: all 6 fields
          that the file manages agree
          hint: add `renamed_from: checkout` at keys.yaml:74 and the key keeps its id, secret and usage;
                add `renamed_from: null` if it is a new key

      ? blocked  key-13                                                         keys.yaml:74
          its new secret would have nowhere to go
          hint: add `secret: {deliver_to: [SINK]}` at keys.yaml:74, or pass --secrets-file PATH

      ? blocked  key-14                                                         keys.yaml:74
          this is, or could be, the key that portkey-sync runs with, and it would be deleted
          hint: run with another key; or, if the running key is not this one, name it with --self ID

      ? blocked  key-15                                                         keys.yaml:74
          this is, or could be, the key that portkey-sync runs with, and it would be given an end, or an
          earlier one
          hint: run with another key; or, if the running key is not this one, name it with --self ID

      ? blocked  key-16                                                         keys.yaml:74
          this is, or could be, the key that portkey-sync runs with, and it would lose scopes
          hint: run with another key; or, if the running key is not this one, name it with --self ID

      ? blocked  key-17                                                         keys.yaml:74
          this is, or could be, the key that portkey-sync runs with, and it would be rotated by Portkey,
          which shows the new secret to nobody
          hint: run with another key; or, if the running key is not this one, name it with --self ID

      ? blocked  key-18                                                         keys.yaml:74
          the key is protected, so it is not deleted
          hint: to delete it, take `protected: true` and `absent: true` out at keys.yaml:74, apply, and
                then say `absent: true`

      ? blocked  key-19                                                         keys.yaml:74
          a run created this key at 2026-11-22T09:00:00Z and has not finished it
          hint: if that run is still at work, wait for it; if it died, apply where it ran: its secret
                lies there
          hint: 15 minutes after the key was made, any run gives it another secret and finishes it

      ? blocked  key-20                                                         keys.yaml:74
          its description has 180 characters and our mark needs 45 more, but Portkey keeps 200
          hint: make `description` at least 26 characters shorter at keys.yaml:74

      ? blocked  key-21                                                         keys.yaml:74
          its description has 155 characters and our mark needs 45 more, but Portkey keeps 200
          hint: make it at least 1 character shorter in Portkey's console, or set `description` at
                keys.yaml:74

      ? blocked  key-22                                                         keys.yaml:74
          what `rotation_policy` is compared with could not be read: GET /api-keys/183f answered 403
          hint: plan again once it can be read, or take `rotation_policy` out at keys.yaml:74

      ? blocked  key-23                                                         keys.yaml:74
          our mark is on a key that somebody has renamed to `prod-gateway` since; a delete does not
          follow
          hint: if that key is meant, add `id: 183f497a-2c51-4a7e` at keys.yaml:74; if not, take the
                entry out

      ? blocked  key-24                                                         keys.yaml:74
          its secret cannot be put where `deliver_to` says: `..` is not a folder beneath the keys file
          hint: change the key's name or its `deliver_to` at keys.yaml:74, or the sink's `file:`

    no changes
    24 blocked     they need a person
    left alone     52 keys are as declared
    Nothing was written.
    ");
}

#[test]
fn equal_changes_to_many_keys_are_one_entry_that_v_unfolds() {
    let faster = |to: &str| {
        update(
            to,
            6,
            vec![FieldChange::RateLimits { before: vec![per_minute(10)], after: vec![per_minute(20)] }],
        )
    };
    let mut changes: Vec<Change> = (1..=9).map(|n| faster(&format!("ws-a/app-{n}"))).collect();
    changes.extend((1..=4).map(|n| faster(&format!("ws-b/job-{n}"))));
    changes.extend((1..=3).map(|n| reset(&format!("ws-b/reset-{n}"), n)));
    changes.extend((1..=12).map(|n| adopt(&format!("ws-b/seen-{n:02}"))));
    let plan = Plan { changes, ..empty_plan() };
    insta::assert_snapshot!(show(&plan), @"
    organisation a1b2c3d4, read with key `ci-plan`: 60 live keys, 52 in keys.yaml

    several workspaces
      ~ update   13 keys
          rate_limits     10 -> 20 requests per minute                          ! limit-loosened
          ws-a 9, ws-b 4: app-1, app-2, app-3 and 10 more (-v)

    ws-b
      < reset    3 keys
          usage           set to 0                                              ! limit-loosened
          reset-1, reset-2, reset-3

      = adopt    seen-01, seen-02, seen-03 and 9 more (-v)
          description     + [portkey-sync by=platform] at the end, nothing else

    28 changes     13 update, 3 reset, 12 adopt
    16 risks       limit-loosened 16
    28 writes      28 PUT; then reads to verify
    left alone     52 keys are as declared
    Nothing was written. Apply exactly this: portkey-sync apply --prune --expect-plan 7f3a9c2e41d05b88
    ");

    let sets = scope_sets();
    let verbose = PlanContext { verbosity: Verbosity::Verbose, ..context(&sets) };
    let unfolded = text::plan(&plan, &verbose, &PLAIN);
    for change in &plan.changes {
        assert!(unfolded.contains(&change.address.name), "{} is missing", change.address);
    }
}

#[test]
fn what_is_lost_for_good_is_named_key_by_key() {
    let gone = |n| delete(&format!("ws-a/gone-{n}"), Reason::DeclaredAbsent);
    let shown = show(&Plan { changes: (1..=20).map(gone).collect(), ..empty_plan() });
    for n in 1..=20 {
        assert!(shown.contains(&format!("- delete   gone-{n}\n")), "{n}: {shown}");
    }
}

#[test]
fn a_folded_update_still_says_that_usage_is_reset() {
    let both = |n| Change {
        reason: reset("ws-a/x", 1).reason,
        ..update(
            &format!("ws-a/k-{n}"),
            n,
            vec![FieldChange::AllowConfigOverride { before: true, after: false }],
        )
    };
    let shown = show(&Plan { changes: (1..=3).map(both).collect(), ..empty_plan() });
    assert!(shown.contains("~ update   3 keys"), "{shown}");
    assert!(shown.contains("usage           set to 0"), "{shown}");
}

#[test]
fn an_empty_plan_is_a_few_lines() {
    let plan = Plan {
        unmentioned: vec![unmentioned("ws-a/left", true), unmentioned("ws-a/hand-made", false)],
        waiting: vec![waiting("ws-a/fraud-scoring", 12)],
        ..empty_plan()
    };
    insta::assert_snapshot!(show(&plan), @"
    No changes. 52 keys in keys.yaml match organisation a1b2c3d4; 2 live keys are in no file.
    --prune would delete 1 key: ws-a/left
    Coming up: ws-a/fraud-scoring has its usage set to 0 in 9 days (2026-12-01T12:00:00Z).
    ");
}

#[test]
fn a_plan_of_one_is_in_the_singular() {
    let plan = Plan {
        changes: vec![reset("ws-a/one", 3)],
        blocked: vec![blocked("ws-a/two", crate::plan::BlockedReason::Protected)],
        unmentioned: vec![unmentioned("ws-a/three", false)],
        in_sync: 1,
        declared: 3,
        live_total: 1,
        running_key: None,
        ..empty_plan()
    };
    insta::assert_snapshot!(show(&plan), @"
    organisation a1b2c3d4: 1 live key, 3 in keys.yaml

    ws-a
      < reset    one                                                            keys.yaml:3
          usage           set to 0, as usage_reset_after 2026-11-22T10:00:00Z asks  ! limit-loosened
                          (it counts since 2026-11-01T00:00:00Z)

      ? blocked  two                                                            keys.yaml:74
          the key is protected, so it is not deleted
          hint: to delete it, take `protected: true` and `absent: true` out at keys.yaml:74, apply, and
                then say `absent: true`

    1 change       1 reset
    1 risk         limit-loosened
    1 blocked      the change does not wait for it
    1 write        1 PUT; then reads to verify
    left alone     1 key is as declared; 1 live key is in no file (-v lists them)
    Nothing was written. Apply exactly this: portkey-sync apply --prune --expect-plan 7f3a9c2e41d05b88
    ");
}

#[test]
fn verbose_shows_the_exact_calls_and_who_is_in_no_file() {
    let plan = Plan {
        changes: vec![create("ws-a/new", 41), deliver("ws-a/owed", 58), reset("ws-a/reset", 93)],
        unmentioned: vec![unmentioned("ws-a/left", true), unmentioned("ws-a/hand-made", false)],
        ..empty_plan()
    };
    let sets = scope_sets();
    let verbose = PlanContext { verbosity: Verbosity::Verbose, ..context(&sets) };
    insta::assert_snapshot!(text::plan(&plan, &verbose, &PLAIN), @r#"
organisation a1b2c3d4, read with key `ci-plan`: 60 live keys, 52 in keys.yaml

ws-a
  + create   new                                                            keys.yaml:41
      description     "Checkout, Europe"
      scopes          inference (completions.write, prompts.render), logs.write
      rate_limits     100 requests per minute
      usage_limits    500 USD monthly, alert at 400 USD
      metadata        environment=prod, team="payments and more"
      expires_at      2027-06-30T00:00:00Z
      deliver_to      dir: secrets/ws-a/new
      POST /api-keys/workspace/service
        {
          "workspace_id": "6a1d",
          "name": "new",
          "description": "Checkout, Europe [portkey-sync new=<nonce>]",
          "scopes": [
            "completions.write",
            "prompts.render",
            "logs.write"
          ]
        }
      PUT /api-keys/{id}
        {
          "description": "Checkout, Europe [portkey-sync by=platform id=<id> at=a1b2c3 secret=<secret> to=680699]"
        }

  > deliver  owed                                                           keys.yaml:58
      deliver_to      dir: secrets/ws-a/owed
      (an earlier run got this secret at 2026-11-22T09:00:00Z and was interrupted; it is at hand)
      PUT /api-keys/183f497a-2c51-4a7e
        {
          "description": "Checkout, Europe [portkey-sync by=platform id=183f497a at=a1b2c3 secret=Xk.7Qz@20261122T090000Z to=efc232]"
        }

  < reset    reset                                                          keys.yaml:93
      usage           set to 0, as usage_reset_after 2026-11-22T10:00:00Z asks
                      (it counts since 2026-11-01T00:00:00Z)
      PUT /api-keys/183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2
        {
          "reset_usage": true
        }

in no file
  ws-a/left                               id-of-ws-a/left   --prune would delete it
  ws-a/hand-made                          id-of-ws-a/hand-made

3 changes      1 create, 1 deliver, 1 reset
4 writes       1 POST, 3 PUT; then reads to verify
left alone     52 keys are as declared; 2 live keys are in no file
               --prune would delete 1 key of these
Nothing was written. Apply exactly this: portkey-sync apply --prune --expect-plan 7f3a9c2e41d05b88
"#);
}

#[test]
fn a_narrow_terminal_gets_the_same_plan_in_more_lines() {
    let mut plan = story();
    plan.changes.retain(|change| change.address.name.starts_with("checkout"));
    insta::assert_snapshot!(text::plan(&plan, &context(&scope_sets()), &Style { color: false, width: 60 }), @r#"
    organisation a1b2c3d4, read with key `ci-plan`: 60 live
    keys, 52 in keys.yaml

    ws-payments
      ~ update   checkout                           keys.yaml:27
          scopes          + workspace_service_api_keys.create
                          - logs.list
                          ! mints-keys
          usage_limits    credit_limit 500 -> 2000 USD
                          ! limit-loosened
          expires_at      2026-12-31T00:00:00Z -> never
                          ! expiry-removed

      + create   checkout-eu                        keys.yaml:41
          description     "Checkout, Europe"
          scopes          inference (completions.write,
                            prompts.render), logs.write
          rate_limits     100 requests per minute
          usage_limits    500 USD monthly, alert at 400 USD
          metadata        environment=prod, team="payments and
                            more"
          expires_at      2027-06-30T00:00:00Z
          deliver_to      dir: secrets/ws-payments/checkout-eu

    ws-research
      . waiting  fraud-scoring                      keys.yaml:66
          usage is set to 0 in 9 days (2026-12-01T12:00:00Z)

      ? blocked  gateway-probe                      keys.yaml:74
          2 live keys have this name; say which one is meant
          with `id:`
            183f497a-2c51-4a7e-9d0b-51b6c1d0a9e2   created
            2026-03-02   Xk*****7Qz
            9b02c7de-60f4-4d3f-8a61-0f2d7be3c1aa   created
            2026-09-14   b8*****Lm2
          hint: add `id: ID` at keys.yaml:74, with one of the
                ids above

    2 changes      1 create, 1 update
    3 risks        mints-keys, limit-loosened, expiry-removed
    1 blocked      the 2 changes do not wait for it
    1 waiting      due later; not a failure
    3 writes       1 POST, 2 PUT; then reads to verify
    left alone     44 keys are as declared; 3 live keys are in
                   no file (-v lists them)
                   --prune would delete 2 keys:
                   ws-research/left, ws-research/spike-2025
    Nothing was written. Apply exactly this: portkey-sync apply --prune --expect-plan 7f3a9c2e41d05b88
    "#);
}

#[test]
fn before_an_apply_nothing_says_that_nothing_was_written() {
    let sets = scope_sets();
    let about = PlanContext { mode: Mode::AboutToApply, ..context(&sets) };
    assert!(!text::plan(&story(), &about, &PLAIN).contains("Nothing was written"));
    insta::assert_snapshot!(text::question(&story()), @"Apply 9 changes to organisation a1b2c3d4? 1 key is deleted, which cannot be undone. Only `yes` goes on:");
}

#[test]
fn no_line_is_wider_than_the_terminal_except_the_command_to_copy() {
    for width in [60, 80, 120] {
        let style = Style { color: false, width };
        let shown = text::plan(&full_plan(), &context(&scope_sets()), &style);
        for line in shown.lines().filter(|line| !line.contains("--expect-plan")) {
            assert!(crate::render::layout::columns(line) <= width, "{width}: {line}");
        }
    }
}

#[test]
fn colour_changes_nothing_but_colour() {
    let sets = scope_sets();
    for verbosity in [Verbosity::Normal, Verbosity::Verbose] {
        for width in [60, 100] {
            let context = PlanContext { verbosity, ..context(&sets) };
            let plain = text::plan(&full_plan(), &context, &Style { color: false, width });
            let coloured = text::plan(&full_plan(), &context, &Style { color: true, width });
            assert_ne!(plain, coloured);
            assert_eq!(plain, crate::render::layout::strip(&coloured));
        }
    }
}

#[test]
fn no_line_ends_with_a_space() {
    let shown = show(&full_plan());
    assert!(shown.lines().all(|line| !line.ends_with(' ')), "{shown}");
}
