//! What an address needs, from what is live, what lies in the escrow, what the file asks for, and the time.

use jiff::{SignedDuration, Timestamp};

use super::{CLOCK_MARGIN, GRACE, LATE_EFFECT, Rules};
use crate::model::{CommittedSecret, Escrowed, KeyId, Mask};

/// One live key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Facts {
    /// Its id.
    pub id: KeyId,
    /// When it was made.
    pub created_at: Option<Timestamp>,
    /// What is shown of its secret.
    pub mask: Option<Mask>,
    /// What its mark says of its secret.
    pub standing: Standing,
}

/// What a key's mark says of its secret.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Standing {
    /// Nothing: nobody here has delivered it.
    Unmarked,
    /// The create with this nonce has not been committed.
    InFlight(String),
    /// This secret was delivered.
    Committed {
        /// The commit record.
        secret: CommittedSecret,
        /// Hashes of the sinks that have it.
        to: Vec<String>,
    },
}

/// What the sinks of a key hold, as far as they can be read.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Stored {
    /// Not all of them can be read back.
    #[default]
    Unknown,
    /// Every one holds a secret with this mask.
    All(Mask),
}

/// What the file asks for.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Hashes of the sinks that are to have the secret.
    pub sinks: Vec<String>,
    /// `secret.rotate_after`.
    pub rotate_after: Option<Timestamp>,
    /// `secret.max_age`.
    pub max_age: Option<SignedDuration>,
    /// `secret.until`: no rotation before.
    pub until: Option<Timestamp>,
    /// `secret.delivered`: the stores hold the secret with this mask.
    pub delivered: Option<Mask>,
    /// `secret.first: rotate`.
    pub first_rotate: bool,
    /// What the sinks hold.
    pub stored: Stored,
}

/// What a key needs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Next {
    /// Nothing.
    Nothing,
    /// The secret in this slot is still to be delivered and committed.
    Deliver {
        /// The slot.
        nonce: String,
    },
    /// The stores have what is live: only the mark is to say so.
    Accept {
        /// When the secret was issued, as far as known.
        issued_at: Timestamp,
    },
    /// A new secret.
    Rotate(Why),
    /// A new secret, not yet.
    Wait {
        /// Why it will be made.
        why: Why,
        /// When.
        until: Timestamp,
    },
    /// A person must say.
    Ask(Question),
}

/// Why a secret is replaced.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Why {
    /// Its create was never committed, and its secret is lost or too old to be delivered.
    Unfinished,
    /// It is not the one that was delivered.
    ChangedOutside,
    /// A sink does not have it.
    NewSink,
    /// `rotate_after`.
    Due(Timestamp),
    /// `max_age`.
    TooOld,
    /// `first: rotate`.
    First,
    /// `rotate ADDRESS`.
    Asked,
}

/// What only a person can know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Question {
    /// Do the stores have this key's secret?
    Stored,
    /// The file says that the stores have another secret than the live one.
    StoredOther {
        /// What the file says.
        delivered: Mask,
    },
    /// Another run is creating this key just now.
    BeingCreated {
        /// When it counts as abandoned.
        until: Option<Timestamp>,
    },
}

/// What becomes of several keys with one address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Twins {
    /// This one remains, those were left over, and the others may still be in the hands of another run.
    Keep {
        /// The key.
        id: KeyId,
        /// To be deleted: nobody has ever had their secrets.
        leftovers: Vec<KeyId>,
    },
    /// Several are in use: a person must say which is meant.
    Ambiguous,
}

