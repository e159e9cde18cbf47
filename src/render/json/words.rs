//! Words of ours in published documents, as types, so that schemas list them.

use schemars::JsonSchema;
use serde::Serialize;

use crate::plan::{Cause, Causes, Risk};
use crate::report::{Report, Verdict};

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

/// How many changes met each verdict.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, JsonSchema)]
#[serde(rename_all = "kebab-case")]
pub(super) struct VerdictCounts {
    /// As the plan said.
    confirmed: usize,
    /// The list still shows the state from before.
    not_visible_yet: usize,
    /// Somebody changed the key since.
    overwritten: usize,
    /// The service kept or made another value.
    overridden: usize,
    /// Not made, so there is nothing to read back.
    none: usize,
}

impl VerdictCounts {
    pub(super) fn of(report: &Report) -> Self {
        let mut counts = Self::default();
        for change in &report.changes {
            let count = match &change.verdict {
                Some(Verdict::Confirmed) => &mut counts.confirmed,
                Some(Verdict::NotVisibleYet) => &mut counts.not_visible_yet,
                Some(Verdict::Overwritten { .. }) => &mut counts.overwritten,
                Some(Verdict::Overridden { .. }) => &mut counts.overridden,
                None => &mut counts.none,
            };
            *count += 1;
        }
        counts
    }
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
