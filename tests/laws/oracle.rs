//! What a key's object means, read from the documentation once more and independently of the library.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use proptest::prelude::*;
use proptest::test_runner::TestCaseResult;
use serde_json::{Map, Value, json};

/// Each field of an object, with one value for every way to say "unset".
fn read(object: &Value) -> BTreeMap<&'static str, Value> {
    let defaults = &object["defaults"];
    let list = |value: &Value| {
        let mut items: Vec<String> =
            value.as_array().into_iter().flatten().map(ToString::to_string).collect();
        items.sort();
        json!(items)
    };
    let metadata = defaults["metadata"].as_object().filter(|map| !map.is_empty());
    BTreeMap::from([
        ("name", object["name"].clone()),
        ("description", object["description"].as_str().unwrap_or_default().into()),
        ("scopes", list(&object["scopes"])),
        ("rate_limits", list(&object["rate_limits"])),
        ("usage_limits", usage_limits(&object["usage_limits"])),
        ("metadata", metadata.map_or(Value::Null, |map| json!(map))),
        ("config_id", defaults["config_id"].clone()),
        // 0 is no; 1 and null are yes. The one within `defaults` is not to be trusted.
        ("allow_config_override", (object["allow_config_override"] != 0).into()),
        ("alert_emails", list(&object["alert_emails"])),
        ("expires_at", instant(&object["expires_at"])),
        ("rotation_policy", object["rotation_policy"].clone()),
        ("reset_usage", object["last_reset_at"].clone()),
    ])
}

/// The five fields that people set; a missing type is `cost`.
fn usage_limits(limits: &Value) -> Value {
    let numbers = ["credit_limit", "alert_threshold", "periodic_reset_days"];
    let mut read = Map::new();
    for name in numbers {
        if let Some(number) = limits[name].as_f64() {
            read.insert(name.to_owned(), number.into());
        }
    }
    for name in ["type", "periodic_reset"] {
        if let Some(text) = limits[name].as_str() {
            read.insert(name.to_owned(), text.into());
        }
    }
    if read.is_empty() {
        return Value::Null;
    }
    read.entry("type").or_insert_with(|| "cost".into());
    Value::Object(read)
}

fn instant(value: &Value) -> Value {
    let Some(text) = value.as_str() else { return Value::Null };
    let text = if text.len() == 10 { format!("{text}T00:00:00Z") } else { text.to_owned() };
    text.parse::<Timestamp>().unwrap().to_string().into()
}

/// The fields in which two objects differ.
pub(crate) fn difference(before: &Value, after: &Value) -> BTreeSet<String> {
    let (before, after) = (read(before), read(after));
    before
        .iter()
        .filter(|(name, value)| after[**name] != **value)
        .map(|(name, _)| (*name).to_owned())
        .collect()
}

/// The fields that the body of a PUT carries.
pub(crate) fn fields_of(body: &Value) -> BTreeSet<String> {
    let body = body.as_object().unwrap();
    let own = body.keys().filter(|name| *name != "defaults").cloned();
    let within =
        body.get("defaults").and_then(Value::as_object).into_iter().flat_map(|map| map.keys().cloned());
    own.chain(within).collect()
}

/// The scopes that the generated files call by a name.
pub(crate) const SCOPE_SET: (&str, [&str; 2]) = ("inference", ["completions.write", "prompts.render"]);

fn expanded(scopes: &Value) -> BTreeSet<&str> {
    let scopes = scopes.as_array().unwrap().iter().map(|scope| scope.as_str().unwrap());
    scopes.flat_map(|scope| if scope == SCOPE_SET.0 { SCOPE_SET.1.to_vec() } else { vec![scope] }).collect()
}

