//! Why an entry is blocked, in sentences, each with the line to add or the flag to pass.

use super::{Explained, at, choose, count};
use crate::diagnostic::Place;
use crate::diff::UnresolvedName;
use crate::model::KeyKind;
use crate::plan::{Blocked, BlockedReason, Candidate, DESCRIPTION_LIMIT, Harm, Unproven};

pub(in crate::render) fn blocked(blocked: &Blocked) -> Explained {
    let Blocked { address: _, place, reason } = blocked;
    let at = at(place.as_ref());
    match reason {
        BlockedReason::Ambiguous { candidates } => ambiguous(candidates, &at),
        BlockedReason::PinMissing { id } => {
            Explained::new("pin-missing", format!("no live key has the id `{id}`"))
                .hint(format!("correct `id:` {at}, or take it out: the key is then found by its name"))
        }
        BlockedReason::Unresolved { name, nearest } => unresolved(name, nearest.as_deref(), &at),
        BlockedReason::AbsenceUnproven(why) => absence_unproven(*why),
        BlockedReason::Immutable { field, before, after } => immutable(field, before, after, &at),
        BlockedReason::NothingToReplace { id } => Explained::new(
            "nothing-to-replace",
            format!("it is to replace the key `{id}`, which is not there"),
        )
        .hint(format!("correct `replaces:` {at}, or remove it to make a new key all the same")),
        BlockedReason::ClaimedTwice { id, other } => Explained::new(
            "claimed-twice",
            format!("this entry and the one at {other} mean the same live key, {id}"),
        )
        .hint(format!("remove one of the two, or say with `id:` {at} which key this entry means")),
        BlockedReason::OtherOwner { by } => {
            Explained::new("other-owner", format!("its mark says that `{by}` manages it (`by={by}`)"))
                .hint(format!("remove the entry {at}, or let `{by}` give the key up first"))
        }
        BlockedReason::LooksLikeRename { from, agreeing } => Explained::new(
            "looks-like-rename",
            format!(
                "this create and the deletion of `{from}` look like one key renamed: {}",
                match agreeing {
                    0 => "nothing but the name differs".to_owned(),
                    1 => "the one field that the file manages agrees".to_owned(),
                    n => format!("all {n} fields that the file manages agree"),
                }
            ),
        )
        .hint(format!(
            "add `renamed_from: {}` {at} and the key keeps its id, secret and usage; add `renamed_from: null` \
             if it is a new key",
            from.name
        )),
        BlockedReason::NowhereToDeliver => {
            Explained::new("nowhere-to-deliver", "its new secret would have nowhere to go")
                .hint(format!("add `secret: {{deliver_to: [SINK]}}` {at}, or pass --secrets-file PATH"))
        }
        BlockedReason::RunningKey { harm } => running_key(*harm),
        BlockedReason::Protected => {
            Explained::new("protected", "the key is protected, so it is not deleted").hint(format!(
                "to delete it, take `protected: true` and `absent: true` out {at}, apply, and then say \
                 `absent: true`"
            ))
        }
        BlockedReason::CreationUnfinished { created_at } => Explained::new(
            "creation-unfinished",
            match created_at {
                Some(at) => format!("a run created this key at {at} and has not finished it"),
                None => "a run created this key and has not finished it".to_owned(),
            },
        )
        .hint("if that run is still at work, wait for it; if it died, apply where it ran: its secret lies there")
        .hint("15 minutes after the key was made, any run gives it another secret and finishes it"),
        BlockedReason::NotThere => {
            Explained::new("not-there", "there is no live key of this name").hint("apply creates it")
        }
        BlockedReason::StoredUnknown { live } => Explained::new(
            "stored-unknown",
            "do the sinks have this key's secret? Nobody here has delivered it".to_owned(),
        )
        .hint(format!(
            "if they have: say `secret: {{delivered: \"{}\"}}` {at}",
            live.as_ref().map_or("ab*****xyz", |mask| mask.as_str())
        ))
        .hint(format!("if not: say `secret: {{first: rotate}}` {at}, and it gets a new one, which is delivered")),
        BlockedReason::StoredOther { delivered, live } => Explained::new(
            "stored-other",
            format!(
                "`secret.delivered` says {delivered}, but the live secret is {}",
                live.as_ref().map_or("not shown", |mask| mask.as_str())
            ),
        )
        .hint(format!("correct it {at}, or say `first: rotate` instead, which delivers a new one")),
        BlockedReason::NoRoomForMark { text, mark, managed } => no_room(*text, *mark, *managed, place.as_ref()),
        BlockedReason::Unreadable { field, error } => {
            Explained::new("unreadable", format!("what `{field}` is compared with could not be read: {error}"))
                .hint(format!("plan again once it can be read, or take `{field}` out {at}"))
        }
        BlockedReason::RenamedOutside { id, name } => Explained::new(
            "renamed-outside",
            format!("our mark is on a key that somebody has renamed to `{name}` since; a delete does not follow"),
        )
        .hint(format!("if that key is meant, add `id: {id}` {at}; if not, take the entry out")),
        BlockedReason::BadTarget { error } => {
            Explained::new("bad-target", format!("its secret cannot be put where `deliver_to` says: {error}"))
                .hint(format!("change the key's name or its `deliver_to` {at}, or the sink's `file:`"))
        }
    }
}

