//! Faults on demand: which request, and what happens to it.

use std::{collections::BTreeMap, str::FromStr};

use axum::http::{HeaderName, HeaderValue, StatusCode};
use serde::{Deserialize, Serialize};
use serde_json::{Map, Value};

use super::call::{Answer, Call, Content, admin_envelope};

/// The script: each fault watches every request.
#[derive(Default)]
pub(super) struct Faults(Vec<Fault>);

/// One fault: it lets `skip` matching requests pass, then acts on the next `times`.
#[derive(Clone, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub(super) struct Fault {
    #[serde(default, skip_serializing_if = "Option::is_none")]
    method: Option<String>,
    #[serde(default, skip_serializing_if = "Option::is_none")]
    path_contains: Option<String>,
    #[serde(default)]
    skip: u32,
    #[serde(default = "once")]
    times: u32,
    then: Effect,
}

fn once() -> u32 {
    1
}

/// What happens. Several may be combined, such as a delay and a status.
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
    #[serde(skip_serializing_if = "Option::is_none")]
    body: Option<Value>,
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    headers: BTreeMap<String, String>,
    #[serde(skip_serializing_if = "Option::is_none")]
    content_type: Option<String>,
    /// Cut the connection before the request has any effect.
    #[serde(skip_serializing_if = "is_default")]
    drop_before: bool,
    /// Handle the request, then cut the connection instead of answering.
    #[serde(skip_serializing_if = "is_default")]
    drop_after: bool,
    #[serde(skip_serializing_if = "is_default")]
    delay_ms: u64,
    /// Send so many bytes of the body, then cut the connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    truncate_body: Option<usize>,
    /// So many reads of keys show the state before the latest write to a key.
    #[serde(skip_serializing_if = "is_default")]
    stale_reads: u32,
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

impl Faults {
    /// Takes over a list of faults, or says what is wrong with one.
    pub(super) fn add(&mut self, faults: Vec<Fault>) -> Result<(), String> {
        for fault in &faults {
            fault.then.check()?;
        }
        self.0.extend(faults);
        Ok(())
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    /// The faults that can still fire, with what is left of their counters.
    pub(super) fn pending(&self) -> &[Fault] {
        &self.0
    }

    /// What happens to this request.
    pub(super) fn fire(&mut self, call: &Call) -> Fired {
        let mut fired = Vec::new();
        for fault in self.0.iter_mut().filter(|fault| fault.matches(call)) {
            if fault.skip > 0 {
                fault.skip -= 1;
            } else if fault.times > 0 {
                fault.times -= 1;
                fired.push(fault.then.clone());
            }
        }
        self.0.retain(|fault| fault.times > 0);
        Fired(fired)
    }
}

impl Fault {
    fn matches(&self, call: &Call) -> bool {
        self.method.as_ref().is_none_or(|method| method.eq_ignore_ascii_case(call.method.as_str()))
            && self.path_contains.as_ref().is_none_or(|part| call.target.contains(part))
    }
}

impl Effect {
    fn check(&self) -> Result<(), String> {
        if self.names().is_empty() {
            return Err("`then` names no effect".to_owned());
        }
        if let Some(status) = self.status
            && !(200..=599).contains(&status)
        {
            return Err(format!("`status` {status} is not between 200 and 599"));
        }
        if self.status.is_none()
            && (self.body.is_some() || self.content_type.is_some() || !self.headers.is_empty())
        {
            return Err("`body`, `headers` and `content_type` need a `status`".to_owned());
        }
        let headers = self.headers.iter();
        headers.clone().try_for_each(|(name, value)| read_header(name, value).map(drop))?;
        self.content_type.iter().try_for_each(|value| read_header("content-type", value).map(drop))
    }

    fn names(&self) -> Vec<&'static str> {
        [
            ("status", self.status.is_some()),
            ("drop_before", self.drop_before),
            ("drop_after", self.drop_after),
            ("delay_ms", self.delay_ms > 0),
            ("truncate_body", self.truncate_body.is_some()),
            ("stale_reads", self.stale_reads > 0),
            ("edit", self.edit.is_some()),
            ("duplicate_row", self.duplicate_row),
            ("hide_row", self.hide_row),
        ]
        .into_iter()
        .filter_map(|(name, present)| present.then_some(name))
        .collect()
    }

    /// The answer in place of the real one.
    fn answer(&self) -> Option<Answer> {
        let status = StatusCode::from_u16(self.status?).ok()?;
        let content = match &self.body {
            Some(Value::String(text)) => {
                Content::Text { content_type: HeaderValue::from_static("text/html"), text: text.clone() }
            }
            Some(body) => Content::Json(body.clone()),
            None => Content::Json(admin_envelope(code_of(status), "Fault injected by the emulator")),
        };
        let mut headers: Vec<_> =
            self.headers.iter().filter_map(|(name, value)| read_header(name, value).ok()).collect();
        if let Some(value) = &self.content_type {
            headers.extend(read_header("content-type", value).ok());
        }
        Some(Answer { status, headers, content })
    }
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

/// The effects that fell on one request, in the order of the script.
pub(super) struct Fired(Vec<Effect>);

impl Fired {
    pub(super) fn names(&self) -> Vec<&'static str> {
        self.0.iter().flat_map(Effect::names).collect()
    }

    pub(super) fn answer(&self) -> Option<Answer> {
        self.0.iter().find_map(Effect::answer)
    }

    pub(super) fn drops_before(&self) -> bool {
        self.0.iter().any(|effect| effect.drop_before)
    }

    pub(super) fn drops_after(&self) -> bool {
        self.0.iter().any(|effect| effect.drop_after)
    }

    pub(super) fn delay(&self) -> std::time::Duration {
        std::time::Duration::from_millis(self.0.iter().map(|effect| effect.delay_ms).sum())
    }

    pub(super) fn truncates(&self) -> Option<usize> {
        self.0.iter().filter_map(|effect| effect.truncate_body).min()
    }

    pub(super) fn stale_reads(&self) -> u32 {
        self.0.iter().map(|effect| effect.stale_reads).sum()
    }

    pub(super) fn edits(&self) -> impl Iterator<Item = &Edit> {
        self.0.iter().filter_map(|effect| effect.edit.as_ref())
    }

    /// Repeats or hides rows of a list page, as a race with another writer does.
    pub(super) fn disturb(&self, answer: &mut Answer) {
        let Content::Json(Value::Object(body)) = &mut answer.content else { return };
        let Some(rows) = rows(body) else { return };
        for effect in &self.0 {
            if effect.hide_row && !rows.is_empty() {
                rows.remove(0);
            }
            if effect.duplicate_row {
                rows.extend(rows.first().cloned());
            }
        }
    }
}

fn rows(body: &mut Map<String, Value>) -> Option<&mut Vec<Value>> {
    body.get_mut("data")?.as_array_mut()
}
