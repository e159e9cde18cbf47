//! What a fault does to a request.

use std::{collections::BTreeMap, str::FromStr, time::Duration};

use axum::http::{HeaderName, HeaderValue, StatusCode, header};
use jiff::{SignedDuration, Span};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value, json};

use super::call::{Answer, Content, admin_envelope};

/// Several may be combined, such as a delay and a status.
#[expect(
    clippy::struct_excessive_bools,
    reason = "it is the form of the script: each switch is a field of its own"
)]
#[derive(Clone, Default, Serialize, Deserialize)]
#[serde(deny_unknown_fields, default)]
pub(super) struct Effect {
    /// Answer this instead of handling the request.
    #[serde(skip_serializing_if = "Option::is_none")]
    status: Option<u16>,
    /// Handle the request, then answer this instead.
    #[serde(skip_serializing_if = "Option::is_none")]
    status_after: Option<u16>,
    /// In which envelope, where there is no body.
    #[serde(skip_serializing_if = "is_default")]
    envelope: Envelope,
    /// In seconds or as a date, as the header has it.
    #[serde(skip_serializing_if = "Option::is_none")]
    retry_after: Option<Value>,
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// Close the connection before the request has any effect.
    #[serde(skip_serializing_if = "is_default")]
    drop_before: bool,
    /// Handle the request, then close the connection instead of answering.
    #[serde(skip_serializing_if = "is_default")]
    drop_after: bool,
    /// Like `drop_before`, with a reset instead of an orderly end.
    #[serde(skip_serializing_if = "is_default")]
    reset_before: bool,
    /// Like `drop_after`, with a reset instead of an orderly end.
    #[serde(skip_serializing_if = "is_default")]
    reset_after: bool,
    /// Like `reset_before`, and so many new connections are reset before anything is read from them.
    #[serde(skip_serializing_if = "is_default")]
    refuse_connections: u32,
    #[serde(skip_serializing_if = "is_default")]
    delay_ms: u64,
    /// The body comes in pieces over so long.
    #[serde(skip_serializing_if = "is_default")]
    slow_body_ms: u64,
    /// Send so many bytes of the body, then cut the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate_body: Option<usize>,
    /// Handle the request, then answer bytes that are neither JSON nor text.
    #[serde(skip_serializing_if = "is_default")]
    garbage_body: bool,
    /// So many reads of keys show the state before the latest write to a key.
    #[serde(skip_serializing_if = "is_default")]
    stale_reads: u32,
    /// For so long, by the virtual clock, reads of keys show them as they are before this request.
    #[serde(skip_serializing_if = "Option::is_none")]
    stale_for: Option<String>,
    /// Another writer changes a key just before the request is handled.
    #[serde(skip_serializing_if = "Option::is_none")]
    edit: Option<Edit>,
    /// A list page repeats its first row.
    #[serde(skip_serializing_if = "is_default")]
    duplicate_row: bool,
    /// A list page lacks its first row.
    #[serde(skip_serializing_if = "is_default")]
    hide_row: bool,
}

/// The forms of an error's body (portkey-api.md 6).
#[derive(Clone, Copy, Default, PartialEq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
enum Envelope {
    /// `{"success": false, "data": {"message", "errorCode"}}`
    #[default]
    Admin,
    /// `{"errorCode", "message"}`
    Flat,
    /// `{"error": {"message", "code"}}`
    Error,
    /// `{"message"}`
    Message,
    /// `{"status": "failure", "message", "error": {"message", "code"}}`
    Gateway,
    /// A proxy's page.
    Html,
    /// Nothing.
    Empty,
}

/// A change by somebody else, who may do everything.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Edit {
    /// The id of the key, or its name.
    pub(super) key: String,
    /// The body of a PUT; none: the key is deleted.
    pub(super) body: Option<Map<String, Value>>,
}

fn is_default<T: Default + PartialEq>(value: &T) -> bool {
    *value == T::default()
}

