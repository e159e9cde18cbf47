//! The data plane: what secrets open, and what is spent.

use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, Reply, plain, text, with};

/// A key of these fields and its secret.
async fn key(rehearsal: &Rehearsal, field: &str, value: Value) -> (String, String) {
    rehearsal.create(with(plain(), field, value)).await
}

async fn spend(rehearsal: &Rehearsal, secret: &str, tokens: u64) -> Reply {
    let body = json!({"model": "m", "messages": [], "max_tokens": tokens});
    rehearsal.call_as(secret, Method::POST, "/v1/chat/completions", body).await
}

async fn status(rehearsal: &Rehearsal, id: &str) -> String {
    text(&rehearsal.read(id).await["status"])
}

fn assert_gateway(reply: &Reply, status: u16, code: &str) {
    assert_eq!(
        (reply.status.as_u16(), &reply.json["error"]["code"]),
        (status, &json!(code)),
        "{}",
        reply.text
    );
    assert_eq!(reply.json["status"], "failure");
    let message = text(&reply.json["message"]);
    assert!(
        message.starts_with("Portkey Error: ") && message.ends_with(&format!("Error Code: {code}")),
        "{message}"
    );
}

#[tokio::test]
async fn a_completion_spends_as_many_tokens_as_it_is_allowed() {
    let rehearsal = Rehearsal::start().await;
    let (_, secret) = rehearsal.create(plain()).await;
    let reply = spend(&rehearsal, &secret, 30).await.json;
    assert_eq!(reply["usage"], json!({"prompt_tokens": 0, "completion_tokens": 30, "total_tokens": 30}));
    let path = "/v1/chat/completions";
    for (body, tokens) in [
        (json!({"messages": []}), 16),
        (json!({"messages": [], "max_completion_tokens": 3, "max_tokens": 9}), 3),
    ] {
        let reply = rehearsal.call_as(&secret, Method::POST, path, body).await.json;
        assert_eq!(reply["usage"]["total_tokens"], tokens);
    }
    for body in [json!({}), json!({"messages": [], "max_tokens": -1}), json!({"messages": "hello"})] {
        assert_gateway(&rehearsal.call_as(&secret, Method::POST, path, body).await, 400, "02");
    }
}

#[tokio::test]
async fn a_key_whose_cost_reaches_its_limit_is_exhausted() {
    let rehearsal = Rehearsal::start().await;
    let (id, secret) =
        key(&rehearsal, "usage_limits", json!({"credit_limit": 1, "alert_threshold": 1})).await;
    spend(&rehearsal, &secret, 99).await;
    let before = rehearsal.read(&id).await;
    assert_eq!(
        (&before["status"], &before["usage_limits"]["is_threshold_alerts_sent"]),
        (&json!("active"), &json!(false))
    );
    assert_eq!(spend(&rehearsal, &secret, 1).await.status, 200, "the last one is served");
    let after = rehearsal.read(&id).await;
    assert_eq!(after["status"], "exhausted");
    assert_eq!(after["usage_limits"]["is_threshold_alerts_sent"], true);
    assert_eq!(after["usage_limits"]["is_exhausted_alerts_sent"], true);
    assert_gateway(&spend(&rehearsal, &secret, 1).await, 412, "04");
    assert_eq!(rehearsal.models(&secret).await, 412);
}

#[tokio::test]
async fn a_limit_of_tokens_counts_tokens() {
    let rehearsal = Rehearsal::start().await;
    let (id, secret) = key(&rehearsal, "usage_limits", json!({"credit_limit": 100, "type": "tokens"})).await;
    spend(&rehearsal, &secret, 99).await;
    assert_eq!(status(&rehearsal, &id).await, "active");
    spend(&rehearsal, &secret, 1).await;
    assert_eq!(status(&rehearsal, &id).await, "exhausted");
}

