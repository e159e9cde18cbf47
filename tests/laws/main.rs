//! The laws of the pipeline, held for generated organisations and generated keys files: the library is driven from
//! YAML to the report against the emulator, and what is really there is looked at with a client of its own.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    clippy::string_slice,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

mod case;
mod oracle;
#[path = "../rehearsal/mod.rs"]
mod rehearsal;

use std::collections::{BTreeMap, BTreeSet};
use std::sync::LazyLock;

use case::{Case, Writing, case};
use portkey_sync::emulator::{Options, RotationPolicyInRows, Seed, Switches};
use portkey_sync::plan::{
    Action, Blocked, BlockedReason, Plan, PlanOptions, Prune, Refusal, Request, hold_against,
};
use portkey_sync::report::{Report, Verdict};
use portkey_sync::saved_plan::{FilesMeaning, SavedOptions, SavedPlan};
use proptest::prelude::*;
use proptest::test_runner::{Config, TestCaseResult};
use rehearsal::{Rehearsal, read};
use serde_json::{Value, json};

static RUNTIME: LazyLock<tokio::runtime::Runtime> = LazyLock::new(|| {
    tokio::runtime::Builder::new_multi_thread().worker_threads(2).enable_all().build().unwrap()
});

fn cases(cases: u32) -> Config {
    // Failures are shrunk and shown; what they find becomes a test of its own, not a file of seeds.
    Config { cases, failure_persistence: None, max_shrink_iters: 100, ..Config::default() }
}

/// One apply and all that was seen around it.
struct Run {
    before: BTreeMap<String, Value>,
    plan: Plan,
    report: Report,
    requests: Vec<rehearsal::Request>,
    after: BTreeMap<String, Value>,
    next: Plan,
}

async fn start(seed: &Value, rows_carry_rotation_policy: bool) -> Rehearsal {
    // The reader of seeds takes a line separator for a line break, unless it is escaped.
    let seed = seed.to_string().replace('\u{2028}', "\\u2028");
    Rehearsal::with(Options {
        seed: Some(Seed::from_yaml_str(&seed).unwrap()),
        switches: rows_carry_rotation_policy.then_some(Switches {
            rotation_policy_in_rows: RotationPolicyInRows::Shown,
            ..Switches::default()
        }),
        ..Options::default()
    })
    .await
}

/// Deletions are the subject of a test of their own.
fn any_deletes(rehearsal: &Rehearsal) -> PlanOptions {
    PlanOptions { max_deletes: Some(usize::MAX), ..rehearsal.options() }
}

fn run(case: &Case) -> Run {
    RUNTIME.block_on(async {
        let rehearsal = start(&case.seed(), case.rows_carry_rotation_policy).await;
        let options = any_deletes(&rehearsal);
        let before = rehearsal.objects().await;
        let plan = rehearsal.plan_with(&case.file(case.writing), &options).await;
        rehearsal.requests().await;
        let report = rehearsal.apply(&plan).await;
        let requests = rehearsal.requests().await;
        let after = rehearsal.objects().await;
        let next = rehearsal.plan_with(&case.file(case.writing), &options).await;
        Run { before, plan, report, requests, after, next }
    })
}

fn addresses_and_reasons(blocked: &[Blocked]) -> Vec<(String, String)> {
    blocked.iter().map(|blocked| (blocked.address.to_string(), format!("{:?}", blocked.reason))).collect()
}

/// The ids of the live keys that a plan changes.
fn changed_ids(plan: &Plan) -> BTreeSet<String> {
    plan.changes.iter().filter_map(|change| Some(change.before.as_ref()?.id.to_string())).collect()
}

fn sorted<T: Ord>(items: impl IntoIterator<Item = T>) -> Vec<T> {
    let mut items: Vec<T> = items.into_iter().collect();
    items.sort();
    items
}

fn converges(case: &Case) -> TestCaseResult {
    let run = run(case);
    prop_assert!(run.plan.refusals.is_empty(), "{:#?}", run.plan.refusals);
    prop_assert!(run.report.succeeded(), "{:#?}", run.report);
    for change in &run.report.changes {
        prop_assert_eq!(&change.verdict, &Some(Verdict::Confirmed), "{}", change.address);
    }
    prop_assert!(run.next.changes.is_empty(), "{:#?}", run.next.changes);
    // What a person must settle is still theirs to settle, and nothing else became so.
    prop_assert_eq!(addresses_and_reasons(&run.next.blocked), addresses_and_reasons(&run.plan.blocked));
    Ok(())
}