impl Effect {
    pub(super) fn check(&self) -> Result<(), String> {
        for (name, status) in [("status", self.status), ("status_after", self.status_after)] {
            if let Some(status) = status.filter(|status| !(200..=599).contains(status)) {
                return Err(format!("`{name}` {status} is not between 200 and 599"));
            }
        }
        if self.status.is_some() && self.status_after.is_some() {
            return Err("`status` and `status_after` exclude each other".to_owned());
        }
        let says_something = self.body.is_some()
            || self.content_type.is_some()
            || self.retry_after.is_some()
            || !self.headers.is_empty()
            || self.envelope != Envelope::default();
        if self.status.or(self.status_after).is_none() && says_something {
            let fields = "`body`, `envelope`, `headers`, `content_type` and `retry_after`";
            return Err(format!("{fields} need a `status` or a `status_after`"));
        }
        if self.names().is_empty() {
            return Err("`then` names no effect".to_owned());
        }
        if self.body.is_some() && self.envelope != Envelope::default() {
            return Err("`body` and `envelope` exclude each other".to_owned());
        }
        if let Some(text) = &self.stale_for {
            duration(text).ok_or_else(|| format!("`stale_for` is no duration such as 30s: `{text}`"))?;
        }
        if self.retry_after.as_ref().is_some_and(|value| !value.is_u64() && !value.is_string()) {
            return Err("`retry_after` is neither seconds nor a date".to_owned());
        }
        let headers = self.headers.iter();
        headers.clone().try_for_each(|(name, value)| read_header(name, value).map(drop))?;
        self.content_type.iter().try_for_each(|value| read_header("content-type", value).map(drop))
    }

    pub(super) fn names(&self) -> Vec<&'static str> {
        [
            ("status", self.status.is_some()),
            ("status_after", self.status_after.is_some()),
            ("drop_before", self.drop_before),
            ("drop_after", self.drop_after),
            ("reset_before", self.reset_before),
            ("reset_after", self.reset_after),
            ("refuse_connections", self.refuse_connections > 0),
            ("delay_ms", self.delay_ms > 0),
            ("slow_body_ms", self.slow_body_ms > 0),
            ("truncate_body", self.truncate_body.is_some()),
            ("garbage_body", self.garbage_body),
            ("stale_reads", self.stale_reads > 0),
            ("stale_for", self.stale_for.is_some()),
            ("edit", self.edit.is_some()),
            ("duplicate_row", self.duplicate_row),
            ("hide_row", self.hide_row),
        ]
        .into_iter()
        .filter_map(|(name, present)| present.then_some(name))
        .collect()
    }

    /// The answer in place of the real one.
    fn answer(&self, status: Option<u16>) -> Option<Answer> {
        let status = StatusCode::from_u16(status?).ok()?;
        let content = match &self.body {
            Some(Value::String(text)) => page(text),
            Some(body) => Content::Json(body.clone()),
            None => self.envelope.content(status),
        };
        let mut headers: Vec<_> =
            self.headers.iter().filter_map(|(name, value)| read_header(name, value).ok()).collect();
        if let Some(after) = &self.retry_after {
            let text = after.as_str().map_or_else(|| after.to_string(), str::to_owned);
            headers.extend(HeaderValue::from_str(&text).ok().map(|value| (header::RETRY_AFTER, value)));
        }
        if let Some(value) = &self.content_type {
            headers.extend(read_header("content-type", value).ok());
        }
        Some(Answer { status, headers, content })
    }
}

impl Envelope {
    fn content(self, status: StatusCode) -> Content {
        let (code, message) = (code_of(status), "Fault injected by the emulator");
        Content::Json(match self {
            Self::Admin => admin_envelope(code, message),
            Self::Flat => json!({"errorCode": code, "message": message}),
            Self::Error => json!({"error": {"message": message, "code": code}}),
            Self::Message => json!({"message": message}),
            Self::Gateway => {
                json!({"status": "failure", "message": message, "error": {"message": message, "code": code}})
            }
            Self::Html => {
                let reason = status.canonical_reason().unwrap_or_default();
                let title = format!("{} {reason}", status.as_u16());
                return page(&format!(
                    "<html><head><title>{title}</title></head><body><h1>{title}</h1></body></html>"
                ));
            }
            Self::Empty => return page(""),
        })
    }
}

fn page(text: &str) -> Content {
    Content::Text { content_type: HeaderValue::from_static("text/html"), text: text.to_owned() }
}

/// A human duration such as `30s` or `2h`.
fn duration(text: &str) -> Option<SignedDuration> {
    let span: Span = text.parse().ok()?;
    SignedDuration::try_from(span).ok().filter(SignedDuration::is_positive)
}

/// The code that Portkey sends with a status (portkey-api.md 6).
fn code_of(status: StatusCode) -> &'static str {
    match status.as_u16() {
        401 => "AB05",
        402 => "AB09",
        403 => "AB03",
        404 => "AB08",
        409 => "AB07",
        429 => "AB06",
        500..=599 => "AB04",
        _ => "AB01",
    }
}

