//! What a plan tells besides its changes: what is coming up, another moment, and the scopes of the running key.

use serde_json::json;

use super::tests::{NOW, case, one, row};
use super::*;
use crate::desired::parse_str;

const SEVERAL: &str = "keys:
- {name: soon, workspace_id: w, scopes: [completions.write], expires_at: 2026-12-01}
- {name: late, workspace_id: w, scopes: [completions.write], expires_at: 2026-12-24}
- {name: live, workspace_id: w, scopes: [completions.write]}
- {name: gone, workspace_id: w, absent: true}
- {name: turn, workspace_id: w, scopes: [completions.write], secret: {rotate_after: 2026-11-30, deliver_to: []}}
- {name: rest, workspace_id: w, scopes: [completions.write], usage_reset_after: 2026-11-25}
";

fn several() -> Vec<serde_json::Value> {
    vec![
        row("soon", json!({"expires_at": "2026-12-01T00:00:00Z"})),
        row("late", json!({"expires_at": "2026-12-24T00:00:00Z"})),
        row("live", json!({"expires_at": "2026-11-23T00:00:00Z"})),
        row("gone", json!({"expires_at": "2026-11-23T00:00:00Z"})),
        row("free", json!({"expires_at": "2026-11-23T00:00:00Z"})),
        row(
            "turn",
            json!({"rotation_policy": {"rotation_period": "monthly", "next_rotation_at": "2026-12-01T00:00:00Z"}}),
        ),
        row("rest", json!({})),
    ]
}

fn told(plan: &Plan) -> Vec<String> {
    plan.coming_up
        .iter()
        .map(|coming| format!("{} {:?} {}", coming.address, coming.what, coming.at))
        .collect()
}

fn days(count: i64) -> SignedDuration {
    SignedDuration::from_hours(24 * count)
}

#[test]
fn what_happens_to_keys_of_the_files_within_some_days_is_told_the_first_thing_first() {
    let plan = case(SEVERAL, several()).with(|options| options.coming_up = days(14)).plan();
    assert_eq!(
        told(&plan),
        [
            "w/live Expires 2026-11-23T00:00:00Z",
            "w/rest UsageReset 2026-11-25T00:00:00Z",
            "w/turn RotationDue 2026-11-30T00:00:00Z",
            "w/soon Expires 2026-12-01T00:00:00Z",
            "w/turn ScheduledRotation 2026-12-01T00:00:00Z",
        ]
    );
    let all = case(SEVERAL, several()).with(|options| options.coming_up = days(40)).plan();
    assert!(told(&all).contains(&"w/late Expires 2026-12-24T00:00:00Z".to_owned()));
    assert_eq!(plan.digest(), all.digest());
    assert!(case(SEVERAL, several()).plan().coming_up.is_empty());
}

#[test]
fn an_expiry_that_the_plan_moves_is_told_as_it_will_be() {
    let live = json!({"expires_at": "2026-11-23T00:00:00Z"});
    for (yaml, expected) in [
        (one("expires_at: 2026-11-30"), vec!["w/a Expires 2026-11-30T00:00:00Z"]),
        (one("expires_at: null"), vec![]),
        (one("description: x"), vec!["w/a Expires 2026-11-23T00:00:00Z"]),
    ] {
        let plan =
            case(&yaml, vec![row("a", live.clone())]).with(|options| options.coming_up = days(14)).plan();
        assert_eq!(told(&plan), expected, "{yaml}");
    }
}

#[test]
fn the_window_is_open_at_now_and_closed_at_its_end() {
    let at = |time: &str| {
        let rows = vec![row("a", json!({"expires_at": time}))];
        told(&case(&one("description: x"), rows).with(|options| options.coming_up = days(1)).plan()).len()
    };
    assert_eq!(at(NOW), 0);
    assert_eq!(at("2026-11-22T10:00:01Z"), 1);
    assert_eq!(at("2026-11-23T10:00:00Z"), 1);
    assert_eq!(at("2026-11-23T10:00:01Z"), 0);
}

#[test]
fn the_age_of_a_delivered_secret_and_the_end_of_the_one_before_come_up() {
    let marked = json!({
        "description": "x [portkey-sync id=aged-000 secret=ab.xyz@20260901T000000Z+90d to=000000]",
        "name": "aged",
    });
    let yaml =
        "keys:\n- {name: aged, workspace_id: w, scopes: [completions.write], secret: {max_age: 90d}}\n";
    let plan = case(yaml, vec![row("aged", marked)]).with(|options| options.coming_up = days(14)).plan();
    let rotations: Vec<_> =
        plan.coming_up.iter().map(|coming| (coming.what, coming.at.to_string())).collect();
    assert!(rotations.contains(&(Event::RotationDue, "2026-11-30T00:00:00Z".to_owned())), "{rotations:?}");
}

#[test]
fn another_moment_has_another_plan_and_is_known_as_one() {
    let yaml = one("usage_reset_after: 2026-12-01");
    let now = case(&yaml, vec![row("a", json!({}))]).plan();
    assert!(now.changes.is_empty() && !now.is_hypothetical());
    let then = case(&yaml, vec![row("a", json!({}))]).plan_at("2026-12-02T00:00:00Z");
    assert_eq!(then.count(Action::ResetUsage), 1);
    assert!(then.is_hypothetical());
    assert!(case(&yaml, vec![row("a", json!({}))]).plan_at("2020-01-01T00:00:00Z").is_hypothetical());
}

fn missing(refusals: &[Refusal]) -> Vec<(&str, usize)> {
    let found = refusals.iter().find_map(|refusal| match refusal {
        Refusal::MissingScopes { missing, .. } => Some(missing),
        _ => None,
    });
    found.into_iter().flatten().map(|missing| (missing.scope.as_str(), missing.keys.len())).collect()
}

