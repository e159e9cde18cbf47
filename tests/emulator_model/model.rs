//! What is known of Portkey's keys, written down once more and as plainly as possible: keys are the JSON that a GET
//! answers, and a calendar is walked day by day.
//!
//! Written from the description of the API, not from the emulator.

use std::collections::BTreeMap;

use jiff::civil::Weekday;
use jiff::tz::TimeZone;
use jiff::{SignedDuration, Timestamp};
use serde_json::{Map, Value, json};

const HALF_AN_HOUR_MS: i64 = 1_800_000;
const DAY_MS: i64 = 86_400_000;

/// A field of a key that the server chooses and that is not read yet.
pub(crate) const NOT_READ_YET: &str = "not read yet";

#[derive(Clone)]
pub(crate) struct Key {
    pub(crate) id: String,
    /// What a GET answers, without the fields that are computed.
    pub(crate) shown: Map<String, Value>,
    /// What a caller wrote into `usage_limits`, and the next reset.
    pub(crate) limits: Map<String, Value>,
    pub(crate) usage: f64,
    /// People were told that the usage is past the threshold.
    pub(crate) alerted: bool,
    /// Marked by the worker, which comes ten minutes late.
    pub(crate) expired: bool,
    /// None after a scheduled rotation, until it is read.
    pub(crate) secret: Option<String>,
    pub(crate) previous: Option<(Option<String>, Timestamp)>,
    next: Option<(Timestamp, Event)>,
    /// When something about this key changes by itself.
    pub(crate) instants: Vec<Timestamp>,
}

/// A workspace or a config that requests may name in two ways.
#[derive(Clone)]
pub(crate) struct Named {
    pub(crate) id: String,
    pub(crate) slug: String,
    /// Of a config, where it belongs.
    pub(crate) workspace: String,
}

#[derive(Clone, Default)]
pub(crate) struct Model {
    pub(crate) keys: Vec<Key>,
    pub(crate) workspaces: Vec<Named>,
    pub(crate) configs: Vec<Named>,
    pub(crate) organisation: String,
    /// What was used of rate limits: by key, by what is counted, in which window.
    pub(crate) used: BTreeMap<(String, String), (i64, u64)>,
    /// How often each thing was done to a key.
    pub(crate) done: BTreeMap<&'static str, usize>,
}

/// As the API writes a date.
pub(crate) fn written(at: Timestamp) -> Value {
    at.strftime("%Y-%m-%dT%H:%M:%S.000Z").to_string().into()
}

pub(crate) fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str().map(|text| text.parse().unwrap())
}

pub(crate) fn mask(secret: &str) -> String {
    format!("{}*****{}", &secret[..2], &secret[secret.len() - 3..])
}

fn midnight(at: Timestamp) -> Timestamp {
    at.to_zoned_datetime(TimeZone::UTC).start_of_day().unwrap().timestamp()
}

/// The first midnight after `at` of a day that suits.
fn next_day(at: Timestamp, suits: impl Fn(Weekday, i8) -> bool) -> Timestamp {
    let mut day = at.to_zoned_datetime(TimeZone::UTC).date();
    loop {
        day = day.tomorrow().unwrap();
        if suits(day.weekday(), day.day()) {
            return day.to_zoned_datetime(TimeZone::UTC).unwrap().timestamp();
        }
    }
}

/// The midnight after `at` at which a period ends, if there is a period.
pub(crate) fn period_end(
    period: &Value,
    days: &Value,
    first_day_of_week: Weekday,
    at: Timestamp,
) -> Option<Timestamp> {
    match (period.as_str(), days.as_i64()) {
        (Some("weekly"), _) => Some(next_day(at, |weekday, _| weekday == first_day_of_week)),
        (Some("monthly"), _) => Some(next_day(at, |_, day| day == 1)),
        (_, Some(days)) => Some(midnight(at) + SignedDuration::from_hours(24 * days)),
        _ => None,
    }
}

