//! A key that comes in another one's place: created and delivered first, and the other deleted a transition later.
//!
//! Nothing has to be remembered for that: the new key's mark says since when its secret is delivered.

use jiff::Timestamp;

use super::decide::{deletion, other_owner};
use super::{Action, BlockedReason, Harm, Inputs, Reason, Waiting, secret};
use crate::desired::{DesiredKey, Presence};
use crate::diff::{Entry, Found};
use crate::handoff::{Next, Standing, TRANSITION};
use crate::live::LiveKey;
use crate::model::{KeyAddress, KeyKind};
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
    inputs.live.key(entry.replaces.as_ref()?)
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
    let until = delivered_since(inputs, entry, live)? + desired.secret.transition.unwrap_or(TRANSITION);
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
            let address = address_of(inputs, entry, former);
            let reason = Reason::Replaced { by: live.id.clone() };
            let mut change = deletion(address, former, reason);
            change.place = Some(desired.place.clone());
            Former::Delete(Box::new(change))
        }
    })
}

/// Where the former key belongs, in the words of the file as far as it has some.
fn address_of(inputs: &Inputs<'_>, entry: &Entry<'_>, former: &LiveKey) -> KeyAddress {
    let is_there = former.workspace == entry.ids.workspace;
    let slug = || {
        let known = inputs.live.names.known_workspaces.iter();
        known.into_iter().find(|(_, id)| Some(*id) == former.workspace.as_ref()).map(|(slug, _)| slug.clone())
    };
    let workspace = former.workspace.as_ref().map(|id| {
        let ours = entry.desired.address.workspace.clone().filter(|_| is_there);
        ours.or_else(slug).unwrap_or_else(|| id.to_string())
    });
    let user = former.user.as_ref().filter(|_| former.kind == Some(KeyKind::WorkspaceUser));
    KeyAddress { workspace, user: user.map(ToString::to_string), name: former.name.clone() }
}

/// Since when the new key's secret is where it is to be; none as long as anything is still to be done about it.
fn delivered_since(inputs: &Inputs<'_>, entry: &Entry<'_>, live: &LiveKey) -> Option<Timestamp> {
    if !matches!(secret::next(inputs, entry, live), Ok(Next::Nothing)) {
        return None;
    }
    match secret::facts(live).standing {
        Standing::InFlight(_) => None,
        Standing::Committed { secret, .. } => {
            let is_live = live.mask.as_ref().is_some_and(|mask| secret.is(mask));
            is_live.then_some(secret.issued_at)
        }
        // It was made elsewhere, and nobody here delivers it.
        Standing::Unmarked => live.created_at.filter(|_| entry.desired.secret.deliver_to.is_empty()),
    }
}

/// Why the former key may not be deleted.
fn may_go(inputs: &Inputs<'_>, former: &LiveKey) -> Option<BlockedReason> {
    if inputs.running.could_be(&former.id) {
        return Some(BlockedReason::RunningKey { harm: Harm::Deleted });
    }
    if let Some(by) = other_owner(inputs, former) {
        return Some(BlockedReason::OtherOwner { by });
    }
    former.mark.as_ref().is_some_and(|mark| mark.keep).then_some(BlockedReason::Protected)
}
