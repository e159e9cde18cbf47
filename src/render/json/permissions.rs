//! The least scopes for some files, as a document.

use std::collections::{BTreeMap, BTreeSet};

use schemars::JsonSchema;
use serde::Serialize;

use super::{FormatVersion, VERSION};
use crate::plan::{LeastScopes, Purpose};
use crate::render::words;

/// The scopes that a key needs for the work on some keys files.
#[derive(Serialize, JsonSchema)]
#[schemars(title = "portkey-sync explain permissions")]
pub(super) struct PermissionsDocument {
    format_version: FormatVersion,
    /// Of a key that plans.
    plan: Vec<ScopeDocument>,
    /// Of a key that applies, besides those.
    apply: Vec<ScopeDocument>,
    /// Without which some failures of an apply leave work to a person; besides the others.
    recover: Vec<ScopeDocument>,
}

/// A scope and what it is for.
#[derive(Serialize, JsonSchema)]
struct ScopeDocument {
    scope: String,
    /// For people.
    purposes: Vec<String>,
}

pub(super) fn document(least: &LeastScopes) -> PermissionsDocument {
    let LeastScopes { plan, apply, recover } = least;
    PermissionsDocument {
        format_version: VERSION,
        plan: scopes(plan),
        apply: scopes(apply),
        recover: scopes(recover),
    }
}

fn scopes(scopes: &BTreeMap<String, BTreeSet<Purpose>>) -> Vec<ScopeDocument> {
    let scope = |(scope, purposes): (&String, &BTreeSet<Purpose>)| ScopeDocument {
        scope: scope.clone(),
        purposes: purposes.iter().map(|purpose| words::purpose(*purpose).to_owned()).collect(),
    };
    scopes.iter().map(scope).collect()
}
