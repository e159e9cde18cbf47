//! What must never happen by accident: to the running key, to the wrong organisation, or too often.

use std::collections::BTreeSet;

use super::{
    Absence, Action, At, Change, Contract, DeniedRisk, Harm, Inputs, Prune, Reason, Refusal, Request, Risk,
    RiskAt, Unproven, Waiting,
};
use crate::desired::DesiredKey;
use crate::diff::{FieldChange, Ids};
use crate::handoff::Why;
use crate::live::Completeness;
use crate::model::KeyAddress;

/// What these changes would take from the key that the tool runs with.
pub(super) fn harm(fields: &[FieldChange]) -> Option<Harm> {
    fields.iter().find_map(|field| match field {
        FieldChange::Scopes { dropped, .. } if !dropped.is_empty() => Some(Harm::Narrowed),
        FieldChange::ExpiresAt { before, after: Some(after) }
            if before.is_none_or(|before| *after < before) =>
        {
            Some(Harm::Expired)
        }
        FieldChange::RotationPolicy { after: Some(_), .. } => Some(Harm::Rotated),
        _ => None,
    })
}

/// Why a key that cannot be seen may yet exist.
///
/// A missing list scope hides rows (portkey-api.md 2.1), so a key is absent only if the list is
/// complete and the running key may list that kind there: its own row says so, or a row of that kind
/// was seen there.
pub(super) fn unproven(entry: &DesiredKey, ids: &Ids, inputs: &Inputs<'_>) -> Option<Unproven> {
    if inputs.options.absence == Absence::Assumed {
        return None;
    }
    if inputs.live.completeness != Completeness::Complete {
        return Some(Unproven::ListIncomplete);
    }
    let scope = format!("{}.list", entry.kind.scope_group());
    let candidates = &inputs.running.candidates;
    // A key that merely could be the running one proves nothing.
    let own_row_says_so = inputs.running.recognised
        && candidates
            .iter()
            .filter_map(|id| inputs.live.keys.get(id))
            .all(|key| key.holds(&scope) && (key.workspace.is_none() || key.workspace == ids.workspace));
    let seen_there = || {
        inputs.live.keys.values().any(|key| key.kind == Some(entry.kind) && key.workspace == ids.workspace)
    };
    (!own_row_says_so && !seen_there()).then_some(Unproven::MayNotList(entry.kind))
}

/// How many rotations are made at most that nobody asked for by a date or by name.
const MAX_ROTATIONS: usize = 20;

/// Of the rotations that nobody asked for by a date, the oldest secrets first; the rest waits for the next run.
pub(super) fn hold_back_rotations(
    inputs: &Inputs<'_>,
    changes: &mut Vec<Change>,
    waiting: &mut Vec<Waiting>,
) {
    let is_unasked = |change: &Change| {
        matches!(change.reason, Some(Reason::Rotation(Why::TooOld | Why::ChangedOutside | Why::NewSink)))
    };
    let limit = inputs.options.max_rotations.unwrap_or(MAX_ROTATIONS);
    let mut unasked: Vec<_> = changes
        .iter()
        .filter(|change| is_unasked(change))
        .map(|change| {
            let mark = change.before.as_ref().and_then(|before| before.mark.as_ref());
            (
                mark.and_then(|mark| mark.secret.as_ref()).map(|secret| secret.issued_at),
                change.address.clone(),
            )
        })
        .collect();
    unasked.sort();
    let held_back: BTreeSet<KeyAddress> =
        unasked.into_iter().skip(limit).map(|(_, address)| address).collect();
    changes.retain_mut(|change| {
        if !is_unasked(change) || !held_back.contains(&change.address) {
            return true;
        }
        let (Some(place), Some(Reason::Rotation(why))) = (change.place.clone(), change.reason.clone()) else {
            return true;
        };
        let address = change.address.clone();
        waiting.push(Waiting {
            address,
            place,
            action: Action::Rotate,
            until: None,
            why: Some(why),
            replaced: None,
        });
        become_update(change)
    });
}

/// Takes the rotation out of a change, for what else differs does not wait. False if nothing else does.
pub(super) fn become_update(change: &mut Change) -> bool {
    let Request::Rotate { id, first, .. } = &change.request else { return false };
    if first.is_empty() {
        return false;
    }
    change.action = Action::Update;
    change.reason = None;
    change.request = Request::Update { id: id.clone(), body: first.clone() };
    true
}

/// The default for `--max-deletes`: a tenth of the managed keys, at least 3, at most 10.
fn default_max_deletes(managed: usize) -> usize {
    (managed / 10).clamp(3, 10)
}

/// The refusal of risks that the caller does not accept, if there are any.
///
/// Of an entry that may mean any key, for a field that says which, none of them can be ruled out.
pub(super) fn denied_risks(
    changes: &[Change],
    doubts: &[(&KeyAddress, &'static str)],
    deny: &BTreeSet<Risk>,
) -> Option<Refusal> {
    let doubtful = doubts.iter().flat_map(|(address, field)| {
        deny.iter().map(|risk| DeniedRisk { address: (*address).clone(), risk: *risk, at: At::Field(field) })
    });
    let is_certain = |change: &&Change| doubts.iter().all(|(address, _)| **address != change.address);
    let denied: Vec<_> =
        changes.iter().filter(is_certain).flat_map(|change| denied(change, deny)).chain(doubtful).collect();
    (!denied.is_empty()).then_some(Refusal::DeniedRisks { denied })
}

fn denied<'a>(change: &'a Change, deny: &'a BTreeSet<Risk>) -> impl Iterator<Item = DeniedRisk> + 'a {
    let found = change.risks.iter().filter(|found| deny.contains(&found.risk));
    found.map(|RiskAt { risk, at }| DeniedRisk { address: change.address.clone(), risk: *risk, at: *at })
}

/// Reasons to write nothing at all.
pub(super) fn refusals(inputs: &Inputs<'_>, changes: &[Change], blocked: usize) -> Vec<Refusal> {
    let Inputs { desired, live, options, .. } = inputs;
    let mut refusals = Vec::new();
    if let Some(fence) = &desired.organisation
        && live.organisation.as_ref() != Some(fence)
    {
        let found = live.organisation.clone();
        refusals.push(Refusal::OtherOrganisation { fence: fence.clone(), found });
    }
    if options.contract == Contract::Strict && !live.oddities.is_empty() {
        refusals.push(Refusal::UnknownContract { oddities: live.oddities.iter().cloned().collect() });
    }
    if options.prune == Prune::Delete {
        if desired.managed_by.is_none() {
            refusals.push(Refusal::PruneWithoutOwner);
        }
        if !desired.complete || options.targets.is_some() {
            refusals.push(Refusal::PruneOfPart);
        }
        if live.completeness != Completeness::Complete {
            refusals.push(Refusal::PruneOfUnstableList);
        }
        if blocked > 0 {
            refusals.push(Refusal::PruneWithBlocked { blocked });
        }
    }
    let planned = changes.iter().filter(|change| change.action == Action::Delete).count();
    let limit = options.max_deletes.unwrap_or_else(|| default_max_deletes(desired.keys.len()));
    if planned > limit {
        refusals.push(Refusal::TooManyDeletes { planned, limit });
    }
    if let Some(limit) = options.max_changes
        && changes.len() > limit
    {
        refusals.push(Refusal::TooManyChanges { planned: changes.len(), limit });
    }
    refusals.extend(denied_risks(changes, &[], &options.deny_risks));
    refusals
}
