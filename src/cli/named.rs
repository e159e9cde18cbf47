//! Which live keys the words of `rotate` and `revoke` mean, where the files alone cannot tell.
//!
//! Nothing is guessed: a word that may mean two keys is refused, with what tells them apart.

use std::collections::{BTreeMap, BTreeSet};

use crate::desired::{About, Desired, DesiredKey, KeySpec, Presence, SecretSpec, WithoutEntry};
use crate::diagnostic::Place;
use crate::diff::{Found, diff};
use crate::live::{Completeness, Live, LiveKey, Names, refresh};
use crate::model::{KeyAddress, KeyKind, Setting};

use super::exit::Exit;
use super::failure::CommandError;
use super::planning::refresh_failed;
use super::session::Session;

/// The files with an entry for each of these words, and the addresses of these entries.
pub(super) async fn settle(
    about: About,
    aliases: &BTreeMap<String, String>,
    words: &[String],
    session: &Session,
) -> Result<(Desired, Vec<String>), CommandError> {
    let About { mut desired, elsewhere: _, hidden, without_entry } = about;
    if !hidden && without_entry.is_empty() {
        return Ok((desired, words.to_vec()));
    }
    let mut names = Names::used_by(&desired);
    if !without_entry.is_empty() {
        let parts = || without_entry.iter().flat_map(|without| without.word.split('/'));
        names.workspaces.extend(
            aliases.values().cloned().chain(parts().map(str::to_owned)).filter(|w| w.starts_with("ws-")),
        );
        names.users.extend(parts().filter(|part| part.contains('@')).map(str::to_owned));
    }
    let live = refresh(&session.reader, &names).await.map_err(refresh_failed)?;
    let mut addresses = Vec::new();
    for word in words {
        match without_entry.iter().find(|without| without.word == *word) {
            None => {
                if hidden {
                    not_another(word, &desired, &live)?;
                }
                addresses.push(word.clone());
            }
            Some(without) => {
                let key = only(without, aliases, &live)?;
                let entry = entry_of(&desired, &live, key)
                    .map_or_else(|| entry_for(key, aliases, &live, word), Ok)?;
                let address = entry.address.clone();
                addresses.push(address.to_string());
                // An address is that of every entry that has it, and one key is meant.
                desired.keys.retain(|other| other.address != address);
                desired.keys.push(entry);
            }
        }
    }
    Ok((desired, addresses))
}

/// Refuses a tail of an address that may be that of a key in a part of the files that could not be read.
fn not_another(word: &str, desired: &Desired, live: &Live) -> Result<(), CommandError> {
    for key in desired.keys.iter().filter(|key| key.is_called(word) && !key.is_wholly_called(word)) {
        let bearers = live.keys.values().filter(|other| other.name == key.address.name);
        let (mut same, mut others) = (0, 0);
        for bearer in bearers {
            same += 1;
            others += usize::from(key.id.as_ref() != Some(&bearer.id));
        }
        // The live key of such an entry may have another name, and the hidden one this name.
        let is_elsewhere = key.id.is_some() || key.renamed_from.value().is_some();
        if same > 1 || (is_elsewhere && others > 0) || live.completeness != Completeness::Complete {
            return Err(CommandError::message(format!(
                "`{word}` may mean another key than `{}`: the files cannot be read whole, and {} called `{}`",
                key.address,
                if same == 1 { "1 live key is".to_owned() } else { format!("{same} live keys are") },
                key.address.name
            ))
            .hint(format!("write the whole address: `{}`", key.address))
            .code("usage")
            .exit(Exit::Usage));
        }
    }
    Ok(())
}

