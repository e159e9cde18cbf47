//! Why nothing is written at all, and what else a person should know.

use super::{Explained, choose, count, some_of};
use crate::plan::{MissingScope, Note, Refusal};

pub(in crate::render) fn refusal(refusal: &Refusal) -> Explained {
    match refusal {
        Refusal::OtherOrganisation { fence, found } => Explained::new(
            "other-organisation",
            match found {
                Some(found) => {
                    format!("the files are for organisation `{fence}`, the running key is of `{found}`")
                }
                None => format!(
                    "the files are for organisation `{fence}`, and no live key says which one this is"
                ),
            },
        )
        .hint("run with a key of that organisation, or correct `organisation:` in the root file"),
        Refusal::TooManyDeletes { planned, limit } => Explained::new(
            "too-many-deletes",
            format!(
                "{} planned, and at most {limit} {}",
                are(*planned, "deletion"),
                choose(*limit, "is allowed", "are allowed")
            ),
        )
        .hint(format!("if all of them are meant: --max-deletes {planned}")),
        Refusal::TooManyChanges { planned, limit } => Explained::new(
            "too-many-changes",
            format!(
                "{} planned, and at most {limit} {}",
                are(*planned, "change"),
                choose(*limit, "is allowed", "are allowed")
            ),
        )
        .hint(format!("if all of them are meant: --max-changes {planned}")),
        Refusal::PruneWithoutOwner => Explained::new(
            "prune-without-owner",
            "--prune deletes keys that carry our mark, and without `managed_by:` none does",
        )
        .hint("add `managed_by: NAME` to the root file and apply once without --prune"),
        Refusal::PruneOfPart => Explained::new(
            "prune-of-part",
            "--prune needs the whole of the files: with a part, keys of the rest look as if in no file",
        )
        .hint("leave out --target, and name the root file with all that it includes"),
        Refusal::PruneWithBlocked { blocked } => Explained::new(
            "prune-with-blocked",
            format!(
                "--prune waits while {} blocked: a key in no file could be the one that is meant",
                are(*blocked, "entry")
            ),
        )
        .hint("settle what is blocked, or apply without --prune first"),
        Refusal::PruneOfUnstableList => Explained::new(
            "prune-of-unstable-list",
            "--prune needs a list of keys whose pages agree, and three times they did not",
        )
        .hint("plan again once nobody else is changing keys"),
        Refusal::UnknownContract { oddities } => Explained {
            details: oddities.clone(),
            ..Explained::new(
                "unknown-contract",
                format!(
                    "the service answered {} that this version does not know",
                    choose(oddities.len(), "something", "things")
                ),
            )
        }
        .hint("use a newer portkey-sync, or leave out --strict-contract"),
        Refusal::MissingScopes { key, missing } => Explained {
            details: missing.iter().map(lacking).collect(),
            ..Explained::new(
                "missing-scopes",
                format!(
                    "the running key `{key}` lacks {} that this plan needs",
                    count(missing.len(), "scope")
                ),
            )
        }
        .hint("give it these scopes, or run with a key that has them; see: portkey-sync explain permissions"),
    }
}

fn are(n: usize, noun: &str) -> String {
    format!("{} {}", count(n, noun), choose(n, "is", "are"))
}

/// So many keys are named for each scope.
const NAMED: usize = 3;

fn lacking(missing: &MissingScope) -> String {
    let MissingScope { scope, keys } = missing;
    let names: Vec<String> = keys.iter().map(ToString::to_string).collect();
    format!("{scope}   for {}", some_of(&names, NAMED))
}

pub(in crate::render) fn note(note: &Note) -> Explained {
    match note {
        Note::ClockSkew { seconds } => Explained::new(
            "clock-skew",
            format!(
                "this machine's clock is {} s {} the server's; the plan goes by the server's",
                seconds.unsigned_abs(),
                if *seconds > 0 { "behind" } else { "ahead of" }
            ),
        ),
        Note::UnknownToThisVersion(what) => Explained::new(
            "unknown-to-this-version",
            format!("newer than this version of portkey-sync: {what}"),
        ),
        Note::RunningKeyUncertain { candidates: 0 } => Explained::new(
            "running-key-uncertain",
            "no live key looks like the one that portkey-sync runs with, so none is spared; --self ID names it",
        ),
        Note::RunningKeyUncertain { candidates } => Explained::new(
            "running-key-uncertain",
            format!(
                "any of {candidates} keys could be the one that portkey-sync runs with; all are spared; --self ID names it"
            ),
        ),
        Note::HeldWithoutKey(held) => Explained::new(
            "held-without-key",
            format!(
                "the escrow holds a secret ({}) for {}, issued {}, which nothing in these files delivers; \
                 once nobody needs it, delete escrow/{}.json in the work folder",
                held.mask.as_ref().map(ToString::to_string).unwrap_or_default(),
                held.address,
                held.issued_at.unwrap_or(held.sent_at),
                held.nonce
            ),
        ),
        Note::MissingScopes { key, missing } => Explained {
            details: missing.iter().map(lacking).collect(),
            ..Explained::new(
                "missing-scopes",
                format!(
                    "`{key}` cannot apply this, as befits a key that plans; apply needs {} more",
                    count(missing.len(), "scope")
                ),
            )
        },
        Note::RotateScopeDoubtful { key, missing } => Explained {
            details: missing.iter().map(lacking).collect(),
            ..Explained::new(
                "rotate-scope-doubtful",
                format!(
                    "Portkey documents two scopes for a rotation, and `{key}` has `.update` only; if rotations \
                     are refused, give it"
                ),
            )
        },
        Note::KeyCanWrite { key } => Explained::new(
            "key-can-write",
            format!(
                "this looks like a pipeline, and its key `{key}` can change keys, which a plan does not need"
            ),
        )
        .hint("the least scopes: portkey-sync explain permissions"),
        Note::ListUnstable => Explained::new(
            "list-unstable",
            "the pages of the list of keys did not agree, three times; no key is taken for absent",
        ),
    }
}
