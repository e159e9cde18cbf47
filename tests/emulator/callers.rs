//! Who may call what: the Admin API and the data-plane stub.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, assert_envelope, names, plain, text, with};

const MANAGER: &str = "managers-secret-00000000mgr";
const CHECKOUT: &str = "sEcheckout-secret-000000s3BM";

#[tokio::test]
async fn a_call_without_a_known_key_is_ab05() {
    let rehearsal = Rehearsal::start().await;
    for secret in ["", "nobody-has-this-secret-00000"] {
        let reply = rehearsal.call_as(secret, Method::GET, "/v1/api-keys", Value::Null).await;
        assert_envelope(&reply, 401, "AB05", secret);
    }
}

#[tokio::test]
async fn an_expired_caller_is_ab05_at_the_second_of_its_expiry() {
    let rehearsal = Rehearsal::start().await;
    let manager = rehearsal.id_of("manager").await;
    rehearsal.put(&manager, json!({"expires_at": "2026-11-23T10:00:00Z"})).await;
    assert_eq!(rehearsal.call_as(MANAGER, Method::GET, "/v1/api-keys", Value::Null).await.status, 200);
    rehearsal.advance("1h").await;
    let reply = rehearsal.call_as(MANAGER, Method::GET, "/v1/api-keys", Value::Null).await;
    assert_envelope(&reply, 401, "AB05", "expired");
}

#[tokio::test]
async fn a_missing_list_scope_hides_rows_and_missing_all_is_ab03() {
    let rehearsal = Rehearsal::start().await;
    let rows = names(&rehearsal.call_as(MANAGER, Method::GET, "/v1/api-keys", Value::Null).await.json);
    assert!(rows.contains(&"checkout".to_owned()));
    assert!(!rows.contains(&"default_user_key".to_owned()), "it may not list user keys: {rows:?}");
    let reply = rehearsal.call_as(CHECKOUT, Method::GET, "/v1/api-keys", Value::Null).await;
    assert_envelope(&reply, 403, "AB03", "no list scope");
}

#[tokio::test]
async fn a_workspace_key_sees_and_manages_its_own_workspace_only() {
    let rehearsal = Rehearsal::start().await;
    let (own, other) = (rehearsal.id_of("checkout").await, rehearsal.id_of("research").await);
    let rows = rehearsal.call_as(MANAGER, Method::GET, "/v1/api-keys", Value::Null).await.json;
    assert!(!names(&rows).contains(&"research".to_owned()));
    assert!(!names(&rows).contains(&"root".to_owned()));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        let reply =
            rehearsal.call_as(MANAGER, method.clone(), &format!("/v1/api-keys/{other}"), json!({})).await;
        assert_envelope(&reply, 403, "AB03", method.as_str());
    }
    let filtered =
        rehearsal.call_as(MANAGER, Method::GET, "/v1/api-keys?workspace_id=ws-res-77c0de", Value::Null);
    assert_envelope(&filtered.await, 403, "AB03", "filter");
    let reply =
        rehearsal.call_as(MANAGER, Method::PUT, &format!("/v1/api-keys/{own}"), json!({"name": "c"})).await;
    assert_eq!(reply.status, 200);
}

#[tokio::test]
async fn a_workspace_key_implies_its_workspace_on_create() {
    let rehearsal = Rehearsal::start().await;
    let body = json!({"name": "implied", "scopes": ["completions.write"]});
    let path = "/v1/api-keys/workspace/service";
    let reply = rehearsal.call_as(MANAGER, Method::POST, path, body).await;
    let key = rehearsal.read(&text(&reply.json["id"])).await;
    assert_eq!(key["workspace_id"], rehearsal.workspace_uuid("Production").await.as_str());
    let elsewhere = with(plain(), "workspace_id", json!("ws-res-77c0de"));
    assert_envelope(
        &rehearsal.call_as(MANAGER, Method::POST, path, elsewhere).await,
        403,
        "AB03",
        "elsewhere",
    );
}

#[tokio::test]
async fn each_action_needs_its_scope_for_the_type_of_the_key() {
    let rehearsal = Rehearsal::start().await;
    let user_key = rehearsal.id_of("default_user_key").await;
    let own = rehearsal.id_of("checkout").await;
    for (method, path) in [
        (Method::GET, format!("/v1/api-keys/{user_key}")),
        (Method::PUT, format!("/v1/api-keys/{user_key}")),
        (Method::DELETE, format!("/v1/api-keys/{user_key}")),
        (Method::POST, format!("/v1/api-keys/{own}/rotate")),
        (Method::POST, "/v1/api-keys/workspace/user".to_owned()),
        (Method::POST, "/v1/api-keys/organisation/service".to_owned()),
        (Method::GET, "/v1/admin/users".to_owned()),
        (Method::POST, "/v1/admin/workspaces".to_owned()),
        (Method::GET, "/v1/configs/pc-routing-9f8e".to_owned()),
    ] {
        let reply = rehearsal.call_as(MANAGER, method.clone(), &path, plain()).await;
        assert_envelope(&reply, 403, "AB03", &format!("{method} {path}"));
    }
}

#[tokio::test]
async fn a_user_key_manages_nothing_whatever_its_scopes() {
    let rehearsal = Rehearsal::of(
        "{workspaces: [{slug: ws-a, name: A}], users: [{email: a@b.example}], keys: [{name: u, type: workspace-user, \
         workspace: ws-a, user: a@b.example, secret: users-secret-0000000000, \
         scopes: [workspace_user_api_keys.list, workspace_service_api_keys.list]}]}",
    )
    .await;
    let reply = rehearsal.call_as("users-secret-0000000000", Method::GET, "/v1/api-keys", Value::Null).await;
    assert_envelope(&reply, 403, "AB03", "user key");
}

#[tokio::test]
async fn the_data_plane_answers_live_workspace_keys_and_names_what_is_wrong_otherwise() {
    let rehearsal = Rehearsal::start().await;
    assert_eq!(rehearsal.models(CHECKOUT).await, 200);
    let (_, no_scope) = rehearsal.create(with(plain(), "scopes", json!(["logs.view"]))).await;
    let (_, lister) = rehearsal.create(with(plain(), "scopes", json!(["virtual_keys.list"]))).await;
    let (_, expired) = rehearsal.create(with(plain(), "expires_at", json!("2026-11-22T00:00:00Z"))).await;
    assert_eq!(rehearsal.models(&lister).await, 200);
    for (secret, status, code) in [
        ("", 401, "03"),
        ("nobody-has-this-secret-00000", 401, "03"),
        (rehearsal.running.admin_key(), 401, "03"),
        (&expired, 401, "01"),
        ("spent-secret-00000000000spt", 412, "04"),
        (&no_scope, 403, "033"),
    ] {
        let reply = rehearsal.call_as(secret, Method::GET, "/v1/models", Value::Null).await;
        assert_eq!(reply.status, status, "{}", reply.text);
        assert_eq!((&reply.json["status"], &reply.json["error"]["code"]), (&json!("failure"), &json!(code)));
        assert!(text(&reply.json["message"]).ends_with(&format!("Error Code: {code}")));
    }
}

#[tokio::test]
async fn a_key_can_delete_itself_and_is_then_nobody() {
    let rehearsal = Rehearsal::start().await;
    let path = format!("/v1/api-keys/{}", rehearsal.id_of("root").await);
    assert_eq!(rehearsal.call(Method::DELETE, &path, Value::Null).await.json, json!({}));
    assert_envelope(&rehearsal.get("/v1/api-keys").await, 401, "AB05", "locked out");
}
