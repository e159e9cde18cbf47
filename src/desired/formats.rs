//! The formats of text, instants and durations: what a value may look like, wherever it stands.

use jiff::Timestamp;
use jiff::civil::Date;
use jiff::tz::TimeZone;
use serde_json::{Value, json};

use super::sinks;
use crate::model::Mark;

/// What text must look like.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Format {
    /// Anything but control characters.
    Any,
    /// The name of a key.
    Name,
    /// The description of a key; may be empty and have several lines.
    Description,
    /// An opaque id or a slug.
    Id,
    /// Who manages keys: a word that fits into a mark.
    Owner,
    /// A name that is declared in the file: workspace, scope set, sink, template.
    Alias,
    /// A workspace by alias, slug or UUID.
    Workspace,
    /// An owner by e-mail or id.
    User,
    /// An e-mail address.
    Email,
    /// A scope or a scope set.
    Scope,
    /// The path of a file sink.
    SinkPath,
    /// The name of a metadata entry.
    MetadataName,
    /// The value of a metadata entry; may be empty.
    MetadataValue,
}

/// As far as is known (portkey-api.md 2.2): the official provider's own rule.
const DESCRIPTION_MAX: usize = 200;
const NAME_MAX: usize = 100;
const WORD_MAX: usize = 40;

impl Format {
    /// What is wrong with the text, to be put behind the name of the field.
    pub(super) fn refuse(self, text: &str) -> Option<String> {
        let length = text.chars().count();
        let allows_lines = matches!(self, Self::Description | Self::MetadataValue);
        if text.is_empty() && !allows_lines {
            return Some("must not be empty".to_owned());
        }
        if let Some(c) = text.chars().find(|c| c.is_control() && !(allows_lines && "\n\r\t".contains(*c))) {
            return Some(format!("has the control character U+{:04X}", u32::from(c)));
        }
        let max = match self {
            Self::Description => DESCRIPTION_MAX,
            Self::Name => NAME_MAX,
            Self::Owner => WORD_MAX,
            Self::MetadataValue | Self::SinkPath | Self::Any => 4096,
            Self::Id
            | Self::Alias
            | Self::Workspace
            | Self::User
            | Self::Email
            | Self::Scope
            | Self::MetadataName => 255,
        };
        if length > max {
            return Some(format!("has {length} characters, and at most {max} are allowed"));
        }
        let spaced = text.contains(char::is_whitespace);
        match self {
            Self::Any | Self::Name | Self::Description | Self::MetadataName | Self::MetadataValue => None,
            Self::Id | Self::Workspace | Self::Scope => {
                (spaced || text.contains('/')).then(|| "must not have spaces or slashes".to_owned())
            }
            Self::Owner => (spaced || text.contains(['[', ']', '=', ',']))
                .then(|| "must be one word without `[`, `]`, `=` and `,`".to_owned()),
            Self::Alias => (!text.chars().all(|c| c.is_ascii_alphanumeric() || "_-".contains(c)))
                .then(|| "may have the letters a to z, digits, `-` and `_` only".to_owned()),
            Self::User if !text.contains('@') => {
                (spaced || text.contains('/')).then(|| "must not have spaces or slashes".to_owned())
            }
            Self::User | Self::Email => {
                (!is_email(text)).then(|| "is no e-mail address as in `ann@example.com`".to_owned())
            }
            Self::SinkPath => sinks::check_template(text).err().map(|error| error.to_string()),
        }
    }

    /// The format as JSON Schema.
    pub(super) fn schema(self) -> Value {
        match self {
            Self::Any | Self::MetadataName | Self::SinkPath => json!({"type": "string", "minLength": 1}),
            Self::Name => json!({"type": "string", "minLength": 1, "maxLength": NAME_MAX}),
            Self::Description => json!({"type": "string", "maxLength": DESCRIPTION_MAX}),
            Self::Id | Self::Workspace | Self::User => json!({"type": "string", "pattern": "^[^\\s/]+$"}),
            Self::Owner => {
                json!({"type": "string", "pattern": "^[^\\s\\[\\]=,]+$", "maxLength": WORD_MAX})
            }
            Self::Alias => json!({"type": "string", "pattern": "^[A-Za-z0-9_-]+$"}),
            Self::Email => json!({"type": "string", "format": "email"}),
            Self::Scope => json!({
                "type": "string",
                "description": "A scope, as in `completions.write`; a name without a dot is a scope set.",
                "pattern": "^[^\\s/]+$",
                "examples": ["completions.write", "logs.view", "prompts.render"],
            }),
            Self::MetadataValue => json!({"type": "string"}),
        }
    }
}

