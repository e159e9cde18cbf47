//! Reads the body of a create or an update into a `Patch`, or refuses it with 400 AB01.
//!
//! Unknown fields are tolerated (portkey-api.md 1). What depends on the key that is changed is checked in `patch`.

use jiff::Timestamp;
use serde_json::{Map, Number, Value};

use super::{
    call::Refusal,
    clock,
    switches::{MetadataValues, RotationMidnight, RotationPeriodWithDate, Switches},
    world::{RateLimit, RotationPolicy, SHORTEST_TRANSITION_MS},
};

const LONGEST_NAME: usize = 100;
const LONGEST_DESCRIPTION: usize = 200;
const UNITS: [&str; 5] = ["rpd", "rph", "rpm", "rps", "rpw"];
/// The largest integer that every JSON reader keeps exactly; a bound at all is inferred.
const LARGEST_INTEGER: u64 = 9_007_199_254_740_991;
const DAY_MS: i64 = 24 * 60 * 60 * 1000;

/// The three states of a field in a PUT: absent is unchanged, null clears, a value sets.
pub(super) enum Field<T> {
    Absent,
    Null,
    Value(T),
}

impl<T> Field<T> {
    fn read(
        body: &Map<String, Value>,
        name: &str,
        read: impl FnOnce(&Value) -> Option<T>,
    ) -> Result<Self, Refusal> {
        match body.get(name) {
            None => Ok(Self::Absent),
            Some(Value::Null) => Ok(Self::Null),
            Some(value) => match read(value) {
                Some(value) => Ok(Self::Value(value)),
                None => Err(Refusal::invalid(format!("{name} is not valid"))),
            },
        }
    }

    /// For fields where clearing means nothing special: null is none.
    pub(super) fn into_option(self) -> Option<T> {
        match self {
            Self::Value(value) => Some(value),
            Self::Absent | Self::Null => None,
        }
    }

    /// Sets, clears or leaves a field that may be unset.
    pub(super) fn merge_into(self, target: &mut Option<T>) {
        match self {
            Self::Absent => {}
            Self::Null => *target = None,
            Self::Value(value) => *target = Some(value),
        }
    }
}

/// A valid body, field by field.
pub(super) struct Patch {
    pub(super) name: Field<String>,
    pub(super) description: Field<String>,
    pub(super) scopes: Field<Vec<String>>,
    pub(super) rate_limits: Field<Vec<RateLimit>>,
    pub(super) usage_limits: Field<UsagePatch>,
    pub(super) reset_usage: bool,
    pub(super) alert_emails: Field<Vec<String>>,
    pub(super) expires_at: Field<Timestamp>,
    pub(super) rotation_policy: Field<RotationPolicy>,
    /// The policy names its next date.
    pub(super) moves_rotation: bool,
    pub(super) metadata: Field<Map<String, Value>>,
    pub(super) config_id: Field<String>,
    pub(super) allow_config_override: Field<bool>,
}

/// The sub-fields of `usage_limits`.
pub(super) struct UsagePatch {
    pub(super) credit_limit: Field<Number>,
    pub(super) kind: Field<String>,
    pub(super) alert_threshold: Field<Number>,
    pub(super) periodic_reset: Field<String>,
    pub(super) periodic_reset_days: Field<u16>,
    pub(super) next_usage_reset_at: Field<Timestamp>,
}

impl Patch {
    pub(super) fn read(
        body: &Map<String, Value>,
        switches: &Switches,
        now: Timestamp,
    ) -> Result<Self, Refusal> {
        let empty = Map::new();
        let defaults = object(body, "defaults")?.unwrap_or(&empty);
        Ok(Self {
            name: Field::read(body, "name", |value| text(value, 1..=LONGEST_NAME))?,
            description: Field::read(body, "description", |value| text(value, 0..=LONGEST_DESCRIPTION))?,
            scopes: Field::read(body, "scopes", texts)?,
            rate_limits: Field::read(body, "rate_limits", rate_limits)?,
            usage_limits: match object(body, "usage_limits")? {
                Some(limits) => Field::Value(UsagePatch::read(limits)?),
                None if body.contains_key("usage_limits") => Field::Null,
                None => Field::Absent,
            },
            reset_usage: Field::read(body, "reset_usage", Value::as_bool)?.into_option().unwrap_or(false),
            alert_emails: Field::read(body, "alert_emails", emails)?,
            expires_at: Field::read(body, "expires_at", instant)?,
            rotation_policy: match object(body, "rotation_policy")? {
                Some(policy) => Field::Value(rotation_policy(policy, switches, now)?),
                None if body.contains_key("rotation_policy") => Field::Null,
                None => Field::Absent,
            },
            moves_rotation: body
                .get("rotation_policy")
                .is_some_and(|policy| policy.get("next_rotation_at").is_some_and(|at| !at.is_null())),
            metadata: Field::read(defaults, "metadata", |value| metadata(value, switches))?,
            config_id: Field::read(defaults, "config_id", |value| text(value, 1..=usize::MAX))?,
            allow_config_override: Field::read(defaults, "allow_config_override", Value::as_bool)?,
        })
    }
}

