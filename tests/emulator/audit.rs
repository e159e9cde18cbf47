//! The audit log.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, assert_envelope, mask, plain, text, with};

async fn log(rehearsal: &Rehearsal, query: &str) -> Value {
    rehearsal.get(&format!("/v1/audit-logs{query}")).await.json
}

fn actions(log: &Value) -> Vec<String> {
    log["records"].as_array().unwrap().iter().map(|record| text(&record["action"])).collect()
}

#[tokio::test]
async fn what_is_done_to_a_key_is_logged_newest_first() {
    let rehearsal = Rehearsal::start().await;
    let (id, secret) = rehearsal.create(plain()).await;
    rehearsal.put(&id, json!({"name": "other"})).await;
    rehearsal.refuses_put(&id, json!({"name": 1})).await;
    rehearsal.call(Method::POST, &format!("/v1/api-keys/{id}/rotate"), Value::Null).await;
    rehearsal.call(Method::DELETE, &format!("/v1/api-keys/{id}"), Value::Null).await;
    let log = log(&rehearsal, "").await;
    assert_eq!(actions(&log), ["delete", "rotate", "update", "create"], "what was refused was not done");
    assert_eq!(log["total"], 4);
    let rotation = &log["records"][1];
    assert_eq!(rotation["user_id"], json!(rehearsal.id_of("root").await));
    assert_eq!(
        (&rotation["method"], &rotation["uri"]),
        (&json!("POST"), &json!(format!("/v1/api-keys/{id}/rotate")))
    );
    let details: Value = serde_json::from_str(&text(&rotation["request_body"])).unwrap();
    assert_eq!((&details["api_key_id"], &details["rotation_mode"]), (&json!(id), &json!("manual")));
    assert_eq!(details["old_key_masked"], mask(&secret));
    assert!(details["transition_expires_at"].is_string());
    for issued in rehearsal.control(Method::GET, "secrets", Value::Null).await["secrets"].as_array().unwrap()
    {
        assert!(!log.to_string().contains(&text(&issued["secret"])));
    }
}

#[tokio::test]
async fn a_scheduled_rotation_is_logged_as_automatic_and_as_nobodys() {
    let rehearsal = Rehearsal::start().await;
    let key = with(plain(), "rotation_policy", json!({"rotation_period_days": 3}));
    rehearsal.create(key).await;
    rehearsal.advance("3d").await;
    let log = log(&rehearsal, "?action=rotate").await;
    assert_eq!(actions(&log), ["rotate"]);
    let rotation = &log["records"][0];
    assert_eq!(
        (&rotation["user_id"], &rotation["timestamp"]),
        (&Value::Null, &json!("2026-11-26T00:00:00.000Z"))
    );
    assert!(text(&rotation["request_body"]).contains(r#""rotation_mode":"auto""#));
}

#[tokio::test]
async fn the_log_is_paged_from_zero_and_filtered() {
    let rehearsal = Rehearsal::start().await;
    for _ in 0..3 {
        rehearsal.create_plain().await;
    }
    let page = log(&rehearsal, "?page_size=2&current_page=1").await;
    assert_eq!((&page["total"], actions(&page).len()), (&json!(3), 1));
    rehearsal.advance("1h").await;
    rehearsal.create_plain().await;
    assert_eq!(log(&rehearsal, "?start_time=2026-11-23T09:30:00Z").await["total"], 1);
    assert_eq!(log(&rehearsal, "?end_time=2026-11-23T09:30:00Z").await["total"], 3);
    assert_eq!(log(&rehearsal, "?method=PUT").await["total"], 0);
    assert_envelope(&rehearsal.get("/v1/audit-logs?start_time=yesterday").await, 400, "AB01", "no date");
}

#[tokio::test]
async fn the_log_refuses_an_organisation_and_callers_who_may_not_see_it() {
    let rehearsal = Rehearsal::start().await;
    let reply = rehearsal.get("/v1/audit-logs?organisation_id=x").await;
    assert_envelope(&reply, 400, "AB01", "organisation_id");
    let reply =
        rehearsal.call_as("managers-secret-00000000mgr", Method::GET, "/v1/audit-logs", Value::Null).await;
    assert_envelope(&reply, 403, "AB03", "a key of a workspace");
}

#[tokio::test]
async fn the_log_forgets_what_is_older_than_a_thousand_entries() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.create_plain().await;
    for n in 0..1_000 {
        rehearsal.put(&id, json!({"description": n.to_string()})).await;
    }
    let log = log(&rehearsal, "?page_size=1").await;
    assert_eq!((&log["total"], actions(&log)), (&json!(1_000), vec!["update".to_owned()]));
}
