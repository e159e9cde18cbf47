//! What an organisation or a workspace asks of keys.

use portkey_sync::emulator::{Error, Options, Seed};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, assert_envelope, plain, text, with};

/// Two workspaces, two users, an organisation with these rules; the first workspace has some of its own.
async fn under(organisation: &str, workspace: &str) -> Rehearsal {
    let seed = format!(
        "organisation: {{name: Acme{organisation}}}
clock: 2026-11-23T09:00:00Z
workspaces:
  - {{slug: ws-prod-1a2b3c, name: Production{workspace}}}
  - {{slug: ws-res-77c0de, name: Research}}
users: [{{email: ada@example.com}}, {{email: bob@example.com}}]
configs: [{{slug: pc-usual, workspace: ws-prod-1a2b3c}}, {{slug: pc-other, workspace: ws-prod-1a2b3c}}]
keys:
  - {{name: old, type: workspace-user, workspace: ws-prod-1a2b3c, user: ada@example.com, scopes: [completions.write]}}
"
    );
    Rehearsal::of(&seed).await
}

/// The body of a key of a user, in a workspace.
async fn of_user(rehearsal: &Rehearsal, email: &str, workspace: &str) -> Value {
    let users = rehearsal.get(&format!("/v1/admin/users?email={email}")).await.json;
    let body = with(plain(), "user_id", users["data"][0]["id"].clone());
    with(body, "workspace_id", json!(workspace))
}

const OF_USERS: &str = "/v1/api-keys/workspace/user";

async fn create(rehearsal: &Rehearsal, body: Value) -> Value {
    let reply = rehearsal.call(Method::POST, OF_USERS, body.clone()).await;
    assert_eq!(reply.status, 200, "{body}: {}", reply.text);
    rehearsal.read(&text(&reply.json["id"])).await
}

async fn refuses(rehearsal: &Rehearsal, body: Value) {
    let reply = rehearsal.call(Method::POST, OF_USERS, body.clone()).await;
    assert_envelope(&reply, 400, "AB01", &body.to_string());
}

#[tokio::test]
async fn an_enforced_rotation_is_assigned_to_keys_of_users_and_another_is_refused() {
    let rehearsal = under(", settings: {user_api_key_rotation_period: 30}", "").await;
    let body = of_user(&rehearsal, "ada@example.com", "ws-prod-1a2b3c").await;
    let key = create(&rehearsal, body.clone()).await;
    let policy = &key["rotation_policy"];
    assert_eq!(
        (&policy["rotation_period_days"], &policy["next_rotation_at"]),
        (&json!(30), &json!("2026-12-23T00:00:00.000Z"))
    );
    // Monthly counts as 30 days, weekly as 7.
    create(&rehearsal, with(body.clone(), "rotation_policy", json!({"rotation_period": "monthly"}))).await;
    refuses(&rehearsal, with(body.clone(), "rotation_policy", json!({"rotation_period": "weekly"}))).await;
    refuses(&rehearsal, with(body, "rotation_policy", json!({"rotation_period_days": 31}))).await;
    let id = text(&key["id"]);
    rehearsal.refuses_put(&id, json!({"rotation_policy": {"rotation_period_days": 90}})).await;
    let moved =
        json!({"rotation_policy": {"rotation_period_days": 30, "next_rotation_at": "2026-12-01T00:00:00Z"}});
    rehearsal.refuses_put(&id, moved).await;
    rehearsal.put(&id, json!({"rotation_policy": null})).await;
    assert_eq!(
        rehearsal.read(&id).await["rotation_policy"]["rotation_period_days"],
        30,
        "it is assigned again"
    );
    // Keys of services are free.
    let (service, _) = rehearsal.create(plain()).await;
    assert_eq!(rehearsal.read(&service).await.get("rotation_policy"), None);
}

