//! Whether the keys of the files keep the rules: every finding, with its place and its remedy.
//!
//! **Two policies.** That of the root file and that of `--policy FILE` are judged one after the other and
//! add up. Each has its own rules and its own waivers; nothing in the keys files reaches the other one.
//! Where both find the same, the stricter word is said once.
//!
//! **What the files do not say.** A rule that demands something (an end, a limit, a description) is broken
//! by a key that leaves the field out: the live key may have it, but nobody could see that in a review. A
//! rule that forbids something is kept by it: a field left out gives nothing. Keys with `absent: true`
//! are not judged.
//!
//! **Workspaces.** A workspace has a slug and a UUID. A rule that names one form is kept off a key that writes the
//! other only by somebody who knows both names; without that it is judged as if it were meant.
//!
//! Invariants: no I/O, no clock but the one passed in; live keys are not looked at.

mod complaints;
mod judge;
mod waive;

#[cfg(test)]
mod tests;

use std::collections::BTreeMap;

use jiff::Timestamp;

use crate::desired::{Desired, Origin, RuleId, Waiver};
use crate::diagnostic::{Place, Severity};
use crate::model::{KeyAddress, WorkspaceId};

pub use crate::desired::{RULE_SETS, RuleInfo, RuleSet, explain_rule, rules};
pub use complaints::{Judged, judge};
pub use waive::concerns;

/// A rule that a key breaks, or a waiver that is none.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Finding {
    /// Whose rule it is.
    pub origin: Origin,
    /// The rule that is broken, or that the waiver is for.
    pub rule: RuleId,
    /// Stable: `policy-expiry-required`, `policy-waiver-expired`.
    pub code: &'static str,
    /// How bad it is.
    pub severity: Severity,
    /// The key; none if a waiver is for a key that is in no file.
    pub key: Option<KeyAddress>,
    /// The field that breaks the rule if there is one, else the key's name; or the waiver.
    pub place: Place,
    /// The key's own place, where the field is inherited.
    pub inherited_by: Option<Place>,
    /// A lowercase fragment.
    pub message: String,
    /// What to do.
    pub remedy: String,
    /// The waiver that excepts the key now; then nothing need be done.
    pub waiver: Option<Waiver>,
}

impl Finding {
    /// Whether no waiver excepts the key.
    pub fn stands(&self) -> bool {
        self.waiver.is_none()
    }
}

/// The two names of each workspace that is known. Where nobody was asked, none is.
#[derive(Clone, Debug, Default)]
pub struct Workspaces(BTreeMap<String, String>);

impl Workspaces {
    /// From slugs and what they stand for, as the service says.
    pub fn known(slugs: &BTreeMap<String, WorkspaceId>) -> Self {
        let pairs = slugs.iter().map(|(slug, id)| (plain(slug), plain(id.as_str())));
        Self(pairs.flat_map(|(slug, id)| [(slug.clone(), id.clone()), (id, slug)]).collect())
    }

    /// The UUID of a slug, or the slug of a UUID.
    fn other_name(&self, workspace: &str) -> Option<&str> {
        self.0.get(&plain(workspace)).map(String::as_str)
    }
}

/// Letters as they are compared.
fn plain(name: &str) -> String {
    name.to_ascii_lowercase()
}

/// Everything that is to be said about these keys at this moment, waived or not, sorted by place.
pub fn check(desired: &Desired, workspaces: &Workspaces, now: Timestamp) -> Vec<Finding> {
    let mut findings: Vec<Finding> = Vec::new();
    for policy in &desired.policies {
        let mut own = judge::findings(policy, &desired.keys, workspaces, now);
        let troubles = waive::apply(policy, &desired.keys, &mut own, now);
        findings.extend(own);
        findings.extend(troubles);
    }
    // What stands before what is waived, the stricter before the milder: of two equal ones the first is kept.
    findings.sort_by(|a, b| {
        (&a.place, a.code, &a.message, b.stands(), b.severity).cmp(&(
            &b.place,
            b.code,
            &b.message,
            a.stands(),
            a.severity,
        ))
    });
    findings.dedup_by(|later, kept| {
        kept.place == later.place && kept.code == later.code && kept.message == later.message
    });
    findings
}
