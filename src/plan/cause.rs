//! What a change comes of: the files as they are proposed, or something that was so before.
//!
//! Only a *base*, the files as they were, can tell the two apart. What applying the base would do as well is
//! older: drift, if a live key moved away from its file; due, if a time of the file has come. Without a base only
//! the latter is known. Fields are told apart one by one, and each is written whole: where the files change one
//! scope and another one has drifted, all of `scopes` is this change.

use std::collections::{BTreeMap, BTreeSet};

use super::{Action, Change, Inputs, PlanOptions, Reason, Request, build};
use crate::desired::{Desired, DesiredKey, KeySpec};
use crate::diff::{Entry, FieldChange, diff};
use crate::handoff::{Next, Why};
use crate::live::LiveKey;
use crate::model::{KeyAddress, KeyId, Setting};

/// What a difference comes of.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Cause {
    /// The files ask for something else than their base did.
    ThisChange,
    /// The files ask for what their base asked for, and the live key is otherwise.
    Drift,
    /// A time of the files has come, or an earlier run left something to be done: nobody changed anything.
    Due,
}

impl Cause {
    /// Every cause.
    pub const ALL: [Self; 3] = [Self::ThisChange, Self::Drift, Self::Due];

    /// The cause as published documents write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::ThisChange => "this-change",
            Self::Drift => "drift",
            Self::Due => "due",
        }
    }

    /// When a difference has it, in one sentence.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::ThisChange => "The files ask for something else than their base did.",
            Self::Drift => "The files ask for what their base asked for; the live key is otherwise.",
            Self::Due => "A time of the files has come, or an earlier run left something to be done.",
        }
    }
}

/// The causes of one change, as far as they are known.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Causes {
    /// By the name of the field in the file; the mark counts as `mark`, a new secret as `secret`, a reset as
    /// `usage_reset_after`, and the key as a whole, where it comes or goes, as `key`.
    pub fields: BTreeMap<&'static str, Cause>,
}

impl Causes {
    /// One cause for all of it.
    pub fn whole(cause: Cause) -> Self {
        Self { fields: BTreeMap::from([("key", cause)]) }
    }

    /// The cause of one part.
    pub fn of(&self, field: &str) -> Option<Cause> {
        self.fields.get(field).or_else(|| self.fields.get("key")).copied()
    }

    /// The cause of the whole change; none if it is not known, or if there are several.
    pub fn single(&self) -> Option<Cause> {
        let all: BTreeSet<Cause> = self.all();
        if all.len() == 1 { all.into_iter().next() } else { None }
    }

    /// Every cause that a part of the change has.
    pub fn all(&self) -> BTreeSet<Cause> {
        self.fields.values().copied().collect()
    }

    /// Whether parts of the change have different causes.
    pub fn is_mixed(&self) -> bool {
        self.all().len() > 1
    }
}

/// What is done about differences that the base had, too.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Older {
    /// They are set right with the rest.
    #[default]
    Included,
    /// They are left out of the plan (`--only-changed`).
    LeftOut,
}

/// What was left out of a plan because it is drift.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LeftOut {
    /// Keys of which nothing else is to be done.
    pub keys: usize,
    /// Fields of all keys.
    pub fields: usize,
}

/// What applying the base would do.
pub(super) struct Base {
    /// By the live key; what differs from the base's entry for it, blocked or not.
    differing: BTreeMap<KeyId, Vec<FieldChange>>,
    /// By the live key.
    changes: BTreeMap<KeyId, Change>,
    creates: BTreeMap<KeyAddress, Change>,
}

