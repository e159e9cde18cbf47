//! Which mark a key should carry.

use jiff::Timestamp;

use super::{BlockedReason, Inputs, secret};
use crate::desired::DesiredKey;
use crate::diff::{FieldChange, Ids};
use crate::live::LiveKey;
use crate::model::{CommittedSecret, Delivery, Mark, address_hash};

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

/// The mark as a change, if it differs. With `accepted`, it says that the sinks have what is live.
pub(super) fn change(
    inputs: &Inputs<'_>,
    entry: &DesiredKey,
    ids: &Ids,
    live: &LiveKey,
    accepted: Option<Timestamp>,
) -> Result<Option<FieldChange>, BlockedReason> {
    let mut after = wanted(inputs.desired.managed_by.as_deref(), entry, ids, live);
    if let (Some(issued_at), Some(mask)) = (accepted, &live.mask) {
        after.secret = CommittedSecret::new(mask, issued_at, None);
        after.to = secret::sinks(inputs.desired, entry, Some(&live.id))?.iter().map(Delivery::hash).collect();
        after.id = Some(live.id.short().to_owned());
    }
    let same = live.mark.clone().unwrap_or_default() == after;
    Ok((!same).then(|| FieldChange::Mark { before: live.mark.clone(), after }))
}
