//! The fields of a change, line by line.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;
use serde_json::Value;

use super::limits;
use super::texts;
use crate::diff::FieldChange;
use crate::model::{ConfigId, Mark, RotationPolicy};
use crate::plan::{Action, Cause, Risk};
use crate::render::layout::Role;
use crate::render::words::{self, span_ms};
use crate::render::{Style, escape};

/// One field: its name, and its lines beside and below it. Everything is escaped.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(in crate::render) struct Field {
    pub(in crate::render) name: &'static str,
    pub(in crate::render) lines: Vec<String>,
    /// What to look at, right of the first line.
    pub(super) risks: Vec<Risk>,
}

impl Field {
    pub(super) fn new(name: &'static str, lines: Vec<String>) -> Self {
        Self { name, lines, risks: Vec::new() }
    }

    pub(super) fn with_risks(self, risks: Vec<Risk>) -> Self {
        Self { risks, ..self }
    }

    /// Says what the field comes of, at the end of its first line.
    pub(super) fn with_cause(mut self, cause: Option<Cause>) -> Self {
        if let (Some(cause), Some(first)) = (cause, self.lines.first_mut()) {
            first.push_str(&format!(" ({})", words::cause(cause)));
        }
        self
    }
}

/// See [`super::field_in_words`].
pub(super) fn in_words(change: &FieldChange, action: Action, style: &Style) -> String {
    let fields = Fields { style, scope_sets: &BTreeMap::new(), written_scopes: &[] };
    let Field { name, lines, risks: _ } = match action {
        Action::Create => fields.of_create(change),
        Action::Adopt
        | Action::Update
        | Action::ResetUsage
        | Action::Deliver
        | Action::Rotate
        | Action::Delete => fields.of_update(change, false),
    };
    let lines: Vec<&str> = lines.iter().map(|line| line.trim()).collect();
    format!("{name} {}", lines.join(", "))
}

/// How to show the fields of a change.
pub(super) struct Fields<'a> {
    pub(super) style: &'a Style,
    pub(super) scope_sets: &'a BTreeMap<String, BTreeSet<String>>,
    /// The scopes as the entry writes them.
    pub(super) written_scopes: &'a [String],
}

