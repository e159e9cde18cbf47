//! Words of ours in published documents, as types, so that schemas list them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::{Cause, Causes, Risk};

/// A risk; `portkey-sync explain` says what each means.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum RiskWord {
    GainsRead,
    GainsWrite,
    GainsAdmin,
    MintsKeys,
    LimitLoosened,
    LimitRemoved,
    Unlimited,
    ExpiryExtended,
    ExpiryRemoved,
    SecretEnds,
    DeliversElsewhere,
    Replaced,
    Deleted,
}

impl From<Risk> for RiskWord {
    fn from(risk: Risk) -> Self {
        match risk {
            Risk::GainsRead => Self::GainsRead,
            Risk::GainsWrite => Self::GainsWrite,
            Risk::GainsAdmin => Self::GainsAdmin,
            Risk::MintsKeys => Self::MintsKeys,
            Risk::LimitLoosened => Self::LimitLoosened,
            Risk::LimitRemoved => Self::LimitRemoved,
            Risk::Unlimited => Self::Unlimited,
            Risk::ExpiryExtended => Self::ExpiryExtended,
            Risk::ExpiryRemoved => Self::ExpiryRemoved,
            Risk::SecretEnds => Self::SecretEnds,
            Risk::DeliversElsewhere => Self::DeliversElsewhere,
            Risk::Replaced => Self::Replaced,
            Risk::Deleted => Self::Deleted,
        }
    }
}

/// What a difference comes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) enum CauseWord {
    /// The files ask for something else than their base did.
    ThisChange,
    /// The files ask for what their base asked for, and the live key is otherwise.
    Drift,
    /// A time of the files has come.
    Due,
    /// Several of these.
    Mixed,
}

impl From<Cause> for CauseWord {
    fn from(cause: Cause) -> Self {
        match cause {
            Cause::ThisChange => Self::ThisChange,
            Cause::Drift => Self::Drift,
            Cause::Due => Self::Due,
        }
    }
}

/// The cause of a whole change.
pub(super) fn cause_word(causes: &Causes) -> Option<CauseWord> {
    if causes.is_mixed() { Some(CauseWord::Mixed) } else { causes.single().map(Into::into) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn published_words_are_those_of_the_risks_and_causes() {
        for risk in Risk::ALL {
            assert_eq!(serde_json::to_value(RiskWord::from(risk)).unwrap(), risk.word());
        }
        for cause in Cause::ALL {
            assert_eq!(serde_json::to_value(CauseWord::from(cause)).unwrap(), cause.word());
        }
    }
}
