//! What a change of the files does, as far as the files alone can say.

use std::path::Path;

use super::errors::explained;
use super::plan::{address, counts_of, entries, risks_of};
use super::{Extent, Mode, PlanContext, ReviewContext};
use crate::plan::{Beside, Change, Reason, Review};
use crate::render::layout::{Role, pad, paragraph};
use crate::render::words::{self, choose, count};
use crate::render::{Style, escape};

/// Where the text of the summary starts.
const SUMMARY: usize = 15;

/// See [`super::review`].
pub(super) fn draw(review: &Review, context: &ReviewContext<'_>, style: &Style) -> String {
    let Review { changes, dropped, beside, refusal } = review;
    let plan_context = PlanContext {
        scope_sets: context.scope_sets,
        files: context.files,
        verbosity: context.verbosity,
        next_command: None,
        mode: Mode::Review,
        folder: Path::new("."),
        extent: Extent::Entries,
    };
    let (files, base) = (escape(context.files), escape(context.base));
    let mut out = String::new();
    if changes.is_empty() && !beside.is_empty() {
        out.push_str(&paragraph("", &format!("No key is to be other than {base} asks for."), style));
    } else if changes.is_empty() {
        out.push_str(&paragraph("", &format!("{files} asks for what {base} asks for."), style));
    } else {
        out.push_str(&paragraph("", &format!("What {files} changes since {base}:"), style));
        out.push_str(&entries(changes, &plan_context, style));
        out.push('\n');
    }
    let mut rows = Vec::new();
    if !changes.is_empty() {
        rows.push((count(changes.len(), "change"), counts_of(changes)));
    }
    rows.extend(risks_of(&review.risks()));
    if !dropped.is_empty() {
        let names: Vec<String> = dropped.iter().map(address).collect();
        let are = choose(dropped.len(), "is", "are");
        // A key that is replaced goes by its id, and no file need know whose that is.
        let replaces = |change: &Change| {
            matches!(change.reason, Some(Reason::Replaces { .. } | Reason::Replaced { .. }))
        };
        let by = if changes.iter().any(replaces) { "--prune or a `replaces`" } else { "--prune" };
        rows.push((
            count(dropped.len(), "key"),
            format!("{are} in no file any more, and deleted by {by} only: {}", names.join(", ")),
        ));
    }
    for Beside { address: whose, place: _, fields } in beside {
        let whose = whose.as_ref().map_or_else(|| "the root file".to_owned(), address);
        let names: Vec<String> = fields.iter().map(|field| format!("`{field}`")).collect();
        let (differ, tell) =
            (choose(fields.len(), "differs", "differ"), "what that does depends on the live keys");
        rows.push(("also".to_owned(), format!("{} of {whose} {differ}; {tell}", names.join(", "))));
    }
    for (label, text) in rows {
        out.push_str(&paragraph(&pad(&style.paint(Role::Heading, &label), SUMMARY), &text, style));
    }
    if let Some(refusal) = refusal {
        out.push('\n');
        out.push_str(&explained("refused:", Role::Error, &words::refusal(refusal), style));
    }
    out
}
