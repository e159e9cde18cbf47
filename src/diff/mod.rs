//! What differs between the file and the service: facts only, no judgement.
//!
//! First each entry of the file is matched with the live key it means, then the two are compared
//! field by field. Invariants: pure (no I/O, no clock but the one passed in), cannot fail, and the
//! order of keys on either side changes nothing.

mod compare;
mod fields;
mod pairing;
mod seen;

pub use compare::compare;
pub use fields::FieldChange;
pub use pairing::{Found, Identified, Ids, UnresolvedName, ids_of, needs_hydration, pair, replaced};
pub use seen::{Seen, seen};

use jiff::Timestamp;

use crate::desired::{Desired, DesiredKey, Presence};
use crate::live::{Live, LiveKey};

/// Every entry of the file beside what was found for it, and the live keys that no entry means.
#[derive(Clone, Debug)]
pub struct Diff<'a> {
    /// In the order of [`Desired::keys`].
    pub entries: Vec<Entry<'a>>,
    /// By id.
    pub unmentioned: Vec<&'a LiveKey>,
}

/// One entry of the file.
#[derive(Clone, Debug)]
pub struct Entry<'a> {
    /// What the file says.
    pub desired: &'a DesiredKey,
    /// Its names as ids.
    pub ids: Ids,
    /// What the service has.
    pub found: Found<'a>,
    /// What differs; for a missing key, everything it is to have; empty where nothing was found to
    /// compare with, or the key is to be absent.
    pub fields: Vec<FieldChange>,
}

/// Matches and compares.
pub fn diff<'a>(desired: &'a Desired, live: &'a Live, now: Timestamp) -> Diff<'a> {
    let pairs = pair(desired, live);
    let mut claimed = replaced(desired, live);
    let mut entries = Vec::with_capacity(pairs.len());
    for (desired, ids, found) in pairs {
        claimed.extend(found.claims().map(|key| key.id.clone()));
        let fields = match (&found, desired.presence) {
            (_, Presence::Absent) => Vec::new(),
            (Found::Key { live, .. }, Presence::Present) => compare(desired, &ids, live, now),
            (Found::Missing, Presence::Present) => {
                compare(desired, &ids, &LiveKey::blank(desired.kind, &desired.address.name), now)
            }
            (
                Found::Ambiguous(_)
                | Found::PinMissing
                | Found::Unresolved(_)
                | Found::ClaimedTwice { .. }
                | Found::RenamedOutside(_)
                | Found::Immutable { .. },
                Presence::Present,
            ) => Vec::new(),
        };
        entries.push(Entry { desired, ids, found, fields });
    }
    let unmentioned = live.keys.values().filter(|key| !claimed.contains(&key.id)).collect();
    Diff { entries, unmentioned }
}
