//! Which scope exists for which type of key, and what a caller may do.
//!
//! The catalogue is the emulator's own copy (portkey-api.md 5), so that a scope misread by the client is not misread
//! here too.

use std::{collections::HashMap, sync::LazyLock};

use super::{
    call::Refusal,
    switches::RotationScope,
    world::{Key, Kind, World},
};

struct Holders {
    organisation_service: bool,
    workspace_service: bool,
    workspace_user: bool,
}

static CATALOGUE: LazyLock<HashMap<&'static str, Holders>> = LazyLock::new(|| {
    rows()
        .map(|(scope, [organisation_service, workspace_service, workspace_user])| {
            (scope, Holders { organisation_service, workspace_service, workspace_user })
        })
        .collect()
});

fn rows() -> impl Iterator<Item = (&'static str, [bool; 3])> {
    include_str!("scopes.csv").lines().skip(1).filter_map(|line| {
        let mut cells = line.split(',');
        let scope = cells.next()?;
        let mut held = || Some(cells.next()?.trim() == "yes");
        Some((scope, [held()?, held()?, held()?]))
    })
}

/// Whether a key of this type may hold the scope. Unknown scopes: no.
pub(super) fn may_hold(kind: Kind, scope: &str) -> bool {
    CATALOGUE.get(scope).is_some_and(|holders| match kind {
        Kind::OrganisationService => holders.organisation_service,
        Kind::WorkspaceService => holders.workspace_service,
        Kind::WorkspaceUser => holders.workspace_user,
    })
}

/// Every scope that exists.
pub(super) fn all_scopes() -> Vec<&'static str> {
    rows().map(|(scope, _)| scope).collect()
}

/// Every scope that an organisation-service key may hold.
pub(super) fn admin_scopes() -> Vec<String> {
    rows().filter(|(_, [admin, ..])| *admin).map(|(scope, _)| scope.to_owned()).collect()
}

/// What can be done to a key; each has a scope per type of key.
#[derive(Clone, Copy)]
pub(super) enum Action {
    Create,
    List,
    Read,
    Update,
    Delete,
    Rotate,
}

impl Action {
    fn word(self) -> &'static str {
        match self {
            Self::Create => "create",
            Self::List => "list",
            Self::Read => "read",
            Self::Update => "update",
            Self::Delete => "delete",
            Self::Rotate => "rotate",
        }
    }
}

/// The key that makes a call.
pub(super) struct Caller {
    id: String,
    kind: Kind,
    workspace_id: Option<String>,
    scopes: Vec<String>,
    rotation_scope: RotationScope,
}

impl Caller {
    pub(super) fn of(key: &Key, world: &World) -> Self {
        // Security settings override what a key holds (portkey-api.md 6).
        let withheld = |scope: &&String| !world.organisation.withheld_scopes.contains(scope);
        Self {
            id: key.id.clone(),
            kind: key.kind,
            workspace_id: key.workspace_id.clone(),
            scopes: key.scopes.iter().filter(withheld).cloned().collect(),
            rotation_scope: world.switches.rotation_scope,
        }
    }

    pub(super) fn id(&self) -> &str {
        &self.id
    }

    pub(super) fn kind(&self) -> Kind {
        self.kind
    }

    /// The workspace that bounds this caller; none for an organisation key.
    pub(super) fn workspace_id(&self) -> Option<&str> {
        self.workspace_id.as_deref()
    }

    pub(super) fn needs(&self, scope: &str) -> Result<(), Refusal> {
        if self.holds(scope) { Ok(()) } else { Err(Refusal::forbidden(format!("needs {scope}"))) }
    }

    pub(super) fn may(&self, action: Action, kind: Kind) -> bool {
        let holds = |action: Action| self.holds(&format!("{}.{}", kind.scope_group(), action.word()));
        let suffices = match (action, self.rotation_scope) {
            (Action::Rotate, RotationScope::Update) => holds(Action::Update),
            (Action::Rotate, RotationScope::Either) => holds(Action::Rotate) || holds(Action::Update),
            _ => holds(action),
        };
        // Scopes of a user key never manage keys (portkey-api.md 1), whatever a seed wrote into it.
        self.kind != Kind::WorkspaceUser && suffices
    }

    /// Whether this caller can reach into the workspace: a workspace key only into its own.
    pub(super) fn reaches(&self, workspace_id: Option<&str>) -> bool {
        self.workspace_id.is_none() || self.workspace_id.as_deref() == workspace_id
    }

    pub(super) fn check(
        &self,
        action: Action,
        kind: Kind,
        workspace_id: Option<&str>,
    ) -> Result<(), Refusal> {
        if !self.may(action, kind) {
            let needed = format!("needs the scope to {} {}", action.word(), kind.scope_group());
            return Err(Refusal::forbidden(needed));
        }
        if !self.reaches(workspace_id) {
            return Err(Refusal::forbidden("the key belongs to another workspace"));
        }
        Ok(())
    }

    fn holds(&self, scope: &str) -> bool {
        self.scopes.iter().any(|held| held == scope)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_as_many_scopes_per_type_as_the_vendor_lists() {
        // portkey-api.md 5: 139 names, 133 for admin keys, 91 for service keys, 79 for user keys.
        let count = |kind| CATALOGUE.keys().filter(|scope| may_hold(kind, scope)).count();
        assert_eq!(CATALOGUE.len(), 139);
        assert_eq!(count(Kind::OrganisationService), 133);
        assert_eq!(count(Kind::WorkspaceService), 91);
        assert_eq!(count(Kind::WorkspaceUser), 79);
    }

    #[test]
    fn a_scope_is_held_only_by_the_types_of_the_catalogue() {
        assert!(may_hold(Kind::WorkspaceService, "completions.write"));
        assert!(!may_hold(Kind::OrganisationService, "completions.write"));
        assert!(!may_hold(Kind::WorkspaceUser, "workspace_user_api_keys.list"));
        assert!(!may_hold(Kind::WorkspaceService, "completion.write"));
    }
}
