//! Updating and deleting keys.

use reqwest::{Method, StatusCode};
use serde_json::{Value, json};

use crate::harness::{Rehearsal, assert_envelope, names, plain, with};

#[tokio::test]
async fn a_put_changes_only_what_it_names_and_moves_the_date_of_the_last_update() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.create_plain().await;
    let before = rehearsal.read(&id).await;
    rehearsal.advance("5s").await;
    rehearsal.put(&id, json!({"name": "renamed"})).await;
    let mut after = rehearsal.read(&id).await;
    assert_ne!(after["last_updated_at"], before["last_updated_at"]);
    after["last_updated_at"] = before["last_updated_at"].clone();
    assert_eq!(after, with(before, "name", json!("renamed")));
}

#[tokio::test]
async fn null_clears_each_field_in_its_own_way() {
    let rehearsal = Rehearsal::start().await;
    let full = json!({
        "name": "full", "workspace_id": "ws-prod-1a2b3c", "scopes": ["completions.write"], "description": "Full",
        "rate_limits": [{"type": "requests", "unit": "rpm", "value": 100}], "usage_limits": {"credit_limit": 10},
        "alert_emails": ["a@example.com"], "expires_at": "2027-06-30T00:00:00Z",
        "rotation_policy": {"rotation_period_days": 30},
        "defaults": {"config_id": "pc-routing-9f8e", "metadata": {"team": "a"}, "allow_config_override": false}
    });
    let (id, _) = rehearsal.create(full).await;
    let key = rehearsal.read(&id).await;
    assert_eq!(key["rate_limits"], json!([{"type": "requests", "unit": "rpm", "value": 100}]));
    assert_eq!(key["expires_at"], "2027-06-30T00:00:00.000Z");
    assert_eq!(key["rotation_policy"]["rotation_period_days"], 30);
    rehearsal
        .put(&id, json!({
            "description": null, "rate_limits": null, "usage_limits": null, "alert_emails": null, "expires_at": null,
            "rotation_policy": null, "defaults": {"config_id": null, "metadata": null}
        }))
        .await;
    let key = rehearsal.read(&id).await;
    assert_eq!(key["description"], "");
    assert_eq!(key["rate_limits"], json!([]));
    for field in ["usage_limits", "alert_emails", "expires_at"] {
        assert_eq!(key[field], Value::Null, "{field}");
    }
    assert_eq!(key.get("rotation_policy"), None);
    assert_eq!(key["defaults"], json!({"metadata": null, "config_id": null, "allow_config_override": false}));
    assert_eq!(key["allow_config_override"], 0, "it cannot return to null");
    // Clearing what is unset, and changing nothing, are accepted.
    rehearsal.put(&id, json!({"usage_limits": null, "rate_limits": null})).await;
    rehearsal.put(&id, json!({})).await;
}

#[tokio::test]
async fn name_and_scopes_cannot_be_cleared() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.create_plain().await;
    for body in [json!({"name": null}), json!({"name": ""}), json!({"scopes": null}), json!({"scopes": []})] {
        rehearsal.refuses_put(&id, body).await;
    }
}

#[tokio::test]
async fn scopes_and_metadata_are_replaced_whole_and_keep_their_order() {
    let rehearsal = Rehearsal::start().await;
    let (id, _) =
        rehearsal.create(with(plain(), "defaults", json!({"metadata": {"a": "1", "b": "2"}}))).await;
    rehearsal
        .put(&id, json!({"scopes": ["logs.view", "completions.write"], "defaults": {"metadata": {"b": "3"}}}))
        .await;
    let key = rehearsal.read(&id).await;
    assert_eq!(key["scopes"], json!(["logs.view", "completions.write"]));
    assert_eq!(key["defaults"]["metadata"], json!({"b": "3"}));
    rehearsal.put(&id, json!({"defaults": {"metadata": {}}})).await;
    assert_eq!(rehearsal.read(&id).await["defaults"]["metadata"], Value::Null);
}

#[tokio::test]
async fn what_cannot_change_is_ignored_in_a_put() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.create_plain().await;
    let before = rehearsal.read(&id).await;
    rehearsal
        .put(&id, json!({"type": "workspace-user", "workspace_id": "ws-res-77c0de", "user_id": "x"}))
        .await;
    let after = rehearsal.read(&id).await;
    for field in ["type", "workspace_id", "user_id"] {
        assert_eq!(after[field], before[field], "{field}");
    }
}

#[tokio::test]
async fn usage_limits_merge_and_null_removes_a_sub_field() {
    let rehearsal = Rehearsal::start().await;
    let limits =
        json!({"credit_limit": 500, "type": "cost", "alert_threshold": 400, "periodic_reset": "monthly"});
    let (id, _) = rehearsal.create(with(plain(), "usage_limits", limits)).await;
    let key = rehearsal.read(&id).await;
    assert_eq!(key["next_usage_reset_at"], "2026-12-01T00:00:00.000Z");
    rehearsal.put(&id, json!({"usage_limits": {"credit_limit": 600, "alert_threshold": null}})).await;
    let expect = json!({
        "credit_limit": 600, "type": "cost", "periodic_reset": "monthly",
        "next_usage_reset_at": "2026-12-01T00:00:00.000Z", "is_threshold_alerts_sent": false,
        "is_exhausted_alerts_sent": false
    });
    assert_eq!(rehearsal.read(&id).await["usage_limits"], expect);
    // The other period is refused until the first one is removed.
    rehearsal.refuses_put(&id, json!({"usage_limits": {"periodic_reset_days": 30}})).await;
    rehearsal.put(&id, json!({"usage_limits": {"periodic_reset": null, "periodic_reset_days": 30}})).await;
    assert_eq!(rehearsal.read(&id).await["next_usage_reset_at"], "2026-12-23T00:00:00.000Z");
}

