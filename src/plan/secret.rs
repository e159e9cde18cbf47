//! What a key's secret needs, and the change that gives it.

use std::collections::BTreeMap;

use jiff::SignedDuration;

use super::{
    Action, Asked, BlockedReason, Causes, Change, Commit, DESCRIPTION_LIMIT, Inputs, Reason, Request, decide,
    marks, request,
};
use crate::diff::{Entry, FieldChange};
use crate::handoff::{self, Facts, Next, Question, Rules, Standing, Stored, TRANSITION, Twins, Why, Wish};
use crate::live::{Live, LiveKey};
use crate::model::{
    CommittedSecret, Delivery, Escrowed, KeyAddress, KeyId, KeyUpdate, Mark, Mask, Setting, Target,
};

/// What the protocol is told of a live key.
pub fn facts(live: &LiveKey) -> Facts {
    let mark = live.mark.as_ref();
    let standing = match (mark.and_then(|mark| mark.new.clone()), mark.and_then(|mark| mark.secret.clone())) {
        (Some(nonce), _) => Standing::InFlight(nonce),
        (None, Some(secret)) => {
            Standing::Committed { secret, to: mark.map(|mark| mark.to.clone()).unwrap_or_default() }
        }
        (None, None) => Standing::Unmarked,
    };
    Facts { id: live.id.clone(), created_at: live.created_at, mask: live.mask.clone(), standing }
}

/// Where the secret of this entry's key goes; a `--secrets-file` is no sink of the key's own.
pub fn sinks(
    desired: &crate::desired::Desired,
    key: &crate::desired::DesiredKey,
    id: Option<&KeyId>,
) -> Result<Vec<Delivery>, BlockedReason> {
    if desired.folder.is_none() && !key.secret.deliver_to.is_empty() {
        let error = "sinks lie beside the keys file, and standard input has no folder".to_owned();
        return Err(BlockedReason::BadTarget { error });
    }
    key.secret
        .deliver_to
        .iter()
        .filter_map(|name| Some((name, desired.sinks.get(name)?)))
        .map(|(name, sink)| {
            let target = sink.target(&key.address, id);
            let target = target.map_err(|error| BlockedReason::BadTarget { error: error.to_string() })?;
            Ok(Delivery { sink: Some(name.clone()), target })
        })
        .collect()
}

/// What this entry's key needs.
pub(super) fn next(inputs: &Inputs<'_>, entry: &Entry<'_>, live: &LiveKey) -> Result<Next, BlockedReason> {
    let desired = entry.desired;
    let wanted = &desired.secret;
    let deliveries = sinks(inputs.desired, desired, Some(&live.id))?;
    let facts = facts(live);
    // Dates count as of another moment, if the caller says so; all else goes by the clock.
    let is_too_old = |age: &SignedDuration| match &facts.standing {
        Standing::Committed { secret, .. } => secret.issued_at + *age <= inputs.as_of(),
        Standing::InFlight(_) | Standing::Unmarked => true,
    };
    let wish = Wish {
        sinks: deliveries.iter().map(Delivery::hash).collect(),
        rotate_after: wanted.rotate_after.filter(|at| *at <= inputs.as_of()),
        max_age: wanted.max_age.filter(is_too_old),
        until: wanted.until,
        delivered: wanted.delivered.clone(),
        first_rotate: wanted.first_rotate,
        stored: inputs.options.stored.get(&desired.address).cloned().map_or(Stored::Unknown, Stored::All),
    };
    let next = handoff::decide(&facts, &inputs.options.slots, &wish, inputs.now, &Rules::ALL);
    Ok(match (&inputs.options.asked, next) {
        (Some(Asked::Revoke), _) => Next::Nothing,
        // What somebody asks for by name is done, unless something is in flight.
        (Some(Asked::Accept), next)
            if !matches!(next, Next::Deliver { .. } | Next::Ask(Question::BeingCreated { .. })) =>
        {
            Next::Accept { issued_at: inputs.now }
        }
        (Some(Asked::Rotate { .. }), next @ (Next::Nothing | Next::Accept { .. } | Next::Ask(_)))
            if !matches!(next, Next::Ask(Question::BeingCreated { .. })) =>
        {
            match handoff::rotatable_at(&facts, &inputs.options.slots).filter(|until| *until > inputs.now) {
                Some(until) => Next::Wait { why: Why::Asked, until },
                None => Next::Rotate(Why::Asked),
            }
        }
        (_, next) => next,
    })
}