#[tokio::test]
async fn an_exhausted_key_lives_again_with_a_raised_limit_a_reset_or_none() {
    let rehearsal = Rehearsal::start().await;
    for body in [
        json!({"usage_limits": {"credit_limit": 2}}),
        json!({"usage_limits": null}),
        json!({"reset_usage": true}),
    ] {
        let (id, secret) = key(&rehearsal, "usage_limits", json!({"credit_limit": 1})).await;
        spend(&rehearsal, &secret, 100).await;
        assert_eq!(status(&rehearsal, &id).await, "exhausted");
        rehearsal.put(&id, body.clone()).await;
        assert_eq!(status(&rehearsal, &id).await, "active", "{body}");
        assert_eq!(spend(&rehearsal, &secret, 1).await.status, 200, "{body}");
    }
}

#[tokio::test]
async fn an_exhausted_key_lives_again_when_its_period_ends() {
    let rehearsal = Rehearsal::start().await;
    // It is Monday morning; weekly resets fall on Sunday, monthly ones on the first, the others at midnight.
    for (period, days) in [
        (json!({"credit_limit": 1, "periodic_reset": "weekly"}), 6),
        (json!({"credit_limit": 1, "periodic_reset": "monthly"}), 2),
        (json!({"credit_limit": 1, "periodic_reset_days": 3}), 3),
    ] {
        let (id, secret) = key(&rehearsal, "usage_limits", period.clone()).await;
        spend(&rehearsal, &secret, 100).await;
        rehearsal.advance(&format!("{}d", days - 1)).await;
        assert_eq!(status(&rehearsal, &id).await, "exhausted", "{period}");
        rehearsal.advance("1d").await;
        assert_eq!(status(&rehearsal, &id).await, "active", "{period}");
        let flags = &rehearsal.read(&id).await["usage_limits"];
        assert_eq!(flags["is_exhausted_alerts_sent"], false);
    }
}

#[tokio::test]
async fn raising_the_limit_or_the_threshold_arms_the_alert_again() {
    let rehearsal = Rehearsal::start().await;
    let limits = json!({"credit_limit": 10, "alert_threshold": 2});
    for (body, sent) in [
        (json!({"credit_limit": 20}), false),
        (json!({"alert_threshold": 3}), false),
        (json!({"alert_threshold": null}), false),
        (json!({"alert_threshold": 1}), true),
        (json!({"credit_limit": 9}), true),
    ] {
        let (id, secret) = key(&rehearsal, "usage_limits", limits.clone()).await;
        spend(&rehearsal, &secret, 200).await;
        assert_eq!(rehearsal.read(&id).await["usage_limits"]["is_threshold_alerts_sent"], true);
        rehearsal.put(&id, json!({"usage_limits": body})).await;
        let limits = &rehearsal.read(&id).await["usage_limits"];
        assert_eq!(limits["is_threshold_alerts_sent"], sent, "{body}");
    }
}

#[tokio::test]
async fn spending_is_no_update_of_the_key() {
    let rehearsal = Rehearsal::start().await;
    let (id, secret) = rehearsal.create(plain()).await;
    let before = rehearsal.read(&id).await;
    rehearsal.advance("1m").await;
    spend(&rehearsal, &secret, 5).await;
    assert_eq!(rehearsal.read(&id).await, before);
}

#[tokio::test]
async fn rate_limits_hold_within_their_window() {
    let rehearsal = Rehearsal::start().await;
    rehearsal.control(Method::POST, "clock", json!({"set": "2026-11-23T10:00:00Z"})).await;
    for (unit, length) in [("rps", "1s"), ("rpm", "1m"), ("rph", "1h"), ("rpd", "1d")] {
        let limits = json!([{"type": "requests", "unit": unit, "value": 2}]);
        // Whole days later: no window of the one before is still open, and none ends meanwhile, seconds aside.
        rehearsal.advance("24h").await;
        let (_, secret) = key(&rehearsal, "rate_limits", limits).await;
        let mut refused = 0;
        for _ in 0..4 {
            let reply = spend(&rehearsal, &secret, 1).await;
            refused += usize::from(reply.status == 429);
        }
        // A second may have passed between two requests, a minute hardly.
        assert!(refused == 2 || unit == "rps", "{unit}: {refused}");
        if unit != "rps" {
            assert_gateway(&spend(&rehearsal, &secret, 1).await, 429, "05");
        }
        rehearsal.advance(length).await;
        assert_eq!(spend(&rehearsal, &secret, 1).await.status, 200, "{unit}");
    }
}