impl Fields<'_> {
    /// What a new key will have: values, no differences.
    pub(super) fn of_create(&self, change: &FieldChange) -> Field {
        let line = match change {
            FieldChange::Name { after, .. } => escape(after),
            FieldChange::Description { after, .. } => texts::quoted(after),
            FieldChange::Scopes { after, .. } => {
                let all: BTreeSet<&str> = after.iter().map(String::as_str).collect();
                self.as_written(&all).join(", ")
            }
            FieldChange::RateLimits { after, .. } => {
                return Field::new(change.field(), after.iter().map(limits::rate_limit).collect());
            }
            FieldChange::UsageLimits { after, .. } => limits::usage(after.as_ref()),
            FieldChange::Metadata { after, .. } => after
                .iter()
                .map(|(k, v)| format!("{}={}", escape(k), texts::value(v)))
                .collect::<Vec<_>>()
                .join(", "),
            FieldChange::ConfigId { after, written, .. } => {
                let after = written.as_deref().or(after.as_ref().map(ConfigId::as_str));
                after.map_or_else(none, escape)
            }
            FieldChange::AllowConfigOverride { after, .. } => after.to_string(),
            FieldChange::AlertEmails { after, .. } => joined(after.iter().map(String::as_str)),
            FieldChange::ExpiresAt { after, .. } => instant(*after),
            FieldChange::RotationPolicy { after, .. } => rotation(after.as_ref()),
            FieldChange::Mark { after, .. } => visible(after),
        };
        Field::new(change.field(), vec![line])
    }

    /// What changes of a live key. `alone` says that the mark is all that changes.
    pub(super) fn of_update(&self, change: &FieldChange, alone: bool) -> Field {
        let lines = match change {
            FieldChange::Name { before, after } => {
                vec![self.arrow(&texts::plain(before), &texts::plain(after), "")]
            }
            FieldChange::Description { before, after } => texts::change(before, after, self.style),
            FieldChange::Scopes { added, dropped, after: _ } => self.scopes(added, dropped),
            FieldChange::RateLimits { before, after } => limits::rate_limits(before, after, self.style),
            FieldChange::UsageLimits { before, after } => {
                limits::usage_limits(before.as_ref(), after.as_ref(), self.style)
            }
            FieldChange::Metadata { before, after } => self.metadata(before, after),
            FieldChange::ConfigId { before, after, written } => {
                let before = before.as_ref().map_or_else(none, |id| escape(id.as_str()));
                let after = written.as_deref().or(after.as_ref().map(ConfigId::as_str));
                vec![self.arrow(&before, &after.map_or_else(none, escape), "")]
            }
            FieldChange::AllowConfigOverride { before, after } => {
                vec![self.arrow(&before.to_string(), &after.to_string(), "")]
            }
            FieldChange::AlertEmails { before, after } => self.set_difference(
                &after.difference(before).map(|mail| escape(mail)).collect::<Vec<_>>(),
                &before.difference(after).map(|mail| escape(mail)).collect::<Vec<_>>(),
            ),
            FieldChange::ExpiresAt { before, after } => {
                vec![self.arrow(&instant(*before), &instant(*after), "")]
            }
            FieldChange::RotationPolicy { before, after } => self.rotation(before.as_ref(), after.as_ref()),
            FieldChange::Mark { before, after } => self.mark(before.as_ref(), after, alone),
        };
        Field::new(change.field(), lines)
    }

    fn arrow(&self, before: &str, after: &str, unit: &str) -> String {
        arrow(before, after, unit, self.style)
    }

    fn set_difference(&self, added: &[String], dropped: &[String]) -> Vec<String> {
        let line = |sign: &str, role, names: &[String]| {
            (!names.is_empty()).then(|| format!("{} {}", self.style.paint(role, sign), names.join(", ")))
        };
        [line("+", Role::Added, added), line("-", Role::Removed, dropped)].into_iter().flatten().collect()
    }

    fn scopes(&self, added: &[String], dropped: &[String]) -> Vec<String> {
        let added: BTreeSet<&str> = added.iter().map(String::as_str).collect();
        let dropped: Vec<String> = dropped.iter().map(|scope| escape(scope)).collect();
        self.set_difference(&self.as_written(&added), &dropped)
    }

    /// Scopes under the names of the sets through which the entry has them, where a whole set is among them.
    fn as_written(&self, scopes: &BTreeSet<&str>) -> Vec<String> {
        let mut rest = scopes.clone();
        let mut names = Vec::new();
        for written in self.written_scopes {
            match self.scope_sets.get(written) {
                Some(set) if !set.is_empty() && set.iter().all(|scope| scopes.contains(scope.as_str())) => {
                    names.push(format!("{} ({})", escape(written), joined(set.iter().map(String::as_str))));
                    rest.retain(|scope| !set.contains(*scope));
                }
                None if rest.remove(written.as_str()) => names.push(escape(written)),
                Some(_) | None => {}
            }
        }
        names.extend(rest.into_iter().map(escape));
        names
    }

    fn metadata(&self, before: &BTreeMap<String, Value>, after: &BTreeMap<String, Value>) -> Vec<String> {
        let mut lines = Vec::new();
        let keys: BTreeSet<&String> = before.keys().chain(after.keys()).collect();
        for key in keys {
            let name = escape(key);
            match (before.get(key), after.get(key)) {
                (None, Some(after)) => {
                    let sign = self.style.paint(Role::Added, "+");
                    lines.push(format!("{sign} {name}={}", texts::value(after)));
                }
                (Some(before), None) => {
                    let sign = self.style.paint(Role::Removed, "-");
                    lines.push(format!("{sign} {name}={}", texts::value(before)));
                }
                (Some(before), Some(after)) if before != after => {
                    lines.extend(texts::value_change(&name, before, after, self.style));
                }
                _ => {}
            }
        }
        lines
    }

    fn rotation(&self, before: Option<&RotationPolicy>, after: Option<&RotationPolicy>) -> Vec<String> {
        let (Some(before), Some(after)) = (before, after) else {
            return vec![self.arrow(&rotation(before), &rotation(after), "")];
        };
        let RotationPolicy {
            rotation_period,
            rotation_period_days,
            next_rotation_at,
            key_transition_period_ms: _,
        } = after;
        let transition = |policy: &RotationPolicy| span_ms(policy.effective_transition_ms());
        [
            ("rotation_period", word(before.rotation_period.as_ref()), word(rotation_period.as_ref())),
            ("rotation_period_days", word(before.rotation_period_days), word(*rotation_period_days)),
            ("next_rotation_at", word(before.next_rotation_at), word(*next_rotation_at)),
            ("key_transition_period", transition(before), transition(after)),
        ]
        .into_iter()
        // The service computes the next rotation by itself, so a file that does not say one asks for nothing.
        .filter(|(name, before, after)| {
            before != after && !(*name == "next_rotation_at" && next_rotation_at.is_none())
        })
        .map(|(name, before, after)| format!("{name} {}", self.arrow(&before, &after, "")))
        .collect()
    }

    fn mark(&self, before: Option<&Mark>, after: &Mark, alone: bool) -> Vec<String> {
        let added = self.style.paint(Role::Added, "+");
        let removed = self.style.paint(Role::Removed, "-");
        let before = before.filter(|mark| **mark != Mark::default());
        let only = if alone { ", nothing else" } else { "" };
        vec![match before {
            None => format!("{added} {} at the end{only}", visible(after)),
            Some(before) if *after == Mark::default() => {
                format!("{removed} {} at the end{only}", visible(before))
            }
            Some(before) if visible(before) != visible(after) => {
                format!("{} at the end{only}", self.arrow(&visible(before), &visible(after), ""))
            }
            Some(_) => format!("{} at the end is brought up to date{only}", visible(after)),
        }]
    }
}