#[tokio::test]
async fn usage_limits_that_contradict_themselves_are_refused() {
    let rehearsal = Rehearsal::start().await;
    let (id, _) = rehearsal.create(with(plain(), "usage_limits", json!({"credit_limit": 10}))).await;
    for limits in [
        json!({"alert_threshold": 0}),
        json!({"alert_threshold": 11}),
        json!({"periodic_reset": "daily"}),
        json!({"periodic_reset_days": 0}),
        json!({"periodic_reset_days": 366}),
        json!({"periodic_reset": "weekly", "periodic_reset_days": 7}),
        json!({"credit_limit": "10"}),
        json!([]),
    ] {
        rehearsal.refuses_put(&id, json!({"usage_limits": limits})).await;
    }
}

#[tokio::test]
async fn raising_the_limit_reactivates_an_exhausted_key() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.id_of("spent").await;
    let key = rehearsal.read(&id).await;
    assert_eq!(key["status"], "exhausted");
    assert_eq!(key["usage_limits"]["is_exhausted_alerts_sent"], true);
    assert_eq!(rehearsal.models("spent-secret-00000000000spt").await, 412);
    rehearsal.put(&id, json!({"usage_limits": {"credit_limit": 20}})).await;
    assert_eq!(rehearsal.read(&id).await["status"], "active");
    assert_eq!(rehearsal.models("spent-secret-00000000000spt").await, 200);
}

#[tokio::test]
async fn resetting_usage_reactivates_and_is_never_stored() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.id_of("spent").await;
    rehearsal.put(&id, json!({"reset_usage": false})).await;
    assert_eq!(rehearsal.read(&id).await["status"], "exhausted");
    rehearsal.put(&id, json!({"reset_usage": true})).await;
    let key = rehearsal.read(&id).await;
    assert_eq!((key["status"].as_str(), &key["reset_usage"]), (Some("active"), &Value::Null));
    assert_eq!(key["last_reset_at"], key["last_updated_at"]);
    assert_eq!(key["usage_limits"]["is_threshold_alerts_sent"], false);
}

#[tokio::test]
async fn rotation_policies_are_normalised_to_utc_midnight() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.create_plain().await;
    // The clock stands at Monday, 2026-11-23.
    for (policy, next) in [
        (json!({"rotation_period": "weekly"}), "2026-11-30T00:00:00.000Z"),
        (json!({"rotation_period": "monthly"}), "2026-12-01T00:00:00.000Z"),
        (json!({"rotation_period_days": 10}), "2026-12-03T00:00:00.000Z"),
        (json!({"next_rotation_at": "2027-02-03T15:30:00Z"}), "2027-02-03T00:00:00.000Z"),
        (
            json!({"rotation_period": "weekly", "next_rotation_at": "2027-02-03T00:00:00Z"}),
            "2027-02-03T00:00:00.000Z",
        ),
    ] {
        rehearsal.put(&id, json!({"rotation_policy": policy})).await;
        let mut expect = with(policy, "next_rotation_at", json!(next));
        expect["key_transition_period_ms"] = json!(1_800_000);
        expect["status"] = json!("ACTIVE");
        assert_eq!(rehearsal.read(&id).await["rotation_policy"], expect);
    }
}

#[tokio::test]
async fn rotation_policies_that_break_a_rule_are_refused() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.create_plain().await;
    for policy in [
        json!({}),
        json!({"key_transition_period_ms": 3_600_000}),
        json!({"rotation_period": "daily"}),
        json!({"rotation_period": "weekly", "rotation_period_days": 7}),
        json!({"rotation_period_days": 366}),
        json!({"rotation_period": "weekly", "key_transition_period_ms": 1_799_999}),
        json!({"rotation_period_days": 1, "key_transition_period_ms": 86_400_000}),
        json!({"next_rotation_at": "soon"}),
    ] {
        rehearsal.refuses_put(&id, json!({"rotation_policy": policy})).await;
    }
}

#[tokio::test]
async fn a_deleted_key_is_gone_and_its_secret_with_it() {
    let rehearsal = Rehearsal::start().await;
    let (id, secret) = rehearsal.create(plain()).await;
    let path = format!("/v1/api-keys/{id}");
    let reply = rehearsal.call(Method::DELETE, &path, Value::Null).await;
    assert_eq!((reply.status, reply.json), (StatusCode::OK, json!({})));
    for method in [Method::GET, Method::PUT, Method::DELETE] {
        assert_envelope(&rehearsal.call(method, &path, json!({})).await, 404, "AB08", "after the delete");
    }
    assert_eq!(rehearsal.models(&secret).await, 401);
    assert!(!names(&rehearsal.get("/v1/api-keys").await.json).contains(&"plain".to_owned()));
}

#[tokio::test]
async fn clearing_what_is_unset_and_changing_nothing_are_accepted() {
    let rehearsal = Rehearsal::start().await;
    let id = rehearsal.create_plain().await;
    let before = rehearsal.read(&id).await;
    let unset = json!({"usage_limits": null, "rate_limits": null, "alert_emails": null, "expires_at": null});
    for body in [unset, json!({"name": "plain", "scopes": ["completions.write"]}), json!({})] {
        rehearsal.put(&id, body).await;
        let mut after = rehearsal.read(&id).await;
        after["last_updated_at"] = before["last_updated_at"].clone();
        assert_eq!(after, before);
    }
}
