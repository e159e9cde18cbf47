//! Workspaces, users and configs.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, assert_envelope, names, plain, text};

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

#[tokio::test]
async fn a_workspace_is_changed_field_by_field_and_answers_nothing() {
    let rehearsal = Rehearsal::start().await;
    let path = "/v1/admin/workspaces/ws-prod-1a2b3c";
    let before = rehearsal.get(path).await.json;
    rehearsal.advance("1m").await;
    let body = json!({"description": "Ours", "usage_limits": [{"credit_limit": 10}], "type": "unknown"});
    let reply = rehearsal.call(Method::PUT, path, body).await;
    assert_eq!((reply.status.as_u16(), reply.json), (200, json!({})));
    let after = rehearsal.get(path).await.json;
    assert_eq!((&after["name"], &after["description"]), (&before["name"], &json!("Ours")));
    assert_eq!(after["usage_limits"], json!([{"credit_limit": 10}]), "a list here, an object on keys");
    assert_ne!(after["last_updated_at"], before["last_updated_at"]);
    rehearsal.call(Method::PUT, path, json!({"description": null, "usage_limits": null})).await;
    assert_eq!(rehearsal.get(path).await.json["description"], Value::Null);
    for wrong in
        [json!({"name": ""}), json!({"name": 1}), json!({"usage_limits": {}}), json!({"defaults": []})]
    {
        let reply = rehearsal.call(Method::PUT, path, wrong.clone()).await;
        assert_envelope(&reply, 400, "AB01", &wrong.to_string());
    }
}

#[tokio::test]
async fn a_deleted_workspace_is_archived_and_its_keys_go_only_by_force() {
    let rehearsal = Rehearsal::start().await;
    let path = "/v1/admin/workspaces/ws-prod-1a2b3c";
    let key = rehearsal.id_of("checkout").await;
    assert_envelope(&rehearsal.call(Method::DELETE, path, Value::Null).await, 409, "AB07", "it has keys");
    let reply = rehearsal.call(Method::DELETE, path, json!({"force_delete": true})).await;
    assert_eq!((reply.status.as_u16(), reply.json), (200, json!({})));
    assert_envelope(&rehearsal.get(&format!("/v1/api-keys/{key}")).await, 404, "AB08", "its key");
    assert_envelope(&rehearsal.get(path).await, 403, "AB03", "archived, not gone");
    let archived = rehearsal.get("/v1/admin/workspaces?status=archived").await.json;
    assert!(names(&archived).contains(&"Production".to_owned()));
    let reply = rehearsal.call(Method::POST, "/v1/api-keys/workspace/service", plain()).await;
    assert_envelope(&reply, 403, "AB03", "no new key in it");
}

#[tokio::test]
async fn an_icon_stands_before_the_name_unless_the_plain_one_is_asked_for() {
    let rehearsal = Rehearsal::of("{workspaces: [{slug: ws-a, name: Rockets, icon: \u{1f680}}]}").await;
    assert_eq!(names(&rehearsal.get("/v1/admin/workspaces").await.json), ["\u{1f680} Rockets"]);
    assert_eq!(names(&rehearsal.get("/v1/admin/workspaces?name_format=plain").await.json), ["Rockets"]);
    assert_eq!(names(&rehearsal.get("/v1/admin/workspaces?exact_name=Rockets").await.json).len(), 1);
}

#[tokio::test]
async fn members_of_a_workspace_have_roles_with_a_prefix_and_no_email() {
    let rehearsal = Rehearsal::start().await;
    let members = rehearsal.get("/v1/admin/workspaces/ws-prod-1a2b3c/users?page_size=1").await.json;
    assert_eq!((&members["total"], members["data"].as_array().unwrap().len()), (&json!(2), 1));
    let all = rehearsal.get("/v1/admin/workspaces/ws-prod-1a2b3c/users").await.json;
    for member in all["data"].as_array().unwrap() {
        assert_eq!(member.get("email"), None);
        let role = if member["first_name"] == "Ada" { "ws-admin" } else { "ws-member" };
        assert_eq!(member["role"], role);
    }
}

#[tokio::test]
async fn a_role_is_changed_but_not_to_what_it_is() {
    let rehearsal = Rehearsal::start().await;
    let bob = rehearsal.get("/v1/admin/users?email=bob@example.com").await.json;
    let path = format!("/v1/admin/users/{}", text(&bob["data"][0]["id"]));
    let reply = rehearsal.call(Method::PUT, &path, json!({"role": "admin"})).await;
    assert_eq!((reply.status.as_u16(), reply.json), (200, json!({})));
    assert_eq!(rehearsal.get(&path).await.json["role"], "admin");
    for role in ["admin", "emperor"] {
        assert_envelope(&rehearsal.call(Method::PUT, &path, json!({"role": role})).await, 400, "AB01", role);
    }
}

#[tokio::test]
async fn the_keys_of_a_removed_user_go_too() {
    let rehearsal = Rehearsal::start().await;
    let key = rehearsal.id_of("default_user_key").await;
    let bob = rehearsal.get("/v1/admin/users?email=bob@example.com").await.json;
    let path = format!("/v1/admin/users/{}", text(&bob["data"][0]["id"]));
    assert_eq!(rehearsal.call(Method::DELETE, &path, Value::Null).await.json, json!({}));
    assert_envelope(&rehearsal.get(&path).await, 404, "AB08", "the user");
    assert_envelope(&rehearsal.get(&format!("/v1/api-keys/{key}")).await, 404, "AB08", "their key");
    assert_envelope(&rehearsal.call(Method::DELETE, &path, Value::Null).await, 404, "AB08", "twice");
}

#[tokio::test]
async fn a_changed_config_is_a_new_version() {
    let rehearsal = Rehearsal::start().await;
    let path = "/v1/configs/pc-routing-9f8e";
    let before = rehearsal.get(path).await.json;
    let reply = rehearsal.call(Method::PUT, path, json!({"config": {"cache": {}}, "name": "Other"})).await;
    let after = rehearsal.get(path).await.json;
    assert_eq!(after["version_id"], reply.json["data"]["version_id"]);
    assert_ne!(after["version_id"], before["version_id"]);
    assert_eq!((&after["name"], &after["config"]), (&json!("Other"), &json!(r#"{"cache":{}}"#)));
    assert_envelope(
        &rehearsal.call(Method::PUT, path, json!({"config": "x"})).await,
        400,
        "AB01",
        "no object",
    );
}

#[tokio::test]
async fn a_config_that_a_key_is_bound_to_cannot_be_deleted() {
    let rehearsal = Rehearsal::start().await;
    let path = "/v1/configs/pc-routing-9f8e";
    let id = rehearsal.create_plain().await;
    rehearsal.put(&id, json!({"defaults": {"config_id": "pc-routing-9f8e"}})).await;
    assert_envelope(&rehearsal.call(Method::DELETE, path, Value::Null).await, 409, "AB07", "bound");
    rehearsal.put(&id, json!({"defaults": {"config_id": null}})).await;
    assert_eq!(rehearsal.call(Method::DELETE, path, Value::Null).await.json, json!({}));
    assert_envelope(&rehearsal.get(path).await, 404, "AB08", "gone");
}
