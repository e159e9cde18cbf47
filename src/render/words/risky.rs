//! Risks in the words of somebody who has never seen the tool.

use crate::plan::Risk;

/// What a risk means for the key, as a short phrase.
pub(in crate::render) fn risk(risk: Risk) -> &'static str {
    match risk {
        Risk::GainsRead => "can see more",
        Risk::GainsWrite => "can use or change more",
        Risk::GainsAdmin => "can administer",
        Risk::MintsKeys => "can mint keys",
        Risk::LimitLoosened => "a limit gets looser",
        Risk::LimitRemoved => "a limit is gone",
        Risk::Unlimited => "a limit of 0 limits nothing",
        Risk::ExpiryExtended => "works longer",
        Risk::ExpiryRemoved => "never expires",
        Risk::SecretEnds => "a working secret ends",
        Risk::DeliversElsewhere => "its secret goes to a new place",
        Risk::Replaced => "a new key takes the place of another one",
        Risk::Deleted => "cannot be undone",
    }
}

/// Whether a reviewer who reads one thing should read this.
pub(in crate::render) fn is_grave(risk: Risk) -> bool {
    match risk {
        Risk::GainsAdmin
        | Risk::MintsKeys
        | Risk::LimitRemoved
        | Risk::Unlimited
        | Risk::ExpiryRemoved
        | Risk::DeliversElsewhere
        | Risk::Replaced
        | Risk::Deleted => true,
        Risk::GainsRead
        | Risk::GainsWrite
        | Risk::LimitLoosened
        | Risk::ExpiryExtended
        | Risk::SecretEnds => false,
    }
}
