//! Creating keys and what they read like.

use std::collections::BTreeSet;

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, assert_envelope, mask, plain, text, with};

#[tokio::test]
async fn a_create_answers_a_receipt_with_the_secret_and_nothing_else() {
    let rehearsal = Rehearsal::start().await;
    let reply = rehearsal.call(Method::POST, "/v1/api-keys/workspace/service", plain()).await;
    let fields: BTreeSet<&String> = reply.json.as_object().unwrap().keys().collect();
    assert_eq!(fields.into_iter().collect::<Vec<_>>(), ["id", "key", "object"]);
    assert_eq!(reply.json["object"], "api-key");
    let secret = text(&reply.json["key"]);
    assert_eq!(secret.len(), 28);
    assert!(secret.chars().all(|c| c.is_ascii_alphanumeric() || c == '+' || c == '/'));
    assert_eq!(rehearsal.models(&secret).await, 200);
}

#[tokio::test]
async fn a_new_key_reads_back_in_the_shape_of_the_live_service() {
    let rehearsal = Rehearsal::start().await;
    let (id, secret) = rehearsal.create(plain()).await;
    let mut key = rehearsal.read(&id).await;
    let (created, mask) = (text(&key["created_at"]), mask(&secret));
    assert!(created.starts_with("2026-11-23T09:00:"), "{created}");
    assert_eq!(created.split_once('.').unwrap().1, "000Z", "whole seconds");
    assert_eq!(key["last_updated_at"], created.as_str());
    let organisation = key.as_object_mut().unwrap().remove("organisation_id").unwrap();
    assert!(organisation.is_string());
    let expect = json!({
        "id": id, "key": mask, "name": "plain", "description": null, "type": "workspace-service",
        "workspace_id": rehearsal.workspace_uuid("Production").await, "user_id": null, "status": "active",
        "created_at": created, "last_updated_at": created, "creation_mode": "api", "rate_limits": [],
        "usage_limits": null, "reset_usage": null, "expires_at": null, "last_reset_at": null, "alert_emails": null,
        "expiry_enforced": 0, "next_usage_reset_at": null, "allow_config_override": null,
        "api_key_defaults_id": null, "scopes": ["completions.write"],
        "defaults": {"metadata": null, "config_id": null, "allow_config_override": false}, "object": "api-key"
    });
    assert_eq!(key, expect);
}

#[tokio::test]
async fn a_row_lacks_what_only_a_get_shows() {
    let rehearsal = Rehearsal::start().await;
    let policy = json!({"rotation_period": "monthly"});
    let (id, _) = rehearsal.create(with(plain(), "rotation_policy", policy)).await;
    let mut key = rehearsal.read(&id).await;
    let row = rehearsal.get(&format!("/v1/api-keys?ids={id}")).await.json["data"][0].clone();
    key.as_object_mut().unwrap().remove("next_usage_reset_at").unwrap();
    key.as_object_mut().unwrap().remove("rotation_policy").unwrap();
    key["defaults"].as_object_mut().unwrap().remove("allow_config_override").unwrap();
    assert_eq!(row, key);
}

#[tokio::test]
async fn names_are_not_unique() {
    let rehearsal = Rehearsal::start().await;
    assert_ne!(rehearsal.create_plain().await, rehearsal.create_plain().await);
}

#[tokio::test]
async fn a_create_without_scopes_is_a_502_in_html() {
    let rehearsal = Rehearsal::start().await;
    for body in [json!({"name": "n", "workspace_id": "ws-prod-1a2b3c"}), with(plain(), "scopes", json!([]))] {
        let reply = rehearsal.call(Method::POST, "/v1/api-keys/workspace/service", body).await;
        assert_eq!(reply.status, 502);
        assert_eq!(reply.headers["content-type"], "text/html");
        assert!(reply.text.contains("502 Bad Gateway"));
    }
}

#[tokio::test]
async fn a_create_that_is_not_valid_is_ab01_without_a_word_about_the_field() {
    let rehearsal = Rehearsal::start().await;
    let bodies = [
        with(plain(), "name", Value::Null),
        with(plain(), "name", json!("")),
        with(plain(), "name", json!("x".repeat(101))),
        with(plain(), "description", json!("x".repeat(201))),
        with(plain(), "scopes", json!(["completion.write"])),
        with(plain(), "scopes", json!(["workspaces.create"])),
        with(plain(), "scopes", json!("completions.write")),
        with(plain(), "workspace_id", Value::Null),
        with(plain(), "expires_at", json!("tomorrow")),
        with(plain(), "expires_at", json!("2027-01-01")),
        with(plain(), "alert_emails", json!(["nobody"])),
        with(plain(), "defaults", json!({"config_id": "pc-unknown"})),
        with(plain(), "defaults", json!({"config_id": "pc-research-11"})),
        with(plain(), "rate_limits", json!([{"type": "requests", "unit": "rpy", "value": 1}])),
        with(plain(), "rate_limits", json!([{"type": "calls", "unit": "rpm", "value": 1}])),
        with(plain(), "rate_limits", json!([{"type": "requests", "unit": "rpm", "value": -1}])),
        with(plain(), "usage_limits", json!({"credit_limit": 0})),
        with(plain(), "usage_limits", json!({"credit_limit": 10, "type": "euros"})),
    ];
    for body in bodies {
        let reply = rehearsal.call(Method::POST, "/v1/api-keys/workspace/service", body.clone()).await;
        assert_envelope(&reply, 400, "AB01", &body.to_string());
        assert_eq!(reply.json["data"]["message"], "Invalid request. Please check and try again.");
    }
    for path in ["organisation/user", "user/service", "workspace/robot"] {
        let reply = rehearsal.call(Method::POST, &format!("/v1/api-keys/{path}"), plain()).await;
        assert_envelope(&reply, 400, "AB01", path);
    }
}

