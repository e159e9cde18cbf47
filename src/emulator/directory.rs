//! What the routes of workspaces, users and configs share (portkey-api.md 8).

use std::cmp::Reverse;

use jiff::Timestamp;
use serde_json::{Map, Value};

use super::call::Refusal;

/// Every list is in this order.
pub(super) fn newest_first<T>(items: &[T], created_at: impl Fn(&T) -> Timestamp) -> impl Iterator<Item = &T> {
    let mut items: Vec<&T> = items.iter().collect();
    items.sort_by_key(|item| Reverse(created_at(item)));
    items.into_iter()
}

/// A text that must be there and not be empty.
pub(super) fn required<'a>(body: &'a Map<String, Value>, name: &str) -> Result<&'a str, Refusal> {
    let text = optional(body, name)?.filter(|text| !text.is_empty());
    text.ok_or_else(|| Refusal::invalid(format!("{name} is missing")))
}

/// A text that may be left out or null.
pub(super) fn optional<'a>(body: &'a Map<String, Value>, name: &str) -> Result<Option<&'a str>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::String(text)) => Ok(Some(text)),
        Some(_) => Err(Refusal::invalid(format!("{name} is no string"))),
    }
}

/// A value of one kind that may be left out; null is a value of its own.
pub(super) fn shaped(
    body: &Map<String, Value>,
    name: &str,
    fits: impl Fn(&Value) -> bool,
) -> Result<Option<Value>, Refusal> {
    match body.get(name) {
        None => Ok(None),
        Some(value) if value.is_null() || fits(value) => Ok(Some(value.clone())),
        Some(_) => Err(Refusal::invalid(format!("{name} has the wrong shape"))),
    }
}

pub(super) fn into_map(value: Value) -> Map<String, Value> {
    match value {
        Value::Object(map) => map,
        _ => Map::new(),
    }
}

/// `pc-protom-161488` for "Protomold Production": prefix, six characters of the name, six random digits.
pub(super) fn slug(prefix: &str, name: &str) -> String {
    let plain: String =
        name.chars().map(|c| if c.is_ascii_alphanumeric() { c.to_ascii_lowercase() } else { '-' }).collect();
    let head: String = plain.chars().take(6).collect();
    format!("{prefix}-{}-{:06x}", head.trim_matches('-'), rand::random::<u32>() & 0x00ff_ffff)
}
