//! Every code that a plan or a refused approval can show, with what it means in general. What it means for one key is said where it occurs.
//!
//! A code is stable: it may be retired, never given another meaning.

/// What people can look up about a code of a plan.
pub(in crate::render) struct Meaning {
    pub(in crate::render) code: &'static str,
    /// What is the matter.
    pub(in crate::render) what: &'static str,
    /// What to do.
    pub(in crate::render) remedy: &'static str,
}

const fn says(code: &'static str, what: &'static str, remedy: &'static str) -> Meaning {
    Meaning { code, what, remedy }
}

/// Of entries that wait for a person.
pub(in crate::render) const BLOCKED: &[Meaning] = &[
    says(
        "absence-unproven",
        "The key was not found, but nothing proves that it does not exist. Creating it could make a second one.",
        "Give the running key the `.list` scope that is named, plan again, or pass `--assume-complete`.",
    ),
    says(
        "ambiguous",
        "Several live keys have the name that the entry has. Names are not unique on Portkey.",
        "Pin the entry to one of them with `id:`.",
    ),
    says(
        "bad-target",
        "The secret cannot be put where `deliver_to` says, as the key's name does not fit there.",
        "Change the name, the sink's path, or `deliver_to`.",
    ),
    says(
        "claimed-twice",
        "Two entries mean the same live key.",
        "Remove one of them, or say with `id:` which key each means.",
    ),
    says(
        "creation-unfinished",
        "A run created this key a short while ago and has not finished it.",
        "Wait for that run. If it died, apply where it ran, or wait until 15 minutes after the create.",
    ),
    says(
        "immutable",
        "A pinned key differs in `type`, `workspace_id` or `user_id`, which cannot change.",
        "Put the live value back, or take `id:` out, which makes a new key with a new secret.",
    ),
    says(
        "looks-like-rename",
        "A create and a delete look like one key that was renamed. Doing both would end its secret.",
        "Add `renamed_from: FORMER-NAME` to keep the key, or `renamed_from: null` if it is a new one.",
    ),
    says(
        "no-room-for-mark",
        "The description and portkey-sync's mark at its end are longer than Portkey keeps together.",
        "Shorten the description.",
    ),
    says(
        "not-there",
        "A command was asked to act on a key that does not exist.",
        "Check the address; `apply` creates the key.",
    ),
    says(
        "nothing-to-replace",
        "The key that an entry `replaces` is not there, and neither is the entry's own.",
        "Correct the id, or take `replaces` out to make a new key all the same.",
    ),
    says(
        "nowhere-to-deliver",
        "A key is to get a new secret and no sink would take it. A secret is visible once, so it would be lost.",
        "Add `secret: {deliver_to: [SINK]}`, or pass `--secrets-file PATH`.",
    ),
    says(
        "other-owner",
        "The live key's mark says that another `managed_by` manages it.",
        "Remove the entry, or let the other owner give the key up first.",
    ),
    says(
        "pin-missing",
        "No live key has the `id` of the entry. A pin that is not found is never a create.",
        "Correct `id:`, or take it out: the key is then found by its name.",
    ),
    says(
        "protected",
        "The key is protected, so it is not deleted.",
        "Take `protected: true` out and apply; then say `absent: true`.",
    ),
    says(
        "renamed-outside",
        "A delete found its mark on a key that somebody has renamed since. Deletes do not follow renames.",
        "Pin the entry with `id:` if that key is meant; otherwise take the entry out.",
    ),
    says(
        "running-key",
        "The change would delete, end, narrow or rotate what could be the key that portkey-sync runs with.",
        "Run with another key, or name the running key with `--self ID`.",
    ),
    says(
        "stored-other",
        "`secret.delivered` names another secret than the live one.",
        "Correct it, or write `secret: {first: rotate}`, which delivers a new secret.",
    ),
    says(
        "stored-unknown",
        "Nobody knows whether the sinks have the secret of a key that was not created here.",
        "Answer with `secret: {delivered: \"ab*****xyz\"}` or with `secret: {first: rotate}`.",
    ),
    says(
        "unreadable",
        "What a field is compared with could not be read.",
        "Plan again once it can be read, or leave the field unmanaged.",
    ),
    says(
        "unresolved-config",
        "The running key sees no config of this name.",
        "Correct `config_id`: a slug or a UUID. Seeing configs takes `configs.list`.",
    ),
    says(
        "unresolved-user",
        "The running key sees no user of this e-mail address.",
        "Correct `user_id`: an e-mail address or an id. Seeing users takes `organisation_users.list`.",
    ),
    says(
        "unresolved-workspace",
        "The running key sees no workspace of this name.",
        "Correct `workspace_id`: an alias, a slug or a UUID. Seeing workspaces takes `workspaces.list`.",
    ),
];

