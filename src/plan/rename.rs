//! A create and a delete that look like one key renamed.
//!
//! A rename keeps the id, the secret and the usage; a delete and a create lose all three. So the plan
//! asks instead of guessing: `renamed_from: NAME` says that it is a rename, `renamed_from: null` that
//! it is not.

use std::collections::BTreeSet;

use super::{Action, Blocked, BlockedReason, Change, Inputs};
use crate::diff::{Diff, FieldChange, compare};
use crate::model::{KeyAddress, Setting};

/// Takes look-alike pairs out of the changes and blocks them.
pub(super) fn block_look_alikes(
    diff: &Diff<'_>,
    inputs: &Inputs<'_>,
    changes: &mut Vec<Change>,
    blocked: &mut Vec<Blocked>,
) {
    let deletions: Vec<_> = changes
        .iter()
        .filter(|change| change.action == Action::Delete)
        .filter_map(|change| Some((change, inputs.live.keys.get(&change.before.as_ref()?.id)?)))
        .collect();
    if deletions.is_empty() {
        return;
    }
    let created: BTreeSet<&KeyAddress> = changes
        .iter()
        .filter(|change| change.action == Action::Create)
        .map(|change| &change.address)
        .collect();
    let mut held_back = BTreeSet::new();
    for entry in &diff.entries {
        if !created.contains(&entry.desired.address) || entry.desired.renamed_from == Setting::Clear {
            continue;
        }
        let twin = deletions.iter().find(|(_, key)| {
            key.kind == Some(entry.desired.kind)
                && key.workspace == entry.ids.workspace
                && (entry.ids.user.is_none() || key.user == entry.ids.user)
                && compare(entry.desired, &entry.ids, key, inputs.now)
                    .iter()
                    .all(|change| matches!(change, FieldChange::Name { .. }))
        });
        if let Some((deletion, _)) = twin {
            held_back.insert((entry.desired.address.clone(), None));
            held_back.insert((deletion.address.clone(), deletion.before.as_ref().map(|key| key.id.clone())));
            blocked.push(Blocked {
                address: entry.desired.address.clone(),
                place: Some(entry.desired.place.clone()),
                reason: BlockedReason::LooksLikeRename {
                    from: deletion.address.clone(),
                    agreeing: entry.fields.len(),
                },
            });
        }
    }
    changes.retain(|change| {
        !held_back.contains(&(change.address.clone(), change.before.as_ref().map(|key| key.id.clone())))
    });
}