fn read_header(name: &str, value: &str) -> Result<(HeaderName, HeaderValue), String> {
    let read_name = HeaderName::from_str(name).map_err(|_| format!("`{name}` is no header name"))?;
    let value =
        HeaderValue::from_str(value).map_err(|_| format!("the value of header `{name}` is not valid"))?;
    Ok((read_name, value))
}

/// What falls on one request: the effects of all faults that fired, in the order of the script.
pub(super) struct Fired {
    effects: Vec<Effect>,
    names: Vec<String>,
}

/// How the connection of a request ends, instead of with an answer.
#[derive(Clone, Copy, PartialEq, Eq)]
pub(super) enum Cut {
    /// As if the other side had finished.
    Close,
    /// As if the other side had crashed.
    Reset,
}

impl Fired {
    pub(super) fn new(effects: Vec<Effect>, names: Vec<String>) -> Self {
        Self { effects, names }
    }

    /// For the log: the effects, each with the name of its fault, if it has one.
    pub(super) fn names(&self) -> Vec<String> {
        self.names.clone()
    }

    pub(super) fn answer(&self) -> Option<Answer> {
        self.effects.iter().find_map(|effect| effect.answer(effect.status))
    }

    /// How the connection ends before the request has any effect.
    pub(super) fn cuts_before(&self) -> Option<Cut> {
        let resets = |effect: &Effect| effect.reset_before || effect.refuse_connections > 0;
        self.cut(resets, |effect| effect.drop_before)
    }

    /// How the connection ends once the request has had its effect.
    pub(super) fn cuts_after(&self) -> Option<Cut> {
        self.cut(|effect| effect.reset_after, |effect| effect.drop_after)
    }

    fn cut(&self, resets: impl Fn(&Effect) -> bool, closes: impl Fn(&Effect) -> bool) -> Option<Cut> {
        if self.effects.iter().any(resets) {
            return Some(Cut::Reset);
        }
        self.effects.iter().any(closes).then_some(Cut::Close)
    }

    /// How many new connections are reset.
    pub(super) fn refused_connections(&self) -> u32 {
        self.effects.iter().map(|effect| effect.refuse_connections).sum()
    }

    pub(super) fn delay(&self) -> Duration {
        Duration::from_millis(self.effects.iter().map(|effect| effect.delay_ms).sum())
    }

    /// Over how long the body is sent.
    pub(super) fn slowness(&self) -> Duration {
        Duration::from_millis(self.effects.iter().map(|effect| effect.slow_body_ms).sum())
    }

    pub(super) fn truncates(&self) -> Option<usize> {
        self.effects.iter().filter_map(|effect| effect.truncate_body).min()
    }

    pub(super) fn stale_reads(&self) -> u32 {
        self.effects.iter().map(|effect| effect.stale_reads).sum()
    }

    pub(super) fn stale_for(&self) -> Option<SignedDuration> {
        self.effects.iter().filter_map(|effect| duration(effect.stale_for.as_ref()?)).max()
    }

    pub(super) fn edits(&self) -> impl Iterator<Item = &Edit> {
        self.effects.iter().filter_map(|effect| effect.edit.as_ref())
    }

    /// Repeats or hides rows of a list page, as a race with another writer does, and spoils the body.
    pub(super) fn disturb(&self, answer: &mut Answer) {
        if let Content::Json(Value::Object(body)) = &mut answer.content
            && let Some(rows) = rows(body)
        {
            for effect in &self.effects {
                if effect.hide_row && !rows.is_empty() {
                    rows.remove(0);
                }
                if effect.duplicate_row {
                    rows.extend(rows.first().cloned());
                }
            }
        }
        if let Some(instead) = self.effects.iter().find_map(|effect| effect.answer(effect.status_after)) {
            *answer = instead;
        }
        if self.effects.iter().any(|effect| effect.garbage_body) {
            answer.content = Content::Bytes(GARBAGE);
        }
    }
}

/// The beginning of JSON, then what is not even UTF-8.
const GARBAGE: &[u8] = b"{\"data\": [\xff\xfe\x00 </html>";

fn rows(body: &mut Map<String, Value>) -> Option<&mut Vec<Value>> {
    body.get_mut("data")?.as_array_mut()
}
