//! Which mark a key should carry.

use crate::desired::DesiredKey;
use crate::diff::{FieldChange, Ids};
use crate::live::LiveKey;
use crate::model::{Mark, address_hash};

/// The mark that the entry asks for, given the one that is there; empty if none is needed.
///
/// With `managed_by` every managed key says whose it is and what it is called; `protected` is kept
/// on the key, so that deleting the entry does not lift it; what a delivery left there stays.
pub(super) fn wanted(owner: Option<&str>, entry: &DesiredKey, ids: &Ids, live: &LiveKey) -> Mark {
    let mut mark = live.mark.clone().unwrap_or_default();
    if let Some(owner) = owner {
        mark.by = Some(owner.to_owned());
        mark.at =
            Some(address_hash(entry.kind, ids.workspace.as_ref(), ids.user.as_ref(), &entry.address.name));
    }
    mark.keep = entry.protected;
    mark.id = None;
    if mark != Mark::default() && !live.id.as_str().is_empty() {
        mark.id = Some(live.id.short().to_owned());
    }
    mark
}

/// The mark as a change, if it differs.
pub(super) fn change(
    owner: Option<&str>,
    entry: &DesiredKey,
    ids: &Ids,
    live: &LiveKey,
) -> Option<FieldChange> {
    let after = wanted(owner, entry, ids, live);
    let same = live.mark.clone().unwrap_or_default() == after;
    (!same).then(|| FieldChange::Mark { before: live.mark.clone(), after })
}
