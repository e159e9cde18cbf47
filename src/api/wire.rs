//! The service's JSON, read leniently: a number may be text or `10.0`, a flag may be 0 or "false",
//! a time may have a space in it (portkey-api.md 2 and 9). What cannot be read is an error that
//! names the field; what is merely new is kept and listed.

use std::collections::BTreeMap;

use jiff::Timestamp;
use jiff::civil::DateTime;
use jiff::tz::TimeZone;
use serde_json::{Map, Value};

use super::error::clean;
use super::rows::{
    ConfigRow, CreationMode, KeyRow, KeyStatus, MalformedField, UnknownValue, UserRow, WorkspaceRow,
};
use crate::model::{
    Amount, ConfigId, KeyId, KeyKind, Mask, OrganisationId, PeriodicReset, RateLimit, RateLimitType,
    RateLimitUnit, RotationPeriod, RotationPolicy, UsageLimits, UsageType, UserId, WorkspaceId,
};

/// The service's own notes on a key: never compared, never unknown (portkey-api.md 2.3).
const KEY_BOOKKEEPING: [&str; 4] = ["object", "reset_usage", "expiry_enforced", "api_key_defaults_id"];

/// The same for `usage_limits` (portkey-api.md 2.4).
const USAGE_BOOKKEEPING: [&str; 8] = [
    "id",
    "status",
    "current_usage",
    "last_reset_at",
    "next_usage_reset_at",
    "is_threshold_alerts_sent",
    "is_exhausted_alerts_sent",
    "is_expired_alerts_sent",
];

/// The longest piece of a value that an error or a note shows.
const LONGEST_VALUE: usize = 60;

/// The rows of one page and the total; an error says where on the page.
pub(super) fn page<T>(
    json: Value,
    row: impl Fn(Value) -> Result<T, MalformedField>,
) -> Result<(Vec<T>, Option<u64>), String> {
    let mut list = Object::read(json, String::new()).map_err(|error| error.to_string())?;
    let total = list.whole("total").map_err(|error| error.to_string())?;
    let Some(Value::Array(values)) = list.take("data") else {
        return Err("it has no list `data`".to_owned());
    };
    let rows = values
        .into_iter()
        .enumerate()
        .map(|(index, value)| row(value).map_err(|error| format!("row {index}: {error}")))
        .collect::<Result<_, _>>()?;
    Ok((rows, total))
}

pub(super) fn key_row(json: Value) -> Result<KeyRow, MalformedField> {
    let mut notes = Notes::default();
    let mut key = Object::read(json, String::new())?;
    let absent = KeyRow::FIELDS.into_iter().filter(|field| !key.has(field)).collect();

    // First of all, so that no later error can be reached while the raw value is still around.
    let mask = key.secret("key")?.map(Mask::of_live);
    let id = KeyId::new(key.required("id")?);
    let kind = key
        .word("type", &KeyKind::ALL.map(KeyKind::as_str), &mut notes)?
        .and_then(|text| KeyKind::parse(&text));
    let status = key.word("status", &["active", "exhausted", "expired"], &mut notes)?;
    let creation_mode = key.word("creation_mode", &["ui", "api", "auto"], &mut notes)?;
    let rate_limits = key
        .list("rate_limits")?
        .map(|entries| entries.into_iter().map(|entry| rate_limit(entry, &mut notes)).collect())
        .transpose()?;
    let usage_limits = key.usage_limits()?.map(|limits| usage_limits(limits, &mut notes)).transpose()?;
    let rotation_policy =
        key.object("rotation_policy")?.map(|policy| rotation_policy(policy, &mut notes)).transpose()?;

    let has_own_override = key.has("allow_config_override");
    let own_override = key.flag("allow_config_override")?;
    let (mut metadata, mut config_id, mut default_override) = (None, None, None);
    if let Some(mut defaults) = key.object("defaults")? {
        metadata = defaults.object("metadata")?.map(|entries| entries.into_entries(&mut notes));
        config_id = defaults.text("config_id")?.map(ConfigId::new);
        default_override = defaults.flag("allow_config_override")?;
        defaults.finish(&[], &mut notes);
    }

    let mut row = KeyRow {
        id,
        mask,
        name: key.text("name")?,
        description: key.text("description")?,
        kind,
        organisation_id: key.text("organisation_id")?.map(OrganisationId::new),
        workspace_id: key.text("workspace_id")?.map(WorkspaceId::new),
        user_id: key.text("user_id")?.map(UserId::new),
        status: status.map(|text| KeyStatus::parse(&text)),
        created_at: key.time("created_at")?,
        last_updated_at: key.time("last_updated_at")?,
        creation_mode: creation_mode.map(|text| CreationMode::parse(&text)),
        rate_limits,
        usage_limits,
        last_reset_at: key.time("last_reset_at")?,
        next_usage_reset_at: key.time("next_usage_reset_at")?,
        scopes: key.texts("scopes")?,
        metadata,
        config_id,
        allow_config_override: if has_own_override { own_override } else { default_override },
        alert_emails: key.texts("alert_emails")?,
        expires_at: key.time("expires_at")?,
        rotation_policy,
        absent,
        unknown_fields: Vec::new(),
        unknown_values: Vec::new(),
    };
    key.finish(&KEY_BOOKKEEPING, &mut notes);
    notes.unknown_fields.sort();
    row.unknown_fields = notes.unknown_fields;
    row.unknown_values = notes.unknown_values;
    Ok(row)
}

