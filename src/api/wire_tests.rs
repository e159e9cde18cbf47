use serde_json::json;

use super::*;

/// A row as the service gave it in June 2026 (portkey-api.md 2.3), with every documented field.
fn full() -> Value {
    json!({
        "id": "5c1e7f90-31b4-4c1e-b0d5-6f1a2c7d9e88",
        "key": "ab*****xyz",
        "name": "checkout",
        "description": "Checkout service",
        "type": "workspace-service",
        "organisation_id": "org-1",
        "workspace_id": "ws-uuid-1",
        "user_id": null,
        "status": "active",
        "created_at": "2026-06-01T10:00:00.000Z",
        "last_updated_at": "2026-06-02T10:00:00.000Z",
        "creation_mode": "api",
        "rate_limits": [{"type": "requests", "unit": "rpm", "value": 100}],
        "usage_limits": {
            "credit_limit": 10.0, "type": "cost", "alert_threshold": 8, "periodic_reset": "monthly",
            "periodic_reset_days": null, "next_usage_reset_at": "2026-07-01T00:00:00Z",
            "is_threshold_alerts_sent": false, "is_exhausted_alerts_sent": false,
            "is_expired_alerts_sent": true, "status": "active", "current_usage": 1.25, "id": "u",
            "last_reset_at": null
        },
        "reset_usage": null,
        "expires_at": "2027-06-30T00:00:00.000Z",
        "last_reset_at": null,
        "alert_emails": ["platform@example.com"],
        "expiry_enforced": 0,
        "next_usage_reset_at": "2026-07-01T00:00:00.000Z",
        "allow_config_override": 0,
        "api_key_defaults_id": "d",
        "scopes": ["logs.view", "completions.write"],
        "defaults": {"metadata": {"team": "payments"}, "config_id": "c", "allow_config_override": false},
        "rotation_policy": {
            "rotation_period": "monthly", "next_rotation_at": "2026-07-01T00:00:00.000Z",
            "key_transition_period_ms": 1_800_000, "status": "ACTIVE"
        },
        "object": "api-key"
    })
}

