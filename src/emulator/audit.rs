//! The audit log: who did what to which key (portkey-api.md 4 and 10). It holds masks, never a secret.

use std::collections::VecDeque;

use jiff::Timestamp;
use serde::{Deserialize, Serialize};
use serde_json::{Value, json};
use uuid::Uuid;

use super::{
    call::{Answer, Call, Refusal},
    clock::written,
    paging::Page,
    permissions::Caller,
    rules::Feature,
    secret::mask,
    world::{Key, Kind, World},
};

/// Older entries are forgotten.
const MOST_ENTRIES: usize = 1_000;

/// What was done, newest first.
#[derive(Default, Serialize, Deserialize)]
pub(super) struct AuditLog(VecDeque<Entry>);

#[derive(Serialize, Deserialize)]
struct Entry {
    at: Timestamp,
    request_id: String,
    action: Action,
    /// The id of the key that called; none: a worker.
    by: Option<String>,
    key_id: String,
    workspace_id: Option<String>,
    /// What there is to say about a rotation.
    rotation: Option<Value>,
}

#[derive(Clone, Copy, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub(super) enum Action {
    Create,
    Update,
    Delete,
    Rotate,
}

impl Action {
    fn name(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Rotate => "rotate",
        }
    }

    fn method(self) -> &'static str {
        match self {
            Self::Create | Self::Rotate => "POST",
            Self::Update => "PUT",
            Self::Delete => "DELETE",
        }
    }
}

impl AuditLog {
    /// Notes what a caller did to a key.
    pub(super) fn note(&mut self, action: Action, key: &Key, by: &Caller, at: Timestamp) {
        self.push(action, key, Some(by), at, None);
    }

    /// Notes a rotation that has just been, by a caller or, without one, by the schedule.
    pub(super) fn note_rotation(&mut self, key: &Key, by: Option<&Caller>, at: Timestamp) {
        let details = json!({
            "api_key_id": key.id,
            "rotation_mode": if by.is_some() { "manual" } else { "auto" },
            "old_key_masked": key.previous.as_ref().map(|previous| mask(&previous.secret)),
            "transition_expires_at": key.previous.as_ref().map(|previous| written(previous.until)),
        });
        self.push(Action::Rotate, key, by, at, Some(details));
    }

    fn push(
        &mut self,
        action: Action,
        key: &Key,
        by: Option<&Caller>,
        at: Timestamp,
        rotation: Option<Value>,
    ) {
        // What the workers catch up with is noted key by key, not in the order of time.
        let place = self.0.iter().position(|entry| entry.at <= at).unwrap_or(self.0.len());
        let entry = Entry {
            at,
            request_id: Uuid::new_v4().to_string(),
            action,
            by: by.map(|caller| caller.id().to_owned()),
            key_id: key.id.clone(),
            workspace_id: key.workspace_id.clone(),
            rotation,
        };
        self.0.insert(place, entry);
        self.0.truncate(MOST_ENTRIES);
    }
}

pub(super) fn list(world: &World, caller: &Caller, call: &Call) -> Result<Answer, Refusal> {
    if caller.kind() != Kind::OrganisationService {
        return Err(Refusal::forbidden("needs an organisation key"));
    }
    world.needs_feature(Feature::AuditLogs)?;
    caller.needs("audit_logs.list")?;
    if call.query("organisation_id").is_some() {
        // Observed: the vendor's document requires it, the service refuses it (portkey-api.md 10).
        return Err(Refusal::invalid("organisation_id is implied"));
    }
    let page = Page::read(call, "page_size", "current_page", &world.switches)?;
    let (from, to) = (time(call, "start_time")?, time(call, "end_time")?);
    let found = world.audit.0.iter().filter(|entry| {
        from.is_none_or(|from| entry.at >= from)
            && to.is_none_or(|to| entry.at <= to)
            && call.query("action").is_none_or(|action| entry.action.name() == action)
            && call.query("method").is_none_or(|method| entry.action.method() == method)
            && call.query("user_id").is_none_or(|id| entry.by.as_deref() == Some(id))
    });
    let (total, records) = page.of(found.map(|entry| show(entry, world)));
    Ok(Answer::ok(json!({"records": records, "total": total, "object": "analytics-graph"})))
}

fn time(call: &Call, name: &str) -> Result<Option<Timestamp>, Refusal> {
    let read = |text: &str| text.parse().map_err(|_| Refusal::invalid(format!("{name} is not valid")));
    call.query(name).map(read).transpose()
}

/// In the form of the vendor's OpenAPI document; where it puts the details of a rotation is inferred.
fn show(entry: &Entry, world: &World) -> Value {
    let path = match entry.action {
        Action::Create => "/v1/api-keys".to_owned(),
        Action::Update | Action::Delete => format!("/v1/api-keys/{}", entry.key_id),
        Action::Rotate => format!("/v1/api-keys/{}/rotate", entry.key_id),
    };
    let details = entry.rotation.clone().unwrap_or_else(|| json!({"api_key_id": entry.key_id}));
    json!({
        "timestamp": written(entry.at),
        "method": entry.action.method(),
        "uri": path,
        "request_id": entry.request_id,
        "request_body": details.to_string(),
        "query_params": "{}",
        "request_headers": "{}",
        "user_id": entry.by,
        "user_type": "api_key",
        "organisation_id": world.organisation.id,
        "workspace_id": entry.workspace_id,
        "response_status_code": 200,
        "resource_type": "api_key",
        "action": entry.action.name(),
        "client_ip": "127.0.0.1",
        "country": "",
    })
}
