//! What each switch changes; that the defaults change nothing is what the other tests show.

use portkey_sync::emulator::{Options, Seed, Switches};
use reqwest::Method;
use serde_json::{Value, json};

use crate::harness::{Rehearsal, SEED, assert_envelope, names, plain, with};

fn switches(name: &str, setting: &str) -> Switches {
    serde_json::from_value(json!({name: setting})).unwrap()
}

async fn switched(name: &str, setting: &str) -> Rehearsal {
    Rehearsal::with(Options {
        seed: Some(Seed::from_yaml_str(SEED).unwrap()),
        switches: Some(switches(name, setting)),
        ..Options::default()
    })
    .await
}

/// What a key made of `before` reads like after a PUT, under each setting of a switch.
async fn after_put(name: &str, before: Value, put: Value, read: &str, expect: &[(&str, Value)]) {
    for (setting, expect) in expect {
        let rehearsal = switched(name, setting).await;
        let mut body = plain();
        body.as_object_mut().unwrap().extend(before.as_object().unwrap().clone());
        let (id, _) = rehearsal.create(body).await;
        rehearsal.put(&id, put.clone()).await;
        assert_eq!(rehearsal.read(&id).await.pointer(read), Some(expect), "{name}: {setting}, {put}");
    }
}

#[tokio::test]
async fn a_description_is_cleared_by_the_forms_that_the_switch_allows() {
    let (name, before) = ("description-clearing", json!({"description": "Text"}));
    for (put, clearing) in [("", ["either", "by-empty"]), ("null", ["either", "by-null"])] {
        let put = if put == "null" { Value::Null } else { json!("") };
        let expect = ["either", "by-empty", "by-null", "neither"]
            .map(|setting| (setting, json!(if clearing.contains(&setting) { "" } else { "Text" })));
        after_put(name, before.clone(), json!({"description": put}), "/description", &expect).await;
    }
}

#[tokio::test]
async fn metadata_are_cleared_by_the_forms_that_the_switch_allows() {
    let (name, before) = ("metadata-clearing", json!({"defaults": {"metadata": {"team": "a"}}}));
    for (put, clearing) in [(json!({}), ["either", "by-empty"]), (Value::Null, ["either", "by-null"])] {
        let expect = ["either", "by-empty", "by-null", "neither"].map(|setting| {
            (setting, if clearing.contains(&setting) { Value::Null } else { json!({"team": "a"}) })
        });
        let put = json!({"defaults": {"metadata": put}});
        after_put(name, before.clone(), put, "/defaults/metadata", &expect).await;
    }
}

#[tokio::test]
async fn metadata_and_usage_limits_replace_or_merge() {
    let metadata = json!({"defaults": {"metadata": {"a": "1", "b": "1", "c": "1"}}});
    let put = json!({"defaults": {"metadata": {"a": "2", "b": null}}});
    let expect = [("replaces", json!({"a": "2", "b": null})), ("merges", json!({"a": "2", "c": "1"}))];
    after_put("metadata-in-put", metadata, put, "/defaults/metadata", &expect).await;

    let limits =
        json!({"usage_limits": {"credit_limit": 500, "alert_threshold": 400, "periodic_reset": "monthly"}});
    let put = json!({"usage_limits": {"credit_limit": 600, "periodic_reset": "monthly"}});
    let expect = [("merges", json!(400)), ("replaces", Value::Null)];
    for (setting, threshold) in expect {
        let rehearsal = switched("usage-limits-in-put", setting).await;
        let (id, _) = rehearsal.create(with(plain(), "usage_limits", limits["usage_limits"].clone())).await;
        rehearsal.put(&id, put.clone()).await;
        let after = rehearsal.read(&id).await["usage_limits"].clone();
        assert_eq!(
            (&after["credit_limit"], &after["alert_threshold"]),
            (&json!(600), &threshold),
            "{setting}"
        );
        assert_eq!(after["next_usage_reset_at"], "2026-12-01T00:00:00.000Z", "{setting}");
    }
}

#[tokio::test]
async fn null_ends_an_expiry_or_does_nothing() {
    let at = "2027-06-30T00:00:00.000Z";
    let expect = [("by-null", Value::Null), ("never", json!(at))];
    after_put(
        "expiry-clearing",
        json!({"expires_at": at}),
        json!({"expires_at": null}),
        "/expires_at",
        &expect,
    )
    .await;
}

