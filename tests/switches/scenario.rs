//! One fixed organisation, one keys file that sets, changes and clears every field: plan, apply, plan.

use std::collections::{BTreeMap, BTreeSet};

use portkey_sync::plan::{Action, Plan};
use portkey_sync::report::{Outcome, Report, Verdict};

use crate::rehearsal::Request;
use crate::settings::Settings;

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

pub(crate) fn seed() -> String {
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
    seed += &key("dated", "rotation_policy: {rotation_period: weekly}");
    seed += &key("periodic", "rotation_policy: {next_rotation_at: 2027-02-02T00:00:00Z}");
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
    file += &key("dated", "rotation_policy: {next_rotation_at: 2027-03-03T15:30:00Z}");
    file += &key("periodic", "rotation_policy: {rotation_period: weekly}");
    file += &key("lapsed", "expires_at: 2028-01-01T00:00:00Z");
    file += "  - {name: owned, type: workspace-user, workspace_id: ws-a-000001, user_id: ada@example.com,
     scopes: [completions.write, prompts.render], description: Text, metadata: {team: b}}\n";
    file += "  - {name: new-owned, type: workspace-user, workspace_id: ws-a-000001, user_id: ada@example.com,
     scopes: [completions.write]}\n";
    file += &key("new-full", FULL);
    file += &key("new-bare", NOTHING);
    file
}

/// The fields that the service keeps, by key; all else comes to be as the file says.
fn kept(settings: &Settings, owned: bool) -> BTreeMap<&'static str, BTreeSet<&'static str>> {
    let mut kept = BTreeMap::<_, BTreeSet<_>>::new();
    for (name, setting) in settings.iter() {
        let (key, field) = match (name, setting) {
            // The client sends `""`; where only null clears, it could do better, if that were known. With an owner
            // there is a mark, and what is sent is never empty.
            ("description-clearing", "by-null" | "neither") if !owned => ("cleared", "description"),
            // The client sends `{}`; where only null clears, it could do better, if that were known.
            ("metadata-clearing", "by-null" | "neither") => ("cleared", "metadata"),
            // The client sends the map without the entry; where maps are merged, it could do better with a null.
            ("metadata-in-put", "merges") => ("changed", "metadata"),
            ("expiry-clearing", "never") => ("cleared", "expires_at"),
            _ => continue,
        };
        kept.entry(key).or_default().insert(field);
    }
    kept
}

/// The fields that a plan changes, by key. A text and its mark are one field.
fn fields(plan: &Plan) -> BTreeMap<&str, BTreeSet<&'static str>> {
    let of = |change: &portkey_sync::plan::Change| {
        change.fields.iter().map(portkey_sync::diff::FieldChange::field).collect()
    };
    plan.changes.iter().map(|change| (change.address.name.as_str(), of(change))).collect()
}

fn assert_verdicts(report: &Report, kept: &BTreeMap<&str, BTreeSet<&'static str>>, about: &str) {
    assert!(report.verification_error.is_none(), "{about}: {report:#?}");
    for change in &report.changes {
        let name = change.address.name.as_str();
        assert!(matches!(change.outcome, Outcome::Done), "{about}: {change:#?}");
        assert!(change.repairs.is_empty(), "{about}: {change:#?}");
        match (&change.verdict, kept.get(name)) {
            (Some(Verdict::Confirmed), None) => {}
            (Some(Verdict::Overridden { fields }), Some(kept)) => {
                assert_eq!(&fields.iter().copied().collect::<BTreeSet<_>>(), kept, "{about}: {name}");
            }
            (verdict, kept) => panic!("{about}: {name}: {verdict:?} where {kept:?} is kept"),
        }
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

/// Everything comes to be as the file says, but for what the service keeps, and that is said.
pub(crate) async fn lives_with(settings: &Settings, owned: bool) {
    let about = format!("{settings}, {} an owner", if owned { "with" } else { "without" });
    let rehearsal = settings.rehearsal(&seed()).await;
    let (file, options) = (file(owned), rehearsal.options());
    let kept = kept(settings, owned);

    let first = rehearsal.plan_with(&file, &options).await;
    assert!(!first.needs_a_person(), "{about}: {:#?} {:#?}", first.blocked, first.refusals);
    let planned = fields(&first);
    let untouched = ["same", "bare"].iter().filter(|name| planned.contains_key(**name)).count();
    assert_eq!(untouched, if owned { 2 } else { 0 }, "{about}: {planned:#?}");
    assert_eq!(first.count(Action::Adopt), if owned { 2 } else { 0 }, "{about}: {planned:#?}");
    assert_eq!((first.count(Action::Create), first.count(Action::Delete)), (3, 1), "{about}");
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
    let output = rehearsal.program(&["apply", "--yes", "--secrets-file", "secrets", "--verify-for", "0s"]);
    let said =
        String::from_utf8_lossy(&output.stdout).into_owned() + &String::from_utf8_lossy(&output.stderr);
    // A write that makes no difference can be told from one that is not visible yet by its date alone.
    let is_told = kept.is_empty()
        || !settings.iter().any(|setting| setting.0 == "last-updated-at" && setting.1 != "moves");
    assert_eq!(
        output.status.code(),
        Some(if kept.is_empty() || !is_told { 0 } else { 3 }),
        "{about}: {said}"
    );
    assert_eq!(said.contains("overridden by the server"), !kept.is_empty() && is_told, "{about}: {said}");
    assert_eq!(said.contains("does not show yet"), !is_told, "{about}: {said}");
    assert_sent_once(&rehearsal.requests().await, &second, &about);
}