impl UsagePatch {
    fn read(limits: &Map<String, Value>) -> Result<Self, Refusal> {
        Ok(Self {
            credit_limit: Field::read(limits, "credit_limit", amount)?,
            kind: Field::read(limits, "type", |value| one_of(value, &["cost", "tokens"]))?,
            // 0 is rejected live (portkey-api.md 2.4).
            alert_threshold: Field::read(limits, "alert_threshold", amount)?,
            periodic_reset: Field::read(limits, "periodic_reset", |value| {
                one_of(value, &["weekly", "monthly"])
            })?,
            periodic_reset_days: Field::read(limits, "periodic_reset_days", days)?,
            next_usage_reset_at: Field::read(limits, "next_usage_reset_at", instant)?,
        })
    }
}

/// Reads the body of a rotate: its transition, which may be left out.
pub(super) fn transition(
    body: &Map<String, Value>,
    policy: Option<&RotationPolicy>,
) -> Result<Option<i64>, Refusal> {
    let asked = Field::read(body, "key_transition_period_ms", transition_ms)?.into_option();
    if let (Some(asked), Some(period)) = (asked, policy.and_then(RotationPolicy::period_ms))
        && asked >= period
    {
        return Err(Refusal::invalid("the transition must be shorter than the rotation period"));
    }
    Ok(asked)
}

/// A policy replaces the one before it.
fn rotation_policy(
    policy: &Map<String, Value>,
    switches: &Switches,
    now: Timestamp,
) -> Result<RotationPolicy, Refusal> {
    let period = |value: &Value| one_of(value, &["weekly", "monthly"]);
    let next = Field::read(policy, "next_rotation_at", instant)?.into_option();
    let mut read = RotationPolicy {
        rotation_period: Field::read(policy, "rotation_period", period)?.into_option(),
        rotation_period_days: Field::read(policy, "rotation_period_days", days)?.into_option(),
        next_rotation_at: next.and_then(match switches.rotation_midnight {
            RotationMidnight::Before => clock::midnight,
            RotationMidnight::After => clock::midnight_from,
        }),
        key_transition_period_ms: Field::read(policy, "key_transition_period_ms", transition_ms)?
            .into_option()
            .unwrap_or(SHORTEST_TRANSITION_MS),
    };
    match (&read.rotation_period, read.rotation_period_days) {
        (Some(_), Some(_)) => {
            return Err(Refusal::invalid("rotation_period and rotation_period_days exclude each other"));
        }
        (None, None) if read.next_rotation_at.is_none() => {
            return Err(Refusal::invalid("rotation_policy needs a period or next_rotation_at"));
        }
        _ => {}
    }
    let refuses_both = switches.rotation_period_with_date == RotationPeriodWithDate::Refused;
    if refuses_both && read.period_ms().is_some() && read.next_rotation_at.is_some() {
        return Err(Refusal::invalid("a rotation period and next_rotation_at exclude each other"));
    }
    if read.period_ms().is_some_and(|period| read.key_transition_period_ms >= period) {
        return Err(Refusal::invalid("the transition must be shorter than the rotation period"));
    }
    if read.next_rotation_at.is_none() {
        read.next_rotation_at = read.next_after(now);
    }
    Ok(read)
}

impl RotationPolicy {
    /// How long a period is at least.
    fn period_ms(&self) -> Option<i64> {
        self.days().map(|days| i64::from(days) * DAY_MS)
    }
}