/// `500 -> 2000 USD`.
pub(super) fn arrow(before: &str, after: &str, unit: &str, style: &Style) -> String {
    let unit = if unit.is_empty() { String::new() } else { format!(" {unit}") };
    format!("{before} {} {after}{unit}", style.paint(Role::Changed, "->"))
}

pub(super) fn none() -> String {
    "none".to_owned()
}

pub(super) fn word<T: ToString>(value: Option<T>) -> String {
    value.map_or_else(none, |value| escape(&value.to_string()))
}

pub(super) fn joined<'a>(names: impl Iterator<Item = &'a str>) -> String {
    names.map(escape).collect::<Vec<_>>().join(", ")
}

pub(super) fn instant(at: Option<Timestamp>) -> String {
    at.map_or_else(|| "never".to_owned(), |at| at.to_string())
}

/// The part of a mark that says something to people: whose key it is, and whether it is protected.
fn visible(mark: &Mark) -> String {
    let Mark { new: _, by, id: _, at: _, secret: _, to: _, keep, unknown: _ } = mark;
    escape(&Mark { by: by.clone(), keep: *keep, ..Mark::default() }.to_string())
}

pub(super) fn rotation(policy: Option<&RotationPolicy>) -> String {
    let Some(policy) = policy else { return none() };
    let RotationPolicy {
        rotation_period,
        rotation_period_days,
        next_rotation_at,
        key_transition_period_ms: _,
    } = policy;
    let mut parts = Vec::new();
    parts.extend(rotation_period.as_ref().map(|period| escape(period.as_str())));
    parts.extend(rotation_period_days.map(|days| format!("every {}", limits::days(days))));
    if let Some(at) = next_rotation_at {
        parts.push(format!("{} {at}", if parts.is_empty() { "once at" } else { "next at" }));
    }
    parts.push(format!("the old secret works {} longer", span_ms(policy.effective_transition_ms())));
    parts.join(", ")
}