#[test]
fn an_apply_without_a_scope_is_refused_and_a_plan_is_not() {
    let yaml = "keys:\n- {name: a, workspace_id: w, scopes: [completions.write], description: x}\n- {name: b, workspace_id: w, absent: true}\n";
    let rows = || vec![row("a", json!({})), row("b", json!({}))];
    let apply = case(yaml, rows()).with(|options| options.intent = Intent::Apply).plan();
    assert_eq!(
        missing(&apply.refusals),
        [
            ("workspace_service_api_keys.delete", 1),
            ("workspace_service_api_keys.read", 1),
            ("workspace_service_api_keys.update", 1),
        ]
    );
    let look = case(yaml, rows()).plan();
    assert!(look.refusals.is_empty());
    assert!(
        look.notes
            .iter()
            .any(|note| matches!(note, Note::MissingScopes { missing, .. } if missing.len() == 3))
    );
    assert_eq!(apply.digest(), look.digest());
    let nothing = case("keys: []\n", rows()).with(|options| options.intent = Intent::Apply).plan();
    assert!(nothing.refusals.is_empty());
}

/// The plan of one change, with a running key that also holds these scopes.
fn with_scopes(yaml: &str, scopes: &[&str], intent: Intent) -> Plan {
    let mut held = vec!["organisation_service_api_keys.list", "workspace_service_api_keys.list"];
    held.extend(scopes);
    let rows = vec![row(
        "a",
        json!({"key": "ru*****ner", "scopes": held, "type": "organisation-service", "workspace_id": null, "name": "me"}),
    )];
    // The usual runner is another key then.
    let mut case = case(yaml, rows);
    case.rows.retain(|row| row["name"] != "runner");
    case.rows.push(row("b", json!({})));
    case.with(|options| {
        options.intent = intent;
        options.asked = Some(Asked::Rotate { transition: None });
        options.secrets_file = Some(PathBuf::from("secrets"));
    })
    .plan()
}

#[test]
fn a_rotation_needs_update_and_is_doubtful_without_rotate() {
    let yaml = "keys:\n- {name: b, workspace_id: w, scopes: [completions.write]}\n";
    let read = "workspace_service_api_keys.read";
    let update = "workspace_service_api_keys.update";
    let rotate = "workspace_service_api_keys.rotate";
    assert_eq!(missing(&with_scopes(yaml, &[read], Intent::Apply).refusals), [(rotate, 1), (update, 1)]);
    assert_eq!(missing(&with_scopes(yaml, &[read, rotate], Intent::Apply).refusals), [(update, 1)]);
    let doubtful = with_scopes(yaml, &[read, update], Intent::Apply);
    assert!(doubtful.refusals.is_empty());
    assert!(doubtful.notes.iter().any(|note| matches!(note, Note::RotateScopeDoubtful { .. })));
    let whole = with_scopes(yaml, &[read, update, rotate], Intent::Apply);
    assert!(whole.refusals.is_empty() && whole.notes.is_empty(), "{:?}", whole.notes);
}

#[test]
fn a_pipeline_is_told_that_its_key_could_write_and_a_person_is_not() {
    let yaml = "keys: []\n";
    let update = "workspace_service_api_keys.update";
    let tells = |scopes: &[&str], intent| {
        with_scopes(yaml, scopes, intent).notes.iter().any(|note| matches!(note, Note::KeyCanWrite { .. }))
    };
    assert!(tells(&[update], Intent::LookInPipeline));
    assert!(!tells(&[update], Intent::Look));
    assert!(!tells(&[update], Intent::Apply));
    assert!(!tells(&["workspaces.list"], Intent::LookInPipeline));
}

fn least_of(yaml: &str) -> LeastScopes {
    least(&parse_str("keys.yaml", &format!("version: 1\n{yaml}")).desired.unwrap())
}

#[test]
fn files_without_keys_need_no_more_than_to_list_all_keys() {
    let found = least_of("keys: []\n");
    assert_eq!(
        found.plan.keys().collect::<Vec<_>>(),
        [
            "organisation_service_api_keys.list",
            "workspace_service_api_keys.list",
            "workspace_user_api_keys.list"
        ]
    );
    assert!(found.apply.is_empty() && found.recover.is_empty());
}

#[test]
fn the_least_scopes_are_those_of_the_kinds_and_names_that_the_files_use() {
    let found = least_of(
        "keys:
- {name: a, workspace_id: ws-slug, scopes: [completions.write], config_id: pc-slug}
- {name: b, type: workspace-user, user_id: ann@example.com, workspace_id: ws-slug, absent: true}
- {name: c, type: organisation-service, id: 5d0c1f0a-7a3e-4a52-9d55-0b6f7e1a2b3c, description: x}
",
    );
    assert_eq!(
        found.plan.keys().collect::<Vec<_>>(),
        [
            "configs.list",
            "organisation_service_api_keys.list",
            "organisation_users.list",
            "workspace_service_api_keys.list",
            "workspace_user_api_keys.list",
            "workspaces.list",
        ]
    );
    assert_eq!(
        found.apply.keys().collect::<Vec<_>>(),
        [
            "organisation_service_api_keys.update",
            "workspace_service_api_keys.create",
            "workspace_service_api_keys.update",
            "workspace_user_api_keys.delete",
            "workspace_user_api_keys.read",
        ]
    );
    assert!(found.recover.contains_key("workspace_service_api_keys.delete"));
    assert!(found.recover.keys().all(|scope| scope.starts_with("workspace_service_api_keys.")));
}
