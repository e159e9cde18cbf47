//! A create and a delete that look like one key renamed.
//!
//! A rename keeps the id, the secret and the usage; a delete and a create lose all three. So the plan
//! asks instead of guessing: `renamed_from: NAME` says that it is a rename, `renamed_from: null` that
//! it is not.

use std::collections::BTreeSet;

use super::{Action, Blocked, BlockedReason, Change};
use crate::diff::{Diff, FieldChange, Found, compare};
use crate::live::Live;
use crate::model::{KeyAddress, Setting};

/// Takes look-alike pairs out of the changes and blocks them.
pub(super) fn block_look_alikes(
    diff: &Diff<'_>,
    live: &Live,
    changes: &mut Vec<Change>,
    blocked: &mut Vec<Blocked>,
) {
    let mut suspects: BTreeSet<KeyAddress> = BTreeSet::new();
    let deletions: Vec<_> = changes
        .iter()
        .filter(|change| change.action == Action::Delete)
        .filter_map(|change| Some((change, live.keys.get(&change.before.as_ref()?.id)?)))
        .collect();
    for entry in &diff.entries {
        let creates = changes
            .iter()
            .any(|change| change.action == Action::Create && change.address == entry.desired.address);
        if !creates || !matches!(entry.found, Found::Missing) || entry.desired.renamed_from == Setting::Clear
        {
            continue;
        }
        let twin = deletions.iter().find(|(_, key)| {
            key.kind == Some(entry.desired.kind)
                && key.workspace == entry.ids.workspace
                && (entry.ids.user.is_none() || key.user == entry.ids.user)
                && compare(entry.desired, &entry.ids, key, live.now)
                    .iter()
                    .all(|change| matches!(change, FieldChange::Name { .. }))
        });
        if let Some((deletion, _)) = twin {
            suspects.insert(entry.desired.address.clone());
            suspects.insert(deletion.address.clone());
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
        !(matches!(change.action, Action::Create | Action::Delete) && suspects.contains(&change.address))
    });
}