#[tokio::test]
async fn an_empty_list_is_kept_clears_or_does_nothing() {
    let limits = json!([{"type": "requests", "unit": "rpm", "value": 5}]);
    let expect = [("kept", json!([])), ("clears", json!([])), ("ignored", limits.clone())];
    let before = json!({"rate_limits": limits});
    after_put("empty-rate-limits", before, json!({"rate_limits": []}), "/rate_limits", &expect).await;
    let emails = json!(["a@example.com"]);
    let expect = [("kept", json!([])), ("clears", Value::Null), ("ignored", emails.clone())];
    let before = json!({"alert_emails": emails});
    after_put("empty-alert-emails", before, json!({"alert_emails": []}), "/alert_emails", &expect).await;
    // Null clears under all of them, and lists that are not empty are not their business.
    for name in ["empty-rate-limits", "empty-alert-emails"] {
        for setting in ["kept", "clears", "ignored"] {
            let rehearsal = switched(name, setting).await;
            let id = rehearsal.create_plain().await;
            rehearsal.put(&id, json!({"rate_limits": limits, "alert_emails": emails})).await;
            let key = rehearsal.read(&id).await;
            assert_eq!((&key["rate_limits"], &key["alert_emails"]), (&limits, &emails), "{name}: {setting}");
            rehearsal.put(&id, json!({"rate_limits": null, "alert_emails": null})).await;
            let key = rehearsal.read(&id).await;
            assert_eq!((&key["rate_limits"], &key["alert_emails"]), (&json!([]), &Value::Null));
        }
    }
}

#[tokio::test]
async fn unset_fields_read_as_the_switches_say() {
    let metadata = "/defaults/metadata";
    for (name, read, expect) in [
        (
            "unset-description",
            "/description",
            vec![("as-written", Value::Null), ("as-empty", json!("")), ("as-null", Value::Null)],
        ),
        ("unset-rate-limits", "/rate_limits", vec![("as-empty", json!([])), ("as-null", Value::Null)]),
        ("unset-alert-emails", "/alert_emails", vec![("as-null", Value::Null), ("as-empty", json!([]))]),
        ("unset-metadata", metadata, vec![("as-null", Value::Null), ("as-empty", json!({}))]),
        (
            "unset-allow-config-override",
            "/allow_config_override",
            vec![("as-null", Value::Null), ("as-one", json!(1))],
        ),
    ] {
        after_put(name, json!({}), json!({}), read, &expect).await;
    }
    let cleared = [("as-written", json!("")), ("as-empty", json!("")), ("as-null", Value::Null)];
    let before = json!({"description": "Text"});
    after_put("unset-description", before, json!({"description": null}), "/description", &cleared).await;
}

#[tokio::test]
async fn rows_show_the_rotation_policy_if_the_switch_says_so() {
    let rehearsal = switched("rotation-policy-in-rows", "shown").await;
    let (id, _) =
        rehearsal.create(with(plain(), "rotation_policy", json!({"rotation_period": "weekly"}))).await;
    let rows = rehearsal.get("/v1/api-keys").await.json;
    assert_eq!(rows["data"][0]["id"], id.as_str());
    assert_eq!(rows["data"][0]["rotation_policy"]["rotation_period"], "weekly");
    assert_eq!(rows["data"][1].get("rotation_policy"), None);
}

#[tokio::test]
async fn a_rotation_in_transition_is_refused_with_either_code() {
    for (setting, status, code) in [("400-ab01", 400, "AB01"), ("409-ab07", 409, "AB07")] {
        let rehearsal = switched("rotation-in-transition", setting).await;
        let path = format!("/v1/api-keys/{}/rotate", rehearsal.create_plain().await);
        assert_eq!(rehearsal.call(Method::POST, &path, Value::Null).await.status, 200);
        assert_envelope(&rehearsal.call(Method::POST, &path, Value::Null).await, status, code, setting);
    }
}