impl Base {
    pub(super) fn of(inputs: &Inputs<'_>) -> Option<Self> {
        let base = inputs.options.base.as_ref()?;
        // The base's sinks lie where the files' own do, and its guards do not decide.
        let base = Desired { folder: inputs.desired.folder.clone(), ..base.clone() };
        let options = PlanOptions {
            base: None,
            older: Older::Included,
            targets: None,
            max_rotations: Some(usize::MAX),
            ..inputs.options.clone()
        };
        let inputs = Inputs { desired: &base, options: &options, ..*inputs };
        let differing = diff(&base, inputs.live, inputs.now)
            .entries
            .into_iter()
            .filter_map(|entry| Some((entry.found.claims().next()?.id.clone(), entry.fields)))
            .collect();
        let (mut changes, mut creates) = (BTreeMap::new(), BTreeMap::new());
        for change in build::plan(&inputs).changes {
            match change.before.as_ref().map(|before| before.id.clone()) {
                Some(id) => changes.insert(id, change),
                None => creates.insert(change.address.clone(), change),
            };
        }
        Some(Self { differing, changes, creates })
    }

    /// Whether the base would make the same change of a live key's field.
    pub(super) fn has(&self, id: &KeyId, field: &FieldChange) -> bool {
        let of_plan = self.changes.get(id).map(|change| change.fields.as_slice()).unwrap_or_default();
        let of_diff = self.differing.get(id).map(Vec::as_slice).unwrap_or_default();
        of_plan.iter().chain(of_diff).any(|other| same(other, field))
    }

    fn rotates(&self, id: &KeyId) -> bool {
        self.changes.get(id).is_some_and(|change| change.action == Action::Rotate)
    }

    /// The causes of a change.
    fn causes(&self, change: &Change) -> Causes {
        let Some(before) = &change.before else {
            let as_before = self
                .creates
                .get(&change.address)
                .is_some_and(|other| other.request == change.request || same_create(other, change));
            return Causes::whole(if as_before { Cause::Drift } else { Cause::ThisChange });
        };
        let id = &before.id;
        if change.action == Action::Delete {
            let as_before = self.changes.get(id).is_some_and(|other| other.action == Action::Delete);
            let older = if change.reason == Some(Reason::LeftOver) { Cause::Due } else { Cause::Drift };
            return Causes::whole(if as_before { older } else { Cause::ThisChange });
        }
        let mut causes = Causes::default();
        for field in &change.fields {
            let cause = if self.has(id, field) { Cause::Drift } else { Cause::ThisChange };
            causes.fields.insert(part(field), cause);
        }
        match &change.reason {
            Some(Reason::Rotation(why)) => {
                let older = if is_due(*why) { Cause::Due } else { Cause::Drift };
                let cause = if self.rotates(id) { older } else { Cause::ThisChange };
                causes.fields.insert("secret", cause);
            }
            Some(Reason::Unfinished { .. }) => {
                causes.fields.insert("secret", Cause::Due);
            }
            Some(Reason::UsageResetDue { .. }) => {
                let other = self.changes.get(id).map(|other| &other.request);
                let as_before = other.is_some_and(resets_usage);
                let cause = if as_before { Cause::Due } else { Cause::ThisChange };
                causes.fields.insert("usage_reset_after", cause);
            }
            Some(
                Reason::DeclaredAbsent
                | Reason::Pruned { .. }
                | Reason::RenamedOutside
                | Reason::Accepted
                | Reason::LeftOver,
            )
            | None => {}
        }
        causes
    }

    /// Whether this is a rotation that the base would make as well, and no time of the files asks for.
    pub(super) fn has_rotation(&self, next: &Next, id: &KeyId) -> bool {
        matches!(next, Next::Rotate(why) if !is_due(*why)) && self.rotates(id)
    }

    /// The entry's key without the fields in which it has drifted, and what is left to change; none if nothing has.
    pub(super) fn undrifted(
        &self,
        entry: &Entry<'_>,
        live: &LiveKey,
    ) -> Option<(DesiredKey, Vec<FieldChange>)> {
        let (drifted, fields): (Vec<_>, Vec<_>) =
            entry.fields.iter().cloned().partition(|field| self.has(&live.id, field));
        if drifted.is_empty() {
            return None;
        }
        let mut desired = entry.desired.clone();
        for field in &drifted {
            stop_managing(&mut desired.spec, field);
        }
        Some((desired, fields))
    }
}

