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
mod leaks;
mod lock;
mod private;
mod sink;
mod work_folder;

pub use command::is_own_variable;
pub use encryption::{Identities, IdentityError, RecipientError, check_recipient};
pub use escrow::{Escrow, EscrowError, Slot};
pub use journal::{Entry, Journal};
pub use lock::{LockError, WorkLock};
pub use private::make_work_folder;
pub use sink::{SinkError, Sinks};
pub use work_folder::{WorkFolderError, check_work_folder};
