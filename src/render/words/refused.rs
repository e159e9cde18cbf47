//! Why nothing is written at all, and what else a person should know.

use super::{Explained, choose, count};
use crate::plan::{Note, Refusal};

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
    }
}

fn are(n: usize, noun: &str) -> String {
    format!("{} {}", count(n, noun), choose(n, "is", "are"))
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
        Note::RescueCopy(held) => Explained::new(
            "rescue-copy",
            format!(
                "escrow/{}.json in the work folder holds the undelivered secret ({}) of {}, encrypted; \
                 with --age-identity PATH this run would deliver it, without the key gets another one",
                held.nonce,
                held.mask.as_ref().map(ToString::to_string).unwrap_or_default(),
                held.address,
            ),
        ),
        Note::NotTried { address } => Explained::new(
            "not-tried",
            format!("the gateway takes no organisation keys, so the new secret of {address} is not tried"),
        ),
        Note::ListUnstable => Explained::new(
            "list-unstable",
            "the pages of the list of keys did not agree, three times; no key is taken for absent",
        ),
    }
}