/// The change that gives a key a new secret: what else differs first, then the rotation, the delivery, the mark.
pub(super) fn rotation(
    inputs: &Inputs<'_>,
    entry: &Entry<'_>,
    live: &LiveKey,
    why: Why,
    mut first: KeyUpdate,
) -> Result<Change, BlockedReason> {
    let transition = match &inputs.options.asked {
        Some(Asked::Rotate { transition: Some(transition) }) => Some(*transition),
        _ => entry.desired.secret.transition,
    };
    let mut commit = commit(inputs, entry, live, Some(transition.unwrap_or(TRANSITION)))?;
    // A rotation uses up Portkey's own `next_rotation_at` (portkey-api.md 4), so the policy comes after it.
    let policy = first.rotation_policy.take().or_else(|| dated_policy(entry, live));
    *commit.fields = KeyUpdate { rotation_policy: policy, ..KeyUpdate::default() };
    Ok(Change {
        action: Action::Rotate,
        reason: Some(Reason::Rotation(why)),
        request: Request::Rotate { id: live.id.clone(), first: Box::new(first), transition, commit },
        running_key: inputs.running.could_be(&live.id),
        ..blank(inputs, entry, live)
    })
}

/// The fields that the change writes beside the secret: what somebody asks for by name leaves them alone.
fn written_fields<'e>(inputs: &Inputs<'_>, entry: &'e Entry<'_>) -> &'e [FieldChange] {
    if inputs.options.asked.is_some() { &[] } else { &entry.fields }
}

/// The policy to be sent again after a rotation: one with a date of its own.
fn dated_policy(entry: &Entry<'_>, live: &LiveKey) -> Option<Option<crate::model::RotationPolicyPatch>> {
    let after =
        entry.desired.spec.rotation_policy.value().filter(|policy| policy.next_rotation_at.is_some())?;
    let field = FieldChange::RotationPolicy {
        before: live.rotation_policy.value().cloned(),
        after: Some(after.clone()),
    };
    request::update_of(&[field], live).rotation_policy
}

/// The change that finishes what an earlier run began.
pub(super) fn delivery(
    inputs: &Inputs<'_>,
    entry: &Entry<'_>,
    live: &LiveKey,
    slot: &Escrowed,
) -> Result<Change, BlockedReason> {
    // The mark of a create says nothing of the rotation that recovered it, whichever run writes it: it was checked that
    // there is room for this mark.
    let is_create = live.mark.as_ref().and_then(|mark| mark.new.as_ref()) == Some(&slot.nonce);
    let commit = commit(inputs, entry, live, slot.transition.filter(|_| !is_create))?;
    Ok(Change {
        action: Action::Deliver,
        reason: Some(Reason::Unfinished { issued_at: slot.issued_at.unwrap_or(slot.sent_at) }),
        request: Request::Deliver { id: live.id.clone(), held: slot.clone(), commit },
        running_key: inputs.running.could_be(&live.id),
        ..blank(inputs, entry, live)
    })
}

fn blank(inputs: &Inputs<'_>, entry: &Entry<'_>, live: &LiveKey) -> Change {
    Change {
        address: entry.desired.address.clone(),
        place: Some(entry.desired.place.clone()),
        action: Action::Deliver,
        before: Some(decide::snapshot(live)),
        fields: written_fields(inputs, entry).to_vec(),
        written_scopes: entry.desired.written_scopes.clone(),
        reason: None,
        request: Request::Delete { id: live.id.clone() },
        running_key: false,
        risks: Vec::new(),
        causes: Causes::default(),
    }
}

