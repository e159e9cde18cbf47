//! Portkey's Admin API over HTTP: what the service answers, as types.
//!
//! ```text
//! Settings ── connect ──▶ Reader: ReadApi     GET, and nothing else
//!                    └──▶ Writer: WriteApi    POST, PUT, DELETE
//! ```
//!
//! The two halves share one client, one clock and one brake for 429 answers.
//!
//! Invariants:
//! * What can read cannot write: no type implements both traits.
//! * The vendor's quirks of *format* end here (numbers as text, `0` for `false`, five envelopes for
//!   an error); what a value *means* is decided by `live`.
//! * A raw secret leaves this module only as a [`Secret`], and only in the receipts of
//!   [`WriteApi::create_key`] and [`WriteApi::rotate_key`]. Errors and logs hold no body.
//! * A create or rotate is sent again only if it certainly was not carried out.

mod client;
mod clock;
mod envelope;
mod error;
mod gateway;
mod retry;
mod rows;
mod settings;
#[cfg(test)]
pub(crate) mod test_server;
mod transport;
mod wire;

use std::future::Future;

use jiff::Timestamp;

use crate::model::{KeyCreate, KeyId, KeyUpdate, Secret};

pub use client::{Reader, Writer, connect};
pub use clock::ServerClock;
pub use error::{Answer, ApiError, Effect, ErrorKind, Fault};
pub use gateway::{Gateway, Proof};
pub use rows::{
    ConfigRow, CreationMode, KeyRow, KeyStatus, MalformedField, UnknownValue, UserRow, WorkspaceRow,
};
pub use settings::{ApiKeyError, ConnectError, KeySource, Settings, api_key_from_env_or_file};

/// The longest page that the service gives (portkey-api.md 2.1).
pub const PAGE_SIZE: u32 = 100;

/// The half that cannot change anything.
pub trait ReadApi: Send + Sync {
    /// One page of every key that the running key may list, newest first. Pages count from 0.
    fn list_keys(&self, page: u32) -> impl Future<Output = Result<Page<KeyRow>, ApiError>> + Send;

    /// One key with all its fields; rows of a list lack some (see [`KeyRow::carries`]).
    fn get_key(&self, id: &KeyId) -> impl Future<Output = Result<KeyRow, ApiError>> + Send;

    /// One page of workspaces, archived ones included. Pages count from 0.
    fn list_workspaces(&self, page: u32)
    -> impl Future<Output = Result<Page<WorkspaceRow>, ApiError>> + Send;

    /// One page of the organisation's users. Pages count from 0.
    fn list_users(&self, page: u32) -> impl Future<Output = Result<Page<UserRow>, ApiError>> + Send;

    /// The user with this e-mail address, if there is one.
    fn find_user(&self, email: &str) -> impl Future<Output = Result<Option<UserRow>, ApiError>> + Send;

    /// Every config, or those of one workspace (slug or UUID); the service does not page them.
    fn list_configs(
        &self,
        workspace: Option<&str>,
    ) -> impl Future<Output = Result<Vec<ConfigRow>, ApiError>> + Send;

    /// The service's clock; `None` until an answer carried a `Date`.
    fn clock(&self) -> Option<ServerClock>;
}

/// The half that changes keys.
pub trait WriteApi: Send + Sync {
    /// Creates a key. Never repeated unless it certainly was not carried out: names are not unique.
    fn create_key(&self, body: &KeyCreate) -> impl Future<Output = Result<Created, ApiError>> + Send;

    /// Changes the fields that the body holds; the others stay.
    fn update_key(
        &self,
        id: &KeyId,
        body: &KeyUpdate,
    ) -> impl Future<Output = Result<Accepted, ApiError>> + Send;

    /// Deletes a key. If an attempt had an unknown outcome and the next one finds nothing, that is success.
    fn delete_key(&self, id: &KeyId) -> impl Future<Output = Result<Accepted, ApiError>> + Send;

    /// Gives the key a new secret; the previous one lives on for the transition, by default 30 minutes.
    /// Never repeated unless it certainly was not carried out.
    fn rotate_key(
        &self,
        id: &KeyId,
        transition_ms: Option<u64>,
    ) -> impl Future<Output = Result<Rotated, ApiError>> + Send;

    /// Calls with this secret from now on, reads too: the run has replaced that of its own key.
    fn use_key(&self, secret: &Secret) -> Result<(), ConnectError>;
}

/// One page of a list.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Page<T> {
    /// The rows, in the service's order.
    pub rows: Vec<T>,
    /// How many rows all pages hold, if the service said so; also said past the last page.
    pub total: Option<u64>,
    /// The `Date` of the answer.
    pub answered_at: Option<Timestamp>,
}

/// The answer to a create: a receipt, not the key.
#[derive(Debug)]
pub struct Created {
    /// The new key.
    pub id: KeyId,
    /// Its secret, shown this once.
    pub secret: Secret,
    /// The `Date` of the answer.
    pub answered_at: Option<Timestamp>,
    /// How many requests it took.
    pub attempts: u32,
}

/// The answer to an update or a delete: `{}`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Accepted {
    /// The `Date` of the answer.
    pub answered_at: Option<Timestamp>,
    /// How many requests it took.
    pub attempts: u32,
}

/// The answer to a rotate.
#[derive(Debug)]
pub struct Rotated {
    /// The key, as before.
    pub id: KeyId,
    /// Its new secret, shown this once.
    pub secret: Secret,
    /// When the previous secret stops working, if the service said so readably. Said nowhere else
    /// (portkey-api.md 4).
    pub previous_expires_at: Option<Timestamp>,
    /// The `Date` of the answer.
    pub answered_at: Option<Timestamp>,
    /// How many requests it took.
    pub attempts: u32,
}
