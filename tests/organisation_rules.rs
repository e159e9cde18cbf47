//! What the reconciler does where the organisation has rules of its own: it says what came of each change, and repeats
//! nothing in silence.

#![expect(
    clippy::unwrap_used,
    clippy::panic,
    clippy::indexing_slicing,
    reason = "a test may fail loudly; clippy does not know the helpers of an integration test as tests"
)]

mod rehearsal;

use portkey_sync::plan::Plan;
use portkey_sync::report::{ChangeReport, Outcome, Verdict};
use rehearsal::Rehearsal;

async fn under(rules: &str, keys: &str) -> Rehearsal {
    Rehearsal::of(&format!(
        "organisation: {{name: Acme{rules}}}
clock: 2026-11-23T09:00:00Z
workspaces: [{{slug: ws-a-000001, name: A}}]
users: [{{email: ada@example.com}}]
keys:
  - {{name: root, type: workspace-service, workspace: ws-a-000001, scopes: [logs.view]}}
{keys}"
    ))
    .await
}

/// A keys file with one key, of a service unless these fields say otherwise.
fn file(fields: &str) -> String {
    format!(
        "{{version: 1, keys: [{{name: k, workspace_id: ws-a-000001, scopes: [completions.write]{fields}}}]}}"
    )
}

const OF_ADA: &str = ", type: workspace-user, user_id: ada@example.com";

/// Plans and applies; what became of the only change, and the plan after it.
async fn apply(rehearsal: &Rehearsal, file: &str) -> (ChangeReport, Plan) {
    let plan = rehearsal.plan_with(file, &rehearsal.options()).await;
    assert!(!plan.needs_a_person(), "{:#?} {:#?}", plan.blocked, plan.refusals);
    let mut report = rehearsal.apply(&plan).await;
    assert_eq!(report.changes.len(), 1, "{report:#?}");
    // Two updates in one second cannot be told apart.
    rehearsal.advance("5s").await;
    (report.changes.remove(0), rehearsal.plan_with(file, &rehearsal.options()).await)
}

fn fields(plan: &Plan) -> Vec<&'static str> {
    plan.changes
        .iter()
        .flat_map(|change| &change.fields)
        .map(portkey_sync::diff::FieldChange::field)
        .collect()
}

/// The change was refused for certain; what was said.
fn assert_refused(change: &ChangeReport, status: &str) -> String {
    let Outcome::Failed(failure) = &change.outcome else { panic!("{change:#?}") };
    let said = format!("{failure:?}");
    assert!(said.contains(status), "{said}");
    said
}

#[tokio::test]
async fn metadata_that_the_service_adds_is_no_drift_unless_the_file_wants_it_gone() {
    let schema = ", metadata_schema: {properties: {env: {type: string, default: dev}}}";
    let rehearsal = under(schema, "").await;
    let (change, after) = apply(&rehearsal, &file(", metadata: {team: a}")).await;
    assert_eq!(change.verdict, Some(Verdict::Confirmed), "{change:#?}");
    assert!(after.changes.is_empty(), "entries that the file does not name are not its business");
    let (change, after) = apply(&rehearsal, &file(", metadata: {team: a, env: null}")).await;
    assert_eq!(change.verdict, Some(Verdict::Overridden { fields: vec!["metadata"] }));
    assert_eq!(fields(&after), ["metadata"], "the next plan does not hide it");
}

#[tokio::test]
async fn a_key_whose_metadata_does_not_fit_the_schema_cannot_be_updated() {
    let schema = ", metadata_schema: {required: [team]}";
    let key = "  - {name: k, type: workspace-service, workspace: ws-a-000001, scopes: [logs.view]}\n";
    let rehearsal = under(schema, key).await;
    let (change, after) = apply(&rehearsal, &file("")).await;
    assert_refused(&change, "400");
    assert_eq!(fields(&after), ["scopes"]);
    let (change, after) = apply(&rehearsal, &file(", metadata: {team: a}")).await;
    assert_eq!(change.verdict, Some(Verdict::Confirmed));
    assert!(after.changes.is_empty());
}

