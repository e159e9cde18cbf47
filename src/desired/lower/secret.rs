//! What happens to the secret of a merged key.

use super::Key;
use crate::desired::check::Map;
use crate::desired::codes;
use crate::desired::complaints::Complaints;
use crate::desired::world::World;
use crate::diagnostic::{Diagnostic, Span, nearest};

/// Fields that are read and checked, but that nothing acts on, and what to do instead.
const LATER: [(&str, &str); 6] = [
    ("rotate_after", "remove it; rotate the key in Portkey's console and store its new secret"),
    ("max_age", "remove it; `expires_at` bounds how long a key works"),
    ("delivered", "remove it"),
    ("first", "remove it"),
    ("until", "remove it"),
    ("verify", "remove it"),
];

/// The sinks for the key's secret, each with the place that names it.
pub(super) fn deliver_to(fields: &Map, world: &World, out: &mut Complaints) -> Vec<(String, Span)> {
    for (field, hint) in LATER {
        if let Some(entry) = fields.get(field).filter(|entry| !entry.value.is_null()) {
            out.push(
                Diagnostic::error(
                    codes::NOT_SUPPORTED_YET,
                    entry.name,
                    format!("`secret.{field}` is not supported yet"),
                )
                .hint(hint),
            );
        }
    }
    if let Some(entry) = fields.get("transition").filter(|entry| !entry.value.is_null()) {
        out.push(
            Diagnostic::warning(codes::NO_EFFECT, entry.name, "`secret.transition` has no effect yet")
                .hint("no secret is rotated by this version; remove it or leave it for later"),
        );
    }
    let mut sinks = Vec::new();
    for (name, span) in fields.get("deliver_to").into_iter().flat_map(|entry| entry.value.texts()) {
        if world.sinks.contains_key(name) {
            sinks.push((name.to_owned(), span));
            continue;
        }
        let diagnostic = Diagnostic::error(codes::UNKNOWN_SINK, span, format!("there is no sink `{name}`"));
        out.push(match nearest(name, world.sinks.keys().map(|name| &**name)) {
            Some(near) => diagnostic.hint(format!("did you mean `{near}`?")),
            None => diagnostic.hint(format!(
                "declare it at the top of the root file: `sinks: {{{name}: {{file: \"secrets/{{workspace}}/{{name}}\"}}}}`"
            )),
        });
    }
    sinks
}

/// Portkey's own rotation and a delivery contradict each other: the new secret is shown to nobody.
pub(super) fn check_rotation(
    key: &Key<'_>,
    policy: &crate::desired::check::Entry,
    deliver_to: Option<&crate::desired::check::Entry>,
    is_service: bool,
    out: &mut Complaints,
) {
    if let Some(sinks) = deliver_to {
        out.push(
            key.blame(
                codes::ROTATION_UNDELIVERED,
                policy,
                "`rotation_policy` rotates without delivering, so what `deliver_to` stored would go stale",
            )
            .also(sinks.value.span, key.origin("`deliver_to`", sinks))
            .hint(
                "remove `rotation_policy` (`rotation_policy: null` drops an inherited one), or `deliver_to`",
            ),
        );
    } else if is_service {
        out.push(
            Diagnostic::warning(
                codes::ROTATION_UNDELIVERED,
                policy.name,
                "Portkey's own rotation shows the new secret to nobody, and a service key has no owner who would look",
            )
            .hint("leave the rotation to whoever can deliver the secret"),
        );
    }
}
