//! Entries for which a person must act, and why.

use jiff::Timestamp;

use crate::diagnostic::Place;
use crate::diff::UnresolvedName;
use crate::model::{KeyAddress, KeyId, KeyKind, Mask};

/// An entry for which a person must act.
#[derive(Clone, Debug, PartialEq)]
pub struct Blocked {
    /// Which key.
    pub address: KeyAddress,
    /// Its entry.
    pub place: Option<Place>,
    /// Why.
    pub reason: BlockedReason,
}

/// Why an entry is blocked.
#[derive(Clone, Debug, PartialEq)]
pub enum BlockedReason {
    /// Several live keys have this name.
    Ambiguous {
        /// The keys: id, creation, mask.
        candidates: Vec<Candidate>,
    },
    /// The pinned id is not in the list.
    PinMissing {
        /// The pin.
        id: KeyId,
    },
    /// A name that stands for nothing.
    Unresolved {
        /// The name.
        name: UnresolvedName,
        /// A name like it that exists.
        nearest: Option<String>,
    },
    /// The key cannot be seen, and that it does not exist is not proven.
    AbsenceUnproven(Unproven),
    /// The pinned key is of another type, workspace or user.
    Immutable {
        /// Which field.
        field: &'static str,
        /// Live.
        before: String,
        /// Wanted.
        after: String,
    },
    /// The key in whose place a new one is to come is not there.
    NothingToReplace {
        /// The id that the file names.
        id: KeyId,
    },
    /// Another entry means the same key.
    ClaimedTwice {
        /// The key.
        id: KeyId,
        /// The other entry.
        other: Place,
    },
    /// To be deleted, but somebody gave the key another name since.
    RenamedOutside {
        /// The key.
        id: KeyId,
        /// Its name now.
        name: String,
    },
    /// Marked by somebody else.
    OtherOwner {
        /// Who.
        by: String,
    },
    /// This create and a delete look like one key renamed.
    LooksLikeRename {
        /// The key that would be deleted.
        from: KeyAddress,
        /// How many managed fields agree.
        agreeing: usize,
    },
    /// A new secret would have nowhere to go.
    NowhereToDeliver,
    /// The key that the tool runs with, or could run with, must not lose its powers.
    RunningKey {
        /// What would have happened to it.
        harm: Harm,
    },
    /// Protected keys are not deleted.
    Protected,
    /// A create that has not been committed, of another run.
    CreationUnfinished {
        /// When the key was made.
        created_at: Option<Timestamp>,
    },
    /// There is no such key, and one was asked for by name.
    NotThere,
    /// Nobody here has delivered this key's secret: do the sinks have it?
    StoredUnknown {
        /// The live secret's mask.
        live: Option<Mask>,
    },
    /// The file says that the sinks have another secret than the live one.
    StoredOther {
        /// What the file says.
        delivered: Mask,
        /// The live secret's mask.
        live: Option<Mask>,
    },
    /// The description has no room for the mark.
    NoRoomForMark {
        /// Characters of the text.
        text: usize,
        /// Characters that the mark needs.
        mark: usize,
        /// Whether the file manages the text.
        managed: bool,
    },
    /// What a field of the file is compared with could not be read.
    Unreadable {
        /// The field.
        field: &'static str,
        /// The failed call.
        error: String,
    },
    /// The target of a delivery cannot be made from the key's names.
    BadTarget {
        /// What is wrong with it.
        error: String,
    },
}

/// Why absence is not proven.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unproven {
    /// The pages of the list did not agree.
    ListIncomplete,
    /// Nothing shows that the running key may list this kind there.
    MayNotList(KeyKind),
}

/// What a change would do to the running key.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Harm {
    /// Delete it.
    Deleted,
    /// Give it an end, or an earlier one.
    Expired,
    /// Take scopes from it.
    Narrowed,
    /// Let Portkey replace its secret at a time of its own, and tell nobody.
    Rotated,
}

/// One of several keys of one name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Candidate {
    /// Its id.
    pub id: KeyId,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// What is shown of its secret.
    pub mask: Option<Mask>,
}
