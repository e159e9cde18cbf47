//! Why nothing is written at all, and what else a person should know.

use std::collections::BTreeSet;

use super::{Explained, choose, count, some_of};
use crate::desired::{Origin, codes, explain, explain_rule};
use crate::model::Escrowed;
use crate::plan::{DeniedRisk, MissingScope, Note, Refusal, Risk};
use crate::policy::Finding;

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
        Refusal::Policy { findings } => policy(findings, usize::MAX),
        Refusal::DeniedRisks { denied } => {
            let words: BTreeSet<Risk> = denied.iter().map(|denied| denied.risk).collect();
            let words: Vec<&str> = words.into_iter().map(Risk::word).collect();
            Explained {
                details: denied.iter().map(denied_risk).collect(),
                ..Explained::new(
                    "denied-risk",
                    format!(
                        "{} that --deny-risk does not allow: {}",
                        count(denied.len(), "risk"),
                        words.join(", ")
                    ),
                )
            }
            .hint("change the files, or let somebody who may accept the risk apply them without that word")
        }
    }
}

fn denied_risk(denied: &DeniedRisk) -> String {
    let DeniedRisk { address, risk, at } = denied;
    match at.field() {
        // What says which key is meant makes no risk by itself.
        Some(field @ ("id" | "workspace_id" | "user_id" | "renamed_from")) => {
            format!("{address}: {risk} cannot be ruled out, because by its {field} it may be another key")
        }
        Some(field) => format!("{address}: {risk}, by its {field}"),
        None => format!("{address}: {risk}"),
    }
}

/// So many findings that only warn are shown.
const SHOWN_WARNINGS: usize = 10;

/// Findings of one code and one policy.
fn policy(findings: &[Finding], shown: usize) -> Explained {
    let Some(first) = findings.first() else { return Explained::new("policy", "a policy is not kept") };
    let place = match &first.origin {
        Origin::KeysFile => "the root file".to_owned(),
        Origin::PolicyFile { name } => name.clone(),
    };
    let (n, rule) = (findings.len(), first.rule.name());
    let rule_info = explain_rule(first.code);
    let message = match first.code {
        codes::POLICY_WAIVER_EXPIRED => {
            format!("{} in {place} {} ended", count(n, "waiver"), choose(n, "has", "have"))
        }
        codes::POLICY_WAIVER_TOO_LONG => {
            format!("{} in {place} {} too far away", count(n, "waiver"), choose(n, "ends", "end"))
        }
        codes::POLICY_WAIVER_UNUSED => {
            format!("{} in {place} {} nothing", count(n, "waiver"), choose(n, "excepts", "except"))
        }
        _ => format!("{} {} `{rule}` of {place}", count(n, "key"), choose(n, "breaks", "break")),
    };
    let mut details: Vec<String> = findings
        .iter()
        .take(shown)
        .map(|finding| format!("{} ({})", finding.message, finding.place))
        .collect();
    if n > details.len() {
        details.push(format!("and {} more, which portkey-sync validate shows", n - details.len()));
    }
    let explained = Explained { details, ..Explained::new(first.code, message) };
    match rule_info {
        None => match explain(first.code) {
            Some(explanation) => explained.hint(as_hint(explanation.remedy)),
            None => explained,
        },
        Some(_) if n == 1 => explained.hint(first.remedy.as_str()).hint(waiving(&place)),
        Some(rule) => explained.hint(as_hint(rule.remedy)).hint(waiving(&place)),
    }
}

/// The sentence of a manual as a fragment.
fn as_hint(sentence: &str) -> String {
    let mut chars = sentence.trim_end_matches('.').chars();
    chars.next().map(|first| first.to_lowercase().chain(chars).collect()).unwrap_or_default()
}

fn waiving(place: &str) -> String {
    format!("or except a key for a time: a waiver in {place}, with a reason and an end")
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

/// A secret that its live key has and no entry delivers.
fn held_undelivered(held: &Escrowed) -> Explained {
    Explained::new(
        "held-without-key",
        format!(
            "the escrow holds the secret ({}) of the live key {}{}, issued {}, which no entry of these files delivers; \
             put its entry back with `deliver_to`, or delete the key and then escrow/{}.json in the work folder",
            held.mask.as_ref().map(ToString::to_string).unwrap_or_default(),
            held.address,
            held.id.as_ref().map(|id| format!(" ({id})")).unwrap_or_default(),
            held.issued_at.unwrap_or(held.sent_at),
            held.nonce
        ),
    )
}

pub(in crate::render) fn note(note: &Note) -> Explained {
    match note {
        Note::ClockSkew { seconds } => Explained::new(
            "clock-skew",
            format!(
                "this machine's clock is {} {} the server's; the plan goes by the server's",
                super::length(seconds.unsigned_abs()),
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
        Note::HeldUndelivered(held) => held_undelivered(held),
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
        Note::Policy { findings } => policy(findings, SHOWN_WARNINGS),
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
        Note::RevokedAgainstFile { address, place, until } => {
            let says =
                until.map_or_else(|| "expires_at: null".to_owned(), |end| format!("expires_at: {end}"));
            Explained::new(
                "revoked-against-file",
                format!(
                    "{place} says `{says}` for {address}, so the next apply lets the key work again; write the end \
                     there as well, or `absent: true`"
                ),
            )
        }
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
