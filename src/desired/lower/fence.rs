//! The fence around an included file: which types, workspaces and scopes its keys may have.

use super::{Key, scopes};
use crate::desired::check::Map;
use crate::desired::codes;
use crate::desired::complaints::Complaints;
use crate::desired::world::{Fence, World};
use crate::diagnostic::Diagnostic;
use crate::model::KeyKind;

/// Where a key belongs, as far as that is known.
#[derive(Clone, Copy)]
pub(super) struct Belongs<'k> {
    pub(super) kind: Option<KeyKind>,
    /// As the API takes it and as people call it.
    pub(super) workspace: Option<&'k (String, String)>,
}

/// Complains about whatever of the key is outside. Inherited values count as well: a fence is about
/// what a key is, not about who wrote it.
pub(super) fn check(
    key: &Key<'_>,
    fence: &Fence,
    merged: &Map,
    belongs: Belongs<'_>,
    world: &World,
    out: &mut Complaints,
) {
    let Belongs { kind, workspace } = belongs;
    let outside = |span, message: String, fence| {
        Diagnostic::error(codes::OUTSIDE_FENCE, span, message)
            .also(fence, "this file may hold only these")
            .hint("change the key, or widen the fence in the root file")
    };
    if let (Some((kinds, span)), Some(kind)) = (&fence.kinds, kind)
        && !kinds.contains(&kind)
    {
        let place = merged.get("type").map_or(key.span, |entry| entry.value.span);
        out.push(outside(place, format!("this file may not hold {} keys", kind.as_str()), *span));
    }
    if let Some((workspaces, span)) = &fence.workspaces {
        if let Some((target, shown)) = workspace
            && !workspaces.contains(target)
        {
            let place = merged.get("workspace_id").map_or(key.span, |entry| entry.value.span);
            out.push(outside(
                place,
                format!("this file may not hold keys of the workspace `{shown}`"),
                *span,
            ));
        } else if kind == Some(KeyKind::OrganisationService) {
            out.push(outside(key.span, "this file may not hold keys of the organisation".to_owned(), *span));
        }
    }
    // The id does not tell where the key belongs that would be deleted.
    if let (Some(span), Some(entry)) = (fence.place(), merged.get("replaces")) {
        out.push(
            Diagnostic::error(
                codes::OUTSIDE_FENCE,
                entry.name,
                "a file behind a fence may not replace keys: an id does not tell where its key belongs",
            )
            .also(span, "this file may hold only these")
            .hint("move the entry into the root file"),
        );
    }
    if let (Some((allowed, span)), Some(entry)) = (&fence.scopes, merged.get("scopes")) {
        for listed in scopes::expand(&entry.value, world, false, out) {
            if !allowed.contains(listed.scope) {
                out.push(outside(
                    listed.written,
                    format!("keys of this file may not hold `{}`", listed.scope),
                    *span,
                ));
            }
        }
    }
}