#[tokio::test]
async fn rate_limits_of_zero_per_week_and_the_second_of_tokens_limit_nothing() {
    let rehearsal = Rehearsal::start().await;
    for limits in [
        json!([{"type": "requests", "unit": "rpd", "value": 0}]),
        json!([{"type": "requests", "unit": "rpw", "value": 1}]),
        json!([{"type": "tokens", "unit": "rpd", "value": 1_000_000}, {"type": "tokens", "unit": "rpd", "value": 1}]),
    ] {
        let (_, secret) = key(&rehearsal, "rate_limits", limits.clone()).await;
        for _ in 0..3 {
            assert_eq!(spend(&rehearsal, &secret, 10).await.status, 200, "{limits}");
        }
    }
    let tokens = json!([{"type": "tokens", "unit": "rpd", "value": 15}]);
    let (_, secret) = key(&rehearsal, "rate_limits", tokens).await;
    let mut statuses = Vec::new();
    for _ in 0..3 {
        statuses.push(spend(&rehearsal, &secret, 10).await.status.as_u16());
    }
    assert_eq!(statuses, [200, 200, 429]);
}

#[tokio::test]
async fn a_locked_config_cannot_be_overridden_and_without_a_config_there_is_no_lock() {
    let rehearsal = Rehearsal::start().await;
    let client = reqwest::Client::builder().no_proxy().build().unwrap();
    let url = format!("http://{}/v1/chat/completions", rehearsal.running.local_addr());
    for (defaults, expect) in [
        (json!({"config_id": "pc-routing-9f8e", "allow_config_override": false}), 400),
        (json!({"config_id": "pc-routing-9f8e", "allow_config_override": true}), 200),
        (json!({"allow_config_override": false}), 200),
    ] {
        let (_, secret) = key(&rehearsal, "defaults", defaults.clone()).await;
        let request =
            client.post(&url).header("x-portkey-api-key", &secret).header("x-portkey-config", "pc-x");
        let reply = request.json(&json!({"messages": []})).send().await.unwrap();
        assert_eq!(reply.status(), expect, "{defaults}");
    }
}

#[tokio::test]
async fn the_data_plane_refuses_in_an_envelope_of_its_own() {
    let rehearsal = Rehearsal::start().await;
    assert_gateway(&spend(&rehearsal, "nobodys-secret-000000000000", 1).await, 401, "03");
    assert_gateway(&spend(&rehearsal, rehearsal.running.admin_key(), 1).await, 401, "03");
    let (_, secret) = key(&rehearsal, "scopes", json!(["logs.view"])).await;
    assert_gateway(&spend(&rehearsal, &secret, 1).await, 403, "033");
    let (_, secret) = key(&rehearsal, "expires_at", json!("2026-11-23T09:30:00Z")).await;
    assert_eq!(spend(&rehearsal, &secret, 1).await.status, 200);
    // Expired by its date; the worker has not marked it yet.
    rehearsal.advance("31m").await;
    assert_gateway(&spend(&rehearsal, &secret, 1).await, 401, "01");
}

#[tokio::test]
async fn a_rotated_out_secret_opens_the_data_plane_until_its_transition_ends() {
    let rehearsal = Rehearsal::start().await;
    let (id, old) = rehearsal.create(plain()).await;
    let new = rehearsal.call(Method::POST, &format!("/v1/api-keys/{id}/rotate"), Value::Null).await;
    let new = text(&new.json["key"]);
    for secret in [&old, &new] {
        assert_eq!(spend(&rehearsal, secret, 1).await.status, 200);
    }
    rehearsal.advance("31m").await;
    assert_gateway(&spend(&rehearsal, &old, 1).await, 401, "03");
    assert_eq!(spend(&rehearsal, &new, 1).await.status, 200);
}