/// Writes down what every change comes of, and takes out those of which all is drift, if that is asked for.
pub(super) fn explain(inputs: &Inputs<'_>, base: Option<&Base>, changes: &mut Vec<Change>) -> usize {
    for change in changes.iter_mut() {
        change.causes = match base {
            Some(base) => base.causes(change),
            None => without_base(change),
        };
    }
    let all = changes.len();
    if base.is_some() && inputs.options.older == Older::LeftOut {
        changes.retain(|change| change.causes.single() != Some(Cause::Drift));
    }
    all - changes.len()
}

/// What needs no base to be known.
fn without_base(change: &Change) -> Causes {
    let is_due = match &change.reason {
        Some(Reason::Rotation(why)) => is_due(*why),
        Some(Reason::UsageResetDue { .. } | Reason::Unfinished { .. } | Reason::LeftOver) => true,
        Some(Reason::DeclaredAbsent | Reason::Pruned { .. } | Reason::RenamedOutside | Reason::Accepted)
        | None => false,
    };
    if is_due && change.fields.is_empty() { Causes::whole(Cause::Due) } else { Causes::default() }
}

/// Whether a secret is replaced because of the time, or because of a run that was interrupted.
fn is_due(why: Why) -> bool {
    match why {
        Why::Due(_) | Why::TooOld | Why::Unfinished => true,
        Why::ChangedOutside | Why::NewSink | Why::First | Why::Asked => false,
    }
}

fn resets_usage(request: &Request) -> bool {
    match request {
        Request::Update { body, .. } => body.reset_usage == Some(true),
        Request::Rotate { first, .. } => first.reset_usage == Some(true),
        Request::Create { .. } | Request::Deliver { .. } | Request::Delete { .. } => false,
    }
}

/// The name under which a field's cause is kept.
fn part(field: &FieldChange) -> &'static str {
    match field {
        FieldChange::Mark { .. } => "mark",
        other => other.field(),
    }
}

/// Whether two changes of one live key's field come to the same, however the files write it.
fn same(one: &FieldChange, other: &FieldChange) -> bool {
    match (one, other) {
        (
            FieldChange::Scopes { added, dropped, after: _ },
            FieldChange::Scopes { added: also_added, dropped: also_dropped, after: _ },
        ) => {
            let set = |scopes: &[String]| scopes.iter().cloned().collect::<BTreeSet<_>>();
            set(added) == set(also_added) && dropped == also_dropped
        }
        (
            FieldChange::ConfigId { before, after, written: _ },
            FieldChange::ConfigId { before: other_before, after: other_after, written: _ },
        ) => before == other_before && after == other_after,
        (one, other) => one == other,
    }
}

fn same_create(one: &Change, other: &Change) -> bool {
    let (Request::Create { body, commit }, Request::Create { body: other_body, commit: other_commit }) =
        (&one.request, &other.request)
    else {
        return false;
    };
    body.kind == other_body.kind
        && commit.deliveries == other_commit.deliveries
        && commit.mark == other_commit.mark
        && one.fields.len() == other.fields.len()
        && one.fields.iter().zip(&other.fields).all(|(one, other)| same(one, other))
}

fn stop_managing(spec: &mut KeySpec, field: &FieldChange) {
    match field {
        // A name is how the key is found; what is left of the change does not write it.
        FieldChange::Name { .. } | FieldChange::Mark { .. } => {}
        FieldChange::Description { .. } => spec.description = Setting::Unmanaged,
        FieldChange::Scopes { .. } => spec.scopes = None,
        FieldChange::RateLimits { .. } => spec.rate_limits = Setting::Unmanaged,
        FieldChange::UsageLimits { .. } => spec.usage_limits = Setting::Unmanaged,
        FieldChange::Metadata { .. } => spec.metadata = Setting::Unmanaged,
        FieldChange::ConfigId { .. } => spec.config_id = Setting::Unmanaged,
        FieldChange::AllowConfigOverride { .. } => spec.allow_config_override = Setting::Unmanaged,
        FieldChange::AlertEmails { .. } => spec.alert_emails = Setting::Unmanaged,
        FieldChange::ExpiresAt { .. } => spec.expires_at = Setting::Unmanaged,
        FieldChange::RotationPolicy { .. } => spec.rotation_policy = Setting::Unmanaged,
    }
}
