//! Which scopes a run needs: those of a plan that is there, and the least for whatever these files can ask for.
//!
//! Security settings of an organisation can take scopes away from a key and nobody can read them
//! (portkey-api.md 6), so a key that holds everything may yet be refused by the service.

use std::collections::{BTreeMap, BTreeSet};

use super::{Change, Inputs, Intent, Note, Refusal, Request};
use crate::desired::{Desired, Presence};
use crate::live::{Live, LiveKey, Names, RunningKey};
use crate::model::{KeyAddress, KeyKind};

/// What is done to keys, each under a scope of its own for each kind of key.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) enum Verb {
    /// Lists them.
    List,
    /// Reads one.
    Read,
    /// Makes one.
    Create,
    /// Changes one, and writes its mark.
    Update,
    /// Gives one a new secret.
    Rotate,
    /// Deletes one.
    Delete,
}

impl Verb {
    /// The scope for keys of this kind.
    fn scope(self, kind: KeyKind) -> String {
        let verb = match self {
            Self::List => "list",
            Self::Read => "read",
            Self::Create => "create",
            Self::Update => "update",
            Self::Rotate => "rotate",
            Self::Delete => "delete",
        };
        format!("{}.{verb}", kind.scope_group())
    }
}

/// A scope that the running key does not hold, and the keys that cannot be changed without it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MissingScope {
    /// The scope.
    pub scope: String,
    /// The keys.
    pub keys: Vec<KeyAddress>,
}

/// What the running key may and may not do of a plan.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Preflight {
    /// The running key's name.
    key: String,
    /// Without these the service refuses.
    missing: Vec<MissingScope>,
    /// Whether these are needed, Portkey's documentation says both ways (portkey-api.md 4).
    doubtful: Vec<MissingScope>,
    /// Whether the key could change keys at all.
    can_write: bool,
}

/// Compares what these changes need with what the running key holds; `None` if nobody knows for sure which key
/// that is.
fn preflight(changes: &[Change], live: &Live, running: &RunningKey) -> Option<Preflight> {
    let own = running.only(live).filter(|_| running.recognised)?;
    let mut missing: BTreeMap<String, Vec<KeyAddress>> = BTreeMap::new();
    let mut doubtful: BTreeMap<String, Vec<KeyAddress>> = BTreeMap::new();
    for change in changes {
        let Some(kind) = kind_of(change, live) else { continue };
        let lacks = |verb: Verb| !own.holds(&verb.scope(kind));
        for verb in needs(&change.request) {
            let wanted = match verb {
                Verb::Rotate if lacks(Verb::Rotate) && !lacks(Verb::Update) => &mut doubtful,
                _ if lacks(*verb) => &mut missing,
                _ => continue,
            };
            wanted.entry(verb.scope(kind)).or_default().push(change.address.clone());
        }
    }
    let all = |scopes: BTreeMap<String, Vec<KeyAddress>>| {
        scopes.into_iter().map(|(scope, keys)| MissingScope { scope, keys }).collect()
    };
    Some(Preflight {
        key: own.name.clone(),
        missing: all(missing),
        doubtful: all(doubtful),
        can_write: can_write(own),
    })
}

/// Says what the running key's own row means for this plan.
pub(super) fn tell(
    inputs: &Inputs<'_>,
    changes: &[Change],
    refusals: &mut Vec<Refusal>,
    notes: &mut Vec<Note>,
) {
    let Some(found) = preflight(changes, inputs.live, inputs.running) else { return };
    let Preflight { key, missing, doubtful, can_write } = found;
    let intent = inputs.options.intent;
    if can_write && intent == Intent::LookInPipeline {
        notes.push(Note::KeyCanWrite { key: key.clone() });
    }
    if !doubtful.is_empty() {
        notes.push(Note::RotateScopeDoubtful { key: key.clone(), missing: doubtful });
    }
    match intent {
        _ if missing.is_empty() => {}
        Intent::Apply => refusals.push(Refusal::MissingScopes { key, missing }),
        Intent::Look | Intent::LookInPipeline => notes.push(Note::MissingScopes { key, missing }),
    }
}

/// What the calls of one change need.
fn needs(request: &Request) -> &'static [Verb] {
    match request {
        // The secret is committed by an update.
        Request::Create { .. } => &[Verb::Create, Verb::Update],
        Request::Deliver { .. } | Request::Update { .. } => &[Verb::Update],
        // Both look at the key right before.
        Request::Rotate { .. } => &[Verb::Read, Verb::Rotate, Verb::Update],
        Request::Delete { .. } => &[Verb::Read, Verb::Delete],
    }
}

