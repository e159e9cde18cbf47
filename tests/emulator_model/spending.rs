//! What is spent through the data plane, and what the audit log says was done.

use serde_json::{Value, json};

use crate::model::{Key, Model};
use crate::operations::Run;

/// The audit log holds so many entries.
const MOST_ENTRIES: usize = 1_000;

impl Model {
    /// The windows that a request of this key falls into: what is counted, which one, and the most that it admits.
    fn windows(key: &Key, second: i64) -> Vec<(String, i64, u64)> {
        let limits = key.shown["rate_limits"].as_array().unwrap();
        let mut windows = Vec::new();
        let mut tokens = 0;
        for limit in limits {
            let (kind, unit) = (limit["type"].as_str().unwrap(), limit["unit"].as_str().unwrap());
            tokens += usize::from(kind == "tokens");
            let lengths = [("rps", 1), ("rpm", 60), ("rph", 3600), ("rpd", 86_400)];
            let length = lengths.iter().find(|(name, _)| *name == unit);
            let most = limit["value"].as_u64().unwrap();
            if let Some((_, length)) = length
                && most > 0
                && (kind == "requests" || tokens == 1)
            {
                windows.push((format!("{kind} {unit}"), second / length, most));
            }
        }
        windows
    }
}

impl Run {
    pub(crate) fn did(&mut self, action: &'static str) {
        *self.model.done.entry(action).or_default() += 1;
    }

    pub(crate) fn spend(&mut self) {
        let key = self.some_key();
        let tokens = *self.chance.one_of(&[0, 1, 30, 250, 900, 12_000]);
        self.what = format!("{} spends {tokens}", key.id);
        let body = json!({"messages": [], "max_tokens": tokens});
        let reply = self.call(&key.secret.unwrap(), "POST", "/v1/chat/completions", &body);
        // Anew: the workers may have come before the request.
        let (id, second) = (key.id, self.now.as_second());
        let key = self.model.key(&id).unwrap();
        let scopes = key.shown["scopes"].as_array().unwrap();
        let windows = Model::windows(key, second);
        let used = |name: &str| self.model.used.get(&(id.clone(), name.to_owned())).copied();
        let is_full = |(name, window, most): &(String, i64, u64)| {
            used(name).is_some_and(|(then, amount)| then == *window && amount >= *most)
        };
        let status = if key.kind() == "organisation-service" || key.has_expired(self.now) {
            401
        } else if key.is_used_up() {
            412
        } else if !scopes.contains(&json!("completions.write")) {
            403
        } else if windows.iter().any(is_full) {
            429
        } else {
            200
        };
        assert_eq!(reply.status, status, "{}: {}", self.at(), reply.json);
        if status == 200 {
            for (name, window, _) in windows {
                let amount = if name.starts_with("tokens") { tokens } else { 1 };
                let used = self.model.used.entry((id.clone(), name)).or_default();
                let before = if used.0 == window { used.1 } else { 0 };
                *used = (window, before + amount);
            }
            self.model.key_mut(&id).spends(tokens);
        }
        self.compare(&id);
    }

    pub(crate) fn look_at_the_audit_log(&mut self) {
        "look at the audit log".clone_into(&mut self.what);
        let root = "root-secret-000000000000root";
        let all: usize = self.model.done.values().sum();
        let log = self.call(root, "GET", "/v1/audit-logs?page_size=100", &Value::Null).json;
        assert_eq!(log["total"], all.min(MOST_ENTRIES), "{}: {:?}", self.at(), self.model.done);
        let times: Vec<&str> = log["records"]
            .as_array()
            .unwrap()
            .iter()
            .map(|record| record["timestamp"].as_str().unwrap())
            .collect();
        assert!(times.is_sorted_by(|newer, older| newer >= older), "{}: {times:?}", self.at());
        for (action, count) in self.model.done.clone() {
            let log = self.call(root, "GET", &format!("/v1/audit-logs?action={action}"), &Value::Null).json;
            if all <= MOST_ENTRIES {
                assert_eq!(log["total"], count, "{}: {action}", self.at());
            }
        }
    }
}
