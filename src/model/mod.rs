//! The nouns that every step shares: addresses, ids, settings, limits, secrets, marks, request bodies.
//!
//! Invariants: no I/O, no clock; nothing here knows about YAML, HTTP or terminals.

mod address;
mod delivery;
mod key;
mod limits;
mod mark;
mod meaning;
mod request;
mod secret;

pub use address::KeyAddress;
pub use delivery::{Delivery, Escrowed, Target};
pub use key::{ConfigId, KeyId, KeyKind, OrganisationId, Setting, UserId, WorkspaceId};
pub use limits::{
    Amount, DEFAULT_TRANSITION_MS, PeriodicReset, RateLimit, RateLimitType, RateLimitUnit, RotationPeriod,
    RotationPolicy, UsageLimits, UsageType,
};
pub use mark::{CommittedSecret, Mark, MarkError, address_hash};
pub use meaning::meaning;
pub use request::{DefaultsPatch, KeyCreate, KeyUpdate, RotationPolicyPatch, UsageLimitsPatch};
pub use secret::{Mask, Secret};
