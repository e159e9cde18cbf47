//! The catalogue of scopes: names, which kinds of key may hold them, and what each of them lets a key do.
//!
//! The table is `scopes.csv` beside this file: names and kinds from Portkey's documentation of authentication
//! and authorisation (portkey-api.md 5), the class is our own judgement. Invariant: constant data, no I/O.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::model::KeyKind;

const TABLE: &str = include_str!("scopes.csv");

/// Names that occur in Portkey's gateway, changelog or pages but not in the catalogue
/// (portkey-api.md 5): accepted, with a warning.
const SEEN_ELSEWHERE: &[&str] =
    &["logs.read", "completions.read", "feedbacks.read", "feedbacks.write", "providers.duplicate"];
const SEEN_GROUPS: &[&str] =
    &["agent_server_skills.", "agent_integration_skills.", "agent_server_user_access."];

/// What is known about a scope's name.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Standing {
    /// In the catalogue, for these kinds of key.
    Documented(&'static [KeyKind]),
    /// Not in the catalogue, but seen in the gateway or the changelog.
    SeenElsewhere,
    /// Never heard of.
    Unknown,
}

/// What a scope lets its holder do, from the mildest to the most dangerous.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Privilege {
    /// Sees something and changes nothing: prompts, logs, keys without their secrets.
    Reads,
    /// Uses models, or changes what a team makes: prompts, configs, guardrails, servers.
    Writes,
    /// Changes who may do what, what it may cost, or which accounts and credentials are used.
    Administers,
    /// Makes keys, changes what keys may do, or obtains their new secrets: whoever holds it can give
    /// itself every other scope that its own kind of key can pass on.
    MintsKeys,
}

impl Privilege {
    /// Every class, the mildest first.
    pub const ALL: [Self; 4] = [Self::Reads, Self::Writes, Self::Administers, Self::MintsKeys];

    /// The class as tables and published documents write it.
    pub fn word(self) -> &'static str {
        match self {
            Self::Reads => "reads",
            Self::Writes => "writes",
            Self::Administers => "administers",
            Self::MintsKeys => "mints-keys",
        }
    }

    /// One sentence for people.
    pub fn meaning(self) -> &'static str {
        match self {
            Self::Reads => "It sees something and changes nothing.",
            Self::Writes => "It uses models, or changes what a team makes with them.",
            Self::Administers => {
                "It changes who may do what, what it may cost, or which accounts and credentials are used."
            }
            Self::MintsKeys => {
                "It makes keys, changes what keys may do, or obtains their new secrets, and so can give itself more."
            }
        }
    }
}

/// A row of the catalogue.
struct Row {
    kinds: &'static [KeyKind],
    privilege: Privilege,
}

static CATALOGUE: LazyLock<BTreeMap<&'static str, Row>> = LazyLock::new(|| {
    let mut catalogue = BTreeMap::new();
    for line in TABLE.lines().skip(1) {
        let mut cells = line.split(',');
        let Some(name) = cells.next().filter(|name| !name.is_empty()) else { continue };
        let kinds: Vec<KeyKind> = KeyKind::ALL
            .into_iter()
            .zip(cells.by_ref())
            .filter(|(_, cell)| *cell == "yes")
            .map(|(kind, _)| kind)
            .collect();
        let class = cells.next().unwrap_or_default();
        // A row whose class was forgotten is taken for the worst; a test finds it.
        let privilege = Privilege::ALL
            .into_iter()
            .find(|privilege| privilege.word() == class)
            .unwrap_or_else(|| guess(name));
        catalogue.insert(name, Row { kinds: &*kinds.leak(), privilege });
    }
    catalogue
});

/// Looks a name up.
pub fn standing(name: &str) -> Standing {
    match CATALOGUE.get(name) {
        Some(row) => Standing::Documented(row.kinds),
        None if SEEN_ELSEWHERE.contains(&name) || SEEN_GROUPS.iter().any(|group| name.starts_with(group)) => {
            Standing::SeenElsewhere
        }
        None => Standing::Unknown,
    }
}

/// What a scope lets its holder do: the catalogue's word, or for a name that is not in it the worst that
/// such a name can plausibly stand for.
pub fn privilege(name: &str) -> Privilege {
    CATALOGUE.get(name).map_or_else(|| guess(name), |row| row.privilege)
}