/// The row with one field at the top replaced.
fn with(field: &str, value: Value) -> Value {
    let mut row = full();
    row[field] = value;
    row
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

#[test]
fn a_full_row_is_read_and_nothing_in_it_is_unknown() {
    let row = key_row(full()).unwrap();
    assert_eq!(row.kind, Some(KeyKind::WorkspaceService));
    assert_eq!(row.mask.as_ref().unwrap().ends(), Some(("ab", "xyz")));
    assert_eq!(row.status, Some(KeyStatus::Active));
    assert_eq!(row.creation_mode, Some(CreationMode::Api));
    assert_eq!(row.created_at, Some(at("2026-06-01T10:00:00Z")));
    assert_eq!(row.user_id, None);
    assert_eq!(row.scopes.as_deref().unwrap(), ["logs.view", "completions.write"]);
    assert_eq!(row.metadata.as_ref().unwrap()["team"], "payments");
    assert_eq!(row.config_id, Some(ConfigId::new("c")));
    assert_eq!(row.allow_config_override, Some(false));
    let limits = row.usage_limits.as_ref().unwrap();
    assert_eq!(limits.credit_limit, Amount::new(10.0));
    assert_eq!(limits.periodic_reset, Some(PeriodicReset::Monthly));
    let policy = row.rotation_policy.as_ref().unwrap();
    assert_eq!(policy.rotation_period, Some(RotationPeriod::Monthly));
    assert_eq!(policy.key_transition_period_ms, Some(1_800_000));
    assert_eq!((row.absent.len(), row.unknown_fields.len(), row.unknown_values.len()), (0, 0, 0));
}

#[test]
fn a_row_that_holds_nothing_but_an_id_is_read_and_lists_what_is_absent() {
    let row = key_row(json!({"id": "k", "rotation_policy": null})).unwrap();
    assert!(row.carries("id") && row.carries("rotation_policy"));
    assert!(!row.carries("defaults.metadata") && !row.carries("usage_limits"));
    assert_eq!(row.absent.len(), KeyRow::FIELDS.len() - 2);
    assert_eq!((row.mask, row.kind, row.rotation_policy), (None, None, None));
}

#[test]
fn a_thin_row_of_a_list_says_which_fields_only_a_get_has() {
    let mut row = full();
    row.as_object_mut().unwrap().remove("next_usage_reset_at");
    row["defaults"].as_object_mut().unwrap().remove("allow_config_override");
    let row = key_row(row).unwrap();
    assert_eq!(row.absent, ["next_usage_reset_at", "defaults.allow_config_override"]);
    assert_eq!(row.allow_config_override, Some(false));
}

#[test]
fn a_raw_secret_becomes_a_mask_and_is_never_shown() {
    let row = key_row(with("key", json!("hunter2hunter2"))).unwrap();
    assert_eq!(row.mask.as_ref().unwrap().as_str(), "hu*****er2");
    assert!(!format!("{row:?}").contains("hunter2"));
    let error = key_row(with("key", json!(["hunter2"]))).unwrap_err();
    assert_eq!(error.to_string(), "`key` is not text");
}

#[test]
fn the_override_at_the_top_is_trusted_and_the_nested_one_only_without_it() {
    for (top, expected) in
        [(json!(null), None), (json!(1), Some(true)), (json!(0), Some(false)), (json!("false"), Some(false))]
    {
        assert_eq!(key_row(with("allow_config_override", top)).unwrap().allow_config_override, expected);
    }
    let mut row = full();
    row.as_object_mut().unwrap().remove("allow_config_override");
    assert_eq!(key_row(row).unwrap().allow_config_override, Some(false));
}

#[test]
fn the_shapes_of_unset_are_read_without_being_interpreted() {
    assert_eq!(key_row(with("rate_limits", json!([]))).unwrap().rate_limits, Some(vec![]));
    assert_eq!(key_row(with("rate_limits", json!(null))).unwrap().rate_limits, None);
    let bookkeeping = json!({"is_expired_alerts_sent": true});
    let row = key_row(with("usage_limits", bookkeeping)).unwrap();
    assert_eq!(row.usage_limits, Some(UsageLimits::default()));
    assert_eq!(row.unknown_fields, [""; 0]);
    assert_eq!(key_row(with("usage_limits", json!([]))).unwrap().usage_limits, None);
    assert_eq!(key_row(with("expires_at", json!(""))).unwrap().expires_at, None);
    let row = key_row(with("defaults", json!({"metadata": null, "config_id": null}))).unwrap();
    assert_eq!((row.metadata, row.config_id), (None, None));
}

#[test]
fn usage_limits_in_a_list_of_one_are_read_as_that_one() {
    let row = key_row(with("usage_limits", json!([{"credit_limit": "10.0"}]))).unwrap();
    assert_eq!(row.usage_limits.unwrap().credit_limit, Amount::new(10.0));
    let error = key_row(with("usage_limits", json!([{}, {}]))).unwrap_err();
    assert_eq!(error.to_string(), "`usage_limits` is a list of more than one");
}

#[test]
fn numbers_are_read_as_whole_numbers_floats_or_text() {
    for value in [json!(100), json!(100.0), json!("100"), json!(" 100.0 ")] {
        let row = with("rate_limits", json!([{"type": "tokens", "unit": "rps", "value": value}]));
        assert_eq!(key_row(row).unwrap().rate_limits.unwrap()[0].value, 100);
    }
    for value in [json!(-1), json!(1.5), json!("many"), json!(true), json!(1e300), json!([1])] {
        let row = with("rate_limits", json!([{"type": "tokens", "unit": "rps", "value": value}]));
        assert_eq!(key_row(row).unwrap_err().field, "rate_limits[0].value");
    }
    for (value, expected) in [(json!(10), 10.0), (json!("10.25"), 10.25), (json!(0.5), 0.5)] {
        let row = key_row(with("usage_limits", json!({"credit_limit": value}))).unwrap();
        assert_eq!(row.usage_limits.unwrap().credit_limit, Amount::new(expected));
    }
}

#[test]
fn an_amount_below_nothing_is_no_limit_and_is_reported() {
    let row = key_row(with("usage_limits", json!({"credit_limit": -1}))).unwrap();
    assert_eq!(row.usage_limits, Some(UsageLimits::default()));
    let noted = UnknownValue { field: "usage_limits.credit_limit".to_owned(), value: "-1".to_owned() };
    assert_eq!(row.unknown_values, [noted]);
}

#[test]
fn flags_are_read_as_booleans_numbers_or_text() {
    for value in [json!(true), json!(1), json!(1.0), json!("1"), json!("true"), json!("True")] {
        assert_eq!(flag(&value), Some(true), "{value}");
    }
    for value in [json!(false), json!(0), json!("0"), json!("false")] {
        assert_eq!(flag(&value), Some(false), "{value}");
    }
    for value in [json!(2), json!("yes"), json!([]), json!("")] {
        assert_eq!(flag(&value), None, "{value}");
    }
}

#[test]
fn times_are_read_in_every_form_that_was_seen() {
    for text in [
        "2024-01-25T11:35:07Z",
        "2024-01-25T11:35:07.000Z",
        "2024-01-25 11:35:07",
        "2024-01-25 11:35:07+00:00",
        "2024-01-25T13:35:07+02:00",
        " 2024-01-25T11:35:07 ",
    ] {
        assert_eq!(time(text), Some(at("2024-01-25T11:35:07Z")), "{text}");
    }
    for text in ["", "soon", "2024-13-25T11:35:07Z", "11:35"] {
        assert_eq!(time(text), None, "{text}");
    }
}

#[test]
fn unknown_fields_and_values_are_kept_and_listed_in_order() {
    let mut row = full();
    row["zebra"] = json!({"a": 1});
    row["access_group\u{1b}"] = json!(1);
    row["usage_limits"]["colour"] = json!("red");
    row["rate_limits"][0]["burst"] = json!(5);
    row["rate_limits"][0]["unit"] = json!("rpy");
    row["status"] = json!("dormant");
    row["type"] = json!("workspace-agent");
    row["defaults"]["metadata"]["level"] = json!(3);
    let row = key_row(row).unwrap();
    assert_eq!(
        row.unknown_fields,
        [r"access_group\u{1b}", "rate_limits[0].burst", "usage_limits.colour", "zebra"]
    );
    let values: Vec<_> = row.unknown_values.iter().map(|v| format!("{}={}", v.field, v.value)).collect();
    assert_eq!(
        values,
        ["type=workspace-agent", "status=dormant", "rate_limits[0].unit=rpy", "defaults.metadata.level=3"]
    );
    assert_eq!(row.kind, None);
    assert_eq!(row.status, Some(KeyStatus::Other("dormant".to_owned())));
    assert_eq!(row.rate_limits.unwrap()[0].unit, RateLimitUnit::Other("rpy".to_owned()));
    assert_eq!(row.metadata.unwrap()["level"], 3);
}

#[test]
fn a_malformed_field_is_named_with_what_it_holds() {
    for (field, value, message) in [
        ("expires_at", json!("tomorrow"), r#"`expires_at` is "tomorrow", not a time"#),
        ("scopes", json!("all"), r#"`scopes` is "all", not a list"#),
        ("scopes", json!(["a", 2]), "`scopes[1]` is 2, not text"),
        ("name", json!({"a": 1}), "`name` is an object, not text"),
        ("id", json!(null), "`id` is missing"),
        ("id", json!(""), "`id` is missing"),
        (
            "allow_config_override",
            json!("perhaps"),
            r#"`allow_config_override` is "perhaps", not true or false"#,
        ),
        ("rate_limits", json!([{"type": "requests", "unit": "rpm"}]), "`rate_limits[0].value` is missing"),
        ("rate_limits", json!([7]), "`rate_limits[0]` is 7, not an object"),
        (
            "usage_limits",
            json!({"periodic_reset_days": 1.5}),
            "`usage_limits.periodic_reset_days` is 1.5, not a number of days",
        ),
        ("rotation_policy", json!("weekly"), r#"`rotation_policy` is "weekly", not an object"#),
    ] {
        assert_eq!(key_row(with(field, value)).unwrap_err().to_string(), message);
    }
}

#[test]
fn a_page_with_one_malformed_row_names_the_row() {
    let list = json!({"object": "list", "total": 2, "data": [full(), with("created_at", json!("soon"))]});
    assert_eq!(page(list, key_row).unwrap_err(), r#"row 1: `created_at` is "soon", not a time"#);
    let list = json!({"data": [5]});
    assert_eq!(page(list, key_row).unwrap_err(), "row 0: it is 5, not an object");
}

#[test]
fn a_page_is_read_with_or_without_a_total() {
    let (rows, total) = page(json!({"total": "2", "data": [full(), full()]}), key_row).unwrap();
    assert_eq!((rows.len(), total), (2, Some(2)));
    let (rows, total) = page(json!({"success": true, "data": []}), key_row).unwrap();
    assert_eq!((rows.len(), total), (0, None));
    assert_eq!(page(json!({"total": 2}), key_row).unwrap_err(), "it has no list `data`");
    assert_eq!(page(json!([]), key_row).unwrap_err(), "it is a list, not an object");
}

#[test]
fn workspaces_users_and_configs_are_read_for_their_ids() {
    let row = workspace_row(json!({"id": "u", "slug": "ws-1", "name": "🚀 One", "is_default": 0})).unwrap();
    assert_eq!((row.id.as_str(), row.slug.as_deref(), row.status), ("u", Some("ws-1"), None));
    let row = user_row(json!({"id": "u", "email": "a@example.com", "role": "member"})).unwrap();
    assert_eq!((row.id.as_str(), row.email.as_deref()), ("u", Some("a@example.com")));
    let row = config_row(json!({"id": "c", "slug": "pc-1", "config": "{}", "is_default": 1})).unwrap();
    assert_eq!((row.id.as_str(), row.slug.as_deref()), ("c", Some("pc-1")));
    assert_eq!(config_row(json!({"slug": "pc-1"})).unwrap_err().to_string(), "`id` is missing");
}
