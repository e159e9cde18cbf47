//! What else a person should know: nothing that stops, nothing that is done.

use std::collections::BTreeSet;

use super::{Asked, Change, Inputs, Note};
use crate::desired::Presence;
use crate::diff::{Diff, Entry};
use crate::live::{Completeness, LiveKey};
use crate::model::{Escrowed, KeyAddress, KeyKind, Setting};
use crate::plan::Request;

/// Clocks that differ by more than this are mentioned.
const NOTABLE_SKEW_SECONDS: i64 = 60;

pub(super) fn notes(inputs: &Inputs<'_>, diff: &Diff<'_>, changes: &[Change]) -> Vec<Note> {
    let live = inputs.live;
    let mut notes = Vec::new();
    if live.clock_skew_seconds.abs() > NOTABLE_SKEW_SECONDS {
        notes.push(Note::ClockSkew { seconds: live.clock_skew_seconds });
    }
    if live.completeness != Completeness::Complete {
        notes.push(Note::ListUnstable);
    }
    if inputs.running.candidates.len() != 1 {
        notes.push(Note::RunningKeyUncertain { candidates: inputs.running.candidates.len() });
    }
    notes.extend(of_the_escrow(inputs, diff, changes));
    notes.extend(not_tried(inputs, changes));
    notes.extend(revoked_against_file(inputs));
    notes.extend(live.oddities.iter().cloned().map(Note::UnknownToThisVersion));
    notes
}

/// Secrets in the escrow that this run does nothing with.
fn of_the_escrow(inputs: &Inputs<'_>, diff: &Diff<'_>, changes: &[Change]) -> Vec<Note> {
    let live = inputs.live;
    let delivered: Vec<&str> = changes
        .iter()
        .filter_map(|change| match &change.request {
            Request::Deliver { held, .. } => Some(held.nonce.as_str()),
            Request::Create { .. }
            | Request::Rotate { .. }
            | Request::Update { .. }
            | Request::Delete { .. } => None,
        })
        .collect();
    let note = |slot: &Escrowed| {
        let key = slot.id.as_ref().and_then(|id| live.keys.get(id));
        match (&slot.mask, key) {
            (None, _) => None,
            (Some(_), None) if delivered.contains(&slot.nonce.as_str()) => None,
            (Some(_), None) => Some(Note::HeldWithoutKey(slot.clone())),
            (Some(mask), Some(key)) => {
                let is_wanted = key.mask.as_ref() == Some(mask) && !key.has_committed(mask);
                match slot.sealed {
                    _ if !is_wanted => None,
                    _ if !is_delivered(inputs, diff, key) => Some(Note::HeldUndelivered(slot.clone())),
                    sealed => sealed.then(|| Note::RescueCopy(slot.clone())),
                }
            }
        }
    };
    inputs.options.slots.iter().filter_map(note).collect()
}

/// Whether an entry delivers this key's secret. What is asked for by name leaves entries out of what is read.
fn is_delivered(inputs: &Inputs<'_>, diff: &Diff<'_>, key: &LiveKey) -> bool {
    let delivers = |entry: &Entry<'_>| {
        let desired = entry.desired;
        desired.presence == Presence::Present
            && (inputs.options.secrets_file.is_some() || !desired.secret.deliver_to.is_empty())
            && entry.found.claims().any(|claimed| claimed.id == key.id)
    };
    inputs.options.asked.is_some() || diff.entries.iter().any(delivers)
}

/// Keys that somebody ends by hand while the files let them go on: the next apply would bring them back.
fn revoked_against_file(inputs: &Inputs<'_>) -> Vec<Note> {
    if inputs.options.asked != Some(Asked::Revoke) {
        return Vec::new();
    }
    let targets = inputs.options.targets.as_ref();
    let keys = inputs.desired.keys.iter();
    keys.filter(|key| targets.is_none_or(|targets| targets.contains(&key.address)))
        .filter_map(|key| {
            let until = match &key.spec.expires_at {
                Setting::Unmanaged => return None,
                Setting::Clear => None,
                Setting::Set(end) => Some(*end),
            };
            let goes_on = until.is_none_or(|end| end > inputs.now);
            goes_on.then(|| Note::RevokedAgainstFile {
                address: key.address.clone(),
                place: key.place.clone(),
                until,
            })
        })
        .collect()
}

/// New secrets that were to be tried, and cannot be.
fn not_tried(inputs: &Inputs<'_>, changes: &[Change]) -> Vec<Note> {
    let wants_proof: BTreeSet<&KeyAddress> = inputs
        .desired
        .keys
        .iter()
        .filter(|key| key.kind == KeyKind::OrganisationService)
        .filter(|key| key.secret.verify || inputs.options.prove)
        .map(|key| &key.address)
        .collect();
    changes
        .iter()
        .filter(|change| change.request.commit().is_some() && wants_proof.contains(&change.address))
        .map(|change| Note::NotTried { address: change.address.clone() })
        .collect()
}