fn next_reset(limits: &Map<String, Value>, at: Timestamp) -> Option<Timestamp> {
    let get = |name: &str| limits.get(name).cloned().unwrap_or_default();
    period_end(&get("periodic_reset"), &get("periodic_reset_days"), Weekday::Sunday, at)
}

fn next_rotation(policy: &Value, at: Timestamp) -> Option<Timestamp> {
    period_end(&policy["rotation_period"], &policy["rotation_period_days"], Weekday::Monday, at)
}

fn rotation_period_ms(policy: &Value) -> Option<i64> {
    match (policy["rotation_period"].as_str(), policy["rotation_period_days"].as_i64()) {
        (Some("weekly"), _) => Some(7 * DAY_MS),
        (Some(_), _) => Some(30 * DAY_MS),
        (None, days) => days.map(|days| days * DAY_MS),
    }
}

/// 400 AB01.
#[derive(Debug)]
pub(crate) struct Refused;

impl Model {
    pub(crate) fn key(&self, id: &str) -> Option<&Key> {
        self.keys.iter().find(|key| key.id == id)
    }

    pub(crate) fn key_mut(&mut self, id: &str) -> &mut Key {
        self.keys.iter_mut().find(|key| key.id == id).unwrap()
    }

    pub(crate) fn config(&self, slug_or_id: &str) -> Option<&Named> {
        self.configs.iter().find(|config| config.slug == slug_or_id || config.id == slug_or_id)
    }

    pub(crate) fn workspace(&self, slug_or_id: &str) -> Option<&Named> {
        self.workspaces.iter().find(|workspace| workspace.slug == slug_or_id || workspace.id == slug_or_id)
    }

    /// The UUID of a workspace by its slug.
    pub(crate) fn workspace_id(&self, slug: &str) -> Value {
        self.workspace(slug).unwrap().id.as_str().into()
    }

    /// A key as it is before the fields of its create are applied.
    pub(crate) fn blank(&self, kind: &str, workspace: &Value, user: &Value, now: Timestamp) -> Key {
        let shown = json!({
            "name": null, "description": null, "type": kind, "organisation_id": self.organisation,
            "workspace_id": workspace, "user_id": user, "created_at": written(now),
            "last_updated_at": written(now), "creation_mode": "api", "rate_limits": [], "reset_usage": null,
            "expires_at": null, "last_reset_at": null, "alert_emails": null, "expiry_enforced": 0,
            "allow_config_override": null, "api_key_defaults_id": null, "scopes": [],
            "defaults": {"metadata": null, "config_id": null}, "object": "api-key"
        });
        Key {
            id: String::new(),
            shown: shown.as_object().unwrap().clone(),
            limits: Map::new(),
            usage: 0.0,
            alerted: false,
            expired: false,
            secret: None,
            previous: None,
            next: None,
            instants: Vec::new(),
        }
    }

    /// The merge of a PUT, and of a create into a blank key. Fields by themselves are valid.
    pub(crate) fn merged(&self, key: &Key, body: &Value, now: Timestamp) -> Result<Key, Refused> {
        let mut key = key.clone();
        for (field, value) in body.as_object().unwrap() {
            match field.as_str() {
                "name" | "scopes" | "alert_emails" => {
                    key.shown[field] = value.clone();
                }
                "description" => key.shown[field] = json!(value.as_str().unwrap_or_default()),
                "rate_limits" => {
                    key.shown[field] = if value.is_null() { json!([]) } else { value.clone() };
                }
                "expires_at" => {
                    let at = instant(value);
                    key.shown[field] = at.map(written).unwrap_or_default();
                    key.expired &= at.is_some_and(|at| at <= now);
                }
                "usage_limits" => {
                    let limits = merged_limits(&key.limits, value, now)?;
                    let grows = |name: &str| match (key.limits.get(name), limits.get(name)) {
                        (Some(before), Some(after)) => after.as_f64() > before.as_f64(),
                        (before, _) => before.is_some(),
                    };
                    key.alerted &= !grows("credit_limit") && !grows("alert_threshold");
                    key.limits = limits;
                }
                "reset_usage" if *value == true => key.reset(now),
                "defaults" => self.merge_defaults(&mut key, value)?,
                "rotation_policy" => set_policy(&mut key, value, now)?,
                _ => {}
            }
        }
        key.shown["last_updated_at"] = written(now);
        key.foresee();
        Ok(key)
    }

