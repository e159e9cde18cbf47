//! What a scope allows, in the four words that a reader of a key's scopes needs.

use std::collections::{BTreeMap, BTreeSet};

/// What a scope allows. Told by its name, so that scopes newer than this version have a place too.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Allows {
    /// Make, change, rotate or delete API keys: whoever holds it can give himself what others hold.
    ChangeKeys,
    /// Change anything else of the organisation or of a workspace.
    Change,
    /// Read.
    Read,
    /// Call models, prompts, tools, and write their logs.
    Call,
}

impl Allows {
    /// What this scope allows.
    pub fn of(scope: &str) -> Self {
        let (group, verb) = scope.split_once('.').unwrap_or((scope, ""));
        let is_of_keys = group.ends_with("_api_keys");
        match verb {
            "list" | "read" | "view" | "export" => Self::Read,
            "write" | "render" | "invoke" => Self::Call,
            _ if is_of_keys => Self::ChangeKeys,
            // A verb of a later version may change something.
            _ => Self::Change,
        }
    }

    /// A key's scopes by what they allow, the most powerful first.
    pub fn grouped(scopes: &BTreeSet<String>) -> BTreeMap<Self, Vec<&str>> {
        let mut groups: BTreeMap<Self, Vec<&str>> = BTreeMap::new();
        for scope in scopes {
            groups.entry(Self::of(scope)).or_default().push(scope);
        }
        groups
    }
}
