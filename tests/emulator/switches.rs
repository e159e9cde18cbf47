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

/// What a key made of `body` reads like, under each setting of a switch.
async fn after_create(name: &str, body: Value, read: &str, expect: &[(&str, Value)]) {
    after_put(name, body, json!({}), read, expect).await;
}

/// The status of a create, under each setting of a switch.
async fn create_answers(name: &str, body: Value, expect: &[(&str, u16)]) {
    let mut all = plain();
    all.as_object_mut().unwrap().extend(body.as_object().unwrap().clone());
    for (setting, status) in expect {
        let rehearsal = switched(name, setting).await;
        let reply = rehearsal.call(Method::POST, "/v1/api-keys/workspace/service", all.clone()).await;
        assert_eq!(reply.status.as_u16(), *status, "{name}: {setting}");
        if *status == 400 {
            assert_envelope(&reply, 400, "AB01", setting);
        }
    }
}

#[tokio::test]
async fn a_weekly_usage_reset_falls_on_the_day_of_the_switch() {
    for (setting, first, second) in [
        ("sunday", "2026-11-29T00:00:00.000Z", "2026-12-06T00:00:00.000Z"),
        ("monday", "2026-11-30T00:00:00.000Z", "2026-12-07T00:00:00.000Z"),
    ] {
        let seed = format!(
            "{SEED}  - {{name: seeded, type: organisation-service, scopes: [workspaces.list], \
             usage_limits: {{credit_limit: 10, periodic_reset: weekly}}}}\n"
        );
        let rehearsal = Rehearsal::with(Options {
            seed: Some(Seed::from_yaml_str(&seed).unwrap()),
            switches: Some(switches("weekly-usage-reset", setting)),
            ..Options::default()
        })
        .await;
        let seeded = rehearsal.id_of("seeded").await;
        assert_eq!(rehearsal.read(&seeded).await["next_usage_reset_at"], first);
        let limits = json!({"credit_limit": 10, "periodic_reset": "weekly"});
        let (id, _) = rehearsal.create(with(plain(), "usage_limits", limits)).await;
        assert_eq!(rehearsal.read(&id).await["next_usage_reset_at"], first);
        rehearsal.advance("8d").await;
        let key = rehearsal.read(&id).await;
        assert_eq!((&key["last_reset_at"], &key["next_usage_reset_at"]), (&json!(first), &json!(second)));
    }
}

#[tokio::test]
async fn a_rotation_period_with_a_date_is_accepted_or_refused() {
    let both = json!({"rotation_period": "weekly", "next_rotation_at": "2027-02-03T00:00:00Z"});
    let expect = [("accepted", 200), ("refused", 400)];
    create_answers("rotation-period-with-date", json!({"rotation_policy": both}), &expect).await;
    let days = json!({"rotation_period_days": 9, "next_rotation_at": "2027-02-03T00:00:00Z"});
    create_answers("rotation-period-with-date", json!({"rotation_policy": days}), &expect).await;
    // One of them is fine either way, and null is none.
    let one = json!({"rotation_period": "weekly", "next_rotation_at": null});
    create_answers("rotation-period-with-date", json!({"rotation_policy": one}), &[("refused", 200)]).await;
}

#[tokio::test]
async fn a_rotation_date_moves_to_the_midnight_of_the_switch() {
    let read = "/rotation_policy/next_rotation_at";
    let date = |at: &str| json!({"rotation_policy": {"next_rotation_at": at}});
    let (early, late) = (json!("2027-02-03T00:00:00.000Z"), json!("2027-02-04T00:00:00.000Z"));
    let expect = [("before", early.clone()), ("after", late)];
    after_create("rotation-midnight", date("2027-02-03T15:30:00Z"), read, &expect).await;
    let expect = [("before", early.clone()), ("after", early)];
    after_create("rotation-midnight", date("2027-02-03T00:00:00Z"), read, &expect).await;
}

#[tokio::test]
async fn scopes_that_do_not_fit_are_refused_or_held() {
    for scope in ["completions.wirte", "audit_logs.list"] {
        let body = json!({"scopes": [scope]});
        create_answers("unfit-scopes", body.clone(), &[("refused", 400), ("accepted", 200)]).await;
        after_create("unfit-scopes", body, "/scopes", &[("accepted", json!([scope]))]).await;
    }
}

#[tokio::test]
async fn scopes_read_in_the_order_of_the_switch() {
    let scopes = ["prompts.render", "completions.write", "prompts.render"];
    let expect = [
        ("as-written", json!(scopes)),
        ("distinct", json!(["prompts.render", "completions.write"])),
        ("sorted", json!(["completions.write", "prompts.render"])),
    ];
    after_create("scopes-in-answers", json!({"scopes": scopes}), "/scopes", &expect).await;
}

