//! Waivers: which findings they except, and which of them are none.

use std::collections::BTreeMap;

use jiff::{SignedDuration, Timestamp};

use super::Finding;
use super::judge::names;
use crate::desired::{DesiredKey, Policy, Waiver, codes};
use crate::diagnostic::{Severity, nearest};
use crate::model::KeyAddress;

/// How far ahead a waiver may end.
const LONGEST: SignedDuration = SignedDuration::from_hours(366 * 24);

/// Puts the waivers that hold to the findings they except, and says what is wrong with the others.
pub(super) fn apply(
    policy: &Policy,
    keys: &[DesiredKey],
    findings: &mut [Finding],
    now: Timestamp,
) -> Vec<Finding> {
    if policy.waivers.is_empty() {
        return Vec::new();
    }
    // Several entries can have one address, if each is pinned to a key.
    let mut by_name: BTreeMap<String, Vec<&KeyAddress>> = BTreeMap::new();
    for key in keys {
        for name in names(&policy.origin, key) {
            by_name.entry(name).or_default().push(&key.address);
        }
    }
    let mut troubles = Vec::new();
    for waiver in &policy.waivers {
        let meant = by_name.get(&waiver.key).map_or(&[][..], Vec::as_slice);
        let is_excepted = |finding: &Finding| {
            finding.rule == waiver.rule && finding.key.as_ref().is_some_and(|key| meant.contains(&key))
        };
        let mut excepted = findings.iter_mut().filter(|finding| is_excepted(finding)).peekable();
        let trouble = if now >= waiver.until {
            Some((Severity::Error, codes::POLICY_WAIVER_EXPIRED, expired(waiver, excepted.peek().is_some())))
        } else if now.checked_add(LONGEST).is_ok_and(|latest| waiver.until > latest) {
            Some((Severity::Error, codes::POLICY_WAIVER_TOO_LONG, too_long(waiver)))
        } else if excepted.peek().is_none() {
            Some((Severity::Warning, codes::POLICY_WAIVER_UNUSED, unused(policy, waiver, &by_name)))
        } else {
            excepted.for_each(|finding| finding.waiver = Some(waiver.clone()));
            None
        };
        troubles.extend(trouble.map(|(severity, code, (message, remedy))| Finding {
            origin: policy.origin.clone(),
            rule: waiver.rule,
            code,
            severity,
            key: meant.first().map(|address| (*address).clone()),
            place: waiver.place.clone(),
            inherited_by: None,
            message,
            remedy,
            waiver: None,
        }));
    }
    troubles
}

fn expired(waiver: &Waiver, is_needed: bool) -> (String, String) {
    let Waiver { rule, key, reason, until, place: _ } = waiver;
    let message =
        format!("the waiver of `{}` for `{key}` ended {until}; its reason was: {reason}", rule.name());
    let remedy = if is_needed {
        "let the key keep the rule, or give the waiver a new end"
    } else {
        "remove the waiver; the key keeps the rule now"
    };
    (message, remedy.to_owned())
}

fn too_long(waiver: &Waiver) -> (String, String) {
    let Waiver { rule, key, reason: _, until, place: _ } = waiver;
    (
        format!(
            "the waiver of `{}` for `{key}` ends {until}, more than {} days from now, and so excepts nothing",
            rule.name(),
            LONGEST.as_hours() / 24
        ),
        "let it end sooner, and extend it when the time comes".to_owned(),
    )
}

fn unused(
    policy: &Policy,
    waiver: &Waiver,
    by_name: &BTreeMap<String, Vec<&KeyAddress>>,
) -> (String, String) {
    let Waiver { rule, key, .. } = waiver;
    let rule = rule.name();
    if !by_name.contains_key(key) {
        let remedy = nearest(key, by_name.keys().map(String::as_str)).map_or_else(
            || "write the whole address as plans show it, or remove the waiver".to_owned(),
            |near| format!("did you mean `{near}`?"),
        );
        return (format!("`{rule}` is waived for `{key}`, which is in no file"), remedy);
    }
    if policy.rules.iter().any(|there| there.demand.rule() == waiver.rule) {
        let message = format!("`{rule}` is waived for `{key}`, which keeps it or is not subject to it");
        return (message, "remove the waiver".to_owned());
    }
    (
        format!("`{rule}` is waived for `{key}`, but is not among the rules of this policy"),
        "remove the waiver; a rule can be waived only where it stands, in the policy file or in the keys file"
            .to_owned(),
    )
}

/// Whether the finding concerns one of these keys; what concerns no key concerns all.
pub fn concerns(finding: &Finding, chosen: impl Fn(&KeyAddress) -> bool) -> bool {
    finding.key.as_ref().is_none_or(chosen)
}