#[tokio::test]
async fn a_key_without_a_policy_stays_so_until_it_is_written() {
    let rehearsal = under(", settings: {user_api_key_rotation_period: 30}", "").await;
    let id = rehearsal.id_of("old").await;
    assert_eq!(rehearsal.read(&id).await.get("rotation_policy"), None);
    rehearsal.put(&id, json!({"name": "new"})).await;
    assert_eq!(rehearsal.read(&id).await["rotation_policy"]["rotation_period_days"], 30);
}

#[tokio::test]
async fn a_workspaces_own_setting_comes_first() {
    let own = ", settings: {user_api_key_rotation_period: 7, user_api_key_ttl: 5}";
    let rehearsal = under(", settings: {user_api_key_rotation_period: 30, user_api_key_ttl: 60}", own).await;
    for (workspace, days, expires) in
        [("ws-prod-1a2b3c", 7, "2026-11-28T09:00:0"), ("ws-res-77c0de", 30, "2027-01-22T09:00:0")]
    {
        let key = create(&rehearsal, of_user(&rehearsal, "ada@example.com", workspace).await).await;
        assert_eq!(key["rotation_policy"]["rotation_period_days"], days, "{workspace}");
        assert!(text(&key["expires_at"]).starts_with(expires), "{workspace}: {}", key["expires_at"]);
    }
    let settings = rehearsal.get("/v1/admin/workspaces/ws-prod-1a2b3c").await.json["settings"].clone();
    assert_eq!((&settings["user_api_key_ttl"], &settings["user_api_key_count"]), (&json!(5), &json!(-1)));
}

#[tokio::test]
async fn a_key_of_a_user_lives_no_longer_than_the_longest_life() {
    let rehearsal = under(", settings: {user_api_key_max_ttl: 90}", "").await;
    let body = of_user(&rehearsal, "ada@example.com", "ws-prod-1a2b3c").await;
    let key = create(&rehearsal, body.clone()).await;
    assert!(text(&key["expires_at"]).starts_with("2027-02-21T09:00:0"), "{}", key["expires_at"]);
    assert_eq!(key["expiry_enforced"], 1);
    create(&rehearsal, with(body.clone(), "expires_at", json!("2027-02-01T00:00:00Z"))).await;
    refuses(&rehearsal, with(body, "expires_at", json!("2027-03-01T00:00:00Z"))).await;
    let id = text(&key["id"]);
    rehearsal.refuses_put(&id, json!({"expires_at": "2028-01-01T00:00:00Z"})).await;
    rehearsal.refuses_put(&id, json!({"expires_at": null})).await;
    let (service, _) = rehearsal.create(with(plain(), "expires_at", json!("2030-01-01T00:00:00Z"))).await;
    assert_eq!(rehearsal.read(&service).await["expiry_enforced"], 0, "keys of services are free");
}

#[tokio::test]
async fn a_user_has_no_more_keys_in_a_workspace_than_are_allowed() {
    let rehearsal = under(", settings: {user_api_key_count: 2}", "").await;
    let ada = of_user(&rehearsal, "ada@example.com", "ws-prod-1a2b3c").await;
    create(&rehearsal, ada.clone()).await;
    refuses(&rehearsal, ada).await;
    // Others, and elsewhere.
    create(&rehearsal, of_user(&rehearsal, "bob@example.com", "ws-prod-1a2b3c").await).await;
    create(&rehearsal, of_user(&rehearsal, "ada@example.com", "ws-res-77c0de").await).await;
    let rehearsal =
        under(", settings: {user_api_key_count: 1}", ", settings: {user_api_key_count: -1}").await;
    create(&rehearsal, of_user(&rehearsal, "ada@example.com", "ws-prod-1a2b3c").await).await;
}

const SCHEMA: &str = ", metadata_schema: {type: object, required: [team], properties: {team: {type: string}, \
                      env: {type: string, default: dev}}}";