/// Only a verb that cannot change anything is taken for harmless; what could concern keys is taken for
/// minting them, and a name without a group could be anything.
fn guess(name: &str) -> Privilege {
    let Some((group, verb)) = name.rsplit_once('.') else { return Privilege::MintsKeys };
    let concerns_keys = group.contains("key") || group.contains('*');
    match verb {
        "list" | "read" | "view" => Privilege::Reads,
        "*" | "" => Privilege::MintsKeys,
        _ if concerns_keys || verb.contains("key") => Privilege::MintsKeys,
        _ => Privilege::Administers,
    }
}

/// Every name of the catalogue, sorted.
pub fn names() -> impl Iterator<Item = &'static str> {
    CATALOGUE.keys().copied()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_catalogue_has_the_documented_counts() {
        let of = |kind: KeyKind| CATALOGUE.values().filter(|row| row.kinds.contains(&kind)).count();
        assert_eq!(CATALOGUE.len(), 139);
        assert_eq!(of(KeyKind::OrganisationService), 133);
        assert_eq!(of(KeyKind::WorkspaceService), 91);
        assert_eq!(of(KeyKind::WorkspaceUser), 79);
    }

    #[test]
    fn a_name_has_a_standing() {
        assert_eq!(
            standing("completions.write"),
            Standing::Documented(&[KeyKind::WorkspaceService, KeyKind::WorkspaceUser])
        );
        assert_eq!(standing("logs.read"), Standing::SeenElsewhere);
        assert_eq!(standing("agent_server_skills.read"), Standing::SeenElsewhere);
        assert_eq!(standing("completions.wirte"), Standing::Unknown);
    }

    #[test]
    fn every_row_of_the_catalogue_has_a_class_that_somebody_decided() {
        for line in TABLE.lines().skip(1) {
            let cells: Vec<&str> = line.split(',').collect();
            assert_eq!(cells.len(), 5, "{line}");
            assert!(Privilege::ALL.iter().any(|privilege| privilege.word() == cells[4]), "{line}");
        }
        let counts = Privilege::ALL.map(|class| names().filter(|name| privilege(name) == class).count());
        assert_eq!(
            counts,
            [55, 21, 54, 9],
            "a new scope, or a changed class, is a decision: say it here too"
        );
    }

    #[test]
    fn a_class_follows_from_what_a_holder_could_do() {
        for (name, class) in [
            ("logs.export", Privilege::Reads),
            ("prompts.render", Privilege::Reads),
            ("workspace_service_api_keys.read", Privilege::Reads),
            ("completions.write", Privilege::Writes),
            ("configs.update", Privilege::Writes),
            ("virtual_keys.copy", Privilege::Administers),
            ("policies.update", Privilege::Administers),
            ("workspace_users.create", Privilege::Administers),
            // Deleting keys stops what uses them, and gives nobody anything.
            ("workspace_service_api_keys.delete", Privilege::Administers),
            ("workspace_service_api_keys.rotate", Privilege::MintsKeys),
            ("workspace_user_api_keys.update", Privilege::MintsKeys),
            ("organisation_service_api_keys.create", Privilege::MintsKeys),
        ] {
            assert_eq!(privilege(name), class, "{name}");
        }
    }

    #[test]
    fn an_unknown_scope_is_taken_for_the_worst_that_it_can_mean() {
        for (name, class) in [
            ("dashboards.view", Privilege::Reads),
            ("dashboards.share", Privilege::Administers),
            ("team_api_keys.list", Privilege::Reads),
            ("team_api_keys.clone", Privilege::MintsKeys),
            ("teams.mint_key", Privilege::MintsKeys),
            ("teams.*", Privilege::MintsKeys),
            ("superuser", Privilege::MintsKeys),
            ("", Privilege::MintsKeys),
        ] {
            assert_eq!(privilege(name), class, "{name}");
        }
    }

    #[test]
    fn a_guess_is_never_milder_than_the_catalogue() {
        for name in names() {
            assert!(guess(name) >= privilege(name), "{name}");
        }
    }
}