/// What a key needs now.
pub fn decide(key: &Facts, slots: &[Escrowed], wish: &Wish, now: Timestamp, rules: &Rules) -> Next {
    let of_this_key = |slot: &&Escrowed| slot.id.as_ref() == Some(&key.id);
    let own_create =
        |slot: &&Escrowed| matches!(&key.standing, Standing::InFlight(nonce) if *nonce == slot.nonce);
    let is_committed = |secret: &CommittedSecret| key.mask.as_ref().is_some_and(|mask| secret.is(mask));
    let is_settled = matches!(&key.standing, Standing::Committed { secret, .. } if is_committed(secret));

    let held = slots
        .iter()
        .filter(of_this_key)
        .find(|slot| slot.mask.is_some() && slot.mask == key.mask && !slot.sealed);
    if let Some(slot) = held.filter(|slot| !is_settled && (!rules.lease || now < slot.sent_at + slot.lease)) {
        return Next::Deliver { nonce: slot.nonce.clone() };
    }
    match &key.standing {
        Standing::InFlight(_) => {
            let until = key.created_at.map(|created| created + GRACE);
            // A key without a date of birth is never old enough.
            let is_old = !rules.grace || until.is_some_and(|until| until <= now);
            if is_old || slots.iter().any(|slot| own_create(&slot)) {
                wait_or_rotate(Why::Unfinished, begun_here(key, slots), now)
            } else {
                Next::Ask(Question::BeingCreated { until })
            }
        }
        Standing::Committed { secret, .. } if !is_committed(secret) => {
            changed_outside(key, slots, wish, now, rules)
        }
        Standing::Committed { secret, to } => due(key, secret, to, slots, wish, now, rules),
        Standing::Unmarked => first(key, slots, wish, now, rules),
    }
}

/// The live secret is not the one that was committed: by hand, by Portkey's schedule, or by a run that died.
fn changed_outside(key: &Facts, slots: &[Escrowed], wish: &Wish, now: Timestamp, rules: &Rules) -> Next {
    // A mask of a shape that this version does not know says nothing.
    let Some(mask) = key.mask.as_ref().filter(|mask| mask.ends().is_some()) else { return Next::Nothing };
    if wish.sinks.is_empty() || !rules.changed_outside {
        return Next::Nothing;
    }
    if wish.delivered.as_ref() == Some(mask) || wish.stored == Stored::All(mask.clone()) {
        return Next::Accept { issued_at: now };
    }
    wait_or_rotate(Why::ChangedOutside, begun_here(key, slots).max(wish.until), now)
}

/// When the transition ends that a rotation of ours began, or may have begun if its answer is missing.
fn begun_here(key: &Facts, slots: &[Escrowed]) -> Option<Timestamp> {
    slots
        .iter()
        .filter(|slot| slot.id.as_ref() == Some(&key.id))
        .filter_map(|slot| Some(slot.sent_at + slot.transition?))
        .max()
}

/// Until when a rotation of ours whose answer is missing may still arrive.
fn still_to_come(key: &Facts, slots: &[Escrowed]) -> Option<Timestamp> {
    slots
        .iter()
        .filter(|slot| slot.id.as_ref() == Some(&key.id) && slot.mask.is_none())
        .map(|slot| slot.sent_at + LATE_EFFECT)
        .max()
}

/// The committed secret is live: is it time for another one?
fn due(
    key: &Facts,
    secret: &CommittedSecret,
    to: &[String],
    slots: &[Escrowed],
    wish: &Wish,
    now: Timestamp,
    rules: &Rules,
) -> Next {
    let issued = secret.issued_at;
    let why = if wish.rotate_after.is_some_and(|after| issued < after && after <= now) {
        wish.rotate_after.map(Why::Due)
    } else if wish.max_age.is_some_and(|age| issued + age <= now) {
        Some(Why::TooOld)
    } else {
        wish.sinks.iter().any(|sink| !to.contains(sink)).then_some(Why::NewSink)
    };
    let Some(why) = why else { return Next::Nothing };
    let transition = secret.transition_length().map(|length| issued + length);
    let late = still_to_come(key, slots).filter(|_| rules.late_effect);
    wait_or_rotate(why, transition.max(late).max(wish.until), now)
}

fn wait_or_rotate(why: Why, until: Option<Timestamp>, now: Timestamp) -> Next {
    match until.filter(|until| *until > now) {
        Some(until) => Next::Wait { why, until },
        None => Next::Rotate(why),
    }
}

/// Nobody here has delivered this key's secret.
fn first(key: &Facts, slots: &[Escrowed], wish: &Wish, now: Timestamp, rules: &Rules) -> Next {
    if wish.sinks.is_empty() {
        return Next::Nothing;
    }
    let issued_at = key.created_at.unwrap_or(Timestamp::UNIX_EPOCH);
    match (&key.mask, &wish.delivered, &wish.stored) {
        (Some(mask), Some(delivered), _) if mask == delivered => Next::Accept { issued_at },
        (Some(mask), _, Stored::All(stored)) if mask == stored => Next::Accept { issued_at },
        _ if wish.first_rotate || !rules.ask => {
            // A key that young may be in the hands of a run whose mark somebody wiped.
            let young = key.created_at.map(|created| created + GRACE).filter(|_| rules.grace);
            wait_or_rotate(Why::First, young.max(begun_here(key, slots)).max(wish.until), now)
        }
        (_, Some(delivered), _) => Next::Ask(Question::StoredOther { delivered: delivered.clone() }),
        _ => Next::Ask(Question::Stored),
    }
}

