//! What is not known of the live service is a switch of the emulator: the reconciler lives with every setting of each.
//!
//! One fixed organisation, one keys file that sets, changes and clears every field: plan, apply, plan.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

mod rehearsal;

use std::collections::{BTreeMap, BTreeSet};

use portkey_sync::api::{Effect, WriteApi};
use portkey_sync::emulator::{Options, Seed, Switch, Switches};
use portkey_sync::live::{Names, refresh};
use portkey_sync::plan::{Action, Plan, PlanOptions};
use portkey_sync::report::{Outcome, Repair, Report, Verdict};
use rehearsal::{Rehearsal, Request};
use serde_json::json;

/// Everything that a key can have.
const FULL: &str = "
     description: Text,
     rate_limits: [{type: requests, unit: rpm, value: 100}, {type: tokens, unit: rpd, value: 5000}],
     usage_limits: {type: cost, credit_limit: 500, alert_threshold: 400, periodic_reset: monthly},
     metadata: {team: a, stage: prod}, config_id: pc-one, allow_config_override: false,
     alert_emails: [a@example.com, b@example.com], expires_at: 2027-06-30T00:00:00Z,
     rotation_policy: {rotation_period: monthly, key_transition_period_ms: 3600000}";

/// Every field with nothing in it.
const NOTHING: &str = "
     description: null, rate_limits: null, usage_limits: null, metadata: null, config_id: null,
     allow_config_override: null, alert_emails: null, expires_at: null, rotation_policy: null";

/// Every field with something else in it, or less.
const OTHER: &str = "
     description: Other text,
     rate_limits: [{type: requests, unit: rpm, value: 200}],
     usage_limits: {credit_limit: 600, periodic_reset_days: 30},
     metadata: {team: b, stage: null}, config_id: pc-two, allow_config_override: true,
     alert_emails: [c@example.com], expires_at: 2028-06-30T00:00:00Z,
     rotation_policy: {rotation_period_days: 90}";

/// A workspace-service key of this name, as the seed writes it or as the file does.
fn key(place: &str, name: &str, fields: &str) -> String {
    let comma = if fields.is_empty() { "" } else { "," };
    format!("  - {{name: {name}, {place}, scopes: [completions.write]{comma}{fields}}}\n")
}

fn seed() -> String {
    let key = |name, fields| key("type: workspace-service, workspace: ws-a-000001", name, fields);
    let mut seed = "
organisation: {name: Acme}
clock: 2026-11-23T09:00:00Z
workspaces: [{slug: ws-a-000001, name: A}]
users: [{email: ada@example.com}]
configs: [{slug: pc-one, workspace: ws-a-000001}, {slug: pc-two, workspace: ws-a-000001}]
keys:
"
    .to_owned();
    seed += &key("cleared", FULL);
    seed += &key("changed", FULL);
    seed += &key("same", FULL);
    seed += &key("filled", "");
    seed += &key("bare", "");
    seed += &key("unnamed", FULL);
    // Unlike what is created, or it could have been renamed.
    seed += &key("doomed", "description: Doomed");
    seed += &key("former", "");
    seed += &key("lapsed", "status: expired, expires_at: 2026-11-01T00:00:00Z");
    seed += "  - {name: owned, type: workspace-user, workspace: ws-a-000001, user: ada@example.com,
     scopes: [completions.write], description: Text, metadata: {team: a}}\n";
    seed
}

/// The same with an owner, who adopts what is there, and without.
fn file(owned: bool) -> String {
    let key = |name, fields| key("workspace_id: ws-a-000001", name, fields);
    let mut file = format!("version: 1\n{}keys:\n", if owned { "managed_by: platform\n" } else { "" });
    file += &key("cleared", NOTHING);
    file += &key("changed", OTHER);
    file += &key("same", FULL);
    file += &key("filled", FULL);
    file += &key("bare", NOTHING);
    file += "  - {name: doomed, workspace_id: ws-a-000001, absent: true}\n";
    file += &key("latter", "renamed_from: former");
    file += &key("lapsed", "expires_at: 2028-01-01T00:00:00Z");
    file += "  - {name: owned, type: workspace-user, workspace_id: ws-a-000001, user_id: ada@example.com,
     scopes: [completions.write, prompts.render], description: Text, metadata: {team: b}}\n";
    file += &key("new-full", FULL);
    file += &key("new-bare", NOTHING);
    file
}

/// The fields that the service keeps under a setting, by key; all else comes to be as the file says.
fn kept(name: &str, setting: &str, owned: bool) -> BTreeMap<&'static str, Vec<&'static str>> {
    let (key, field) = match (name, setting) {
        // The client sends `""`; where only null clears, it could do better, if that were known. With an owner
        // there is a mark, and what is sent is never empty.
        ("description-clearing", "by-null" | "neither") if !owned => ("cleared", "description"),
        // The client sends `{}`; where only null clears, it could do better, if that were known.
        ("metadata-clearing", "by-null" | "neither") => ("cleared", "metadata"),
        // The client sends the map without the entry; where maps are merged, it could do better with a null.
        ("metadata-in-put", "merges") => ("changed", "metadata"),
        ("expiry-clearing", "never") => ("cleared", "expires_at"),
        _ => return BTreeMap::new(),
    };
    BTreeMap::from([(key, vec![field])])
}

