//! Which requests came, and what was answered. No headers, no bodies: no secrets.

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use serde::Serialize;
use serde_json::{Value, json};

#[derive(Default)]
pub(super) struct RequestLog(Vec<Entry>);

#[derive(Serialize)]
pub(super) struct Entry {
    pub(super) method: String,
    /// Path and query.
    pub(super) path: String,
    /// None: the connection was dropped without an answer.
    pub(super) status: Option<u16>,
    /// The faults that fired, by name.
    #[serde(skip_serializing_if = "Vec::is_empty")]
    pub(super) faults: Vec<String>,
}

impl RequestLog {
    pub(super) fn push(&mut self, entry: Entry) {
        self.0.push(entry);
    }

    pub(super) fn clear(&mut self) {
        self.0.clear();
    }

    pub(super) fn show(&self) -> Value {
        let mut by_method: BTreeMap<&str, usize> = BTreeMap::new();
        for entry in &self.0 {
            *by_method.entry(&entry.method).or_default() += 1;
        }
        json!({"total": self.0.len(), "by_method": by_method, "requests": self.0})
    }
}

/// What a line of the log tells beyond the entry.
pub(super) struct Line<'a> {
    pub(super) now: Timestamp,
    pub(super) entry: &'a Entry,
    /// The code of an error's envelope.
    pub(super) code: Option<&'a str>,
    /// The name of the key that called.
    pub(super) by: Option<&'a str>,
    /// Why it was refused, which the answer does not say.
    pub(super) refused: Option<&'a str>,
    pub(super) took: Duration,
}

/// Says what came and what was answered, on one line.
pub(super) fn say(line: &Line<'_>) {
    if !is_heard() {
        return;
    }
    let Line { now, entry, code, by, refused, took } = line;
    let mut text = format!("{} {:<6} {} ", now.strftime("%H:%M:%S"), entry.method, entry.path);
    match entry.status {
        Some(status) => text.push_str(&status.to_string()),
        None => text.push_str("dropped"),
    }
    if let Some(code) = code {
        text.push_str(&format!(" {code}"));
    }
    text.push_str(&format!(" {} ms", took.as_millis()));
    if let Some(by) = by {
        text.push_str(&format!(", by {by}"));
    }
    if let Some(reason) = refused {
        text.push_str(&format!(": {reason}"));
    }
    if !entry.faults.is_empty() {
        text.push_str(&format!("  [{}]", entry.faults.join(", ")));
    }
    tracing::info!(target: "emulator", "{}", plain(&text));
}

/// Says what a worker did to a key.
pub(super) fn say_event(at: Timestamp, key: &str, what: &str) {
    if !is_heard() {
        return;
    }
    let text = format!("{} worker {key}: {what}", at.strftime("%Y-%m-%d %H:%M:%S"));
    tracing::info!(target: "emulator", "{}", plain(&text));
}

/// Whether anybody listens: most emulators are embedded, and a line is not made for nobody.
fn is_heard() -> bool {
    tracing::enabled!(target: "emulator", tracing::Level::INFO)
}

/// Without anything that a terminal would obey: names are whatever somebody wrote.
fn plain(text: &str) -> String {
    // Direction marks and line separators are no control characters, and move what stands beside them all the same.
    let moves =
        |c: char| matches!(c, '\u{200e}' | '\u{200f}' | '\u{2028}'..='\u{202e}' | '\u{2066}'..='\u{2069}');
    text.chars().map(|c| if c.is_control() || moves(c) { '\u{fffd}' } else { c }).collect()
}