/// Until when an address of which nothing is seen must not be created, because an earlier create may still arrive
/// or be hidden.
pub fn until_creatable(
    address: &str,
    slots: &[Escrowed],
    now: Timestamp,
    rules: &Rules,
) -> Option<Timestamp> {
    slots
        .iter()
        .filter(|slot| slot.address == address && slot.transition.is_none() && rules.late_effect)
        .map(|slot| slot.sent_at + LATE_EFFECT)
        .filter(|until| *until > now)
        .max()
}

/// When the key can be rotated, as far as known: the transition is over that the committed secret or a rotation of
/// ours began, and nothing that was sent can still arrive.
pub fn rotatable_at(key: &Facts, slots: &[Escrowed]) -> Option<Timestamp> {
    match &key.standing {
        Standing::Committed { secret, .. } => {
            let transition = secret.transition_length().map(|length| secret.issued_at + length);
            transition.max(still_to_come(key, slots))
        }
        Standing::Unmarked | Standing::InFlight(_) => begun_here(key, slots),
    }
}

/// Whether a slot can be what it says: no request is sent later than the service's clock has it now, but for what two
/// looks at that clock may differ by.
pub fn is_possible(slot: &Escrowed, now: Timestamp) -> bool {
    slot.sent_at <= now + CLOCK_MARGIN
}

/// Whether a slot has served its purpose, and can be emptied: what it holds is committed, or can never be.
pub fn is_spent(slot: &Escrowed, key: Option<&Facts>, now: Timestamp) -> bool {
    let is_late = slot.sent_at + LATE_EFFECT <= now;
    match (&slot.mask, key) {
        // Nothing came of it that could still arrive.
        (None, None) => is_late,
        (None, Some(key)) => match &slot.transition {
            Some(transition) => slot.sent_at + (*transition).max(LATE_EFFECT) <= now,
            None => !matches!(&key.standing, Standing::InFlight(nonce) if *nonce == slot.nonce),
        },
        // A secret whose key cannot be seen is kept for a person.
        (Some(_), None) => false,
        (Some(mask), Some(key)) => {
            let is_committed = matches!(&key.standing, Standing::Committed { secret, .. } if secret.is(mask));
            is_committed || (slot.sent_at + slot.lease <= now && key.mask.as_ref() != Some(mask))
        }
    }
}

/// What becomes of several keys with one address: one that is in use wins, else the oldest create.
pub fn twins(keys: &[Facts], slots: &[Escrowed], now: Timestamp, rules: &Rules) -> Twins {
    let in_use: Vec<&Facts> =
        keys.iter().filter(|key| !matches!(key.standing, Standing::InFlight(_))).collect();
    let first = keys.iter().min_by_key(|key| (key.created_at, key.id.clone()));
    let keep = match (in_use.as_slice(), first) {
        ([one], _) => *one,
        ([], Some(first)) => first,
        _ => return Twins::Ambiguous,
    };
    // Ours are ours to delete; those of other runs once these must have given up.
    let is_left_over = |key: &&Facts| {
        let Standing::InFlight(nonce) = &key.standing else { return false };
        let is_old = key.created_at.is_some_and(|created| created + GRACE <= now);
        key.id != keep.id && rules.leftovers && (is_old || slots.iter().any(|slot| slot.nonce == *nonce))
    };
    let leftovers = keys.iter().filter(is_left_over).map(|key| key.id.clone()).collect();
    Twins::Keep { id: keep.id.clone(), leftovers }
}

/// Whether the key that we have just created remains, beside these others that have its address and that were not
/// there when we planned.
pub fn settle(own: &Facts, others: &[Facts], rules: &Rules) -> bool {
    !rules.settle
        || others.iter().all(|other| {
            matches!(other.standing, Standing::InFlight(_))
                && (own.created_at, &own.id) < (other.created_at, &other.id)
        })
}
