//! Live keys that no entry means, and what `--prune` makes of them.

use std::collections::BTreeMap;

use super::decide::deletion;
use super::{Change, Inputs, Reason, UnmentionedKey};
use crate::diff::Diff;
use crate::model::{KeyAddress, KeyKind, UserId, WorkspaceId};

/// The keys in no file, and the deletions that prune would make of them.
pub(super) fn unmentioned_keys(inputs: &Inputs<'_>, diff: &Diff<'_>) -> (Vec<UnmentionedKey>, Vec<Change>) {
    let mut labels: BTreeMap<&WorkspaceId, &str> =
        inputs.live.names.known_workspaces.iter().map(|(slug, id)| (id, slug.as_str())).collect();
    labels.extend(diff.entries.iter().filter_map(|entry| {
        Some((entry.ids.workspace.as_ref()?, entry.desired.address.workspace.as_deref()?))
    }));
    let emails: BTreeMap<&UserId, &str> =
        inputs.live.names.users.iter().map(|(email, id)| (id, email.as_str())).collect();
    let owner = inputs.desired.managed_by.as_ref();
    let mut keys = Vec::new();
    let mut changes = Vec::new();
    for live in &diff.unmentioned {
        let workspace = live
            .workspace
            .as_ref()
            .map(|id| labels.get(id).map_or_else(|| id.to_string(), |label| (*label).to_owned()));
        let user = live.user.as_ref().filter(|_| live.kind == Some(KeyKind::WorkspaceUser));
        let address = KeyAddress {
            workspace,
            user: user.map(|id| emails.get(id).map_or_else(|| id.to_string(), |email| (*email).to_owned())),
            name: live.name.clone(),
        };
        let ours = live.mark.as_ref().filter(|mark| mark.by.is_some() && mark.by.as_ref() == owner);
        let prunable = ours.is_some_and(|mark| !mark.keep && mark.new.is_none())
            && !live.created_automatically
            && !inputs.running.could_be(&live.id);
        if prunable && let Some(by) = owner {
            changes.push(deletion(address.clone(), live, Reason::Pruned { by: by.clone() }));
        }
        keys.push(UnmentionedKey { id: live.id.clone(), address, prunable });
    }
    keys.sort_by(|a, b| a.address.cmp(&b.address).then_with(|| a.id.cmp(&b.id)));
    (keys, changes)
}