/// Fails unless the object has everything that the entry of the file says.
pub(crate) fn assert_holds(entry: &Value, object: &Value) -> TestCaseResult {
    let has = read(object);
    for (field, wanted) in entry.as_object().unwrap() {
        let about = format!("{field}: {wanted} in {object}");
        match field.as_str() {
            "name" => prop_assert_eq!(&has["name"], wanted, "{}", about),
            "type" => prop_assert_eq!(&object["type"], wanted, "{}", about),
            "description" => {
                let text = has["description"].as_str().unwrap();
                let own = text.find("[portkey-sync").map_or(text, |at| &text[..at]);
                // One space stands between the text and the mark.
                let own = if own.len() == text.len() { own } else { own.strip_suffix(' ').unwrap_or(own) };
                let own = own.trim_end_matches('\n');
                prop_assert_eq!(own, wanted.as_str().unwrap_or_default(), "{}", about);
            }
            "scopes" => prop_assert_eq!(expanded(&object["scopes"]), expanded(wanted), "{}", about),
            "rate_limits" => {
                let wanted = read(&json!({"rate_limits": wanted}));
                prop_assert_eq!(&has["rate_limits"], &wanted["rate_limits"], "{}", about);
            }
            "alert_emails" => {
                let wanted = read(&json!({"alert_emails": wanted}));
                prop_assert_eq!(&has["alert_emails"], &wanted["alert_emails"], "{}", about);
            }
            "usage_limits" => prop_assert_eq!(&has["usage_limits"], &usage_limits(wanted), "{}", about),
            "metadata" if wanted.is_null() => prop_assert_eq!(&has["metadata"], &Value::Null, "{}", about),
            "metadata" => {
                for (name, value) in wanted.as_object().unwrap() {
                    prop_assert_eq!(&has["metadata"][name], value, "{}", about);
                }
            }
            "config_id" => {
                let wanted = super::case::config_uuid(wanted);
                prop_assert_eq!(&has["config_id"], &wanted, "{}", about);
            }
            "allow_config_override" => {
                let wanted = wanted.as_bool().unwrap_or(true);
                prop_assert_eq!(&has["allow_config_override"], &json!(wanted), "{}", about);
            }
            "expires_at" => prop_assert_eq!(&has["expires_at"], &instant(wanted), "{}", about),
            "rotation_policy" => holds_rotation_policy(wanted, &object["rotation_policy"], &about)?,
            "usage_reset_after" => {
                let due = wanted.as_str().is_some_and(|at| at < "2026-11-23T09");
                let reset = object["last_reset_at"].as_str().or(object["created_at"].as_str()).unwrap();
                prop_assert!(!due || reset >= &wanted.as_str().unwrap()[..19], "{}", about);
            }
            "protected" => {
                let text = has["description"].as_str().unwrap();
                let mark = text.rfind("[portkey-sync").map_or("", |at| &text[at..]);
                prop_assert_eq!(mark.contains(" keep"), wanted.as_bool().unwrap(), "{}", about);
            }
            "workspace_id" | "user_id" | "id" | "renamed_from" => {}
            other => panic!("`{other}` is generated and not looked at"),
        }
    }
    Ok(())
}

fn holds_rotation_policy(wanted: &Value, live: &Value, about: &str) -> TestCaseResult {
    if wanted.is_null() {
        prop_assert_eq!(live, &Value::Null, "{}", about);
        return Ok(());
    }
    for field in ["rotation_period", "rotation_period_days"] {
        prop_assert_eq!(&live[field], &wanted[field], "{}", about);
    }
    let transition = match (&wanted["key_transition_period"], &wanted["key_transition_period_ms"]) {
        (Value::String(text), _) if text == "24h" => json!(86_400_000),
        (_, Value::Number(ms)) => json!(ms),
        _ => json!(1_800_000),
    };
    prop_assert_eq!(&live["key_transition_period_ms"], &transition, "{}", about);
    if let Some(next) = wanted["next_rotation_at"].as_str() {
        // Moved to midnight UTC.
        prop_assert_eq!(&live["next_rotation_at"].as_str().unwrap()[..10], &next[..10], "{}", about);
    }
    Ok(())
}