#[tokio::test]
async fn unknown_fields_and_path_parameters_in_a_body_are_tolerated() {
    let rehearsal = Rehearsal::start().await;
    let body = with(with(plain(), "colour", json!("red")), "sub-type", json!("service"));
    rehearsal.create(body).await;
}

#[tokio::test]
async fn a_user_key_needs_a_known_user() {
    let rehearsal = Rehearsal::start().await;
    let path = "/v1/api-keys/workspace/user";
    assert_envelope(&rehearsal.call(Method::POST, path, plain()).await, 400, "AB01", "no user");
    let unknown = with(plain(), "user_id", json!("nobody"));
    assert_envelope(&rehearsal.call(Method::POST, path, unknown).await, 400, "AB01", "unknown user");
    let user = text(&rehearsal.get("/v1/admin/users?email=bob@example.com").await.json["data"][0]["id"]);
    let reply = rehearsal.call(Method::POST, path, with(plain(), "user_id", json!(user))).await;
    let key = rehearsal.read(&text(&reply.json["id"])).await;
    assert_eq!(
        (key["type"].as_str(), key["user_id"].as_str()),
        (Some("workspace-user"), Some(user.as_str()))
    );
}

#[tokio::test]
async fn workspace_and_config_go_in_as_slug_or_uuid_and_read_back_as_uuid() {
    let rehearsal = Rehearsal::start().await;
    let workspace = rehearsal.workspace_uuid("Production").await;
    let config = text(&rehearsal.get("/v1/configs/pc-routing-9f8e").await.json["id"]);
    for (workspace_id, config_id) in [("ws-prod-1a2b3c", "pc-routing-9f8e"), (&workspace, &config)] {
        let body = with(plain(), "workspace_id", json!(workspace_id));
        let (id, _) = rehearsal.create(with(body, "defaults", json!({"config_id": config_id}))).await;
        let key = rehearsal.read(&id).await;
        assert_eq!(key["workspace_id"], workspace.as_str());
        assert_eq!(key["defaults"]["config_id"], config.as_str());
    }
}

#[tokio::test]
async fn allow_config_override_follows_the_truth_table() {
    let rehearsal = Rehearsal::start().await;
    let cases = [
        (json!({}), Value::Null, false),
        (json!({"metadata": {}}), Value::Null, false),
        (json!({"metadata": {"team": "a"}}), json!(1), true),
        (json!({"config_id": "pc-routing-9f8e"}), json!(1), true),
        (json!({"allow_config_override": true}), json!(1), true),
        (json!({"allow_config_override": false}), json!(0), false),
    ];
    for (defaults, top, inner) in cases {
        let (id, _) = rehearsal.create(with(plain(), "defaults", defaults.clone())).await;
        let key = rehearsal.read(&id).await;
        assert_eq!(key["allow_config_override"], top, "{defaults}");
        assert_eq!(key["defaults"]["allow_config_override"], inner, "{defaults}");
        assert_eq!(key["api_key_defaults_id"].is_null(), top.is_null(), "{defaults}");
    }
    let auto = rehearsal.read(&rehearsal.id_of("default_user_key").await).await;
    assert_eq!((&auto["allow_config_override"], &auto["creation_mode"]), (&json!(1), &json!("auto")));
}

#[tokio::test]
async fn keys_of_the_organisation_take_limits_metadata_and_a_config() {
    let rehearsal = Rehearsal::start().await;
    let body = json!({
        "name": "admin", "scopes": ["workspaces.list"],
        "rate_limits": [{"type": "requests", "unit": "rpm", "value": 5}],
        "defaults": {"metadata": {"team": "a"}, "config_id": "pc-routing-9f8e"},
    });
    let reply = rehearsal.call(Method::POST, "/v1/api-keys/organisation/service", body.clone()).await;
    let key = rehearsal.read(&text(&reply.json["id"])).await;
    assert_eq!((&key["rate_limits"], &key["workspace_id"]), (&body["rate_limits"], &Value::Null));
    assert_eq!(key["defaults"]["metadata"], json!({"team": "a"}));
    assert!(key["defaults"]["config_id"].is_string());
}
