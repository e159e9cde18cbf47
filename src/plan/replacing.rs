//! A key that comes in another one's place: created and delivered first, and the other deleted a transition later.
//!
//! Nothing has to be remembered for that: the new key's mark says since when its secret is delivered.

use jiff::Timestamp;

use super::{Action, BlockedReason, Harm, Inputs, KeyId, Reason, Waiting, build, secret};
use crate::desired::{DesiredKey, Presence};
use crate::diff::{Entry, Found};
use crate::handoff::{Standing, TRANSITION};
use crate::live::LiveKey;
use crate::plan::Change;

/// What is due for the key that this entry replaces.
pub(super) enum Former {
    /// It goes.
    Delete(Box<Change>),
    /// It goes later: its users may not have the new secret yet.
    Wait(Waiting),
    /// It may not go.
    Blocked(BlockedReason),
}

/// The key that an entry replaces, if it is there.
fn former<'a>(inputs: &Inputs<'a>, entry: &DesiredKey) -> Option<&'a LiveKey> {
    let id = entry.replaces.as_ref()?;
    let keys = &inputs.live.keys;
    keys.get(id).or_else(|| keys.get(&KeyId::new(id.as_str().to_ascii_lowercase())))
}

/// Why the new key is made, or why it cannot be: an id that nobody bears is more likely a slip than a wish.
pub(super) fn reason(inputs: &Inputs<'_>, entry: &DesiredKey) -> Result<Option<Reason>, BlockedReason> {
    let Some(id) = &entry.replaces else { return Ok(None) };
    match former(inputs, entry) {
        Some(key) => Ok(Some(Reason::Replaces { id: key.id.clone(), name: key.name.clone() })),
        None => Err(BlockedReason::NothingToReplace { id: id.clone() }),
    }
}

/// What becomes of the former key, once the new one is there.
pub(super) fn decide(inputs: &Inputs<'_>, entry: &Entry<'_>) -> Option<Former> {
    let desired = entry.desired;
    let former = former(inputs, desired)?;
    let Found::Key { live, .. } = &entry.found else { return None };
    if desired.presence == Presence::Absent || inputs.options.asked.is_some() {
        return None;
    }
    let until = delivered_since(live)? + desired.secret.transition.unwrap_or(TRANSITION);
    if until > inputs.now {
        return Some(Former::Wait(Waiting {
            address: desired.address.clone(),
            place: desired.place.clone(),
            action: Action::Delete,
            until: Some(until),
            why: None,
            replaced: Some(former.id.clone()),
        }));
    }
    Some(match may_go(inputs, former) {
        Some(reason) => Former::Blocked(reason),
        None => {
            let mut address = desired.address.clone();
            address.name.clone_from(&former.name);
            let reason = Reason::Replaced { by: live.id.clone() };
            let mut change = build::deletion(address, former, reason);
            change.place = Some(desired.place.clone());
            Former::Delete(Box::new(change))
        }
    })
}

/// Since when the new key can be used; none while its secret is on its way.
fn delivered_since(live: &LiveKey) -> Option<Timestamp> {
    match secret::facts(live).standing {
        Standing::InFlight(_) => None,
        Standing::Committed { secret, .. } => Some(secret.issued_at),
        // It was made elsewhere, and nobody here delivers it.
        Standing::Unmarked => live.created_at,
    }
}

/// Why the former key may not be deleted.
fn may_go(inputs: &Inputs<'_>, former: &LiveKey) -> Option<BlockedReason> {
    if inputs.running.could_be(&former.id) {
        return Some(BlockedReason::RunningKey { harm: Harm::Deleted });
    }
    if let Some(by) = build::other_owner(inputs, former) {
        return Some(BlockedReason::OtherOwner { by });
    }
    former.mark.as_ref().is_some_and(|mark| mark.keep).then_some(BlockedReason::Protected)
}
