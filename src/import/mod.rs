//! A keys file from live keys: every key pinned by its id, repeated values factored out, so that a plan of
//! the result is empty.
//!
//! Invariants: pure; what cannot be said in a keys file is left out with a comment, never guessed.

mod factor;
mod fields;
#[cfg(test)]
mod tests;
mod tfstate;
mod yaml;

use std::collections::{BTreeMap, BTreeSet};

use serde_yaml::{Mapping, Value};

use crate::desired::{format, parse_str};
use crate::diagnostic::Severity;
use crate::escape::escape;
use crate::live::{Live, LiveKey};
use crate::model::{ConfigId, KeyId, KeyKind, UserId, WorkspaceId};

pub use tfstate::{NoId, StateError, StateKey, keys_of_tfstate};

/// What is imported, and how things are called.
#[derive(Clone, Debug, Default)]
pub struct ImportOptions {
    /// The `managed_by` to write.
    pub managed_by: Option<String>,
    /// Also keys that Portkey made by itself.
    pub include_automatic: bool,
    /// Only these, in this order; all if none are named.
    pub only: Option<Vec<StateKey>>,
    /// Keys to leave out because other files mention them.
    pub mentioned: BTreeSet<KeyId>,
    /// Slugs by UUID.
    pub workspaces: BTreeMap<WorkspaceId, String>,
    /// E-mails by id.
    pub users: BTreeMap<UserId, String>,
    /// Slugs by UUID.
    pub configs: BTreeMap<ConfigId, String>,
}

/// The text of a keys file, and how many keys are in it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Imported {
    /// The file.
    pub text: String,
    /// Keys in it.
    pub keys: usize,
    /// Keys that were left out, for one reason each.
    pub left_out: Vec<String>,
}

/// One key on its way into the file.
struct Entry {
    /// Name, type, workspace, user, id: never factored out.
    identity: Mapping,
    /// What the key is.
    fields: Mapping,
    /// What could not be said.
    comments: Vec<String>,
}

/// Writes the file.
pub fn import(live: &Live, options: &ImportOptions) -> Imported {
    let mut left_out = Vec::new();
    let wanted = wanted(live, options, &mut left_out);
    let mut unknown_scopes = BTreeSet::new();
    let mut entries = Vec::new();
    for (key, resource) in wanted {
        match admit(key, options) {
            Ok(()) => {
                let mut entry = entry(key, options);
                entry.comments.extend(resource.map(str::to_owned));
                let unknown: BTreeSet<String> =
                    key.scopes.iter().filter(|scope| fields::is_unknown(scope)).cloned().collect();
                match drop_what_is_invalid(&mut entry, &unknown) {
                    Ok(()) => {
                        // Only scopes that are still there need to be known.
                        if entry.fields.contains_key("scopes") {
                            unknown_scopes.extend(unknown);
                        }
                        entries.push(entry);
                    }
                    Err(reason) => left_out.push(format!("`{}` ({}): {reason}", key.name, key.id)),
                }
            }
            Err(Some(reason)) => left_out.push(reason),
            Err(None) => {}
        }
    }
    let keys = entries.len();

    let mut text = format!(
        "# Written by `portkey-sync import`: {keys} live {}. Fields that are not set are not managed.\n",
        if keys == 1 { "key" } else { "keys" }
    );
    for reason in &left_out {
        text.push_str(&format!("# left out: {}\n", escape(reason)));
    }
    text.push_str("version: 1\n");
    let factored = factor::factor(entries.iter().map(|entry| entry.fields.clone()).collect());
    let mut root = Mapping::new();
    if let Some(organisation) = &live.organisation {
        root.insert("organisation".into(), organisation.as_str().into());
    }
    if let Some(owner) = &options.managed_by {
        root.insert("managed_by".into(), owner.as_str().into());
    }
    if !unknown_scopes.is_empty() {
        root.insert(
            "known_scopes".into(),
            unknown_scopes.iter().map(|scope| Value::from(scope.as_str())).collect(),
        );
    }
    if !factored.scope_sets.is_empty() {
        root.insert("scope_sets".into(), Value::Mapping(factored.scope_sets));
    }
    if !factored.templates.is_empty() {
        root.insert("templates".into(), Value::Mapping(factored.templates));
    }
    if !root.is_empty() {
        text.push_str(&yaml::block(&Value::Mapping(root)));
    }
    if entries.is_empty() {
        text.push_str("keys: []\n");
    } else {
        text.push_str("\nkeys:\n");
    }
    for (entry, fields) in entries.into_iter().zip(factored.fields) {
        for comment in &entry.comments {
            text.push_str(&format!("  # {}\n", escape(comment)));
        }
        let mut whole = entry.identity;
        whole.extend(fields);
        text.push_str(&indented(&yaml::block(&Value::Sequence(vec![Value::Mapping(whole)]))));
    }
    // The form that `fmt` gives, so that the first `fmt` has nothing to do.
    let text = format("import", &text).unwrap_or(text);
    Imported { text, keys, left_out }
}

