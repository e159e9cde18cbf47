//! The two halves of the API over one transport.

use std::sync::Arc;

use jiff::Timestamp;
use serde_json::{Value, json};

use super::retry::Verb;
use super::settings::{ConnectError, Settings};
use super::transport::{Call, Reply, Transport};
use super::wire::{self, Object};
use super::{
    Accepted, ApiError, ConfigRow, Created, KeyRow, MalformedField, PAGE_SIZE, Page, ReadApi, Rotated,
    ServerClock, UserRow, WorkspaceRow, WriteApi,
};
use crate::model::{KeyCreate, KeyId, KeyUpdate, Secret};

/// Builds the client. Nothing is sent yet.
pub fn connect(settings: Settings) -> Result<(Reader, Writer), ConnectError> {
    let transport = Arc::new(Transport::new(settings)?);
    Ok((Reader { transport: Arc::clone(&transport) }, Writer { transport }))
}

/// Reads. Has no method that changes anything.
#[derive(Clone, Debug)]
pub struct Reader {
    transport: Arc<Transport>,
}

/// Writes. Has no method that reads.
#[derive(Clone, Debug)]
pub struct Writer {
    transport: Arc<Transport>,
}

impl Reader {
    async fn page<T>(
        &self,
        call: Call,
        number: u32,
        row: impl Fn(Value) -> Result<T, MalformedField>,
    ) -> Result<Page<T>, ApiError> {
        let Reply { json, answered_at, attempts } = self.transport.send(&call).await?;
        let (rows, total) = wire::page(json, row).map_err(|problem| {
            call.misunderstood(attempts, format!("page {number} is malformed: {problem}"))
        })?;
        Ok(Page { rows, total, answered_at })
    }
}

impl ReadApi for Reader {
    async fn list_keys(&self, page: u32) -> Result<Page<KeyRow>, ApiError> {
        let call = Call::new(Verb::Get, &["api-keys"])
            .query("page_size", &PAGE_SIZE.to_string())
            .query("current_page", &page.to_string());
        self.page(call, page, wire::key_row).await
    }

    async fn get_key(&self, id: &KeyId) -> Result<KeyRow, ApiError> {
        let call = Call::new(Verb::Get, &["api-keys", id.as_str()]);
        let Reply { json, attempts, .. } = self.transport.send(&call).await?;
        let row = wire::key_row(json)
            .map_err(|error| call.misunderstood(attempts, format!("the key is malformed: {error}")))?;
        if row.id.as_str().eq_ignore_ascii_case(id.as_str()) {
            Ok(row)
        } else {
            Err(call.misunderstood(attempts, "it is another key".to_owned()))
        }
    }

    async fn list_workspaces(&self, page: u32) -> Result<Page<WorkspaceRow>, ApiError> {
        // `/workspaces` without `/admin` answers 400 (portkey-api.md 8).
        let call = Call::new(Verb::Get, &["admin", "workspaces"])
            .query("page_size", &PAGE_SIZE.to_string())
            .query("current_page", &page.to_string())
            .query("status", "active,archived");
        self.page(call, page, wire::workspace_row).await
    }

    async fn list_users(&self, page: u32) -> Result<Page<UserRow>, ApiError> {
        self.page(users(page), page, wire::user_row).await
    }

    async fn find_user(&self, email: &str) -> Result<Option<UserRow>, ApiError> {
        let found = self.page(users(0).query("email", email), 0, wire::user_row).await?;
        let is_wanted = |user: &UserRow| {
            user.email.as_deref().is_some_and(|address| address.to_lowercase() == email.to_lowercase())
        };
        // The filter is the service's; a service without it would answer everybody.
        Ok(found.rows.into_iter().find(is_wanted))
    }

    async fn list_configs(&self, workspace: Option<&str>) -> Result<Vec<ConfigRow>, ApiError> {
        let mut call = Call::new(Verb::Get, &["configs"]);
        if let Some(workspace) = workspace {
            call = call.query("workspace_id", workspace);
        }
        Ok(self.page(call, 0, wire::config_row).await?.rows)
    }

