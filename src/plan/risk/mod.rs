//! What a reviewer should look at: one word for each way in which a change gives more than there was, or
//! takes something away for good.
//!
//! The words are the same in text, in JSON, in `--deny-risk` and in `explain`. Invariant: a risk follows
//! from the change alone.

mod judge;
#[cfg(test)]
mod tests;

use std::fmt;

pub use judge::assess;
pub(super) use judge::count;

/// One kind of risk.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Risk {
    /// A scope that sees something.
    GainsRead,
    /// A scope that uses models or changes a team's work.
    GainsWrite,
    /// A scope that changes who may do what.
    GainsAdmin,
    /// A scope that makes keys or changes what they may do.
    MintsKeys,
    /// What held the key back does so later.
    LimitLoosened,
    /// What held the key back is gone.
    LimitRemoved,
    /// A rate limit of 0, which limits nothing.
    Unlimited,
    /// The key works longer.
    ExpiryExtended,
    /// The key works for ever.
    ExpiryRemoved,
    /// A secret that works stops working.
    SecretEnds,
    /// A secret goes where this key's secrets have not gone.
    DeliversElsewhere,
    /// A key makes way for another one of its name.
    Replaced,
    /// A key goes away.
    Deleted,
}

impl Risk {
    /// Every risk, in the order in which they are listed.
    pub const ALL: [Self; 13] = [
        Self::GainsRead,
        Self::GainsWrite,
        Self::GainsAdmin,
        Self::MintsKeys,
        Self::LimitLoosened,
        Self::LimitRemoved,
        Self::Unlimited,
        Self::ExpiryExtended,
        Self::ExpiryRemoved,
        Self::SecretEnds,
        Self::DeliversElsewhere,
        Self::Replaced,
        Self::Deleted,
    ];

    /// The word.
    pub fn word(self) -> &'static str {
        match self {
            Self::GainsRead => "gains-read",
            Self::GainsWrite => "gains-write",
            Self::GainsAdmin => "gains-admin",
            Self::MintsKeys => "mints-keys",
            Self::LimitLoosened => "limit-loosened",
            Self::LimitRemoved => "limit-removed",
            Self::Unlimited => "unlimited",
            Self::ExpiryExtended => "expiry-extended",
            Self::ExpiryRemoved => "expiry-removed",
            Self::SecretEnds => "secret-ends",
            Self::DeliversElsewhere => "delivers-elsewhere",
            Self::Replaced => "replaced",
            Self::Deleted => "deleted",
        }
    }

    /// The risk with this word.
    pub fn parse(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|risk| risk.word() == word)
    }

    /// When a change has it, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::GainsRead => "A live key gets a scope that sees something.",
            Self::GainsWrite => "A live key gets a scope that uses models or changes what a team makes.",
            Self::GainsAdmin => {
                "A key, live or new, gets a scope that changes who may do what, what it may cost, or which \
                 credentials are used."
            }
            Self::MintsKeys => {
                "A key, live or new, gets a scope that makes keys, changes what keys may do, or obtains their new \
                 secrets."
            }
            Self::LimitLoosened => {
                "A budget or rate limit gets higher or starts anew sooner, its alert comes later, its usage is set \
                 to 0, requests may leave the bound config, or it is no longer the one that is bound."
            }
            Self::LimitRemoved => "A budget or rate limit that held is gone.",
            Self::Unlimited => {
                "A rate limit has the value 0, which Portkey's gateway takes for no limit at all."
            }
            Self::ExpiryExtended => "A key that ends works until a later date.",
            Self::ExpiryRemoved => "A key that ends no longer does.",
            Self::SecretEnds => {
                "A secret that works now stops working: it is replaced, Portkey is to replace it on a schedule or \
                 sooner than on the former one, or the key ends at once."
            }
            Self::DeliversElsewhere => {
                "A live key's new secret goes to a sink that, as far as its mark says, has not had this key's secret."
            }
            Self::Replaced => {
                "A key is created while another one of its name is deleted, or in the place of another one (`replaces`): \
                 new id, new secret, usage from 0."
            }
            Self::Deleted => {
                "A key is deleted, or is to be once the key that replaces it is delivered, with its secret and its usage \
                 history; that cannot be undone."
            }
        }
    }

    /// What a reviewer should ask.
    pub fn question(self) -> &'static str {
        match self {
            Self::GainsRead => "May everybody who can reach this key's secret see that?",
            Self::GainsWrite => "Does the program that has this key need to do that?",
            Self::GainsAdmin => "Why is it not a person who does this, and who else can reach the secret?",
            Self::MintsKeys => {
                "Who can reach the secret? With it they can make keys that no file mentions and no review has seen."
            }
            Self::LimitLoosened => "What does it cost if all of the new limit is used, and who pays?",
            Self::LimitRemoved => "What stops a loop, or a thief, now?",
            Self::Unlimited => "Is no limit what is meant? To stop a key, revoke it or take its scopes.",
            Self::ExpiryExtended => "Is the key still used, and was its secret ever replaced?",
            Self::ExpiryRemoved => "Who will remember this key when nobody uses it any more?",
            Self::SecretEnds => "Has everything that uses the old secret the new one by then?",
            Self::DeliversElsewhere => {
                "Who can read that place, and does the former one still need the secret?"
            }
            Self::Replaced => "Would `renamed_from` or `id` keep the key, its secret and its usage?",
            Self::Deleted => "Does anything still use it? Revoking it first can be undone.",
        }
    }
}

impl fmt::Display for Risk {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.word())
    }
}

/// A risk of a change, and the field that it comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct RiskAt {
    /// Which.
    pub risk: Risk,
    /// Where.
    pub at: At,
}

/// What a risk comes from.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum At {
    /// A field change of the change, by its name in the file.
    Field(&'static str),
    /// The usage, which is set to 0.
    Usage,
    /// The transition from one secret to the next.
    Transition,
    /// The places where the new secret goes.
    Deliveries,
    /// The key as a whole.
    Key,
}

impl At {
    /// The field's name as in the file, or none for the key as a whole.
    pub fn field(self) -> Option<&'static str> {
        match self {
            Self::Field(name) => Some(name),
            Self::Usage => Some("usage_reset_after"),
            Self::Transition => Some("transition"),
            Self::Deliveries => Some("deliver_to"),
            Self::Key => None,
        }
    }
}