#[tokio::test]
async fn an_assigned_rotation_is_no_drift_where_the_file_says_nothing_about_it() {
    let rehearsal = under(", settings: {user_api_key_rotation_period: 30}", "").await;
    let (change, after) = apply(&rehearsal, &file(OF_ADA)).await;
    assert_eq!(change.verdict, Some(Verdict::Confirmed), "{change:#?}");
    assert!(after.changes.is_empty());
}

#[tokio::test]
async fn another_rotation_than_the_enforced_one_is_refused() {
    let rehearsal = under(", settings: {user_api_key_rotation_period: 30}", "").await;
    let policy = ", rotation_policy: {rotation_period_days: 90}";
    let (change, after) = apply(&rehearsal, &file(&format!("{OF_ADA}{policy}"))).await;
    assert_refused(&change, "400");
    assert_eq!(after.changes.len(), 1, "the key was not created");
}

#[tokio::test]
async fn a_rotation_that_the_file_wants_gone_and_the_organisation_wants_is_overridden() {
    let policy = "rotation_policy: {rotation_period_days: 30}";
    let key = format!(
        "  - {{name: k, type: workspace-user, workspace: ws-a-000001, user: ada@example.com, \
         scopes: [completions.write], {policy}}}\n"
    );
    let rehearsal = under(", settings: {user_api_key_rotation_period: 30}", &key).await;
    let (change, after) = apply(&rehearsal, &file(&format!("{OF_ADA}, rotation_policy: null"))).await;
    assert_eq!(change.verdict, Some(Verdict::Overridden { fields: vec!["rotation_policy"] }));
    assert_eq!(fields(&after), ["rotation_policy"]);
}

#[tokio::test]
async fn a_life_that_is_too_long_is_refused() {
    let rehearsal = under(", settings: {user_api_key_max_ttl: 90}", "").await;
    let (change, _) = apply(&rehearsal, &file(&format!("{OF_ADA}, expires_at: 2030-01-01T00:00:00Z"))).await;
    assert_refused(&change, "400");
    // A date that the service adds is no drift where the file says nothing.
    let (change, after) = apply(&rehearsal, &file(OF_ADA)).await;
    assert_eq!(change.verdict, Some(Verdict::Confirmed), "{change:#?}");
    assert!(after.changes.is_empty());
}

#[tokio::test]
async fn one_key_too_many_is_refused() {
    let key = "  - {name: other, type: workspace-user, workspace: ws-a-000001, user: ada@example.com, scopes: []}\n";
    let rehearsal = under(", settings: {user_api_key_count: 1}", key).await;
    let (change, after) = apply(&rehearsal, &file(OF_ADA)).await;
    assert_refused(&change, "400");
    assert_eq!(after.changes.len(), 1);
}

#[tokio::test]
async fn limits_that_the_plan_does_not_have_are_refused_with_what_403_can_mean() {
    let rehearsal = under(", plan_lacks: [limits]", "").await;
    let (change, _) = apply(&rehearsal, &file(", usage_limits: {credit_limit: 5}")).await;
    let said = assert_refused(&change, "403");
    assert!(said.contains("plan"), "{said}");
}

#[tokio::test]
async fn a_withheld_scope_is_a_refusal_that_harms_nothing_else() {
    let key = "  - {name: k, type: workspace-service, workspace: ws-a-000001, scopes: [logs.view]}\n";
    let rehearsal = under(", withheld_scopes: [workspace_service_api_keys.update]", key).await;
    let (change, after) = apply(&rehearsal, &file("")).await;
    let said = assert_refused(&change, "403");
    assert!(said.contains("security settings"), "{said}");
    assert_eq!(fields(&after), ["scopes"]);
}