    fn merge_defaults(&self, key: &mut Key, defaults: &Value) -> Result<(), Refused> {
        let Some(fields) = defaults.as_object() else { return Ok(()) };
        let mut wrote = false;
        if let Some(metadata) = fields.get("metadata") {
            let clears = metadata.as_object().is_none_or(Map::is_empty);
            key.shown["defaults"]["metadata"] = if clears { Value::Null } else { metadata.clone() };
            wrote |= !clears;
        }
        if let Some(config) = fields.get("config_id") {
            key.shown["defaults"]["config_id"] = match config.as_str() {
                None => Value::Null,
                Some(slug_or_id) => {
                    let config = self.config(slug_or_id).ok_or(Refused)?;
                    let workspace = &key.shown["workspace_id"];
                    if !workspace.is_null() && *workspace != config.workspace.as_str() {
                        return Err(Refused);
                    }
                    wrote = true;
                    config.id.as_str().into()
                }
            };
        }
        let allowed = fields.get("allow_config_override").and_then(Value::as_bool);
        if (wrote || allowed.is_some()) && key.shown["allow_config_override"].is_null() {
            key.shown["allow_config_override"] = json!(1);
            key.shown["api_key_defaults_id"] = json!(NOT_READ_YET);
        }
        if let Some(allowed) = allowed {
            key.shown["allow_config_override"] = json!(u8::from(allowed));
        }
        Ok(())
    }

    /// What the workers did by now. True if a secret was issued.
    pub(crate) fn catch_up(&mut self, now: Timestamp) -> bool {
        let mut issued = false;
        for key in &mut self.keys {
            while let Some(event) = key.next.filter(|(at, _)| *at <= now) {
                let rotates = event.1 == Event::Rotation;
                issued |= rotates;
                *self.done.entry("rotate").or_default() += usize::from(rotates);
                key.happens(event);
            }
        }
        issued
    }

    /// All keys, in the order of a list.
    pub(crate) fn listed(&self) -> Vec<&Key> {
        let mut keys: Vec<&Key> = self.keys.iter().collect();
        keys.sort_by(|one, two| {
            let created = |key: &Key| key.shown["created_at"].as_str().unwrap().to_owned();
            created(two).cmp(&created(one)).then_with(|| one.id.cmp(&two.id))
        });
        keys
    }
}

fn merged_limits(
    before: &Map<String, Value>,
    change: &Value,
    now: Timestamp,
) -> Result<Map<String, Value>, Refused> {
    let Some(change) = change.as_object() else { return Ok(Map::new()) };
    let mut limits = before.clone();
    for (field, value) in change {
        if value.is_null() {
            limits.remove(field);
        } else if field == "next_usage_reset_at" {
            limits.insert(field.clone(), instant(value).map(written).unwrap());
        } else {
            limits.insert(field.clone(), value.clone());
        }
    }
    if limits.contains_key("periodic_reset") && limits.contains_key("periodic_reset_days") {
        return Err(Refused);
    }
    let amount = |name: &str| limits.get(name).and_then(Value::as_f64);
    if amount("alert_threshold")
        .is_some_and(|threshold| amount("credit_limit").is_some_and(|l| threshold > l))
    {
        return Err(Refused);
    }
    let other_period =
        ["periodic_reset", "periodic_reset_days"].iter().any(|name| limits.get(*name) != before.get(*name));
    let asked = change.get("next_usage_reset_at");
    if asked.is_some_and(Value::is_null) || (asked.is_none() && other_period) {
        limits.remove("next_usage_reset_at");
        if let Some(next) = next_reset(&limits, now) {
            limits.insert("next_usage_reset_at".to_owned(), written(next));
        }
    }
    Ok(limits)
}