fn holds_what_the_file_says(case: &Case) -> TestCaseResult {
    let run = run(case);
    let blocked: BTreeSet<String> = run.plan.blocked.iter().map(|entry| entry.address.name.clone()).collect();
    for (name, id, entry) in case.entries() {
        if blocked.contains(&name) {
            continue;
        }
        let created = run.report.changes.iter().find(|change| change.address.name == name);
        let id = id.or_else(|| created.and_then(|change| change.id.as_ref().map(ToString::to_string)));
        let object = id.as_ref().and_then(|id| run.after.get(id));
        if entry["absent"] == json!(true) {
            prop_assert!(object.is_none(), "{name} is still there");
        } else {
            let Some(object) = object else {
                return Err(TestCaseError::fail(format!("{name} is not there")));
            };
            oracle::assert_holds(&entry, object)?;
        }
    }
    Ok(())
}

fn leaves_others_alone(case: &Case) -> TestCaseResult {
    let run = run(case);
    let changed = changed_ids(&run.plan);
    for id in case.unmentioned() {
        prop_assert!(!changed.contains(&id), "{id} is in no file, and the plan changes it");
    }
    for (id, before) in run.before.iter().filter(|(id, _)| !changed.contains(*id)) {
        prop_assert_eq!(Some(before), run.after.get(id), "{}", id);
    }
    Ok(())
}

fn sends_only_what_differs(case: &Case) -> TestCaseResult {
    let run = run(case);
    for change in &run.plan.changes {
        let Request::Update { id, body } = &change.request else { continue };
        let (before, after) = (&run.before[id.as_str()], &run.after[id.as_str()]);
        prop_assert_eq!(
            oracle::fields_of(&json!(body)),
            oracle::difference(before, after),
            "{} sends {}\nbefore {}\nafter {}",
            change.address,
            json!(body),
            before,
            after
        );
    }
    Ok(())
}

fn writes_what_the_plan_lists(case: &Case) -> TestCaseResult {
    let run = run(case);
    let created: BTreeMap<String, String> = run
        .report
        .changes
        .iter()
        .filter(|change| change.action == Action::Create)
        .map(|change| (change.address.to_string(), change.id.as_ref().unwrap().to_string()))
        .collect();
    let mut expected = Vec::new();
    for change in &run.plan.changes {
        match &change.request {
            Request::Create { body, .. } => {
                let (kind, sub_kind) = body.kind.create_path();
                expected.push(("POST".to_owned(), format!("/v1/api-keys/{kind}/{sub_kind}")));
                let id = &created[&change.address.to_string()];
                expected.push(("PUT".to_owned(), format!("/v1/api-keys/{id}")));
            }
            Request::Rotate { id, first, .. } => {
                if !first.is_empty() {
                    expected.push(("PUT".to_owned(), format!("/v1/api-keys/{id}")));
                }
                expected.push(("POST".to_owned(), format!("/v1/api-keys/{id}/rotate")));
                expected.push(("PUT".to_owned(), format!("/v1/api-keys/{id}")));
            }
            Request::Update { id, .. } | Request::Deliver { id, .. } => {
                expected.push(("PUT".to_owned(), format!("/v1/api-keys/{id}")));
            }
            Request::Delete { id } => expected.push(("DELETE".to_owned(), format!("/v1/api-keys/{id}"))),
        }
    }
    let made = run.requests.iter().filter(|request| request.method != "GET");
    let made: Vec<_> = made.map(|request| (request.method.clone(), request.path.clone())).collect();
    let of = |method: &str| made.iter().filter(|(made, _)| made == method).count();
    let writes = run.plan.writes();
    prop_assert_eq!((of("POST"), of("PUT"), of("DELETE")), (writes.post, writes.put, writes.delete));
    prop_assert_eq!(writes.total(), run.report.writes());
    prop_assert_eq!(sorted(made), sorted(expected));
    prop_assert!(run.requests.iter().all(|request| request.status == 200), "{:#?}", run.requests);
    Ok(())
}

/// All of a plan but the places in the file and the dates of creation, which are about the order itself.
fn essence(plan: &Plan) -> Vec<String> {
    let changes = plan.changes.iter().map(|change| {
        format!(
            "{} {:?} {:?} {:?} {:?}",
            change.address, change.action, change.before, change.fields, change.request
        )
    });
    let blocked = plan.blocked.iter().map(|blocked| match &blocked.reason {
        BlockedReason::CreationUnfinished { .. } => format!("{} unfinished", blocked.address),
        reason => format!("{} {reason:?}", blocked.address),
    });
    let rest = format!(
        "{:?} {:?} {} {} {} {:?}",
        plan.unmentioned,
        plan.refusals,
        plan.declared,
        plan.in_sync,
        plan.live_total,
        plan.waiting.iter().map(|waiting| (waiting.address.to_string(), waiting.until)).collect::<Vec<_>>(),
    );
    changes.chain(blocked).chain([rest]).collect()
}