fn rate_limit(mut entry: Object, notes: &mut Notes) -> Result<RateLimit, MalformedField> {
    let kind = entry.word("type", RateLimitType::KNOWN, notes)?;
    let unit = entry.word("unit", RateLimitUnit::KNOWN, notes)?;
    let value = entry.whole("value")?;
    let limit = RateLimit {
        kind: RateLimitType::parse(&kind.ok_or_else(|| entry.missing("type"))?),
        unit: RateLimitUnit::parse(&unit.ok_or_else(|| entry.missing("unit"))?),
        value: value.ok_or_else(|| entry.missing("value"))?,
    };
    entry.finish(&[], notes);
    Ok(limit)
}

fn usage_limits(mut limits: Object, notes: &mut Notes) -> Result<UsageLimits, MalformedField> {
    let read = UsageLimits {
        credit_limit: limits.amount("credit_limit", notes)?,
        kind: limits.word("type", UsageType::KNOWN, notes)?.map(|text| UsageType::parse(&text)),
        alert_threshold: limits.amount("alert_threshold", notes)?,
        periodic_reset: limits
            .word("periodic_reset", PeriodicReset::KNOWN, notes)?
            .map(|text| PeriodicReset::parse(&text)),
        periodic_reset_days: limits.days("periodic_reset_days")?,
    };
    limits.finish(&USAGE_BOOKKEEPING, notes);
    Ok(read)
}

fn rotation_policy(mut policy: Object, notes: &mut Notes) -> Result<RotationPolicy, MalformedField> {
    let read = RotationPolicy {
        rotation_period: policy
            .word("rotation_period", RotationPeriod::KNOWN, notes)?
            .map(|text| RotationPeriod::parse(&text)),
        rotation_period_days: policy.days("rotation_period_days")?,
        next_rotation_at: policy.time("next_rotation_at")?,
        key_transition_period_ms: policy.whole("key_transition_period_ms")?,
    };
    policy.finish(&["status"], notes);
    Ok(read)
}

pub(super) fn workspace_row(json: Value) -> Result<WorkspaceRow, MalformedField> {
    let mut row = Object::read(json, String::new())?;
    Ok(WorkspaceRow {
        id: WorkspaceId::new(row.required("id")?),
        slug: row.text("slug")?,
        name: row.text("name")?,
        status: row.text("status")?,
    })
}

pub(super) fn user_row(json: Value) -> Result<UserRow, MalformedField> {
    let mut row = Object::read(json, String::new())?;
    Ok(UserRow { id: UserId::new(row.required("id")?), email: row.text("email")?, role: row.text("role")? })
}

pub(super) fn config_row(json: Value) -> Result<ConfigRow, MalformedField> {
    let mut row = Object::read(json, String::new())?;
    Ok(ConfigRow {
        id: ConfigId::new(row.required("id")?),
        slug: row.text("slug")?,
        name: row.text("name")?,
        workspace_id: row.text("workspace_id")?.map(WorkspaceId::new),
        status: row.text("status")?,
    })
}

/// Reads a time as RFC 3339, or with a space for the `T`, or without an offset, which then is UTC.
pub(super) fn time(text: &str) -> Option<Timestamp> {
    let text = text.trim();
    text.parse().ok().or_else(|| {
        let civil: DateTime = text.parse().ok()?;
        TimeZone::UTC.to_timestamp(civil).ok()
    })
}

/// What is new in an answer.
#[derive(Default)]
struct Notes {
    unknown_fields: Vec<String>,
    unknown_values: Vec<UnknownValue>,
}

