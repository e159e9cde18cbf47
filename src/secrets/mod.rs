//! New secrets on their way: kept in the escrow until they are delivered and committed.
//!
//! Invariants: a secret that reached us is on disk, flushed, before any other call for its key; nothing
//! here is ever shown; files are private, written atomically, and never through a link.

mod command;
mod encryption;
mod env_file;
mod escrow;
mod file_sink;
mod journal;
mod lock;
mod sink;

pub use encryption::{Identities, IdentityError, RecipientError, check_recipient};
pub use escrow::{Escrow, EscrowError, Slot, make_work_folder};
pub use journal::{Entry, Journal};
pub use lock::{LockError, WorkLock};
pub use sink::{SinkError, Sinks};
