//! Errors, refusals and notes: a word, a message, what it came of, what to do.

use crate::render::layout::{Role, paragraph};
use crate::render::words::Explained;
use crate::render::{Style, escape};

/// See [`super::failure`].
pub(super) fn failure(
    message: &str,
    causes: &[String],
    facts: &[String],
    hints: &[String],
    style: &Style,
) -> String {
    let lead = format!("{} ", style.paint(Role::Error, "error:"));
    let mut out = paragraph(&lead, &escape(message), style);
    for cause in causes {
        out.push_str(&paragraph("  caused by: ", &escape(cause), style));
    }
    if !facts.is_empty() {
        out.push('\n');
    }
    for fact in facts {
        out.push_str(&paragraph("  ", &escape(fact), style));
    }
    if !hints.is_empty() {
        out.push('\n');
    }
    out.push_str(&hint_lines(hints, style));
    out
}

pub(super) fn hint_lines(hints: &[String], style: &Style) -> String {
    let lead = format!("{} ", style.paint(Role::Hint, "hint:"));
    hints.iter().map(|hint| paragraph(&lead, &escape(hint), style)).collect()
}

/// A refusal or a note.
pub(super) fn explained(label: &str, role: Role, explained: &Explained, style: &Style) -> String {
    let Explained { code: _, message, details, hints } = explained;
    let lead = format!("{} ", style.paint(role, label));
    let mut out = paragraph(&lead, &escape(message), style);
    for detail in details {
        out.push_str(&paragraph("  ", &escape(detail), style));
    }
    out.push_str(&hint_lines(hints, style));
    out
}
