//! What the policies of the files say about the keys that are planned for.

use std::collections::BTreeMap;

use super::{Inputs, Note, Refusal};
use crate::desired::Origin;
use crate::diagnostic::Severity;
use crate::model::KeyAddress;
use crate::policy::{Finding, Workspaces, check, concerns};

/// Errors refuse, warnings are notes. What somebody asks for by name is not judged: a leaked key must be
/// replaced or ended at once, whatever else is wrong with it.
pub(super) fn said(inputs: &Inputs<'_>) -> (Vec<Refusal>, Vec<Note>) {
    if inputs.options.asked.is_some() {
        return (Vec::new(), Vec::new());
    }
    let is_chosen = |address: &KeyAddress| {
        inputs.options.targets.as_ref().is_none_or(|targets| targets.contains(address))
    };
    let mut groups: BTreeMap<(Severity, &'static str, Origin), Vec<Finding>> = BTreeMap::new();
    let workspaces = Workspaces::known(&inputs.live.names.known_workspaces);
    let findings = check(inputs.desired, &workspaces, inputs.now);
    for finding in findings.into_iter().filter(Finding::stands).filter(|f| concerns(f, is_chosen)) {
        groups.entry((finding.severity, finding.code, finding.origin.clone())).or_default().push(finding);
    }
    let mut refusals = Vec::new();
    let mut notes = Vec::new();
    for ((severity, _, _), findings) in groups {
        match severity {
            Severity::Error => refusals.push(Refusal::Policy { findings }),
            Severity::Warning => notes.push(Note::Policy { findings }),
        }
    }
    (refusals, notes)
}
