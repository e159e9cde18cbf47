//! The protocol by which a new secret reaches its stores and is never lost: what to do next, and nothing else.
//!
//! A secret is visible once, in the answer to a create or a rotate. Between that answer and the mark that commits
//! it, the process can die, answers can be lost, another run can be at the same key and people can interfere. This
//! module decides; `plan` asks [`decide`] what an address needs, `apply` drives a [`HandOff`] step by step, and
//! `tests/handoff_model.rs` walks through every order of events with two runs over this very code.
//!
//! Invariants: pure; no I/O, no clock, no key names. Every rule can be switched off in [`Rules`], so that the model
//! can show what each of them prevents; the program itself only ever uses [`Rules::ALL`].

use jiff::SignedDuration;

mod decide;
mod steps;

pub use decide::{
    Facts, Next, Question, Standing, Stored, Twins, Why, Wish, decide, is_possible, is_spent, rotatable_at,
    settle, twins, until_creatable,
};
pub use steps::{At, End, Event, HandOff, Kind, Step};

/// How long a secret that came of a create may be delivered and committed, counted from before the request.
pub const CREATE_LEASE: SignedDuration = SignedDuration::from_mins(10);

/// How much earlier than its transition the lease of a rotated secret ends.
pub const LEASE_MARGIN: SignedDuration = SignedDuration::from_mins(10);

/// The age at which a key that nobody has committed may be taken over by another run. Longer than
/// [`CREATE_LEASE`], so that the run that made it has given up by then.
pub const GRACE: SignedDuration = SignedDuration::from_mins(15);

/// How long a request whose answer is missing may still take effect, or its effect stay hidden: four times the
/// longest wait for an answer by default.
pub const LATE_EFFECT: SignedDuration = SignedDuration::from_mins(2);

/// What two looks at the service's clock may differ by: each counts whole seconds and knows nothing of the way here.
pub const CLOCK_MARGIN: SignedDuration = SignedDuration::from_mins(1);

/// The shortest and the default transition (portkey-api.md 4).
pub const TRANSITION: SignedDuration = SignedDuration::from_mins(30);

/// The rules of the protocol, each of which can be left out to see what it is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
#[expect(clippy::struct_excessive_bools, reason = "each is one rule, independent of the others")]
pub struct Rules {
    /// A secret is on disk before anything else is done with its key.
    pub escrow: bool,
    /// Look at the key right before it is rotated.
    pub look: bool,
    /// List again after a create; of several keys one remains.
    pub settle: bool,
    /// A secret is delivered and committed within its lease only.
    pub lease: bool,
    /// A key that another run has just created is left alone for a while.
    pub grace: bool,
    /// A request without an answer is given time before anything is repeated.
    pub late_effect: bool,
    /// Keys left over by creates that lost are deleted.
    pub leftovers: bool,
    /// A secret that is not the committed one was changed outside, and is replaced.
    pub changed_outside: bool,
    /// A key whose stored secret is not known is a question to a person, not a guess.
    pub ask: bool,
}

impl Rules {
    /// All of them: the protocol.
    pub const ALL: Self = Self {
        escrow: true,
        look: true,
        settle: true,
        lease: true,
        grace: true,
        late_effect: true,
        leftovers: true,
        changed_outside: true,
        ask: true,
    };
}

/// How long a rotated secret may be delivered and committed: others may rotate again once the transition is over.
pub fn rotate_lease(transition: SignedDuration) -> SignedDuration {
    transition - LEASE_MARGIN
}
