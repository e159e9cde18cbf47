//! From what differs to what is done: all entries, and what is asked of the finished list.

use super::cause::{self, Base};
use super::decide::{Decision, deletion, without_drift};
use super::replacing::{self, Former};
use super::secret::{self, Rival};
use super::unmentioned::unmentioned_keys;
use super::{
    Action, Blocked, Change, Inputs, LeftOut, Older, Plan, Prune, Reason, Waiting, coming, guards, notes,
    permissions, rename, risk, rules,
};
use crate::desired::Presence;
use crate::diff::{Diff, Found, diff};
use crate::handoff::GRACE;
use crate::model::KeyAddress;

/// Makes the plan.
pub fn plan(inputs: &Inputs<'_>) -> Plan {
    let Inputs { desired, live, now, .. } = *inputs;
    let first = diff(desired, live, now);
    let ambiguous: Vec<_> = first
        .entries
        .iter()
        .filter_map(|entry| match &entry.found {
            Found::Ambiguous(candidates) => Some((entry, candidates.clone())),
            _ => None,
        })
        .collect();
    match secret::without_rivals(inputs, &ambiguous) {
        None => plan_for(inputs, &first, Vec::new()),
        Some(sorted) => {
            let inputs = &Inputs { live: &sorted.live, ..*inputs };
            plan_for(inputs, &diff(desired, &sorted.live, now), sorted.rivals)
        }
    }
}

fn plan_for(inputs: &Inputs<'_>, diff: &Diff<'_>, rivals: Vec<Rival>) -> Plan {
    let Inputs { desired, live, running, now, options } = *inputs;
    let is_chosen =
        |address: &KeyAddress| options.targets.as_ref().is_none_or(|targets| targets.contains(address));

    let base = Base::of(inputs);
    let only_changed = base.as_ref().filter(|_| options.older == Older::LeftOut);
    let mut left_out = LeftOut::default();
    let mut changes = Vec::new();
    let mut waiting = Vec::new();
    let mut blocked = Vec::new();
    let mut in_sync = 0;
    for entry in diff.entries.iter().filter(|entry| is_chosen(&entry.desired.address)) {
        let (address, place) = (&entry.desired.address, &entry.desired.place);
        let wait = |action, until, why| Waiting {
            address: address.clone(),
            place: place.clone(),
            action,
            until,
            why,
            replaced: None,
        };
        let (decisions, dropped) = without_drift(inputs, entry, only_changed);
        left_out.fields += dropped;
        let is_blocked = decisions.iter().any(|decision| matches!(decision, Decision::Blocked(_)));
        for decision in decisions {
            match decision {
                Decision::Change(change) => changes.push(*change),
                Decision::Blocked(reason) => {
                    blocked.push(Blocked { address: address.clone(), place: Some(place.clone()), reason });
                }
                Decision::Waiting { action, until, why } => waiting.push(wait(action, Some(until), why)),
                Decision::OnlyDrift => left_out.keys += 1,
                Decision::InSync if dropped > 0 => left_out.keys += 1,
                Decision::InSync => in_sync += 1,
                Decision::Gone => {}
            }
        }
        match replacing::decide(inputs, entry).filter(|_| !is_blocked) {
            Some(Former::Delete(change)) => changes.push(*change),
            Some(Former::Wait(former)) => waiting.push(former),
            Some(Former::Blocked(reason)) => {
                blocked.push(Blocked { address: address.clone(), place: Some(place.clone()), reason });
            }
            None => {}
        }
        for (action, due) in [
            (Action::ResetUsage, entry.desired.usage_reset_after),
            (Action::Rotate, entry.desired.secret.rotate_after),
        ] {
            if let Some(until) = due.filter(|at| *at > inputs.as_of()) {
                waiting.push(wait(action, Some(until), None));
            }
        }
    }
    let chosen = rivals.iter().filter(|rival| is_chosen(&rival.address));
    chosen.for_each(|rival| add_rival(rival, &mut changes, &mut waiting));
    guards::hold_back_rotations(inputs, &mut changes, &mut waiting);

    let (unmentioned, pruned) = unmentioned_keys(inputs, diff);
    if options.prune == Prune::Delete {
        changes.extend(pruned);
    }
    left_out.keys += cause::explain(inputs, base.as_ref(), &mut changes);
    rename::block_look_alikes(diff, inputs, &mut changes, &mut blocked);
    changes.sort_by(|a, b| a.address.cmp(&b.address).then_with(|| id_of(a).cmp(&id_of(b))));
    blocked.sort_by(|a, b| a.address.cmp(&b.address));
    risk::assess(&mut changes, now);
    let (broken, warned) = rules::said(inputs);
    let mut refusals = guards::refusals(inputs, &changes, blocked.len());
    refusals.extend(broken);

    let mut notes = notes::notes(inputs, diff, &changes);
    notes.extend(warned);
    permissions::tell(inputs, &changes, &mut refusals, &mut notes);
    let coming_up = coming::coming_up(inputs, diff, &changes, &is_chosen);
    let settled = secret::spent(inputs);
    let seen = live.keys.keys().cloned().chain(rivals.into_iter().map(|rival| rival.key.id)).collect();
    Plan {
        organisation: live.organisation.clone(),
        now,
        read_at: live.now,
        running_key: running.only(live).map(|key| key.name.clone()),
        changes,
        waiting,
        blocked,
        refusals,
        unmentioned,
        declared: desired.keys.iter().filter(|key| key.presence == Presence::Present).count(),
        in_sync,
        live_total: live.keys.len(),
        settled,
        seen,
        notes,
        coming_up,
        has_base: base.is_some(),
        left_out,
    }
}

/// What becomes of a key that a create left beside another one.
fn add_rival(rival: &Rival, changes: &mut Vec<Change>, waiting: &mut Vec<Waiting>) {
    if rival.delete {
        let mut change = deletion(rival.address.clone(), &rival.key, Reason::LeftOver);
        change.place = Some(rival.place.clone());
        changes.push(change);
        return;
    }
    waiting.push(Waiting {
        address: rival.address.clone(),
        place: rival.place.clone(),
        action: Action::Delete,
        until: rival.key.created_at.map(|created| created + GRACE),
        why: None,
        replaced: None,
    });
}

fn id_of(change: &Change) -> Option<&str> {
    change.before.as_ref().map(|key| key.id.as_str())
}
