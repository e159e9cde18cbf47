//! What happens to the secret of a merged key.

use jiff::SignedDuration;

use super::Key;
use crate::desired::SecretSpec;
use crate::desired::check::{Kind, Map};
use crate::desired::codes;
use crate::desired::complaints::Complaints;
use crate::desired::world::World;
use crate::diagnostic::{Diagnostic, Span, nearest};
use crate::model::Mask;

/// The shortest transition (portkey-api.md 4), in milliseconds.
const SHORTEST_TRANSITION: u64 = 30 * 60 * 1000;

/// The key's wishes for its secret, and its sinks, each with the place that names it.
pub(super) fn lower(fields: &Map, world: &World, out: &mut Complaints) -> (SecretSpec, Vec<(String, Span)>) {
    let deliver_to = deliver_to(fields, world, out);
    let kind = |field: &str| fields.get(field).map(|entry| &entry.value.kind);
    let instant = |field: &str| match kind(field) {
        Some(Kind::Instant(instant)) => Some(*instant),
        _ => None,
    };
    let duration = |field: &str| match kind(field) {
        Some(Kind::Duration(ms)) => Some(*ms),
        _ => None,
    };
    let transition = duration("transition");
    if let (Some(ms), Some(entry)) = (transition, fields.get("transition"))
        && ms < SHORTEST_TRANSITION
    {
        out.push(
            Diagnostic::error(
                codes::INVALID_VALUE,
                entry.value.span,
                "`transition` must be at least 30 minutes",
            )
            .hint("Portkey lets the previous secret live that long; write `30m` or more"),
        );
    }
    if let (Some(ms), Some(entry)) = (duration("max_age"), fields.get("max_age"))
        && ms <= transition.unwrap_or(SHORTEST_TRANSITION)
    {
        out.push(
            Diagnostic::error(
                codes::INVALID_VALUE,
                entry.value.span,
                "`max_age` must be longer than the transition",
            )
            .hint("a secret cannot be replaced while the one before it still lives"),
        );
    }
    let delivered = fields.get("delivered").and_then(|entry| {
        let mask = Mask::of_file(entry.value.text()?);
        if mask.is_none() {
            out.push(
                Diagnostic::error(
                    codes::INVALID_VALUE,
                    entry.value.span,
                    "`delivered` must be a mask, as in `ab*****xyz`",
                )
                .hint(
                    "copy it from Portkey's console or from the plan; a file in git must not hold a secret",
                ),
            );
        }
        mask
    });
    let spec = SecretSpec {
        deliver_to: deliver_to.iter().map(|(sink, _)| sink.clone()).collect(),
        transition: transition.and_then(milliseconds),
        rotate_after: instant("rotate_after"),
        max_age: duration("max_age").and_then(milliseconds),
        until: instant("until"),
        delivered,
        first_rotate: fields.get("first").is_some_and(|entry| entry.value.text() == Some("rotate")),
        verify: matches!(kind("verify"), Some(Kind::Bool(true))),
    };
    (spec, deliver_to)
}

fn milliseconds(ms: u64) -> Option<SignedDuration> {
    i64::try_from(ms).ok().map(SignedDuration::from_millis)
}

fn deliver_to(fields: &Map, world: &World, out: &mut Complaints) -> Vec<(String, Span)> {
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
