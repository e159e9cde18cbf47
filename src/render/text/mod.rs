//! Text for people.

mod diagnostics;
mod entry;
mod errors;
mod fields;
mod limits;
mod moved;
mod plan;
mod report;
mod texts;

#[cfg(test)]
mod tests;

pub(super) use report::Fates;

use std::collections::{BTreeMap, BTreeSet};

use super::words::Detail;
use super::{Style, Verbosity};
use crate::diagnostic::{Diagnostic, Sources};
use crate::diff::FieldChange;
use crate::plan::{Action, Moved, Plan};
use crate::report::{Event, Report};

/// What a plan does not know about itself.
#[derive(Clone, Debug)]
pub struct PlanContext<'a> {
    /// The scope sets of the files, for showing scopes as they were written.
    pub scope_sets: &'a BTreeMap<String, BTreeSet<String>>,
    /// The files as the user knows them: `keys.yaml`.
    pub files: &'a str,
    /// How much to show.
    pub verbosity: Verbosity,
    /// The command line that applies exactly this plan.
    pub next_command: Option<String>,
    /// What comes after it.
    pub mode: Mode,
}

/// What happens after the plan was shown.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Mode {
    /// Nothing: the last line says so, and what to type next.
    #[default]
    Preview,
    /// It is applied.
    AboutToApply,
}

/// The plan: what changes, what needs a person, what to type next.
pub fn plan(plan: &Plan, context: &PlanContext<'_>, style: &Style) -> String {
    plan::draw(plan, context, style)
}

/// The question before an apply, ending where the answer is typed.
pub fn question(plan: &Plan) -> String {
    plan::question(plan)
}

/// What was done: the errors of failed keys, what else needs a person, counts.
pub fn report(report: &Report, plan: &Plan, exit_code: Option<u8>, style: &Style) -> String {
    report::draw(report, plan, exit_code, style)
}

/// One line for one finished change, for logs; `None` for events that need no line. `done` counts this one.
pub fn event_line(
    event: &Event<'_>,
    plan: &Plan,
    done: usize,
    total: usize,
    style: &Style,
) -> Option<String> {
    report::event_line(event, plan, done, total, style)
}

/// Complaints about files, each with its place and remedy, and a line that counts them.
pub fn diagnostics(diagnostics: &[Diagnostic], sources: &Sources, style: &Style) -> String {
    diagnostics::draw(diagnostics, sources, style)
}

/// An error: what failed, what it came of, what is so now, what to do.
pub fn failure(
    message: &str,
    causes: &[String],
    facts: &[String],
    hints: &[String],
    style: &Style,
) -> String {
    errors::failure(message, causes, facts, hints, style)
}

/// A refusal: what is refused, what moved, what is so now, what to do.
pub fn refused(
    message: &str,
    causes: &[String],
    details: &[Detail],
    hints: &[String],
    style: &Style,
) -> String {
    moved::refused(message, causes, details, hints, style)
}

/// That a saved plan still holds, with what of it is done already.
pub fn still_holds(made_at: jiff::Timestamp, moved: &Moved, plan: &Plan, style: &Style) -> String {
    moved::still_holds(made_at, moved, plan, style)
}

/// One field of a change on one line, without colour: `scopes + logs.view`.
pub(super) fn field_in_words(field: &FieldChange, action: Action, style: &Style) -> String {
    fields::in_words(field, action, style)
}