/// The live key that a word means.
fn only<'l>(
    without: &WithoutEntry,
    aliases: &BTreeMap<String, String>,
    live: &'l Live,
) -> Result<&'l LiveKey, CommandError> {
    let WithoutEntry { word, is_named } = without;
    let is_meant = |key: &&LiveKey| {
        key.id.as_str().eq_ignore_ascii_case(word)
            || addresses(key, aliases, live).contains(word)
            || (*is_named && key.name == *word)
    };
    let found: Vec<_> = live.keys.values().filter(is_meant).collect();
    let error = match found.as_slice() {
        [key] if live.completeness == Completeness::Complete || key.name != *word => return Ok(key),
        [] => CommandError::message(format!(
            "no key in the files has the address `{word}`, and no live key has it as its id or whole address"
        ))
        .hint("portkey-sync list has the live keys; revoke takes their ids"),
        several => {
            let ids: Vec<String> = several.iter().map(|key| format!("`{}`", key.id)).collect();
            CommandError::message(format!("`{word}` can mean the live keys {}", ids.join(" or ")))
                .hint("write the id of the one that is meant")
        }
    };
    Err(error.code("usage").exit(Exit::Usage))
}

/// All whole addresses by which people may call a live key.
fn addresses(key: &LiveKey, aliases: &BTreeMap<String, String>, live: &Live) -> BTreeSet<String> {
    let users = || {
        let emails = live.names.users.iter().filter(|(_, id)| Some(*id) == key.user.as_ref());
        let ids = key.user.iter().map(ToString::to_string);
        emails.map(|(email, _)| email.clone()).chain(ids)
    };
    let mut addresses = BTreeSet::new();
    for workspace in workspaces(key, aliases, live) {
        let address =
            |user| KeyAddress { workspace: workspace.clone(), user, name: key.name.clone() }.to_string();
        if key.kind == Some(KeyKind::WorkspaceUser) {
            addresses.extend(users().map(|user| address(Some(user))));
        } else {
            addresses.insert(address(None));
        }
    }
    addresses
}

/// The names of a live key's workspace, the best first.
fn workspaces(key: &LiveKey, aliases: &BTreeMap<String, String>, live: &Live) -> Vec<Option<String>> {
    let Some(workspace) = &key.workspace else { return vec![None] };
    let slugs = || {
        let known = live.names.workspaces.iter().chain(&live.names.known_workspaces);
        known.filter(|(_, id)| *id == workspace).map(|(slug, _)| slug.clone())
    };
    let is_here =
        |target: &str| workspace.as_str().eq_ignore_ascii_case(target) || slugs().any(|slug| slug == target);
    let named = aliases.iter().filter(|(_, target)| is_here(target)).map(|(alias, _)| alias.clone());
    named.chain(slugs()).chain([workspace.to_string()]).map(Some).collect()
}

/// The entry that means this live key.
fn entry_of(desired: &Desired, live: &Live, key: &LiveKey) -> Option<DesiredKey> {
    let diff = diff(desired, live, live.now);
    let is_this = |found: &Found<'_>| matches!(found, Found::Key { live, .. } if live.id == key.id);
    diff.entries.iter().find(|entry| is_this(&entry.found)).map(|entry| entry.desired.clone())
}

/// An entry that says which key is meant, and nothing that it should be.
fn entry_for(
    key: &LiveKey,
    aliases: &BTreeMap<String, String>,
    live: &Live,
    word: &str,
) -> Result<DesiredKey, CommandError> {
    let Some(kind) = key.kind else {
        return Err(CommandError::message(format!(
            "`{word}` is a key of a kind that this version does not know"
        )));
    };
    let user = key.user.as_ref().filter(|_| kind == KeyKind::WorkspaceUser).map(ToString::to_string);
    let shown = workspaces(key, aliases, live).into_iter().next().flatten();
    Ok(DesiredKey {
        address: KeyAddress { workspace: shown, user: user.clone(), name: key.name.clone() },
        place: Place { file: "<argument>".to_owned(), line: 1, column: 1 },
        kind,
        workspace: key.workspace.as_ref().map(ToString::to_string),
        user,
        id: Some(key.id.clone()),
        renamed_from: Setting::Unmanaged,
        replaces: None,
        presence: Presence::Present,
        protected: false,
        spec: KeySpec::default(),
        written_scopes: Vec::new(),
        usage_reset_after: None,
        secret: SecretSpec::default(),
        field_places: BTreeMap::new(),
        inherited: BTreeSet::new(),
    })
}
