//! What the running key cannot see: an answer such as "nobody can" is worth no more than the list it came from.

use crate::live::{Completeness, Live, RunningKey};
use crate::model::{KeyKind, WorkspaceId};

/// How much of the organisation was seen.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sight {
    /// Whether the list's pages agreed with each other.
    pub list_is_whole: bool,
    /// Kinds of which there may be keys that are not seen: none was, and the running key is not known to list them.
    pub hidden: Vec<KeyKind>,
    /// The only workspace that the running key sees, if it is a workspace's own.
    pub only: Option<WorkspaceId>,
}

impl Sight {
    /// Whether every key was seen.
    pub fn is_whole(&self) -> bool {
        self.list_is_whole && self.hidden.is_empty() && self.only.is_none()
    }
}

/// What the list of keys leaves open. A missing list scope hides rows (portkey-api.md 2.1).
pub fn sight(live: &Live, running: &RunningKey) -> Sight {
    let own = running.only(live).filter(|_| running.recognised);
    let may_list = |kind: KeyKind| own.is_some_and(|key| key.holds(&format!("{}.list", kind.scope_group())));
    let was_seen = |kind: KeyKind| live.keys.values().any(|key| key.kind == Some(kind));
    Sight {
        list_is_whole: live.completeness == Completeness::Complete,
        hidden: KeyKind::ALL.into_iter().filter(|kind| !may_list(*kind) && !was_seen(*kind)).collect(),
        only: own.and_then(|key| key.workspace.clone()),
    }
}