async fn switched(name: &str, setting: &str, seed: &str) -> Rehearsal {
    Rehearsal::with(Options {
        seed: Some(Seed::from_yaml_str(seed).unwrap()),
        switches: Some(serde_json::from_value::<Switches>(json!({name: setting})).unwrap()),
        ..Options::default()
    })
    .await
}

/// The fields that a plan changes, by key. A text and its mark are one field.
fn fields(plan: &Plan) -> BTreeMap<&str, Vec<&'static str>> {
    let of = |change: &portkey_sync::plan::Change| {
        change.fields.iter().map(portkey_sync::diff::FieldChange::field).collect()
    };
    plan.changes.iter().map(|change| (change.address.name.as_str(), of(change))).collect()
}

fn assert_verdicts(report: &Report, kept: &BTreeMap<&str, Vec<&'static str>>, about: &str) {
    assert!(report.verification_error.is_none(), "{about}: {report:#?}");
    for change in &report.changes {
        let name = change.address.name.as_str();
        assert!(matches!(change.outcome, Outcome::Done), "{about}: {change:#?}");
        assert!(change.repairs.is_empty(), "{about}: {change:#?}");
        let expect = match kept.get(name) {
            Some(fields) => Verdict::Overridden { fields: fields.clone() },
            None => Verdict::Confirmed,
        };
        assert_eq!(change.verdict, Some(expect), "{about}: {name}");
    }
}

/// No write is there twice, and none is refused.
fn assert_sent_once(requests: &[Request], plan: &Plan, about: &str) {
    assert!(requests.iter().all(|request| request.status == 200), "{about}: {requests:#?}");
    let writes = || requests.iter().filter(|request| request.method != "GET");
    assert_eq!(writes().count(), plan.writes().total(), "{about}: {requests:#?}");
    // Creates of different keys have one path.
    let of_keys = || writes().filter(|request| request.method != "POST");
    assert_eq!(of_keys().collect::<BTreeSet<_>>().len(), of_keys().count(), "{about}: {requests:#?}");
}

async fn lives_with(name: &str, setting: &str, owned: bool) {
    let about = format!("{name}: {setting}, {}", if owned { "with an owner" } else { "without an owner" });
    let rehearsal = switched(name, setting, &seed()).await;
    let (file, options) = (file(owned), rehearsal.options());
    let kept = kept(name, setting, owned);

    let first = rehearsal.plan_with(&file, &options).await;
    assert!(!first.needs_a_person(), "{about}: {:#?} {:#?}", first.blocked, first.refusals);
    let planned = fields(&first);
    let untouched = ["same", "bare"].iter().filter(|name| planned.contains_key(**name)).count();
    assert_eq!(untouched, if owned { 2 } else { 0 }, "{about}: {planned:#?}");
    assert_eq!(first.count(Action::Adopt), if owned { 2 } else { 0 }, "{about}: {planned:#?}");
    assert_eq!((first.count(Action::Create), first.count(Action::Delete)), (2, 1), "{about}");
    assert!(planned["cleared"].len() >= 9 && planned["changed"].len() >= 9, "{about}: {planned:#?}");

    rehearsal.requests().await;
    let report = rehearsal.apply(&first).await;
    assert_sent_once(&rehearsal.requests().await, &first, &about);
    assert_verdicts(&report, &kept, &about);
    assert_eq!(report.succeeded(), kept.is_empty(), "{about}");

    let second = rehearsal.plan_with(&file, &options).await;
    assert!(!second.needs_a_person(), "{about}");
    assert_eq!(fields(&second), kept, "{about}: {:#?}", second.changes);

    // The program says the same with its exit code, and asks once more only for what was kept.
    std::fs::write(rehearsal.folder.path().join("keys.yaml"), &file).unwrap();
    rehearsal.requests().await;
    // Two updates in one second cannot be told apart.
    rehearsal.advance("5s").await;
    let output = rehearsal.program(&["apply", "--yes", "--secrets-file", "secrets"]);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    assert_eq!(output.status.code(), Some(if kept.is_empty() { 0 } else { 3 }), "{about}: {said}");
    assert_eq!(said.contains("overridden by the server"), !kept.is_empty(), "{about}: {said}");
    assert_sent_once(&rehearsal.requests().await, &second, &about);
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn every_setting_of_every_switch_converges_or_is_told_as_overridden() {
    for Switch { name, settings, .. } in Switches::TABLE {
        for setting in *settings {
            for owned in [false, true] {
                lives_with(name, setting, owned).await;
            }
        }
    }
}

fn settings_of(name: &str) -> &'static [&'static str] {
    Switches::TABLE.iter().find(|switch| switch.name == name).unwrap().settings
}