/// A JSON object that is taken apart field by field; what is left in the end is unknown.
pub(super) struct Object {
    fields: Map<String, Value>,
    /// What stands before a field's name, as in `usage_limits.`.
    prefix: String,
}

impl Object {
    pub(super) fn read(json: Value, prefix: String) -> Result<Self, MalformedField> {
        match json {
            Value::Object(fields) => Ok(Self { fields, prefix }),
            other => Err(malformed(prefix.trim_end_matches('.').to_owned(), &other, "an object")),
        }
    }

    /// Whether there is such a field, be it null; `defaults.metadata` looks inside `defaults`.
    fn has(&self, field: &str) -> bool {
        match field.split_once('.') {
            None => self.fields.contains_key(field),
            Some((outer, inner)) => {
                self.fields.get(outer).and_then(Value::as_object).is_some_and(|map| map.contains_key(inner))
            }
        }
    }

    /// The value, unless it is null.
    fn take(&mut self, name: &str) -> Option<Value> {
        self.fields.swap_remove(name).filter(|value| !value.is_null())
    }

    pub(super) fn text(&mut self, name: &str) -> Result<Option<String>, MalformedField> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(other) => Err(self.malformed(name, &other, "text")),
        }
    }

    /// Text that must not be shown, whatever it is.
    pub(super) fn secret(&mut self, name: &str) -> Result<Option<String>, MalformedField> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::String(text)) => Ok(Some(text)),
            Some(_) => Err(MalformedField { field: self.path(name), problem: "is not text".to_owned() }),
        }
    }

    fn required(&mut self, name: &str) -> Result<String, MalformedField> {
        self.text(name)?.filter(|text| !text.is_empty()).ok_or_else(|| self.missing(name))
    }

    /// Text out of a set of words that may grow.
    fn word(
        &mut self,
        name: &str,
        known: &[&str],
        notes: &mut Notes,
    ) -> Result<Option<String>, MalformedField> {
        let text = self.text(name)?.filter(|text| !text.is_empty());
        if let Some(text) = &text
            && !known.contains(&text.as_str())
        {
            notes.unknown_value(self.path(name), text);
        }
        Ok(text)
    }

    fn time(&mut self, name: &str) -> Result<Option<Timestamp>, MalformedField> {
        match self.text(name)? {
            Some(text) if !text.trim().is_empty() => match time(&text) {
                Some(time) => Ok(Some(time)),
                None => Err(self.malformed(name, &Value::String(text), "a time")),
            },
            Some(_) | None => Ok(None),
        }
    }

    /// A number that is not negative and has no fraction.
    fn whole(&mut self, name: &str) -> Result<Option<u64>, MalformedField> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match whole(&value) {
            Some(number) => Ok(Some(number)),
            None => Err(self.malformed(name, &value, "a whole number")),
        }
    }

    fn days(&mut self, name: &str) -> Result<Option<u32>, MalformedField> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match whole(&value).and_then(|days| u32::try_from(days).ok()) {
            Some(days) => Ok(Some(days)),
            None => Err(self.malformed(name, &value, "a number of days")),
        }
    }

    /// An amount. Less than nothing enforces nothing, as an absent amount does (portkey-api.md 2.4).
    fn amount(&mut self, name: &str, notes: &mut Notes) -> Result<Option<Amount>, MalformedField> {
        let Some(value) = self.take(name) else { return Ok(None) };
        let Some(number) = number(&value) else { return Err(self.malformed(name, &value, "a number")) };
        let amount = Amount::new(number);
        if amount.is_none() {
            notes.unknown_value(self.path(name), &value.to_string());
        }
        Ok(amount)
    }

    fn flag(&mut self, name: &str) -> Result<Option<bool>, MalformedField> {
        let Some(value) = self.take(name) else { return Ok(None) };
        match flag(&value) {
            Some(flag) => Ok(Some(flag)),
            None => Err(self.malformed(name, &value, "true or false")),
        }
    }

    fn texts(&mut self, name: &str) -> Result<Option<Vec<String>>, MalformedField> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(values)) => values
                .into_iter()
                .enumerate()
                .map(|(index, value)| match value {
                    Value::String(text) => Ok(text),
                    other => Err(self.malformed(&format!("{name}[{index}]"), &other, "text")),
                })
                .collect::<Result<_, _>>()
                .map(Some),
            Some(other) => Err(self.malformed(name, &other, "a list")),
        }
    }

    fn list(&mut self, name: &str) -> Result<Option<Vec<Self>>, MalformedField> {
        match self.take(name) {
            None => Ok(None),
            Some(Value::Array(values)) => values
                .into_iter()
                .enumerate()
                .map(|(index, value)| Self::read(value, self.path(&format!("{name}[{index}]."))))
                .collect::<Result<_, _>>()
                .map(Some),
            Some(other) => Err(self.malformed(name, &other, "a list")),
        }
    }

    fn object(&mut self, name: &str) -> Result<Option<Self>, MalformedField> {
        let prefix = self.path(&format!("{name}."));
        self.take(name).map(|value| Self::read(value, prefix)).transpose()
    }

    /// An object for keys, but a list of objects for workspaces, and the gateway accepts both
    /// (portkey-api.md 2.4): a list of one is read as the one.
    fn usage_limits(&mut self) -> Result<Option<Self>, MalformedField> {
        if let Some(Value::Array(entries)) = self.fields.get_mut("usage_limits") {
            match (entries.pop(), entries.is_empty()) {
                (None, _) => return Ok(None),
                (Some(only), true) => {
                    self.fields.insert("usage_limits".to_owned(), only);
                }
                (Some(_), false) => {
                    return Err(MalformedField {
                        field: self.path("usage_limits"),
                        problem: "is a list of more than one".to_owned(),
                    });
                }
            }
        }
        self.object("usage_limits")
    }

    /// Every field as it is. Metadata is text in all that was seen, but documented as anything.
    fn into_entries(self, notes: &mut Notes) -> BTreeMap<String, Value> {
        for (name, value) in self.fields.iter().filter(|(_, value)| !value.is_string()) {
            notes.unknown_value(format!("{}{}", self.prefix, clean(name, LONGEST_VALUE)), &value.to_string());
        }
        self.fields.into_iter().collect()
    }

    /// Notes what nobody took, save for bookkeeping.
    fn finish(self, bookkeeping: &[&str], notes: &mut Notes) {
        for name in self.fields.keys().filter(|name| !bookkeeping.contains(&name.as_str())) {
            notes.unknown_fields.push(format!("{}{}", self.prefix, clean(name, LONGEST_VALUE)));
        }
    }

    fn path(&self, name: &str) -> String {
        format!("{}{name}", self.prefix)
    }

    pub(super) fn missing(&self, name: &str) -> MalformedField {
        MalformedField { field: self.path(name), problem: "is missing".to_owned() }
    }

    fn malformed(&self, name: &str, value: &Value, expected: &str) -> MalformedField {
        malformed(self.path(name), value, expected)
    }
}

