//! The virtual clock and the background jobs that it drives.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, mask, plain, text, with};

#[tokio::test]
async fn the_virtual_clock_starts_at_the_seed_and_sets_the_date_header() {
    let rehearsal = Rehearsal::start().await;
    let date = text(&json!(rehearsal.get("/v1/api-keys").await.headers["date"].to_str().unwrap()));
    assert!(date.starts_with("Mon, 23 Nov 2026 09:0"), "{date}");
    rehearsal.control(Method::POST, "clock", json!({"set": "2027-01-01T00:00:00Z"})).await;
    let now = text(&rehearsal.control(Method::GET, "clock", Value::Null).await["now"]);
    assert!(now.starts_with("2027-01-01T00:00:"), "{now}");
    let date = rehearsal.get("/v1/api-keys").await.headers["date"].to_str().unwrap().to_owned();
    assert!(date.starts_with("Fri, 01 Jan 2027 00:00:"), "{date}");
}

#[tokio::test]
async fn a_clock_move_that_makes_no_sense_is_refused_with_its_reason() {
    let rehearsal = Rehearsal::start().await;
    for body in
        [json!({"advance": "a while"}), json!({"set": "tomorrow"}), json!({"rewind": "1h"}), json!({})]
    {
        let reply = rehearsal.call_as("", Method::POST, "/_emulator/clock", body).await;
        assert_eq!(reply.status, 400);
        assert!(reply.json["error"].is_string(), "{}", reply.text);
    }
}

#[tokio::test]
async fn an_expired_key_is_marked_ten_minutes_late_and_leaks_a_flag() {
    let rehearsal = Rehearsal::start().await;
    let (id, secret) = rehearsal.create(with(plain(), "expires_at", json!("2026-11-23T10:00:00Z"))).await;
    rehearsal.control(Method::POST, "clock", json!({"set": "2026-11-23T10:05:00Z"})).await;
    assert_eq!(rehearsal.models(&secret).await, 401, "the gateway goes by the date");
    let key = rehearsal.read(&id).await;
    assert_eq!((&key["status"], &key["usage_limits"]), (&json!("active"), &Value::Null));
    rehearsal.control(Method::POST, "clock", json!({"set": "2026-11-23T11:00:00Z"})).await;
    let key = rehearsal.read(&id).await;
    assert_eq!(key["status"], "expired");
    assert_eq!(key["usage_limits"], json!({"is_expired_alerts_sent": true}));
    assert_eq!(key["last_updated_at"], "2026-11-23T10:10:00.000Z");
}

#[tokio::test]
async fn a_later_expiry_revives_an_expired_key() {
    let rehearsal = Rehearsal::start().await;
    let (id, secret) = rehearsal.create(with(plain(), "expires_at", json!("2026-11-23T10:00:00Z"))).await;
    rehearsal.advance("2h").await;
    assert_eq!(rehearsal.read(&id).await["status"], "expired");
    rehearsal.put(&id, json!({"expires_at": "2027-01-01T00:00:00Z"})).await;
    let key = rehearsal.read(&id).await;
    assert_eq!((&key["status"], &key["usage_limits"]), (&json!("active"), &Value::Null));
    assert_eq!(rehearsal.models(&secret).await, 200);
}

#[tokio::test]
async fn usage_is_reset_when_its_period_ends() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.id_of("spent").await;
    rehearsal.put(&id, json!({"usage_limits": {"periodic_reset": "monthly"}})).await;
    assert_eq!(rehearsal.read(&id).await["status"], "exhausted");
    rehearsal.control(Method::POST, "clock", json!({"set": "2026-12-02T00:00:00Z"})).await;
    let key = rehearsal.read(&id).await;
    assert_eq!(key["status"], "active");
    assert_eq!(key["last_reset_at"], "2026-12-01T00:00:00.000Z");
    assert_eq!(key["next_usage_reset_at"], "2027-01-01T00:00:00.000Z");
}

#[tokio::test]
async fn a_scheduled_rotation_issues_a_secret_that_no_answer_tells() {
    let rehearsal = Rehearsal::start().await;
    let (id, before) =
        rehearsal.create(with(plain(), "rotation_policy", json!({"rotation_period": "weekly"}))).await;
    rehearsal.control(Method::POST, "clock", json!({"set": "2026-11-30T00:10:00Z"})).await;
    assert_eq!(rehearsal.models(&before).await, 200, "in transition");
    let key = rehearsal.read(&id).await;
    assert_ne!(key["key"], mask(&before));
    assert_eq!(key["rotation_policy"]["next_rotation_at"], "2026-12-07T00:00:00.000Z");
    assert_eq!(key["last_updated_at"], "2026-11-30T00:00:00.000Z");
    rehearsal.advance("30m").await;
    assert_eq!(rehearsal.models(&before).await, 401);
}

#[tokio::test]
async fn a_reset_goes_back_to_the_seed_its_clock_and_no_faults() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.create_plain().await;
    rehearsal.advance("9d").await;
    rehearsal.fault(json!({"then": {"status": 500}})).await;
    rehearsal.control(Method::POST, "reset", Value::Null).await;
    let reply = rehearsal.get("/v1/api-keys").await;
    assert_eq!((reply.status.as_u16(), &reply.json["total"]), (200, &json!(6)));
    assert!(reply.headers["date"].to_str().unwrap().starts_with("Mon, 23 Nov 2026"));
}
