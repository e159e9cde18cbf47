//! The catalogue of scopes: names and which kinds of key may hold them.
//!
//! The table is `scopes.csv` beside this file, from Portkey's documentation of authentication and
//! authorisation (portkey-api.md 5). Invariant: constant data, no I/O.

use std::collections::BTreeMap;
use std::sync::LazyLock;

use crate::model::KeyKind;

const TABLE: &str = include_str!("scopes.csv");

/// Names that occur in Portkey's gateway, changelog or pages but not in the catalogue
/// (portkey-api.md 5): accepted, with a warning.
pub const SEEN_ELSEWHERE: &[&str] =
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

static CATALOGUE: LazyLock<BTreeMap<&'static str, &'static [KeyKind]>> = LazyLock::new(|| {
    let mut catalogue = BTreeMap::new();
    for line in TABLE.lines().skip(1) {
        let mut cells = line.split(',');
        let Some(name) = cells.next().filter(|name| !name.is_empty()) else { continue };
        let kinds: Vec<KeyKind> = KeyKind::ALL
            .into_iter()
            .zip(cells)
            .filter(|(_, cell)| *cell == "yes")
            .map(|(kind, _)| kind)
            .collect();
        catalogue.insert(name, &*kinds.leak());
    }
    catalogue
});

/// Looks a name up.
pub fn standing(name: &str) -> Standing {
    match CATALOGUE.get(name) {
        Some(kinds) => Standing::Documented(kinds),
        None if SEEN_ELSEWHERE.contains(&name) || SEEN_GROUPS.iter().any(|group| name.starts_with(group)) => {
            Standing::SeenElsewhere
        }
        None => Standing::Unknown,
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
        let of = |kind: KeyKind| CATALOGUE.values().filter(|kinds| kinds.contains(&kind)).count();
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
}