#[tokio::test]
async fn metadata_has_to_fit_the_schema_on_every_write_and_gets_its_defaults() {
    let rehearsal = under(SCHEMA, "").await;
    let service = "/v1/api-keys/workspace/service";
    assert_envelope(&rehearsal.call(Method::POST, service, plain()).await, 400, "AB01", "no team");
    let (id, _) = rehearsal.create(with(plain(), "defaults", json!({"metadata": {"team": "a"}}))).await;
    assert_eq!(rehearsal.read(&id).await["defaults"]["metadata"], json!({"team": "a", "env": "dev"}));
    rehearsal.refuses_put(&id, json!({"defaults": {"metadata": {"env": "prod"}}})).await;
    rehearsal.put(&id, json!({"defaults": {"metadata": {"team": "b"}}})).await;
    assert_eq!(rehearsal.read(&id).await["defaults"]["metadata"], json!({"team": "b", "env": "dev"}));
    // A key from before the schema cannot be changed at all until its metadata fits.
    let old = rehearsal.id_of("old").await;
    rehearsal.refuses_put(&old, json!({"name": "new"})).await;
    rehearsal.put(&old, json!({"name": "new", "defaults": {"metadata": {"team": "c"}}})).await;
}

#[tokio::test]
async fn the_schema_of_a_workspace_holds_beside_that_of_the_organisation() {
    let own = ", metadata_schema: {required: [cost_centre]}";
    let rehearsal = under(SCHEMA, own).await;
    let service = "/v1/api-keys/workspace/service";
    let body = with(plain(), "defaults", json!({"metadata": {"team": "a"}}));
    assert_envelope(
        &rehearsal.call(Method::POST, service, body.clone()).await,
        400,
        "AB01",
        "no cost_centre",
    );
    rehearsal.create(with(body, "workspace_id", json!("ws-res-77c0de"))).await;
}

#[tokio::test]
async fn new_keys_of_users_are_bound_to_the_usual_config_which_cannot_be_deleted() {
    let rehearsal = under("", ", user_api_key_config: pc-usual").await;
    let usual = rehearsal.get("/v1/configs/pc-usual").await.json["id"].clone();
    let body = of_user(&rehearsal, "ada@example.com", "ws-prod-1a2b3c").await;
    assert_eq!(create(&rehearsal, body.clone()).await["defaults"]["config_id"], usual);
    let other = create(&rehearsal, with(body, "defaults", json!({"config_id": "pc-other"}))).await;
    assert_ne!(other["defaults"]["config_id"], usual);
    let (service, _) = rehearsal.create(plain()).await;
    assert_eq!(rehearsal.read(&service).await["defaults"]["config_id"], Value::Null);

    let rehearsal = under("", ", user_api_key_config: pc-usual").await;
    let path = "/v1/configs/pc-usual";
    assert_envelope(&rehearsal.call(Method::DELETE, path, Value::Null).await, 409, "AB07", "in use");
    let workspace = "/v1/admin/workspaces/ws-prod-1a2b3c";
    let unknown = json!({"defaults": {"user_api_key_config": "pc-unknown"}});
    assert_envelope(&rehearsal.call(Method::PUT, workspace, unknown).await, 400, "AB01", "unknown");
    let cleared = json!({"defaults": {"user_api_key_config": null}});
    assert_eq!(rehearsal.call(Method::PUT, workspace, cleared).await.status, 200);
    assert_eq!(rehearsal.call(Method::DELETE, path, Value::Null).await.status, 200);
}

#[tokio::test]
async fn a_user_who_joins_gets_a_key_in_each_workspace_and_nobody_its_secret() {
    let rehearsal = under(", auto_user_keys: true", "").await;
    let before = rehearsal.get("/v1/api-keys").await.json["total"].as_u64().unwrap();
    let user = rehearsal.call(Method::POST, "/v1/admin/users", json!({"email": "eve@example.com"})).await;
    assert!(!user.text.contains("\"key\""), "{}", user.text);
    let rows = rehearsal.get("/v1/api-keys").await.json;
    assert_eq!(rows["total"], before + 2);
    let automatic = rows["data"].as_array().unwrap().iter().filter(|row| row["creation_mode"] == "auto");
    for row in automatic {
        assert_eq!((&row["name"], &row["type"]), (&json!("default_user_key"), &json!("workspace-user")));
        assert_eq!(row["description"], "Created by portkey on joining organisation");
        assert_eq!(
            (&row["scopes"], &row["allow_config_override"]),
            (&json!(["completions.write"]), &json!(1))
        );
        assert_eq!(row["user_id"], user.json["id"]);
    }
}