/// Whether the brackets of our own notes stand in the text.
pub(super) fn holds_mark(text: &str) -> bool {
    Mark::check_absent(text).is_err()
}

fn is_email(text: &str) -> bool {
    let Some((local, domain)) = text.split_once('@') else { return false };
    !local.is_empty()
        && !text.contains(char::is_whitespace)
        && !domain.contains(['@', '/'])
        && !local.contains('/')
        && domain.contains('.')
        && domain.split('.').all(|part| !part.is_empty())
}

/// RFC 3339, or a date, which means midnight UTC; or what is wrong with it.
pub(super) fn instant(text: &str) -> Result<Timestamp, String> {
    let digits_and_dashes = text.chars().all(|c| c.is_ascii_digit() || c == '-');
    if text.len() == 10 && digits_and_dashes {
        let date: Date = text.parse().map_err(|_| "is no date of the calendar".to_owned())?;
        return TimeZone::UTC.to_timestamp(date.at(0, 0, 0, 0)).map_err(|_| "is too far away".to_owned());
    }
    if let Ok(instant) = text.parse() {
        return Ok(instant);
    }
    let local = text.parse::<jiff::civil::DateTime>().is_ok() && text.contains([':', 'T', ' ']);
    Err(if local {
        format!("has no time zone: write `{text}Z` for UTC")
    } else {
        "must be a time as in `2027-06-30T00:00:00Z` or a date as in `2027-06-30`".to_owned()
    })
}

const UNITS: [(&str, u64); 6] =
    [("ms", 1), ("s", 1_000), ("m", 60_000), ("h", 3_600_000), ("d", 86_400_000), ("w", 604_800_000)];

/// `30m`, `24h`, `90d` or `1d12h` in milliseconds; or what is wrong with it.
pub(super) fn duration(text: &str) -> Result<u64, String> {
    let refuse = || "must be a duration as in `30m`, `24h` or `90d`".to_owned();
    let mut rest = text;
    let mut total: u64 = 0;
    while !rest.is_empty() {
        let digits = rest.find(|c: char| !c.is_ascii_digit()).ok_or_else(refuse)?;
        let (number, tail) = rest.split_at_checked(digits).ok_or_else(refuse)?;
        let letters = tail.find(|c: char| c.is_ascii_digit()).unwrap_or(tail.len());
        let (unit, tail) = tail.split_at_checked(letters).ok_or_else(refuse)?;
        let (_, factor) = UNITS.iter().find(|(name, _)| *name == unit).ok_or_else(refuse)?;
        let part = number.parse::<u64>().ok().and_then(|number| number.checked_mul(*factor));
        total = part.and_then(|part| total.checked_add(part)).ok_or_else(refuse)?;
        rest = tail;
    }
    // A hundred years: nothing is meant to last longer, and no calculation with it overflows.
    if text.is_empty() || total > 100 * 365 * 86_400_000 { Err(refuse()) } else { Ok(total) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_date_is_midnight_utc_and_a_time_needs_its_zone() {
        assert_eq!(instant("2027-06-30").unwrap().to_string(), "2027-06-30T00:00:00Z");
        assert_eq!(instant("2027-06-30T02:00:00+02:00").unwrap().to_string(), "2027-06-30T00:00:00Z");
        assert_eq!(
            instant("2027-06-30T02:00:00").unwrap_err(),
            "has no time zone: write `2027-06-30T02:00:00Z` for UTC"
        );
        assert_eq!(instant("2027-02-30").unwrap_err(), "is no date of the calendar");
        assert!(instant("tomorrow").is_err());
    }

    #[test]
    fn durations_are_numbers_with_units() {
        assert_eq!(duration("30m"), Ok(1_800_000));
        assert_eq!(duration("90d"), Ok(7_776_000_000));
        assert_eq!(duration("1d12h"), Ok(129_600_000));
        for text in ["", "90", "d", "1y", "-1d", "1.5h", "99999999999999999999d", "40000d"] {
            assert!(duration(text).is_err(), "{text}");
        }
    }

    #[test]
    fn mail_addresses_are_checked_for_plausibility_only() {
        assert!(is_email("ann+x@mail.example.com"));
        for text in ["ann", "@example.com", "ann@", "ann@localhost", "a b@example.com", "a@b@c.de", "a@b..c"]
        {
            assert!(!is_email(text), "{text}");
        }
    }
}