#[tokio::test]
async fn metadata_that_is_no_text_is_kept_or_turned_into_it_or_refused() {
    let body = json!({"defaults": {"metadata": {"size": 3, "team": "a"}}});
    let expect = [("kept", json!({"size": 3, "team": "a"})), ("as-text", json!({"size": "3", "team": "a"}))];
    after_create("metadata-values", body.clone(), "/defaults/metadata", &expect).await;
    create_answers("metadata-values", body, &[("refused", 400)]).await;
    let text = json!({"defaults": {"metadata": {"team": "a"}}});
    create_answers("metadata-values", text, &[("refused", 200)]).await;
}

#[tokio::test]
async fn usage_limits_read_as_the_switches_say() {
    let body = json!({"usage_limits": {"credit_limit": 500, "alert_threshold": 12.5}});
    let expect = [("absent", None), ("as-cost", Some(json!("cost")))];
    for (setting, expect) in expect {
        let rehearsal = switched("unset-usage-type", setting).await;
        let (id, _) = rehearsal.create(with(plain(), "usage_limits", body["usage_limits"].clone())).await;
        assert_eq!(rehearsal.read(&id).await["usage_limits"].get("type"), expect.as_ref(), "{setting}");
    }
    let read = "/usage_limits/credit_limit";
    let expect = [("as-written", json!(500)), ("with-fraction", json!(500.0))];
    after_create("amounts-in-answers", body.clone(), read, &expect).await;
    let expect = [("as-written", json!(12.5)), ("with-fraction", json!(12.5))];
    after_create("amounts-in-answers", body, "/usage_limits/alert_threshold", &expect).await;
}

#[tokio::test]
async fn user_keys_read_masked_or_raw_and_others_masked() {
    for (setting, raw) in [("masked", false), ("raw", true)] {
        let rehearsal = switched("user-keys-in-answers", setting).await;
        let rows = rehearsal.get("/v1/api-keys?page_size=100").await.json;
        for row in rows["data"].as_array().unwrap() {
            let is_masked = |key: &Value| key["key"].as_str().unwrap().contains("*****");
            let shown = raw && row["type"] == "workspace-user";
            assert_eq!(is_masked(row), !shown, "{setting}: {row}");
            assert_eq!(is_masked(&rehearsal.read(row["id"].as_str().unwrap()).await), !shown, "{setting}");
        }
    }
}

#[tokio::test]
async fn a_page_is_as_long_as_the_switches_say() {
    for (name, setting, query, expect) in [
        ("page-size", "50", "", 50),
        ("page-size", "20", "", 20),
        ("page-size", "100", "", 100),
        ("page-size", "20", "?page_size=30", 30),
        ("page-size-over-100", "refused", "?page_size=101", 0),
        ("page-size-over-100", "clamped", "?page_size=101", 100),
        ("page-size-over-100", "clamped", "?page_size=7", 7),
    ] {
        let mut seed = SEED.to_owned();
        for n in 0..110 {
            seed +=
                &format!("  - {{name: key-{n}, type: organisation-service, scopes: [workspaces.list]}}\n");
        }
        let rehearsal = Rehearsal::with(Options {
            seed: Some(Seed::from_yaml_str(&seed).unwrap()),
            switches: Some(switches(name, setting)),
            ..Options::default()
        })
        .await;
        let reply = rehearsal.get(&format!("/v1/api-keys{query}")).await;
        if expect == 0 {
            assert_envelope(&reply, 400, "AB01", setting);
        } else {
            assert_eq!(names(&reply.json).len(), expect, "{name}: {setting} {query}");
            assert!(reply.json["total"].as_u64().unwrap() > 110);
        }
    }
}

#[tokio::test]
async fn a_put_moves_the_date_of_the_last_update_as_the_switch_says() {
    for (setting, without_difference, with_difference) in
        [("moves", true, true), ("moves-on-difference", false, true), ("stays", false, false)]
    {
        let rehearsal = switched("last-updated-at", setting).await;
        let (id, _) = rehearsal.create(with(plain(), "description", json!("Text"))).await;
        let date = async || rehearsal.read(&id).await["last_updated_at"].clone();
        for (text, moves) in [("Text", without_difference), ("Other text", with_difference)] {
            let before = date().await;
            rehearsal.advance("1h").await;
            rehearsal.put(&id, json!({"description": text})).await;
            assert_eq!(date().await != before, moves, "{setting}: {text}");
        }
        assert_eq!(rehearsal.read(&id).await["description"], "Other text");
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