#[tokio::test]
async fn what_the_plan_does_not_have_is_forbidden() {
    let rehearsal = under(", plan_lacks: [limits, users, audit_logs]", "").await;
    let service = "/v1/api-keys/workspace/service";
    for (field, value) in [
        ("rate_limits", json!([{"type": "requests", "unit": "rpm", "value": 1}])),
        ("usage_limits", json!({"credit_limit": 1})),
    ] {
        let reply = rehearsal.call(Method::POST, service, with(plain(), field, value.clone())).await;
        assert_envelope(&reply, 403, "AB03", field);
        let (id, _) = rehearsal.create(with(plain(), field, Value::Null)).await;
        let reply = rehearsal.call(Method::PUT, &format!("/v1/api-keys/{id}"), json!({field: value})).await;
        assert_envelope(&reply, 403, "AB03", field);
    }
    for path in ["/v1/admin/users", "/v1/audit-logs"] {
        assert_envelope(&rehearsal.get(path).await, 403, "AB03", path);
    }
}

#[tokio::test]
async fn withheld_scopes_are_held_by_nobody() {
    let rehearsal = under(", withheld_scopes: [workspace_service_api_keys.delete]", "").await;
    let (id, _) = rehearsal.create(plain()).await;
    let reply = rehearsal.call(Method::DELETE, &format!("/v1/api-keys/{id}"), Value::Null).await;
    assert_envelope(&reply, 403, "AB03", "withheld");
    assert_eq!(rehearsal.read(&id).await["name"], "plain");
}

#[tokio::test]
async fn keys_of_an_archived_workspace_are_out_of_reach() {
    let rehearsal = Rehearsal::of(
        "{workspaces: [{slug: ws-a, name: A}, {slug: ws-old, name: Old, status: archived}], keys: [{name: k, id: \
         6d2f2c0e-4b0e-4b8e-9a55-000000000001, type: workspace-service, workspace: ws-old, scopes: [logs.view]}]}",
    )
    .await;
    let path = "/v1/api-keys/6d2f2c0e-4b0e-4b8e-9a55-000000000001";
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let reply = rehearsal.call(method.clone(), path, json!({})).await;
        assert_envelope(&reply, 403, "AB03", method.as_str());
    }
    let reply = rehearsal.call(Method::POST, &format!("{path}/rotate"), Value::Null).await;
    assert_envelope(&reply, 403, "AB03", "rotate");
}

#[tokio::test]
async fn rules_that_cannot_be_followed_are_errors_at_the_start() {
    for (seed, reason) in [
        ("{organisation: {metadata_schema: {type: nonsense}}}", "of the organisation is no JSON Schema"),
        (
            "{workspaces: [{slug: ws-a, name: A, metadata_schema: {required: 1}}]}",
            "of ws-a is no JSON Schema",
        ),
        ("{workspaces: [{slug: ws-a, name: A, user_api_key_config: pc-x}]}", "`ws-a` has the config `pc-x`"),
        ("{organisation: {plan_lacks: [everything]}}", "everything"),
        ("{organisation: {settings: {user_api_key_lifetime: 1}}}", "user_api_key_lifetime"),
    ] {
        let started = match Seed::from_yaml_str(seed) {
            Ok(seed) => {
                let options = Options { seed: Some(seed), ..Options::default() };
                portkey_sync::emulator::start(options).await.err()
            }
            Err(error) => Some(error),
        };
        let said = match started.expect(seed) {
            Error::SeedSyntax(source) => source.to_string(),
            error => error.to_string(),
        };
        assert!(said.contains(reason), "{seed}: {said}");
    }
}
