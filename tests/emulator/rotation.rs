//! Rotating a key on demand.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, Reply, assert_envelope, mask, plain, text, with};

async fn rotate(rehearsal: &Rehearsal, id: &str, body: Value) -> Reply {
    rehearsal.call(Method::POST, &format!("/v1/api-keys/{id}/rotate"), body).await
}

#[tokio::test]
async fn a_rotation_gives_a_new_secret_and_the_old_one_lives_30_minutes_more() {
    let rehearsal = Rehearsal::start().await;
    let (id, before) = rehearsal.create(plain()).await;
    let reply = rotate(&rehearsal, &id, Value::Null).await;
    assert_eq!((reply.status.as_u16(), &reply.json["id"]), (200, &json!(id)));
    let after = text(&reply.json["key"]);
    assert!(text(&reply.json["key_transition_expires_at"]).starts_with("2026-11-23T09:30:"));
    assert_eq!((rehearsal.models(&before).await, rehearsal.models(&after).await), (200, 200));
    let key = rehearsal.read(&id).await;
    assert_eq!(key["key"], mask(&after));
    assert_eq!(key.get("key_transition_expires_at"), None, "only the rotate tells it");
    rehearsal.advance("31m").await;
    assert_eq!((rehearsal.models(&before).await, rehearsal.models(&after).await), (401, 200));
}

#[tokio::test]
async fn a_rotation_is_refused_while_an_earlier_one_is_in_transition() {
    let rehearsal = Rehearsal::start().await;
    let (id, _) = rehearsal.create(plain()).await;
    assert_eq!(rotate(&rehearsal, &id, json!({})).await.status, 200);
    let mask = rehearsal.read(&id).await["key"].clone();
    assert_envelope(&rotate(&rehearsal, &id, json!({})).await, 400, "AB01", "in transition");
    assert_eq!(rehearsal.read(&id).await["key"], mask);
    rehearsal.advance("31m").await;
    assert_eq!(rotate(&rehearsal, &id, json!({})).await.status, 200);
}

#[tokio::test]
async fn the_transition_is_the_one_asked_for_or_that_of_the_policy() {
    let rehearsal = Rehearsal::start().await;
    let policy = json!({"rotation_period": "weekly", "key_transition_period_ms": 7_200_000});
    let (id, _) = rehearsal.create(with(plain(), "rotation_policy", policy)).await;
    let reply = rotate(&rehearsal, &id, Value::Null).await;
    assert!(text(&reply.json["key_transition_expires_at"]).starts_with("2026-11-23T11:00:"));
    rehearsal.advance("3h").await;
    let reply = rotate(&rehearsal, &id, json!({"key_transition_period_ms": 3_600_000})).await;
    assert!(text(&reply.json["key_transition_expires_at"]).starts_with("2026-11-23T13:00:"));
}

#[tokio::test]
async fn a_transition_that_is_too_short_or_as_long_as_the_period_is_refused() {
    let rehearsal = Rehearsal::start().await;
    let policy = json!({"rotation_period_days": 1});
    let (id, _) = rehearsal.create(with(plain(), "rotation_policy", policy)).await;
    for transition in [json!(1_799_999), json!(86_400_000), json!("1h")] {
        let reply = rotate(&rehearsal, &id, json!({"key_transition_period_ms": transition})).await;
        assert_envelope(&reply, 400, "AB01", &transition.to_string());
    }
}

#[tokio::test]
async fn a_rotated_caller_gets_in_with_both_secrets_until_the_transition_ends() {
    let rehearsal = Rehearsal::start().await;
    let before = "managers-secret-00000000mgr";
    let id = rehearsal.id_of("manager").await;
    let after = text(&rotate(&rehearsal, &id, Value::Null).await.json["key"]);
    for secret in [before, &after] {
        assert_eq!(rehearsal.call_as(secret, Method::GET, "/v1/api-keys", Value::Null).await.status, 200);
    }
    rehearsal.advance("31m").await;
    let reply = rehearsal.call_as(before, Method::GET, "/v1/api-keys", Value::Null).await;
    assert_envelope(&reply, 401, "AB05", "after the transition");
}

#[tokio::test]
async fn a_rotation_on_a_date_that_is_past_happens_at_once_and_has_its_whole_transition() {
    let rehearsal = Rehearsal::start().await;
    // Moved to the midnight before the present moment.
    let policy = json!({"next_rotation_at": "2026-11-23T15:30:00Z"});
    let (id, before) = rehearsal.create(with(plain(), "rotation_policy", policy)).await;
    assert_ne!(rehearsal.read(&id).await["key"], mask(&before));
    assert_eq!(rehearsal.models(&before).await, 200, "in transition");
    rehearsal.advance("31m").await;
    assert_eq!(rehearsal.models(&before).await, 401);
}

#[tokio::test]
async fn every_secret_ever_issued_is_listed_for_tests() {
    let rehearsal = Rehearsal::start().await;
    let (id, first) = rehearsal.create(plain()).await;
    let second = text(&rotate(&rehearsal, &id, Value::Null).await.json["key"]);
    let secrets = rehearsal.control(Method::GET, "secrets", Value::Null).await;
    let of_key: Vec<(String, String)> = secrets["secrets"]
        .as_array()
        .unwrap()
        .iter()
        .filter(|issued| issued["key_id"] == id.as_str())
        .map(|issued| (text(&issued["secret"]), text(&issued["state"])))
        .collect();
    assert_eq!(of_key, [(first.clone(), "previous".to_owned()), (second.clone(), "current".to_owned())]);
    rehearsal.call(Method::DELETE, &format!("/v1/api-keys/{id}"), Value::Null).await;
    let text = rehearsal.control(Method::GET, "secrets", Value::Null).await.to_string();
    assert!(text.contains(&first) && text.contains(&second), "deleted keys stay listed");
}