const NEW: &str = "{version: 1, keys: [{name: new, workspace_id: ws-a-000001, scopes: [completions.write]}]}";

/// A create whose answer is lost is settled by a rotation, under whichever scope that needs.
#[tokio::test]
async fn a_lost_create_is_recovered_whatever_scope_rotating_needs() {
    for setting in settings_of("rotation-scope") {
        let rehearsal = switched("rotation-scope", setting, &seed()).await;
        rehearsal
            .fault(json!({"method": "POST", "path_contains": "/api-keys/", "then": {"drop_after": true}}))
            .await;
        let options = rehearsal.options();
        let plan = rehearsal.plan_with(NEW, &options).await;
        let report = rehearsal.apply(&plan).await;
        assert!(report.succeeded(), "{setting}: {report:#?}");
        assert_eq!(report.changes[0].repairs.last(), Some(&Repair::RotatedToRecover), "{setting}");
        assert!(rehearsal.plan_with(NEW, &options).await.changes.is_empty(), "{setting}");
    }
}

/// Either code of the refusal says that nothing was done, and it is not tried again.
#[tokio::test]
async fn a_rotation_in_transition_is_refused_for_certain() {
    for setting in settings_of("rotation-in-transition") {
        let rehearsal = switched("rotation-in-transition", setting, &seed()).await;
        let live = refresh(&rehearsal.reader, &Names::default()).await.unwrap();
        let id = live.keys.values().find(|key| key.name == "bare").unwrap().id.clone();
        rehearsal.writer.rotate_key(&id, None).await.unwrap();
        rehearsal.requests().await;
        let error = rehearsal.writer.rotate_key(&id, None).await.unwrap_err();
        assert_eq!(error.effect(), Effect::None, "{setting}: {error}");
        assert_eq!(rehearsal.requests().await.len(), 1, "{setting}");
    }
}

/// A running key that may not list user keys takes none of them for absent.
#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn without_a_list_scope_nothing_is_created_blindly() {
    let group = "workspace_service_api_keys";
    let admin = ["create", "read", "list", "update"].map(|action| format!("{group}.{action}")).join(", ");
    let seed = seed()
        + &format!(
            "  - {{name: ci, type: organisation-service, admin: true, scopes: [workspaces.list, \
             organisation_users.list, organisation_service_api_keys.list, workspace_user_api_keys.create, {admin}]}}\n"
        );
    let file = "{version: 1, keys: [{name: new, type: workspace-user, workspace_id: ws-a-000001, \
                user_id: ada@example.com, scopes: [completions.write]}]}";
    for setting in settings_of("missing-list-scope") {
        let rehearsal = switched("missing-list-scope", setting, &seed).await;
        if *setting == "hides-rows" {
            let plan = rehearsal.plan_with(file, &rehearsal.options()).await;
            assert_eq!((plan.changes.len(), plan.blocked.len()), (0, 1), "{setting}: {:#?}", plan.blocked);
        } else {
            let error = refresh(&rehearsal.reader, &Names::default()).await.unwrap_err();
            assert_eq!(error.call().status(), Some(403), "{setting}");
        }
        std::fs::write(rehearsal.folder.path().join("keys.yaml"), file).unwrap();
        let output = rehearsal.program(&["apply", "--yes", "--secrets-file", "secrets"]);
        assert_ne!(output.status.code(), Some(0), "{setting}");
        assert!(rehearsal.requests().await.iter().all(|request| request.method == "GET"), "{setting}");
    }
}

/// Somebody deletes a key between plan and apply: nothing else is harmed, and the next plan is empty.
#[tokio::test]
async fn a_key_that_somebody_else_deleted_stays_deleted() {
    let file = "{version: 1, keys: [{name: doomed, workspace_id: ws-a-000001, absent: true}]}";
    for setting in settings_of("deleted-key") {
        let rehearsal = switched("deleted-key", setting, &seed()).await;
        let plan = rehearsal.plan_with(file, &PlanOptions::default()).await;
        assert_eq!(plan.count(Action::Delete), 1, "{setting}");
        rehearsal.fault(json!({"method": "GET", "then": {"edit": {"key": "doomed"}}})).await;
        rehearsal.requests().await;
        let report = rehearsal.apply(&plan).await;
        assert!(rehearsal.requests().await.iter().all(|request| request.method == "GET"), "{setting}");
        if *setting == "not-found" {
            assert!(report.succeeded(), "{setting}: {report:#?}");
        } else {
            // 403 can as well mean a missing scope, so this run does not take the key for deleted.
            assert!(matches!(report.changes[0].outcome, Outcome::Failed(_)), "{setting}: {report:#?}");
        }
        assert!(rehearsal.plan(file).await.changes.is_empty(), "{setting}");
    }
}
