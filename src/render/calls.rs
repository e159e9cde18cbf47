//! The writes of a change, exactly as apply will send them.

use serde::Serialize;
use serde_json::Value;

use crate::model::{CommittedSecret, Delivery, KeyUpdate, Mark};
use crate::plan::{Change, Commit, Request};

/// One write.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Call {
    pub(super) method: &'static str,
    /// Beneath the base URL; `{id}` where the service has yet to issue it.
    pub(super) path: String,
    pub(super) body: Option<Value>,
}

/// The writes of a change in their order. What only the run itself will know is said by placeholders:
/// `<nonce>`, `<id>`, `<secret>`.
pub(super) fn calls(change: &Change) -> Vec<Call> {
    match &change.request {
        Request::Create { body, commit } => {
            let (kind, sub) = body.kind.create_path();
            let mut body = body.clone();
            let mark = Mark { new: Some("<nonce>".to_owned()), ..Mark::default() };
            body.fields.description = Some(mark.append_to(&commit.description));
            vec![
                Call { method: "POST", path: format!("/api-keys/{kind}/{sub}"), body: json(&body) },
                Call { method: "PUT", path: "/api-keys/{id}".to_owned(), body: commit_of_create(commit) },
            ]
        }
        Request::Deliver { id, held, commit } => {
            let mark = Mark {
                new: None,
                id: Some(id.short().to_owned()),
                secret: held.mask.as_ref().and_then(|mask| {
                    let at = held.issued_at.unwrap_or(held.sent_at);
                    CommittedSecret::new(mask, at, commit.transition.clone())
                }),
                to: commit.deliveries.iter().map(Delivery::hash).collect(),
                ..commit.mark.clone()
            };
            vec![put(id.as_str(), json(&description(mark.append_to(&commit.description))))]
        }
        Request::Rotate { id, first, transition, commit } => {
            let transition = transition.map(|transition| transition.as_millis());
            let body = transition.map(|ms| serde_json::json!({"key_transition_period_ms": ms}));
            let rotate = Call { method: "POST", path: format!("/api-keys/{id}/rotate"), body };
            let update = (!first.is_empty()).then(|| put(id.as_str(), json(first)));
            let commit = Call { path: format!("/api-keys/{id}"), ..put("", commit_of_create(commit)) };
            update.into_iter().chain([rotate, commit]).collect()
        }
        Request::Update { id, body } => vec![put(id.as_str(), json(body))],
        Request::Delete { id } => {
            vec![Call { method: "DELETE", path: format!("/api-keys/{id}"), body: None }]
        }
    }
}

fn put(id: &str, body: Option<Value>) -> Call {
    Call { method: "PUT", path: format!("/api-keys/{id}"), body }
}

fn description(text: String) -> KeyUpdate {
    KeyUpdate { description: Some(text), ..KeyUpdate::default() }
}

fn json<T: Serialize>(body: &T) -> Option<Value> {
    serde_json::to_value(body).ok()
}

/// The commit of a key that does not exist yet: a mark of the right shape, with placeholders for the
/// id and for the record of the secret.
fn commit_of_create(commit: &Commit) -> Option<Value> {
    let stand_in = CommittedSecret {
        ends: ("00".to_owned(), "000".to_owned()),
        issued_at: jiff::Timestamp::UNIX_EPOCH,
        transition: None,
    };
    let placed = format!("secret={stand_in}");
    let mark = Mark {
        new: None,
        id: Some("<id>".to_owned()),
        secret: Some(stand_in),
        to: commit.deliveries.iter().map(Delivery::hash).collect(),
        ..commit.mark.clone()
    };
    let mark = mark.to_string().replacen(&placed, "secret=<secret>", 1);
    let gap = if commit.description.is_empty() { "" } else { " " };
    let text = format!("{}{gap}{mark}", commit.description);
    json(&KeyUpdate { description: Some(text), ..(*commit.fields).clone() })
}
