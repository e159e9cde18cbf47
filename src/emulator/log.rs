//! Which requests came, and what was answered. No headers, no bodies: no secrets.

use std::collections::BTreeMap;

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
