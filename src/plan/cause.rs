//! What a change comes of: the files as they are proposed, or something that was so before.
//!
//! Only a *base*, the files as they were, can tell the two apart; without one, only what a date of the files
//! asks for has a cause.

use std::collections::{BTreeMap, BTreeSet};

/// What a difference comes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The files ask for something else than their base did.
    ThisChange,
    /// The files ask for what their base asked for, and the live key is otherwise.
    Drift,
    /// A time of the files has come: nobody changed anything.
    Due,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 3] = [Self::ThisChange, Self::Drift, Self::Due];

    /// The cause as published documents write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::ThisChange => "this-change",
            Self::Drift => "drift",
            Self::Due => "due",
        }
    }
}

/// The causes of one change, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// By the name of the field in the file; the mark counts as `mark`, a new secret as `secret`, a reset as
    /// `usage_reset_after`, and a create or delete as `key`.
    pub fields: BTreeMap<&'static str, Cause>,
}

impl Causes {
    /// The cause of one part.
    pub fn of(&self, field: &str) -> Option<Cause> {
        self.fields.get(field).copied()
    }

    /// The cause of the whole change; none if it is not known, or if there are several.
    pub fn single(&self) -> Option<Cause> {
        let all: BTreeSet<Cause> = self.fields.values().copied().collect();
        if all.len() == 1 { all.into_iter().next() } else { None }
    }

    /// Whether parts of the change have different causes.
    pub fn is_mixed(&self) -> bool {
        !self.fields.is_empty() && self.single().is_none()
    }
}