fn set_policy(key: &mut Key, policy: &Value, now: Timestamp) -> Result<(), Refused> {
    if policy.is_null() {
        key.shown.shift_remove("rotation_policy");
        return Ok(());
    }
    let transition = policy["key_transition_period_ms"].as_i64().unwrap_or(HALF_AN_HOUR_MS);
    let both = !policy["rotation_period"].is_null() && !policy["rotation_period_days"].is_null();
    if both || rotation_period_ms(policy).is_some_and(|period| transition >= period) {
        return Err(Refused);
    }
    let next = instant(&policy["next_rotation_at"]).map(midnight).or_else(|| next_rotation(policy, now));
    let mut shown = Map::new();
    for field in ["rotation_period", "rotation_period_days"] {
        if !policy[field].is_null() {
            shown.insert(field.to_owned(), policy[field].clone());
        }
    }
    shown.insert("next_rotation_at".to_owned(), written(next.ok_or(Refused)?));
    shown.insert("key_transition_period_ms".to_owned(), transition.into());
    shown.insert("status".to_owned(), "ACTIVE".into());
    key.shown.insert("rotation_policy".to_owned(), shown.into());
    Ok(())
}

#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
enum Event {
    Expiry,
    Reset,
    Rotation,
}

impl Key {
    pub(crate) fn kind(&self) -> &str {
        self.shown["type"].as_str().unwrap()
    }

    fn policy(&self) -> Value {
        self.shown.get("rotation_policy").cloned().unwrap_or_default()
    }

    fn rotates(&self) -> bool {
        !self.policy()["next_rotation_at"].is_null()
    }

    /// The earliest thing that the workers will do to this key.
    fn next_event(&self) -> Option<(Timestamp, Event)> {
        let expiry = instant(&self.shown["expires_at"]).map(|at| at + SignedDuration::from_mins(10));
        let reset = self.limits.get("next_usage_reset_at").and_then(instant);
        // Never three live secrets: a rotation waits for the end of the one before it.
        let until = self.previous.as_ref().map(|(_, until)| *until);
        // Nor is one ever done before it was asked for.
        let earliest = instant(&self.shown["last_updated_at"]).max(until);
        let rotation = instant(&self.policy()["next_rotation_at"]).max(earliest).filter(|_| self.rotates());
        [
            expiry.filter(|_| !self.expired).map(|at| (at, Event::Expiry)),
            reset.map(|at| (at, Event::Reset)),
            rotation.filter(|_| !self.expired).map(|at| (at, Event::Rotation)),
        ]
        .into_iter()
        .flatten()
        .min()
    }

    /// To be called after each change: dates are slow to read.
    pub(crate) fn foresee(&mut self) {
        self.next = self.next_event();
        let expiry = instant(&self.shown["expires_at"]);
        let until = self.previous.as_ref().map(|(_, until)| *until);
        self.instants = [self.next.map(|(at, _)| at), expiry, until].into_iter().flatten().collect();
    }

    fn happens(&mut self, (at, event): (Timestamp, Event)) {
        let updated = instant(&self.shown["last_updated_at"]).unwrap();
        self.shown["last_updated_at"] = written(updated.max(at));
        match event {
            Event::Expiry => self.expired = true,
            Event::Reset => {
                self.reset(at);
                self.limits.remove("next_usage_reset_at");
                if let Some(next) = next_reset(&self.limits, at) {
                    self.limits.insert("next_usage_reset_at".to_owned(), written(next));
                }
            }
            Event::Rotation => {
                let transition = self.policy()["key_transition_period_ms"].as_i64().unwrap();
                self.rotated(None, at, at + SignedDuration::from_millis(transition));
            }
        }
        self.foresee();
    }