/// Where a new secret goes and how the key will be marked; refused before anything is sent.
pub(super) fn commit(
    inputs: &Inputs<'_>,
    entry: &Entry<'_>,
    live: &LiveKey,
    transition: Option<SignedDuration>,
) -> Result<Commit, BlockedReason> {
    let desired = entry.desired;
    let id = if live.id.as_str().is_empty() { desired.id.as_ref() } else { Some(&live.id) };
    let mut deliveries = sinks(inputs.desired, desired, id)?;
    if let Some(path) = &inputs.options.secrets_file {
        let target = Target::File { path: path.clone(), recipients: Vec::new() };
        deliveries.push(Delivery { sink: None, target });
    }
    if deliveries.is_empty() {
        return Err(BlockedReason::NowhereToDeliver);
    }
    let description = match &desired.spec.description {
        _ if inputs.options.asked.is_some() => live.description.clone(),
        Setting::Set(text) => text.clone(),
        Setting::Clear => String::new(),
        Setting::Unmanaged => live.description.clone(),
    };
    let mark =
        Mark { new: None, ..marks::wanted(inputs.desired.managed_by.as_deref(), desired, &entry.ids, live) };
    let transition = transition.map(in_words);
    // The longest mark that this key can come to carry, so that the commit cannot fail for want of room.
    let longest = Mark {
        id: Some("00000000".to_owned()),
        secret: CommittedSecret::new(&Mask::of_live("00*****000".to_owned()), inputs.now, transition.clone()),
        to: deliveries.iter().map(Delivery::hash).collect(),
        ..mark.clone()
    };
    // One PUT commits the secret and changes whatever else differs by then, which for a new key is nothing.
    let fields = if live.id.as_str().is_empty() {
        KeyUpdate::default()
    } else {
        KeyUpdate { description: None, ..request::update_of(written_fields(inputs, entry), live) }
    };
    let prove = desired.secret.verify || inputs.options.prove;
    let prove = prove && desired.kind != crate::model::KeyKind::OrganisationService;
    let commit = Commit { fields: Box::new(fields), description, mark, deliveries, transition, prove };
    let whole = longest.append_to(&commit.description);
    if whole.chars().count() > DESCRIPTION_LIMIT {
        return Err(BlockedReason::NoRoomForMark {
            text: commit.description.chars().count(),
            mark: longest.to_string().chars().count(),
            managed: desired.spec.description.is_managed(),
        });
    }
    Ok(commit)
}

/// `30m`, `24h`, or `90m`: what the mark says of a transition.
fn in_words(length: SignedDuration) -> String {
    let minutes = (length.as_secs() + 59) / 60;
    if minutes % 60 == 0 { format!("{}h", minutes / 60) } else { format!("{minutes}m") }
}

/// Several live keys with one address of the file, of which creates in flight made all but one.
pub(super) struct Sorted {
    /// The live keys without those that were left over.
    pub(super) live: Live,
    /// What was left over, with the address and what is to become of it.
    pub(super) rivals: Vec<Rival>,
}

/// A key that a create in flight left beside another one.
pub(super) struct Rival {
    pub(super) address: KeyAddress,
    pub(super) place: crate::diagnostic::Place,
    pub(super) key: LiveKey,
    /// Whether it is to be deleted now; else its run may still be at it.
    pub(super) delete: bool,
}

/// Takes the keys of creates that lost out of what is compared.
pub(super) fn without_rivals(
    inputs: &Inputs<'_>,
    ambiguous: &[(&Entry<'_>, Vec<&LiveKey>)],
) -> Option<Sorted> {
    let mut rivals = Vec::new();
    for (entry, candidates) in ambiguous {
        let all: Vec<Facts> = candidates.iter().map(|key| facts(key)).collect();
        let Twins::Keep { id, leftovers } =
            handoff::twins(&all, &inputs.options.slots, inputs.now, &Rules::ALL)
        else {
            continue;
        };
        rivals.extend(candidates.iter().filter(|key| key.id != id).map(|key| Rival {
            address: entry.desired.address.clone(),
            place: entry.desired.place.clone(),
            key: (*key).clone(),
            delete: leftovers.contains(&key.id),
        }));
    }
    if rivals.is_empty() {
        return None;
    }
    let mut live = inputs.live.clone();
    for rival in &rivals {
        live.keys.remove(&rival.key.id);
    }
    Some(Sorted { live, rivals })
}

/// The escrow slots that have served their purpose.
pub(super) fn spent(inputs: &Inputs<'_>) -> Vec<String> {
    let by_nonce: BTreeMap<&str, &LiveKey> =
        inputs.live.keys.values().filter_map(|key| Some((key.mark.as_ref()?.new.as_deref()?, key))).collect();
    inputs
        .options
        .slots
        .iter()
        .filter(|slot| {
            let by_id = slot.id.as_ref().and_then(|id| inputs.live.keys.get(id));
            let key = by_id.or_else(|| by_nonce.get(slot.nonce.as_str()).copied());
            handoff::is_spent(slot, key.map(facts).as_ref(), inputs.now)
        })
        .map(|slot| slot.nonce.clone())
        .collect()
}