fn no_order_matters(case: &Case) -> TestCaseResult {
    let plans = [case.writing, Writing { shuffle: !case.writing.shuffle, ..case.writing }].map(|writing| {
        RUNTIME.block_on(async {
            let rehearsal =
                start(&case.seed_in_order(writing.shuffle), case.rows_carry_rotation_policy).await;
            let options = PlanOptions { secrets_file: Some("secrets".into()), ..any_deletes(&rehearsal) };
            rehearsal.plan_with(&case.file(writing), &options).await
        })
    });
    prop_assert_eq!(essence(&plans[0]), essence(&plans[1]));
    prop_assert_eq!(plans[0].digest(), plans[1].digest());
    Ok(())
}

/// A second later, planned by another process, the plan is the same one.
fn no_clock_matters(case: &Case) -> TestCaseResult {
    let file = case.file(case.writing);
    let desired = read(&file);
    let (now, later) = RUNTIME.block_on(async {
        let rehearsal = start(&case.seed(), case.rows_carry_rotation_policy).await;
        let options = PlanOptions { secrets_file: Some("secrets".into()), ..any_deletes(&rehearsal) };
        let mut live = rehearsal.live(&desired).await;
        let now = rehearsal.plan_of(&desired, &live, &options);
        live.now += std::time::Duration::from_secs(1);
        live.clock_skew_seconds += 100;
        (now, rehearsal.plan_of(&desired, &live, &options))
    });
    prop_assert_ne!(now.now, later.now);
    prop_assert_eq!(now.digest(), later.digest());
    Ok(())
}

/// A plan that is saved and made again is approved to the last change, and is read back as it was.
fn a_saved_plan_holds(case: &Case) -> TestCaseResult {
    let file = case.file(case.writing);
    let desired = read(&file);
    let (plan, mut again) = RUNTIME.block_on(async {
        let rehearsal = start(&case.seed(), case.rows_carry_rotation_policy).await;
        let options = PlanOptions { secrets_file: Some("secrets".into()), ..any_deletes(&rehearsal) };
        let plan = rehearsal.plan_with(&file, &options).await;
        rehearsal.advance("3m").await;
        let options = PlanOptions { as_of: Some(plan.now), ..options };
        (plan, rehearsal.plan_with(&file, &options).await)
    });
    let saved = SavedPlan::new(plan, SavedOptions::default(), FilesMeaning::of(&desired, Vec::new()));
    let read_back = SavedPlan::parse(&saved.to_json()).unwrap();
    prop_assert_eq!(read_back.plan.digest(), saved.plan.digest());
    prop_assert_eq!(essence(&read_back.plan), essence(&saved.plan));
    prop_assert_eq!(&read_back.files, &saved.files);
    let changes = again.changes.len();
    let moved = hold_against(&read_back.plan, &mut again, &[]);
    prop_assert!(!moved.is_unapproved(), "{:#?}", moved);
    prop_assert_eq!(moved.same, changes);
    prop_assert!(moved.gone.is_empty(), "{:#?}", moved.gone);
    Ok(())
}

fn deletes_only_what_it_may(case: &Case) -> TestCaseResult {
    let prune = if case.prune { Prune::Delete } else { Prune::List };
    let (plan, gone, requests) = RUNTIME.block_on(async {
        let rehearsal = start(&case.seed(), case.rows_carry_rotation_policy).await;
        let options = PlanOptions { prune, ..rehearsal.options() };
        let before = rehearsal.objects().await;
        let plan = rehearsal.plan_with(&case.file(case.writing), &options).await;
        rehearsal.requests().await;
        if plan.refusals.is_empty() {
            let report = rehearsal.apply(&plan).await;
            assert!(report.succeeded(), "{report:#?}");
        }
        let requests = rehearsal.requests().await;
        let after = rehearsal.objects().await;
        let gone: BTreeSet<String> = before.into_keys().filter(|id| !after.contains_key(id)).collect();
        (plan, gone, requests)
    });
    let planned: BTreeSet<String> = plan
        .changes
        .iter()
        .filter(|change| change.action == Action::Delete)
        .map(|change| change.before.as_ref().unwrap().id.to_string())
        .collect();
    let may = case.may_be_deleted(prune == Prune::Delete);
    // A delete that looks like half of a rename is not made until a person has said what it is.
    let in_doubt =
        plan.blocked.iter().any(|entry| matches!(entry.reason, BlockedReason::LooksLikeRename { .. }));
    if in_doubt {
        prop_assert!(planned.is_subset(&may), "{planned:?} {may:?}");
    } else {
        prop_assert_eq!(&planned, &may);
    }
    let too_many = planned.len() > (case.entries().len() / 10).clamp(3, 10);
    let refused = |found: fn(&Refusal) -> bool| plan.refusals.iter().any(found);
    prop_assert_eq!(refused(|refusal| matches!(refusal, Refusal::TooManyDeletes { .. })), too_many);
    prop_assert_eq!(
        refused(|refusal| matches!(refusal, Refusal::PruneWithoutOwner)),
        case.prune && !case.managed_by
    );
    prop_assert_eq!(
        refused(|refusal| matches!(refusal, Refusal::PruneWithBlocked { .. })),
        case.prune && !plan.blocked.is_empty()
    );
    if plan.refusals.is_empty() {
        prop_assert_eq!(gone, planned);
    } else {
        prop_assert!(gone.is_empty() && requests.is_empty(), "{gone:?} {requests:?}");
    }
    Ok(())
}