impl Notes {
    fn unknown_value(&mut self, field: String, value: &str) {
        self.unknown_values.push(UnknownValue { field, value: clean(value, LONGEST_VALUE) });
    }
}

fn malformed(field: String, value: &Value, expected: &str) -> MalformedField {
    let found = match value {
        Value::Object(_) => "an object".to_owned(),
        Value::Array(_) => "a list".to_owned(),
        scalar => clean(&scalar.to_string(), LONGEST_VALUE),
    };
    MalformedField { field, problem: format!("is {found}, not {expected}") }
}

fn number(value: &Value) -> Option<f64> {
    match value {
        Value::Number(number) => number.as_f64(),
        Value::String(text) => text.trim().parse().ok().filter(|number: &f64| number.is_finite()),
        _ => None,
    }
}

fn whole(value: &Value) -> Option<u64> {
    match value {
        Value::Number(number) if number.is_u64() => number.as_u64(),
        Value::String(text) if let Ok(number) = text.trim().parse() => Some(number),
        other => {
            let number = number(other)?;
            #[expect(
                clippy::cast_possible_truncation,
                clippy::cast_sign_loss,
                reason = "the number is whole, not negative and below 2^53"
            )]
            (number >= 0.0 && number.fract() == 0.0 && number < 9_007_199_254_740_992.0)
                .then_some(number as u64)
        }
    }
}

fn flag(value: &Value) -> Option<bool> {
    match value {
        Value::Bool(flag) => Some(*flag),
        Value::String(text) if text.eq_ignore_ascii_case("true") => Some(true),
        Value::String(text) if text.eq_ignore_ascii_case("false") => Some(false),
        other => match whole(other)? {
            0 => Some(false),
            1 => Some(true),
            _ => None,
        },
    }
}

#[cfg(test)]
#[path = "wire_tests.rs"]
mod tests;