#[tokio::test]
async fn rotating_needs_the_scope_that_the_switch_names() {
    let seed = SEED.replace(
        "keys:\n",
        "keys:
  - {name: rotator, type: organisation-service, secret: rotators-secret-00000rot,
     scopes: [workspace_service_api_keys.rotate]}
  - {name: updater, type: organisation-service, secret: updaters-secret-00000upd,
     scopes: [workspace_service_api_keys.update]}\n",
    );
    for (setting, rotator, updater) in [("rotate", 200, 403), ("update", 403, 200), ("either", 200, 200)] {
        let rehearsal = Rehearsal::with(Options {
            seed: Some(Seed::from_yaml_str(&seed).unwrap()),
            switches: Some(switches("rotation-scope", setting)),
            ..Options::default()
        })
        .await;
        for (secret, status) in [("rotators-secret-00000rot", rotator), ("updaters-secret-00000upd", updater)]
        {
            let path = format!("/v1/api-keys/{}/rotate", rehearsal.create_plain().await);
            let reply = rehearsal.call_as(secret, Method::POST, &path, Value::Null).await;
            assert_eq!(reply.status, status, "{setting}: {secret}");
        }
    }
}

#[tokio::test]
async fn an_expired_key_revives_or_not() {
    for (setting, status) in [("revives", "active"), ("stays-expired", "expired")] {
        let rehearsal = switched("expired-key-renewal", setting).await;
        let (id, _) = rehearsal.create(with(plain(), "expires_at", json!("2026-11-23T10:00:00Z"))).await;
        rehearsal.advance("2h").await;
        assert_eq!(rehearsal.read(&id).await["status"], "expired");
        rehearsal.put(&id, json!({"expires_at": "2027-06-30T00:00:00Z"})).await;
        let key = rehearsal.read(&id).await;
        assert_eq!(
            (&key["status"], &key["expires_at"]),
            (&json!(status), &json!("2027-06-30T00:00:00.000Z"))
        );
    }
}

#[tokio::test]
async fn a_missing_list_scope_hides_rows_or_forbids() {
    let manager = "managers-secret-00000000mgr";
    let list = |rehearsal: Rehearsal| async move {
        rehearsal.call_as(manager, Method::GET, "/v1/api-keys", Value::Null).await
    };
    let shown = list(switched("missing-list-scope", "hides-rows").await).await;
    assert!(!names(&shown.json).contains(&"default_user_key".to_owned()));
    let refused = list(switched("missing-list-scope", "forbidden").await).await;
    assert_envelope(&refused, 403, "AB03", "it may not list user keys");
    // What lies outside of its workspace is none that it could see.
    let seed = SEED.replace(
        "[workspace_service_api_keys.create, workspace_service_api_keys.list,",
        "[workspace_service_api_keys.list, workspace_user_api_keys.list,",
    );
    let rehearsal = Rehearsal::with(Options {
        seed: Some(Seed::from_yaml_str(&seed).unwrap()),
        switches: Some(switches("missing-list-scope", "forbidden")),
        ..Options::default()
    })
    .await;
    assert_eq!(list(rehearsal).await.status, 200);
}

#[tokio::test]
async fn a_deleted_key_is_not_found_or_forbidden() {
    for (setting, status, code) in [("not-found", 404, "AB08"), ("forbidden", 403, "AB03")] {
        let rehearsal = switched("deleted-key", setting).await;
        let path = format!("/v1/api-keys/{}", rehearsal.create_plain().await);
        assert_eq!(rehearsal.call(Method::DELETE, &path, Value::Null).await.status, 200);
        assert_envelope(&rehearsal.call(Method::GET, &path, Value::Null).await, status, code, setting);
    }
}

#[tokio::test]
async fn switches_come_from_the_options_else_the_state_else_the_seed() {
    let folder = tempfile::tempdir().unwrap();
    let seed = format!("switches: {{unset-metadata: as-empty}}{SEED}");
    let options = Options {
        seed: Some(Seed::from_yaml_str(&seed).unwrap()),
        state: Some(folder.path().join("state.json")),
        ..Options::default()
    };
    let empty = json!({});
    for (options, expect) in [
        (options.clone(), &empty),
        (Options { seed: None, ..options.clone() }, &empty),
        (Options { switches: Some(Switches::default()), ..options.clone() }, &Value::Null),
        // What was decided last is what the state holds.
        (options, &Value::Null),
    ] {
        let rehearsal = Rehearsal::with(options).await;
        let id = rehearsal.id_of("checkout").await;
        assert_eq!(&rehearsal.read(&id).await["defaults"]["metadata"], expect);
        rehearsal.running.stop().await.unwrap();
    }
    let error = Seed::from_yaml_str("switches: {unset-metdata: as-empty}").err().unwrap();
    assert!(std::error::Error::source(&error).unwrap().to_string().contains("unset-metdata"));
}