/// Of reasons to write nothing at all.
pub(in crate::render) const REFUSALS: &[Meaning] = &[
    says(
        "denied-risk",
        "The plan has a risk that `--deny-risk` names.",
        "Change the files, or let somebody who may accept the risk apply them without that word.",
    ),
    says(
        "missing-scopes",
        "The running key lacks scopes that calls of this plan need, so some of them would fail half-way.",
        "Give the key the scopes that are named; `portkey-sync explain permissions` prints all that these files need.",
    ),
    says(
        "other-organisation",
        "The files, or the saved plan, are for another organisation than the running key's.",
        "Run with a key of that organisation, or correct `organisation:` in the root file.",
    ),
    says(
        "policy",
        "Keys break a rule of a policy whose severity is `error`. The code is that of the rule, as `policy-expiry-required`.",
        "Let the keys keep the rule, or except one for a time with a waiver.",
    ),
    says(
        "prune-of-part",
        "`--prune` was asked for with a part of the files. Keys of the rest would look as if in no file.",
        "Leave out `--target`, and name the root file with all that it includes.",
    ),
    says(
        "prune-of-unstable-list",
        "`--prune` needs a list of keys whose pages agree, and three times they did not.",
        "Plan again once nobody else is changing keys.",
    ),
    says(
        "prune-with-blocked",
        "`--prune` was asked for while an entry is blocked. A key in no file could be the one that is meant.",
        "Settle what is blocked, or apply without `--prune` first.",
    ),
    says(
        "prune-without-owner",
        "`--prune` deletes keys that carry our mark, and without `managed_by` none does.",
        "Add `managed_by: NAME` to the root file and apply once without `--prune`.",
    ),
    says(
        "too-many-changes",
        "The plan has more changes than `--max-changes` allows.",
        "Look at them; if all are meant, pass a higher number.",
    ),
    says(
        "too-many-deletes",
        "The plan deletes more keys than `--max-deletes` allows: by default a tenth of the keys, at least 3, at most 10.",
        "Look at them; if all are meant, pass a higher number.",
    ),
    says(
        "unknown-contract",
        "With `--strict-contract`, the service answered something that this version does not know.",
        "Use a newer portkey-sync, or leave the option out.",
    ),
];

/// Of reasons not to apply what was approved. `cli` finds them, as it holds the plan beside its approval.
pub(in crate::render) const APPROVALS: &[Meaning] = &[
    says(
        "bad-saved-plan",
        "The file is no saved plan: no JSON, cut off, too large, another document, or edited since.",
        "Make the plan again: `portkey-sync plan --out plan.json`.",
    ),
    says(
        "other-files",
        "The keys files do not mean what they meant when the plan was made. Comments, order and templates are no meaning.",
        "Apply from the revision that was planned, or plan again and have the new plan reviewed.",
    ),
    says(
        "other-plan",
        "What apply would do now is not what was approved: the keys, or the time, have moved since.",
        "Look at what moved, plan again, and approve that. A partial apply resumes with `apply plan.json`, not with a digest alone.",
    ),
    says(
        "other-version",
        "The saved plan was made by a version whose first two numbers differ, or in another format.",
        "Plan and apply with one version.",
    ),
];

/// Of remarks.
pub(in crate::render) const NOTES: &[Meaning] = &[
    says(
        "clock-skew",
        "This machine's clock and the server's are more than a minute apart. The plan goes by the server's.",
        "Set this machine's clock.",
    ),
    says(
        "held-without-key",
        "The escrow holds a secret that nothing in these files delivers.",
        "If its key is live, put the entry back, or delete the key. Once nobody needs the secret, delete the file that is named.",
    ),
    says(
        "key-can-write",
        "A plan in CI runs with a key that could write. A key that cannot is enough, and safer beside pull requests.",
        "Give the job that plans a key with the scopes that `portkey-sync explain permissions` prints for planning.",
    ),
    says(
        "list-unstable",
        "The pages of the list of keys did not agree, three times. No key is taken for absent.",
        "Plan again once nobody else is changing keys.",
    ),
    says(
        "not-tried",
        "A new secret is not tried on the gateway, which takes no organisation keys.",
        "Nothing; it is delivered untried.",
    ),
    says(
        "rescue-copy",
        "The escrow holds an undelivered secret that is encrypted. Without the identity the key gets another secret.",
        "Pass `--age-identity PATH`, and this run delivers it.",
    ),
    says(
        "revoked-against-file",
        "A key is ended by hand, and its entry says that it goes on. The next apply would let it work again.",
        "Write the end into the entry as well, or `absent: true`.",
    ),
    says(
        "rotate-scope-doubtful",
        "The running key has one of `.rotate` and `.update`, and Portkey's documents contradict each other on which one rotates.",
        "Give the key both, or see whether the rotation succeeds.",
    ),
    says(
        "running-key-uncertain",
        "It is not clear which live key portkey-sync runs with. All that it could be are spared.",
        "Name it with `--self ID`.",
    ),
    says(
        "unknown-to-this-version",
        "The service answered a field or value that is newer than this version.",
        "Nothing; a newer portkey-sync may know it. `--strict-contract` refuses such answers.",
    ),
];

#[cfg(test)]
mod tests {
    use super::*;

    /// The codes that a file of words makes: what stands first in `Explained::new`, and the codes that are chosen beside it.
    fn made_in(source: &str) -> Vec<String> {
        let quoted = |text: &str| {
            text.trim_start().strip_prefix('"').and_then(|rest| rest.split('"').next()).map(str::to_owned)
        };
        let mut codes: Vec<String> = source.split("Explained::new(").skip(1).filter_map(quoted).collect();
        codes.extend(
            source
                .split("(\"unresolved-")
                .skip(1)
                .filter_map(|rest| rest.split('"').next().map(|rest| format!("unresolved-{rest}"))),
        );
        codes.sort();
        codes.dedup();
        codes
    }

    fn codes(meanings: &[&[Meaning]]) -> Vec<String> {
        let mut codes: Vec<String> =
            meanings.iter().copied().flatten().map(|meaning| meaning.code.to_owned()).collect();
        codes.sort();
        codes
    }

    #[test]
    fn every_code_that_is_shown_can_be_looked_up_and_no_other() {
        assert_eq!(codes(&[BLOCKED]), made_in(include_str!("blocked.rs")));
        assert_eq!(codes(&[REFUSALS, NOTES]), made_in(include_str!("refused.rs")));
    }

    #[test]
    fn the_codes_of_each_list_are_sorted() {
        for meanings in [BLOCKED, REFUSALS, APPROVALS, NOTES] {
            assert!(meanings.is_sorted_by(|a, b| a.code < b.code));
        }
    }
}
