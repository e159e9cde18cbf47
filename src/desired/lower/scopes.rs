//! Scopes: sets expanded, names known, allowed for the key's type.

use std::collections::BTreeSet;

use crate::desired::check::Value;
use crate::desired::codes;
use crate::desired::complaints::Complaints;
use crate::desired::world::World;
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::model::KeyKind;
use crate::scopes::{self, Standing};

/// A scope of a list, sets expanded.
pub(in crate::desired) struct Listed<'a> {
    /// The scope.
    pub(in crate::desired) scope: &'a str,
    /// Where it, or its set, stands in the list.
    pub(in crate::desired) written: Span,
    /// The set that it came with and its place there.
    pub(in crate::desired) set: Option<(&'a str, Span)>,
}

/// The scopes of a list in its order, each once. With `complain`, also says what is wrong with the
/// list itself.
pub(in crate::desired) fn expand<'a>(
    list: &'a Value,
    world: &'a World,
    complain: bool,
    out: &mut Complaints,
) -> Vec<Listed<'a>> {
    let mut listed: Vec<Listed<'a>> = Vec::new();
    let mut entries: BTreeSet<&str> = BTreeSet::new();
    for (entry, written) in list.texts() {
        if !entries.insert(entry) {
            if complain {
                out.push(
                    Diagnostic::warning(
                        codes::DUPLICATE_SCOPE,
                        written,
                        format!("`{entry}` is listed twice"),
                    )
                    .hint("remove one of them"),
                );
            }
            continue;
        }
        if entry.contains('.') {
            if complain {
                check_known(entry, written, world, out);
            }
            listed.push(Listed { scope: entry, written, set: None });
        } else if let Some((name, set)) = world.scope_sets.get_key_value(entry) {
            for (scope, span) in &set.scopes {
                listed.push(Listed { scope, written, set: Some((name, *span)) });
            }
        } else if complain {
            let message = format!("there is no scope set `{entry}`");
            let diagnostic = Diagnostic::error(codes::UNKNOWN_SCOPE_SET, written, message);
            let mut names: Vec<&str> = scopes::names().collect();
            names.extend(world.scope_sets.keys().map(|name| &**name));
            out.push(match nearest(entry, names) {
                Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                None => diagnostic.hint(format!(
                    "define it at the top of the root file: `scope_sets: {{{entry}: […]}}`; a single scope has a dot"
                )),
            });
        }
    }
    let mut seen = BTreeSet::new();
    listed.retain(|listed| seen.insert(listed.scope));
    listed
}

/// Complains about a name that is in no list.
pub(in crate::desired) fn check_known(scope: &str, span: Span, world: &World, out: &mut Complaints) {
    if world.known_scopes.contains(scope) {
        return;
    }
    match scopes::standing(scope) {
        Standing::Documented(_) => {}
        Standing::SeenElsewhere => out.push(
            Diagnostic::warning(
                codes::UNLISTED_SCOPE,
                span,
                format!("`{scope}` is not in Portkey's documented list of scopes"),
            )
            .hint(format!("check that it works; `known_scopes: [{scope}]` silences this")),
        ),
        Standing::Unknown => {
            let diagnostic =
                Diagnostic::error(codes::UNKNOWN_SCOPE, span, format!("there is no scope `{scope}`"));
            let mut names: Vec<&str> = scopes::names().collect();
            names.extend(world.known_scopes.iter().map(String::as_str));
            out.push(match nearest(scope, names) {
                Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
                None => diagnostic.hint(format!("if Portkey has it, add it: `known_scopes: [{scope}]`")),
            });
        }
    }
}

/// Which types may hold the scope, if this one may not: what is said under the caret, and a type
/// that could be meant.
pub(in crate::desired) fn not_for(scope: &str, kind: KeyKind) -> Option<(&'static str, Option<KeyKind>)> {
    let Standing::Documented(kinds) = scopes::standing(scope) else { return None };
    if kinds.contains(&kind) {
        return None;
    }
    let may = |kind| kinds.contains(&kind);
    Some(
        match (may(KeyKind::OrganisationService), may(KeyKind::WorkspaceService), may(KeyKind::WorkspaceUser))
        {
            (false, _, _) => ("only workspace keys can", Some(KeyKind::WorkspaceService)),
            (true, false, _) => ("only organisation keys can", None),
            (true, true, _) => ("only service keys can", None),
        },
    )
}