/// The keys to write in their order, each with the address that a state has for it.
fn wanted<'a>(
    live: &'a Live,
    options: &'a ImportOptions,
    left_out: &mut Vec<String>,
) -> Vec<(&'a LiveKey, Option<&'a str>)> {
    if let Some(only) = &options.only {
        let mut wanted = Vec::new();
        for wanted_key in only {
            let StateKey { address, id } = wanted_key;
            let id = match id {
                Ok(id) => id,
                Err(why) => {
                    left_out.push(format!("`{address}`: {why}"));
                    continue;
                }
            };
            match live.keys.get(id).or_else(|| live.keys.values().find(|key| wanted_key.names(&key.id))) {
                Some(key) => wanted.push((key, Some(address.as_str()))),
                None => left_out
                    .push(format!("`{address}` ({id}): the running key sees no live key with this id")),
            }
        }
        return wanted;
    }
    let mut sorted: Vec<&LiveKey> = live.keys.values().collect();
    sorted.sort_by(|a, b| {
        let place = |key: &LiveKey| {
            let workspace = key.workspace.as_ref().and_then(|id| options.workspaces.get(id).cloned());
            (key.workspace.is_some(), workspace, key.kind, key.name.clone(), key.id.clone())
        };
        place(a).cmp(&place(b))
    });
    sorted.into_iter().map(|key| (key, None)).collect()
}

/// Whether a key belongs into the file; `Err(None)` if its absence needs no word.
fn admit(key: &LiveKey, options: &ImportOptions) -> Result<(), Option<String>> {
    let named = || format!("`{}` ({})", key.name, key.id);
    if options.mentioned.contains(&key.id) {
        return Err(None);
    }
    if key.kind.is_none() {
        return Err(Some(format!("{} is of a type that this version does not know", named())));
    }
    if key.created_automatically && !options.include_automatic {
        return Err(Some(format!("{} was made by Portkey for a user who joined", named())));
    }
    if let Some(mark) = &key.mark {
        if mark.new.is_some() {
            return Err(Some(format!("{} is still being created by another run", named())));
        }
        // Without an owner the file claims nothing, and a plan of it changes no key of somebody else.
        if let (Some(by), Some(owner)) = (&mark.by, &options.managed_by)
            && by != owner
        {
            return Err(Some(format!("{} is managed by `{by}`", named())));
        }
    }
    Ok(())
}

fn entry(key: &LiveKey, options: &ImportOptions) -> Entry {
    let mut identity = Mapping::new();
    let mut put = |name: &str, value: &str| {
        identity.insert(name.into(), value.into());
    };
    put("name", &key.name);
    if let Some(kind) = key.kind.filter(|kind| *kind != KeyKind::WorkspaceService) {
        put("type", kind.as_str());
    }
    if let Some(workspace) = &key.workspace {
        // A slug that does not look like one is taken for an alias, so such a workspace stands by its UUID.
        let slug = options.workspaces.get(workspace).filter(|slug| slug.starts_with("ws-"));
        put("workspace_id", slug.map_or(workspace.as_str(), String::as_str));
    }
    if let Some(user) = key.user.as_ref().filter(|_| key.kind == Some(KeyKind::WorkspaceUser)) {
        put("user_id", options.users.get(user).map_or(user.as_str(), String::as_str));
    }
    put("id", key.id.as_str());
    if key.mark.as_ref().is_some_and(|mark| mark.keep) {
        identity.insert("protected".into(), true.into());
    }
    let (mut fields, mut comments) = fields::fields(key, &options.configs);
    // A name without a dot is a scope set in a keys file, so the whole list cannot be said.
    if let Some(scope) = key.scopes.iter().find(|scope| !scope.contains('.')) {
        fields.shift_remove("scopes");
        comments.push(format!("scopes are not managed here: `{scope}` has no dot"));
    }
    if options.managed_by.is_none()
        && let Some(by) = key.mark.as_ref().and_then(|mark| mark.by.as_ref())
    {
        comments.push(format!("marked as managed by `{by}`"));
    }
    Entry { identity, fields, comments }
}

/// Leaves out what a keys file would refuse: limits that the service accepted and we would not. A key that
/// cannot even be named is left out whole.
fn drop_what_is_invalid(entry: &mut Entry, unknown_scopes: &BTreeSet<String>) -> Result<(), String> {
    // Every round but the last takes one field away, so this ends.
    loop {
        let has_scopes = entry.fields.contains_key("scopes");
        let known: Value =
            unknown_scopes.iter().filter(|_| has_scopes).map(|scope| Value::from(scope.as_str())).collect();
        let mut whole = entry.identity.clone();
        whole.extend(entry.fields.clone());
        let mut root = Mapping::new();
        root.insert("version".into(), 1.into());
        root.insert("known_scopes".into(), known.clone());
        root.insert("keys".into(), Value::Sequence(vec![Value::Mapping(whole)]));
        let text = yaml::block(&Value::Mapping(root));
        let loaded = parse_str("import", &text);
        let Some(error) = loaded.diagnostics.iter().find(|found| found.severity == Severity::Error) else {
            return Ok(());
        };
        let line = error.primary.as_ref().map_or(0, |label| loaded.sources.place(label.span).line);
        let Some(field) = field_at(&text, line).filter(|field| entry.fields.contains_key(field)) else {
            return Err(error.message.clone());
        };
        entry.fields.shift_remove(&field);
        entry.comments.push(format!("{field} is not managed here: {}", error.message));
    }
}

/// The field of the key that a line of a one-key file belongs to.
fn field_at(text: &str, line: usize) -> Option<String> {
    let lines: Vec<&str> = text.lines().take(line).collect();
    lines.into_iter().rev().find_map(|line| {
        let field = line.strip_prefix("  ").or_else(|| line.strip_prefix("- "))?;
        let name = field.split(':').next()?;
        (!field.starts_with([' ', '-']) && !name.is_empty()).then(|| name.to_owned())
    })
}

fn indented(text: &str) -> String {
    text.lines().map(|line| if line.is_empty() { "\n".to_owned() } else { format!("  {line}\n") }).collect()
}