/// None for a kind that is newer than this version: nobody knows its scopes.
fn kind_of(change: &Change, live: &Live) -> Option<KeyKind> {
    match &change.request {
        Request::Create { body, .. } => Some(body.kind),
        Request::Deliver { id, .. }
        | Request::Rotate { id, .. }
        | Request::Update { id, .. }
        | Request::Delete { id } => live.keys.get(id)?.kind,
    }
}

/// Whether a key could change others.
fn can_write(key: &LiveKey) -> bool {
    KeyKind::ALL.into_iter().any(|kind| {
        [Verb::Create, Verb::Update, Verb::Rotate, Verb::Delete]
            .into_iter()
            .any(|verb| key.holds(&verb.scope(kind)))
    })
}

/// What a scope is needed for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Purpose {
    /// To find itself among the keys.
    OwnRow,
    /// To see these keys.
    See,
    /// A key that lists some types only may be refused the whole list.
    WholeList,
    /// Slugs of workspaces.
    WorkspaceNames,
    /// E-mails of users.
    UserNames,
    /// Slugs of configs.
    ConfigNames,
    /// `rotation_policy`, which lists may not tell.
    RotationPolicy,
    /// Keys that are not there.
    Create,
    /// Fields that differ, marks, and the commit of new secrets.
    Update,
    /// New secrets.
    Rotate,
    /// The look at a key right before it is rotated or deleted.
    LookFirst,
    /// `absent: true`.
    Delete,
    /// A create whose answer was lost, or that another run was faster with.
    Recover,
}

/// The least scopes for the work on some files.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeastScopes {
    /// Of a key that plans.
    pub plan: BTreeMap<String, BTreeSet<Purpose>>,
    /// Of a key that applies, besides those.
    pub apply: BTreeMap<String, BTreeSet<Purpose>>,
    /// Without which some failures of an apply leave work to a person.
    pub recover: BTreeMap<String, BTreeSet<Purpose>>,
}

/// The least scopes for whatever these files can ask for. Prune asks for more: to delete any kind of key.
pub fn least(desired: &Desired) -> LeastScopes {
    let mut least = LeastScopes::default();
    let mut plan = |scope: String, why| {
        least.plan.entry(scope).or_default().insert(why);
    };
    plan(Verb::List.scope(KeyKind::OrganisationService), Purpose::OwnRow);
    // Portkey was seen to answer 403 where the scope for one type was missing (portkey-api.md 2.1).
    for kind in KeyKind::ALL {
        let is_used = desired.keys.iter().any(|key| key.kind == kind);
        plan(Verb::List.scope(kind), if is_used { Purpose::See } else { Purpose::WholeList });
    }
    let names = Names::used_by(desired);
    for (used, scope, why) in [
        (!names.workspaces.is_empty(), "workspaces.list", Purpose::WorkspaceNames),
        (!names.users.is_empty(), "organisation_users.list", Purpose::UserNames),
        (!names.configs.is_empty(), "configs.list", Purpose::ConfigNames),
    ] {
        if used {
            plan(scope.to_owned(), why);
        }
    }
    for key in &desired.keys {
        if key.spec.rotation_policy.is_managed() && key.presence == Presence::Present {
            plan(Verb::Read.scope(key.kind), Purpose::RotationPolicy);
        }
    }
    for key in &desired.keys {
        let kind = key.kind;
        let mut apply = |verb: Verb, why| {
            least.apply.entry(verb.scope(kind)).or_default().insert(why);
        };
        if key.presence == Presence::Absent {
            apply(Verb::Delete, Purpose::Delete);
            apply(Verb::Read, Purpose::LookFirst);
            continue;
        }
        apply(Verb::Update, Purpose::Update);
        let secret = &key.secret;
        let rotates = !secret.deliver_to.is_empty()
            || secret.rotate_after.is_some()
            || secret.max_age.is_some()
            || secret.first_rotate;
        if rotates {
            apply(Verb::Rotate, Purpose::Rotate);
            apply(Verb::Read, Purpose::LookFirst);
        }
        // A pinned key is there, or it is an error.
        if key.id.is_none() {
            apply(Verb::Create, Purpose::Create);
            for verb in [Verb::Read, Verb::Rotate, Verb::Delete] {
                least.recover.entry(verb.scope(kind)).or_default().insert(Purpose::Recover);
            }
        }
    }
    let LeastScopes { plan, apply, recover } = &mut least;
    apply.retain(|scope, _| !plan.contains_key(scope));
    recover.retain(|scope, _| !plan.contains_key(scope) && !apply.contains_key(scope));
    least
}