    fn clock(&self) -> Option<ServerClock> {
        self.transport.clock()
    }
}

/// The parameters of users are in camelCase, unlike all others (portkey-api.md 8).
fn users(page: u32) -> Call {
    Call::new(Verb::Get, &["admin", "users"])
        .query("pageSize", &PAGE_SIZE.to_string())
        .query("currentPage", &page.to_string())
}

impl WriteApi for Writer {
    fn use_key(&self, secret: &Secret) -> Result<(), ConnectError> {
        self.transport.use_key(secret)
    }

    async fn create_key(&self, body: &KeyCreate) -> Result<Created, ApiError> {
        let (kind, sub_kind) = body.kind.create_path();
        let call = Call::new(Verb::Post, &["api-keys", kind, sub_kind]).body(body);
        let Reply { json, answered_at, attempts } = self.transport.send(&call).await?;
        let receipt = Receipt::read(json).map_err(|problem| call.misunderstood(attempts, problem))?;
        match receipt.id {
            Some(id) => Ok(Created { id, secret: receipt.secret, answered_at, attempts }),
            None => Err(call.misunderstood(attempts, "the receipt has no `id`".to_owned())),
        }
    }

    async fn update_key(&self, id: &KeyId, body: &KeyUpdate) -> Result<Accepted, ApiError> {
        let call = Call::new(Verb::Put, &["api-keys", id.as_str()]).body(body);
        let Reply { answered_at, attempts, .. } = self.transport.send(&call).await?;
        Ok(Accepted { answered_at, attempts })
    }

    async fn delete_key(&self, id: &KeyId) -> Result<Accepted, ApiError> {
        let call = Call::new(Verb::Delete, &["api-keys", id.as_str()]);
        let Reply { answered_at, attempts, .. } = self.transport.send(&call).await?;
        Ok(Accepted { answered_at, attempts })
    }

    async fn rotate_key(&self, id: &KeyId, transition_ms: Option<u64>) -> Result<Rotated, ApiError> {
        let body = transition_ms.map_or_else(|| json!({}), |ms| json!({"key_transition_period_ms": ms}));
        let call = Call::new(Verb::Post, &["api-keys", id.as_str(), "rotate"]).body(&body);
        let Reply { json, answered_at, attempts } = self.transport.send(&call).await?;
        let receipt = Receipt::read(json).map_err(|problem| call.misunderstood(attempts, problem))?;
        Ok(Rotated {
            id: receipt.id.unwrap_or_else(|| id.clone()),
            secret: receipt.secret,
            previous_expires_at: receipt.previous_expires_at,
            answered_at,
            attempts,
        })
    }
}

/// The answer to a create or rotate. Nothing but the want of a usable secret makes it unreadable:
/// this is the only time that the secret is shown.
struct Receipt {
    id: Option<KeyId>,
    secret: Secret,
    previous_expires_at: Option<Timestamp>,
}

impl Receipt {
    /// An error names the field and holds nothing of the receipt.
    fn read(json: Value) -> Result<Self, String> {
        let not_usable = |problem: &str| Err(format!("the receipt's `key` {problem}"));
        let Ok(mut receipt) = Object::read(json, String::new()) else {
            return Err("the receipt is no object".to_owned());
        };
        let secret = match receipt.secret("key") {
            Ok(Some(text)) => Secret::new(text),
            Ok(None) => return not_usable("is missing"),
            Err(error) => return not_usable(&error.problem),
        };
        if secret.expose().is_empty() {
            return not_usable("is empty");
        }
        if secret.expose().contains("***") {
            return not_usable("is masked");
        }
        let mut text = |name| receipt.text(name).ok().flatten().filter(|text| !text.is_empty());
        Ok(Self {
            id: text("id").map(KeyId::new),
            previous_expires_at: text("key_transition_expires_at").and_then(|text| wire::time(&text)),
            secret,
        })
    }
}

#[cfg(test)]
#[path = "client_tests.rs"]
mod tests;