fn ambiguous(candidates: &[Candidate], at: &str) -> Explained {
    let mut explained = Explained::new(
        "ambiguous",
        format!("{} live keys have this name; say which one is meant with `id:`", candidates.len()),
    )
    .hint(format!("add `id: ID` {at}, with one of the ids above"));
    explained.details = candidates
        .iter()
        .map(|Candidate { id, created_at, mask }| {
            let mut line = id.to_string();
            if let Some(created_at) = created_at {
                line.push_str(&format!("   created {}", created_at.strftime("%Y-%m-%d")));
            }
            if let Some(mask) = mask {
                line.push_str(&format!("   {mask}"));
            }
            line
        })
        .collect();
    explained
}

fn unresolved(name: &UnresolvedName, nearest: Option<&str>, at: &str) -> Explained {
    let (code, noun, name, where_to_look) = match name {
        UnresolvedName::Workspace(name) => {
            ("unresolved-workspace", "workspace", name, "`workspace_id` takes an alias, a slug or a UUID")
        }
        UnresolvedName::User(name) => ("unresolved-user", "user", name, "`user_id` takes an e-mail or an id"),
        UnresolvedName::Config(name) => {
            ("unresolved-config", "config", name, "`config_id` takes a slug or a UUID")
        }
    };
    let explained = Explained::new(code, format!("the running key sees no {noun} `{name}`"));
    match nearest {
        Some(nearest) => explained.hint(format!("did you mean `{nearest}` {at}?")),
        None => explained.hint(format!("correct it {at}: {where_to_look}")),
    }
}

fn immutable(field: &str, before: &str, after: &str, at: &str) -> Explained {
    Explained::new(
        "immutable",
        format!("`{field}` of a key cannot change: live it is `{before}`, the file says `{after}`"),
    )
    .hint(format!(
        "put `{before}` back {at}, or write `replaces:` instead of `id:` there: that makes a new key with a new \
         secret, and deletes this one a transition later"
    ))
}

fn absence_unproven(why: Unproven) -> Explained {
    const UNKNOWN: &str = "whether this key exists is not known, so it is not created:";
    match why {
        Unproven::ListIncomplete => Explained::new(
            "absence-unproven",
            format!("{UNKNOWN} the pages of the list of keys did not agree with each other"),
        )
        .hint("plan again once nobody else is changing keys, or pass --assume-complete"),
        Unproven::MayNotList(kind) => Explained::new(
            "absence-unproven",
            format!("{UNKNOWN} nothing shows that the running key may list {} there", keys_of(kind)),
        )
        .hint(format!(
            "give the running key the scope `{}.list`, or pass --assume-complete if it sees them all",
            kind.scope_group()
        )),
    }
}

fn keys_of(kind: KeyKind) -> String {
    format!("keys of type {kind}")
}

fn running_key(harm: Harm) -> Explained {
    let harm = match harm {
        Harm::Deleted => "would be deleted",
        Harm::Expired => "would be given an end, or an earlier one",
        Harm::Narrowed => "would lose scopes",
        Harm::Rotated => "would be rotated by Portkey, which shows the new secret to nobody",
    };
    Explained::new(
        "running-key",
        format!("this is, or could be, the key that portkey-sync runs with, and it {harm}"),
    )
    .hint("run with another key; or, if the running key is not this one, name it with --self ID")
}

fn no_room(text: usize, mark: usize, managed: bool, place: Option<&Place>) -> Explained {
    // One more for the space between them.
    let over = (text + 1 + mark).saturating_sub(DESCRIPTION_LIMIT);
    let explained = Explained::new(
        "no-room-for-mark",
        format!(
            "its description has {} and our mark needs {mark} more, but Portkey keeps {DESCRIPTION_LIMIT}",
            count(text, "character"),
        ),
    );
    let shorter = format!("{over} {}", choose(over, "character", "characters"));
    if managed {
        explained.hint(format!("make `description` at least {shorter} shorter {}", at(place)))
    } else {
        explained.hint(format!(
            "make it at least {shorter} shorter in Portkey's console, or set `description` {}",
            at(place)
        ))
    }
}