proptest! {
    #![proptest_config(cases(24))]

    #[test]
    fn a_plan_after_an_apply_is_empty(case in case()) {
        converges(&case)?;
    }

    #[test]
    fn after_an_apply_the_keys_are_what_the_file_says(case in case()) {
        holds_what_the_file_says(&case)?;
    }

    #[test]
    fn a_key_that_the_plan_does_not_change_is_the_same_to_the_byte_after_an_apply(case in case()) {
        leaves_others_alone(&case)?;
    }

    #[test]
    fn a_put_carries_the_fields_that_differ_and_no_others(case in case()) {
        sends_only_what_differs(&case)?;
    }

    #[test]
    fn apply_makes_exactly_the_writes_that_the_plan_lists(case in case()) {
        writes_what_the_plan_lists(&case)?;
    }

    #[test]
    fn a_plan_is_the_same_whatever_the_order_in_the_file_and_of_the_live_keys(case in case()) {
        no_order_matters(&case)?;
    }

    #[test]
    fn a_plan_is_the_same_a_second_later(case in case()) {
        no_clock_matters(&case)?;
    }

    #[test]
    fn a_saved_plan_is_read_back_as_it_was_and_approves_the_same_plan_made_again(case in case()) {
        a_saved_plan_holds(&case)?;
    }

    #[test]
    fn a_key_is_deleted_only_if_the_file_says_so_or_prune_finds_it_ours_and_unprotected(case in case()) {
        deletes_only_what_it_may(&case)?;
    }
}

/// The generators are worth what they reach.
#[test]
fn the_generated_cases_reach_every_action_and_most_reasons_to_stop() {
    use proptest::strategy::ValueTree;
    use proptest::test_runner::TestRunner;

    let mut runner = TestRunner::deterministic();
    let mut reached = BTreeSet::new();
    for _ in 0..80 {
        let case = case().new_tree(&mut runner).unwrap().current();
        let plan = RUNTIME.block_on(async {
            let rehearsal = start(&case.seed(), case.rows_carry_rotation_policy).await;
            rehearsal.plan_with(&case.file(case.writing), &any_deletes(&rehearsal)).await
        });
        read(&case.file(case.writing));
        for change in &plan.changes {
            reached.insert(format!("{:?}", change.action));
            reached.extend(change.fields.iter().map(|field| field.field().to_owned()));
            reached.extend(change.reason.iter().map(variant));
        }
        reached.extend(plan.blocked.iter().map(|blocked| variant(&blocked.reason)));
        if plan.in_sync > 0 {
            reached.insert("in sync".to_owned());
        }
    }
    for expected in [
        "Adopt",
        "Update",
        "ResetUsage",
        "Create",
        "Delete",
        "in sync",
        "name",
        "description",
        "scopes",
        "rate_limits",
        "usage_limits",
        "metadata",
        "config_id",
        "allow_config_override",
        "alert_emails",
        "expires_at",
        "rotation_policy",
        "DeclaredAbsent",
        "UsageResetDue",
        "RenamedOutside",
        "OtherOwner",
        "Rotation",
        "RunningKey",
        "Protected",
        "NoRoomForMark",
    ] {
        assert!(reached.contains(expected), "no case reached {expected}: {reached:?}");
    }
}

/// The name of an enum's variant.
fn variant(value: &impl std::fmt::Debug) -> String {
    format!("{value:?}").chars().take_while(|c| c.is_alphanumeric()).collect()
}
