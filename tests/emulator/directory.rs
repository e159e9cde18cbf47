//! Workspaces, users and configs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, assert_envelope, names, text};

#[tokio::test]
async fn workspaces_are_listed_without_the_archived_unless_asked() {
    let rehearsal = Rehearsal::start().await;
    for (query, found) in [
        ("", vec!["Production", "Research"]),
        ("?status=archived", vec!["Old"]),
        ("?status=active,archived", vec!["Production", "Research", "Old"]),
        ("?name=Prod", vec!["Production"]),
        ("?name=prod", vec![]),
        ("?exact_name=Research", vec!["Research"]),
        ("?page_size=1&current_page=1", vec!["Research"]),
    ] {
        let reply = rehearsal.get(&format!("/v1/admin/workspaces{query}")).await.json;
        assert_eq!(names(&reply), found, "{query}");
    }
}

#[tokio::test]
async fn a_workspace_is_read_by_slug_or_uuid() {
    let rehearsal = Rehearsal::start().await;
    let by_slug = rehearsal.get("/v1/admin/workspaces/ws-prod-1a2b3c").await.json;
    assert_eq!((&by_slug["slug"], &by_slug["object"]), (&json!("ws-prod-1a2b3c"), &json!("workspace")));
    let by_id = rehearsal.get(&format!("/v1/admin/workspaces/{}", text(&by_slug["id"]))).await.json;
    assert_eq!(by_id, by_slug);
    assert_envelope(&rehearsal.get("/v1/admin/workspaces/ws-x").await, 404, "AB08", "unknown");
    assert_envelope(&rehearsal.get("/v1/admin/workspaces/ws-old-000000").await, 403, "AB03", "archived");
}

#[tokio::test]
async fn workspaces_without_admin_in_the_path_are_a_400() {
    let rehearsal = Rehearsal::start().await;
    assert_envelope(&rehearsal.get("/v1/workspaces").await, 400, "AB01", "/v1/workspaces");
}

#[tokio::test]
async fn a_created_workspace_can_hold_keys() {
    let rehearsal = Rehearsal::start().await;
    let body = json!({"name": "New Team", "description": "Of ours"});
    let workspace = rehearsal.call(Method::POST, "/v1/admin/workspaces", body).await.json;
    let slug = text(&workspace["slug"]);
    assert!(slug.starts_with("ws-new-te-") && slug.len() == 16, "{slug}");
    let key = json!({"name": "k", "workspace_id": slug, "scopes": ["logs.view"]});
    let (id, _) = rehearsal.create(key).await;
    assert_eq!(rehearsal.read(&id).await["workspace_id"], workspace["id"]);
    assert_envelope(
        &rehearsal.call(Method::POST, "/v1/admin/workspaces", json!({})).await,
        400,
        "AB01",
        "no name",
    );
}

#[tokio::test]
async fn users_are_paged_in_camel_case_and_filtered_by_exact_email() {
    let rehearsal = Rehearsal::start().await;
    let page = rehearsal.get("/v1/admin/users?pageSize=1&currentPage=1").await.json;
    assert_eq!((page["total"].as_u64(), page["data"].as_array().unwrap().len()), (Some(2), 1));
    let ignored = rehearsal.get("/v1/admin/users?page_size=1").await.json;
    assert_eq!(ignored["data"].as_array().unwrap().len(), 2, "snake case is not known here");
    let ada = rehearsal.get("/v1/admin/users?email=ada@example.com").await.json;
    assert_eq!((ada["total"].as_u64(), &ada["data"][0]["first_name"]), (Some(1), &json!("Ada")));
    assert_eq!(rehearsal.get("/v1/admin/users?email=ada").await.json["total"], 0);
    assert_eq!(rehearsal.get("/v1/admin/users?role=owner").await.json["total"], 1);
}

#[tokio::test]
async fn users_can_be_created_for_a_rehearsal_once_per_email() {
    let rehearsal = Rehearsal::start().await;
    let body = json!({"email": "eve@example.com", "first_name": "Eve"});
    let user = rehearsal.call(Method::POST, "/v1/admin/users", body.clone()).await.json;
    assert_eq!(rehearsal.get(&format!("/v1/admin/users/{}", text(&user["id"]))).await.json, user);
    let again = rehearsal.call(Method::POST, "/v1/admin/users", body).await;
    assert_envelope(&again, 409, "AB07", "twice");
    let nobody = rehearsal.call(Method::POST, "/v1/admin/users", json!({"email": "eve"})).await;
    assert_envelope(&nobody, 400, "AB01", "no e-mail");
}

#[tokio::test]
async fn configs_are_listed_unpaged_and_filtered_by_workspace() {
    let rehearsal = Rehearsal::start().await;
    assert_eq!(rehearsal.get("/v1/configs?page_size=1").await.json["data"].as_array().unwrap().len(), 2);
    let uuid = rehearsal.workspace_uuid("Research").await;
    for workspace in ["ws-res-77c0de", &uuid] {
        let reply = rehearsal.get(&format!("/v1/configs?workspace_id={workspace}")).await.json;
        assert_eq!((&reply["total"], &reply["data"][0]["slug"]), (&json!(1), &json!("pc-research-11")));
        assert_eq!(reply["data"][0].get("config"), None, "only a read by slug shows it");
    }
    let own = rehearsal.call_as("managers-secret-00000000mgr", Method::GET, "/v1/configs", Value::Null).await;
    assert_eq!(own.json["total"], 1, "a workspace key sees those of its workspace");
}

#[tokio::test]
async fn a_config_is_read_by_slug_and_is_a_string_of_json() {
    let rehearsal = Rehearsal::start().await;
    let config = rehearsal.get("/v1/configs/pc-routing-9f8e").await.json;
    assert_eq!(config["config"], r#"{"retry":{"attempts":2}}"#);
    let by_uuid = rehearsal.get(&format!("/v1/configs/{}", text(&config["id"]))).await;
    assert_envelope(&by_uuid, 403, "AB03", "by UUID");
    assert_envelope(&rehearsal.get("/v1/configs/pc-x").await, 404, "AB08", "unknown");
}

#[tokio::test]
async fn a_created_config_can_be_bound_to_a_key() {
    let rehearsal = Rehearsal::start().await;
    let body =
        json!({"name": "Retry", "config": {"retry": {"attempts": 3}}, "workspace_id": "ws-prod-1a2b3c"});
    let created = rehearsal.call(Method::POST, "/v1/configs", body).await.json;
    assert_eq!(created["success"], true);
    let id = rehearsal.create_plain().await;
    rehearsal.put(&id, json!({"defaults": {"config_id": created["data"]["slug"]}})).await;
    assert_eq!(rehearsal.read(&id).await["defaults"]["config_id"], created["data"]["id"]);
}