    fn reset(&mut self, at: Timestamp) {
        self.usage = 0.0;
        self.alerted = false;
        self.shown["last_reset_at"] = written(at);
    }

    /// A new secret is in force, the one before it until a date.
    pub(crate) fn rotated(&mut self, secret: Option<String>, at: Timestamp, until: Timestamp) {
        self.previous = Some((std::mem::replace(&mut self.secret, secret), until));
        if let Some(policy) = self.shown.get_mut("rotation_policy") {
            policy["next_rotation_at"] = next_rotation(policy, at).map(written).unwrap_or_default();
        }
        self.foresee();
    }

    /// How long the secret before lives on after a rotate that asks for this; none: refused.
    pub(crate) fn transition_ms(&self, asked: Option<i64>, now: Timestamp) -> Option<i64> {
        if self.previous.as_ref().is_some_and(|(_, until)| now < *until) {
            return None;
        }
        let policy = self.policy();
        match (asked, rotation_period_ms(&policy)) {
            (Some(asked), Some(period)) if asked >= period => None,
            (Some(asked), _) => Some(asked),
            (None, _) => Some(policy["key_transition_period_ms"].as_i64().unwrap_or(HALF_AN_HOUR_MS)),
        }
    }

    pub(crate) fn has_expired(&self, now: Timestamp) -> bool {
        instant(&self.shown["expires_at"]).is_some_and(|at| at <= now)
    }

    /// So many tokens were used, at a cent each.
    pub(crate) fn spends(&mut self, tokens: u64) {
        let is_of_tokens = self.limits.get("type") == Some(&json!("tokens"));
        let tokens = u32::try_from(tokens).map(f64::from).unwrap();
        self.usage += if is_of_tokens { tokens } else { tokens * 0.01 };
        let threshold = self.limits.get("alert_threshold").and_then(Value::as_f64);
        self.alerted |= threshold.is_some_and(|threshold| self.usage >= threshold);
    }

    pub(crate) fn is_used_up(&self) -> bool {
        self.limits.get("credit_limit").and_then(Value::as_f64).is_some_and(|limit| self.usage >= limit)
    }

    /// What a GET answers.
    pub(crate) fn object(&self) -> Value {
        let mut object = self.row();
        object["next_usage_reset_at"] = self.limits.get("next_usage_reset_at").cloned().unwrap_or_default();
        object["defaults"]["allow_config_override"] = json!(self.shown["allow_config_override"] == 1);
        if let Some(policy) = self.shown.get("rotation_policy") {
            object["rotation_policy"] = policy.clone();
        }
        object
    }

    /// What a list answers: less.
    pub(crate) fn row(&self) -> Value {
        let mut row = self.shown.clone();
        row.shift_remove("rotation_policy");
        row.insert("id".to_owned(), self.id.as_str().into());
        row.insert("key".to_owned(), mask(self.secret.as_ref().unwrap()).into());
        let exhausted = self.is_used_up();
        let status = match (self.expired, exhausted) {
            (true, _) => "expired",
            (false, true) => "exhausted",
            (false, false) => "active",
        };
        row.insert("status".to_owned(), status.into());
        let mut limits = self.limits.clone();
        if !limits.is_empty() {
            limits.insert("is_threshold_alerts_sent".to_owned(), self.alerted.into());
            limits.insert("is_exhausted_alerts_sent".to_owned(), (status == "exhausted").into());
        }
        if self.expired {
            limits.insert("is_expired_alerts_sent".to_owned(), true.into());
        }
        let limits = if limits.is_empty() { Value::Null } else { limits.into() };
        row.insert("usage_limits".to_owned(), limits);
        row.into()
    }
}
