//! Why nothing at all is written, and what else a person should know.

use jiff::Timestamp;

use super::{At, MissingScope, Risk};
use crate::diagnostic::Place;
use crate::model::{Escrowed, KeyAddress, OrganisationId};
use crate::policy::Finding;

/// Why nothing at all will be written.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Refusal {
    /// The files are for another organisation.
    OtherOrganisation {
        /// The fence.
        fence: OrganisationId,
        /// The organisation, if it could be told.
        found: Option<OrganisationId>,
    },
    /// More deletions than allowed.
    TooManyDeletes {
        /// Planned.
        planned: usize,
        /// Allowed.
        limit: usize,
    },
    /// More changes than allowed.
    TooManyChanges {
        /// Planned.
        planned: usize,
        /// Allowed.
        limit: usize,
    },
    /// Prune without `managed_by`: nothing tells our keys from others.
    PruneWithoutOwner,
    /// Prune with only a part of the files.
    PruneOfPart,
    /// Prune while some entries are blocked: a key in no file may be one of them.
    PruneWithBlocked {
        /// How many.
        blocked: usize,
    },
    /// Prune of a list whose pages did not agree.
    PruneOfUnstableList,
    /// The service answered what this version does not know (`--strict-contract`).
    UnknownContract {
        /// What.
        oddities: Vec<String>,
    },
    /// The running key may not do all of it: a part would be done, and the rest fail.
    MissingScopes {
        /// The running key's name.
        key: String,
        /// What it lacks.
        missing: Vec<MissingScope>,
    },
    /// A rule is broken, or a waiver is none.
    Policy {
        /// One at least, all of one code and one policy.
        findings: Vec<Finding>,
    },
    /// Risks that the caller does not accept (`--deny-risk`).
    DeniedRisks {
        /// Each of them.
        denied: Vec<DeniedRisk>,
    },
}

/// A risk that the caller does not accept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DeniedRisk {
    /// The key.
    pub address: KeyAddress,
    /// The risk.
    pub risk: Risk,
    /// What it comes from.
    pub at: At,
}

/// What else a person should know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Note {
    /// The clocks differ by more than a minute.
    ClockSkew {
        /// Server less local.
        seconds: i64,
    },
    /// Something in the answers is newer than this version.
    UnknownToThisVersion(String),
    /// Which key the tool runs with is not known for certain.
    RunningKeyUncertain {
        /// How many could be it.
        candidates: usize,
    },
    /// The list's pages did not agree.
    ListUnstable,
    /// The escrow holds a secret that nothing in the files delivers.
    HeldWithoutKey(Escrowed),
    /// The same of a secret whose key is live and has it.
    HeldUndelivered(Escrowed),
    /// The key that plans could not apply this, which is as it should be.
    MissingScopes {
        /// The running key's name.
        key: String,
        /// What it lacks.
        missing: Vec<MissingScope>,
    },
    /// The running key holds one of two scopes, and which of them a rotation needs is documented both ways.
    RotateScopeDoubtful {
        /// The running key's name.
        key: String,
        /// What it lacks.
        missing: Vec<MissingScope>,
    },
    /// A pipeline plans with a key that could change keys.
    KeyCanWrite {
        /// The running key's name.
        key: String,
    },
    /// A rule is broken that only warns.
    Policy {
        /// One at least, all of one code and one policy.
        findings: Vec<Finding>,
    },
    /// The escrow holds the live secret of a key, and nobody here can read it.
    RescueCopy(Escrowed),
    /// A key that somebody ends by hand, and whose entry says that it goes on.
    RevokedAgainstFile {
        /// The key.
        address: KeyAddress,
        /// Its entry.
        place: Place,
        /// When it ends by the file; none for never.
        until: Option<Timestamp>,
    },
    /// A new secret that was to be tried on the gateway, which takes no organisation keys (portkey-api.md 5).
    NotTried {
        /// Whose secret it is.
        address: KeyAddress,
    },
}