/// An object, or none if the field is absent or null.
fn object<'a>(body: &'a Map<String, Value>, name: &str) -> Result<Option<&'a Map<String, Value>>, Refusal> {
    match body.get(name) {
        None | Some(Value::Null) => Ok(None),
        Some(Value::Object(object)) => Ok(Some(object)),
        Some(_) => Err(Refusal::invalid(format!("{name} is no object"))),
    }
}

fn text(value: &Value, length: std::ops::RangeInclusive<usize>) -> Option<String> {
    let text = value.as_str()?;
    length.contains(&text.chars().count()).then(|| text.to_owned())
}

/// Null stands for an entry to take away, where maps are merged.
fn metadata(value: &Value, switches: &Switches) -> Option<Map<String, Value>> {
    let entries = value.as_object()?;
    let is_text = |value: &Value| value.is_string() || value.is_null();
    match switches.metadata_values {
        MetadataValues::Kept => Some(entries.clone()),
        MetadataValues::Refused => entries.values().all(is_text).then(|| entries.clone()),
        MetadataValues::AsText => {
            let as_text =
                |value: &Value| if is_text(value) { value.clone() } else { value.to_string().into() };
            Some(entries.iter().map(|(name, value)| (name.clone(), as_text(value))).collect())
        }
    }
}

fn texts(value: &Value) -> Option<Vec<String>> {
    value.as_array()?.iter().map(|item| item.as_str().map(str::to_owned)).collect()
}

fn emails(value: &Value) -> Option<Vec<String>> {
    let emails = texts(value)?;
    emails.iter().all(|email| is_email(email)).then_some(emails)
}

pub(super) fn is_email(text: &str) -> bool {
    text.split_once('@').is_some_and(|(name, domain)| !name.is_empty() && domain.contains('.'))
        && !text.contains(char::is_whitespace)
}

fn one_of(value: &Value, allowed: &[&str]) -> Option<String> {
    let text = value.as_str()?;
    allowed.contains(&text).then(|| text.to_owned())
}

/// A limit of at least 1; fractions occur (portkey-api.md 2.4).
fn amount(value: &Value) -> Option<Number> {
    let number = value.as_number()?;
    (number.as_f64()? >= 1.0).then(|| number.clone())
}

fn days(value: &Value) -> Option<u16> {
    u16::try_from(integer(value)?).ok().filter(|days| (1..=365).contains(days))
}

fn instant(value: &Value) -> Option<Timestamp> {
    value.as_str()?.parse().ok()
}

fn transition_ms(value: &Value) -> Option<i64> {
    i64::try_from(integer(value)?).ok().filter(|ms| *ms >= SHORTEST_TRANSITION_MS)
}

/// Whether this is a list of usage limits, as workspaces have them (portkey-api.md 2.4).
pub(super) fn is_usage_limits_list(value: &Value) -> bool {
    let has_one_period = |patch: &UsagePatch| {
        !matches!(patch.periodic_reset, Field::Value(_))
            || !matches!(patch.periodic_reset_days, Field::Value(_))
    };
    let is_limits = |item: &Value| {
        item.as_object()
            .is_some_and(|limits| UsagePatch::read(limits).is_ok_and(|patch| has_one_period(&patch)))
    };
    value.as_array().is_some_and(|items| items.iter().all(is_limits))
}

pub(super) fn is_rate_limits_list(value: &Value) -> bool {
    rate_limits(value).is_some()
}

fn rate_limits(value: &Value) -> Option<Vec<RateLimit>> {
    value.as_array()?.iter().map(rate_limit).collect()
}

fn rate_limit(value: &Value) -> Option<RateLimit> {
    Some(RateLimit {
        kind: one_of(value.get("type")?, &["requests", "tokens"])?,
        unit: one_of(value.get("unit")?, &UNITS)?,
        value: integer(value.get("value")?)?,
    })
}

/// A whole number. JSON does not tell 30 from 30.0, and a whole float is written without its point.
pub(super) fn integer(value: &Value) -> Option<u64> {
    let whole = value.as_f64().filter(|number| number.fract() == 0.0).map(|number| format!("{number}"));
    let number = value.as_u64().or_else(|| whole?.parse().ok())?;
    (number <= LARGEST_INTEGER).then_some(number)
}
